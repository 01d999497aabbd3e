//! The configuration in TOML. Every problem in it is told, with its line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use llamar_common::abi::ARP_MAX;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::file::{File, InterfaceTable, VlanTable};
use super::{ConfigError, Place, XdpMode, value};
use crate::dns::Name;

/// What the text of a TOML file says.
pub(super) fn parse(path: &Path, text: &str, error: &mut ConfigError) -> File {
    let (document, mistakes) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        path,
        text,
        problems: Vec::new(),
        proxied: 0,
    };
    let mut file = File::default();
    if mistakes.is_empty() {
        file = reader.file(document.get_ref());
    }
    for mistake in mistakes {
        let at = mistake.span().map_or(text.len(), |span| span.start);
        reader.problem(at, mistake.message().to_owned());
    }
    reader.problems.sort_by_key(|(at, _)| *at);
    for (at, message) in reader.problems {
        error.push(Place::in_text(path, text.as_bytes(), at), message);
    }
    file
}

const FILE_KEYS: &[&str] = &[
    "ttl",
    "max-names",
    "xdp",
    "names",
    "hosts-file",
    "hosts",
    "interface",
];
const INTERFACE_KEYS: &[&str] = &["names", "ttl", "xdp", "proxy-arp", "hosts", "vlan"];
const VLAN_KEYS: &[&str] = &["names", "addresses", "proxy-arp", "hosts"];

type Key<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

