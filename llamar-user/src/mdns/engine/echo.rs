//! Our own multicasts, which come back: the sockets loop them, because other programs of this host share the port, and a
//! link on which we have two interfaces carries them from one to the other.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::mdns::Transmit;

/// How long what was sent is remembered. The loop takes no time, bridges and access points take milliseconds; whoever
/// on this host says the same words after that, from our address and port, is another program.
const ECHO_TIME: Duration = Duration::from_secs(2);
/// How many of our multicasts are remembered, over all interfaces: what a host with hundreds of services says when all
/// its interfaces come up. Beyond that an echo counts as another's message; it says what we say, so that no harm is in
/// it.
const ECHOES_MAX: usize = 1024;

/// What was multicast lately.
#[derive(Debug)]
pub struct Echoes {
    /// Secret, so that nobody can make up messages that are taken for ours.
    key: u64,
    sent: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    device: u32,
    hash: u64,
}

impl Echoes {
    /// Nothing yet.
    pub fn new(rng: &mut StdRng) -> Self {
        Self {
            key: rng.random(),
            sent: VecDeque::new(),
        }
    }

    /// Takes note of a multicast of ours.
    pub fn sent(&mut self, now: Instant, transmit: &Transmit) {
        self.forget(now);
        if self.sent.len() >= ECHOES_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent {
            at: now,
            device: transmit.device,
            hash: self.hash(transmit.to, &transmit.message),
        });
    }

    /// The interface that sent a multicast, if it was one of ours; `device`, where it came, if that was it. It may come
    /// back several times.
    pub fn sender(
        &mut self,
        now: Instant,
        device: u32,
        group: SocketAddr,
        message: &[u8],
    ) -> Option<u32> {
        self.forget(now);
        if self.sent.is_empty() {
            return None;
        }
        let hash = self.hash(group, message);
        let same = self.sent.iter().filter(|sent| sent.hash == hash);
        same.map(|sent| sent.device)
            .max_by_key(|sender| *sender == device)
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |sent: &Sent| sent.at + ECHO_TIME < now;
        while self.sent.front().is_some_and(is_old) {
            self.sent.pop_front();
        }
    }

    fn hash(&self, group: SocketAddr, message: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, group, message).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::mdns::Family;

    fn transmit(device: u32, family: Family, message: &[u8]) -> Transmit {
        Transmit {
            device,
            to: family.everybody(),
            from: None,
            message: message.to_vec(),
        }
    }

    fn echoes() -> Echoes {
        Echoes::new(&mut StdRng::seed_from_u64(1))
    }

    #[test]
    fn what_was_sent_is_known_for_two_seconds() {
        let (mut echoes, now) = (echoes(), Instant::now());
        echoes.sent(now, &transmit(2, Family::V4, b"ours"));
        let group = Family::V4.everybody();
        for later in [0, 1, 1999, 2000] {
            let at = now + Duration::from_millis(later);
            assert_eq!(echoes.sender(at, 2, group, b"ours"), Some(2));
            assert_eq!(echoes.sender(at, 3, group, b"ours"), Some(2));
            assert_eq!(echoes.sender(at, 2, group, b"theirs"), None);
            assert_eq!(echoes.sender(at, 2, Family::V6.everybody(), b"ours"), None);
        }
        let later = now + Duration::from_millis(2001);
        assert_eq!(echoes.sender(later, 2, group, b"ours"), None);
        assert!(echoes.sent.is_empty());
    }

    #[test]
    fn of_two_interfaces_that_say_the_same_the_one_where_it_comes_is_the_sender() {
        let (mut echoes, now) = (echoes(), Instant::now());
        for device in [2, 3, 4] {
            echoes.sent(now, &transmit(device, Family::V6, b"same"));
        }
        let group = Family::V6.everybody();
        for device in [2, 3, 4] {
            let sender = echoes.sender(now, device, group, b"same");
            assert_eq!(sender, Some(device));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut echoes, now) = (echoes(), Instant::now());
        for number in 0..3 * ECHOES_MAX as u32 {
            echoes.sent(now, &transmit(2, Family::V4, &number.to_be_bytes()));
        }
        assert_eq!(echoes.sent.len(), ECHOES_MAX);
        let last = 3 * ECHOES_MAX as u32 - 1;
        let sender = echoes.sender(now, 2, Family::V4.everybody(), &last.to_be_bytes());
        assert_eq!(sender, Some(2));
    }
}
