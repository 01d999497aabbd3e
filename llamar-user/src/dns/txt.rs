//! The data of TXT records: strings of bytes (RFC 1035 3.3.14), and the attributes that DNS-SD puts in them (RFC 6763 6).

/// The strings of a TXT record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Txt {
    /// As they stand in the message, each behind its length. One allocation: a record may hold thousands of empty ones.
    wire: Box<[u8]>,
}

/// What a TXT record says of a key (RFC 6763 6.4). That it says nothing is no attribute at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// The key without an equals sign: it is there.
    Present,
    /// What follows the equals sign; it may be empty. RFC 6763 6.5: any bytes, quotes among them are a part of it.
    Value(&'a [u8]),
}

impl Txt {
    /// The record of these strings; without any, of one that is empty. `None` if one is longer than 255 bytes or all
    /// together fit in no record.
    pub fn new<'s>(strings: impl IntoIterator<Item = &'s [u8]>) -> Option<Self> {
        let mut wire = Vec::new();
        for string in strings {
            wire.push(u8::try_from(string.len()).ok()?);
            wire.extend_from_slice(string);
        }
        if wire.is_empty() {
            // RFC 6763 6.1: a TXT record without attributes is a single zero byte, empty data must not be sent.
            wire.push(0);
        }
        (wire.len() <= usize::from(u16::MAX)).then(|| Self { wire: wire.into() })
    }

    /// The strings that bytes are; `None` if the last one is cut off. Empty data is taken: RFC 6763 6.1 has it mean the
    /// same as one empty string.
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut rest = wire;
        while let Some((&length, behind)) = rest.split_first() {
            rest = behind.get(usize::from(length)..)?;
        }
        Some(Self { wire: wire.into() })
    }

    /// The strings as they stand in a message, each behind its length.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The strings, in their order.
    pub fn strings(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.wire[..];
        std::iter::from_fn(move || {
            let (&length, behind) = rest.split_first()?;
            let (string, behind) = behind.split_at_checked(usize::from(length))?;
            rest = behind;
            Some(string)
        })
    }

    /// The attributes, in their order. RFC 6763 6.4: strings that are empty or begin with an equals sign are none.
    pub fn attributes(&self) -> impl Iterator<Item = (&[u8], Attribute<'_>)> {
        let parts = self.strings().map(|string| {
            let sign = string.iter().position(|&byte| byte == b'=');
            match sign {
                Some(sign) => (&string[..sign], Attribute::Value(&string[sign + 1..])),
                None => (string, Attribute::Present),
            }
        });
        parts.filter(|(key, _)| !key.is_empty())
    }

    /// What is said of a key. RFC 6763 6.4: case does not matter, and of several only the first counts.
    pub fn attribute(&self, key: &str) -> Option<Attribute<'_>> {
        self.attributes()
            .find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes()))
            .map(|(_, attribute)| attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6763 6.1: B3
    #[test]
    fn record_without_strings_is_one_zero_byte() {
        assert_eq!(Txt::new([]).unwrap().wire(), b"\0");
        let empty = Txt::from_wire(b"").unwrap();
        assert_eq!((empty.wire(), empty.strings().count()), (&b""[..], 0));
        for same in [
            Txt::new([]).unwrap(),
            Txt::from_wire(b"\0\0").unwrap(),
            empty,
        ] {
            assert_eq!(same.attributes().count(), 0);
        }
    }

    // RFC 1035 3.3, 3.3.14
    #[test]
    fn strings_keep_their_bytes_and_borders() {
        let strings = [&b"a=1"[..], b"", b"\xff\0"];
        let txt = Txt::new(strings).unwrap();
        assert_eq!(txt.wire(), b"\x03a=1\0\x02\xff\0");
        assert_eq!(txt.strings().collect::<Vec<_>>(), strings);
        assert_eq!(Txt::from_wire(txt.wire()), Some(txt));
        for cut in [&b"\x03a="[..], b"\0\x01"] {
            assert_eq!(Txt::from_wire(cut), None);
        }
        let longest = [b'x'; 256];
        assert!(Txt::new([&longest[..255]]).is_some());
        assert_eq!(Txt::new([&longest[..]]), None);
        assert_eq!(Txt::new(vec![&longest[..255]; 256]), None);
    }

    // RFC 6763 6.4, 6.5: B4
    #[test]
    fn attributes_are_absent_present_empty_or_a_value() {
        let strings = [
            &b"=x"[..],
            b"",
            b"Plain",
            b"Empty=",
            b"k=a=\"b\"",
            b"K=second",
            b"Long-Key-Indeed=\xff",
        ];
        let txt = Txt::new(strings).unwrap();
        assert_eq!(txt.attribute("absent"), None);
        assert_eq!(txt.attribute(""), None);
        assert_eq!(txt.attribute("plain"), Some(Attribute::Present));
        assert_eq!(txt.attribute("EMPTY"), Some(Attribute::Value(b"")));
        assert_eq!(txt.attribute("K"), Some(Attribute::Value(b"a=\"b\"")));
        assert_eq!(
            txt.attribute("long-key-indeed"),
            Some(Attribute::Value(b"\xff"))
        );
        assert_eq!(txt.attributes().count(), 5);
    }
}
