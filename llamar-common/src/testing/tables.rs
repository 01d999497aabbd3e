//! The content of the maps, in memory.

use core::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use super::Mac;
use crate::abi::{
    ADDRESSES_MAX, ArpHost, ArpKey, BUCKETS_MAX, Bucket, Bucket6, Control, ELSEWHERE, GENERATION,
    Host, LINK_NATIVE, LINK_PROBES, Link, LinkKey, NameKey, NameState, Prefix4, Prefix6, SEEDS,
    SENDERS_MAX, SLOTS, Sender, Short, Slot, TAG, is_long, link_slot,
};
use crate::frame::SliceFrame;
use crate::records::SliceRecords;
use crate::respond::{Verdict, respond};

/// A lease that does not end.
pub const FOREVER: u64 = u64::MAX;

/// Seeds of a hash that is the same in every test.
pub const SEEDS_FIXED: [u64; SEEDS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
];

/// What the maps of one agent hold.
#[derive(Clone, Debug)]
pub struct Tables {
    /// See [`SliceRecords::links`].
    pub links: Vec<(u32, Link)>,
    /// See [`SliceRecords::names`].
    pub names: Vec<(NameKey, Host)>,
    /// See [`SliceRecords::index`].
    pub index: Vec<Bucket>,
    /// See [`SliceRecords::index6`].
    pub index6: Vec<Bucket6>,
    /// See [`SliceRecords::arp`].
    pub arp: Vec<(ArpKey, ArpHost)>,
    /// See [`SliceRecords::senders`].
    pub senders: Vec<Cell<Sender>>,
    /// See [`SliceRecords::buckets`].
    pub buckets: Vec<Cell<u64>>,
    /// See [`SliceRecords::control`].
    pub control: Control,
    /// See [`SliceRecords::jiffies`].
    pub jiffies: u64,
    /// See [`SliceRecords::settled`].
    pub settled: bool,
    /// See [`SliceRecords::index_settled`].
    pub index_settled: bool,
}

impl Default for Tables {
    /// Empty tables of an agent that lives for ever and remembers every sender.
    fn default() -> Self {
        Self {
            links: Vec::new(),
            names: Vec::new(),
            index: Vec::new(),
            index6: Vec::new(),
            arp: Vec::new(),
            senders: vec![Cell::new(Sender::default()); SENDERS_MAX as usize],
            buckets: vec![Cell::new(0); BUCKETS_MAX as usize],
            control: Control {
                until: FOREVER,
                lease: FOREVER,
                beat_ns: 0,
                sender_lease: FOREVER,
                seeds: SEEDS_FIXED,
                index_seeds: [0, 1, 2].map(|place: usize| SEEDS_FIXED[place].rotate_left(17) | 1),
                ..Control::default()
            },
            jiffies: 1_000_000,
            settled: true,
            index_settled: true,
        }
    }
}

impl Tables {
    /// Adds a link with our addresses on it and the lengths of their prefixes, longest first.
    ///
    /// # Panics
    /// If there is no place for it.
    pub fn link(&mut self, key: LinkKey, mac: Mac, addresses: &[(IpAddr, u8)]) -> &mut Link {
        let mut link = Link {
            generation: 2,
            ifindex: key.ifindex,
            vlan: key.vlan,
            mac,
            mode: LINK_NATIVE,
            ..Link::EMPTY
        };
        for &(address, length) in addresses {
            match address {
                IpAddr::V4(address) => {
                    link.prefix4[link.prefix4_count as usize] = prefix4(address, length);
                    link.prefix4_count += 1;
                }
                IpAddr::V6(address) => {
                    link.prefix6[link.prefix6_count as usize] = prefix6(address, length);
                    link.prefix6_count += 1;
                }
            }
        }
        let taken = |slot: &u32| self.links.iter().any(|(other, _)| other == slot);
        let slot = (0..LINK_PROBES)
            .map(|probe| link_slot(key, probe))
            .find(|slot| !taken(slot));
        let slot = slot.expect("a place for the link");
        self.links.push((slot, link.with_near()));
        let (_, link) = self.links.last_mut().expect("the link just added");
        link
    }

