//! Who has which address on a link, as ARP packets (RFC 826, 5227) and messages of Neighbor Discovery (RFC 4861) tell it,
//! and what is worth telling of that: new stations, changed and contested addresses, addresses that do not belong there.
//! What is heard comes from others; whoever reads packets turns them into [`Sighting`]s.
//!
//! A probe tells no address (RFC 5227 1.1), nor does a solicitation from the unspecified one (RFC 4861 7.2.3): neither
//! its sender nor the address that it asks for becomes known by it.

mod askers;
mod fellow;
mod history;
mod kept;
mod news;
mod room;
mod sighting;
mod strange;
mod table;
#[cfg(test)]
mod tests;
mod throttle;

pub use fellow::Fellow;
pub use history::Holder;
pub use kept::{KeptError, read, write};
pub use news::{News, What};
pub use sighting::{How, Place, Sighting};
pub use strange::Strange;
pub use table::{Facts, Known, MANY_MIN, STATIONS_MAX, Table};
pub use throttle::Throttle;