/// Turns the tables of a document into values, and collects what is wrong with them and where.
struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    problems: Vec<(usize, String)>,
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
                "names" => file.names = self.names(value),
                "hosts-file" => file.hosts_file = self.hosts_file(value),
                "hosts" => {
                    let hosts = self.hosts(value, false).into_iter();
                    file.hosts = hosts
                        .flat_map(|(name, ips)| ips.into_iter().map(move |ip| (name.clone(), ip)))
                        .collect();
                }
                "interface" => file.interfaces = self.interfaces(value),
                _ => self.unknown(key, FILE_KEYS),
            }
        }
        file
    }

    fn interfaces(&mut self, value: &Value) -> BTreeMap<String, InterfaceTable> {
        let mut interfaces = BTreeMap::new();
        for (key, value) in self.table("interface", "[interface.NAME]", value) {
            let name = match value::interface_name(key.get_ref()) {
                Ok(name) => name,
                Err(message) => {
                    self.problem(key.span().start, message);
                    continue;
                }
            };
            let form = format!("[interface.{name}]");
            let table = self.interface(&name, &form, value);
            interfaces.insert(name, table);
        }
        interfaces
    }

    fn interface(&mut self, name: &str, form: &str, value: &Value) -> InterfaceTable {
        let mut interface = InterfaceTable::default();
        for (key, value) in self.table(name, form, value) {
            match &**key.get_ref() {
                "ttl" => interface.ttl = self.ttl(value),
                "xdp" => interface.xdp = self.xdp(value),
                "names" => interface.names = self.names(value),
                "hosts" => interface.hosts = self.hosts(value, true),
                "proxy-arp" => interface.proxy_arp = self.proxy_arp(value),
                "vlan" => interface.vlans = self.vlans(value),
                id if value::vlan_id(id).is_ok() => self.problem(
                    key.span().start,
                    format!(
                        "unknown key {id:?}, expected [interface.{name}.vlan.{id}] for the VLAN or \
                         [interface.\"{name}.{id}\"] for an interface of that name"
                    ),
                ),
                _ => self.unknown(key, INTERFACE_KEYS),
            }
        }
        interface
    }

    fn vlans(&mut self, value: &Value) -> BTreeMap<u16, VlanTable> {
        let mut vlans = BTreeMap::new();
        for (key, value) in self.table("vlan", "[interface.NAME.vlan.ID]", value) {
            match value::vlan_id(key.get_ref()) {
                Ok(id) => {
                    let vlan = self.vlan(key.get_ref(), value);
                    vlans.insert(id, vlan);
                }
                Err(message) => self.problem(key.span().start, message),
            }
        }
        vlans
    }

    fn vlan(&mut self, id: &str, value: &Value) -> VlanTable {
        let mut vlan = VlanTable::default();
        for (key, value) in self.table(id, "a table of the VLAN", value) {
            match &**key.get_ref() {
                "names" => vlan.names = self.names(value),
                "addresses" => vlan.addresses = self.addresses(value),
                "hosts" => vlan.hosts = self.hosts(value, true),
                "proxy-arp" => vlan.proxy_arp = self.proxy_arp(value),
                _ => self.unknown(key, VLAN_KEYS),
            }
        }
        vlan
    }

    fn ttl(&mut self, value: &Value) -> Option<u32> {
        self.number("ttl", value, 0, value::TTL_MAX)
    }

    fn xdp(&mut self, value: &Value) -> Option<XdpMode> {
        let text = self.string("xdp", "\"auto\", \"native\", \"generic\" or \"off\"", value)?;
        self.judged(value, text.parse())
    }

    fn names(&mut self, value: &Value) -> Vec<Name> {
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for (at, text) in self.strings("names", "a name or a list of names", value) {
            match value::own_name(text) {
                Ok(name) if seen.insert(name.clone()) => names.push(name),
                Ok(_) => self.problem(at, value::twice(text)),
                Err(message) => self.problem(at, message),
            }
        }
        names
    }

    fn hosts_file(&mut self, value: &Value) -> Option<(Place, PathBuf)> {
        let text = self.string("hosts-file", "the path of a file", value)?;
        let at = value.span().start;
        if text.is_empty() {
            self.problem(
                at,
                "\"hosts-file\" is empty, expected the path of a file".to_owned(),
            );
            return None;
        }
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let place = Place::in_text(self.path, self.text.as_bytes(), at);
        Some((place, directory.join(text)))
    }

    fn hosts(&mut self, value: &Value, link_local: bool) -> BTreeMap<Name, Vec<IpAddr>> {
        let mut hosts = BTreeMap::new();
        for (key, value) in self.table("hosts", "a table of names and addresses", value) {
            let text = &**key.get_ref();
            let addresses = self.host(text, value, link_local);
            match value::name(text) {
                Ok(name) => {
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

    /// The values of some texts; one that is there twice, or wrong, is a problem.
    fn each_once<T: Copy + Ord>(
        &mut self,
        texts: Vec<(usize, &str)>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for (at, text) in texts {
            match parse(text) {
                Ok(value) if seen.insert(value) => values.push(value),
                Ok(_) => self.problem(at, format!("{text:?} is there twice, expected it once")),
                Err(message) => self.problem(at, message),
            }
        }
        values
    }

    fn table<'v, 't>(
        &mut self,
        what: &str,
        expected: &str,
        value: &'v Value<'t>,
    ) -> Vec<(&'v Key<'t>, &'v Value<'t>)> {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().collect(),
            _ => {
                self.expected(what, expected, value);
                Vec::new()
            }
        }
    }

    /// The strings of a list, or the one that stands for a list of one, with their places.
    fn strings<'v>(
        &mut self,
        what: &str,
        expected: &str,
        value: &'v Value,
    ) -> Vec<(usize, &'v str)> {
        let list = match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![value],
        };
        list.into_iter()
            .filter_map(|item| Some((item.span().start, self.string(what, expected, item)?)))
            .collect()
    }

    fn string<'v>(&mut self, what: &str, expected: &str, value: &'v Value) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.expected(what, expected, value);
        }
        text
    }

    fn number(&mut self, what: &str, value: &Value, least: u32, most: u32) -> Option<u32> {
        let expected = format!("a number from {least} to {most}");
        let Some(integer) = value.get_ref().as_integer() else {
            self.expected(what, &expected, value);
            return None;
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("{what:?} is {integer}, expected {expected}");
                self.problem(value.span().start, message);
                None
            }
        }
    }

    fn judged<T>(&mut self, value: &Value, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|message| self.problem(value.span().start, message))
            .ok()
    }

    fn expected(&mut self, what: &str, expected: &str, value: &Value) {
        let kind = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Array(_) => format!("an {}", value.get_ref().type_str()),
            other => format!("a {}", other.type_str()),
        };
        let message = format!("{what:?} is {kind}, expected {expected}");
        self.problem(value.span().start, message);
    }

    fn unknown(&mut self, key: &Key, keys: &[&str]) {
        let message = format!(
            "unknown key {:?}, expected one of {}",
            key.get_ref(),
            keys.join(", ")
        );
        self.problem(key.span().start, message);
    }

    fn problem(&mut self, at: usize, message: String) {
        self.problems.push((at, message));
    }
}
