//! What nobody should send, and why: addresses and hardware addresses that would hurt a network or can have no answer.
//! Everything here is refused without `--force`. What is known of the interface comes as an argument.

use std::net::Ipv4Addr;

use super::Station;
use crate::ether::MacAddr;
use crate::ether::refusal::{self, NoStation, OwnElsewhere};

/// An address of this host on the interface, and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Own {
    /// The address.
    pub ip: Ipv4Addr,
    /// How many bits its network has.
    pub prefix: u8,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 0.0.0.0.
    #[error("0.0.0.0 is nobody's address")]
    Unspecified,
    /// 0.0.0.0/8 (RFC 1122 3.2.1.3).
    #[error("{0} is in 0.0.0.0/8, which no host on a link has")]
    ThisNetwork(Ipv4Addr),
    /// 127.0.0.0/8.
    #[error("{0} is a loopback address: it is on no link")]
    Loopback(Ipv4Addr),
    /// 224.0.0.0/4.
    #[error("{0} is a multicast address: it is a group's, and needs no ARP")]
    Multicast(Ipv4Addr),
    /// 240.0.0.0/4.
    #[error("{0} is of class E (240.0.0.0/4), which is reserved")]
    ClassE(Ipv4Addr),
    /// 255.255.255.255, or the last of a prefix.
    #[error("{0} is the broadcast address{of}", of = of(.1))]
    Broadcast(Ipv4Addr, Option<Network>),
    /// The first of a prefix.
    #[error("{0} is the address of the network {1} itself")]
    Network(Ipv4Addr, Network),
    /// The first and the last 256 of 169.254.0.0/16 (RFC 3927 2.1).
    #[error(
        "{0} is one of the link-local addresses that nobody may take (169.254.0.x and 169.254.255.x)"
    )]
    ReservedLinkLocal(Ipv4Addr),
    /// This host has it.
    #[error("{0} is our own address: nobody else should answer")]
    Own(Ipv4Addr),
    /// This host has it.
    #[error("{0} is our own address already")]
    OwnAlready(Ipv4Addr),
    /// This host has it, and not there.
    #[error(transparent)]
    OwnElsewhere(#[from] OwnElsewhere),
    /// It would tell everybody of an address, not ask for it.
    #[error(
        "to ask for {0} as {0} tells everybody that it is here: `llamar arp announce` is for that"
    )]
    Itself(Ipv4Addr),
    /// A hardware address that no host has.
    #[error(transparent)]
    Mac(#[from] NoStation),
}

/// A prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its first address.
    pub first: Ipv4Addr,
    /// How many bits it has.
    pub prefix: u8,
}

/// Whether somebody may be asked for an address.
pub fn target(ip: Ipv4Addr, own: &[Own]) -> Result<(), Refusal> {
    host(ip, own)
}

/// Whether it may be asked who else has an address.
pub fn detected(ip: Ipv4Addr, own: &[Own]) -> Result<(), Refusal> {
    host(ip, own)?;
    match is_own(ip, own) {
        true => Err(Refusal::Own(ip)),
        false => Ok(()),
    }
}

/// Whether an address may be told as that of the sender of a request; 0.0.0.0 tells none.
pub fn sender(ip: Ipv4Addr, own: &[Own]) -> Result<(), Refusal> {
    if ip.is_unspecified() {
        return Ok(());
    }
    host(ip, own)
}

/// Whether some addresses may be asked for by whoever tells this one as its own.
// RFC 5227 1.1: a request for the sender's own address is an announcement.
pub fn asking(sender: Ipv4Addr, targets: &[Ipv4Addr], own: &[Own]) -> Result<(), Refusal> {
    self::sender(sender, own)?;
    match targets.contains(&sender) {
        true => Err(Refusal::Itself(sender)),
        false => Ok(()),
    }
}

