//! Types of service: `_http._tcp` (RFC 6763 4.1.2, 7).

use std::fmt;
use std::str::FromStr;

use crate::dns::{Name, NameError};

/// Longest service name, without its underscore (RFC 6335 5.1).
const SERVICE_MAX: usize = 15;
/// What is between a subtype and its type (RFC 6763 7.1).
const SUB: &[u8] = b"_sub";

/// A type of service. It keeps the case that it was written in, which makes no difference (RFC 6763 7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceType {
    /// Its two labels.
    name: Name,
}

impl ServiceType {
    /// The type that a text stands for, one that may be offered: RFC 6763 7 and RFC 6335 5.1 are kept.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        let form = || TypeError::Form(text.to_owned());
        let name = Name::parse(text).map_err(|_| form())?;
        let kind = Self::of_labels(&name).ok_or_else(form)?;
        match kind.flaw() {
            Some(flaw) => Err(TypeError::Service(text.to_owned(), flaw)),
            None => Ok(kind),
        }
    }

    /// The type and the domain of a name that asks for instances, `_http._tcp.local`, which may have a domain only. A
    /// type that somebody offers is taken as it is: see [`Self::flaw`].
    pub fn split(name: &Name) -> Option<(Self, Name)> {
        let mut labels = name.labels();
        let pair = [labels.next()?, labels.next()?];
        let kind = Self::of_labels(&Name::from_labels(pair).ok()?)?;
        Some((kind, rest(labels)?))
    }

    /// The same with the subtype that the name may begin with: `_printer._sub._http._tcp.local` (RFC 6763 7.1).
    pub fn split_subtype(name: &Name) -> Option<(Vec<u8>, Self, Name)> {
        let mut labels = name.labels();
        let subtype = labels.next()?;
        let sub = labels.next()?;
        let (kind, domain) = Self::split(&rest(labels)?)?;
        sub.eq_ignore_ascii_case(SUB)
            .then(|| (subtype.to_vec(), kind, domain))
    }

    /// The name whose PTR records are the instances of the type (RFC 6763 4.1).
    pub fn browse_name(&self, domain: &Name) -> Result<Name, NameError> {
        Name::from_labels(self.name.labels().chain(domain.labels()))
    }

    /// The name whose PTR records are the instances of a subtype, which is one label of any bytes (RFC 6763 7.1).
    pub fn subtype_name(&self, subtype: &[u8], domain: &Name) -> Result<Name, NameError> {
        let labels = [subtype, SUB].into_iter().chain(self.name.labels());
        Name::from_labels(labels.chain(domain.labels()))
    }

    /// The two labels as a name without a domain.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The name of the service, without its underscore.
    pub fn service(&self) -> &[u8] {
        let first = self.name.labels().next().unwrap_or_default();
        first.strip_prefix(b"_").unwrap_or(first)
    }

    /// What is wrong with the name of the service, if anything is.
    pub fn flaw(&self) -> Option<&'static str> {
        let service = self.service();
        let at_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        // RFC 6763 7, RFC 6335 5.1.
        if service.len() > SERVICE_MAX {
            Some("a service of more than 15 characters")
        } else if !service
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        {
            Some("a service with other characters than letters, digits and hyphens")
        } else if !service.iter().any(u8::is_ascii_alphabetic) {
            Some("a service without a letter")
        } else if !at_end(service.first()) || !at_end(service.last()) {
            Some("a service with a hyphen at an end")
        } else if service.windows(2).any(|pair| pair == b"--") {
            Some("a service with two hyphens in a row")
        } else {
            None
        }
    }

    /// The type that is these two labels. RFC 6763 4.1.2: an underscore and the service, and `_tcp` or `_udp`.
    fn of_labels(name: &Name) -> Option<Self> {
        let mut labels = name.labels();
        let (service, protocol) = (labels.next()?, labels.next()?);
        let known = [&b"_tcp"[..], b"_udp"];
        let is_known = known.iter().any(|one| protocol.eq_ignore_ascii_case(one));
        let is_type = service.len() > 1 && service.starts_with(b"_") && is_known;
        (is_type && labels.next().is_none()).then(|| Self { name: name.clone() })
    }
}

impl FromStr for ServiceType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        Self::parse(text)
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Why a text is no type of service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// It does not have the form of one.
    #[error("{0:?} is no type of service, expected one such as _http._tcp or _ipp._udp")]
    Form(String),
    /// It names a service that there cannot be.
    #[error(
        "{0:?} has {1}, expected one such as _http._tcp: 1 to 15 letters, digits and single hyphens, a letter among \
         them (RFC 6335 5.1)"
    )]
    Service(String, &'static str),
}

