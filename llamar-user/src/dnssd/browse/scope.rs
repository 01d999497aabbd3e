//! What is browsed for.

use crate::dns::{Name, kind};
use crate::dnssd::{Instance, ServiceType};

/// What is browsed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All instances of all types of a domain (RFC 6763 9).
    All(Name),
    /// All types of a domain.
    Types(Name),
    /// The instances of these types and subtypes, by the names under which they are pointed to: `_http._tcp.local`,
    /// `_printer._sub._http._tcp.local` (RFC 6763 4, 7.1).
    Instances(Vec<Name>),
    /// One instance.
    Instance(Name),
    /// What a name's PTR records say.
    Pointers(Name),
}

impl Scope {
    /// What a question for a name's PTR records is meant to find.
    pub fn of_query(name: Name) -> Self {
        if let Some(domain) = types_of(&name) {
            return Self::Types(domain);
        }
        let is_subtype = || ServiceType::split_subtype(&name).is_some();
        if ServiceType::split(&name).is_some() || is_subtype() {
            return Self::Instances(vec![name]);
        }
        match Instance::of(&name) {
            Some(_) => Self::Instance(name),
            None => Self::Pointers(name),
        }
    }

    /// What is asked to begin with.
    pub(super) fn questions(&self) -> Vec<(Name, u16)> {
        match self {
            // RFC 6763 9: a question of those who look into a network.
            Self::All(domain) | Self::Types(domain) => {
                let name = types_name(domain);
                name.map(|name| (name, kind::PTR)).into_iter().collect()
            }
            Self::Instances(names) => {
                let pointers = names.iter().cloned().map(|name| (name, kind::PTR));
                pointers.collect()
            }
            // RFC 6763 5: an instance is resolved by its SRV and TXT records.
            Self::Instance(name) => vec![(name.clone(), kind::SRV), (name.clone(), kind::TXT)],
            Self::Pointers(name) => vec![(name.clone(), kind::PTR)],
        }
    }

    /// A name that is asked for and is not one of the link: RFC 6762 3, 13.
    pub fn foreign_name(&self) -> Option<Name> {
        let names = self.questions().into_iter().map(|(name, _)| name);
        names.into_iter().find(|name| !is_of_link(name))
    }

    /// Whether the types of a domain are wanted.
    pub(super) fn has_types(&self, of: &Name) -> bool {
        matches!(self, Self::All(domain) | Self::Types(domain) if domain == of)
    }

    /// Whether the instances that a name points to are wanted.
    pub(super) fn has_pointer(&self, owner: &Name) -> bool {
        match self {
            Self::All(_) => true,
            Self::Instances(names) => names.contains(owner),
            Self::Types(_) | Self::Instance(_) | Self::Pointers(_) => false,
        }
    }

    /// Whether an instance is wanted that nobody points to; `passive` if nobody was asked to.
    pub(super) fn has_unpointed(&self, instance: &Name, passive: bool) -> bool {
        match self {
            Self::All(_) => passive,
            Self::Instances(names) => {
                let labels = instance.labels().skip(1);
                let pointer = Name::from_labels(labels);
                passive && pointer.is_ok_and(|pointer| names.contains(&pointer))
            }
            Self::Instance(name) => name == instance,
            Self::Types(_) | Self::Pointers(_) => false,
        }
    }
}

/// Whether mDNS is there for a name: RFC 6762 3, 4, 13. Addresses that are not link-local have names
/// there as well.
pub fn is_of_link(name: &Name) -> bool {
    let labels: Vec<&[u8]> = name.labels().collect();
    let ends = |end: &[&[u8]]| {
        let tail = labels.len().checked_sub(end.len());
        let tail = tail.and_then(|at| labels.get(at..)).unwrap_or_default();
        let mut pairs = tail.iter().zip(end);
        tail.len() == end.len() && pairs.all(|(label, end)| label.eq_ignore_ascii_case(end))
    };
    ends(&[b"local"]) || ends(&[b"in-addr", b"arpa"]) || ends(&[b"ip6", b"arpa"])
}

/// What is in front of a domain to ask for its types.
const TYPES: [&[u8]; 3] = [b"_services", b"_dns-sd", b"_udp"];

/// The name that has all types of a domain as its PTR records.
fn types_name(domain: &Name) -> Option<Name> {
    Name::from_labels(TYPES.into_iter().chain(domain.labels())).ok()
}

/// The domain of whose types a name's PTR records tell.
pub(super) fn types_of(name: &Name) -> Option<Name> {
    let mut labels = name.labels();
    for wanted in TYPES {
        if !labels.next()?.eq_ignore_ascii_case(wanted) {
            return None;
        }
    }
    let domain: Vec<&[u8]> = labels.collect();
    match domain.is_empty() {
        true => None,
        false => Name::from_labels(domain).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    // RFC 6763 4, 5, 7.1, 9: B3, B5, B6
    #[test]
    fn a_name_tells_what_is_meant_to_be_found() {
        let local = || name("local");
        for (query, scope) in [
            ("_services._dns-sd._udp.local", Scope::Types(local())),
            ("_Services._DNS-SD._udp.Local", Scope::Types(local())),
            (
                "_http._tcp.local",
                Scope::Instances(vec![name("_http._tcp.local")]),
            ),
            (
                "_printer._sub._http._tcp.local",
                Scope::Instances(vec![name("_printer._sub._http._tcp.local")]),
            ),
            (
                r"Dr\. No._http._tcp.local",
                Scope::Instance(name(r"Dr\. No._http._tcp.local")),
            ),
            (
                "1.2.0.192.in-addr.arpa",
                Scope::Pointers(name("1.2.0.192.in-addr.arpa")),
            ),
            ("casa.local", Scope::Pointers(name("casa.local"))),
        ] {
            assert_eq!(Scope::of_query(name(query)), scope, "{query}");
        }
    }
}
