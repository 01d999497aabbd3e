//! Neighbor Discovery for IPv6 (RFC 4861), duplicate address detection (RFC 4862 5.4) with nonces (RFC 7527).

mod flaw;
mod message;
mod packet;

pub use flaw::Flaw;
pub use message::{Advertisement, Message, Solicitation};
pub use packet::Packet;
