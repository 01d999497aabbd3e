//! The tables of services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use llamar_common::abi::LABEL_MAX;
use toml::de::{DeTable, DeValue};

use super::{Key, Reader, Value};
use crate::config::file::ServiceTable;
use crate::config::{Place, ServiceName, is_link_local, value};
use crate::dns::{Name, Txt};
use crate::dnssd::{ServiceType, txt};

const SERVICE_KEYS: &[&str] = &[
    "name",
    "type",
    "port",
    "txt",
    "subtypes",
    "priority",
    "weight",
    "host",
    "addresses",
    "interfaces",
];

impl Reader<'_> {
    /// What a file of `services-dir` says.
    pub(super) fn file_of_services(&mut self, table: &DeTable) -> Vec<ServiceTable> {
        let mut services = Vec::new();
        for (key, value) in table {
            match &**key.get_ref() {
                "service" => services = self.services(value),
                other => {
                    let message = format!(
                        "unknown key {other:?}, expected [[service]] and nothing else in a file of services-dir"
                    );
                    self.problem(key.span().start, message);
                }
            }
        }
        services
    }

    /// All `[[service]]` tables of a file.
    pub(super) fn services(&mut self, value: &Value) -> Vec<ServiceTable> {
        let DeValue::Array(list) = value.get_ref() else {
            self.expected("service", "[[service]]", value);
            return Vec::new();
        };
        list.iter().filter_map(|item| self.service(item)).collect()
    }

    fn service(&mut self, value: &Value) -> Option<ServiceTable> {
        let entries = self.service_entries(value)?;
        let find = |key: &str| {
            let mut entries = entries.iter();
            entries.find_map(|(known, value)| (&**known.get_ref() == key).then_some(*value))
        };
        let at = value.span().start;
        let kind = self.needed(at, "type", "one such as \"_http._tcp\"", find("type"));
        let kind = kind.and_then(|value| self.service_type(value));
        let port = self.needed(at, "port", "a number from 0 to 65535", find("port"));
        let port = port.and_then(|value| self.small("port", value));
        let name = find("name").and_then(|value| self.service_name(value));
        let txt = find("txt").map(|value| self.txt(value, port));
        let subtypes = find("subtypes").map(|value| self.subtypes(value));
        let [priority, weight] = ["priority", "weight"]
            .map(|what| find(what).and_then(|value| self.weighed(what, value)));
        let interfaces = find("interfaces").map(|value| self.service_interfaces(value));
        let interfaces = interfaces.unwrap_or_default();
        let host = find("host").and_then(|value| self.service_host(value));
        let addresses = find("addresses")
            .map(|value| self.service_addresses(value, host.is_some(), interfaces.len() == 1));
        Some(ServiceTable {
            place: self.place(at),
            name: name.unwrap_or_default(),
            kind: kind?,
            subtypes: subtypes.unwrap_or_default(),
            port: port?,
            priority: priority.unwrap_or_default(),
            weight: weight.unwrap_or_default(),
            txt: or_nothing(txt.unwrap_or_default()),
            host,
            addresses: addresses.unwrap_or_default(),
            interfaces,
        })
    }

    /// The keys of a table and their values; unknown keys are told.
    fn service_entries<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
    ) -> Option<Vec<(&'v Key<'t>, &'v Value<'t>)>> {
        let entries = self.table("service", "[[service]]", value);
        for (key, _) in &entries {
            if !SERVICE_KEYS.contains(&&**key.get_ref()) {
                self.unknown(key, SERVICE_KEYS);
            }
        }
        value.get_ref().is_table().then_some(entries)
    }

    fn needed<'v, 't>(
        &mut self,
        at: usize,
        what: &str,
        expected: &str,
        value: Option<&'v Value<'t>>,
    ) -> Option<&'v Value<'t>> {
        if value.is_none() {
            let message = format!("the service has no {what:?}, expected {expected}");
            self.problem(at, message);
        }
        value
    }

    fn service_type(&mut self, value: &Value) -> Option<ServiceType> {
        let text = self.string("type", "a type of service such as \"_http._tcp\"", value)?;
        let kind = ServiceType::parse(text).map_err(|error| error.to_string());
        self.judged(value, kind)
    }

    fn service_name(&mut self, value: &Value) -> Option<ServiceName> {
        let text = self.string("name", "a name such as \"Web on %h\"", value)?;
        if text.chars().any(|c| ('\u{300}'..='\u{36f}').contains(&c)) {
            // RFC 6763 4.1.1, RFC 6762 16: precomposed (NFC); bytes are compared.
            let note = format!(
                "{text:?} has combining characters in it: others find it only if they write it so too"
            );
            self.note(value.span().start, note);
        }
        self.judged(value, ServiceName::parse(text))
    }

    /// A number of 16 bits.
    fn small(&mut self, what: &str, value: &Value) -> Option<u16> {
        let number = self.number(what, value, 0, u16::MAX.into())?;
        if what == "port" && number == 0 {
            // RFC 6763 8: a placeholder.
            let note = "port 0: the name is held, and no service is offered by it";
            self.note(value.span().start, note.to_owned());
        }
        u16::try_from(number).ok()
    }

    fn weighed(&mut self, what: &str, value: &Value) -> Option<u16> {
        let number = self.small(what, value)?;
        if number != 0 {
            // RFC 6763 5: 0 where there is one SRV record only, and here there is.
            let note = format!("{what} {number} counts for nothing: a service has one host here");
            self.note(value.span().start, note);
        }
        Some(number)
    }

    fn subtypes(&mut self, value: &Value) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut subtypes = Vec::new();
        let expected = "a subtype such as \"_printer\" or a list of such";
        for (at, text) in self.strings("subtypes", expected, value) {
            if let Some(message) = wrong_subtype(text) {
                self.problem(at, message);
            } else if seen.insert(text.to_ascii_lowercase()) {
                subtypes.push(text.to_owned());
            } else {
                self.problem(at, value::twice(text));
            }
        }
        subtypes
    }

    fn service_interfaces(&mut self, value: &Value) -> Vec<(Place, String)> {
        let mut seen = BTreeSet::new();
        let mut interfaces = Vec::new();
        let expected = "an interface such as \"eth0\" or a list of such";
        let texts = self.strings("interfaces", expected, value);
        if matches!(value.get_ref(), DeValue::Array(list) if list.is_empty()) {
            let message = format!("\"interfaces\" is empty, expected {expected}");
            self.problem(value.span().start, message);
        }
        for (at, text) in texts {
            match value::interface_name(text) {
                Ok(name) if seen.insert(name.clone()) => interfaces.push((self.place(at), name)),
                Ok(name) => self.problem(at, format!("{name:?} is there twice, expected it once")),
                Err(message) => self.problem(at, message),
            }
        }
        interfaces
    }

    fn service_host(&mut self, value: &Value) -> Option<(Place, Name)> {
        let at = value.span().start;
        let text = self.string("host", "the name of a host", value)?;
        let name = self.judged(value, value::own_name(text))?;
        self.in_local(at, &name);
        Some((self.place(at), name))
    }

    fn service_addresses(&mut self, value: &Value, host: bool, one_link: bool) -> Vec<IpAddr> {
        let texts = self.strings("addresses", "an address or a list of addresses", value);
        if !host {
            let message = "\"addresses\" are nobody's, expected a \"host\" beside them";
            self.problem(value.span().start, message.to_owned());
        } else if matches!(value.get_ref(), DeValue::Array(list) if list.is_empty()) {
            let message = "\"addresses\" is empty, expected at least one, or only the host";
            self.problem(value.span().start, message.to_owned());
        }
        self.each_once(texts, |text| {
            let address = value::address(text, true)?;
            match is_link_local(address) && !one_link {
                true => Err(format!(
                    "{text:?} is link-local, so valid on one link, expected one of \"interfaces\" beside it"
                )),
                false => Ok(address),
            }
        })
    }

    /// A table of keys and values, a list of strings, or a list of such tables for several records (RFC 6763 6.8).
    fn txt(&mut self, value: &Value, port: Option<u16>) -> Vec<Txt> {
        let DeValue::Array(list) = value.get_ref() else {
            return self.txt_record(value, port).into_iter().collect();
        };
        if !list.iter().any(|item| item.get_ref().is_table()) {
            return self.txt_record(value, port).into_iter().collect();
        }
        let mut records = Vec::new();
        for item in list.iter() {
            match item.get_ref() {
                DeValue::Table(_) => records.extend(self.txt_record(item, port)),
                _ => self.expected("txt", "a table like others of the list", item),
            }
        }
        records
    }

    fn txt_record(&mut self, value: &Value, port: Option<u16>) -> Option<Txt> {
        let at = value.span().start;
        let strings = match value.get_ref() {
            DeValue::Table(_) => self.attributes(value),
            _ => self.txt_strings(value),
        };
        let (places, strings): (Vec<usize>, Vec<String>) = strings.into_iter().unzip();
        if let Some(index) = txt::key_twice(&strings) {
            let key = txt::key_of(&strings[index]);
            self.problem(places[index], value::twice(key));
        }
        for doubt in txt::doubts(&strings, port) {
            self.note(at, doubt);
        }
        let record = txt::record(&strings).map_err(|error| error.to_string());
        self.judged(value, record)
    }

    fn attributes(&mut self, value: &Value) -> Vec<(usize, String)> {
        let mut strings = Vec::new();
        for (key, item) in self.table("txt", "a table of keys and values", value) {
            let (at, key) = (key.span().start, &**key.get_ref());
            let string = match item.get_ref() {
                DeValue::String(value) => txt::attribute(key, Some(value)),
                DeValue::Boolean(true) => txt::attribute(key, None),
                _ => {
                    self.expected(key, "a string, or true for a key without a value", item);
                    continue;
                }
            };
            match string {
                Ok(string) => strings.push((at, string)),
                Err(error) => self.problem(at, error.to_string()),
            }
        }
        strings
    }

    fn txt_strings(&mut self, value: &Value) -> Vec<(usize, String)> {
        let expected = "a table such as { path = \"/\" } or a list of strings";
        let mut strings = Vec::new();
        for (at, text) in self.strings("txt", expected, value) {
            match txt::string(text) {
                Ok(string) => strings.push((at, string)),
                Err(error) => self.problem(at, error.to_string()),
            }
        }
        strings
    }
}

/// What is wrong with a subtype, if anything is. RFC 6763 7.1: it is one label of any bytes.
fn wrong_subtype(text: &str) -> Option<String> {
    let expected = "expected a label such as _printer";
    if text.is_empty() {
        Some(format!("a subtype is empty, {expected}"))
    } else if text.len() > LABEL_MAX {
        let length = text.len();
        Some(format!(
            "{text:?} has {length} bytes, {expected} of at most {LABEL_MAX}"
        ))
    } else if text.contains("._sub.") {
        Some(format!("{text:?} has the type behind it, {expected} alone"))
    } else {
        None
    }
}

/// RFC 6763 6: beside each SRV record there is a TXT record, even if it says nothing.
fn or_nothing(txt: Vec<Txt>) -> Vec<Txt> {
    match txt.is_empty() {
        true => Txt::new([]).into_iter().collect(),
        false => txt,
    }
}
