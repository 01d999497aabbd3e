//! `llamar check`: judges a configuration without serving anything.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;

use tracing::info;

use super::{Failure, misconfigured};
use crate::config::{
    self, Config, Defaults, Flags, Interface, LIMIT_DEFAULT, MDNS_ON_CONFLICT_DEFAULT,
    OnAddressConflict, OnConflict, Presence, Provider, Service, ServiceName,
};
use crate::dns::{Name, Rdata};
use crate::dnssd::txt::KEY_GOOD_MAX;
use crate::dnssd::{self, Instance};
use crate::report::print;

/// Arguments of `llamar check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file [default: /etc/llamar.toml, else /etc/llmnr.conf, where there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints what a configuration comes to, or everything that is wrong with it.
pub fn check(args: &Args) -> Result<(), Failure> {
    let flags = Flags {
        config: args.config.clone(),
        ..Flags::default()
    };
    let config =
        config::judge(&flags, &Defaults::system()).map_err(|reason| misconfigured(&reason))?;
    for note in &config.notes {
        info!("{note}");
    }
    if config.interfaces.is_empty() {
        info!("names no interface: give --iface to llamar run");
    }
    for hint in hints(&config) {
        info!("{hint}");
    }
    print(|out| show(&config, out))?;
    Ok(())
}

/// What could be better, and is not worth a word while it is served.
fn hints(config: &Config) -> BTreeSet<String> {
    let services = config.interfaces.values().flat_map(|on| &on.services);
    let records = services.flat_map(|service| service.txt.iter().map(move |txt| (service, txt)));
    let mut hints = BTreeSet::new();
    for (service, txt) in records {
        for (key, _) in txt.attributes() {
            // RFC 6763 6.4: keys should be no longer than nine characters.
            if key.len() > KEY_GOOD_MAX {
                let (name, key) = (service.name.to_string(), String::from_utf8_lossy(key));
                hints.insert(format!(
                    "service {name:?}: the key {key:?} in txt has more than {KEY_GOOD_MAX} characters, which is good for most \
                     clients and not for all"
                ));
            }
        }
    }
    hints
}

fn show(config: &Config, out: &mut impl Write) -> io::Result<()> {
    match &config.file {
        Some(file) => writeln!(out, "{}: valid", file.display())?,
        None => writeln!(out, "no configuration file: defaults")?,
    }
    for (name, interface) in &config.interfaces {
        writeln!(
            out,
            "{name}: names {}, ttl {}, xdp {}, {}{} names held for others here, {} addresses proxied",
            joined(&interface.names),
            interface.ttl,
            interface.xdp,
            unusual(interface),
            here(&interface.hosts, config),
            interface.proxy_arp.len()
        )?;
        for (id, vlan) in &interface.vlans {
            writeln!(
                out,
                "{name} VLAN {id}: names {}, {} addresses, {} names held for others here, {} addresses proxied",
                joined(&vlan.names),
                vlan.addresses.len(),
                here(&vlan.hosts, config),
                vlan.proxy_arp.len()
            )?;
        }
        for service in &interface.services {
            writeln!(out, "{name}: service {}", described(service, interface))?;
        }
    }
    let in_file = |name: &&Name| config.hosts.contains_key(name);
    let both = config.everywhere.keys().filter(in_file).count();
    let held = config.everywhere.len() + config.hosts.len() - both;
    let room = config.max_names;
    writeln!(
        out,
        "{held} names held for others on every link, room for {room} in the kernel path"
    )
}

/// What an interface has that is not the default, each with a comma behind it.
fn unusual(interface: &Interface) -> String {
    let mut unusual = String::new();
    if interface.limit != LIMIT_DEFAULT {
        unusual += &format!("limit {}, ", interface.limit);
    }
    if interface.on_conflict != OnConflict::default() {
        unusual += &format!("on-conflict {}, ", interface.on_conflict);
    }
    if !interface.mdns {
        unusual += "mdns off, ";
    } else if interface.mdns_on_conflict != MDNS_ON_CONFLICT_DEFAULT {
        unusual += &format!("mdns-on-conflict {}, ", interface.mdns_on_conflict);
    }
    unusual += &of_addresses(&interface.presence);
    unusual
}

/// The same of its addresses.
fn of_addresses(presence: &Presence) -> String {
    let mut unusual = String::new();
    if !presence.announce {
        unusual += "announce off, ";
    } else if let Some(every) = presence.every {
        unusual += &format!("announce every {} s, ", every.as_secs());
    }
    if presence.on_conflict != OnAddressConflict::default() {
        unusual += &format!("on-address-conflict {}, ", presence.on_conflict);
    }
    unusual
}

