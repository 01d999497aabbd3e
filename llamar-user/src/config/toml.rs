//! The configuration in TOML. Every problem in it is told, with its line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use llamar_common::abi::ARP_MAX;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::file::{File, ServiceTable};
use super::{ConfigError, OnConflict, Place, XdpMode, syntax, value};
use crate::dns::Name;
use crate::dnssd;

mod interface;
mod limit;
mod presence;
mod read;
mod service;
#[cfg(test)]
mod tests;

/// What the text of a TOML file says.
pub(super) fn parse(path: &Path, text: &str, error: &mut ConfigError) -> File {
    let mut file = File::default();
    let (too_long, notes) = read(path, text, error, |reader, table| {
        file = reader.file(table);
    });
    file.too_long = too_long;
    file.notes = notes;
    file
}

/// What the text of a file of services says, and what should be logged about it.
pub(super) fn parse_services(
    path: &Path,
    text: &str,
    error: &mut ConfigError,
) -> (Vec<ServiceTable>, Vec<String>) {
    let mut services = Vec::new();
    let (_, notes) = read(path, text, error, |reader, table| {
        services = reader.file_of_services(table);
    });
    (services, notes)
}

/// Reads a document and tells its problems in the order of its lines. The result are names that are too long for mDNS,
/// and notes.
fn read(
    path: &Path,
    text: &str,
    error: &mut ConfigError,
    take: impl FnOnce(&mut Reader<'_>, &DeTable),
) -> (Vec<(Place, String)>, Vec<String>) {
    let (document, mistakes) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        path,
        text,
        problems: Vec::new(),
        too_long: Vec::new(),
        notes: Vec::new(),
        proxied: 0,
    };
    if mistakes.is_empty() {
        take(&mut reader, document.get_ref());
    }
    for mistake in mistakes {
        let at = mistake.span().map_or(text.len(), |span| span.start);
        let (at, message) = syntax::told(text, at, mistake.message());
        reader.problem(at, message);
    }
    let place = |at| Place::in_text(path, text.as_bytes(), at);
    let mut problems = reader.problems;
    problems.sort_by_key(|(at, _)| *at);
    for (at, message) in problems {
        error.push(place(at), message);
    }
    let mut notes = reader.notes;
    notes.sort_by_key(|(at, _)| *at);
    let too_long = reader.too_long.into_iter();
    (
        too_long.map(|(at, message)| (place(at), message)).collect(),
        notes
            .into_iter()
            .map(|(at, note)| format!("{}: {note}", place(at)))
            .collect(),
    )
}

const FILE_KEYS: &[&str] = &[
    "ttl",
    "max-names",
    "xdp",
    "limit",
    "on-conflict",
    "mdns",
    "mdns-on-conflict",
    "announce",
    "announce-every",
    "on-address-conflict",
    "names",
    "hosts-file",
    "hosts",
    "services-dir",
    "service",
    "interface",
];
const INTERFACE_KEYS: &[&str] = &[
    "names",
    "ttl",
    "xdp",
    "limit",
    "on-conflict",
    "mdns",
    "mdns-on-conflict",
    "announce",
    "announce-every",
    "on-address-conflict",
    "proxy-arp",
    "hosts",
    "vlan",
];
const VLAN_KEYS: &[&str] = &["names", "addresses", "proxy-arp", "hosts"];

type Key<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

/// Turns the tables of a document into values, and collects what is wrong with them and where.
struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    problems: Vec<(usize, String)>,
    /// Names that are none in mDNS: a problem where that is spoken.
    too_long: Vec<(usize, String)>,
    /// What should be logged.
    notes: Vec<(usize, String)>,
    /// Addresses on all `proxy-arp` lists together; they share one map.
    proxied: usize,
}

