//! Messages on a TCP connection: each behind two bytes that tell its length (RFC 1035 4.2.2, RFC 4795 2.4).

/// Longest message that is taken from a client unless another limit is given: what UDP may carry (RFC 4795 2.1), for
/// no query needs more.
pub const MESSAGE_MAX: u16 = 9194;

/// Length in bytes of the prefix.
const PREFIX: usize = 2;

/// The bytes of a connection on their way to be messages. It holds a part of one message at most, and no more memory
/// than that part needs: a client that announces much and sends little costs what it sent.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The prefix and what has come of the message behind it.
    part: Vec<u8>,
    limit: u16,
}

/// A length above the limit: the rest of the connection cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes is announced (at most {limit})")]
pub struct TooLong {
    /// The length that was announced.
    pub length: u16,
    /// The longest that is taken.
    pub limit: u16,
}

impl Inbox {
    /// An empty one that takes messages of at most [`MESSAGE_MAX`] bytes.
    pub fn new() -> Self {
        Self::with_limit(MESSAGE_MAX)
    }

    /// An empty one that takes messages of at most `limit` bytes.
    pub fn with_limit(limit: u16) -> Self {
        Self {
            part: Vec::new(),
            limit,
        }
    }

    /// Takes bytes off the front of what came, up to the end of a message, and gives that message; `None` if they are
    /// used up before it is whole. After an error nothing that comes makes sense any more.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        self.fill(PREFIX, bytes);
        let Some(&prefix) = self.part.first_chunk() else {
            return Ok(None);
        };
        let length = u16::from_be_bytes(prefix);
        if length > self.limit {
            return Err(TooLong {
                length,
                limit: self.limit,
            });
        }
        let whole = PREFIX + usize::from(length);
        self.fill(whole, bytes);
        if self.part.len() < whole {
            return Ok(None);
        }
        let mut message = std::mem::take(&mut self.part);
        message.drain(..PREFIX);
        Ok(Some(message))
    }

    /// Whether it holds no part of a message.
    pub fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// Moves bytes until there are `length` of them.
    fn fill(&mut self, length: usize, bytes: &mut &[u8]) {
        let missing = length.saturating_sub(self.part.len());
        let (now, later) = bytes.split_at(missing.min(bytes.len()));
        self.part.extend_from_slice(now);
        *bytes = later;
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

/// A message with its length in front. What two bytes cannot count is cut off; no response is that long.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(PREFIX + usize::from(length));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend(message.iter().take(length.into()));
    framed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The messages in bytes that come in these pieces.
    fn messages(inbox: &mut Inbox, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut messages = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(message) = inbox.take(&mut piece)? {
                messages.push(message);
            }
            assert!(piece.is_empty());
        }
        Ok(messages)
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn message_is_whole_when_as_many_bytes_as_its_prefix_tells_have_come() {
        let mut inbox = Inbox::new();
        for piece in [&b"\0"[..], b"\x03", b"ab"] {
            assert_eq!(messages(&mut inbox, &[piece]), Ok(vec![]));
            assert!(!inbox.is_empty());
        }
        assert_eq!(messages(&mut inbox, &[b"c"]), Ok(vec![b"abc".to_vec()]));
        assert!(inbox.is_empty());
        assert_eq!(messages(&mut inbox, &[b"\0\0"]), Ok(vec![vec![]]));
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn several_messages_in_one_piece_come_one_by_one_in_their_order() {
        let mut inbox = Inbox::new();
        let mut bytes = &b"\0\x01a\0\x02bc\0\x04d"[..];
        assert_eq!(inbox.take(&mut bytes), Ok(Some(b"a".to_vec())));
        assert_eq!(bytes, b"\0\x02bc\0\x04d");
        assert_eq!(inbox.take(&mut bytes), Ok(Some(b"bc".to_vec())));
        assert_eq!((inbox.take(&mut bytes), bytes), (Ok(None), &b""[..]));
    }

    // RFC 4795 2.1: R11
    #[test]
    fn message_above_the_limit_is_refused_before_any_of_it_is_kept() {
        let longest = vec![7; usize::from(MESSAGE_MAX)];
        let framed = frame(&longest);
        assert_eq!(messages(&mut Inbox::new(), &[&framed]), Ok(vec![longest]));
        let length = MESSAGE_MAX + 1;
        let framed = frame(&vec![7; length.into()]);
        let mut inbox = Inbox::new();
        let error = TooLong {
            length,
            limit: MESSAGE_MAX,
        };
        assert_eq!(messages(&mut inbox, &[&framed]), Err(error));
        assert_eq!(inbox.part.len(), PREFIX);
        let mut wide = Inbox::with_limit(u16::MAX);
        assert_eq!(messages(&mut wide, &[&framed]).unwrap().len(), 1);
    }

    // RFC 4795 2.4: R55
    #[test]
    fn announced_message_takes_no_memory_before_it_comes() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.part.capacity(), 0);
        assert_eq!(messages(&mut inbox, &[b"\x20\0x"]), Ok(vec![]));
        assert!(inbox.part.capacity() < 64);
    }

    #[test]
    fn frame_has_the_length_in_front() {
        assert_eq!(frame(b""), b"\0\0");
        assert_eq!(frame(b"abc"), b"\0\x03abc");
        let cut = frame(&[7; 70_000]);
        assert_eq!((cut.len(), &cut[..2]), (65_537, &[0xff, 0xff][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // RFC 1035 4.2.2: R55
        #[test]
        fn messages_come_out_as_they_went_in_whatever_the_pieces(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            cuts in prop::collection::vec(1..30usize, 1..40),
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|message| frame(message)).collect();
            let (mut pieces, mut rest) = (Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            let mut inbox = Inbox::new();
            prop_assert_eq!(messages(&mut inbox, &pieces), Ok(sent));
            prop_assert!(inbox.is_empty());
        }
    }
}