    /// Makes what is near follow from the rest of each link, which may have changed; one that is being written has none.
    pub fn near(&mut self) {
        for (_, link) in &mut self.links {
            *link = link.with_near();
            if link.generation & 1 != 0 {
                link.plain = 0;
            }
        }
    }

    /// Adds a unique name with its addresses.
    ///
    /// # Panics
    /// If the label is empty or longer than 63 bytes.
    #[track_caller]
    pub fn name(
        &mut self,
        link: LinkKey,
        label: impl AsRef<[u8]>,
        ttl: u32,
        addresses: &[IpAddr],
    ) -> &mut Host {
        let key = NameKey::new(link, label.as_ref()).expect("a label of 1 to 63 bytes");
        self.names.push((key, host(ttl, addresses)));
        let (_, host) = self.names.last_mut().expect("the name just added");
        host
    }

    /// Fills the index with the names that it may hold, in so many buckets, and opens it.
    ///
    /// # Panics
    /// If there is no bucket.
    pub fn index(&mut self, buckets: usize) {
        assert!(buckets > 0);
        self.control.index_slots = (buckets * SLOTS) as u64;
        self.index = vec![Bucket::default(); buckets];
        self.index6 = vec![Bucket6::default(); buckets];
        for (key, host) in &self.names {
            if let Some(short) = Short::of(key) {
                let ttl = ttl_place(&mut self.control.index_ttls, host.ttl.to_be_bytes());
                let (slot, aaaa) = Slot::new(&short, host, ttl);
                let hash = short.hash(&self.control);
                for place in [
                    Short::first(hash, &self.control),
                    Short::second(hash, &self.control),
                ] {
                    let (bucket, home) = (place as usize / SLOTS, place as usize % SLOTS);
                    let slots = &mut self.index[bucket].slots;
                    let taken = |slots: &[Slot; SLOTS], at: usize| {
                        slots[at].word & TAG != 0 || at % 2 == 1 && is_long(slots[at - 1].word)
                    };
                    let free = if short.is_long() {
                        let home = home & 2;
                        [home, home ^ 2]
                            .into_iter()
                            .find(|&at| !taken(slots, at) && !taken(slots, at + 1))
                    } else {
                        (0..SLOTS)
                            .map(|step| home ^ step)
                            .find(|&at| !taken(slots, at))
                    };
                    let Some(free) = free else {
                        slots[0].word |= ELSEWHERE;
                        continue;
                    };
                    let word = slot.word | GENERATION | slots[free].word & ELSEWHERE;
                    slots[free] = Slot { word, ..slot };
                    if short.is_long() {
                        slots[free + 1].label = short.label[1];
                    }
                    self.index6[bucket].aaaa[free] = aaaa;
                    break;
                }
            }
        }
    }

    /// Adds an address for which ARP requests are answered.
    pub fn address(&mut self, link: LinkKey, address: Ipv4Addr, mac: Mac, origin: u16) {
        let links = self.links.iter_mut().map(|(_, link)| link);
        for link in links.filter(|of| of.key() == link && of.mac == mac) {
            if let Some(free) = link.own4.iter_mut().find(|own| **own == [0; 4]) {
                *free = address.octets();
            }
        }
        self.arp
            .push((ArpKey::new(link, address.octets()), ArpHost { mac, origin }));
    }