/// A service as others will see it: its instance, where it is, and what it says of itself.
fn described(service: &Service, interface: &Interface) -> String {
    let first = interface.names.first();
    let called = first.map(ServiceName::host).unwrap_or_default();
    let instance = Instance::new(&service.name.on(&called), &service.kind, &dnssd::local());
    let instance = match instance {
        Ok(instance) => instance.to_string(),
        Err(_) => service.name.to_string(),
    };
    let host = match &service.provider {
        Provider::First => first.cloned(),
        Provider::Named(name) | Provider::Other(name, _) => Some(name.clone()),
    };
    let host = host.and_then(|host| dnssd::in_local(&host).ok());
    let host = host.map_or_else(String::new, |host| host.to_string());
    let mut text = format!("{instance} at {host} port {}", service.port);
    if let Provider::Other(_, addresses) = &service.provider {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        text += &format!(", addresses {}", addresses.join(", "));
    }
    if service.priority != 0 || service.weight != 0 {
        text += &format!(", priority {}, weight {}", service.priority, service.weight);
    }
    if !service.subtypes.is_empty() {
        let subtypes = service
            .subtypes
            .iter()
            .map(|subtype| format!("{subtype:?}"));
        text += &format!(", subtypes {}", subtypes.collect::<Vec<_>>().join(", "));
    }
    for txt in &service.txt {
        if txt.attributes().next().is_some() {
            text += &format!(", txt {}", Rdata::Txt(txt.clone()));
        }
    }
    text
}

/// How many names have addresses on a link that they do not have on every link.
fn here(hosts: &BTreeMap<Name, Vec<IpAddr>>, config: &Config) -> usize {
    let more = |(name, addresses): &(&Name, &Vec<IpAddr>)| {
        let everywhere = config.everywhere.get(*name);
        everywhere.is_none_or(|everywhere| addresses.len() > everywhere.len())
    };
    hosts.iter().filter(more).count()
}

