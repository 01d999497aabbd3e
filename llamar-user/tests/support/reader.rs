//! A reader of the bytes of DNS messages, written for the tests alone so that llamar is not judged by its own code.

/// Bytes, and how far they are read.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// From the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether everything is read.
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// So many bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    /// A number of 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The six numbers of a header.
    pub fn header(&mut self) -> Option<[u16; 6]> {
        let mut words = [0; 6];
        for word in &mut words {
            *word = self.u16()?;
        }
        Some(words)
    }

    /// The labels of a name; RFC 1035 4.1.4: pointers lead backwards.
    pub fn labels(&mut self) -> Option<Vec<&'a [u8]>> {
        let mut labels = Vec::new();
        loop {
            let start = self.at;
            match self.take(1)?[0] {
                0 => return Some(labels),
                length @ 1..=63 => labels.push(self.take(length.into())?),
                length if length & 0xc0 == 0xc0 => {
                    let to = usize::from(length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    let mut target = Reader {
                        bytes: self.bytes,
                        at: to,
                    };
                    labels.extend((to < start).then(|| target.labels())??);
                    return Some(labels);
                }
                _ => return None,
            }
        }
    }
}
