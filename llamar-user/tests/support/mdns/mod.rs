//! mDNS on the raw wire: messages as somebody may send them, right or wrong, and messages as they came. Written for the
//! tests alone, so that llamar is not judged by its own code.

mod heard;
mod speech;
mod station;

pub use heard::{Asked, Heard, Told};
pub use speech::{Record, Speech};
pub use station::Somebody;

/// Type PTR.
pub const PTR: u16 = 12;
/// Type TXT.
pub const TXT: u16 = 16;
/// Type SRV.
pub const SRV: u16 = 33;
/// Type NSEC.
pub const NSEC: u16 = 47;
/// Every type.
pub const ANY: u16 = 255;
/// mDNS's port (RFC 6762 3).
pub const PORT: u16 = 5353;
/// The top bit of a class: cache-flush in records, unicast response wanted in questions (RFC 6762 18.12, 18.13).
pub const TOP: u16 = 0x8000;
/// Flags of a response (RFC 6762 18.2, 18.4): QR and AA.
pub const RESPONSE: u16 = 0x8400;
/// Flag TC (RFC 6762 18.5).
pub const TRUNCATED: u16 = 0x0200;
