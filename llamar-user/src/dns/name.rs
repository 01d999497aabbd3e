//! Domain names: text and wire form, comparison (RFC 1035 2.3.3, 2.3.4, 3.1, 4.1.4).
//!
//! A label is any bytes. Names that people write are taken as UTF-8; nothing is normalised but the case of ASCII
//! letters, and that only for comparing.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use llamar_common::abi::LABEL_MAX;
use llamar_common::wire::dns;

use super::escape::{escape, unescape};
use super::octets::Octets;

/// Longest name that people may write, in wire form, with its length octets and the final zero (RFC 1035 2.3.4 as most
/// implementations read it).
pub const NAME_MAX: usize = 255;

/// Longest name that is read from messages or made of labels: RFC 6762 C does not count the final zero.
pub const WIRE_MAX: usize = 256;

/// Most pointers that one name is followed through: as many as a name has labels, more carry none.
const JUMPS_MAX: usize = 127;

/// A domain name. It keeps its bytes as they came; `Eq`, `Ord` and `Hash` fold the case of ASCII letters.
#[derive(Clone)]
pub struct Name {
    /// Uncompressed wire form with the final zero.
    wire: Octets,
}

impl Name {
    /// The name that a text stands for: labels between dots, one dot allowed at the end, `\.`, `\\` and `\DDD`
    /// (decimal byte) as RFC 1035 5.1 has them.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let body = text.as_bytes();
        if body.is_empty() || body == b"." {
            return Err(NameError::Empty);
        }
        let mut wire = Wire::new();
        let mut rest = body;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            match byte {
                b'.' => wire.end_label().map_err(|error| error.of(text))?,
                b'\\' => {
                    let (byte, behind) = unescape(rest).ok_or_else(|| Broken::Escape.of(text))?;
                    wire.push(byte);
                    rest = behind;
                }
                byte => wire.push(byte),
            }
        }
        if wire.in_label() {
            wire.end_label().map_err(|error| error.of(text))?;
        }
        let name = wire.finish().map_err(|error| error.of(text))?;
        match name.wire.len() {
            0..=NAME_MAX => Ok(name),
            length => Err(Broken::TooLong(length).of(text)),
        }
    }

    /// The root: the name without labels.
    pub fn root() -> Self {
        Self {
            wire: Octets::from(&[0][..]),
        }
    }

    /// The name of one label; `None` if that is empty or too long.
    pub fn from_label(label: &[u8]) -> Option<Self> {
        let mut wire = [0; LABEL_MAX + 2];
        let (length, rest) = wire.split_first_mut()?;
        rest[..LABEL_MAX]
            .get_mut(..label.len())?
            .copy_from_slice(label);
        *length = label.len() as u8;
        (!label.is_empty()).then(|| Self {
            wire: Octets::from(&wire[..label.len() + 2]),
        })
    }

    /// The name of these labels, the host's own first.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut wire = Wire::new();
        let mut text = String::new();
        for label in labels {
            wire.extend(label);
            text.push_str(&String::from_utf8_lossy(label));
            wire.end_label().map_err(|error| error.of(&text))?;
            text.push('.');
        }
        wire.finish().map_err(|error| error.of(&text))
    }

    /// The name at the start of `bytes` and how many of them it takes; `None` if it is cut off, too long or
    /// compressed.
    pub fn from_wire(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut at = 0;
        loop {
            // RFC 1035 2.3.4, 3.1: labels of at most 63 bytes; other length octets are pointers or reserved.
            let length = usize::from(*bytes.get(at)?);
            if length > LABEL_MAX || at + length >= WIRE_MAX {
                return None;
            }
            at += 1 + length;
            if length == 0 {
                return Some((
                    Self {
                        wire: Octets::from(&bytes[..at]),
                    },
                    at,
                ));
            }
        }
    }

    /// The name at `offset` of a message, compressed or not, and the offset behind it; `None` if it is cut off, too
    /// long, or has a reserved length octet or a pointer that does not go backwards or goes into the header.
    pub fn from_message(message: &[u8], offset: usize) -> Option<(Self, usize)> {
        // Most are not compressed.
        if let Some((name, length)) = Self::from_wire(message.get(offset..)?) {
            return Some((name, offset + length));
        }
        let mut wire = Wire::new();
        let mut at = offset;
        let mut limit = offset;
        let mut end = None;
        let mut jumps = 0;
        loop {
            let length = usize::from(*message.get(at)?);
            match length {
                0 => {
                    let name = wire.finish().ok()?;
                    return Some((name, end.unwrap_or(at + 1)));
                }
                1..=LABEL_MAX => {
                    wire.extend(message.get(at + 1..=at + length)?);
                    wire.end_label().ok()?;
                    at += 1 + length;
                }
                // RFC 1035 4.1.4: a pointer names a prior occurrence, and the header holds none. Each must go to before
                // where the labels in front of it began, so that no two of them chase each other.
                0xc0..=0xff => {
                    let target = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                    end.get_or_insert(at + 2);
                    jumps += 1;
                    if !(dns::HEADER..limit).contains(&target) || jumps > JUMPS_MAX {
                        return None;
                    }
                    at = target;
                    limit = target;
                }
                // RFC 1035 4.1.4: the octets 01xxxxxx and 10xxxxxx are reserved.
                _ => return None,
            }
        }
    }

    /// The labels, the host's own first, without the empty one of the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.wire[..];
        std::iter::from_fn(move || {
            let (&length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked(usize::from(length))?;
            rest = behind;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The label of a name that has one only.
    pub fn single_label(&self) -> Option<&[u8]> {
        let length = usize::from(self.wire[0]);
        (length != 0 && self.wire.len() == length + 2).then(|| &self.wire[1..=length])
    }

    /// The uncompressed wire form, with the final zero.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // RFC 1035 2.3.3: ASCII letters compare without their case. Length octets are below 64 and so no letters.
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        for (mine, theirs) in self.wire.iter().zip(other.wire.iter()) {
            match mine.to_ascii_lowercase().cmp(&theirs.to_ascii_lowercase()) {
                Ordering::Equal => {}
                order => return order,
            }
        }
        self.wire.len().cmp(&other.wire.len())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut folded = [0; WIRE_MAX];
        let folded = &mut folded[..self.wire.len()];
        folded.copy_from_slice(&self.wire);
        folded.make_ascii_lowercase();
        state.write(folded);
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// Labels with dots between them and none at the end; the root is `.`. What would mislead a reader or a terminal is
/// written as [`Name::parse`] takes it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wire.len() == 1 {
            return f.pad(".");
        }
        let mut text = String::with_capacity(self.wire.len());
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                text.push('.');
            }
            escape(label, ['.', '\\'], false, &mut text)?;
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it.
    #[error("a name is empty")]
    Empty,
    /// Two dots in a row, or one in front.
    #[error("{0:?} has an empty label")]
    EmptyLabel(String),
    /// A label above [`LABEL_MAX`].
    #[error("{name:?} has a label of {length} bytes (at most {LABEL_MAX})")]
    LabelTooLong {
        /// The whole text.
        name: String,
        /// Bytes of the label.
        length: usize,
    },
    /// A whole above [`NAME_MAX`], or above [`WIRE_MAX`] if it was made of labels.
    #[error(
        "{name:?} has {length} bytes (at most {NAME_MAX}, with one for each label and one for the end)"
    )]
    TooLong {
        /// The whole text.
        name: String,
        /// Bytes in wire form.
        length: usize,
    },
    /// A backslash with neither a character nor a decimal byte behind it.
    #[error("{0:?} has a backslash without a character or three digits up to 255 behind it")]
    Escape(String),
}

