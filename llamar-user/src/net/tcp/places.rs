//! Who may have a connection, and who gives one up for another. A table; it knows no socket.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::fs;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Connections at a time, of all clients. A connection serves one query as a rule, and one that is silent costs less than
/// two kilobytes here (measured), and a few in the kernel.
const CONNECTIONS_MAX: usize = 512;
/// Connections of one client at a time: one that asks for many addresses at once has these, and no more.
const CLIENT_MAX: usize = 32;
/// What is assumed of the limit of open files where it cannot be read: the usual one.
const OPEN_FILES: usize = 1024;
/// RFC 1035 4.2.2: an idle connection is closed after a time on the order of two minutes.
const IDLE: Duration = Duration::from_secs(120);
/// How long a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What clients may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client.
    pub of_client: usize,
    /// How long a connection may be without a whole message.
    pub idle: Duration,
    /// How long a client may take to read an answer.
    pub patience: Duration,
}

impl Limits {
    /// The limits of this process: half of the files that it may have open are for other things.
    pub fn of_process() -> Self {
        let limits = fs::read_to_string("/proc/thread-self/limits").unwrap_or_default();
        let files = open_files(&limits).unwrap_or(OPEN_FILES);
        Self {
            connections: CONNECTIONS_MAX.min(files / 2).max(1),
            of_client: CLIENT_MAX,
            idle: IDLE,
            patience: PATIENCE,
        }
    }
}

/// The soft limit of open files (`RLIMIT_NOFILE`) in the text of `/proc/<pid>/limits`.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

/// A client: its address, and the interface behind which it is (a link-local address says nothing without).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub device: u32,
    pub address: IpAddr,
}

/// The connections that there are.
#[derive(Debug)]
pub(super) struct Places<K> {
    limits: Limits,
    /// What each client holds; none holds nothing.
    held: HashMap<Client, Vec<Place<K>>>,
    holders: HashMap<K, Client>,
}

#[derive(Clone, Copy, Debug)]
struct Place<K> {
    key: K,
    /// When it was taken, or last asked from.
    active: Instant,
}

impl<K: Copy + Debug + Eq + Hash> Places<K> {
    /// None is taken.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: HashMap::new(),
            holders: HashMap::new(),
        }
    }

    /// Gives a place to a client, and says which connection has to go for it: its own one that is idle longest if it
    /// has as many as it may, else, if there are as many as there may be, [`one`](Self::give_up_one) of those there are.
    pub fn take(&mut self, key: K, client: Client, now: Instant) -> Option<K> {
        let own = self.held.get(&client).map_or(&[][..], Vec::as_slice);
        let given_up = if own.len() >= self.limits.of_client {
            let own = idle_longest(own).map(|place| place.key);
            own.inspect(|own| self.free(*own))
        } else if self.holders.len() >= self.limits.connections {
            self.give_up_one()
        } else {
            None
        };
        let place = Place { key, active: now };
        self.held.entry(client).or_default().push(place);
        self.holders.insert(key, client);
        given_up
    }

    /// Frees the place of the connection that is idle longest of the client that has most of them.
    pub fn give_up_one(&mut self) -> Option<K> {
        let held = self.held.values();
        let longest = held.filter_map(|places| Some((places.len(), idle_longest(places)?)));
        let (_, place) = longest.max_by_key(|(count, place)| (*count, Reverse(place.active)))?;
        let key = place.key;
        self.free(key);
        Some(key)
    }

    /// Notes that a connection was used.
    pub fn used(&mut self, key: K, now: Instant) {
        let held = self
            .holders
            .get(&key)
            .and_then(|client| self.held.get_mut(client));
        let mut places = held.into_iter().flatten();
        if let Some(place) = places.find(|place| place.key == key) {
            place.active = now;
        }
    }

    /// Frees the place of a connection that has ended.
    pub fn free(&mut self, key: K) {
        if let Some(client) = self.holders.remove(&key)
            && let Entry::Occupied(mut held) = self.held.entry(client)
        {
            held.get_mut().retain(|place| place.key != key);
            if held.get().is_empty() {
                held.remove();
            }
        }
    }

    /// Frees the places behind the interfaces that are not kept.
    pub fn keep(&mut self, kept: impl Fn(u32) -> bool) -> Vec<K> {
        let holders = self.holders.iter();
        let gone = holders.filter(|(_, client)| !kept(client.device));
        let gone: Vec<K> = gone.map(|(key, _)| *key).collect();
        for key in &gone {
            self.free(*key);
        }
        gone
    }
}

