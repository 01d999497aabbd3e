//! The links, names and addresses of the generated frames, and the stations that ask: the same ones always, which have
//! each kind of everything, or what chance draws.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{
    ADDRESS, ARP_ASSIGNED, ARP_DECLARED, ELSEWHERE, GENERATION, KINDS, LINK_GENERIC, LinkKey,
    NameState, TAG, TTL_SHIFT,
};
use llamar_common::testing::{Mac, Station, Tables};

use crate::dice::Dice;
use crate::kernel::INDEX_BUCKETS;
use crate::place::Interfaces;

/// A link on which frames arrive, served or not.
pub struct Arena {
    /// The link.
    pub key: LinkKey,
    /// Our hardware address.
    pub mac: Mac,
    /// Stations that are on the link.
    pub askers: Vec<Station>,
    /// Stations that are not, or that have no address of their own.
    pub strangers: Vec<Station>,
    /// Labels that are in the map.
    pub labels: Vec<Vec<u8>>,
    /// Addresses for which ARP requests are answered.
    pub targets: Vec<Ipv4Addr>,
}

/// All of it.
pub struct Scene {
    /// What the maps hold.
    pub tables: Tables,
    /// Where frames arrive.
    pub arenas: Vec<Arena>,
}

/// Index of `lo` in every network namespace: an interface that is never served.
const LOOPBACK: u32 = 1;

impl Scene {
    /// Two interfaces with served, unserved, half-written and address-less links.
    pub fn new([left, right]: Interfaces) -> Self {
        let mut scene = Self {
            tables: Tables::default(),
            arenas: Vec::new(),
        };
        let mut dice = Dice::new(0x11a_3a2);
        scene.serve(LinkKey::new(left, 0), &mut dice, &few());
        scene.serve(LinkKey::new(left, 100), &mut dice, &few());
        scene.serve(LinkKey::new(right, 0), &mut dice, &many());
        scene.serve(LinkKey::new(right, 4094), &mut dice, &[]);
        scene.serve(LinkKey::new(left, 200), &mut dice, &few());
        scene.tables.links[1].1.mode = LINK_GENERIC;
        scene.tables.links[3].1.mode = 0;
        scene.tables.links[4].1.generation |= 1;
        scene.tables.near();
        scene.tables.index(INDEX_BUCKETS as usize);
        for key in [LinkKey::new(LOOPBACK, 0), LinkKey::new(right, 5)] {
            scene.arenas.push(arena(key, mac(key), &few()));
        }
        scene
    }

    /// Links, names and an index that chance draws. The index is closed at times; at others some of its entries are being
    /// written, say less than they did, or something else than the map.
    pub fn drawn([left, right]: Interfaces, dice: &mut Dice) -> Self {
        let mut scene = Self {
            tables: Tables::default(),
            arenas: Vec::new(),
        };
        let vlan = 1 + dice.below(4094) as u16;
        for key in [(left, 0), (right, 0), (left, vlan), (right, vlan)] {
            let key = LinkKey::new(key.0, key.1);
            let mut addresses = if dice.percent(70) { few() } else { many() };
            addresses.retain(|_| dice.percent(85));
            scene.drawn_link(key, dice, &addresses);
            let (_, link) = scene.tables.links.last_mut().expect("the link just added");
            match dice.below(20) {
                0..=2 => link.mode = LINK_GENERIC,
                3 => link.mode = 0,
                4 => link.generation |= 1,
                _ => {}
            }
        }
        scene.tables.near();
        scene.tables.index(INDEX_BUCKETS as usize);
        match dice.below(10) {
            0 => scene.tables.control.index_slots = 0,
            1..=5 => scene.disturb(dice),
            _ => {}
        }
        let key = LinkKey::new(LOOPBACK, 0);
        scene.arenas.push(arena(key, mac(key), &few()));
        scene
    }

    fn drawn_link(&mut self, key: LinkKey, dice: &mut Dice, addresses: &[(IpAddr, u8)]) {
        let mut arena = arena(key, mac(key), addresses);
        self.tables.link(key, arena.mac, addresses);
        for _ in 0..4 + dice.below(40) {
            let mut label = match arena.labels.last() {
                Some(last) if dice.percent(30) => last.clone(),
                _ => {
                    let most = if dice.percent(70) { 16 } else { 63 };
                    let length = 1 + dice.below(most);
                    dice.bytes(length)
                }
            };
            // A neighbour of the last one, in one byte.
            let place = dice.below(label.len());
            label[place] = dice.any() as u8;
            label.make_ascii_lowercase();
            if !arena.labels.contains(&label) {
                let number = if dice.percent(50) { 1 } else { dice.below(256) };
                self.name(key, number, &label);
                arena.labels.push(label);
            }
        }
        for (address, _) in addresses {
            if let IpAddr::V4(address) = address {
                self.tables.address(key, *address, arena.mac, ARP_ASSIGNED);
                arena.targets.push(*address);
            }
        }
        for _ in 0..dice.below(6) {
            let address = Ipv4Addr::new(192, 168, 1, 200 + dice.below(50) as u8);
            if !arena.targets.contains(&address) {
                self.tables.address(key, address, arena.mac, ARP_DECLARED);
                arena.targets.push(address);
            }
        }
        self.arenas.push(arena);
    }

