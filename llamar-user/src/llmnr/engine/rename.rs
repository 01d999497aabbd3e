//! The name that takes the place of one that is lost: `casa-2` for `casa`.

use crate::dns::Name;

/// A name with a number at the end of its first label, which is cut if it has to be; `None` if there is no room.
pub fn numbered(name: &Name, number: u32) -> Option<Name> {
    name.with_suffix(&format!("-{number}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::name::NAME_MAX;

    fn text(name: &str, number: u32) -> Option<String> {
        numbered(&Name::parse(name).unwrap(), number).map(|name| name.to_string())
    }

    #[test]
    fn number_goes_to_the_first_label() {
        assert_eq!(text("casa", 2).as_deref(), Some("casa-2"));
        assert_eq!(
            text("Casa.example.org", 13).as_deref(),
            Some("Casa-13.example.org")
        );
        assert_eq!(text("casa-2", 2).as_deref(), Some("casa-2-2"));
    }

    // RFC 1035 2.3.4: R65
    #[test]
    fn long_label_is_cut_between_characters() {
        assert_eq!(text(&"a".repeat(61), 2), Some("a".repeat(61) + "-2"));
        assert_eq!(text(&"a".repeat(63), 10), Some("a".repeat(60) + "-10"));
        let umlauts = "ä".repeat(31);
        assert_eq!(text(&umlauts, 2), Some("ä".repeat(30) + "-2"));
        let bytes = Name::from_labels([&[0xff; 63][..]]).unwrap();
        let label = [&[0xff; 61][..], b"-2"].concat();
        assert_eq!(
            numbered(&bytes, 2).unwrap().single_label(),
            Some(label.as_slice())
        );
    }

    #[test]
    fn name_without_room_for_a_number_has_none() {
        let others = ["a", "b", "c"].map(|letter| letter.repeat(63)).join(".");
        let full = format!("xyz.{others}.{}", "d".repeat(57));
        assert_eq!(Name::parse(&full).unwrap().wire().len(), NAME_MAX);
        let expected = full.replace("xyz", "x-2");
        assert_eq!(text(&full, 2), Some(expected));
        assert_eq!(text(&full, 10), None);
        assert_eq!(text(&format!("x.{others}.{}", "d".repeat(59)), 2), None);
        assert_eq!(numbered(&Name::from_labels([]).unwrap(), 2), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_name_gets_another_or_none(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..4),
            number in any::<u32>(),
        ) {
            if let Ok(name) = Name::from_labels(labels.iter().map(Vec::as_slice)) {
                let other = numbered(&name, number);
                prop_assert!(other.as_ref() != Some(&name));
                if let Some(other) = other {
                    prop_assert!(other.labels().skip(1).eq(name.labels().skip(1)));
                }
            }
        }
    }
}
