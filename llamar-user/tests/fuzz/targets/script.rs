//! Inputs that are several messages, each with two bytes that say how it comes.

use std::net::SocketAddr;
use std::time::Duration;

use crate::damage;
use crate::dice::Dice;

/// Most steps of a script.
const STEPS_MAX: usize = 64;

/// One message.
pub struct Step {
    /// When it comes, from whom, and what it has to do with what went before.
    pub how: [u8; 2],
    /// The message.
    pub message: Vec<u8>,
}

impl Step {
    /// How long it is until it comes: one of so many milliseconds.
    pub fn pause(&self, milliseconds: &[u64; 8]) -> Duration {
        Duration::from_millis(milliseconds[usize::from(self.how[0] % 8)])
    }

    /// Who sends it.
    pub fn from(&self, senders: &[&str; 8]) -> SocketAddr {
        let sender = senders[usize::from(self.how[0] / 8 % 8)];
        sender.parse().expect("an address")
    }
}

/// The steps that bytes are: two bytes, two of length, and that many or what is left.
pub fn read(mut input: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let ([h0, h1, l0, l1, rest @ ..], true) = (input, steps.len() < STEPS_MAX) {
        let length = usize::from(u16::from_be_bytes([*l0, *l1])).min(rest.len());
        let (message, rest) = rest.split_at(length);
        steps.push(Step {
            how: [*h0, *h1],
            message: message.to_vec(),
        });
        input = rest;
    }
    steps
}

/// The bytes of steps.
pub fn write(steps: &[Step]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Step { how, message } in steps {
        bytes.extend_from_slice(how);
        bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

/// A script of messages that are made up one by one.
pub fn make(dice: &mut Dice, mut message: impl FnMut(&mut Dice) -> Vec<u8>) -> Vec<u8> {
    let steps: Vec<Step> = (0..1 + dice.below(12))
        .map(|_| Step {
            how: [dice.any() as u8, dice.any() as u8],
            message: message(dice),
        })
        .collect();
    write(&steps)
}

/// Damages one message, when it comes, or what order they come in.
pub fn damage(dice: &mut Dice, input: &mut Vec<u8>) {
    let mut steps = read(input);
    if steps.is_empty() || dice.percent(5) {
        return damage::anywhere(dice, input);
    }
    let (one, other) = (dice.below(steps.len()), dice.below(steps.len()));
    match dice.below(6) {
        0 => steps.swap(one, other),
        1 => drop(steps.remove(one)),
        2 => steps[one].how[dice.below(2)] = dice.any() as u8,
        3 => {
            let Step { how, message } = &steps[one];
            let copy = Step {
                how: *how,
                message: message.clone(),
            };
            steps.insert(other, copy);
        }
        _ => damage::message(dice, &mut steps[one].message),
    }
    *input = write(&steps);
}
