//! Instances of services by their names: `Web on casa._http._tcp.local` (RFC 6763 4.1, 4.3).

use std::fmt;

use llamar_common::abi::LABEL_MAX;

use super::ServiceType;
use crate::dns::escape::escape;
use crate::dns::{Name, NameError};

/// An instance of a service. Two are the same if their names are, the case of ASCII letters aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    name: Name,
}

impl Instance {
    /// The instance of a type that people call so. RFC 6763 4.1.1: any text of at most 63 bytes of UTF-8 without control
    /// characters; dots and blanks are a part of it.
    pub fn new(text: &str, kind: &ServiceType, domain: &Name) -> Result<Self, InstanceError> {
        if text.is_empty() {
            return Err(InstanceError::Empty);
        }
        if let Some(control) = text.chars().find(|&c| c < ' ' || c == '\x7f') {
            return Err(InstanceError::Control(text.to_owned(), control));
        }
        if text.len() > LABEL_MAX {
            return Err(InstanceError::TooLong(text.to_owned(), text.len()));
        }
        let labels = [text.as_bytes()].into_iter();
        let labels = labels.chain(kind.name().labels()).chain(domain.labels());
        let name = Name::from_labels(labels)?;
        Ok(Self { name })
    }

    /// The instance that has a name; `None` if it is no instance's. What somebody offers is taken as it is.
    pub fn of(name: &Name) -> Option<Self> {
        let instance = Self { name: name.clone() };
        instance.parts()?;
        Some(instance)
    }

    /// The instance of a text in which labels are joined by dots, with `\.`, `\\` and `\DDD` in them (RFC 6763 4.3).
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&Name::parse(text).ok()?)
    }

    /// Its whole name, under which its SRV and TXT records are (RFC 6763 5).
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What people call it: the first label, which ought to be UTF-8.
    pub fn label(&self) -> &[u8] {
        self.name.labels().next().unwrap_or_default()
    }

    /// The same as text, with what is no UTF-8 replaced. It may hold anything: see [`Self::shown`].
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.label()).into_owned()
    }

    /// The same for a terminal: nothing in it can mislead its reader.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = escape(self.label(), ['\\', '\\'], true, &mut text);
        text
    }

    /// Its type and domain.
    pub fn parts(&self) -> Option<(ServiceType, Name)> {
        let mut labels = self.name.labels();
        labels.next()?;
        let rest: Vec<_> = labels.collect();
        ServiceType::split(&Name::from_labels(rest).ok()?)
    }
}

impl fmt::Display for Instance {
    /// Its labels joined so that the borders between them survive (RFC 6763 4.3): `Dr\. No._http._tcp.local`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.name.wire().len());
        for (index, label) in self.name.labels().enumerate() {
            if index > 0 {
                text.push('.');
            }
            escape(label, ['.', '\\'], true, &mut text)?;
        }
        f.pad(&text)
    }
}

/// Why a text names no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// There is nothing in it.
    #[error("the name is empty, expected one such as Web on casa")]
    Empty,
    /// A control character.
    #[error(
        "{0:?} has the control character {1:?} in it, expected text without such (RFC 6763 4.1.1)"
    )]
    Control(String, char),
    /// More bytes than a label has.
    #[error("{0:?} has {1} bytes, expected at most {LABEL_MAX}")]
    TooLong(String, usize),
    /// Something about the whole name.
    #[error(transparent)]
    Name(#[from] NameError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::local;
    use super::*;

    fn http() -> ServiceType {
        ServiceType::parse("_http._tcp").unwrap()
    }

    fn instance(text: &str) -> Instance {
        Instance::new(text, &http(), &local()).unwrap()
    }

    // RFC 6763 4.1, 4.1.1, 4.3: B1
    #[test]
    fn an_instance_is_one_label_of_any_text() {
        for (text, whole) in [
            ("Web on casa", "Web on casa._http._tcp.local"),
            ("Dr. No", r"Dr\. No._http._tcp.local"),
            (r"a\b", r"a\\b._http._tcp.local"),
            ("Größe ☎", "Größe ☎._http._tcp.local"),
            ("_http._tcp", r"_http\._tcp._http._tcp.local"),
        ] {
            let instance = instance(text);
            assert_eq!(instance.to_string(), whole);
            assert_eq!(instance.text(), text);
            assert_eq!(Instance::parse(whole), Some(instance.clone()));
            assert_eq!(instance.parts(), Some((http(), local())));
        }
    }

    // RFC 6763 4.1.1, 7.2, RFC 6762 16: B1, B18, A35
    #[test]
    fn text_that_names_no_instance_says_why() {
        let error = |text: &str| {
            let error = Instance::new(text, &http(), &local()).unwrap_err();
            error.to_string()
        };
        assert!(error("").contains("empty"));
        for control in ["a\nb", "\0", "a\x1f", "a\x7f"] {
            assert!(error(control).contains("control"), "{control:?}");
        }
        assert!(error(&"x".repeat(64)).contains("64 bytes, expected at most 63"));
        assert!(error(&"ä".repeat(32)).contains("64 bytes"));
        instance(&"x".repeat(63));
        // Printable, though they may look like controls, and not stripped.
        assert_eq!(
            instance("\u{feff}a\u{80}\u{feff}").text(),
            "\u{feff}a\u{80}\u{feff}"
        );
        // RFC 6763 7.2: names of 255 bytes besides the root's.
        let far = |length| {
            Name::parse(&[&"d".repeat(59)[..], &"d".repeat(59), &"d".repeat(length)].join("."))
        };
        let longest = "x".repeat(63);
        assert!(Instance::new(&longest, &http(), &far(59).unwrap()).is_ok());
        let error = Instance::new(&longest, &http(), &far(60).unwrap()).unwrap_err();
        assert!(matches!(error, InstanceError::Name(_)), "{error}");
    }

    #[test]
    fn what_somebody_offers_is_an_instance_whatever_its_label() {
        let labels = [&b"\xff\n"[..], b"_some_thing._tcp", b"_tcp", b"local"];
        let name = Name::from_labels(labels).unwrap();
        let instance = Instance::of(&name).unwrap();
        assert_eq!(instance.shown(), r"\255\010");
        assert_eq!(instance.text(), "\u{fffd}\n");
        assert_eq!(instance.name(), &name);
        for none in [
            "local",
            "_http._tcp.local",
            "casa.local",
            "a.b._http._tcp.local",
        ] {
            assert_eq!(Instance::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn the_text_of_an_instance_is_that_instance(label in prop::collection::vec(any::<u8>(), 1..=63)) {
            let labels = [&label[..], b"_http", b"_tcp", b"local"];
            let instance = Instance::of(&Name::from_labels(labels).unwrap()).unwrap();
            let again = Instance::parse(&instance.to_string()).unwrap();
            prop_assert_eq!(again.name().wire(), instance.name().wire());
        }
    }
}
