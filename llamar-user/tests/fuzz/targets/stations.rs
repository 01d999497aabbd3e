//! The table of who has which address: whatever packets come, whenever; what is kept of it, as text; lists of vendors.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use llamar_user::arp::{Packet, Station};
use llamar_user::ether::vendor::{self, Lines, Vendors};
use llamar_user::ether::{Frame, MacAddr};
use llamar_user::ndp;
use llamar_user::stations::{Facts, Place, Sighting, Table, Throttle, read, write};

use super::script::{self, Step};
use crate::damage;
use crate::dice::Dice;
use crate::pcap;
use crate::run::{Target, outcome};

/// The table of a host on two links.
pub struct Stations;

/// Addresses that the table has room for: few, so that it is full soon.
const ROOM: usize = 24;
/// Steps of time by the two upper bits of the first byte, multiplied by the rest: milliseconds to weeks.
const PACES: [u64; 4] = [7, 400, 30_000, 100_000_000];
const NAMES: [&str; 2] = ["eth0", "wlan0"];

impl Target for Stations {
    const NAME: &'static str = "stations";

    fn new() -> Self {
        Self
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = pcap::files().unwrap_or_default();
        let frames = files.iter().flat_map(|file| pcap::frames(file));
        let arp = frames.map(|(_, frame)| frame).filter(|frame| {
            let read = Frame::read(frame);
            read.is_some_and(|frame| [0x0806, 0x86dd].contains(&frame.ether_type))
        });
        let arp: Vec<Vec<u8>> = arp.collect();
        let script = |frames: &[Vec<u8>]| {
            let steps: Vec<Step> = frames
                .iter()
                .map(|frame| Step {
                    how: [0x41, 0],
                    message: frame.clone(),
                })
                .collect();
            script::write(&steps)
        };
        arp.chunks(16).map(script).collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, frame)
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        match dice.percent(80) {
            true => script::damage(dice, input),
            false => damage::anywhere(dice, input),
        }
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let (mut table, mut throttle) = (Table::new(ROOM), Throttle::new(Some(2)));
        let facts = Facts {
            prefixes: vec![
                ([10, 0, 0, 9].into(), 24),
                ("fd00::9".parse().expect("an address"), 64),
            ],
            routers: [[10, 0, 0, 1].into()].into(),
            own: [([10, 0, 0, 9].into(), mac(9))].into(),
        };
        let home = Place::default();
        table.learn([(home, facts)].into());
        let (mut at, mut told) = (Duration::from_secs(1_700_000_000), BTreeSet::new());
        for Step { how, message } in script::read(input) {
            let pace = PACES[usize::from(how[0] >> 6)] * u64::from(how[0] & 0x3f);
            at = match how[1] & 0x80 {
                0 => at + Duration::from_millis(pace),
                _ => at.saturating_sub(Duration::from_millis(pace)),
            };
            let Some(sighting) = sighting(&message, u32::from(how[1] & 1)) else {
                continue;
            };
            let news = table.hear(at, &sighting);
            assert!(news.len() <= 4 && table.len() <= ROOM);
            for news in news {
                assert_eq!(
                    (news.at, news.place, news.mac),
                    (at, sighting.place, sighting.mac)
                );
                let passes = throttle.admits(at, news.what.name());
                told.insert((news.what.name(), news.router, passes));
            }
        }
        keep(&table);
        text(input);
        outcome((told, table.len().min(3)))
    }
}

/// What is kept is what is known, and a table that begins with it knows the same.
fn keep(table: &Table) {
    let mut kept = Vec::new();
    write(table.known(), |link| NAMES[link as usize], &mut kept).expect("room in memory");
    let kept = String::from_utf8(kept).expect("text");
    let known = read(&kept, |name| u32::from(name == NAMES[1])).expect("what was written");
    assert_eq!(known.len(), table.len());
    let mut again = Table::new(ROOM);
    for known in &known {
        assert!(!known.holders.is_empty() && known.holders.len() <= 4);
        again.remember(known);
    }
    assert_eq!(again.len(), table.len());
}

/// The bytes as what is kept, and as a list of vendors.
fn text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let whole = format!("{{\"llamar\":\"stations\",\"version\":1}}\n{text}");
    let _ = (read(&text, |_| 0), read(&whole, |_| 0));
    let (mut lines, mut entries) = (Lines::default(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        if let Some(entry) = lines.read(line) {
            assert!(!entry.shown().contains(char::is_control));
            entries.push((at as u64, entry));
        }
    }
    let vendors = Vendors::new(entries);
    for last in 0..3 {
        let found = vendors.find(mac(last));
        let line = found.and_then(|at| text.lines().nth(at as usize));
        line.and_then(|line| vendor::name(line, mac(last)));
    }
}

fn sighting(bytes: &[u8], link: u32) -> Option<Sighting> {
    let frame = Frame::read(bytes)?;
    let place = Place {
        link,
        vlan: frame.vlan(),
    };
    let source = Some(frame.source);
    match frame.ether_type {
        0x0806 => Sighting::of_arp(place, source, &Packet::read(frame.payload).ok()?),
        0x86dd => Sighting::of_ndp(place, source, &ndp::Packet::read(frame.payload).ok()?),
        _ => None,
    }
}

fn mac(last: u8) -> MacAddr {
    MacAddr([0x00, 0x1b, 0x21, 0, 0, last])
}

/// A frame of somebody about some address, mostly of the few that matter.
fn frame(dice: &mut Dice) -> Vec<u8> {
    let some_mac = |dice: &mut Dice| match dice.below(12) {
        0 => MacAddr(dice.any().to_be_bytes()[..6].try_into().expect("six bytes")),
        1 => MacAddr([0, 7, 0xb4, 0, 1, dice.below(3) as u8]),
        _ => mac(dice.below(10) as u8),
    };
    let (sender, target) = (some_mac(dice), some_mac(dice));
    let source = if dice.percent(90) { sender } else { target };
    if dice.percent(50) {
        let some_ip = |dice: &mut Dice| match dice.below(12) {
            0 => Ipv4Addr::from_bits(dice.any() as u32),
            1 => Ipv4Addr::UNSPECIFIED,
            _ => Ipv4Addr::new(10, 0, 0, dice.below(12) as u8),
        };
        let packet = Packet {
            operation: *dice.pick(&[1, 1, 1, 2, 2, 3]),
            sender: Station {
                mac: sender,
                ip: some_ip(dice),
            },
            target: Station {
                mac: target,
                ip: some_ip(dice),
            },
        };
        return packet.to_frame(source, MacAddr::BROADCAST, None);
    }
    let address = |dice: &mut Dice| match dice.below(12) {
        0 => Ipv6Addr::UNSPECIFIED,
        1 => Ipv6Addr::from_bits(u128::from(dice.any())),
        last => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last as u16),
    };
    let target = match address(dice) {
        Ipv6Addr::UNSPECIFIED => Ipv6Addr::LOCALHOST,
        target => target,
    };
    let message = match dice.percent(50) {
        true => ndp::Message::Solicitation(ndp::Solicitation {
            target,
            source_mac: dice.percent(80).then_some(sender),
            nonce: None,
        }),
        false => ndp::Message::Advertisement(ndp::Advertisement {
            target,
            router: dice.percent(20),
            solicited: dice.percent(50),
            overriding: dice.percent(80),
            target_mac: dice.percent(80).then_some(sender),
        }),
    };
    let packet = ndp::Packet {
        source: address(dice),
        destination: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9),
        message,
    };
    packet.to_frame(source, mac(9), None)
}
