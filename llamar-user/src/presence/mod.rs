//! The presence of our addresses on the links: told to others when they appear (RFC 5227 2.3, RFC 4861 7.2.6), and
//! watched over, so that another host that uses one is found out (RFC 5227 2.4, RFC 4862 5.4.4).
//!
//! The addresses are the operating system's, which has configured them and has them in use whatever is found out here;
//! or those of other hosts for which ARP requests are answered by proxy, which are told to nobody unless three probes
//! have shown that no other host has them (RFC 5227 2.1.1). Whether one may be answered for is told by
//! [`Engine::withdrawn`]; answering is `llamar_common::respond`'s matter.

mod engine;
mod event;
mod hear;
mod held;
mod link;
mod queue;
mod records;
mod speak;
#[cfg(test)]
mod tests;
mod wanted;

pub use engine::Engine;
pub use event::{Event, Outcome, Sent, Transmit};
pub use hear::Heard;
pub use records::Record;
pub use wanted::{Origin, PROXIED_MAX, Wanted, Watched};