impl Reader<'_> {
    fn file(&mut self, table: &DeTable) -> File {
        let mut file = File::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "ttl" => file.ttl = self.ttl(value),
                "max-names" => {
                    file.max_names = self.number("max-names", value, 1, value::NAMES_MAX)
                }
                "xdp" => file.xdp = self.xdp(value),
                "limit" => file.limit = self.limit(value),
                "on-conflict" => file.on_conflict = self.on_conflict("on-conflict", value),
                "mdns" => file.mdns = self.boolean("mdns", value),
                "mdns-on-conflict" => {
                    file.mdns_on_conflict = self.on_conflict("mdns-on-conflict", value)
                }
                key if self.presence(key, value, &mut file.presence) => {}
                "names" => file.names = self.names(value),
                "hosts-file" => {
                    file.hosts_file = self.path("hosts-file", "the path of a file", value)
                }
                "hosts" => file.hosts = self.hosts(value, false),
                "services-dir" => {
                    file.services_dir = self.path("services-dir", "the path of a directory", value)
                }
                "service" => file.services = self.services(value),
                "interface" => file.interfaces = self.interfaces(value),
                _ => self.unknown(key, FILE_KEYS),
            }
        }
        file
    }

    fn ttl(&mut self, value: &Value) -> Option<u32> {
        self.number("ttl", value, 0, value::TTL_MAX)
    }

    fn xdp(&mut self, value: &Value) -> Option<XdpMode> {
        let text = self.string("xdp", "\"auto\", \"native\", \"generic\" or \"off\"", value)?;
        self.judged(value, text.parse())
    }

    fn on_conflict(&mut self, what: &str, value: &Value) -> Option<OnConflict> {
        let expected = "\"withdraw\", \"keep\" or \"rename\"";
        let text = self.string(what, expected, value)?;
        self.judged(value, text.parse())
    }

    fn names(&mut self, value: &Value) -> Vec<Name> {
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for (at, text) in self.strings("names", "a name or a list of names", value) {
            match value::own_name(text) {
                Ok(name) if seen.insert(name.clone()) => {
                    self.in_local(at, &name);
                    names.push(name);
                }
                Ok(_) => self.problem(at, value::twice(text)),
                Err(message) => self.problem(at, message),
            }
        }
        names
    }

    /// Notes a name that is too long once it is in the domain of mDNS.
    fn in_local(&mut self, at: usize, name: &Name) {
        if let Err(error) = dnssd::in_local(name) {
            self.too_long.push((at, value::too_long_for_mdns(&error)));
        }
    }

    fn path(&mut self, what: &str, expected: &str, value: &Value) -> Option<(Place, PathBuf)> {
        let text = self.string(what, expected, value)?;
        let at = value.span().start;
        if text.is_empty() {
            self.problem(at, format!("{what:?} is empty, expected {expected}"));
            return None;
        }
        let directory = self.path.parent().unwrap_or(Path::new(""));
        Some((self.place(at), directory.join(text)))
    }

    fn hosts(&mut self, value: &Value, link_local: bool) -> BTreeMap<Name, Vec<IpAddr>> {
        let mut hosts = BTreeMap::new();
        for (key, value) in self.table("hosts", "a table of names and addresses", value) {
            let text = &**key.get_ref();
            let addresses = self.host(text, value, link_local);
            match value::name(text) {
                Ok(name) => {
                    self.in_local(key.span().start, &name);
                    if hosts.insert(name, addresses).is_some() {
                        self.problem(key.span().start, value::twice(text));
                    }
                }
                Err(message) => self.problem(key.span().start, message),
            }
        }
        hosts
    }

    fn host(&mut self, name: &str, value: &Value, link_local: bool) -> Vec<IpAddr> {
        if let DeValue::Table(table) = value.get_ref() {
            let behind = table.keys().next().map_or("example", |key| key.get_ref());
            let message = format!(
                "{name:?} is a table, expected addresses; a name with dots in it needs quotes: \
                 \"{name}.{behind}\""
            );
            self.problem(value.span().start, message);
            return Vec::new();
        }
        let texts = self.strings(name, "an address or a list of addresses", value);
        if texts.is_empty() && matches!(value.get_ref(), DeValue::Array(list) if list.is_empty()) {
            let message = format!("{name:?} has no address, expected at least one");
            self.problem(value.span().start, message);
        }
        self.each_once(texts, |text| value::address(text, link_local))
    }

    fn addresses(&mut self, value: &Value) -> Vec<(IpAddr, u8)> {
        let expected = "a list of addresses with prefixes such as [\"10.0.100.1/24\"]";
        let texts = self.strings("addresses", expected, value);
        self.each_once(texts, value::address_with_prefix)
    }

    fn proxy_arp(&mut self, value: &Value) -> BTreeSet<Ipv4Addr> {
        let expected = "a list of IPv4 addresses and ranges";
        let mut proxied = BTreeSet::new();
        for (at, text) in self.strings("proxy-arp", expected, value) {
            match value::range4(text) {
                Ok(range) => proxied.extend(range.map(Ipv4Addr::from_bits)),
                Err(message) => {
                    self.problem(at, message);
                    continue;
                }
            }
            if value::is_all_link_local(&proxied) {
                let message = format!(
                    "with {text:?} all of 169.254/16 is on the list, for which nobody may answer (RFC 3927 2.7), expected \
                     single addresses"
                );
                self.problem(at, message);
                return BTreeSet::new();
            }
            let total = self.proxied + proxied.len();
            if total > ARP_MAX as usize {
                let message = format!(
                    "with {text:?} there are {total} addresses on \"proxy-arp\" lists, expected at \
                     most {ARP_MAX} in all"
                );
                self.problem(at, message);
                return BTreeSet::new();
            }
        }
        self.proxied += proxied.len();
        proxied
    }
}
