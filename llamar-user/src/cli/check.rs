//! `llamar check`: judges a configuration without serving anything.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;

use tracing::info;

use super::{Failure, misconfigured};
use crate::config::{self, Config, Defaults, Flags, LIMIT_DEFAULT, OnConflict};
use crate::dns::Name;
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
    print(|out| show(&config, out))?;
    Ok(())
}

fn show(config: &Config, out: &mut impl Write) -> io::Result<()> {
    match &config.file {
        Some(file) => writeln!(out, "{}: valid", file.display())?,
        None => writeln!(out, "no configuration file: defaults")?,
    }
    for (name, interface) in &config.interfaces {
        let on_conflict = match interface.on_conflict {
            way if way == OnConflict::default() => String::new(),
            way => format!("on-conflict {way}, "),
        };
        let limit = match interface.limit {
            rate if rate == LIMIT_DEFAULT => String::new(),
            rate => format!("limit {rate}, "),
        };
        writeln!(
            out,
            "{name}: names {}, ttl {}, xdp {}, {limit}{on_conflict}{} names held for others here, {} addresses proxied",
            joined(&interface.names),
            interface.ttl,
            interface.xdp,
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("llamar.toml");
        std::fs::write(directory.path().join("hosts"), hosts).unwrap();
        std::fs::write(&path, toml).unwrap();
        let flags = Flags {
            config: Some(path),
            ..Flags::default()
        };
        let config = config::judge(&flags, &Defaults::system()).unwrap();
        let mut out = Vec::new();
        show(&config, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
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