    /// Slots of the index as they are between two states, or as nobody writes them.
    fn disturb(&mut self, dice: &mut Dice) {
        let slots = self.tables.index.iter_mut();
        for slot in slots.flat_map(|bucket| &mut bucket.slots) {
            match dice.below(12) {
                0 => slot.word &= !KINDS,
                1 => slot.word &= !TAG,
                2 => slot.word = slot.word.wrapping_add(GENERATION),
                3 => slot.word ^= dice.any() & ADDRESS,
                4 => slot.word ^= ELSEWHERE,
                5 => slot.word ^= 1 << TTL_SHIFT,
                6 => slot.label ^= 1 << dice.below(64),
                _ => {}
            }
        }
    }

    fn serve(&mut self, key: LinkKey, dice: &mut Dice, addresses: &[(IpAddr, u8)]) {
        let mut arena = arena(key, mac(key), addresses);
        self.tables.link(key, arena.mac, addresses);
        for length in 1..=63 {
            let label: Vec<u8> = dice.bytes(length).to_ascii_lowercase();
            if !arena.labels.contains(&label) {
                self.name(key, length, &label);
                arena.labels.push(label);
            }
        }
        for (address, _) in addresses {
            if let IpAddr::V4(address) = address {
                self.tables.address(key, *address, arena.mac, ARP_ASSIGNED);
                arena.targets.push(*address);
            }
        }
        for last in 200..206 {
            let address = Ipv4Addr::new(192, 168, 1, last);
            let other = [0x02, 0, 0, 0, 9, last];
            let mac = if last % 2 == 0 { arena.mac } else { other };
            self.tables.address(key, address, mac, ARP_DECLARED);
            arena.targets.push(address);
        }
        self.arenas.push(arena);
    }

    /// A name with 0 to 5 addresses of each family, some of them link-local; some names are not unique.
    fn name(&mut self, key: LinkKey, number: usize, label: &[u8]) {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for place in 0..number % 6 {
            let last = (number * 6 + place) as u8;
            let local = (number + place).is_multiple_of(3);
            let start = if local { [169, 254] } else { [10, 7] };
            addresses.push(Ipv4Addr::new(start[0], start[1], 3, last).into());
        }
        for place in 0..(number / 6 + 1) % 6 {
            let last = (number * 6 + place) as u16;
            let local = (number + place).is_multiple_of(4);
            let start = if local { 0xfe80 } else { 0x2001 };
            addresses.push(Ipv6Addr::new(start, 0, 0, 0, 0xffff, 0x00fe, 0x8000, last).into());
        }
        let host = self
            .tables
            .name(key, label, number as u32 * 0x0001_0203, &addresses);
        host.state = match number % 16 {
            7 => NameState::Tentative as u8,
            11 => NameState::Shared as u8,
            _ => NameState::Unique as u8,
        };
    }
}

/// One prefix of each kind, and a shorter one around another.
fn few() -> Vec<(IpAddr, u8)> {
    vec![
        (Ipv4Addr::new(192, 168, 1, 10).into(), 24),
        (Ipv4Addr::new(192, 168, 9, 10).into(), 16),
        (Ipv4Addr::new(169, 254, 7, 1).into(), 16),
        (Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1).into(), 64),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), 64),
    ]
}

/// As many prefixes as an entry holds.
fn many() -> Vec<(IpAddr, u8)> {
    let v4 = (1..16).map(|n| (Ipv4Addr::new(192, 168, n, 10).into(), 24));
    let v6 = (1..16).map(|n| (Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 1).into(), 64));
    let local: [(IpAddr, u8); 2] = [
        (Ipv4Addr::new(169, 254, 7, 1).into(), 16),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), 64),
    ];
    v4.chain(v6).chain(local).collect()
}

fn mac(key: LinkKey) -> Mac {
    let [high, low] = key.vlan.to_be_bytes();
    [0x02, 0, 0, key.ifindex as u8, high, low]
}

fn arena(key: LinkKey, mac: Mac, addresses: &[(IpAddr, u8)]) -> Arena {
    let mut askers = Vec::new();
    let mut strangers = Vec::new();
    let station = |last: u8, ip: IpAddr| Station::new([0x02, 0, 0, 0, 0xaa, last], ip);
    for (ours, _) in addresses {
        // Our own address and the network's two ends are no asker's.
        strangers.push(station(1, *ours));
        for last in [77, 78] {
            askers.push(station(last, beside(*ours, last)));
        }
        if let IpAddr::V4(ours) = ours {
            let [a, b, c, _] = ours.octets();
            strangers.push(station(2, Ipv4Addr::new(a, b, c, 0).into()));
            strangers.push(station(3, Ipv4Addr::new(a, b, c, 255).into()));
        }
    }
    for address in [
        "0.0.0.0",
        "8.8.8.8",
        "127.0.0.1",
        "255.255.255.255",
        "172.16.5.5",
    ] {
        strangers.push(station(4, address.parse().expect("an address")));
    }
    for address in ["::", "::1", "2a00::1", "fe80:1::1", "ff02::1:3"] {
        strangers.push(station(5, address.parse().expect("an address")));
    }
    if askers.is_empty() {
        askers.clone_from(&strangers);
    }
    Arena {
        key,
        mac,
        askers,
        strangers,
        labels: Vec::new(),
        targets: Vec::new(),
    }
}

/// An address in the same prefix.
fn beside(address: IpAddr, last: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, last).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0x1122, 0x33ff, 0xfe44, last.into()).into()
        }
    }
}
