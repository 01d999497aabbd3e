//! Messages on a TCP connection.

use llamar_user::llmnr::stream::MESSAGE_MAX;
use llamar_user::llmnr::{Inbox, TooLong, frame};

use crate::dice::Dice;
use crate::run::{Target, outcome};

/// The inbox. The first byte of an input says in what pieces the rest comes.
pub struct Streams;

impl Target for Streams {
    const NAME: &'static str = "stream";

    fn new() -> Self {
        Self
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let long = (MESSAGE_MAX + 1).to_be_bytes();
        [
            &b"\x01\0\x02ab\0\0\0\x01c"[..],
            b"\x03\0\x02a",
            &[&[9], &long[..], b"x"].concat(),
        ]
        .map(<[u8]>::to_vec)
        .into()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let mut stream = vec![dice.any() as u8];
        for _ in 0..dice.below(5) {
            let most = if dice.percent(5) { 10_000 } else { 50 };
            let length = dice.below(most);
            stream.extend(frame(&dice.bytes(length)));
        }
        stream
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((&pace, stream)) = input.split_first() else {
            return 0;
        };
        let whole = receive(stream, stream.len().max(1));
        let pieces = receive(stream, usize::from(pace % 40) + 1);
        assert_eq!(whole, pieces, "in pieces of {}", pace % 40 + 1);
        let (messages, end) = whole;
        let mut framed: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        assert!(stream.starts_with(&framed));
        framed.extend(
            end.map(|error| error.length.to_be_bytes())
                .into_iter()
                .flatten(),
        );
        assert!(stream.starts_with(&framed));
        assert!(
            messages
                .iter()
                .all(|message| message.len() <= MESSAGE_MAX.into())
        );
        outcome((
            messages.len().min(8),
            end.is_some(),
            stream.len() - framed.len(),
        ))
    }
}

/// The messages of a stream that comes in pieces, and what ended it.
fn receive(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<TooLong>) {
    let (mut inbox, mut messages) = (Inbox::new(), Vec::new());
    for mut bytes in stream.chunks(piece) {
        loop {
            match inbox.take(&mut bytes) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(bytes.is_empty(), "bytes are left where no message is whole");
    }
    (messages, None)
}
