//! Which of an interface's addresses asks.

use std::net::Ipv6Addr;

/// The address of ours from which a neighbour is best asked: of the same scope, then with the longest prefix in common
/// (RFC 6724 5, rules 2 and 8). `None` where there is none but the target itself.
// RFC 4861 7.2.2: any one of the addresses assigned to the interface should be used. One of the target's own prefix
// is one that the target can answer on this link.
pub fn source_for(target: Ipv6Addr, own: &[Ipv6Addr]) -> Option<Ipv6Addr> {
    let fit = |own: &Ipv6Addr| {
        let same_scope = own.is_unicast_link_local() == target.is_unicast_link_local();
        let common = (own.to_bits() ^ target.to_bits()).leading_zeros();
        (same_scope, common)
    };
    let usable = |own: &&Ipv6Addr| {
        let is_unicast = !own.is_unspecified() && !own.is_multicast() && !own.is_loopback();
        is_unicast && **own != target
    };
    own.iter()
        .copied()
        .filter(|own| usable(&own))
        .max_by_key(fit)
}
