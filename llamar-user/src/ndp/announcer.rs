//! Tells the link of addresses: unsolicited advertisements (RFC 4861 7.2.6).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::ALL_NODES;

use super::datagram::group_mac;
use super::timing::{MAX_NEIGHBOR_ADVERTISEMENT, RETRANS_TIMER, interval};
use super::{Advertisement, Message, Packet, Port};
use crate::ether::{Agenda, Engine, MacAddr, Outbox, Pace, Repeats, Series};

/// Frames a second at most, however many addresses there are.
const FRAMES_PER_SECOND: u32 = 50;

/// An address to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announce {
    /// The address.
    pub address: Ipv6Addr,
    /// The source: an address of the interface; the address itself, unless it is proxied.
    pub source: Ipv6Addr,
    /// The hardware address that is told.
    pub mac: MacAddr,
    /// R: its holder is a router.
    pub router: bool,
    /// O: what neighbours know is to be replaced at once.
    pub overriding: bool,
    /// One neighbour that is told, by its addresses; everybody otherwise.
    pub to: Option<(Ipv6Addr, MacAddr)>,
}

impl Announce {
    /// An address of this host, told to everybody, to be taken up at once.
    pub const fn own(address: Ipv6Addr, mac: MacAddr) -> Self {
        Self {
            address,
            source: address,
            mac,
            router: false,
            overriding: true,
            to: None,
        }
    }

    // RFC 4861 4.4, 7.2.6: D6. Never solicited, with the hardware address.
    fn packet(&self) -> (Packet, MacAddr) {
        let all = Ipv6Addr::from(ALL_NODES);
        let (destination, mac) = self.to.unwrap_or_else(|| (all, group_mac(all)));
        let advertisement = Advertisement {
            target: self.address,
            router: self.router,
            solicited: false,
            overriding: self.overriding,
            target_mac: Some(self.mac),
        };
        let packet = Packet {
            source: self.source,
            destination,
            message: Message::Advertisement(advertisement),
        };
        (packet, mac)
    }
}

/// How often an address is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How many times, for one cause.
    pub count: u32,
    /// Between them.
    pub interval: Duration,
    /// Whether the count may be above [`MAX_NEIGHBOR_ADVERTISEMENT`] and the interval below [`RETRANS_TIMER`].
    pub hasty: bool,
    /// Whether it is told again after such a time, for ever. No RFC asks for it.
    pub period: Option<Duration>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            count: MAX_NEIGHBOR_ADVERTISEMENT,
            interval: RETRANS_TIMER,
            hasty: false,
            period: None,
        }
    }
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An advertisement goes out.
    Announced {
        /// The address.
        address: Ipv6Addr,
        /// Which one it is, from 1; those that are repeated for ever count on.
        number: u32,
    },
    /// All that was to be told has been told. More may be added.
    Done,
}

/// Tells of addresses.
#[derive(Debug)]
pub struct Announcer {
    port: Port,
    repeats: Repeats,
    /// As many as the caller added, and those that were told of in the last interval.
    addresses: BTreeMap<Ipv6Addr, Told>,
    agenda: Agenda<Ipv6Addr>,
    pace: Pace,
    outbox: Outbox<Event>,
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Told {
    /// `None`: it is told of no more.
    announce: Option<Announce>,
    series: Series,
}

impl Announcer {
    /// One that has nothing to tell yet.
    pub fn new(port: Port, schedule: Schedule) -> Self {
        Self {
            port,
            repeats: schedule.repeats(),
            addresses: BTreeMap::new(),
            agenda: Agenda::default(),
            pace: Pace::per_second(FRAMES_PER_SECOND),
            outbox: Outbox::default(),
        }
    }

    /// Tells of an address from now on. One that is told of already is told anew only if something about it changed.
    pub fn add(&mut self, now: Instant, announce: Announce) {
        let address = announce.address;
        let told = self.addresses.entry(address).or_default();
        if told.announce.as_ref() != Some(&announce) {
            told.announce = Some(announce);
            self.begin(now, address);
        }
    }

    /// Tells of an address no more.
    pub fn remove(&mut self, now: Instant, address: Ipv6Addr) {
        self.agenda.put(address, None);
        if let Some(told) = self.addresses.get_mut(&address) {
            told.announce = None;
        }
        // The last time is kept as long as it counts, in case the address comes back.
        let repeats = self.repeats;
        self.addresses.retain(|_, told| {
            let rests_until = told.series.rests_until(repeats);
            told.announce.is_some() || rests_until.is_some_and(|until| now < until)
        });
    }

    /// Tells of all addresses anew, as when the link was down.
    pub fn restart(&mut self, now: Instant) {
        let addresses: Vec<Ipv6Addr> = self.addresses.keys().copied().collect();
        for address in addresses {
            self.begin(now, address);
        }
    }

    /// The addresses that are told of.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        let told = self.addresses.iter();
        told.filter(|(_, told)| told.announce.is_some())
            .map(|(address, _)| *address)
    }

    fn begin(&mut self, now: Instant, address: Ipv6Addr) {
        let told = self.addresses.get_mut(&address);
        if let Some(told) = told.filter(|told| told.announce.is_some()) {
            let due = told.series.begin(now, self.repeats);
            self.agenda.put(address, due);
        }
    }

    fn tell(&mut self, now: Instant, address: Ipv6Addr) {
        let Some(told) = self.addresses.get_mut(&address) else {
            return;
        };
        if let Some(announce) = &told.announce {
            let (packet, mac) = announce.packet();
            self.outbox
                .send(packet.to_frame(self.port.mac, mac, self.port.tag));
        }
        let due = told.series.tell(now, self.repeats);
        let number = told.series.number();
        self.outbox.tell(Event::Announced { address, number });
        self.agenda.put(address, due);
        if self.agenda.earliest().is_none() {
            self.outbox.tell(Event::Done);
        }
    }
}

impl Schedule {
    // RFC 4861 7.2.6: MAX_NEIGHBOR_ADVERTISEMENT at most, RetransTimer apart at least, also from the last one that had
    // another cause.
    fn repeats(self) -> Repeats {
        let count = match self.hasty {
            true => self.count,
            false => self.count.min(MAX_NEIGHBOR_ADVERTISEMENT),
        };
        let interval = interval(self.interval, self.hasty);
        Repeats {
            count: count.max(1),
            interval,
            least: interval,
            period: self.period.map(|period| period.max(interval)),
        }
    }
}

impl Engine for Announcer {
    type Event = Event;

    /// Nothing that others say matters.
    fn handle_frame(&mut self, _now: Instant, _frame: &[u8]) {}

    fn handle_timeout(&mut self, now: Instant) {
        // RFC 4861 7.2.6: a small delay between the advertisements of several addresses.
        if let Some(address) = self.agenda.due(now).filter(|_| self.pace.take(now)) {
            self.tell(now, address);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let earliest = self.agenda.earliest()?;
        Some(self.pace.not_before(earliest))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
