//! Whole messages.

use llamar_user::dns::{Compression, Fault, Flaw};

use crate::dice::Dice;
use crate::run::{Target, outcome};
use crate::{codec, damage, messages, others, pcap};

/// The codec.
pub struct Messages;

/// Messages made by hand, each with something that a parser may stumble over.
pub const SEEDS: [&[u8]; 8] = [
    // A query, and a response to one with an SOA record.
    b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\x01\0\x01",
    b"\x12\x34\x80\0\0\x01\0\0\0\x01\0\0\x04casa\0\0\x1c\0\x01\xc0\x0c\0\x06\0\x01\0\0\0\x1e\0\x1d\xc0\x0c\x04root\xc0\x0c\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x1e",
    // A query with an OPT record that has an option.
    b"\0\x01\0\0\0\x01\0\0\0\0\0\x01\x04casa\0\0\xff\0\x01\0\0\x29\x05\x78\0\0\x80\0\0\x06\0\x0a\0\x02xy",
    // A pointer to itself, one forwards, one into the header, two that chase each other.
    b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01",
    b"\0\0\0\0\0\x02\0\0\0\0\0\0\xc0\x12\0\x01\0\x01\x01a\0\0\x01\0\x01",
    b"\x01a\0\0\0\x02\0\0\0\0\0\0\x01b\0\0\x01\0\x01\xc0\x00\0\x01\0\x01",
    b"\0\0\x84\0\0\0\0\x01\0\0\0\0\0\0\x0c\0\x01\0\0\0\0\0\x04\xc0\x19\xc0\x17",
    // A name that ends in a label's middle, where another one begins.
    b"\0\0\x84\0\0\0\0\x02\0\0\0\0\x03\x01b\0\0\0\x01\0\x01\0\0\0\0\0\x04abcd\xc0\x0d\0\x0c\0\x01\0\0\0\0\0\x02\xc0\x0c",
];

/// The messages of all captures.
pub fn captured() -> Vec<Vec<u8>> {
    let files = pcap::files().unwrap_or_default();
    files
        .iter()
        .flat_map(|file| codec::payloads(file))
        .collect()
}

/// A message in any compression, rarely just bytes.
pub fn made_up(dice: &mut Dice) -> Vec<u8> {
    let message = match dice.below(10) {
        0 => {
            let length = dice.below(80);
            return dice.bytes(length);
        }
        1..4 => messages::query(dice),
        _ => messages::message(dice),
    };
    let all = [
        Compression::Off,
        Compression::Unicast,
        Compression::Multicast,
    ];
    message.write(*dice.pick(&all)).expect("a short message")
}

impl Target for Messages {
    const NAME: &'static str = "message";

    fn new() -> Self {
        Self
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let by_hand = SEEDS.iter().map(|seed| seed.to_vec());
        captured().into_iter().chain(by_hand).collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        made_up(dice)
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        damage::message(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let read = codec::check(input);
        let compared = others::compare(input).unwrap_or_else(|what| panic!("{what}"));
        let Some(message) = read else {
            return outcome(compared.stricter);
        };
        let kinds: Vec<u16> = message
            .records()
            .map(|record| record.kind)
            .take(6)
            .collect();
        let flaws = message.flaws.iter().map(|flaw| match flaw {
            Flaw::Record {
                fault: Fault::Data,
                kind,
                ..
            } => (5, *kind),
            Flaw::Record {
                fault: Fault::Cut, ..
            } => (4, None),
            Flaw::Record { .. } => (3, None),
            Flaw::Missing { .. } => (2, None),
            Flaw::Behind { .. } => (1, None),
            Flaw::Question { .. } | Flaw::Header => (0, None),
        });
        let flaws: Vec<_> = flaws.take(6).collect();
        outcome((
            kinds,
            flaws,
            message.questions.len().min(4),
            compared.hickory,
            compared.simple,
        ))
    }
}
