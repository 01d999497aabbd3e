//! ARP for IPv4 over Ethernet (RFC 826), address conflict detection (RFC 5227), link-local addresses (RFC 3927 2).
//!
//! Four engines speak it: [`Asker`] asks for addresses, [`Announcer`] tells of them, [`Claim`] makes one ours and keeps
//! it, [`Scan`] finds whoever is there. [`Defence`] decides what is done about a conflict, [`refusal`] what nobody should
//! send. Whoever answers for addresses that the kernel has is not here but in the kernel, or in `llamar_common::respond`.

mod announcer;
mod arrival;
mod asker;
mod claim;
mod conflict;
mod defence;
mod outbox;
mod pace;
mod packet;
pub mod refusal;
mod rules;
mod scan;
#[cfg(test)]
mod tests;
pub mod timing;

pub use announcer::{Announcer, Announcing, Form, Told};
pub use arrival::Arrival;
pub use asker::{Answer, Ask, Asked, Asker, Event as AskEvent, How, INTERVAL_MIN};
pub use claim::{
    Candidate, Candidates, Claim, Claiming, Conflict, Event as ClaimEvent, State as ClaimState,
};
pub use conflict::{disputes, probes_too};
pub use defence::{Defence, Policy, Then};
pub use pace::Pace;
pub use packet::{Flaw, Packet, Station};
pub use scan::{
    ADDRESSES_MAX, Event as ScanEvent, Found, Progress, Scan, Scanning, Span, SpanError, Spans,
    TooMany,
};