fn idle_longest<K>(places: &[Place<K>]) -> Option<&Place<K>> {
    places.iter().min_by_key(|place| place.active)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 6,
        of_client: 3,
        idle: IDLE,
        patience: PATIENCE,
    };

    fn client(host: u8) -> Client {
        Client {
            device: 2,
            address: [10, 0, 0, host].into(),
        }
    }

    /// Takes a place for each client in turn, a second apart; who had to go for the last one.
    fn taken(hosts: &[u8]) -> (Places<usize>, Option<usize>, Instant) {
        let (mut places, mut now, mut gone) = (Places::new(LIMITS), Instant::now(), None);
        for (key, host) in hosts.iter().enumerate() {
            now += Duration::from_secs(1);
            gone = places.take(key, client(*host), now);
        }
        (places, gone, now)
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn a_client_that_has_all_it_may_gives_up_its_own_connection_that_is_idle_longest() {
        assert_eq!(taken(&[9, 1, 1, 1]).1, None);
        assert_eq!(taken(&[9, 1, 1, 1, 1]).1, Some(1));
        let (mut places, _, now) = taken(&[9, 1, 1, 1]);
        places.used(1, now + Duration::from_secs(1));
        assert_eq!(
            places.take(4, client(1), now + Duration::from_secs(2)),
            Some(2)
        );
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn the_client_that_has_most_gives_up_the_connection_that_is_idle_longest() {
        assert_eq!(taken(&[9, 1, 1, 2, 2, 3, 4]).1, Some(1));
        assert_eq!(taken(&[9, 1, 1, 2, 2, 2, 4]).1, Some(3));
        assert_eq!(taken(&[1, 2, 3, 4, 5, 6, 7]).1, Some(0));
        let (mut places, _, now) = taken(&[1, 2, 3, 4, 5, 6]);
        places.used(0, now);
        places.free(1);
        places.free(1);
        assert_eq!(places.take(6, client(7), now), None);
        assert_eq!(places.take(7, client(8), now), Some(2));
    }

    #[test]
    fn one_address_behind_two_interfaces_is_two_clients() {
        let (mut places, _, now) = taken(&[1, 1, 1]);
        let other = Client {
            device: 3,
            ..client(1)
        };
        assert_eq!(places.take(3, other, now), None);
        assert_eq!(places.keep(|device| device == 3).len(), 3);
        assert_eq!(places.holders.len(), 1);
        assert_eq!(places.held.len(), 1);
    }

    #[test]
    fn nobody_gives_up_a_place_that_does_not_exist() {
        assert_eq!(Places::<usize>::new(LIMITS).give_up_one(), None);
    }

    #[test]
    fn half_of_the_open_files_are_left_for_other_things() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             96412                96412                processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(
            open_files("Max open files unlimited unlimited files"),
            Some(usize::MAX)
        );
        for text in ["", "Max open files", "Max open files x y files"] {
            assert_eq!(open_files(text), None, "{text:?}");
        }
        let connections = Limits::of_process().connections;
        assert!((1..=CONNECTIONS_MAX).contains(&connections));
    }

    proptest! {
        #[test]
        fn limits_hold_whatever_clients_do(steps in prop::collection::vec((0u8..4, 0u8..12, 0usize..40), 0..200)) {
            let (mut places, begin) = (Places::new(LIMITS), Instant::now());
            let mut open: Vec<(usize, u8)> = Vec::new();
            for (step, (what, host, which)) in steps.into_iter().enumerate() {
                let now = begin + Duration::from_secs(step as u64);
                let chosen = open.get(which).copied();
                match (what, chosen) {
                    (0, Some((key, _))) => {
                        places.free(key);
                        open.retain(|(other, _)| *other != key);
                    }
                    (1, Some((key, _))) => places.used(key, now),
                    _ => {
                        if let Some(gone) = places.take(step, client(host), now) {
                            prop_assert!(open.iter().any(|(key, _)| *key == gone));
                            open.retain(|(key, _)| *key != gone);
                        }
                        open.push((step, host));
                    }
                }
                prop_assert!(open.len() <= LIMITS.connections);
                prop_assert_eq!(open.len(), places.holders.len());
                prop_assert_eq!(open.len(), places.held.values().map(Vec::len).sum::<usize>());
                prop_assert!(places.held.values().all(|held| !held.is_empty()));
                for host in 0..12 {
                    prop_assert!(open.iter().filter(|(_, of)| *of == host).count() <= LIMITS.of_client);
                }
            }
        }
    }
}
