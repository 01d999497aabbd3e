//! Files, flags and defaults become one [`Config`]: the command line wins over the file, an interface's own table
//! over the file's defaults, and those over ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llamar_common::abi::NAMES_MAX_DEFAULT;

use super::file::{File, InterfaceTable, VlanTable};
use super::hosts::{Kept, News};
use super::{
    Config, ConfigError, Defaults, Flags, Interface, LIMIT_DEFAULT, MDNS_ON_CONFLICT_DEFAULT,
    Place, TTL_DEFAULT, Vlan, ini, offers, presence, toml, value,
};
use crate::dns::Name;
use crate::dnssd;

/// Reads configurations, one after the other. What it keeps of the hosts file makes the next time cheap.
#[derive(Debug, Default)]
pub struct Loader {
    hosts: Option<Kept>,
}

/// The configuration that files and flags make, for one who wants to know whether it is right.
pub fn judge(flags: &Flags, defaults: &Defaults) -> Result<Config, ConfigError> {
    Loader::default().judge(flags, defaults)
}

impl Loader {
    /// The configuration for running: that of [`judge`], but without an interface it is an error.
    pub fn load(&mut self, flags: &Flags, defaults: &Defaults) -> Result<Config, ConfigError> {
        let config = self.judge(flags, defaults)?;
        if config.interfaces.is_empty() {
            let place = config.file.map_or(Place::Nowhere, Place::File);
            let message = "no interface is named, expected [interface.NAME] here or --iface NAME";
            let mut error = ConfigError::default();
            error.push(place, message.to_owned());
            return Err(error);
        }
        Ok(config)
    }

    fn judge(&mut self, flags: &Flags, defaults: &Defaults) -> Result<Config, ConfigError> {
        let mut error = ConfigError::default();
        let (path, mut file) = read(flags.config.as_deref(), defaults, &mut error);
        let news = self.host_news(&mut file, &mut error);
        offers::read_directory(&mut file, &mut error);
        overlay(flags, &mut file, &mut error);
        name_by_host(&defaults.hostname, &mut file, &mut error);
        judge_for_mdns(&mut file, &mut error);
        let tables = std::mem::take(&mut file.services);
        let ttl = file.ttl.unwrap_or(TTL_DEFAULT);
        let mut config = complete(path, file);
        offers::spread(&tables, &mut config, &mut error);
        config.notes.extend(presence::notes(&config));
        error.check()?;
        self.share(news, ttl, &mut config);
        Ok(config)
    }

    /// What is new in the hosts file, and where that is; nothing if there is no such file or something is wrong with it.
    fn host_news(&self, file: &mut File, error: &mut ConfigError) -> Option<(PathBuf, News)> {
        let (place, path) = file.hosts_file.take()?;
        match News::read(&path, self.hosts.as_ref(), error) {
            Ok(news) => {
                let news = news?;
                file.notes.extend(news.note(&path, self.hosts.as_ref()));
                Some((path, news))
            }
            Err(cause) => {
                let message = format!("cannot read the hosts file {}: {cause}", path.display());
                error.push(place, message);
                None
            }
        }
    }

    /// Gives every interface the names of the hosts file with its TTL: one table for all that have the same. Where no
    /// interface is meant, `ttl` counts.
    fn share(&mut self, news: Option<(PathBuf, News)>, ttl: u32, config: &mut Config) {
        let Some((path, news)) = news else {
            self.hosts = None;
            return;
        };
        let known = self.hosts.take().unwrap_or_default();
        let mut hosts = known.with(news, &path, ttl);
        let mut ttls = BTreeSet::from([ttl]);
        config.hosts = hosts.table(ttl);
        for interface in config.interfaces.values_mut() {
            ttls.insert(interface.ttl);
            interface.shared = hosts.table(interface.ttl);
        }
        hosts.retain(&ttls);
        self.hosts = Some(hosts);
    }
}

