//! The bytes of a name: those of most names lie in the value itself, so that a million of them are one piece of memory.

use std::ops::Deref;

/// Most bytes that take no memory of their own.
const SHORT_MAX: usize = 22;

/// Bytes that do not change.
#[derive(Clone)]
pub(super) enum Octets {
    /// So many of these.
    Short(u8, [u8; SHORT_MAX]),
    /// More than fit there.
    Long(Box<[u8]>),
}

// A pointer, a length and nothing more: what one allocation for each name would take beside it.
const _: () = assert!(size_of::<Octets>() == 24);

impl From<&[u8]> for Octets {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT_MAX];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Short(bytes.len() as u8, short)
            }
            None => Self::Long(bytes.into()),
        }
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_what_was_put_in_wherever_they_lie() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            let octets = Octets::from(&bytes[..length]);
            assert_eq!(octets[..], bytes[..length]);
            assert_eq!(matches!(octets, Octets::Short(..)), length <= SHORT_MAX);
            assert_eq!(octets.clone()[..], bytes[..length]);
        }
    }
}
