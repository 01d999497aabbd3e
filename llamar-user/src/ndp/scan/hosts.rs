//! Who was heard, who is still to be asked, and who is expected to answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::Found;
use crate::ether::MacAddr;
use crate::ndp::MAX_MULTICAST_SOLICIT;

/// Addresses that are kept: far more than a link has, far less than somebody can invent.
const HOSTS_MAX: usize = 16 << 10;
/// Hardware addresses that are told apart for one address.
const MACS_MAX: usize = 4;
/// How long an answer may take, at least; the rate bounds how many are expected at a time.
const LATE: Duration = Duration::from_secs(3);

/// An answer to an echo request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Where the frame came from.
    pub mac: MacAddr,
    /// Time between question and answer.
    pub rtt: Duration,
}

/// Addresses that were heard or are expected.
#[derive(Debug)]
pub(super) struct Hosts {
    interval: Duration,
    hosts: BTreeMap<Ipv6Addr, Host>,
    /// Who is to be asked for its hardware address, and when.
    due: BTreeSet<(Instant, Ipv6Addr)>,
    /// When addresses were asked for that nobody was heard from, the oldest first.
    expected: BTreeMap<Ipv6Addr, Instant>,
    order: VecDeque<(Instant, Ipv6Addr)>,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Host {
    echo: Option<Known>,
    macs: Vec<MacAddr>,
    times: u32,
    asked: Option<Instant>,
    due: Option<Instant>,
}

impl Hosts {
    /// Nobody yet. `interval` lies between two solicitations of one host.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            hosts: BTreeMap::new(),
            due: BTreeSet::new(),
            expected: BTreeMap::new(),
            order: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Whether an address was heard.
    fn knows(&self, address: Ipv6Addr) -> bool {
        self.hosts.contains_key(&address)
    }

    /// Whether an address need not be asked for: it was heard, or asked for within the interval.
    // RFC 4861 7.2.2: D15. Ranges may overlap.
    pub fn is_settled(&self, now: Instant, address: Ipv6Addr) -> bool {
        let asked = self.expected.get(&address);
        let lately = |asked: &Instant| now.saturating_duration_since(*asked) < self.interval;
        self.knows(address) || asked.is_some_and(lately)
    }

    /// An address is asked for; an answer may come.
    pub fn expect(&mut self, now: Instant, address: Ipv6Addr) {
        self.expected.insert(address, now);
        self.order.push_back((now, address));
        let late = self.interval.max(LATE);
        while let Some(&(asked, address)) = self.order.front() {
            if now.saturating_duration_since(asked) <= late {
                break;
            }
            self.order.pop_front();
            if self.expected.get(&address) == Some(&asked) {
                self.expected.remove(&address);
            }
        }
    }

    /// Somebody answered an echo request: its hardware address is to be asked for.
    pub fn hear(&mut self, now: Instant, address: Ipv6Addr, echo: Known) {
        if self.knows(address) {
            return;
        }
        if self.hosts.len() >= HOSTS_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let asked = self.expected.remove(&address);
        let host = Host {
            echo: Some(echo),
            asked,
            ..Host::default()
        };
        self.hosts.insert(address, host);
        // RFC 4861 7.2.2: not within RetransTimer of the last time.
        let free = asked.map_or(now, |asked| (asked + self.interval).max(now));
        self.plan(address, Some(free));
    }

    /// Who is to be asked now.
    pub fn due(&self, now: Instant) -> Option<Ipv6Addr> {
        let first = self.due.first().filter(|(due, _)| *due <= now);
        first.map(|(_, address)| *address)
    }

    /// When somebody is to be asked, or given up.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether a host that is due is asked once more; otherwise it was asked often enough.
    pub fn ask(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let Some(host) = self.hosts.get_mut(&address) else {
            return false;
        };
        let again = host.times < MAX_MULTICAST_SOLICIT;
        if again {
            host.times += 1;
            host.asked = Some(now);
        }
        let next = again.then(|| now + self.interval);
        self.plan(address, next);
        again
    }

    /// Somebody says that it has an address. What is new about it, if we had asked.
    pub fn answer(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        mac: MacAddr,
        router: bool,
    ) -> Option<Found> {
        let expected = self.expected.get(&address).copied();
        let asked = self
            .hosts
            .get(&address)
            .map_or(expected, |host| host.asked)?;
        if !self.knows(address) && self.hosts.len() >= HOSTS_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.expected.remove(&address);
        self.plan(address, None);
        let host = self.hosts.entry(address).or_default();
        host.asked = Some(asked);
        if host.macs.contains(&mac) || host.macs.len() >= MACS_MAX {
            return None;
        }
        let rival = host.macs.first().copied();
        host.macs.push(mac);
        Some(Found {
            address,
            mac,
            rtt: now.saturating_duration_since(asked),
            router: Some(router),
            rival,
        })
    }

    /// A host that answered an echo request but no solicitation, with the hardware address that it sent from.
    pub fn settle(&mut self, address: Ipv6Addr) -> Option<Found> {
        let host = self.hosts.get_mut(&address)?;
        let echo = host.echo.filter(|_| host.macs.is_empty())?;
        host.macs.push(echo.mac);
        Some(Found {
            address,
            mac: echo.mac,
            rtt: echo.rtt,
            router: None,
            rival: None,
        })
    }

    /// How many were found, and how many answers were too many.
    pub fn counts(&self) -> (u64, u64) {
        let found = self.hosts.values().filter(|host| !host.macs.is_empty());
        (found.count() as u64, self.dropped)
    }

    /// Sets when an address is due next.
    fn plan(&mut self, address: Ipv6Addr, due: Option<Instant>) {
        let Some(host) = self.hosts.get_mut(&address) else {
            return;
        };
        if let Some(before) = host.due {
            self.due.remove(&(before, address));
        }
        host.due = due;
        if let Some(due) = due {
            self.due.insert((due, address));
        }
    }
}
