//! The kernel path's logic on frames in memory.

use std::cell::Cell;
use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use llamar_common::abi::{Limit, Outcome};
use llamar_common::respond::Verdict;
use llamar_common::testing::{A, AAAA, Arp, FrameBuilder, Station, Tables};
use llamar_user::llmnr::{Asked, Transport, respond};

use crate::dice::Dice;
use crate::mutate::mutate;
use crate::pcap;
use crate::run::{Target, outcome};
use crate::world::{DEVICE, MAC, NAMES, VLAN, World};

/// Frames on a link with names. Those that are answered get the message that the responder in userspace gives.
pub struct Frames {
    world: World,
    tables: Tables,
    /// The same where every source has had its answers.
    drained: Tables,
}

/// Room in front of a frame.
const HEADROOM: usize = 256;

impl Target for Frames {
    const NAME: &'static str = "frame";

    fn new() -> Self {
        let world = World::new();
        let tables = world.tables();
        let mut drained = tables.clone();
        for (_, link) in &mut drained.links {
            link.limit = Limit {
                interval: 1,
                tolerance: 0,
            };
        }
        drained.buckets.fill(Cell::new(u64::MAX));
        Self {
            world,
            tables,
            drained,
        }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = pcap::files().unwrap_or_default();
        let frames = files.iter().flat_map(|file| pcap::frames(file));
        let long_enough = frames
            .map(|(_, frame)| frame)
            .filter(|frame| frame.len() >= 14);
        long_enough.collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let askers = [
            "192.168.1.77",
            "169.254.9.9",
            "2001:db8:1::77",
            "fe80::77",
            "8.8.8.8",
        ];
        let ip: IpAddr = dice.pick(&askers).parse().expect("an address");
        let asker = Station::new([0x02, 0, 0, 0, 0, 0x77], ip);
        if ip.is_ipv4() && dice.percent(20) {
            let target = *dice.pick(&[[192, 168, 1, 10], [169, 254, 7, 1], [192, 168, 1, 99]]);
            let request = Arp::request(asker, target.into());
            return if dice.percent(50) {
                request
            } else {
                request.vlan(VLAN)
            }
            .build();
        }
        let (name, ..) = dice.pick(&NAMES);
        let name = if dice.percent(50) {
            (*name).to_owned()
        } else {
            name.to_uppercase()
        };
        let kind = *dice.pick(&[A, AAAA, A, AAAA, 255, 12]);
        let mut query = FrameBuilder::llmnr(asker)
            .question(&name, kind)
            .id(dice.any() as u16);
        if dice.percent(30) {
            query = query.vlan(VLAN);
        }
        if dice.percent(10) {
            query = query.flags(dice.any() as u16 & 0x03ff);
        }
        query.build()
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        mutate(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        // The kernel hands over no frame without an Ethernet header.
        if input.len() < 14 || input.len() > 2000 {
            return 0;
        }
        let (verdict, after) = self.tables.respond(DEVICE, input, HEADROOM);
        self.limited(input, verdict);
        let counted = verdict.outcome.map(|outcome| outcome.as_str());
        if !verdict.reply {
            assert_eq!(after, input, "passed, but touched");
            return outcome((counted, input.len() / 8));
        }
        assert!(counted.is_some(), "answered, but not counted");
        let reply = SlicedPacket::from_ethernet(&after).expect("a well-formed answer");
        assert_eq!(after[6..12], MAC);
        match (&reply.net, &reply.transport) {
            (Some(NetSlice::Arp(arp)), _) => assert_eq!(arp.operation().0, 2),
            (Some(_), Some(TransportSlice::Udp(udp))) => self.check(input, udp.payload()),
            _ => panic!("neither ARP nor UDP: {reply:?}"),
        }
        outcome((counted, after.len()))
    }
}

impl Frames {
    /// A source that has had its answers gets none over LLMNR; everything else is as it is for others.
    fn limited(&self, input: &[u8], verdict: Verdict) {
        let (limited, after) = self.drained.respond(DEVICE, input, HEADROOM);
        let answer = matches!(
            verdict.outcome,
            Some(Outcome::LlmnrAnswered | Outcome::LlmnrEmpty)
        );
        if !answer {
            assert_eq!(limited, verdict);
            return;
        }
        let expected = Verdict {
            reply: false,
            drop: true,
            outcome: Some(Outcome::LlmnrLimited),
            ..verdict
        };
        assert_eq!((limited, after.as_slice()), (expected, input));
    }

    /// Design rule 1: what the kernel path answers, the responder answers with the same message.
    fn check(&self, asked: &[u8], answer: &[u8]) {
        let packet = SlicedPacket::from_ethernet(asked).expect("a well-formed query");
        let (from, to): (IpAddr, IpAddr) = match packet.net.expect("a packet") {
            NetSlice::Ipv4(ip) => {
                let header = ip.header();
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                )
            }
            NetSlice::Ipv6(ip) => {
                let header = ip.header();
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                )
            }
            NetSlice::Arp(_) => panic!("an ARP request answered by UDP"),
        };
        let Some(TransportSlice::Udp(udp)) = packet.transport else {
            panic!("an answer to something other than UDP");
        };
        let asked = Asked {
            message: udp.payload(),
            from: (from, udp.source_port()).into(),
            transport: Transport::Udp { to },
        };
        let response = respond(&self.world, &asked).expect("the responder answers too");
        assert_eq!(response.message, answer);
    }
}