    /// The records for a frame that arrives on an interface: before the stack, or in the agent if `AGENT`.
    pub fn records<const AGENT: bool>(&self, ifindex: u32) -> SliceRecords<'_, AGENT> {
        SliceRecords {
            ifindex,
            links: &self.links,
            names: &self.names,
            index: &self.index,
            index6: &self.index6,
            arp: &self.arp,
            senders: &self.senders,
            buckets: &self.buckets,
            control: self.control,
            jiffies: self.jiffies,
            settled: self.settled,
            index_settled: self.index_settled,
        }
    }

    /// What becomes of a frame before the stack, and the frame afterwards.
    ///
    /// # Panics
    /// If there is no index, and with one something else would become of it.
    #[track_caller]
    pub fn respond(&self, ifindex: u32, frame: &[u8], headroom: usize) -> (Verdict, Vec<u8>) {
        let indexed = self.index.is_empty().then(|| {
            let mut indexed = self.clone();
            indexed.index(INDEXED);
            indexed
        });
        let came_out = answer(&self.records::<false>(ifindex), frame, headroom);
        if let Some(indexed) = indexed {
            let other = answer(&indexed.records::<false>(ifindex), frame, headroom);
            assert_eq!(other, came_out, "with an index");
        }
        came_out
    }

    /// What becomes of a frame in the agent, and the frame afterwards.
    pub fn respond_in_agent(
        &self,
        ifindex: u32,
        frame: &[u8],
        headroom: usize,
    ) -> (Verdict, Vec<u8>) {
        answer(&self.records::<true>(ifindex), frame, headroom)
    }
}

/// Buckets of the index with which everything is done once more.
const INDEXED: usize = 4;

/// Room behind a frame: enough for every answer.
const TAILROOM: usize = 256;

fn answer<const AGENT: bool>(
    records: &SliceRecords<'_, AGENT>,
    frame: &[u8],
    headroom: usize,
) -> (Verdict, Vec<u8>) {
    let mut buffer = vec![0xee; headroom + frame.len() + TAILROOM];
    buffer[headroom..headroom + frame.len()].copy_from_slice(frame);
    let mut frame = SliceFrame::with_tailroom(&mut buffer, headroom, TAILROOM);
    let verdict = respond(&mut frame, records);
    (verdict, frame.bytes().into())
}

/// The entry of a unique name: routable addresses first; of a family with too many, the number alone.
pub fn host(ttl: u32, addresses: &[IpAddr]) -> Host {
    let mut host = Host {
        state: NameState::Unique as u8,
        a_count: 0,
        a_routable: 0,
        aaaa_count: 0,
        aaaa_routable: 0,
        reserved: [0; 3],
        ttl,
        a: [[0; 4]; ADDRESSES_MAX],
        aaaa: [[0; 16]; ADDRESSES_MAX],
    };
    let (local, routable): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    });
    let v4 = |of: &[IpAddr]| of.iter().filter(|address| address.is_ipv4()).count() as u8;
    (host.a_routable, host.a_count) = (v4(&routable), v4(addresses));
    (host.aaaa_routable, host.aaaa_count) = (
        routable.len() as u8 - v4(&routable),
        addresses.len() as u8 - v4(addresses),
    );
    let (mut a, mut aaaa) = (Vec::new(), Vec::new());
    for address in routable.into_iter().chain(local) {
        match address {
            IpAddr::V4(address) => a.push(address.octets()),
            IpAddr::V6(address) => aaaa.push(address.octets()),
        }
    }
    fill(&mut host.a, &a);
    fill(&mut host.aaaa, &aaaa);
    host
}

fn fill<T: Copy>(to: &mut [T], from: &[T]) {
    if from.len() <= to.len() {
        to[..from.len()].copy_from_slice(from);
    }
}

fn prefix4(address: Ipv4Addr, length: u8) -> Prefix4 {
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    let network = address.to_bits() & mask;
    Prefix4 {
        network: network.to_be_bytes(),
        mask: mask.to_be_bytes(),
        source: address.octets(),
    }
}

fn prefix6(address: Ipv6Addr, length: u8) -> Prefix6 {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    let network = address.to_bits() & mask;
    Prefix6 {
        network: network.to_be_bytes(),
        mask: mask.to_be_bytes(),
        source: address.octets(),
    }
}

/// The place of a TTL, a new one if there is room.
fn ttl_place(ttls: &mut [[u8; 4]], ttl: [u8; 4]) -> Option<usize> {
    let place = ttls
        .iter()
        .position(|known| *known == ttl || *known == [0; 4])?;
    ttls[place] = ttl;
    Some(place)
}