/// The file that is asked for, or else the first of the default ones that exists.
fn read(
    asked: Option<&Path>,
    defaults: &Defaults,
    error: &mut ConfigError,
) -> (Option<PathBuf>, File) {
    let candidates = match asked {
        Some(path) => vec![path],
        None => vec![defaults.toml.as_path(), defaults.ini.as_path()],
    };
    for path in candidates {
        match std::fs::read(path) {
            Ok(bytes) => {
                let mut file = parse(path, &bytes, defaults, error);
                if asked.is_none() && path == defaults.toml && defaults.ini.exists() {
                    let (toml, ini) = (path.display(), defaults.ini.display());
                    file.notes
                        .push(format!("{ini} is not read: {toml} wins over it"));
                }
                return (Some(path.to_owned()), file);
            }
            Err(cause) if asked.is_none() && cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => {
                let message = format!("cannot read the configuration: {cause}");
                error.push(Place::File(path.to_owned()), message);
                return (Some(path.to_owned()), File::default());
            }
        }
    }
    (None, File::default())
}

fn parse(path: &Path, bytes: &[u8], defaults: &Defaults, error: &mut ConfigError) -> File {
    let Some(text) = value::utf8(path, bytes, error) else {
        return File::default();
    };
    if is_ini(path, text, defaults) {
        ini::parse(path, text, error)
    } else {
        toml::parse(path, text, error)
    }
}

/// Whether a file is LLamar's INI: that is told by its first section, which in TOML can only be one of three, and by
/// the file's name where there is none.
fn is_ini(path: &Path, text: &str, defaults: &Defaults) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension == Some("toml") || path == defaults.toml {
        return false;
    }
    if path == defaults.ini {
        return true;
    }
    match ini::first_section(text) {
        Some(section) => {
            let section = section.to_ascii_lowercase();
            let own = ["hosts", "interface", "service"];
            !own.iter().any(|word| section.starts_with(word))
        }
        None => extension == Some("conf"),
    }
}

/// Names that are too long for mDNS are wrong where that is spoken.
fn judge_for_mdns(file: &mut File, error: &mut ConfigError) {
    let everywhere = file.mdns.unwrap_or(true);
    let mut interfaces = file.interfaces.values();
    if interfaces.any(|table| table.mdns.unwrap_or(everywhere)) {
        for (place, message) in std::mem::take(&mut file.too_long) {
            error.push(place, message);
        }
    }
}

/// Puts what the command line says in the place of what the file says.
fn overlay(flags: &Flags, file: &mut File, error: &mut ConfigError) {
    let mut named = BTreeSet::new();
    for text in &flags.ifaces {
        match value::interface_name(text) {
            Ok(name) => {
                file.interfaces.entry(name.clone()).or_default();
                named.insert(name);
            }
            Err(message) => error.push(Place::Flag("--iface"), message),
        }
    }
    let in_range = |flag, number: Option<u32>, least: u32, most: u32, error: &mut ConfigError| {
        let number = number?;
        let fits = (least..=most).contains(&number);
        if !fits {
            let message = format!("{number} is given, expected a number from {least} to {most}");
            error.push(Place::Flag(flag), message);
        }
        fits.then_some(number)
    };
    let max_names = in_range("--max-names", flags.max_names, 1, value::NAMES_MAX, error);
    file.max_names = max_names.or(file.max_names);
    if let Some(ttl) = in_range("--ttl", flags.ttl, 0, value::TTL_MAX, error) {
        file.ttl = Some(ttl);
        on_all(file, |table| table.ttl = None);
    }
    if let Some(mode) = flags.xdp {
        file.xdp = Some(mode);
        on_all(file, |table| table.xdp = None);
    }
    if flags.no_announce {
        file.presence.announce = Some(false);
        on_all(file, |table| table.presence.announce = None);
    }
    if flags.no_mdns {
        file.mdns = Some(false);
        on_all(file, |table| table.mdns = None);
    }
    overlay_names(flags, &named, file, error);
}

fn on_all(file: &mut File, forget: impl FnMut(&mut InterfaceTable)) {
    file.interfaces.values_mut().for_each(forget);
}

