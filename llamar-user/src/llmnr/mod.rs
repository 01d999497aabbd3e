//! Link-Local Multicast Name Resolution (RFC 4795), the part that answers queries in userspace. It takes messages
//! and gives messages; sockets, clocks and the kernel path are for others, and so is the truth about names
//! ([`Zone`]). What the kernel path answers is answered here with the same bytes.

pub mod query;
pub mod responder;
pub mod reverse;
pub mod stream;

pub use query::Query;
pub use responder::{Asked, Found, Ignored, OWNERS_MAX, Owner, Response, Transport, Zone, respond};
pub use stream::{Inbox, TooLong, frame};
