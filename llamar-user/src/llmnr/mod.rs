//! Link-Local Multicast Name Resolution (RFC 4795), the part that answers queries in userspace. It takes messages
//! and gives messages; sockets, clocks and the kernel path are for others, and so is the truth about names
//! ([`Zone`]). What the kernel path answers is answered here with the same bytes.

mod answer;
mod delayed;
pub mod engine;
mod limiter;
mod plain;
pub mod query;
pub mod responder;
pub mod reverse;
mod rules;
pub mod sender;
mod timing;
mod uniqueness;

pub use engine::{Claimed, Engine, Event, Handled, Outcome, Standing, Transmit, Wanted, Why};
pub use limiter::{Limiter, TICKS};
pub use plain::respond_plain;
pub use query::Query;
pub use responder::{Asked, Found, Ignored, OWNERS_MAX, Owner, Response, Transport, Zone, respond};
