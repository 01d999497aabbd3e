//! What a ping carries: who asks, the how manieth it is, how long it is, and bytes that show damage.

use llamar_common::wire::{be16, chunk, put};

/// How every message begins: a name and the version of what follows.
const MARK: [u8; 7] = *b"llamar\x01";
/// Offset of the kind.
const KIND: usize = 7;
/// Offset of the session, 8 bytes.
const SESSION: usize = 8;
/// Offset of the sequence number, 4 bytes.
const SEQUENCE: usize = 16;
/// Offset of the message's length, 2 bytes: padding may follow it.
const LENGTH: usize = 20;

/// Length of the shortest message.
pub const SIZE_MIN: usize = 22;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It asks.
    Request = 1,
    /// It gives back what was asked.
    Reply = 2,
}

/// The fixed part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub kind: Kind,
    /// Tells one asker's questions from another's.
    pub session: u64,
    /// Tells one question from the next.
    pub sequence: u32,
    /// Its length in bytes, the fixed part included.
    pub length: u16,
}

impl Message {
    /// Reads what a frame carries; `None` if it is something else.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let fixed = payload.get(..SIZE_MIN)?;
        let length = be16(fixed, LENGTH);
        let whole = (SIZE_MIN..=payload.len()).contains(&length.into());
        if !fixed.starts_with(&MARK) || !whole {
            return None;
        }
        let kind = match fixed[KIND] {
            1 => Kind::Request,
            2 => Kind::Reply,
            _ => return None,
        };
        Some(Self {
            kind,
            session: u64::from_be_bytes(chunk(fixed, SESSION)),
            sequence: u32::from_be_bytes(chunk(fixed, SEQUENCE)),
            length,
        })
    }

    /// Its bytes, each behind the fixed part the low one of its offset.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..self.length.max(SIZE_MIN as u16))
            .map(|offset| offset as u8)
            .collect();
        put(&mut bytes, 0, MARK);
        put(&mut bytes, KIND, [self.kind as u8]);
        put(&mut bytes, SESSION, self.session.to_be_bytes());
        put(&mut bytes, SEQUENCE, self.sequence.to_be_bytes());
        put(&mut bytes, LENGTH, self.length.to_be_bytes());
        bytes
    }
}

/// What a request says, as its reply.
pub(super) fn reply(message: Message, payload: &[u8]) -> Vec<u8> {
    let mut bytes = payload
        .get(..message.length.into())
        .unwrap_or_default()
        .to_vec();
    put(&mut bytes, KIND, [Kind::Reply as u8]);
    bytes
}

/// Offset of the first byte that is not what was sent, if there is one. Padding does not count.
pub(super) fn damage(message: Message, payload: &[u8]) -> Option<usize> {
    let bytes = payload.get(..message.length.into()).unwrap_or_default();
    let mut filler = bytes.iter().enumerate().skip(SIZE_MIN);
    filler
        .find(|(offset, byte)| **byte != *offset as u8)
        .map(|(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MESSAGE: Message = Message {
        kind: Kind::Request,
        session: 0x0102_0304_0506_0708,
        sequence: 7,
        length: 26,
    };

    #[test]
    fn a_message_is_read_as_it_was_written_padded_or_not() {
        let bytes = MESSAGE.to_bytes();
        assert_eq!(
            bytes,
            *b"llamar\x01\x01\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x07\0\x1a\x16\x17\x18\x19"
        );
        let padded = [&bytes[..], &[0; 20]].concat();
        for bytes in [&bytes, &padded] {
            assert_eq!(Message::read(bytes), Some(MESSAGE));
            assert_eq!(damage(MESSAGE, bytes), None);
        }
        for length in 0..bytes.len() {
            assert_eq!(Message::read(&bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_has_another_mark_kind_or_length_is_not_taken_for_one() {
        for (at, byte) in [(0, b'L'), (6, 2), (KIND, 0), (KIND, 3), (21, 21), (20, 1)] {
            let mut bytes = MESSAGE.to_bytes();
            bytes[at] = byte;
            assert_eq!(Message::read(&bytes), None, "{at}");
        }
    }

    #[test]
    fn a_reply_gives_back_what_came_and_damage_shows() {
        let mut bytes = MESSAGE.to_bytes();
        bytes[24] ^= 1;
        let given_back = reply(MESSAGE, &[&bytes[..], &[0; 9]].concat());
        bytes[KIND] = 2;
        assert_eq!(given_back, bytes);
        assert_eq!(damage(MESSAGE, &given_back), Some(24));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(mut bytes in prop::collection::vec(any::<u8>(), 0..80), marked: bool) {
            if marked && bytes.len() > KIND {
                put(&mut bytes, 0, MARK);
                bytes[KIND] %= 3;
            }
            if let Some(message) = Message::read(&bytes) {
                prop_assert_eq!(reply(message, &bytes).len(), usize::from(message.length));
                damage(message, &bytes);
            }
        }
    }
}
