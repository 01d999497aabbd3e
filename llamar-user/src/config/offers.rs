//! Which services are offered on which interface: those of the file and of the files of its directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{File, ServiceTable};
use super::{Config, ConfigError, Interface, Place, Provider, Service, ServiceName, toml, value};
use crate::dns::Name;
use crate::dnssd::{self, Instance};

/// Adds the services that the files of `services-dir` have, in the order of the files' names.
pub(super) fn read_directory(file: &mut File, error: &mut ConfigError) {
    let Some((place, directory)) = file.services_dir.take() else {
        return;
    };
    let paths = match files_of(&directory) {
        Ok(paths) => paths,
        Err(cause) => {
            let directory = directory.display();
            error.push(
                place,
                format!("cannot read the directory {directory}: {cause}"),
            );
            return;
        }
    };
    for path in paths {
        match std::fs::read(&path) {
            Ok(bytes) => {
                let Some(text) = value::utf8(&path, &bytes, error) else {
                    continue;
                };
                let (services, notes) = toml::parse_services(&path, text, error);
                file.services.extend(services);
                file.notes.extend(notes);
            }
            Err(cause) => {
                let message = format!("cannot read the services: {cause}");
                error.push(Place::File(path), message);
            }
        }
    }
}

/// The files of a directory whose names end in `.toml`, but for hidden ones, in the order of their names.
fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Gives each interface with mDNS the services that are offered there, and judges them with its names.
pub(super) fn spread(tables: &[ServiceTable], config: &mut Config, error: &mut ConfigError) {
    let mut judge = Judge {
        told: BTreeMap::new(),
    };
    for (index, table) in tables.iter().enumerate() {
        note_missing(table, config);
        judge.host(index, table, config);
    }
    let spoken = config.interfaces.iter_mut().filter(|(_, on)| on.mdns);
    for (name, interface) in spoken {
        // Each with the table that it comes from.
        let mut instances: BTreeMap<Name, usize> = BTreeMap::new();
        for (index, table) in tables.iter().enumerate() {
            let Some(provider) = provider_on(table, name, interface) else {
                continue;
            };
            judge.instance(index, tables, name, interface, &mut instances);
            interface.services.push(service(table, provider));
        }
    }
    for (_, (place, message)) in judge.told {
        error.push(place, message);
    }
}

/// An interface that a service names may come by a flag, or be another host's: it is noted.
fn note_missing(table: &ServiceTable, config: &mut Config) {
    let missing = |(_, name): &&(Place, String)| !config.interfaces.contains_key(name);
    let notes: Vec<String> = table
        .interfaces
        .iter()
        .filter(missing)
        .map(|(place, name)| {
            let service = table.name.to_string();
            format!("{place}: {name:?} is not served, so {service:?} is not offered there")
        })
        .collect();
    config.notes.extend(notes);
}

/// Who has a service on an interface; `None` if it is not offered there.
fn provider_on(table: &ServiceTable, name: &str, interface: &Interface) -> Option<Provider> {
    let named = |(_, wanted): &(Place, String)| wanted == name;
    if !table.interfaces.is_empty() && !table.interfaces.iter().any(named) {
        return None;
    }
    match &table.host {
        None => Some(Provider::First),
        Some((_, host)) if !table.addresses.is_empty() => {
            Some(Provider::Other(host.clone(), table.addresses.clone()))
        }
        Some((_, host)) => knows(interface, host).then(|| Provider::Named(host.clone())),
    }
}

/// Whether a name is one of an interface or of its VLANs, with `.local` or without.
fn knows(interface: &Interface, host: &Name) -> bool {
    let Ok(host) = dnssd::in_local(host) else {
        return false;
    };
    let own = interface.names.iter().chain(interface.hosts.keys());
    let vlans = interface.vlans.values();
    let tagged = vlans.flat_map(|vlan| vlan.names.iter().chain(vlan.hosts.keys()));
    own.chain(tagged)
        .any(|name| dnssd::in_local(name).is_ok_and(|name| name == host))
}