/// `--name` names this host on the interfaces of `--iface`; without such it is the default for the others.
fn overlay_names(
    flags: &Flags,
    named: &BTreeSet<String>,
    file: &mut File,
    error: &mut ConfigError,
) {
    let mut names = Vec::new();
    for text in &flags.names {
        match value::own_name(text) {
            Ok(name) if names.contains(&name) => {
                error.push(Place::Flag("--name"), value::twice(text));
            }
            Ok(name) => {
                if let Err(error) = dnssd::in_local(&name) {
                    let message = value::too_long_for_mdns(&error);
                    file.too_long.push((Place::Flag("--name"), message));
                }
                names.push(name);
            }
            Err(message) => error.push(Place::Flag("--name"), message),
        }
    }
    if names.is_empty() {
        return;
    }
    if flags.ifaces.is_empty() {
        let unnamed = file.interfaces.values().any(|table| table.names.is_empty());
        if !unnamed && !file.interfaces.is_empty() {
            let note = "--name is not used: every interface of the configuration has its own names";
            file.notes.push(note.to_owned());
        }
        file.names = names;
        return;
    }
    for interface in named {
        let table = file.interfaces.entry(interface.clone()).or_default();
        table.names.clone_from(&names);
    }
}

/// Where no name is given, the host's name up to its first dot is it, in lower case as LLamar had it.
fn name_by_host(hostname: &str, file: &mut File, error: &mut ConfigError) {
    let unnamed = file.interfaces.values().any(|table| table.names.is_empty());
    if !unnamed || !file.names.is_empty() {
        return;
    }
    let label = hostname
        .split('.')
        .next()
        .unwrap_or(hostname)
        .to_lowercase();
    match value::own_name(&label) {
        Ok(name) => file.names = vec![name],
        Err(message) => error.push(
            Place::Nowhere,
            format!(
                "no name is given, and the host's will not do ({message}): give --name or names"
            ),
        ),
    }
}

/// Everything that the file leaves open filled in, but for the names of the hosts file.
fn complete(path: Option<PathBuf>, file: File) -> Config {
    let ttl = file.ttl.unwrap_or(TTL_DEFAULT);
    let limit = file.limit.unwrap_or(LIMIT_DEFAULT);
    let on_conflict = file.on_conflict.unwrap_or_default();
    let mdns_on_conflict = file.mdns_on_conflict.unwrap_or(MDNS_ON_CONFLICT_DEFAULT);
    let shared = Arc::default();
    let mut interfaces = BTreeMap::new();
    for (name, table) in file.interfaces {
        let names = or_default(table.names, &file.names);
        let interface = Interface {
            vlans: vlans(table.vlans, &names, &file.hosts),
            names,
            ttl: table.ttl.unwrap_or(ttl),
            xdp: table.xdp.or(file.xdp).unwrap_or_default(),
            limit: table.limit.unwrap_or(limit),
            on_conflict: table.on_conflict.unwrap_or(on_conflict),
            mdns: table.mdns.or(file.mdns).unwrap_or(true),
            mdns_on_conflict: table.mdns_on_conflict.unwrap_or(mdns_on_conflict),
            presence: presence::complete(table.presence, file.presence),
            services: Vec::new(),
            hosts: with_everywhere(table.hosts, &file.hosts),
            shared: Arc::clone(&shared),
            hidden: BTreeSet::new(),
            proxy_arp: table.proxy_arp,
        };
        interfaces.insert(name, interface);
    }
    Config {
        file: path,
        interfaces,
        everywhere: file.hosts,
        hosts: shared,
        max_names: file.max_names.unwrap_or(NAMES_MAX_DEFAULT),
        notes: file.notes,
    }
}

fn vlans(
    tables: BTreeMap<u16, VlanTable>,
    names: &[Name],
    everywhere: &BTreeMap<Name, Vec<IpAddr>>,
) -> BTreeMap<u16, Vlan> {
    let vlan = |table: VlanTable| Vlan {
        inherits: table.names.is_empty(),
        names: or_default(table.names, names),
        addresses: table.addresses,
        hosts: with_everywhere(table.hosts, everywhere),
        proxy_arp: table.proxy_arp,
    };
    tables
        .into_iter()
        .map(|(id, table)| (id, vlan(table)))
        .collect()
}

