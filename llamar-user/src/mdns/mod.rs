//! Multicast DNS (RFC 6762): what a host says and hears on port 5353 of a link.
//!
//! Datagrams, times and what is wanted go in; datagrams, events and the next deadline come out. Sockets, clocks and
//! which interfaces there are is for others. What records mean to services is for [`crate::dnssd`].
//!
//! State is kept for each interface. An interface has up to two [`Family`]s: a name is claimed on both at once and lost
//! if it is lost on one, what is heard by either goes into one cache, and everything about sending (what has been said
//! when, what others said in our place) is kept for each by itself, because not everybody hears both.

mod arrival;
pub mod cache;
pub mod engine;
mod event;
pub mod querier;
pub mod responder;
mod rules;
mod turn;
mod wanted;

pub use arrival::{Arrival, Family};
pub use cache::{Cache, Entry};
pub use engine::{Engine, Handled, Ignored};
pub use event::{Change, Event, Held, Lost, Outcome};
pub use querier::{AskId, Querier};
pub use responder::{Responder, Standing, State};
pub use rules::{Rule, Rules};
pub use turn::{Transmit, Turn};
pub use wanted::{Host, Service, Wanted};

/// mDNS's port (RFC 6762 3).
pub const PORT: u16 = 5353;
/// Longest message, with IP and UDP headers, that is sent or taken in (RFC 6762 17).
pub const PACKET_MAX: usize = 9000;
/// TTL in seconds of records that have a host's name as owner or in their data (RFC 6762 10).
pub const TTL_HOST: u32 = 120;
/// TTL in seconds of all others.
pub const TTL_OTHER: u32 = 4500;
