//! What the commands of `llamar ether` show.

mod heard;
mod hexdump;
mod pong;
mod sent;
mod time;

pub use heard::{HeardRow, Show};
pub use pong::{PongRow, RespondedRow};
pub use sent::SentRow;
pub use time::Utc;
