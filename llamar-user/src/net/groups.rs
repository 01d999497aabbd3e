//! IPv6 groups that are joined for a packet socket, which cannot join them itself: the kernel reports them to the
//! switches and routers of the link (MLD, RFC 3810 6.1) and opens the hardware's filter for them, as long as somebody on
//! this host is a member.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv6Addr;

use socket2::{Domain, Protocol, Socket, Type};

/// Groups of which this host is a member on one interface until this is dropped.
#[derive(Debug)]
pub struct Membership {
    /// Nothing is received by it: it is bound to no port.
    _socket: Socket,
}

impl Membership {
    /// Joins groups on an interface. The report goes out within milliseconds, and is repeated; there is none on an
    /// interface whose IPv6 is switched off.
    pub fn join(device: u32, groups: impl IntoIterator<Item = Ipv6Addr>) -> io::Result<Self> {
        let context = |what: &str, error: &io::Error| {
            io::Error::new(
                error.kind(),
                format!("{what} on interface {device}: {error}"),
            )
        };
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))
            .map_err(|error| context("open a socket to join groups", &error))?;
        // Two addresses may have one group, which a socket joins only once.
        let groups: BTreeSet<Ipv6Addr> = groups.into_iter().collect();
        for group in groups {
            socket
                .join_multicast_v6(&group, device)
                .map_err(|error| context(&format!("join {group}"), &error))?;
        }
        Ok(Self { _socket: socket })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::link::space::{in_namespace, ip, sysctl};
    use crate::net::pair::{bare_pair, soon};

    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3456);
    const OTHER: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3457);

    /// Whether the host is a member of a group on v0, and whether its hardware takes frames to it.
    fn membership(group: Ipv6Addr) -> (bool, bool) {
        let octets = group.octets();
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        let table = fs::read_to_string("/proc/thread-self/net/igmp6").unwrap();
        let reported = table
            .lines()
            .any(|line| line.contains("v0 ") && line.contains(&digits));
        let table = fs::read_to_string("/proc/thread-self/net/dev_mcast").unwrap();
        let hardware = format!("3333{}", &digits[24..]);
        let filtered = table
            .lines()
            .any(|line| line.contains("v0 ") && line.contains(&hardware));
        (reported, filtered)
    }

    fn is_member(group: Ipv6Addr) -> bool {
        membership(group) == (true, true)
    }

    fn is_left(group: Ipv6Addr) -> Result<(), (bool, bool)> {
        match membership(group) {
            (false, false) => Ok(()),
            held => Err(held),
        }
    }

    // RFC 4861 7.2.1: D7, D9, D16
    #[test]
    fn a_group_is_left_when_the_last_who_joined_it_is_gone() {
        in_namespace(async || {
            let (device, _) = bare_pair().await;
            let first = Membership::join(device, [GROUP, GROUP, OTHER]).unwrap();
            let second = Membership::join(device, [GROUP]).unwrap();
            assert!(is_member(GROUP) && is_member(OTHER));
            drop(first);
            soon(|| is_left(OTHER));
            assert!(is_member(GROUP));
            drop(second);
            soon(|| is_left(GROUP));
        });
    }

    #[test]
    fn groups_are_joined_where_ipv6_is_switched_off_too() {
        in_namespace(async || {
            let (device, _) = bare_pair().await;
            sysctl("ipv6/conf/v0/disable_ipv6", "1");
            let _member = Membership::join(device, [GROUP]).unwrap();
            assert!(is_member(GROUP));
        });
    }

    #[test]
    fn what_is_no_group_and_what_is_no_interface_is_named() {
        in_namespace(async || {
            let (device, _) = bare_pair().await;
            let error = Membership::join(device, [Ipv6Addr::LOCALHOST]).unwrap_err();
            assert!(
                error.to_string().starts_with("join ::1 on interface"),
                "{error}"
            );
            let error = Membership::join(4711, [GROUP]).unwrap_err();
            assert!(error.to_string().contains("on interface 4711"), "{error}");
            ip("link del v0");
            assert!(Membership::join(device, [GROUP]).is_err());
        });
    }
}