fn service(table: &ServiceTable, provider: Provider) -> Service {
    Service {
        name: table.name.clone(),
        kind: table.kind.clone(),
        subtypes: table.subtypes.clone(),
        provider,
        port: table.port,
        priority: table.priority,
        weight: table.weight,
        txt: table.txt.clone(),
    }
}

/// What is wrong with services once their interfaces are known; one thing of each.
struct Judge {
    told: BTreeMap<usize, (Place, String)>,
}

impl Judge {
    /// A host without addresses must be known on one of the service's interfaces.
    fn host(&mut self, index: usize, table: &ServiceTable, config: &Config) {
        let Some((place, host)) = &table.host else {
            return;
        };
        let mut interfaces = config.interfaces.iter();
        let offered = interfaces.any(|(name, on)| provider_on(table, name, on).is_some());
        let named = |name: &String| table.interfaces.iter().any(|(_, known)| known == name);
        let mut served = config.interfaces.keys();
        let somewhere = table.interfaces.is_empty() && !config.interfaces.is_empty();
        if !offered && (somewhere || served.any(named)) {
            let host = host.to_string();
            let message = format!(
                "{host:?} is no name of an interface where the service is offered, expected one that is or \
                 \"addresses\" beside it"
            );
            self.tell(index, place, message);
        }
    }

    /// Its name must be one, and its own among those of its type.
    fn instance(
        &mut self,
        index: usize,
        tables: &[ServiceTable],
        name: &str,
        interface: &Interface,
        instances: &mut BTreeMap<Name, usize>,
    ) {
        let table = &tables[index];
        let Some(first) = interface.names.first() else {
            return;
        };
        let text = table.name.on(&ServiceName::host(first));
        let kind = &table.kind;
        let instance = match Instance::new(&text, kind, &dnssd::local()) {
            Ok(instance) => instance,
            Err(error) => {
                self.tell(index, &table.place, format!("on {name} {error}"));
                return;
            }
        };
        // RFC 6763 8: the same name under another type is another instance.
        let before = *instances.entry(instance.name().clone()).or_insert(index);
        if before != index {
            let first = &tables[before].place;
            let message = format!(
                "{text:?} is there twice as {kind} on {name}, expected every name once for a type (the other: {first})"
            );
            self.tell(index, &table.place, message);
        }
    }

    fn tell(&mut self, index: usize, place: &Place, message: String) {
        self.told
            .entry(index)
            .or_insert_with(|| (place.clone(), message));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Defaults, Flags, Loader, OnConflict, judge};
    use super::*;

    const WEB: &str = "[[service]]\ntype = \"_http._tcp\"\nport = 80\n";

