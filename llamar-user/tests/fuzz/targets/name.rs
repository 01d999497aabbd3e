//! Domain names.

use llamar_user::dns::name::WIRE_MAX;
use llamar_user::dns::{Name, RawRecord};

use crate::dice::Dice;
use crate::messages;
use crate::run::{Target, outcome};

/// Reading names. The first two bytes of an input are the offset of a name in it.
pub struct Names;

impl Target for Names {
    const NAME: &'static str = "name";

    fn new() -> Self {
        Self
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = [
            "casa",
            "casa.example.",
            ".",
            "..",
            r"a\.b\\c\032d\255",
            r"\",
            r"a\25",
            "größe.local",
            "a\u{202e}b",
            "_http._tcp.local",
        ];
        let wires: [&[u8]; 3] = [
            b"\0\x0f\0\0\0\0\0\0\0\0\0\0\x01b\0\x01a\xc0\x0c",
            b"\0\x0c\0\0\0\0\0\0\0\0\0\0\xc0\x0c",
            b"\0\x0e\0\0\0\0\0\0\0\0\0\0\x01a\xc0\x0c\xc0\x0e",
        ];
        let texts = texts.iter().map(|text| text.as_bytes().to_vec());
        texts
            .chain(wires.iter().map(|wire| wire.to_vec()))
            .collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let name = messages::name(dice);
        match dice.below(3) {
            0 => name.to_string().into_bytes(),
            1 => name.wire().to_vec(),
            _ => {
                let tail = [&[0xc0, dice.below(60) as u8][..], &[0]];
                let mut message = vec![0, 12 + dice.below(30) as u8];
                message.extend(dice.bytes(10));
                for _ in 0..1 + dice.below(4) {
                    let wire = messages::name(dice);
                    message.extend_from_slice(&wire.wire()[..wire.wire().len() - 1]);
                    let pointed = usize::from(dice.percent(70));
                    message.extend_from_slice(tail[1 - pointed]);
                }
                message
            }
        }
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let text = std::str::from_utf8(input).ok().map(Name::parse);
        if let Some(Ok(name)) = &text {
            check(name);
            let again = Name::parse(&name.to_string()).expect("a name's text");
            assert_eq!(again.wire(), name.wire());
        }
        let alone = Name::from_wire(input);
        if let Some((name, used)) = &alone {
            check(name);
            assert_eq!(name.wire(), &input[..*used]);
            let read = Name::from_message(input, 0).expect("it is not compressed");
            assert_eq!((read.0.wire(), read.1), (name.wire(), *used));
        }
        let offset = input
            .first_chunk()
            .map_or(0, |&offset| u16::from_be_bytes(offset) % 2048);
        let inside = Name::from_message(input, offset.into());
        if let Some((name, end)) = &inside {
            check(name);
            assert!(*end <= input.len() && *end > usize::from(offset));
        }
        if let Ok((record, end)) = RawRecord::read(input, offset.into()) {
            check(&record.owner);
            assert!(end <= input.len());
        }
        let shape = |name: &Name| (name.labels().count().min(20), name.wire().len() / 16);
        outcome((
            text.map(|name| {
                name.map(|name| shape(&name))
                    .map_err(|error| std::mem::discriminant(&error))
            }),
            alone.map(|(name, _)| shape(&name)),
            inside.map(|(name, end)| (shape(&name), end - usize::from(offset))),
        ))
    }
}

/// What every name keeps to.
fn check(name: &Name) {
    assert!(name.wire().len() <= WIRE_MAX);
    assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
    let labels = Name::from_labels(name.labels()).expect("a name's labels");
    assert_eq!(labels.wire(), name.wire());
    let read = Name::from_wire(name.wire()).expect("a name's bytes");
    assert_eq!((read.0.wire(), read.1), (name.wire(), name.wire().len()));
    assert!(
        !name
            .to_string()
            .contains(|letter: char| letter.is_control() || letter == ' ')
    );
}
