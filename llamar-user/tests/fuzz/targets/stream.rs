//! Messages on a TCP connection.

use llamar_common::wire::udp::LLMNR_MAX;
use llamar_user::net::tcp::{Inbox, frame};

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
        let long = (LLMNR_MAX as u16 + 1).to_be_bytes();
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
            stream.extend(frame(&dice.bytes(length)).expect("it is short"));
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
        let (messages, refused) = whole;
        let framed: Vec<u8> = messages
            .iter()
            .flat_map(|message| frame(message).expect("it came with its length"))
            .collect();
        assert!(stream.starts_with(&framed));
        let rest = &stream[framed.len()..];
        let announced = rest.first_chunk().map(|&length| u16::from_be_bytes(length));
        let too_long = announced.is_some_and(|length| usize::from(length) > LLMNR_MAX);
        assert_eq!(refused, too_long, "{announced:?} bytes are announced");
        let short = messages.iter().all(|message| message.len() <= LLMNR_MAX);
        assert!(short);
        outcome((messages.len().min(8), refused, rest.len()))
    }
}

/// The messages of a stream that comes in pieces, and whether one was refused.
fn receive(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut inbox, mut messages) = (Inbox::new(LLMNR_MAX), Vec::new());
    for bytes in stream.chunks(piece) {
        inbox.put(bytes);
        loop {
            match inbox.message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}
