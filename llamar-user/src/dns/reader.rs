//! Fields of a message, one behind the other (RFC 1035 3.2.1, 3.3, 4.1.4).

use super::Name;

/// A place in a message, and how far one may read from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The message up to where reading ends: pointers lead backwards, so nothing behind that is ever needed.
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a message from an offset on.
    pub(super) fn new(message: &'a [u8], at: usize) -> Self {
        Self { message, at }
    }

    /// The offset of what is read next.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on at another offset.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.message.get(self.at..).unwrap_or_default()
    }

    /// A reader of the next `length` bytes only; this one steps over them.
    pub(super) fn within(&mut self, length: usize) -> Option<Self> {
        let start = self.at;
        self.bytes(length)?;
        Some(Self::new(&self.message[..self.at], start))
    }

    /// The next bytes.
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.rest().get(..length)?;
        self.at += length;
        Some(bytes)
    }

    /// The next bytes, as many as the caller wants to name.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.first_chunk().copied()
    }

    /// The next 16 bits.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 32 bits.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A character-string: up to 255 bytes with their number in front (RFC 1035 3.3).
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        self.bytes(length.into())
    }

    /// A name, compressed or not.
    pub(super) fn name(&mut self) -> Option<Name> {
        let (name, end) = Name::from_message(self.message, self.at)?;
        self.at = end;
        Some(name)
    }

    /// Steps over a name without a look at what it is; `None` if one cannot tell where it ends.
    pub(super) fn skip_name(&mut self) -> Option<()> {
        loop {
            let [length] = self.array()?;
            match length {
                0 => return Some(()),
                1..=63 => self.bytes(length.into())?,
                0xc0.. => return self.bytes(1).map(drop),
                // RFC 1035 4.1.4: reserved, so nobody knows how long what follows is.
                _ => return None,
            };
        }
    }
}
