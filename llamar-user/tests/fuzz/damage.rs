//! Damage to bytes: anywhere, and where it hurts a parser of DNS messages most.

use crate::dice::Dice;

/// Bytes at which parsers change their minds.
const BORDERS: [u8; 12] = [
    0, 1, 0x0b, 0x0c, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff,
];

/// Longest input: a message over TCP, and a bit.
pub const LONGEST: usize = 70_000;

/// Damages a message in a few places.
pub fn message(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(4) {
        if dice.percent(50) {
            structure(dice, bytes);
        } else {
            anywhere(dice, bytes);
        }
    }
}

/// Damages bytes of any kind in one place.
pub fn anywhere(dice: &mut Dice, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        let length = 1 + dice.below(40);
        bytes.extend(dice.bytes(length));
        return;
    }
    let place = dice.below(bytes.len());
    let end = bytes.len().min(place + 1 + dice.below(24));
    match dice.below(10) {
        0 | 1 => bytes[place] ^= 1 << dice.below(8),
        2 => bytes[place] = *dice.pick(&BORDERS),
        3 => bytes[place] = dice.any() as u8,
        4 => bytes[place] = bytes[place].wrapping_add(if dice.percent(50) { 1 } else { 255 }),
        5 => bytes.truncate(place),
        6 => drop(bytes.drain(place..end)),
        7 => {
            let extra = 1 + dice.below(8);
            drop(bytes.splice(place..place, dice.bytes(extra)));
        }
        8 => {
            let piece = bytes[place..end].to_vec();
            let most = if dice.percent(5) { 400 } else { 3 };
            let times = 1 + dice.below(most);
            let to = dice.below(bytes.len());
            drop(bytes.splice(to..to, piece.repeat(times)));
        }
        _ => {
            let from = dice.below(bytes.len());
            let piece = bytes[from..bytes.len().min(from + end - place)].to_vec();
            bytes[place..place + piece.len().min(end - place)]
                .copy_from_slice(&piece[..piece.len().min(end - place)]);
        }
    }
    bytes.truncate(LONGEST);
}

/// A field of a message that is worth changing.
#[derive(Clone, Copy)]
enum Field {
    Name(usize),
    Pointer(usize),
    Kind(usize),
    Class(usize),
    Length(usize),
}

/// Changes a field of a message and leaves the rest in its place.
fn structure(dice: &mut Dice, bytes: &mut [u8]) {
    let fields = fields(bytes);
    if fields.is_empty() || dice.percent(15) {
        let at = 2 + dice.below(10);
        if let Some(byte) = bytes.get_mut(at) {
            // Counts and flags: near what they were.
            *byte = if dice.percent(50) {
                byte.wrapping_add(dice.below(5) as u8).wrapping_sub(2)
            } else {
                dice.any() as u8
            };
        }
        return;
    }
    let off = dice.below(7) as u16;
    let (at, value): (usize, fn(u16, u16, u16) -> u16) = match *dice.pick(&fields) {
        Field::Name(at) => {
            bytes[at] = *dice.pick(&BORDERS);
            return;
        }
        Field::Pointer(at) => match dice.below(3) {
            0 => (at, |_, _, chance| 0xc000 | (chance % 64)),
            1 => (at, |_, _, chance| 0xc000 | chance),
            _ => (at, |was, off, _| was.wrapping_add(off).wrapping_sub(3)),
        },
        Field::Kind(at) => (at, |_, _, chance| chance % 70),
        Field::Class(at) => (at, |was, _, chance| {
            was ^ [0x8000, 2, 0xfe][usize::from(chance % 3)]
        }),
        Field::Length(at) => match dice.below(4) {
            0 => (at, |_, _, chance| chance),
            1 => (at, |_, _, _| 0),
            _ => (at, |was, off, _| was.wrapping_add(off).wrapping_sub(3)),
        },
    };
    if let Some(place) = bytes.get_mut(at..at + 2) {
        let was = u16::from_be_bytes([place[0], place[1]]);
        place.copy_from_slice(&value(was, off, dice.any() as u16).to_be_bytes());
    }
}

/// The fields of a message as far as one can walk through it.
fn fields(bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let Some(counts) = bytes.get(4..12) else {
        return fields;
    };
    let questions = usize::from(u16::from_be_bytes([counts[0], counts[1]]));
    let mut at = 12;
    for index in 0..bytes.len() {
        let Some(end) = name(bytes, at, &mut fields) else {
            break;
        };
        fields.extend([Field::Kind(end), Field::Class(end + 2)]);
        at = end + 4;
        if index >= questions {
            fields.push(Field::Length(end + 8));
            let Some(&[l0, l1]) = bytes.get(end + 8..).and_then(<[u8]>::first_chunk) else {
                break;
            };
            at = end + 10;
            let kind = bytes.get(end + 1).copied().unwrap_or_default();
            let inner = match kind {
                2 | 5 | 6 | 12 | 39 | 47 => Some(at),
                15 => Some(at + 2),
                33 => Some(at + 6),
                _ => None,
            };
            inner.and_then(|at| name(bytes, at, &mut fields));
            at += usize::from(u16::from_be_bytes([l0, l1]));
        }
    }
    fields.retain(|field| {
        let (Field::Name(at)
        | Field::Pointer(at)
        | Field::Kind(at)
        | Field::Class(at)
        | Field::Length(at)) = field;
        *at < bytes.len()
    });
    fields
}

/// Walks over a name.
fn name(bytes: &[u8], mut at: usize, fields: &mut Vec<Field>) -> Option<usize> {
    loop {
        let length = *bytes.get(at)?;
        match length {
            0 => return Some(at + 1),
            0xc0.. => {
                fields.push(Field::Pointer(at));
                return Some(at + 2);
            }
            length => {
                fields.push(Field::Name(at));
                at += 1 + usize::from(length);
            }
        }
    }
}
