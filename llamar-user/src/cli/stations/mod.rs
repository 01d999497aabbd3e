//! What `scan` and `watch` of `llamar arp` and of `llamar nd` have in common.

mod capture;
mod ears;
mod facts;
mod help;
mod keep;
pub mod progress;
pub mod scan;
mod speech;
mod teller;
pub mod vendors;
pub mod watch;

pub use help::help;
pub use speech::Speech;