/// The names held for others on a link: its own, and those held on every link. What both say of one adds up.
fn with_everywhere(
    mut hosts: BTreeMap<Name, Vec<IpAddr>>,
    everywhere: &BTreeMap<Name, Vec<IpAddr>>,
) -> BTreeMap<Name, Vec<IpAddr>> {
    for (name, addresses) in everywhere {
        let known = hosts.entry(name.clone()).or_default();
        let new = |address: &&IpAddr| !known.contains(address);
        let new: Vec<IpAddr> = addresses.iter().filter(new).copied().collect();
        known.extend(new);
    }
    hosts
}

fn or_default(names: Vec<Name>, default: &[Name]) -> Vec<Name> {
    if names.is_empty() {
        default.to_vec()
    } else {
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OnConflict, XdpMode};
    use super::*;
    use std::fs;

    use proptest::prelude::*;

    /// A directory that stands for /etc.
    struct Etc {
        directory: tempfile::TempDir,
        defaults: Defaults,
    }

    impl Etc {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let defaults = Defaults {
                toml: directory.path().join("llamar.toml"),
                ini: directory.path().join("llmnr.conf"),
                hostname: "Odroid.example.org".to_owned(),
            };
            Self {
                directory,
                defaults,
            }
        }

        fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
            fs::write(self.path(name), content).unwrap();
            self
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn load(&self, flags: &Flags) -> Result<Config, ConfigError> {
            Loader::default().load(flags, &self.defaults)
        }

        /// What is wrong, without the directory's name.
        fn wrong(&self, flags: &Flags) -> String {
            let directory = format!("{}/", self.directory.path().display());
            self.load(flags)
                .unwrap_err()
                .to_string()
                .replace(&directory, "")
        }
    }

    fn ifaces(names: &[&str]) -> Flags {
        Flags {
            ifaces: names.iter().map(ToString::to_string).collect(),
            ..Flags::default()
        }
    }

    fn names(config: &Config, interface: &str) -> Vec<String> {
        let names = config.interfaces[interface].names.iter();
        names.map(ToString::to_string).collect()
    }

    #[test]
    fn without_a_file_flags_and_defaults_are_enough() {
        let config = Etc::new().load(&ifaces(&["eth0", "eth0"])).unwrap();
        assert_eq!(config.file, None);
        assert_eq!(config.interfaces.len(), 1);
        assert_eq!(names(&config, "eth0"), ["odroid"]);
        let eth0 = &config.interfaces["eth0"];
        assert_eq!((eth0.ttl, eth0.xdp), (30, XdpMode::Auto));
        assert_eq!(eth0.on_conflict, OnConflict::Withdraw);
        assert_eq!(eth0.limit, LIMIT_DEFAULT);
        assert_eq!(config.max_names, NAMES_MAX_DEFAULT);
        assert!(config.notes.is_empty());
    }

    #[test]
    fn without_an_interface_there_is_nothing_to_serve() {
        let none = Flags::default();
        let message = "no interface is named, expected [interface.NAME] here or --iface NAME";
        assert_eq!(Etc::new().wrong(&none), message);
        let etc = Etc::new().with("llamar.toml", "ttl = 5");
        assert_eq!(etc.wrong(&none), format!("llamar.toml: {message}"));
        assert!(judge(&none, &etc.defaults).unwrap().interfaces.is_empty());
        assert!(etc.load(&ifaces(&["eth0"])).is_ok());
    }

    #[test]
    fn an_interfaces_table_wins_over_the_files_defaults() {
        let etc = Etc::new().with("hosts", "10.0.0.9 nas\n").with(
            "llamar.toml",
            "ttl = 60\nxdp = \"off\"\nlimit = \"50/s\"\non-conflict = \"keep\"\nnames = [\"casa\"]\nhosts-file = \"hosts\"\n\
             [interface.a]\n[interface.b]\nttl = 5\nxdp = \"native\"\nlimit = \"off\"\non-conflict = \"rename\"\n\
             names = [\"patio\"]\n[interface.b.vlan.7]\n[interface.b.vlan.8]\nnames = [\"sala\"]\n",
        );
        let config = etc.load(&Flags::default()).unwrap();
        let [a, b] = ["a", "b"].map(|name| &config.interfaces[name]);
        assert_eq!((a.ttl, a.xdp), (60, XdpMode::Off));
        assert_eq!((b.ttl, b.xdp), (5, XdpMode::Native));
        assert_eq!((a.limit.per_second, a.limit.burst), (50, 50));
        assert_eq!(b.limit.per_second, 0);
        let ways = [a, b].map(|interface| interface.on_conflict);
        assert_eq!(ways, [OnConflict::Keep, OnConflict::Rename]);
        assert_eq!(names(&config, "a"), ["casa"]);
        assert_eq!(names(&config, "b"), ["patio"]);
        assert_eq!(b.vlans[&7].names, b.names);
        assert_eq!([&7, &8].map(|id| b.vlans[id].inherits), [true, false]);
        assert_eq!(b.vlans[&8].names, [Name::parse("sala").unwrap()]);
        // The names of the hosts file are one table, but for an interface with another TTL.
        assert!(Arc::ptr_eq(&a.shared, &config.hosts));
        assert!(!Arc::ptr_eq(&b.shared, &config.hosts));
        let nas = Name::parse("nas").unwrap();
        let [a, b] = [a, b].map(|interface| interface.shared.get(&nas).unwrap());
        assert_eq!((a.ttl, b.ttl), (60, 5));
        assert_eq!(a.a, b.a);
    }

    #[test]
    fn addresses_are_announced_as_the_interfaces_table_the_file_or_the_command_line_says() {
        let etc = Etc::new().with(
            "llamar.toml",
            "announce-every = 60\non-address-conflict = \"report\"\n[interface.a]\n[interface.b]\nannounce-every = \"off\"\n\
             on-address-conflict = \"withdraw\"\n[interface.c]\nannounce = false\n",
        );
        let presence = |flags: &Flags| {
            let config = etc.load(flags).unwrap();
            let of = |name: &str| {
                let presence = config.interfaces[name].presence;
                let every = presence.every.map_or(0, |every| every.as_secs());
                (presence.announce, every, presence.on_conflict.as_str())
            };
            (["a", "b", "c"].map(of), config.notes.clone())
        };
        let (of, notes) = presence(&Flags::default());
        let expected = [
            (true, 60, "report"),
            (true, 0, "withdraw"),
            (false, 60, "report"),
        ];
        assert_eq!(of, expected);
        let unused = "c: announce-every is not used: nothing is announced there";
        assert_eq!(notes, [unused]);
        let flags = Flags {
            no_announce: true,
            ..Flags::default()
        };
        let (of, notes) = presence(&flags);
        assert!(of.iter().all(|(announce, ..)| !announce));
        assert_eq!(notes.len(), 2);
        let none = Etc::new().load(&ifaces(&["eth0"])).unwrap();
        assert_eq!(
            none.interfaces["eth0"].presence,
            super::super::Presence::default()
        );
    }

    #[test]
    fn lists_of_proxied_addresses_that_are_too_long_to_be_announced_are_noted() {
        let toml = |range: &str| {
            format!(
                "[interface.a]\nproxy-arp = \"{range}\"\n[interface.a.vlan.7]\nproxy-arp = \"{range}\"\n"
            )
        };
        let notes = |text: &str| {
            let etc = Etc::new().with("llamar.toml", text);
            etc.load(&Flags::default()).unwrap().notes
        };
        assert_eq!(notes(&toml("10.0.0.0/22")), [""; 0]);
        let told = notes(&toml("10.0.0.0/21"));
        let places: Vec<_> = told
            .iter()
            .map(|note| note.split_once(": ").unwrap().0)
            .collect();
        assert_eq!(places, ["a", "a VLAN 7"]);
        assert!(told[0].contains("2048 addresses on proxy-arp are answered for but not announced"));
        let silent = format!("announce = false\n{}", toml("10.0.0.0/21"));
        assert_eq!(notes(&silent), [""; 0]);
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let etc = Etc::new().with(
            "llamar.toml",
            "ttl = 60\nmax-names = 9\nxdp = \"off\"\n[interface.a]\nttl = 5\nxdp = \"native\"\nnames = [\"patio\"]\n",
        );
        let mut flags = ifaces(&["b"]);
        flags.ttl = Some(7);
        flags.xdp = Some(XdpMode::Generic);
        flags.max_names = Some(100);
        let config = etc.load(&flags).unwrap();
        assert_eq!(config.interfaces.len(), 2);
        assert_eq!(config.max_names, 100);
        for interface in config.interfaces.values() {
            assert_eq!((interface.ttl, interface.xdp), (7, XdpMode::Generic));
        }
        assert_eq!(names(&config, "a"), ["patio"]);
        assert_eq!(names(&config, "b"), ["odroid"]);
    }

    #[test]
    fn names_of_the_command_line_are_for_its_interfaces_or_else_the_default() {
        let etc = Etc::new().with(
            "llamar.toml",
            "names = [\"casa\"]\n[interface.a]\nnames = [\"patio\"]\n[interface.b]\n[interface.c]\n",
        );
        let mut flags = ifaces(&["a", "d"]);
        flags.names = vec!["uno".into(), "Dos".into()];
        let config = etc.load(&flags).unwrap();
        assert_eq!(names(&config, "a"), ["uno", "Dos"]);
        assert_eq!(names(&config, "d"), ["uno", "Dos"]);
        assert_eq!(names(&config, "b"), ["casa"]);

        flags.ifaces.clear();
        let config = etc.load(&flags).unwrap();
        assert_eq!(names(&config, "a"), ["patio"]);
        assert_eq!(names(&config, "b"), ["uno", "Dos"]);
        assert!(config.notes.is_empty());

        let etc = Etc::new().with("llamar.toml", "[interface.a]\nnames = [\"patio\"]\n");
        let config = etc.load(&flags).unwrap();
        assert!(config.notes[0].starts_with("--name is not used"));
    }

    #[test]
    fn names_of_any_form_come_from_every_source_as_they_were_written() {
        // An alias, several labels, UTF-8, an escaped dot; another list for another interface.
        let forms = ["Casa", "media", "ñandú.patio", "日本", r"a\.b"];
        let toml = r#"names = ["Casa", "media", "ñandú.patio.", "日本", 'a\.b']
            [hosts]
            "ñandú.sala" = "10.0.0.1"
            [interface.eth0]
            [interface.eth1]
            names = "Ático""#;
        let config = Etc::new().with("llamar.toml", toml);
        let config = config.load(&Flags::default()).unwrap();
        assert_eq!(names(&config, "eth0"), forms);
        assert_eq!(names(&config, "eth1"), ["Ático"]);
        let held = config.interfaces["eth1"].hosts.keys();
        let held: Vec<_> = held.map(ToString::to_string).collect();
        assert_eq!(held, ["ñandú.sala"]);

        let mut flags = ifaces(&["eth0"]);
        flags.names = forms.map(str::to_owned).into();
        let config = Etc::new().load(&flags).unwrap();
        assert_eq!(names(&config, "eth0"), forms);

        // LLamar's file has one name for each interface.
        for form in forms {
            let ini = format!("[DEFAULT]\nname = {form}\n[eth0]\n[eth1]\nname = Ático\n");
            let config = Etc::new().with("llmnr.conf", ini);
            let config = config.load(&Flags::default()).unwrap();
            assert_eq!(names(&config, "eth0"), [form]);
            assert_eq!(names(&config, "eth1"), ["Ático"]);
        }

        let hosts = format!("10.0.0.1 {}\n", forms.join(" "));
        let etc = Etc::new().with("hosts", hosts);
        let etc = etc.with("llamar.toml", "hosts-file = \"hosts\"\n[interface.eth0]\n");
        let config = etc.load(&Flags::default()).unwrap();
        let mut held: Vec<_> = config.hosts.keys().map(ToString::to_string).collect();
        held.sort();
        let mut forms = forms;
        forms.sort();
        assert_eq!(held, forms);
    }

    #[test]
    fn flags_that_are_wrong_are_told_all_at_once() {
        let mut flags = ifaces(&["eth0", "", "a/b"]);
        flags.names = ["casa", "CASA", "", "a b"].map(str::to_owned).into();
        flags.ttl = Some(u32::MAX);
        flags.max_names = Some(0);
        let told = Etc::new().wrong(&flags);
        let told: Vec<_> = told.lines().collect();
        assert_eq!(told.len(), 7, "{told:#?}");
        assert!(told[0].starts_with("--iface: the name is empty"));
        assert!(told[1].starts_with("--iface: \"a/b\" has '/' in it"));
        assert_eq!(
            told[2],
            "--max-names: 0 is given, expected a number from 1 to 16777216"
        );
        assert_eq!(
            told[3],
            "--ttl: 4294967295 is given, expected a number from 0 to 2147483647"
        );
        assert!(told[4].starts_with("--name: \"CASA\" is there twice"));
    }

    #[test]
    fn a_host_name_that_will_not_do_is_an_error_only_where_it_is_needed() {
        let mut etc = Etc::new();
        for hostname in ["", "localhost", "localhost.localdomain", "a b"] {
            etc.defaults.hostname = hostname.to_owned();
            let told = etc.wrong(&ifaces(&["eth0"]));
            assert!(
                told.starts_with("no name is given, and the host's will not do"),
                "{told}"
            );
            let mut flags = ifaces(&["eth0"]);
            flags.names.push("casa".to_owned());
            assert!(etc.load(&flags).is_ok());
        }
    }

    #[test]
    fn llamars_own_file_is_read_where_there_is_no_toml() {
        let etc = Etc::new().with("llmnr.conf", "[eth0]\nname = casa\n[eth1]\n");
        let config = etc.load(&Flags::default()).unwrap();
        assert_eq!(config.file, Some(etc.defaults.ini.clone()));
        assert_eq!(names(&config, "eth0"), ["casa"]);
        assert_eq!(names(&config, "eth1"), ["odroid"]);
        assert!(config.notes.is_empty());

        let etc = etc.with("llamar.toml", "[interface.eth2]\n");
        let config = etc.load(&Flags::default()).unwrap();
        assert_eq!(config.interfaces.keys().collect::<Vec<_>>(), ["eth2"]);
        assert!(
            config.notes[0].contains("llmnr.conf is not read: "),
            "{:?}",
            config.notes
        );

        let flags = Flags {
            config: Some(etc.path("llmnr.conf")),
            ..Flags::default()
        };
        let config = etc.load(&flags).unwrap();
        assert_eq!(config.interfaces.len(), 2);
        assert!(config.notes.is_empty());
    }

    #[test]
    fn the_form_of_a_file_is_told_by_its_name_and_its_first_section() {
        let ini = "[eth0]\nname = casa\n";
        let toml = "[interface.eth0]\nnames = [\"casa\"]\n";
        let etc = Etc::new()
            .with("a.conf", ini)
            .with("b.cfg", ini)
            .with("c.conf", toml)
            .with("d", toml)
            .with("e.toml", toml)
            .with("f.toml", ini);
        let load = |name: &str| {
            etc.load(&Flags {
                config: Some(etc.path(name)),
                ..Flags::default()
            })
        };
        for name in ["a.conf", "b.cfg", "c.conf", "d", "e.toml"] {
            assert_eq!(names(&load(name).unwrap(), "eth0"), ["casa"], "{name}");
        }
        assert!(
            load("f.toml")
                .unwrap_err()
                .to_string()
                .contains("f.toml:2:8")
        );
    }

    #[test]
    fn files_that_cannot_be_read_are_told() {
        let etc = Etc::new().with("llamar.toml", "\nhosts-file = \"none\"\n[interface.eth0]\n");
        let told = etc.wrong(&Flags::default());
        assert_eq!(
            told,
            "llamar.toml:2:14: cannot read the hosts file none: No such file or directory (os error 2)"
        );
        let mut flags = ifaces(&["eth0"]);
        flags.config = Some(etc.path("missing.toml"));
        assert_eq!(
            etc.wrong(&flags),
            "missing.toml: cannot read the configuration: No such file or directory (os error 2)"
        );
        flags.config = Some(etc.directory.path().to_owned());
        assert!(
            etc.load(&flags)
                .unwrap_err()
                .to_string()
                .contains("Is a directory")
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_told_with_its_place() {
        let etc = Etc::new().with("llamar.toml", b"ttl = 5\nnames = [\"caf\xe9\"]\n");
        assert_eq!(
            etc.wrong(&Flags::default()),
            "llamar.toml:2:14: the byte 0xe9 is not UTF-8, expected UTF-8"
        );
        let etc = Etc::new().with("llmnr.conf", b"\xff\xfe[\0e\0");
        assert_eq!(
            etc.wrong(&Flags::default()),
            "llmnr.conf:1:1: the text is UTF-16, expected UTF-8"
        );
    }

    #[test]
    fn names_of_the_hosts_table_are_held_on_every_link_beside_its_own() {
        let etc = Etc::new().with(
            "llamar.toml",
            "[hosts]\nnas = [\"10.0.0.1\", \"10.0.0.2\"]\n[interface.a]\n[interface.a.vlan.7.hosts]\ntv = \"10.7.0.1\"\n\
             [interface.b.hosts]\nNAS = [\"fe80::9\", \"10.0.0.2\"]\n",
        );
        let config = etc.load(&Flags::default()).unwrap();
        let hosts = |hosts: &BTreeMap<Name, Vec<IpAddr>>| {
            let entries = hosts.iter();
            let entries = entries.map(|(name, addresses)| format!("{name} {addresses:?}"));
            entries.collect::<Vec<_>>().join(" ")
        };
        let [a, b] = ["a", "b"].map(|name| &config.interfaces[name]);
        assert_eq!(hosts(&a.hosts), "nas [10.0.0.1, 10.0.0.2]");
        let vlan = &a.vlans[&7].hosts;
        assert_eq!(hosts(vlan), "tv [10.7.0.1] nas [10.0.0.1, 10.0.0.2]");
        assert_eq!(hosts(&b.hosts), "NAS [fe80::9, 10.0.0.2, 10.0.0.1]");
        assert_eq!(hosts(&config.everywhere), hosts(&a.hosts));
        assert!(config.hosts.is_empty() && a.shared.is_empty());
    }

    #[test]
    fn a_hosts_file_is_a_table_beside_the_names_of_the_hosts_table() {
        let etc = Etc::new()
            .with(
                "hosts",
                "10.0.0.2 nas\n10.0.0.3 printer\n127.0.0.1 localhost\n",
            )
            .with(
                "llamar.toml",
                "hosts-file = \"hosts\"\n[hosts]\nNAS = \"10.0.0.1\"\n[interface.eth0]\n",
            );
        let config = etc.load(&Flags::default()).unwrap();
        let nas = Name::parse("nas").unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(config.hosts.len(), 2);
        let in_file: Vec<_> = config.hosts.get(&nas).unwrap().iter().collect();
        assert_eq!(in_file, [ip("10.0.0.2")]);
        assert_eq!(config.interfaces["eth0"].hosts[&nas], [ip("10.0.0.1")]);
        assert_eq!(config.notes.len(), 1);
        assert!(config.notes[0].contains("hosts: left out 1 line"));
    }

    #[test]
    fn problems_of_the_file_and_of_its_hosts_file_are_told_together() {
        let etc = Etc::new()
            .with("hosts", "10.0.0.1 nas\nnas 10.0.0.1\n")
            .with(
                "llamar.toml",
                "ttl = -1\nhosts-file = \"hosts\"\n[interface.eth0]\n",
            );
        let told = etc.wrong(&Flags::default());
        assert!(told.starts_with("llamar.toml:1:7: "), "{told}");
        assert!(told.contains("\nhosts:2:1: "), "{told}");
    }

    proptest! {
        #[test]
        fn any_bytes_of_any_file_are_a_configuration_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            text in "(\\[[a-z.]{0,12}\\]|[a-z-]{1,9} *= *[\"a-z0-9.:/{}\\[\\]-]{0,9}|[ #\t\r\n]){0,30}",
        ) {
            let defaults = Etc::new().defaults;
            for path in ["a.toml", "a.conf", "a", ".", ""] {
                for content in [&bytes[..], text.as_bytes()] {
                    let mut error = ConfigError::default();
                    parse(Path::new(path), content, &defaults, &mut error);
                }
            }
        }
    }
}
