//! Ethernet II frames (IEEE 802.3 clause 3, 802.1Q tags): hardware addresses, reading and writing, and how engines that
//! speak in whole frames are driven.

mod engine;
mod frame;
mod mac;
mod statistics;

pub use engine::Engine;
pub use frame::{FRAME_MIN, Frame, Tag};
pub use mac::{MacAddr, MacError};
pub use statistics::{Milliseconds, RoundTrips, Statistics};
