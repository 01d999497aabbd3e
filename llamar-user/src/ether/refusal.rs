//! What is not sent unless somebody insists: frames that no station may send, and those that stop switches.

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
    /// Its source is a group.
    #[error(
        "{0} is a group, which sends nothing: switches drop such frames or learn nonsense from them"
    )]
    GroupSource(MacAddr),
    /// Its source is nobody.
    #[error("{0} is nobody's address, and so no source")]
    NoSource(MacAddr),
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

/// Why a frame should not be sent; `None` if nothing speaks against it.
pub fn refusal(frame: &Frame<'_>) -> Option<Refusal> {
    let kind = EtherType(frame.ether_type);
    let length = frame.payload.len();
    // Padding may follow what the length counts.
    let fits = frame.ether_type <= LENGTH_MAX && usize::from(frame.ether_type) <= length;
    if frame.source.is_group() {
        Some(Refusal::GroupSource(frame.source))
    } else if !frame.source.is_station() {
        Some(Refusal::NoSource(frame.source))
    } else if frame.ether_type == MAC_CONTROL {
        Some(Refusal::MacControl)
    } else if frame.destination == BRIDGES {
        Some(Refusal::Bridges)
    } else if kind.is_length() && !fits {
        Some(Refusal::Length { kind, length })
    } else {
        None
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
            assert_eq!(
                refusal(&Frame {
                    ether_type,
                    ..FRAME
                }),
                None
            );
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
        for (frame, expected) in [
            (
                Frame {
                    source: group,
                    ..FRAME
                },
                Refusal::GroupSource(group),
            ),
            (
                Frame {
                    source: MacAddr::BROADCAST,
                    ..FRAME
                },
                Refusal::GroupSource(MacAddr::BROADCAST),
            ),
            (
                Frame {
                    source: MacAddr::ZERO,
                    ..FRAME
                },
                Refusal::NoSource(MacAddr::ZERO),
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
            assert_eq!(refusal(&frame), Some(expected));
        }
    }
}
