//! Answers for an address that is held without the kernel (RFC 4861 7.2.4): who asks for it is told, and so is who wants
//! it.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::ALL_NODES;

use super::Check;
use crate::ether::MacAddr;
use crate::ndp::budget::Budget;
use crate::ndp::datagram::group_mac;
use crate::ndp::port::Heard;
use crate::ndp::rules::{Rule, Rules};
use crate::ndp::{Advertisement, Message, Packet, Solicitation};

/// Answers at once: a link of as many hosts may have lost its neighbour at the same time.
const BURST: u32 = 256;
/// Between two more.
const PACE: Duration = Duration::from_millis(10);

/// Answers solicitations.
#[derive(Debug)]
pub(super) struct Hold {
    rules: Rules,
    budget: Budget,
}

impl Hold {
    pub fn new(now: Instant, rules: Rules) -> Self {
        Self {
            rules,
            budget: Budget::new(now, BURST, PACE),
        }
    }

    /// The frame that answers a solicitation of the address, if it is one and is to be answered.
    // RFC 4861 7.2.4: D3, D4. To whom it came from, solicited; to all nodes, unsolicited, if that is `::`. With the
    // hardware address, to be taken up at once.
    pub fn answer(&mut self, now: Instant, check: &Check, heard: &Heard) -> Option<Vec<u8>> {
        let Message::Solicitation(solicitation) = &heard.packet.message else {
            return None;
        };
        let (destination, mac) = to(heard, solicitation)?;
        if !self.rules.hold(Rule::AnswerChecks) {
            return None;
        }
        if !self.budget.take(now) && self.rules.hold(Rule::Pace) {
            return None;
        }
        let advertisement = Advertisement {
            target: check.address,
            router: check.router,
            solicited: heard.resolves(),
            overriding: true,
            target_mac: Some(check.port.mac),
        };
        let packet = Packet {
            source: check.address,
            destination,
            message: Message::Advertisement(advertisement),
        };
        Some(packet.to_frame(check.port.mac, mac, check.port.tag))
    }
}

/// To whom a solicitation is answered: all nodes, or who asks, by both addresses.
fn to(heard: &Heard, solicitation: &Solicitation) -> Option<(Ipv6Addr, MacAddr)> {
    let source = heard.packet.source;
    if source.is_unspecified() {
        let all = Ipv6Addr::from(ALL_NODES);
        return Some((all, group_mac(all)));
    }
    // RFC 4861 7.2.4: D12. Where no hardware address is told, the one that the frame came from is as good as what a
    // solicitation in return would find.
    let mac = solicitation.source_mac.unwrap_or(heard.source);
    // Who asks from a group would have us answer a group.
    (!source.is_multicast() && mac.is_station()).then_some((source, mac))
}
