//! Ethernet II frames (IEEE 802.3 clause 3, 802.1Q tags): hardware addresses, reading and writing, how engines that
//! speak in whole frames are driven, and a ping of hardware addresses.

mod agenda;
mod budget;
pub mod echo;
mod engine;
mod frame;
mod kind;
mod mac;
mod outbox;
mod pace;
pub mod payload;
pub mod refusal;
mod repeats;
mod statistics;
pub mod vendor;

pub use agenda::Agenda;
pub use budget::Budget;
pub use engine::Engine;
pub use frame::{FRAME_MIN, Frame, Tag};
pub use kind::{EtherType, EtherTypeError};
pub use mac::{MacAddr, MacError};
pub use outbox::Outbox;
pub use pace::Pace;
pub use repeats::{Repeats, Series};
pub use statistics::{Milliseconds, RoundTrips, Statistics};
