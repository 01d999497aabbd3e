//! Neighbor Discovery for IPv6 (RFC 4861), duplicate address detection (RFC 4862 5.4) with nonces (RFC 7527): messages,
//! and engines that ask for neighbours, tell of ourselves, claim an address and look for who is there.
//!
//! To answer solicitations for addresses that the kernel has is left to the kernel: llamar lets them pass.

pub mod announcer;
pub mod asker;
mod conflict;
pub mod dad;
mod datagram;
mod echo;
mod flaw;
pub mod listener;
mod message;
mod packet;
mod port;
pub mod refusal;
mod rules;
pub mod scan;
mod source;
mod timing;

pub use announcer::{Announce, Announcer, Schedule};
pub use asker::{Answer, Ask, Asker, Target};
pub use conflict::{Conflict, How};
pub use dad::{After, Check, Dad};
pub use echo::Echo;
pub use flaw::Flaw;
pub use message::{Advertisement, Message, Solicitation};
pub use packet::Packet;
pub use port::Port;
pub use scan::{Range, Scan, Survey, SurveyError};
pub use source::source_for;
pub use timing::{
    ADVERTISEMENTS, DUP_ADDR_DETECT_TRANSMITS, MAX_MULTICAST_SOLICIT, MAX_NEIGHBOR_ADVERTISEMENT,
    MAX_RTR_SOLICITATION_DELAY, RETRANS_TIMER,
};

#[cfg(test)]
mod tests;
