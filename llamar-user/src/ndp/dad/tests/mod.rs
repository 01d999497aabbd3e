//! Claims of addresses: one engine and what it hears (`alone`), several on one link (`races`, `loops`).

mod alone;
mod hold;
mod link;
mod loops;
mod races;

use std::net::Ipv6Addr;

use super::*;
use crate::ndp::defence::{Conflict, How};
use crate::ndp::tests::*;
use crate::ndp::{Port, Schedule};

/// The address that everybody wants.
fn address() -> Ipv6Addr {
    ip("2001:db8::12:3456")
}

/// A claim that begins at once, with nothing after.
fn check(number: u8) -> Check {
    Check {
        delay: Duration::ZERO,
        ..Check::new(port(number), address())
    }
}

fn clock(check: Check) -> Clock<Dad> {
    Clock::new(|now| Dad::new(chance(1), now, check))
}

/// The nonce of a solicitation.
fn nonce(packet: &Packet) -> Option<Vec<u8>> {
    match &packet.message {
        Message::Solicitation(solicitation) => solicitation.nonce.clone(),
        Message::Advertisement(_) => panic!("no solicitation"),
    }
}

/// The conflict that a station with the hardware address of this number is blamed for.
fn conflict(from: u8, how: How) -> Conflict {
    Conflict {
        address: address(),
        mac: mac(from),
        ether_source: mac(from),
        how,
        times: 1,
    }
}
