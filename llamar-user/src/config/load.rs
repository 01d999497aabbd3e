//! Files, flags and defaults become one [`Config`]: the command line wins over the file, an interface's own table
//! over the file's defaults, and those over ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llamar_common::abi::NAMES_MAX_DEFAULT;

use super::file::{File, VlanTable};
use super::{
    Config, ConfigError, Defaults, Flags, Interface, Place, TTL_DEFAULT, Vlan, hosts, ini, toml,
    value,
};
use crate::dns::Name;

/// The configuration for running: that of [`judge`], but without an interface it is an error.
pub fn load(flags: &Flags, defaults: &Defaults) -> Result<Config, ConfigError> {
    let config = judge(flags, defaults)?;
    if config.interfaces.is_empty() {
        let place = config.file.map_or(Place::Nowhere, Place::File);
        let message = "no interface is named, expected [interface.NAME] here or --iface NAME";
        let mut error = ConfigError::default();
        error.push(place, message.to_owned());
        return Err(error);
    }
    Ok(config)
}

/// The configuration that files and flags make, for one who wants to know whether it is right.
pub fn judge(flags: &Flags, defaults: &Defaults) -> Result<Config, ConfigError> {
    let mut error = ConfigError::default();
    let (path, mut file) = read(flags.config.as_deref(), defaults, &mut error);
    let entries = host_entries(&mut file, &mut error);
    overlay(flags, &mut file, &mut error);
    name_by_host(&defaults.hostname, &mut file, &mut error);
    error.check()?;
    Ok(complete(path, file, entries))
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
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(cause) => {
            let at = cause.valid_up_to();
            let message = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the text is UTF-16, expected UTF-8".into(),
                _ => format!("the byte 0x{:02x} is not UTF-8, expected UTF-8", bytes[at]),
            };
            error.push(Place::in_text(path, bytes, at), message);
            return File::default();
        }
    };
    if is_ini(path, text, defaults) {
        ini::parse(path, text, error)
    } else {
        toml::parse(path, text, error)
    }
}

/// Whether a file is LLamar's INI: that is told by its first section, which in TOML can only be one of two, and by
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
            !(section.starts_with("hosts") || section.starts_with("interface"))
        }
        None => extension == Some("conf"),
    }
}

/// The names held on every link, those of the hosts file behind those of the configuration.
fn host_entries(file: &mut File, error: &mut ConfigError) -> Vec<(Name, IpAddr)> {
    let mut entries = std::mem::take(&mut file.hosts);
    let Some((place, path)) = file.hosts_file.take() else {
        return entries;
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let note = hosts::parse(&path, &bytes, &mut entries, error);
            file.notes.extend(note);
        }
        Err(cause) => {
            let message = format!("cannot read the hosts file {}: {cause}", path.display());
            error.push(place, message);
        }
    }
    entries
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
        file.interfaces
            .values_mut()
            .for_each(|table| table.ttl = None);
    }
    if let Some(mode) = flags.xdp {
        file.xdp = Some(mode);
        file.interfaces
            .values_mut()
            .for_each(|table| table.xdp = None);
    }
    overlay_names(flags, &named, file, error);
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
            Ok(name) => names.push(name),
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

/// Everything that the file leaves open filled in.
fn complete(path: Option<PathBuf>, file: File, entries: Vec<(Name, IpAddr)>) -> Config {
    let ttl = file.ttl.unwrap_or(TTL_DEFAULT);
    let xdp = file.xdp.unwrap_or_default();
    let shared = Arc::new(hosts::table(entries, ttl));
    let mut by_ttl = BTreeMap::from([(ttl, shared.clone())]);
    let mut interfaces = BTreeMap::new();
    for (name, table) in file.interfaces {
        let ttl = table.ttl.unwrap_or(ttl);
        let shared = by_ttl
            .entry(ttl)
            .or_insert_with(|| Arc::new(hosts::with_ttl(&shared, ttl)));
        let names = or_default(table.names, &file.names);
        let interface = Interface {
            vlans: vlans(table.vlans, &names),
            names,
            ttl,
            xdp: table.xdp.unwrap_or(xdp),
            hosts: table.hosts,
            shared: shared.clone(),
            proxy_arp: table.proxy_arp,
        };
        interfaces.insert(name, interface);
    }
    Config {
        file: path,
        interfaces,
        hosts: shared,
        max_names: file.max_names.unwrap_or(NAMES_MAX_DEFAULT),
        notes: file.notes,
    }
}

fn vlans(tables: BTreeMap<u16, VlanTable>, names: &[Name]) -> BTreeMap<u16, Vlan> {
    let vlan = |table: VlanTable| Vlan {
        names: or_default(table.names, names),
        addresses: table.addresses,
        hosts: table.hosts,
        proxy_arp: table.proxy_arp,
    };
    tables
        .into_iter()
        .map(|(id, table)| (id, vlan(table)))
        .collect()
}

fn or_default(names: Vec<Name>, default: &[Name]) -> Vec<Name> {
    if names.is_empty() {
        default.to_vec()
    } else {
        names
    }
}
