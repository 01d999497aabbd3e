//! Names below `local.`, the domain of every link (RFC 6762 3).

use crate::dns::name::NAME_MAX;
use crate::dns::{Name, NameError};

/// The one label of the domain.
const LOCAL: &[u8] = b"local";

/// The domain itself.
pub fn local() -> Name {
    made_of(&[LOCAL])
}

/// The name that has all types of service of a link as its PTR records (RFC 6763 9).
pub fn meta_query_name() -> Name {
    // RFC 6763 9: a question for those who look into a network, not for those who look for a service.
    made_of(&[b"_services", b"_dns-sd", b"_udp", LOCAL])
}

/// A host's name in the domain: `casa.local` for `casa`. One that ends in it already is taken as it is.
pub fn in_local(name: &Name) -> Result<Name, NameError> {
    let is_in_local = name
        .labels()
        .last()
        .is_some_and(|label| label.eq_ignore_ascii_case(LOCAL));
    if is_in_local && name.single_label().is_none() {
        return Ok(name.clone());
    }
    let labels = name.labels().chain([LOCAL]);
    let whole = Name::from_labels(labels)?;
    match whole.wire().len() {
        0..=NAME_MAX => Ok(whole),
        length => Err(NameError::TooLong {
            name: whole.to_string(),
            length,
        }),
    }
}

/// A name that is written in this file, and therefore is one.
fn made_of(labels: &[&[u8]]) -> Name {
    Name::from_labels(labels.iter().copied()).unwrap_or_else(|_| Name::root())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    // RFC 6763 9: B6
    #[test]
    fn all_types_of_a_link_are_under_one_name() {
        assert_eq!(meta_query_name(), name("_services._dns-sd._udp.local"));
        assert_eq!(local(), name("local"));
    }

    #[test]
    fn a_name_is_in_the_domain_once() {
        for (given, whole) in [
            ("casa", "casa.local"),
            ("nas.lab", "nas.lab.local"),
            ("casa.local", "casa.local"),
            ("Casa.LOCAL.", "Casa.LOCAL"),
            ("local", "local.local"),
            ("local.lab", "local.lab.local"),
        ] {
            assert_eq!(in_local(&name(given)).unwrap(), name(whole), "{given}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_in_the_domain_is_an_error() {
        let long = "a".repeat(62);
        let fits = format!("{long}.{long}.{long}.{}", "b".repeat(58));
        assert_eq!(in_local(&name(&fits)).unwrap().wire().len(), 255);
        let error = in_local(&name(&format!("{fits}b"))).unwrap_err();
        assert!(matches!(error, NameError::TooLong { length: 256, .. }));
        // As it is, it is whole.
        let whole = format!("{long}.{long}.{long}.{}.local", "b".repeat(58));
        assert_eq!(in_local(&name(&whole)).unwrap(), name(&whole));
    }
}
