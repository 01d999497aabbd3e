//! The bytes of a file as far as they are needed, with the offset at which one is.

use std::io::{ErrorKind, Read};

use super::Why;

/// Most bytes that are held: four times the longest packet that libpcap captures, for pcapng's options come on top.
pub(super) const HELD_MAX: usize = 1 << 20;

/// Bytes that are asked for at once. A pipe gives what it has.
const PIECE: usize = 1 << 16;

/// A file being read.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    held: Vec<u8>,
    /// What of `held` is done with.
    used: usize,
    /// Offset in the file of what is not.
    offset: u64,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({} bytes)", self.offset)
    }
}

impl Source {
    pub(super) fn new(reader: impl Read + Send + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            held: Vec::new(),
            used: 0,
            offset: 0,
        }
    }

    /// Offset in the file of what comes next.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is there of what comes next.
    pub(super) fn rest(&self) -> &[u8] {
        self.held.get(self.used..).unwrap_or_default()
    }

    /// The next bytes; fewer if the file ends before. At most [`HELD_MAX`] are given.
    pub(super) fn peek(&mut self, length: usize) -> Result<&[u8], Why> {
        let length = length.min(HELD_MAX);
        while self.rest().len() < length && self.read()? > 0 {}
        let there = self.rest().len().min(length);
        Ok(&self.rest()[..there])
    }

    /// Goes on behind the next bytes. Says whether there were as many.
    pub(super) fn pass(&mut self, mut length: u64) -> Result<bool, Why> {
        loop {
            let there = self.rest().len() as u64;
            let step = there.min(length);
            self.used += step as usize;
            self.offset += step;
            length -= step;
            if length == 0 {
                return Ok(true);
            }
            if self.read()? == 0 {
                return Ok(false);
            }
        }
    }

    /// Reads a piece; its length, 0 at the end of the file.
    fn read(&mut self) -> Result<usize, Why> {
        self.held.drain(..self.used);
        self.used = 0;
        let end = self.held.len();
        self.held.resize(end + PIECE, 0);
        let result = loop {
            match self.reader.read(&mut self.held[end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let length = result.as_ref().map_or(0, |length| *length);
        self.held.truncate(end + length);
        result.map_err(|error| Why::Read {
            offset: self.offset + end as u64,
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Gives so many bytes at a time, and an interruption between any two.
    struct Slow {
        left: Vec<u8>,
        pace: usize,
        interrupted: bool,
    }

    impl Read for Slow {
        fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let length = self.pace.min(self.left.len()).min(place.len());
            place[..length].copy_from_slice(&self.left[..length]);
            self.left.drain(..length);
            Ok(length)
        }
    }

    fn source(length: usize, pace: usize) -> Source {
        Source::new(Slow {
            left: (0..length).map(|index| index as u8).collect(),
            pace,
            interrupted: false,
        })
    }

    #[test]
    fn bytes_come_in_pieces_and_are_given_whole() {
        let mut source = source(1000, 7);
        assert_eq!(source.peek(10).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(source.held.len(), 14);
        assert!(source.pass(12).unwrap());
        assert_eq!(
            (source.offset(), source.peek(3).unwrap()),
            (12, &[12, 13, 14][..])
        );
        assert!(source.pass(980).unwrap());
        assert_eq!(source.peek(100).unwrap().len(), 8);
        assert!(!source.pass(9).unwrap());
        assert_eq!(source.offset(), 1000);
    }

    #[test]
    fn no_more_is_held_than_the_most_and_a_piece() {
        let mut source = source(HELD_MAX * 2, 1 << 20);
        assert_eq!(source.peek(usize::MAX).unwrap().len(), HELD_MAX);
        assert!(source.held.len() <= HELD_MAX + PIECE);
        assert!(source.pass(HELD_MAX as u64 * 2).unwrap());
        assert!(source.held.len() <= HELD_MAX + PIECE);
    }

    #[test]
    fn failure_tells_where() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("no disk"))
            }
        }
        let mut source = Source::new((&b"abc"[..]).chain(Fails));
        assert_eq!(source.peek(2).unwrap(), b"ab");
        let error = source.peek(4).unwrap_err();
        assert_eq!(error.to_string(), "cannot be read at byte 3: no disk");
        assert_eq!(source.rest(), b"abc");
    }
}
