//! Frames from a seed: mostly queries and requests that are answered or nearly, many of them damaged.

use std::net::{IpAddr, Ipv4Addr};

use llamar_common::testing::{
    A, AAAA, Arp, BROADCAST, Checksum, FrameBuilder, MDNS_PORT, MDNS_V4, MDNS_V6, Query, Station,
};

use crate::dice::Dice;
use crate::mutate::mutate;
use crate::pair::Arrival;
use crate::scene::{Arena, Scene};

/// An endless row of frames for a scene.
pub struct Generator<'a> {
    scene: &'a Scene,
    dice: Dice,
}

impl<'a> Generator<'a> {
    /// The frames of a seed.
    pub fn new(scene: &'a Scene, seed: u64) -> Self {
        Self {
            scene,
            dice: Dice::new(seed),
        }
    }

    /// So many frames.
    pub fn frames(&mut self, count: usize) -> Vec<Arrival> {
        (0..count).map(|_| self.frame()).collect()
    }

    /// The next frame.
    pub fn frame(&mut self) -> Arrival {
        let arenas = &self.scene.arenas;
        // The first three links are those that answer.
        let served = self.dice.percent(88);
        let arena = &arenas[self.dice.below(if served { 3 } else { arenas.len() })];
        let mut frame = match self.dice.below(100) {
            0..70 => self.llmnr(arena),
            70..96 => self.arp(arena),
            96..98 => self.mdns(arena),
            _ => {
                let length = 14 + self.dice.below(200);
                self.dice.bytes(length)
            }
        };
        if self.dice.percent(35) {
            mutate(&mut self.dice, &mut frame);
        }
        (arena.key.ifindex, frame)
    }

    fn tag(&mut self, arena: &Arena) -> Option<u16> {
        let priority = (self.dice.any() as u16) & 0xf000;
        (arena.key.vlan != 0).then_some(arena.key.vlan | priority)
    }

    fn asker(&mut self, arena: &Arena) -> Station {
        let mut asker = *if self.dice.percent(92) {
            self.dice.pick(&arena.askers)
        } else {
            self.dice.pick(&arena.strangers)
        };
        match self.dice.below(100) {
            0 => asker.mac = BROADCAST,
            1 => asker.mac = arena.mac,
            _ => {}
        }
        asker
    }

    fn llmnr(&mut self, arena: &Arena) -> Vec<u8> {
        let mut query = FrameBuilder::llmnr(self.asker(arena))
            .id(self.dice.any() as u16)
            .port(self.dice.any() as u16)
            .ttl(self.dice.any() as u8);
        if let Some(control) = self.tag(arena) {
            query = query.vlan(control);
        }
        query = self.question(query, arena);
        query = match self.dice.below(100) {
            0..55 => query,
            55..85 => query.checksum(Checksum::Partial),
            85..95 => query.flags(self.dice.any() as u16 & 0x01ff),
            95 => query.checksum(Checksum::Absent),
            96 => query.with_wrong_checksum(),
            _ => self.odd(query),
        };
        query.build()
    }

    /// A message to everybody by mDNS, or nearly.
    fn mdns(&mut self, arena: &Arena) -> Vec<u8> {
        let asker = self.asker(arena);
        let group = match asker.ip.is_ipv4() {
            true => MDNS_V4.into(),
            false => IpAddr::from(MDNS_V6),
        };
        let mut query = FrameBuilder::llmnr(asker)
            .to(group)
            .to_port(MDNS_PORT)
            .flags(self.dice.any() as u16);
        if let Some(control) = self.tag(arena) {
            query = query.vlan(control);
        }
        query = self.question(query, arena);
        if self.dice.percent(20) {
            query = self.odd(query);
        }
        query.build()
    }

    fn question(&mut self, query: Query, arena: &Arena) -> Query {
        let kind = match self.dice.below(100) {
            0..46 => A,
            46..95 => AAAA,
            _ => self.dice.any() as u16 & 0x00ff,
        };
        if arena.labels.is_empty() || self.dice.percent(6) {
            let length = 1 + self.dice.below(64);
            let label = self.dice.bytes(length);
            return query.question_label(&label, kind);
        }
        let mut label = self.dice.pick(&arena.labels).clone();
        let mask = self.dice.any();
        for (place, byte) in label.iter_mut().enumerate() {
            if mask >> (place % 64) & 1 != 0 {
                *byte = byte.to_ascii_uppercase();
            }
        }
        query.question_label(&label, kind)
    }

    /// A query that is wrong, or beyond the kernel path, in one way.
    fn odd(&mut self, query: Query) -> Query {
        let off = self.dice.below(9) as i16 - 4;
        match self.dice.below(14) {
            0 => query.flags(self.dice.any() as u16),
            1 => query.with_opt(),
            2 => query.counts([
                self.dice.below(3) as u16,
                self.dice.below(2) as u16,
                self.dice.below(2) as u16,
                self.dice.below(2) as u16,
            ]),
            3 => query.records(&vec![0; 1 + self.dice.below(300)]),
            4 => query.trailer(&vec![0; 1 + self.dice.below(30)]),
            5 => query.udp_length_off_by(off),
            6 => query.ip_length_off_by(off),
            7 => query.udp_length_off_by(off).ip_length_off_by(off),
            8 => query.options(&vec![1; 4 * (1 + self.dice.below(10))]),
            9 => query.fragment(self.dice.any() as u16),
            10 => query.extension(self.dice.any() as u8, b"\x11\0\x01\x04\0\0\0\0"),
            11 => query.to_port(self.dice.any() as u16),
            12 => query.tag(0x88a8, self.dice.any() as u16),
            _ => query.question("second", A),
        }
    }

    fn arp(&mut self, arena: &Arena) -> Vec<u8> {
        let mut asker = self.asker(arena);
        if asker.ip.is_ipv6() {
            let last = 70 + self.dice.below(10) as u8;
            asker.ip = Ipv4Addr::new(192, 168, 1, last).into();
        }
        if self.dice.percent(3) {
            asker.mac[5] ^= 0x40;
        }
        let target = if arena.targets.is_empty() || self.dice.percent(5) {
            Ipv4Addr::from_bits(self.dice.any() as u32)
        } else {
            *self.dice.pick(&arena.targets)
        };
        let mut request = Arp::request(asker, target);
        match self.dice.below(100) {
            0..3 => request = Arp::probe(asker.mac, target),
            3..5 => request = Arp::announcement(asker),
            5..8 if !arena.targets.is_empty() => request.sender = *self.dice.pick(&arena.targets),
            8..11 => request.destination = arena.mac,
            11 => request.destination = self.dice.bytes(6).try_into().expect("six bytes"),
            12 => request.operation = self.dice.below(5) as u16,
            13 => request.source[5] ^= 1,
            14 => request.target_hardware = arena.mac,
            15..40 => request.padding = vec![0; 18],
            _ => {}
        }
        if let Some(control) = self.tag(arena) {
            request = request.vlan(control);
        }
        request.build()
    }
}