    /// Reads these files of a directory; the first is the configuration. The names of problems are without the
    /// directory's.
    fn read(files: &[(&str, &str)], flags: Flags) -> (Result<Config, String>, String) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let flags = Flags {
            config: Some(directory.path().join(files[0].0)),
            ..flags
        };
        let defaults = Defaults {
            toml: directory.path().join("none.toml"),
            ini: directory.path().join("none.conf"),
            hostname: "odroid".to_owned(),
        };
        let prefix = format!("{}/", directory.path().display());
        let config = judge(&flags, &defaults);
        let notes = config
            .as_ref()
            .map_or(String::new(), |config| config.notes.join("\n"));
        let config = config.map_err(|error| error.to_string().replace(&prefix, ""));
        if let Ok(config) = &config {
            assert_eq!(
                Loader::default().load(&flags, &defaults).is_ok(),
                !config.interfaces.is_empty()
            );
        }
        (config, notes.replace(&prefix, ""))
    }

    fn good(text: &str) -> Config {
        let (config, notes) = read(&[("a.toml", text)], Flags::default());
        assert_eq!(notes, "");
        config.unwrap()
    }

    fn wrong(text: &str) -> String {
        let (config, _) = read(&[("a.toml", text)], Flags::default());
        config.unwrap_err()
    }

    /// The services of an interface: their names as they stand and who has them.
    fn offered(config: &Config, interface: &str) -> Vec<(String, Provider)> {
        let services = config.interfaces[interface].services.iter();
        services
            .map(|service| (service.name.to_string(), service.provider.clone()))
            .collect()
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_service_is_offered_on_all_interfaces_or_on_those_that_it_names() {
        let config = good(&format!(
            "names = \"casa\"\n[interface.a]\n[interface.b]\n{WEB}{WEB}name = \"Only\"\ninterfaces = \"b\"\n"
        ));
        let first = ("%h".to_owned(), Provider::First);
        let only = ("Only".to_owned(), Provider::First);
        assert_eq!(offered(&config, "b"), [first.clone(), only]);
        assert_eq!(offered(&config, "a"), [first]);
        assert!(config.interfaces.values().all(|interface| interface.mdns));
    }

    #[test]
    fn a_service_is_this_hosts_or_that_of_a_host_that_is_known_or_given() {
        let config = good(&format!(
            "names = [\"casa\", \"media\"]\n[hosts]\nnas = \"10.0.0.9\"\n[interface.a]\n[interface.b.hosts]\ntv = \"fe80::9\"\n\
             {WEB}name = \"1\"\nhost = \"Media.local\"\n{WEB}name = \"2\"\nhost = \"NAS\"\n\
             {WEB}name = \"3\"\nhost = \"tv\"\n{WEB}name = \"4\"\nhost = \"door\"\naddresses = \"10.0.0.7\"\n"
        ));
        let provider = |interface, index: usize| offered(&config, interface)[index].1.clone();
        assert_eq!(provider("a", 0), Provider::Named(name("media.local")));
        assert_eq!(provider("a", 1), Provider::Named(name("nas")));
        let door = Provider::Other(name("door"), vec!["10.0.0.7".parse().unwrap()]);
        assert_eq!(provider("a", 2), door);
        assert_eq!(offered(&config, "a").len(), 3);
        assert_eq!(provider("b", 2), Provider::Named(name("tv")));
        assert_eq!(provider("b", 3), door);

        let vlan = format!("[interface.a.vlan.7.hosts]\nnas = \"10.7.0.9\"\n{WEB}host = \"nas\"\n");
        assert_eq!(offered(&good(&vlan), "a").len(), 1);
        let unknown = format!("[interface.a]\n{WEB}host = \"nas\"\n");
        assert_eq!(
            wrong(&unknown),
            "a.toml:5:8: \"nas\" is no name of an interface where the service is offered, expected one that is or \
             \"addresses\" beside it"
        );
        let elsewhere = format!(
            "[interface.a.hosts]\nnas = \"10.0.0.9\"\n[interface.b]\n{WEB}host = \"nas\"\ninterfaces = \"b\"\n"
        );
        assert!(wrong(&elsewhere).starts_with("a.toml:7:8: \"nas\" is no name of an interface"));
    }

    // RFC 6763 4.1.1, 8: B1, B18
    #[test]
    fn a_name_is_there_once_for_a_type_on_an_interface() {
        let twice = format!(
            "[interface.a]\nnames = \"casa\"\n{WEB}name = \"Web on %h\"\n{WEB}name = \"WEB ON CASA\"\n"
        );
        assert_eq!(
            wrong(&twice),
            "a.toml:7:1: \"WEB ON CASA\" is there twice as _http._tcp on a, expected every name once for a type \
             (the other: a.toml:3:1)"
        );
        // Told once, on whatever many interfaces.
        assert!(!wrong(&format!("{twice}[interface.b]\nnames = \"casa\"\n")).contains('\n'));
        let elsewhere = format!(
            "[interface.a]\n[interface.b]\n{WEB}interfaces = \"a\"\n{WEB}interfaces = \"b\"\n"
        );
        assert_eq!(offered(&good(&elsewhere), "a").len(), 1);
        let types = format!(
            "[interface.a]\n{WEB}[[service]]\ntype = \"_ipp._tcp\"\nport = 631\n[[service]]\ntype = \"_http._udp\"\nport = 80\n"
        );
        assert_eq!(offered(&good(&types), "a").len(), 3);
        let long = "x".repeat(60);
        let told = wrong(&format!(
            "[interface.a]\nnames = \"casa\"\n{WEB}name = \"%h{long}\"\n"
        ));
        assert_eq!(
            told,
            format!("a.toml:3:1: on a \"casa{long}\" has 64 bytes, expected at most 63")
        );
    }

    #[test]
    fn without_mdns_nothing_is_offered() {
        let text = format!("[interface.a]\n[interface.b]\nmdns = false\n{WEB}");
        let config = good(&text);
        assert_eq!(
            (offered(&config, "a").len(), offered(&config, "b").len()),
            (1, 0)
        );
    }

    #[test]
    fn interfaces_that_are_not_served_are_noted() {
        let text = format!("[interface.a]\n{WEB}name = \"Web\"\ninterfaces = [\"a\", \"eth9\"]\n");
        let (config, notes) = read(&[("a.toml", &text)], Flags::default());
        assert_eq!(offered(&config.unwrap(), "a").len(), 1);
        assert_eq!(
            notes,
            "a.toml:6:20: \"eth9\" is not served, so \"Web\" is not offered there"
        );
        let flags = Flags {
            ifaces: vec!["eth9".to_owned()],
            ..Flags::default()
        };
        let (config, notes) = read(&[("a.toml", &text)], flags);
        assert_eq!(
            (offered(&config.unwrap(), "eth9").len(), notes.as_str()),
            (1, "")
        );
        // Without any interface there is nothing to judge hosts by: --iface brings them.
        let (config, _) = read(
            &[("a.toml", &format!("{WEB}host = \"nas\"\n"))],
            Flags::default(),
        );
        assert!(config.unwrap().interfaces.is_empty());
    }

    #[test]
    fn files_of_the_directory_add_services_in_the_order_of_their_names() {
        let text = format!("services-dir = \"more\"\n[interface.a]\n{WEB}name = \"0\"\n");
        let service = |name: &str| format!("{WEB}name = \"{name}\"\n");
        let (two, one, noted) = (service("2"), service("1"), service("3") + "weight = 7\n");
        let (config, notes) = read(
            &[
                ("a.toml", &text),
                ("more/b.toml", &two),
                ("more/a.toml", &one),
                ("more/c.toml", &noted),
                ("more/.hidden.toml", "x"),
                ("more/readme", "x"),
                ("more/d.toml~", "x"),
                ("more/empty.toml", ""),
            ],
            Flags::default(),
        );
        let offered = offered(&config.unwrap(), "a");
        let names: Vec<_> = offered.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0", "1", "2", "3"]);
        assert!(notes.starts_with("more/c.toml:5:10: weight 7"), "{notes}");
    }

    #[test]
    fn problems_of_files_of_the_directory_are_told_with_their_places() {
        let text = format!("ttl = -1\nservices-dir = \"more\"\n[interface.a]\n{WEB}");
        let (config, _) = read(
            &[
                ("a.toml", &text),
                (
                    "more/a.toml",
                    "ttl = 5\n[[service]]\ntype = \"http\"\nport = 1\n",
                ),
                ("more/b.toml", "[[service\n"),
                ("more/c.toml/x", ""),
            ],
            Flags::default(),
        );
        let told = config.unwrap_err();
        let told: Vec<_> = told.lines().collect();
        assert!(told[0].starts_with("a.toml:1:7: "), "{told:#?}");
        assert!(
            told[1].starts_with("more/a.toml:1:1: unknown key \"ttl\""),
            "{told:#?}"
        );
        assert!(
            told[2].starts_with("more/a.toml:3:8: \"http\" is no type"),
            "{told:#?}"
        );
        assert!(told[3].starts_with("more/b.toml:1:10: "), "{told:#?}");
        assert!(
            told[4].starts_with("more/c.toml: cannot read the services: "),
            "{told:#?}"
        );

        let twice = format!("services-dir = \"more\"\n[interface.a]\nnames = \"casa\"\n{WEB}");
        let (config, _) = read(
            &[("a.toml", &twice), ("more/a.toml", WEB)],
            Flags::default(),
        );
        let told = config.unwrap_err();
        assert!(
            told.starts_with("more/a.toml:1:1: \"casa\" is there twice"),
            "{told}"
        );
        assert!(told.ends_with("(the other: a.toml:4:1)"), "{told}");

        let (config, _) = read(&[("a.toml", "services-dir = \"none\"\n")], Flags::default());
        assert_eq!(
            config.unwrap_err(),
            "a.toml:1:16: cannot read the directory none: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn mdns_is_spoken_unless_it_is_switched_off() {
        let text = "mdns-on-conflict = \"keep\"\n[interface.a]\n[interface.b]\nmdns = false\nmdns-on-conflict = \"withdraw\"\n";
        let modes = |config: &Config| {
            let modes = config.interfaces.values();
            modes
                .map(|interface| (interface.mdns, interface.mdns_on_conflict))
                .collect::<Vec<_>>()
        };
        let expected = [(true, OnConflict::Keep), (false, OnConflict::Withdraw)];
        assert_eq!(modes(&good(text)), expected);
        assert_eq!(
            modes(&good("[interface.a]\n")),
            [(true, OnConflict::Rename)]
        );
        let off = good("mdns = false\n[interface.a]\n[interface.b]\nmdns = true\n");
        assert_eq!(
            off.interfaces
                .values()
                .map(|on| on.mdns)
                .collect::<Vec<_>>(),
            [false, true]
        );
        let flags = Flags {
            no_mdns: true,
            ..Flags::default()
        };
        let (config, _) = read(
            &[("a.toml", "[interface.a]\n[interface.b]\nmdns = true\n")],
            flags,
        );
        assert!(config.unwrap().interfaces.values().all(|on| !on.mdns));
        // LLamar's own file has no keys for it.
        let (config, _) = read(&[("llmnr.conf", "[a]\nname = casa\n")], Flags::default());
        let config = config.unwrap();
        assert!(config.interfaces["a"].mdns && config.interfaces["a"].services.is_empty());
    }

    #[test]
    fn names_without_room_for_the_domain_are_wrong_where_mdns_is_spoken() {
        let label = "a".repeat(62);
        let long = format!("{label}.{label}.{label}.{}", "b".repeat(59));
        let text = format!("names = \"{long}\"\n[interface.a]\n");
        assert!(wrong(&text).starts_with("a.toml:1:9: "), "{}", wrong(&text));
        assert!(wrong(&text).ends_with("(or mdns = false)"));
        assert_eq!(good(&format!("mdns = false\n{text}")).interfaces.len(), 1);
        assert_eq!(good(&format!("{text}mdns = false\n")).interfaces.len(), 1);
        assert!(
            wrong(&format!("mdns = false\n{text}[interface.b]\nmdns = true\n"))
                .contains("256 bytes")
        );
        let flags = |no_mdns| Flags {
            names: vec![long.clone()],
            ifaces: vec!["a".to_owned()],
            no_mdns,
            ..Flags::default()
        };
        let (config, _) = read(&[("a.toml", "")], flags(false));
        assert!(config.unwrap_err().starts_with("--name: "));
        let (config, _) = read(&[("a.toml", "")], flags(true));
        assert!(config.is_ok());
    }

    #[test]
    fn a_file_that_begins_with_a_service_is_toml_whatever_its_name() {
        let text = format!("{WEB}[interface.a]\n");
        let (config, _) = read(&[("a.conf", &text)], Flags::default());
        assert_eq!(offered(&config.unwrap(), "a").len(), 1);
    }
}
