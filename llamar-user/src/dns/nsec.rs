//! The data of NSEC records: which types a name has (RFC 4034 4.1, RFC 6762 6.1).

use super::Name;

/// Most bytes of bits in one window (RFC 4034 4.1.2).
const BITS_MAX: usize = 32;

/// The data of an NSEC record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nsec {
    /// The next name; in mDNS the record's own.
    pub next: Name,
    /// Windows of types as they stand in the message: number, length, bits.
    bitmaps: Box<[u8]>,
}

impl Nsec {
    /// The record that says which types there are behind a name.
    pub fn new(next: Name, kinds: impl IntoIterator<Item = u16>) -> Self {
        let mut kinds: Vec<u16> = kinds.into_iter().collect();
        kinds.sort_unstable();
        let mut bitmaps = Vec::new();
        for kinds in kinds.chunk_by(|a, b| a >> 8 == b >> 8) {
            let mut bits = [0; BITS_MAX];
            let mut used = 0;
            let mut window = 0;
            for kind in kinds {
                let [number, low] = kind.to_be_bytes();
                (window, used) = (number, usize::from(low / 8) + 1);
                bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
            }
            // RFC 4034 4.1.2: no zeros at the end of a window.
            bitmaps.extend_from_slice(&[window, used as u8]);
            bitmaps.extend_from_slice(&bits[..used]);
        }
        Self {
            next,
            bitmaps: bitmaps.into(),
        }
    }

    /// The record of a name and these windows; `None` if one is cut off or has no bits or more than 32 bytes of them.
    pub fn from_wire(next: Name, bitmaps: &[u8]) -> Option<Self> {
        let mut rest = bitmaps;
        while let [_, length, behind @ ..] = rest {
            let length = usize::from(*length);
            if !(1..=BITS_MAX).contains(&length) {
                return None;
            }
            rest = behind.get(length..)?;
        }
        rest.is_empty().then(|| Self {
            next,
            bitmaps: bitmaps.into(),
        })
    }

    /// The windows as they stand in a message.
    pub fn bitmaps(&self) -> &[u8] {
        &self.bitmaps
    }

    /// The types that the name has, in the record's order.
    pub fn kinds(&self) -> impl Iterator<Item = u16> {
        self.windows().flat_map(|(window, bits)| {
            let bits = bits.iter().zip(0u8..);
            bits.flat_map(move |(&byte, place)| {
                let set = (0..8).filter(move |bit| byte & 0x80 >> bit != 0);
                set.map(move |bit| u16::from_be_bytes([window, place * 8 + bit]))
            })
        })
    }

    /// Whether the name has a type.
    pub fn has(&self, kind: u16) -> bool {
        self.kinds().any(|each| each == kind)
    }

    /// Whether this is the form that mDNS uses: one window, number 0. RFC 6762 6.1: another form is no error, but what it
    /// says may be ignored.
    pub fn is_restricted(&self) -> bool {
        self.windows().map(|(window, _)| window).eq([0])
    }

    fn windows(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &self.bitmaps[..];
        std::iter::from_fn(move || {
            let [window, length, behind @ ..] = rest else {
                return None;
            };
            let (bits, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some((*window, bits))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> Name {
        Name::parse("casa.local").unwrap()
    }

    // RFC 4034 4.3: the example of its text. A, MX, RRSIG, NSEC and TYPE1234.
    #[test]
    fn windows_are_those_of_rfc_4034() {
        let nsec = Nsec::new(name(), [1234, 1, 15, 46, 47, 15]);
        let mut expected = b"\0\x06\x40\x01\0\0\0\x03\x04\x1b".to_vec();
        expected.extend_from_slice(&[0; 26]);
        expected.push(0x20);
        assert_eq!(nsec.bitmaps(), expected);
        assert_eq!(nsec.kinds().collect::<Vec<_>>(), [1, 15, 46, 47, 1234]);
        assert!(nsec.has(46) && !nsec.has(2) && !nsec.is_restricted());
    }

    // RFC 6762 6.1: A16, A45
    #[test]
    fn restricted_form_is_one_window_with_number_0() {
        let nsec = Nsec::new(name(), [28, 1]);
        assert_eq!(nsec.bitmaps(), b"\0\x04\x40\0\0\x08");
        assert!(nsec.is_restricted());
        for (bitmaps, restricted) in [
            (&b"\0\x01\0"[..], true),
            (
                b"\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                true,
            ),
            (b"\x01\x01\x40", false),
            (b"\0\x01\x40\x01\x01\x40", false),
            (b"", false),
        ] {
            let nsec = Nsec::from_wire(name(), bitmaps).unwrap();
            assert_eq!(
                (nsec.bitmaps(), nsec.is_restricted()),
                (bitmaps, restricted)
            );
        }
    }

    // RFC 4034 4.1.2
    #[test]
    fn broken_windows_are_refused() {
        for bitmaps in [
            &b"\0"[..],
            b"\0\0",
            b"\0\x02\x40",
            b"\0\x01\x40\x01",
            b"\0\x21",
        ] {
            assert_eq!(Nsec::from_wire(name(), bitmaps), None, "{bitmaps:x?}");
        }
        let mut long = vec![0; 35];
        long[1] = 33;
        assert_eq!(Nsec::from_wire(name(), &long), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn types_come_back(mut kinds in prop::collection::vec(any::<u16>(), 0..20)) {
            let nsec = Nsec::new(name(), kinds.iter().copied());
            kinds.sort_unstable();
            kinds.dedup();
            prop_assert_eq!(nsec.kinds().collect::<Vec<_>>(), kinds);
            prop_assert_eq!(Nsec::from_wire(name(), nsec.bitmaps()), Some(nsec));
        }
    }
}
