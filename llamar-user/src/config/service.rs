//! Services to be offered by mDNS (RFC 6763).

use std::fmt;
use std::net::IpAddr;

use crate::dns::{Name, Txt};
use crate::dnssd::ServiceType;

/// A service to be offered on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What people call it there.
    pub name: ServiceName,
    /// Its type.
    pub kind: ServiceType,
    /// Its subtypes, one label each (RFC 6763 7.1).
    pub subtypes: Vec<String>,
    /// Which host has it.
    pub provider: Provider,
    /// Its port.
    pub port: u16,
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// Its TXT records, at least one (RFC 6763 6).
    pub txt: Vec<Txt>,
}

/// The host that has a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// This host, by its first name on the interface.
    First,
    /// One whose name is among those of the interface, this host's or one that is held for another.
    Named(Name),
    /// Another with these addresses.
    Other(Name, Vec<IpAddr>),
}

/// What people call a service, with `%h` in the place of this host's first name, and `%%` in that of a percent sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name that a text of a configuration stands for.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the name is empty, expected one such as \"Web on %h\"".to_owned());
        }
        // RFC 6763 4.1.1: no control characters.
        if let Some(control) = text.chars().find(|&c| c < ' ' || c == '\x7f') {
            return Err(format!(
                "{text:?} has {control:?} in it, expected a name without control characters"
            ));
        }
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            if char == '%' && !matches!(chars.next(), Some('h' | '%')) {
                return Err(format!(
                    "{text:?} has a percent sign that means nothing, expected %h for this host's name or %%"
                ));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The name on a host.
    pub fn on(&self, host: &str) -> String {
        let mut name = String::with_capacity(self.0.len());
        let mut chars = self.0.chars();
        while let Some(char) = chars.next() {
            match char {
                '%' if chars.next() == Some('h') => name.push_str(host),
                // The other of two percent signs is read.
                char => name.push(char),
            }
        }
        name
    }

    /// What stands for `%h` where this is the host's first name: its labels but for `local`.
    pub fn host(first: &Name) -> String {
        let labels: Vec<_> = first.labels().map(String::from_utf8_lossy).collect();
        let own = match labels.split_last() {
            Some((last, own)) if last.eq_ignore_ascii_case("local") && !own.is_empty() => own,
            _ => &labels,
        };
        own.join(".")
    }
}

impl Default for ServiceName {
    /// The host's name (RFC 6763 4.1.1: one that nobody has to give).
    fn default() -> Self {
        Self("%h".to_owned())
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6763 4.1.1: B14
    #[test]
    fn the_hosts_name_stands_where_it_is_asked_for() {
        let on = |text: &str| ServiceName::parse(text).unwrap().on("casa");
        assert_eq!(on("Web on %h"), "Web on casa");
        assert_eq!(on("%h%h"), "casacasa");
        assert_eq!(on("100 %% of %h, not %%h"), "100 % of casa, not %h");
        assert_eq!(on("Größe"), "Größe");
        assert_eq!(ServiceName::default().on("casa"), "casa");
        // What stands for %h is taken as it is.
        assert_eq!(ServiceName::default().on("%h"), "%h");
    }

    #[test]
    fn names_of_hosts_stand_without_the_domain() {
        for (name, host) in [
            ("casa", "casa"),
            ("Casa.local", "Casa"),
            ("nas.lab.LOCAL", "nas.lab"),
            ("nas.lab", "nas.lab"),
            ("local", "local"),
            (r"a\.b", "a.b"),
        ] {
            assert_eq!(ServiceName::host(&Name::parse(name).unwrap()), host);
        }
    }

    // RFC 6763 4.1.1: B1
    #[test]
    fn texts_that_are_no_names_say_why() {
        for (text, why) in [
            ("", "empty"),
            ("a\nb", "control"),
            ("a\x7f", "control"),
            ("%", "percent"),
            ("100%", "percent"),
            ("%H", "percent"),
            ("%%%", "percent"),
        ] {
            let message = ServiceName::parse(text).unwrap_err();
            assert!(
                message.contains(why) && message.contains("expected"),
                "{message}"
            );
        }
    }
}
