//! What may happen to a frame: single fields, its length, its tags; and sums that are made right again, so that a
//! change is seen by more than the first check.

use llamar_common::testing::{FrameBuilder, mend};

use crate::dice::Dice;

/// Values that stand at the border of something.
const BORDERS: [u8; 12] = [
    0, 1, 2, 0x11, 0x1c, 0x3f, 0x40, 0x45, 0x7f, 0x80, 0xc0, 0xff,
];

/// Changes a frame in one to three ways.
pub fn mutate(dice: &mut Dice, frame: &mut Vec<u8>) {
    for _ in 0..=dice.below(3) {
        one(dice, frame);
    }
    match dice.below(10) {
        0..=3 => mend(frame, false),
        4..=6 => mend(frame, true),
        _ => {}
    }
}

fn one(dice: &mut Dice, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        frame.extend(dice.bytes(20));
        return;
    }
    let place = dice.below(frame.len());
    match dice.below(12) {
        0..=2 => frame[place] ^= 1 << dice.below(8),
        3 => frame[place] = *dice.pick(&BORDERS),
        4 => frame[place] = dice.any() as u8,
        5 => frame[place] = frame[place].wrapping_add(if dice.percent(50) { 1 } else { 255 }),
        6 => frame.truncate(place),
        7 => {
            let extra = 1 + dice.below(24);
            frame.extend(dice.bytes(extra));
        }
        8 => {
            let control = dice.any() as u16;
            let tagged = FrameBuilder::tagged(std::mem::take(frame), control);
            *frame = tagged;
        }
        9 => {
            frame.drain(12.min(frame.len())..16.min(frame.len()));
        }
        10 => {
            let extra = 1 + dice.below(8);
            frame.splice(place..place, dice.bytes(extra));
        }
        _ => {
            let end = frame.len().min(place + 1 + dice.below(8));
            frame.drain(place..end);
        }
    }
    // Enough to stay a frame with an Ethernet header, as a test-run wants it.
    while frame.len() < 14 {
        frame.push(dice.any() as u8);
    }
}
