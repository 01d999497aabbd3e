//! RFC 6762 9, RFC 6763 D: names with numbers.

use proptest::prelude::*;

use super::super::rename::{number_of, numbered};
use super::bench::*;
use crate::dns::Name;

fn host(text: &str, number: u32) -> Option<String> {
    numbered(&name(text), number, false).map(|name| name.to_string())
}

fn service(label: &str, number: u32) -> Option<String> {
    let name = Name::from_labels([label.as_bytes(), b"_http", b"_tcp", b"local"]).unwrap();
    let name = numbered(&name, number, true)?;
    let first = name.labels().next().unwrap().to_vec();
    Some(String::from_utf8(first).unwrap())
}

// RFC 6763 D: B10
#[test]
fn host_gets_a_hyphen_and_a_service_parentheses() {
    assert_eq!(host("casa.local", 2).as_deref(), Some("casa-2.local"));
    assert_eq!(host("casa-2.local", 2).as_deref(), Some("casa-2-2.local"));
    assert_eq!(service("Web", 2).as_deref(), Some("Web (2)"));
    assert_eq!(
        service("Web", 4_294_967_295).as_deref(),
        Some("Web (4294967295)")
    );
}

// RFC 6763 4.1.1: B1, B10
#[test]
fn long_label_is_cut_between_characters() {
    assert_eq!(service(&"a".repeat(63), 10), Some("a".repeat(58) + " (10)"));
    // Two bytes each: 30 of them and four more bytes are 64.
    assert_eq!(service(&"ä".repeat(31), 2), Some("ä".repeat(29) + " (2)"));
    assert_eq!(
        host(&format!("{}.local", "ä".repeat(31)), 2),
        Some("ä".repeat(30) + "-2.local")
    );
    let bytes = Name::from_labels([&[0xff; 63][..]]).unwrap();
    let cut = numbered(&bytes, 2, false).unwrap();
    assert_eq!(
        cut.single_label(),
        Some([&[0xff; 61][..], b"-2"].concat().as_slice())
    );
}

#[test]
fn name_without_room_for_a_number_has_none() {
    let others = ["a", "b", "c"].map(|letter| letter.repeat(63)).join(".");
    assert_eq!(host(&format!("x.{others}.{}", "d".repeat(59)), 2), None);
    assert_eq!(numbered(&Name::root(), 2, false), None);
}

#[test]
fn number_of_a_name_is_that_it_was_made_with() {
    let number = |used: &str, is_service| number_of(&name("casa.local"), &name(used), is_service);
    assert_eq!(number("casa.local", false), 1);
    assert_eq!(number("casa-2.local", false), 2);
    assert_eq!(number("CASA-17.local", false), 17);
    assert_eq!(number("casa-02.local", false), 1);
    assert_eq!(number("villa-2.local", false), 1);
    assert_eq!(number("casa-99999999999.local", false), 1);
    assert_eq!(number("casa-2.local", true), 1);
    assert_eq!(number(r"casa\032(3).local", true), 3);
    assert_eq!(number("7.local", false), 1);
    assert_eq!(number_of(&name("casa.local"), &Name::root(), false), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_gets_another_and_its_number_back(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..4),
        number in 2..u32::MAX,
        is_service: bool,
    ) {
        if let Ok(name) = Name::from_labels(labels.iter().map(Vec::as_slice))
            && let Some(other) = numbered(&name, number, is_service)
        {
            prop_assert!(other.labels().skip(1).eq(name.labels().skip(1)));
            prop_assert_eq!(number_of(&name, &other, is_service), number);
        }
    }
}
