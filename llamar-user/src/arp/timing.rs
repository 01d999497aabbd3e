//! The constants of RFC 5227 1.1, which are not for users to configure.

use std::time::Duration;

use crate::ether::Repeats;

/// Longest random delay before the first probe.
pub const PROBE_WAIT: Duration = Duration::from_secs(1);
/// Number of probes.
pub const PROBE_NUM: u32 = 3;
/// Shortest time between two probes.
pub const PROBE_MIN: Duration = Duration::from_secs(1);
/// Longest time between two probes.
pub const PROBE_MAX: Duration = Duration::from_secs(2);
/// Time from the last probe to the first announcement.
pub const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// Number of announcements.
pub const ANNOUNCE_NUM: u32 = 2;
/// Time between two announcements.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// The announcements of an address (2.3). Nothing keeps those of another cause waiting.
pub const ANNOUNCEMENTS: Repeats = Repeats {
    count: ANNOUNCE_NUM,
    interval: ANNOUNCE_INTERVAL,
    least: Duration::ZERO,
    period: None,
};
/// From this many conflicts on new attempts are rare.
pub const MAX_CONFLICTS: u32 = 10;
/// Time between two attempts from then on.
pub const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);
/// Shortest time between two announcements that defend an address.
pub const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