/// A name being put together in wire form. It counts what does not fit, so that an error can say how long it was.
struct Wire {
    bytes: [u8; WIRE_MAX],
    /// Where the length octet of the current label is.
    label: usize,
    /// Where the next byte goes.
    at: usize,
}

impl Wire {
    fn new() -> Self {
        Self {
            bytes: [0; WIRE_MAX],
            label: 0,
            at: 1,
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.at) {
            *place = byte;
        }
        self.at += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    fn in_label(&self) -> bool {
        self.at > self.label + 1
    }

    fn end_label(&mut self) -> Result<(), Broken> {
        let length = self.at - self.label - 1;
        match length {
            0 => return Err(Broken::EmptyLabel),
            1..=LABEL_MAX => {}
            _ => return Err(Broken::LabelTooLong(length)),
        }
        if let Some(place) = self.bytes.get_mut(self.label) {
            *place = length as u8;
        }
        self.label = self.at;
        self.at += 1;
        Ok(())
    }

    /// The name, when the last label has ended.
    fn finish(&self) -> Result<Name, Broken> {
        let wire = self.bytes.get(..self.at).ok_or(Broken::TooLong(self.at))?;
        Ok(Name {
            wire: Octets::from(wire),
        })
    }
}

/// A [`NameError`] that does not know the whole text yet.
enum Broken {
    EmptyLabel,
    LabelTooLong(usize),
    TooLong(usize),
    Escape,
}

impl Broken {
    fn of(self, text: &str) -> NameError {
        let name = text.to_owned();
        match self {
            Self::EmptyLabel => NameError::EmptyLabel(name),
            Self::LabelTooLong(length) => NameError::LabelTooLong { name, length },
            Self::TooLong(length) => NameError::TooLong { name, length },
            Self::Escape => NameError::Escape(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn text_becomes_labels_with_length_octets_and_a_final_zero() {
        assert_eq!(name("Casa").wire(), b"\x04Casa\0");
        assert_eq!(name("casa.example").wire(), b"\x04casa\x07example\0");
        assert_eq!(name("casa.example.").wire(), b"\x04casa\x07example\0");
        assert_eq!(name("größe").wire(), b"\x07gr\xc3\xb6\xc3\x9fe\0");
        assert_eq!(name(r"a\.b\\c\032d").wire(), b"\x07a.b\\c d\0");
    }

    #[test]
    fn one_label_is_a_name() {
        assert_eq!(Name::from_label(b"Casa").unwrap().wire(), b"\x04Casa\0");
        for length in [1, 21, 22, 63] {
            let label = vec![b'x'; length];
            let whole = Name::from_labels([&label[..]]).unwrap();
            assert_eq!(Name::from_label(&label).unwrap().wire(), whole.wire());
        }
        assert!(Name::from_label(b"").is_none() && Name::from_label(&[b'x'; 64]).is_none());
    }

    #[test]
    fn text_that_is_no_name_says_why() {
        let long = "x".repeat(64);
        let whole = [&long[1..]; 4].join(".");
        let error = |text: &str| Name::parse(text).unwrap_err();
        assert_eq!(error(""), NameError::Empty);
        assert_eq!(error("."), NameError::Empty);
        assert_eq!(error(".casa"), NameError::EmptyLabel(".casa".into()));
        assert_eq!(
            error("casa..example"),
            NameError::EmptyLabel("casa..example".into())
        );
        assert_eq!(error("casa.."), NameError::EmptyLabel("casa..".into()));
        assert_eq!(
            error(&long),
            NameError::LabelTooLong {
                name: long.clone(),
                length: 64
            }
        );
        assert_eq!(
            error(&whole),
            NameError::TooLong {
                name: whole.clone(),
                length: 257
            }
        );
        assert_eq!(
            error(&"y".repeat(1000)),
            NameError::LabelTooLong {
                name: "y".repeat(1000),
                length: 1000
            }
        );
        for text in ["a\\", r"a\1", r"a\25", r"a\256"] {
            assert_eq!(error(text), NameError::Escape(text.into()));
        }
        assert_eq!(error("a..b").to_string(), r#""a..b" has an empty label"#);
    }

    #[test]
    fn names_of_exactly_255_bytes_are_taken_and_one_more_is_not() {
        let label = "x".repeat(63);
        let text = format!("{label}.{label}.{label}.{}", "y".repeat(61));
        let longest = name(&text);
        assert_eq!(longest.wire().len(), NAME_MAX);
        assert_eq!(
            Name::from_wire(longest.wire()),
            Some((longest.clone(), NAME_MAX))
        );
        assert_eq!(
            Name::from_message(longest.wire(), 0),
            Some((longest, NAME_MAX))
        );
        let more = format!("{text}y");
        assert_eq!(
            Name::parse(&more),
            Err(NameError::TooLong {
                name: more.clone(),
                length: 256
            })
        );
        let mut wire: Vec<u8> = Vec::new();
        more.split('.').for_each(|label| {
            wire.push(label.len() as u8);
            wire.extend(label.bytes());
        });
        wire.push(0);
        // RFC 6762 C: A35. Others may send it.
        let longer = Name::from_wire(&wire).unwrap();
        assert_eq!((longer.0.wire(), longer.1), (&wire[..], 256));
        assert_eq!(Name::from_message(&wire, 0), Some(longer.clone()));
        assert_eq!(Name::from_labels(longer.0.labels()), Ok(longer.0));
        wire[192] += 1;
        wire.insert(193, b'z');
        assert_eq!(Name::from_wire(&wire), None);
        assert_eq!(Name::from_message(&wire, 0), None);
    }

    // RFC 1035 2.3.3: R29
    #[test]
    fn names_compare_without_ascii_case_and_other_bytes_exactly() {
        assert_eq!(name("CASA.Example"), name("casa.eXAMPLE"));
        assert_ne!(name("größe"), name("grÖße"));
        assert_ne!(name("casa["), name("casa{"));
        assert_ne!(name("casa@"), name("casa`"));
        assert_ne!(name("ab.c"), name("a.bc"));
        let set: HashSet<Name> = [name("Casa"), name("media")].into();
        assert!(set.contains(&name("cASA")) && !set.contains(&name("casa.media")));
        assert_eq!(name("B").cmp(&name("a")), Ordering::Greater);
        assert_eq!(name("b").cmp(&name("B")), Ordering::Equal);
        assert!(name("a") < name("B"));
        let hash = |text| BuildHasherDefault::<DefaultHasher>::default().hash_one(name(text));
        assert_eq!(hash("Casa"), hash("cASA"));
        assert_ne!(hash("casa"), hash("media"));
    }

    #[test]
    fn labels_are_told_apart_from_names_of_several() {
        assert_eq!(name("casa").single_label(), Some(&b"casa"[..]));
        assert_eq!(name("casa.example").single_label(), None);
        let root = Name::from_wire(b"\0rest").unwrap();
        assert_eq!(
            (root.0.single_label(), root.1, root.0.labels().count()),
            (None, 1, 0)
        );
        assert_eq!(
            name("a.bc.d").labels().collect::<Vec<_>>(),
            [&b"a"[..], b"bc", b"d"]
        );
        assert_eq!(
            Name::from_labels(name("a.bc.d").labels()),
            Ok(name("a.bc.d"))
        );
        assert_eq!(
            Name::from_labels([&b"a"[..], b""]),
            Err(NameError::EmptyLabel("a.".into()))
        );
    }

    #[test]
    fn output_hides_nothing_from_its_reader() {
        let shown = |label: &[u8]| Name::from_labels([label]).unwrap().to_string();
        assert_eq!(shown("größe".as_bytes()), "größe");
        assert_eq!(shown(b"a.b\\c d\x07\xff"), r"a\.b\\c\032d\007\255");
        assert_eq!(
            shown("a\u{202e}b\u{85}".as_bytes()),
            r"a\226\128\174b\194\133"
        );
        assert_eq!(Name::from_wire(b"\0").unwrap().0.to_string(), ".");
        assert_eq!(
            format!("{:>6}|{:?}", name("a.b"), name("a.b")),
            "   a.b|Name(a.b)"
        );
    }

    // RFC 1035 3.1, 4.1.4: R65
    #[test]
    fn wire_names_with_reserved_octets_or_cut_off_are_refused() {
        for bytes in [
            &b""[..],
            b"\x04cas",
            b"\x04casa",
            b"\x40a\0",
            b"\x80a\0",
            b"\xc0\x0c",
        ] {
            assert_eq!(Name::from_wire(bytes), None, "{bytes:x?}");
        }
        for bytes in [
            &b""[..],
            b"\x04cas",
            b"\x04casa",
            b"\x40a\0",
            b"\x80a\0",
            b"\xc0",
        ] {
            assert_eq!(Name::from_message(bytes, 0), None, "{bytes:x?}");
        }
    }

    // RFC 1035 4.1.4: R65
    #[test]
    fn pointers_go_backwards_only() {
        let message = b"............\x01b\0\x01a\xc0\x0c\xc0\x0f\x01z\xc0\x13";
        assert_eq!(Name::from_message(message, 15), Some((name("a.b"), 19)));
        assert_eq!(Name::from_message(message, 19), Some((name("a.b"), 21)));
        assert_eq!(Name::from_message(message, 21), Some((name("z.a.b"), 25)));
        for (names, offset) in [
            (&b"\xc0\x0c"[..], 12),           // itself
            (b"\xc0\x0e\xc0\x0c", 12),        // forwards
            (b"\x01a\xc0\x0c", 12),           // the start of its own labels
            (b"\x01a\xc0\x10\xc0\x0c\0", 16), // two that chase each other
            (b"\x01a\x01b\xc0\x0e", 14),      // into its own labels
            (b"\x01a\xc0\x15", 12),           // behind the end
            (b"\xc0\x0e\x01a\0\xc0\x0c", 17), // back, and forwards from there
            (b"\x01a\xc0\x00", 12),           // into the header
            (b"\x01a\xc0\x0b", 12),           // its last byte
        ] {
            let message = [&[0; 12], names].concat();
            assert_eq!(Name::from_message(&message, offset), None, "{names:x?}");
        }
    }

    // RFC 1035 4.1.4: R65
    #[test]
    fn names_through_more_pointers_than_labels_are_refused() {
        let mut message = b"............\x01a\0".to_vec();
        for pointer in 0..128u16 {
            let target = if pointer == 0 { 12 } else { 13 + 2 * pointer };
            message.extend_from_slice(&(0xc000 | target).to_be_bytes());
        }
        assert_eq!(
            Name::from_message(&message, 15 + 2 * 126),
            Some((name("a"), 15 + 2 * 127))
        );
        assert_eq!(Name::from_message(&message, 15 + 2 * 127), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_name_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300), offset in 0..310usize) {
            if let Some((name, end)) = Name::from_message(&bytes, offset) {
                prop_assert!(end <= bytes.len() && name.wire().len() <= WIRE_MAX);
                prop_assert_eq!(Name::from_wire(name.wire()), Some((name.clone(), name.wire().len())));
            }
            if let Some((name, used)) = Name::from_wire(&bytes) {
                prop_assert_eq!(name.wire(), &bytes[..used]);
                prop_assert_eq!(Name::from_message(&bytes, 0), Some((name, used)));
            }
        }

        #[test]
        fn text_of_a_name_is_that_name(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 1..4)) {
            let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            let again = Name::parse(&name.to_string()).unwrap();
            prop_assert_eq!(again.wire(), name.wire());
        }

        #[test]
        fn any_text_is_a_name_or_an_error(text in any::<String>()) {
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(&name.to_string()).unwrap(), name);
            }
        }

        #[test]
        fn order_and_hash_agree_with_equality(a in "[aAbB.]{1,4}", b in "[aAbB.]{1,4}") {
            if let (Ok(a), Ok(b)) = (Name::parse(&a), Name::parse(&b)) {
                prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
                prop_assert_eq!(a == b, HashSet::from([a]).contains(&b));
            }
        }
    }
}
