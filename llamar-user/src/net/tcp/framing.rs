//! Messages on a stream: each behind its length in two octets (RFC 1035 4.2.2).

use std::io;

/// Octets of the length.
const PREFIX: usize = 2;

/// Bytes of a stream in, whole messages out.
#[derive(Debug)]
pub struct Inbox {
    longest: usize,
    bytes: Vec<u8>,
    /// How many of the bytes were given out.
    taken: usize,
}

impl Inbox {
    /// For messages of no more than `longest` bytes. An empty one holds no memory.
    pub fn new(longest: usize) -> Self {
        Self {
            longest,
            bytes: Vec::new(),
            taken: 0,
        }
    }

    /// Takes in what came. It grows with all that is put in, so empty it first by [`message`](Self::message): then it holds
    /// no more than one message that is not yet whole.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message that is whole. An error says that a longer one is announced than is accepted; nothing that
    /// comes behind can be told from it.
    pub fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else {
            self.release();
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length > self.longest {
            let longest = self.longest;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a message of {length} bytes is announced, more than {longest}"),
            ));
        }
        let message = rest.get(..length).map(<[u8]>::to_vec);
        if message.is_some() {
            self.taken += PREFIX + length;
        }
        Ok(message)
    }

    /// Gives the memory back where nothing is left: a client that waits costs none.
    fn release(&mut self) {
        if self.taken == self.bytes.len() {
            self.bytes = Vec::new();
            self.taken = 0;
        }
    }
}

/// A message as it goes on a stream, length first; none if it is longer than its length can tell.
pub fn frame(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    Some([&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(inbox: &mut Inbox) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| inbox.message().unwrap()).collect()
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn a_message_is_behind_its_length_in_two_octets() {
        assert_eq!(frame(b"abc").unwrap(), b"\0\x03abc");
        assert_eq!(frame(&[7; 0x1234]).unwrap()[..3], [0x12, 0x34, 7]);
        assert_eq!(frame(&[0; 65535]).unwrap().len(), 65537);
        assert_eq!(frame(&[0; 65536]), None);
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn a_message_comes_out_when_its_last_byte_is_in() {
        let mut inbox = Inbox::new(10);
        for byte in b"\0\x03ab" {
            inbox.put(&[*byte]);
            assert_eq!(inbox.message().unwrap(), None);
        }
        inbox.put(b"c\0");
        assert_eq!(inbox.message().unwrap().unwrap(), b"abc");
        assert_eq!(inbox.message().unwrap(), None);
        inbox.put(b"\0");
        assert_eq!(inbox.message().unwrap().unwrap(), b"");
    }

    #[test]
    fn a_length_beyond_the_longest_message_is_an_error_and_stays_one() {
        let mut inbox = Inbox::new(10);
        inbox.put(b"\0\x0a0123456789\0\x0b0");
        assert_eq!(inbox.message().unwrap().unwrap(), b"0123456789");
        for _ in 0..2 {
            let error = inbox.message().unwrap_err().to_string();
            assert_eq!(error, "a message of 11 bytes is announced, more than 10");
        }
    }

    #[test]
    fn an_inbox_that_was_emptied_holds_no_memory() {
        let mut inbox = Inbox::new(10);
        assert_eq!(inbox.bytes.capacity(), 0);
        inbox.put(b"\0\x03abc\0\x01d");
        assert_eq!(all(&mut inbox), [b"abc".to_vec(), b"d".to_vec()]);
        assert_eq!(inbox.bytes.capacity(), 0);
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            cuts in prop::collection::vec(1usize..30, 1..10),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| frame(m).unwrap()).collect();
            let mut inbox = Inbox::new(40);
            let (mut rest, mut out) = (&stream[..], Vec::new());
            for cut in cuts.iter().cycle().take(stream.len()) {
                let (piece, behind) = rest.split_at(rest.len().min(*cut));
                inbox.put(piece);
                out.extend(all(&mut inbox));
                // Never more than a message that is not yet whole.
                prop_assert!(inbox.bytes.len() - inbox.taken < PREFIX + 40);
                rest = behind;
            }
            prop_assert_eq!(out, messages);
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut inbox = Inbox::new(20);
            for piece in pieces {
                inbox.put(&piece);
                while let Ok(Some(message)) = inbox.message() {
                    prop_assert!(message.len() <= 20);
                }
            }
        }
    }
}
