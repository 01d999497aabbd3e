//! Sockets: LLMNR's UDP groups, and raw frames. Nothing here knows what the bytes mean.

pub mod filter;
pub mod holder;
pub mod packet;
pub mod udp;

pub use holder::{Holder, Holders};
pub(crate) use packet::register;
pub use filter::{arp_and_llmnr_filter, arp_filter};
pub use packet::{PacketSocket, Received};
pub use udp::{BindError, Datagram, Groups};