/// Whether it may be told that a station has an address; `mac` is the interface's.
pub fn announced(station: Station, mac: MacAddr, own: &[Own]) -> Result<(), Refusal> {
    host(station.ip, own)?;
    refusal::station(station.mac)?;
    if is_own(station.ip, own) {
        refusal::own_address(station.ip.into(), station.mac, mac)?;
    }
    Ok(())
}

/// Whether an address may be claimed.
pub fn claimed(ip: Ipv4Addr, own: &[Own]) -> Result<(), Refusal> {
    host(ip, own)?;
    if is_own(ip, own) {
        return Err(Refusal::OwnAlready(ip));
    }
    // RFC 3927 2.1: the first 256 and last 256 addresses MUST NOT be selected.
    let [a, b, c, _] = ip.octets();
    if (a, b) == (169, 254) && (c == 0 || c == 255) {
        return Err(Refusal::ReservedLinkLocal(ip));
    }
    Ok(())
}

/// Whether an address can be that of a host on a link.
fn host(ip: Ipv4Addr, own: &[Own]) -> Result<(), Refusal> {
    let [first, ..] = ip.octets();
    match first {
        0 if ip.is_unspecified() => Err(Refusal::Unspecified),
        0 => Err(Refusal::ThisNetwork(ip)),
        127 => Err(Refusal::Loopback(ip)),
        224..240 => Err(Refusal::Multicast(ip)),
        _ if ip.is_broadcast() => Err(Refusal::Broadcast(ip, None)),
        240.. => Err(Refusal::ClassE(ip)),
        _ => own.iter().try_for_each(|own| not_an_edge(ip, *own)),
    }
}

/// Whether an address is neither the first nor the last of a prefix of ours.
fn not_an_edge(ip: Ipv4Addr, own: Own) -> Result<(), Refusal> {
    // RFC 3021 2.1: a prefix of 31 bits has neither; one of 32 is but a host.
    if own.prefix >= 31 || own.ip == ip {
        return Ok(());
    }
    let hosts = u32::MAX >> own.prefix;
    let (first, last) = (own.ip.to_bits() & !hosts, own.ip.to_bits() | hosts);
    let network = Network {
        first: Ipv4Addr::from_bits(first),
        prefix: own.prefix,
    };
    match ip.to_bits() {
        bits if bits == first => Err(Refusal::Network(ip, network)),
        bits if bits == last => Err(Refusal::Broadcast(ip, Some(network))),
        _ => Ok(()),
    }
}

