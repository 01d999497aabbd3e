//! Tells the link of addresses: unsolicited advertisements (RFC 4861 7.2.6).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::ndp::ALL_NODES;

use super::datagram::group_mac;
use super::outbox::Outbox;
use super::timing::{MAX_NEIGHBOR_ADVERTISEMENT, RETRANS_TIMER, interval};
use super::{Advertisement, Message, Packet, Port};
use crate::ether::{Engine, MacAddr};

/// Between two frames, whatever they tell of: 50 a second, however many addresses there are.
const GAP: Duration = Duration::from_millis(20);

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
    schedule: Schedule,
    /// As many as the caller added, and those that were told of in the last interval.
    addresses: BTreeMap<Ipv6Addr, Told>,
    /// What is due when, the next first.
    due: BTreeSet<(Instant, Ipv6Addr)>,
    /// Before this nothing is sent.
    free: Instant,
    outbox: Outbox<Event>,
}

/// What is known of an address.
#[derive(Debug)]
struct Told {
    /// `None`: it is told of no more.
    announce: Option<Announce>,
    times: u32,
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Announcer {
    /// One that has nothing to tell yet.
    pub fn new(now: Instant, port: Port, schedule: Schedule) -> Self {
        // RFC 4861 7.2.6: MAX_NEIGHBOR_ADVERTISEMENT at most, RetransTimer apart at least.
        let count = match schedule.hasty {
            true => schedule.count,
            false => schedule.count.min(MAX_NEIGHBOR_ADVERTISEMENT),
        };
        let interval = interval(schedule.interval, schedule.hasty);
        let period = schedule.period.map(|period| period.max(interval));
        Self {
            port,
            schedule: Schedule {
                count: count.max(1),
                interval,
                period,
                ..schedule
            },
            addresses: BTreeMap::new(),
            due: BTreeSet::new(),
            free: now,
            outbox: Outbox::default(),
        }
    }

    /// Tells of an address from now on. One that is told of already is told anew only if something about it changed.
    pub fn add(&mut self, now: Instant, announce: Announce) {
        let address = announce.address;
        let known = self.addresses.get(&address);
        if known.is_some_and(|known| known.announce.as_ref() == Some(&announce)) {
            return;
        }
        let told = Told {
            announce: Some(announce),
            times: 0,
            last: known.and_then(|known| known.last),
            due: known.and_then(|known| known.due),
        };
        self.addresses.insert(address, told);
        self.begin(now, address);
    }

    /// Tells of an address no more.
    pub fn remove(&mut self, now: Instant, address: Ipv6Addr) {
        self.plan(address, None);
        if let Some(told) = self.addresses.get_mut(&address) {
            told.announce = None;
        }
        // The last time is kept as long as it counts, in case the address comes back.
        let interval = self.schedule.interval;
        self.addresses.retain(|_, told| {
            let counts = told.last.is_some_and(|last| now < last + interval);
            told.announce.is_some() || counts
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
        let Some(told) = self.addresses.get_mut(&address) else {
            return;
        };
        if told.announce.is_none() {
            return;
        }
        told.times = 0;
        // RFC 4861 7.2.6: also from the last one that had another cause.
        let free = told.last.map(|last| last + self.schedule.interval);
        let due = free.map_or(now, |free| free.max(now));
        self.plan(address, Some(due));
    }

    /// Sets when an address is due next.
    fn plan(&mut self, address: Ipv6Addr, due: Option<Instant>) {
        let Some(told) = self.addresses.get_mut(&address) else {
            return;
        };
        if let Some(before) = told.due {
            self.due.remove(&(before, address));
        }
        told.due = due;
        if let Some(due) = due {
            self.due.insert((due, address));
        }
    }

    fn tell(&mut self, now: Instant, address: Ipv6Addr) {
        let Schedule {
            count,
            interval,
            period,
            ..
        } = self.schedule;
        let Some(told) = self.addresses.get_mut(&address) else {
            return;
        };
        if let Some(announce) = &told.announce {
            let (packet, mac) = announce.packet();
            self.outbox
                .send(packet.to_frame(self.port.mac, mac, self.port.tag));
        }
        told.times = told.times.saturating_add(1);
        told.last = Some(now);
        let number = told.times;
        let next = match number < count {
            true => Some(interval),
            false => period,
        };
        self.outbox.tell(Event::Announced { address, number });
        self.plan(address, next.map(|next| now + next));
        if self.due.is_empty() {
            self.outbox.tell(Event::Done);
        }
    }
}

impl Engine for Announcer {
    type Event = Event;

    /// Nothing that others say matters.
    fn handle_frame(&mut self, _now: Instant, _frame: &[u8]) {}

    fn handle_timeout(&mut self, now: Instant) {
        let due = self.due.first().copied();
        let Some((_, address)) = due.filter(|(due, _)| *due <= now && self.free <= now) else {
            return;
        };
        // RFC 4861 7.2.6: a small delay between the advertisements of several addresses.
        self.free = now + GAP;
        self.tell(now, address);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| (*due).max(self.free))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.frame()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.outbox.event()
    }
}
