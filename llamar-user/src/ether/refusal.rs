//! What is not sent unless somebody insists: frames that no station may send, and those that stop switches.

use std::net::IpAddr;

use super::{EtherType, Frame, MacAddr};

/// EtherType of MAC control, with which a station stops its neighbour's sending (IEEE 802.3 31, annex 31B).
const MAC_CONTROL: u16 = 0x8808;
/// Group of switches that look for loops (IEEE 802.1Q 8.6.3).
const BRIDGES: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0, 0, 0]);
/// Longest frame that has a length in place of its type.
const LENGTH_MAX: u16 = 1500;

/// Why a frame is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its source is no station, or its destination is nobody.
    #[error(transparent)]
    Address(#[from] NoStation),
    /// It stops the neighbour.
    #[error("MAC control (0x8808) stops the sending of whoever receives it")]
    MacControl,
    /// It tells switches how to forward.
    #[error(
        "01:80:c2:00:00:00 is where switches agree on their paths: a frame there may stop the network"
    )]
    Bridges,
    /// What should be its type is a length, and not its own.
    #[error(
        "{kind} is no EtherType but the length of an 802.3 frame, and the payload has {length} bytes"
    )]
    Length {
        /// What stands there.
        kind: EtherType,
        /// The payload's length.
        length: usize,
    },
}

/// Why a hardware address is no station's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStation {
    /// It names many.
    #[error("{0} is a group of stations: no frame comes from one, and no host has it")]
    Group(MacAddr),
    /// It is all zeros.
    #[error("00:00:00:00:00:00 is no station's hardware address")]
    Nobody,
}

/// An address of ours would be told to be elsewhere: everybody would send there what is for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is our own address, and {mac} is not the interface's hardware address: we would be cut off"
)]
pub struct OwnElsewhere {
    /// The address.
    pub address: IpAddr,
    /// Where it would be.
    pub mac: MacAddr,
}

/// Whether a hardware address may be a source, or be told as a host's.
// IEEE 802.3 3.2.3: a source is one station.
pub fn station(mac: MacAddr) -> Result<(), NoStation> {
    match mac.is_group() {
        true => Err(NoStation::Group(mac)),
        false => destination(mac),
    }
}

/// Whether a frame may be sent to a hardware address; groups may be.
pub fn destination(mac: MacAddr) -> Result<(), NoStation> {
    match mac == MacAddr::ZERO {
        true => Err(NoStation::Nobody),
        false => Ok(()),
    }
}

/// Whether an address of ours may be told to be at `mac`; `own` is the interface's hardware address.
pub fn own_address(address: IpAddr, mac: MacAddr, own: MacAddr) -> Result<(), OwnElsewhere> {
    match mac == own {
        true => Ok(()),
        false => Err(OwnElsewhere { address, mac }),
    }
}

/// Whether a frame may be sent.
pub fn frame(frame: &Frame<'_>) -> Result<(), Refusal> {
    station(frame.source)?;
    destination(frame.destination)?;
    let kind = EtherType(frame.ether_type);
    let length = frame.payload.len();
    // Padding may follow what the length counts.
    let fits = frame.ether_type <= LENGTH_MAX && usize::from(frame.ether_type) <= length;
    if frame.ether_type == MAC_CONTROL {
        Err(Refusal::MacControl)
    } else if frame.destination == BRIDGES {
        Err(Refusal::Bridges)
    } else if kind.is_length() && !fits {
        Err(Refusal::Length { kind, length })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame<'_> = Frame {
        destination: MacAddr::BROADCAST,
        source: MacAddr([2, 0, 0, 0, 0, 1]),
        tag: None,
        inner_tag: None,
        ether_type: 0x88b5,
        payload: b"Hi",
    };

    #[test]
    fn what_harms_nobody_is_sent() {
        for ether_type in [0x88b5, 0x0806, 0, 1, 2, 0x0600, 0xffff] {
            let typed = Frame {
                ether_type,
                ..FRAME
            };
            assert_eq!(frame(&typed), Ok(()));
        }
    }

    #[test]
    fn what_could_do_harm_is_refused_with_the_reason() {
        let group = MacAddr([0x01, 0x00, 0x5e, 0, 0, 1]);
        let typed = |ether_type| Frame {
            ether_type,
            ..FRAME
        };
        let length = |kind| Refusal::Length {
            kind: EtherType(kind),
            length: 2,
        };
        for (harmful, expected) in [
            (
                Frame {
                    source: group,
                    ..FRAME
                },
                NoStation::Group(group).into(),
            ),
            (
                Frame {
                    source: MacAddr::BROADCAST,
                    ..FRAME
                },
                NoStation::Group(MacAddr::BROADCAST).into(),
            ),
            (
                Frame {
                    source: MacAddr::ZERO,
                    ..FRAME
                },
                NoStation::Nobody.into(),
            ),
            (
                Frame {
                    destination: MacAddr::ZERO,
                    ..FRAME
                },
                NoStation::Nobody.into(),
            ),
            (typed(MAC_CONTROL), Refusal::MacControl),
            (
                Frame {
                    destination: BRIDGES,
                    ..FRAME
                },
                Refusal::Bridges,
            ),
            (typed(3), length(3)),
            (typed(0x05ff), length(0x05ff)),
        ] {
            assert_eq!(frame(&harmful), Err(expected));
        }
    }

    // RFC 5227 2.1.1: C13; RFC 4861 4.6.1
    #[test]
    fn no_frame_comes_from_a_group_or_from_nobody() {
        let mac = FRAME.source;
        assert!(station(mac).is_ok() && mac.is_station());
        for group in [MacAddr([0x33, 0x33, 0, 0, 0, 1]), MacAddr::BROADCAST] {
            assert_eq!(station(group), Err(NoStation::Group(group)));
            assert_eq!(destination(group), Ok(()));
        }
        assert_eq!(station(MacAddr::ZERO), Err(NoStation::Nobody));
        assert_eq!(destination(MacAddr::ZERO), Err(NoStation::Nobody));
    }
}