fn joined(names: &[Name]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a configuration, without its first line.
    fn shown(toml: &str, hosts: &str) -> Vec<String> {
        let mut out = Vec::new();
        show(&judged(toml, hosts), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    fn judged(toml: &str, hosts: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("llamar.toml");
        std::fs::write(directory.path().join("hosts"), hosts).unwrap();
        std::fs::write(&path, toml).unwrap();
        let flags = Flags {
            config: Some(path),
            ..Flags::default()
        };
        config::judge(&flags, &Defaults::system()).unwrap()
    }

    #[test]
    fn on_conflict_is_shown_where_it_is_not_the_default() {
        let toml = "names = \"casa\"\non-conflict = \"keep\"\n[interface.a]\n[interface.b]\non-conflict = \"withdraw\"\n\
                    [interface.c]\non-conflict = \"rename\"\n";
        assert_eq!(
            shown(toml, ""),
            [
                "a: names casa, ttl 30, xdp auto, on-conflict keep, 0 names held for others here, 0 addresses proxied",
                "b: names casa, ttl 30, xdp auto, 0 names held for others here, 0 addresses proxied",
                "c: names casa, ttl 30, xdp auto, on-conflict rename, 0 names held for others here, 0 addresses proxied",
                "0 names held for others on every link, room for 65536 in the kernel path",
            ]
        );
    }

    #[test]
    fn announcements_are_shown_where_they_are_not_the_default() {
        let toml = "names = \"casa\"\nannounce-every = 60\non-address-conflict = \"report\"\n[interface.a]\n[interface.b]\n\
                    announce = false\non-address-conflict = \"withdraw\"\n[interface.c]\nannounce-every = \"off\"\n\
                    on-address-conflict = \"defend\"\n";
        let lines = shown(toml, "");
        for (line, words) in lines.iter().zip([
            ", xdp auto, announce every 60 s, on-address-conflict report, 0 names",
            ", xdp auto, announce off, on-address-conflict withdraw, 0 names",
            ", xdp auto, 0 names",
        ]) {
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn the_limit_is_shown_where_it_is_not_the_default() {
        let toml = "names = \"casa\"\nlimit = \"50/s\"\n[interface.a]\n[interface.b]\nlimit = \"off\"\n\
                    [interface.c]\nlimit = \"10000/s\"\n";
        let lines = shown(toml, "");
        assert!(
            lines[0].contains(", limit 50/s, burst 50, 0 names"),
            "{lines:?}"
        );
        assert!(lines[1].contains(", limit off, 0 names"), "{lines:?}");
        assert!(!lines[2].contains("limit"), "{lines:?}");
    }

    #[test]
    fn mdns_is_shown_where_it_is_not_the_default() {
        let toml = "names = \"casa\"\n[interface.a]\nmdns = false\n[interface.b]\nmdns-on-conflict = \"keep\"\n\
                    [interface.c]\nmdns = false\nmdns-on-conflict = \"keep\"\n[interface.d]\nmdns-on-conflict = \"rename\"\n\
                    [[service]]\ntype = \"_http._tcp\"\nport = 80\ninterfaces = \"a\"\n";
        let lines = shown(toml, "");
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert!(
            lines[0].contains(", xdp auto, mdns off, 0 names"),
            "{lines:?}"
        );
        assert!(
            lines[1].contains(", xdp auto, mdns-on-conflict keep, 0 names"),
            "{lines:?}"
        );
        assert!(
            lines[2].contains(", xdp auto, mdns off, 0 names"),
            "{lines:?}"
        );
        assert!(lines[3].contains(", xdp auto, 0 names"), "{lines:?}");
    }

    // RFC 6763 6.4: B4
    #[test]
    fn long_keys_are_taken_and_hinted_at_once() {
        let toml = "names = \"casa\"\n[interface.a]\n[interface.b]\n[[service]]\ntype = \"_http._tcp\"\nport = 80\n\
                    txt = { ninechars = \"x\", tencharsxx = true }\n";
        let config = judged(toml, "");
        assert_eq!(config.notes, [""; 0]);
        let hints: Vec<_> = hints(&config).into_iter().collect();
        assert_eq!(hints.len(), 1);
        assert!(
            hints[0].starts_with("service \"%h\": the key \"tencharsxx\" in txt has more than 9")
        );
    }

    #[test]
    fn services_are_shown_as_others_will_see_them() {
        let toml = "names = [\"casa\", \"media\"]\n[hosts]\nnas = \"10.0.0.9\"\n[interface.a]\n[interface.b]\nnames = \"patio\"\n\
                    [[service]]\nname = \"Dr. Web on %h\"\ntype = \"_http._tcp\"\nport = 80\n\
                    subtypes = [\"_printer\", \"Über\"]\ntxt = { path = \"/\", color = true }\n\
                    [[service]]\ntype = \"_smb._tcp\"\nport = 445\nhost = \"nas\"\ninterfaces = \"a\"\n\
                    [[service]]\nname = \"Door\"\ntype = \"_door._udp\"\nport = 9\nhost = \"door\"\naddresses = [\"10.0.0.7\", \"fe80::7\"]\n\
                    priority = 1\ninterfaces = \"b\"\n";
        let lines = shown(toml, "");
        let services: Vec<_> = lines
            .iter()
            .filter(|line| line.contains(": service "))
            .collect();
        let web = |host: &str| {
            format!(
                r#"Dr\. Web on {host}._http._tcp.local at {host}.local port 80, subtypes "_printer", "Über", txt "path=/" "color""#
            )
        };
        assert_eq!(
            services,
            [
                &format!("a: service {}", web("casa")),
                "a: service casa._smb._tcp.local at nas.local port 445",
                &format!("b: service {}", web("patio")),
                "b: service Door._door._udp.local at door.local port 9, addresses 10.0.0.7, fe80::7, priority 1, weight 0",
            ]
        );
    }

    #[test]
    fn names_held_on_every_link_are_counted_once_and_not_on_each() {
        let toml = "names = \"casa\"\nhosts-file = \"hosts\"\n[hosts]\nnas = \"10.0.0.1\"\ntv = \"10.0.0.2\"\n\
                    [interface.a.hosts]\ndoor = \"fe80::1\"\nNAS = \"fe80::2\"\n[interface.a.vlan.7]\naddresses = []\n\
                    [interface.a.vlan.8.hosts]\ndoor = \"fe80::1\"\n";
        let vlan = "0 addresses";
        assert_eq!(
            shown(toml, "10.0.0.9 printer TV\n"),
            [
                "a: names casa, ttl 30, xdp auto, 2 names held for others here, 0 addresses proxied".to_owned(),
                format!("a VLAN 7: names casa, {vlan}, 0 names held for others here, 0 addresses proxied"),
                format!("a VLAN 8: names casa, {vlan}, 1 names held for others here, 0 addresses proxied"),
                "3 names held for others on every link, room for 65536 in the kernel path".to_owned(),
            ]
        );
    }
}
