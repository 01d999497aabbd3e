//! The times and numbers of RFC 4861 10 and RFC 4862 5.1.

use std::time::Duration;

use crate::ether::Repeats;

/// RETRANS_TIMER: between solicitations of one neighbour, and between unsolicited advertisements (RFC 4861 10).
pub const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// MAX_MULTICAST_SOLICIT: solicitations until a neighbour is taken for silent (RFC 4861 10).
pub const MAX_MULTICAST_SOLICIT: u32 = 3;
/// MAX_NEIGHBOR_ADVERTISEMENT: unsolicited advertisements for one cause (RFC 4861 10).
pub const MAX_NEIGHBOR_ADVERTISEMENT: u32 = 3;
/// The unsolicited advertisements of an address (RFC 4861 7.2.6): RetransTimer apart, whatever their causes.
pub const ADVERTISEMENTS: Repeats = Repeats {
    count: MAX_NEIGHBOR_ADVERTISEMENT,
    interval: RETRANS_TIMER,
    least: RETRANS_TIMER,
    period: None,
};
/// MAX_RTR_SOLICITATION_DELAY: how long the first message of an interface is delayed at most (RFC 4861 10).
pub const MAX_RTR_SOLICITATION_DELAY: Duration = Duration::from_secs(1);
/// DupAddrDetectTransmits: solicitations until an address is taken for unique (RFC 4862 5.1).
pub const DUP_ADDR_DETECT_TRANSMITS: u32 = 1;
/// What a caller who may be hasty cannot go below: an interval of nothing would never end.
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The interval that is kept: RetransTimer at least, unless the caller is allowed to be hasty.
// RFC 4861 7.2.2, 7.2.6: one solicitation per neighbour, one advertisement per address in a RetransTimer at most.
pub(super) fn interval(wanted: Duration, hasty: bool) -> Duration {
    wanted.max(if hasty { INTERVAL_MIN } else { RETRANS_TIMER })
}