fn is_own(ip: Ipv4Addr, own: &[Own]) -> bool {
    own.iter().any(|own| own.ip == ip)
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn of(network: &Option<Network>) -> String {
    network.map_or_else(String::new, |network| format!(" of {network}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OWN: [Own; 3] = [
        Own {
            ip: Ipv4Addr::new(10, 0, 5, 1),
            prefix: 22,
        },
        Own {
            ip: Ipv4Addr::new(192, 0, 2, 2),
            prefix: 31,
        },
        Own {
            ip: Ipv4Addr::new(198, 51, 100, 7),
            prefix: 32,
        },
    ];

    fn refused(result: Result<(), Refusal>) -> String {
        result.map_or_else(|refusal| refusal.to_string(), |()| String::new())
    }

    // RFC 5227 2.1: C13
    #[test]
    fn addresses_that_no_host_on_a_link_has_are_refused_everywhere() {
        for (text, why) in [
            ("0.0.0.0", "0.0.0.0 is nobody's address"),
            ("0.1.2.3", "0.1.2.3 is in 0.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1 is a loopback address"),
            ("224.0.0.251", "224.0.0.251 is a multicast address"),
            ("239.255.255.255", "is a multicast address"),
            ("240.0.0.1", "240.0.0.1 is of class E"),
            (
                "255.255.255.255",
                "255.255.255.255 is the broadcast address",
            ),
            (
                "10.0.7.255",
                "10.0.7.255 is the broadcast address of 10.0.4.0/22",
            ),
            (
                "10.0.4.0",
                "10.0.4.0 is the address of the network 10.0.4.0/22 itself",
            ),
        ] {
            let ip: Ipv4Addr = text.parse().unwrap();
            let station = Station { mac: MAC, ip };
            for result in [
                target(ip, &OWN),
                detected(ip, &OWN),
                claimed(ip, &OWN),
                announced(station, MAC, &OWN),
            ] {
                let refusal = refused(result);
                assert!(refusal.contains(why), "{text}: {refusal}");
            }
            let refusal = refused(sender(ip, &OWN));
            assert_eq!(refusal.is_empty(), ip.is_unspecified(), "{text}: {refusal}");
        }
    }

    // RFC 5227 1.1: C9
    #[test]
    fn nobody_announces_an_address_by_asking_for_it() {
        let [one, other] = ["10.0.5.7", "10.0.5.8"].map(|text| text.parse().unwrap());
        assert_eq!(asking(one, &[other], &OWN), Ok(()));
        assert_eq!(asking(one, &[other, one], &OWN), Err(Refusal::Itself(one)));
        assert!(asking(Ipv4Addr::new(127, 0, 0, 1), &[one], &OWN).is_err());
    }

    #[test]
    fn hosts_are_not_refused_and_short_networks_have_no_edges() {
        for text in [
            "10.0.4.1",
            "10.0.4.255",
            "10.0.5.0",
            "192.0.2.3",
            "198.51.100.8",
            "169.254.1.0",
            "8.8.8.8",
        ] {
            let ip: Ipv4Addr = text.parse().unwrap();
            let station = Station { mac: MAC, ip };
            assert_eq!(target(ip, &OWN), Ok(()), "{text}");
            assert_eq!(detected(ip, &OWN), Ok(()), "{text}");
            assert_eq!(claimed(ip, &OWN), Ok(()), "{text}");
            assert_eq!(sender(ip, &OWN), Ok(()), "{text}");
            assert_eq!(announced(station, MAC, &OWN), Ok(()), "{text}");
        }
        let all = Own {
            ip: Ipv4Addr::new(10, 0, 0, 1),
            prefix: 0,
        };
        assert_eq!(target(Ipv4Addr::new(10, 0, 0, 2), &[all]), Ok(()));
    }

    #[test]
    fn our_own_address_is_neither_detected_nor_claimed_nor_given_to_another() {
        let ip = OWN[0].ip;
        let refusal = refused(detected(ip, &OWN));
        assert!(refusal.contains("is our own address"), "{refusal}");
        assert_eq!(claimed(ip, &OWN), Err(Refusal::OwnAlready(ip)));
        assert_eq!(target(ip, &OWN), Ok(()));
        let other = MacAddr([2, 0, 0, 0, 0, 9]);
        let station = |mac| Station { mac, ip };
        assert_eq!(announced(station(MAC), MAC, &OWN), Ok(()));
        let elsewhere = refused(announced(station(other), MAC, &OWN));
        assert!(elsewhere.ends_with("we would be cut off"), "{elsewhere}");
        let nobody = refused(announced(station(MacAddr::ZERO), MAC, &OWN));
        assert!(nobody.contains("no station's"), "{nobody}");
    }

    // RFC 3927 2.1: C21
    #[test]
    fn the_ends_of_the_link_local_prefix_are_not_claimed() {
        for text in [
            "169.254.0.1",
            "169.254.0.255",
            "169.254.255.0",
            "169.254.255.9",
        ] {
            let ip = text.parse().unwrap();
            assert_eq!(claimed(ip, &[]), Err(Refusal::ReservedLinkLocal(ip)));
            assert_eq!(target(ip, &[]), Ok(()));
        }
        assert_eq!(claimed(Ipv4Addr::new(169, 254, 254, 255), &[]), Ok(()));
    }

    proptest! {
        #[test]
        fn any_prefix_is_judged_without_harm(ip: u32, own: u32, prefix: u8) {
            let own = Own { ip: Ipv4Addr::from_bits(own), prefix };
            let _ = claimed(Ipv4Addr::from_bits(ip), &[own]);
        }
    }
}
