//! A name with something behind its first label, as the names have that take the place of lost ones.

use llamar_common::abi::LABEL_MAX;

use super::Name;
use super::name::NAME_MAX;

impl Name {
    /// This name with `suffix` behind its first label, which is cut if it has to be; `None` if there is no room.
    pub fn with_suffix(&self, suffix: &str) -> Option<Self> {
        let first = self.labels().next()?;
        // RFC 1035 2.3.4: 63 bytes a label, 255 a name.
        let others = self.wire().len() - first.len();
        let room = LABEL_MAX.min(NAME_MAX.checked_sub(others)?);
        let stem = cut(first, room.checked_sub(suffix.len())?);
        if stem.is_empty() {
            return None;
        }
        let label = [stem, suffix.as_bytes()].concat();
        let labels = [label.as_slice()].into_iter().chain(self.labels().skip(1));
        Self::from_labels(labels).ok()
    }
}

/// The start of a label, of at most `length` bytes. A character of UTF-8 is not cut in two.
fn cut(label: &[u8], length: usize) -> &[u8] {
    let Some(start) = label.get(..length) else {
        return label;
    };
    match std::str::from_utf8(label) {
        Ok(text) => {
            let boundary = (0..=length).rev().find(|&at| text.is_char_boundary(at));
            &start[..boundary.unwrap_or(0)]
        }
        Err(_) => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, suffix: &str) -> Option<String> {
        let name = Name::parse(name).unwrap().with_suffix(suffix);
        name.map(|name| name.to_string())
    }

    // RFC 1035 2.3.4: R65
    #[test]
    fn suffix_goes_behind_what_there_is_room_for_of_the_first_label() {
        assert_eq!(with("casa.local", "-2").as_deref(), Some("casa-2.local"));
        assert_eq!(with(&"a".repeat(63), ""), Some("a".repeat(63)));
        assert_eq!(with(&"ä".repeat(31), "-2"), Some("ä".repeat(30) + "-2"));
        assert_eq!(
            with("a", &"-".repeat(62)),
            Some("a".to_owned() + &"-".repeat(62))
        );
        assert_eq!(with("a", &"-".repeat(63)), None);
        assert_eq!(Name::root().with_suffix("-2"), None);
    }
}
