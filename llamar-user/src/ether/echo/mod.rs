//! A ping of hardware addresses: a request that says who asks, and a reply that gives all of it back. Its EtherType is the
//! first of those that IEEE 802 sets aside for experiments on one link (IEEE 802 clause 9.2.4); the message has its own
//! mark, so that nobody else's experiment is taken for it.
//!
//! Only requests are answered, and never a group or ourselves, so that no two responders talk without end.

mod message;
mod ping;
mod respond;
#[cfg(test)]
mod tests;

pub use message::SIZE_MIN;
pub use ping::{Ask, Ping, Pong};
pub use respond::{RATE, Respond, Responded};

/// EtherType of pings: the first for experiments on one link (IEEE 802 clause 9.2.4).
pub const EXPERIMENTAL: u16 = 0x88b5;
