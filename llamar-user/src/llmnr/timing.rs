//! The times of RFC 4795 2.7 and 7, which are not for users to configure.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// How long a response is waited for: LLMNR_TIMEOUT on IEEE 802 media.
pub const LLMNR_TIMEOUT: Duration = Duration::from_millis(100);
/// The longest random delay before a query or a response.
pub const JITTER_INTERVAL: Duration = Duration::from_millis(100);
/// How often a query is sent at most.
pub const TRANSMISSIONS_MAX: u8 = 3;

/// A random delay of up to [`JITTER_INTERVAL`].
pub fn jitter(rng: &mut StdRng) -> Duration {
    rng.random_range(Duration::ZERO..=JITTER_INTERVAL)
}