/// The labels that are left as a name; the root if none is.
fn rest<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<Name> {
    let labels: Vec<_> = labels.collect();
    match labels.is_empty() {
        true => Some(Name::root()),
        false => Name::from_labels(labels).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    // RFC 6763 4.1.2, 7, RFC 6335 5.1: B2, B18
    #[test]
    fn a_type_is_a_service_name_and_a_protocol() {
        for good in [
            "_http._tcp",
            "_HTTP._TCP",
            "_ipp._udp.",
            "_a._tcp",
            "_3d-printer1._tcp",
            "_fifteen-letters._tcp",
        ] {
            let kind = ServiceType::parse(good).unwrap();
            assert_eq!(kind.name(), &name(good), "{good}");
        }
        for form in [
            "",
            ".",
            "http",
            "http._tcp",
            "_http",
            "_http.tcp",
            "_http._sctp",
            "_http._tcp.local",
            "_printer._sub._http._tcp",
            "_._tcp",
            "._tcp",
            "_http..tcp",
        ] {
            let error = ServiceType::parse(form).unwrap_err();
            assert!(matches!(error, TypeError::Form(_)), "{form}: {error}");
        }
        for (bad, why) in [
            ("_sixteen-letters-._tcp", "more than 15"),
            ("_a_b._tcp", "other characters"),
            ("_größe._tcp", "other characters"),
            (r"_a\.b._tcp", "other characters"),
            ("_123._tcp", "without a letter"),
            ("_-a._tcp", "hyphen at an end"),
            ("_a-._tcp", "hyphen at an end"),
            ("_a--b._tcp", "two hyphens"),
        ] {
            let error = ServiceType::parse(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    // RFC 6763 7: B2
    #[test]
    fn case_makes_no_difference() {
        let [one, other] = ["_HTTP._TCP", "_http._tcp"].map(|text| text.parse().unwrap());
        let one: ServiceType = one;
        assert_eq!(one, other);
        assert_eq!(
            (one.to_string().as_str(), one.service()),
            ("_HTTP._TCP", &b"HTTP"[..])
        );
    }

    // RFC 6763 4.1, 7.1, 7.2: B3, B5, B18
    #[test]
    fn instances_are_found_by_the_name_of_their_type_or_subtype() {
        let kind = ServiceType::parse("_http._tcp").unwrap();
        assert_eq!(
            kind.browse_name(&name("local")).unwrap(),
            name("_http._tcp.local")
        );
        assert_eq!(
            kind.browse_name(&name("example.org")).unwrap(),
            name("_http._tcp.example.org")
        );
        let subtype = |label: &[u8]| kind.subtype_name(label, &name("local"));
        assert_eq!(
            subtype(b"_printer").unwrap(),
            name("_printer._sub._http._tcp.local")
        );
        assert_eq!(
            subtype(b"a b.\xff").unwrap().labels().next(),
            Some(&b"a b.\xff"[..])
        );
        // RFC 6763 7.2: B18
        assert!(subtype(&[b'x'; 63]).is_ok());
        assert!(subtype(&[b'x'; 64]).is_err());
        assert!(subtype(b"").is_err());
    }

    // RFC 6763 7.1, 9: B5, B6
    #[test]
    fn names_are_taken_apart_and_only_their_first_labels_matter() {
        let kind = ServiceType::parse("_http._tcp").unwrap();
        let split = |text| ServiceType::split(&name(text));
        assert_eq!(
            split("_HTTP._tcp.local"),
            Some((kind.clone(), name("local")))
        );
        assert_eq!(split("_http._tcp"), Some((kind.clone(), Name::root())));
        assert_eq!(
            split("_http._tcp.bldg.example.org"),
            Some((kind.clone(), name("bldg.example.org")))
        );
        for none in [
            "local",
            "casa.local",
            "Web._http._tcp.local",
            "_http._foo.local",
        ] {
            assert_eq!(split(none), None, "{none}");
        }
        let split = |text| ServiceType::split_subtype(&name(text));
        assert_eq!(
            split("_printer._SUB._http._tcp.local"),
            Some((b"_printer".to_vec(), kind, name("local")))
        );
        assert_eq!(split("_http._tcp.local"), None);
        assert_eq!(split("Web._http._tcp.local"), None);
    }

    #[test]
    fn a_type_that_somebody_offers_is_taken_with_its_flaw() {
        let (kind, _) = ServiceType::split(&name("_a_type_that_is_too_long._tcp.local")).unwrap();
        assert!(kind.flaw().unwrap().contains("15"));
        assert_eq!(kind.to_string(), "_a_type_that_is_too_long._tcp");
        assert_eq!(ServiceType::parse("_http._tcp").unwrap().flaw(), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_type_or_an_error(text in "[_a-z0-9.\\\\-]{0,20}|\\PC{0,20}") {
            if let Ok(kind) = ServiceType::parse(&text) {
                prop_assert_eq!(ServiceType::parse(&kind.to_string()).unwrap(), kind.clone());
                let browsed = kind.browse_name(&name("local")).unwrap();
                prop_assert_eq!(ServiceType::split(&browsed), Some((kind, name("local"))));
            }
        }
    }
}
