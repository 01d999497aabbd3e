//! The limiter of what the agent answers by UDP: that of the kernel path, with buckets of its own. What comes by TCP is
//! not limited here: a connection proves its source, and how many there are is bounded.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use llamar_common::abi::{BUCKETS_MAX, LinkKey, SEEDS};
use llamar_common::limit::{Rate, Source, bucket, time};
use rand::{Rng, RngExt as _};

/// Ticks per second of the limiter's clock.
pub const TICKS: u64 = 1000;

/// The buckets of all sources, for whoever answers them, on whatever thread.
#[derive(Debug)]
pub struct Limiter {
    seeds: [u64; SEEDS],
    buckets: Vec<AtomicU64>,
    start: OnceLock<Instant>,
}

impl Limiter {
    /// A limiter that has answered nobody yet.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self {
            seeds: rng.random(),
            buckets: (0..BUCKETS_MAX).map(|_| AtomicU64::new(0)).collect(),
            start: OnceLock::new(),
        }
    }

    /// Takes an answer for an asker on a link out of its bucket; whether there was one in it.
    pub fn admits(&self, now: Instant, key: LinkKey, rate: Rate, asker: IpAddr) -> bool {
        if rate.per_second == 0 {
            return true;
        }
        let (limit, now) = (rate.limit(TICKS), time(self.ticks(now)));
        self.bucket(key, source(asker), |bucket| limit.spend(bucket, now))
    }

    /// Whether there is an answer in an asker's bucket; it stays there.
    pub fn has_room(&self, now: Instant, key: LinkKey, rate: Rate, asker: IpAddr) -> bool {
        if rate.per_second == 0 {
            return true;
        }
        let (limit, now) = (rate.limit(TICKS), time(self.ticks(now)));
        self.bucket(key, source(asker), |bucket| {
            (bucket, limit.spend(bucket, now).1)
        })
    }

    /// A time in ticks.
    pub fn ticks(&self, now: Instant) -> u64 {
        let start = *self.start.get_or_init(|| now);
        now.saturating_duration_since(start).as_millis() as u64
    }

    /// Replaces a source's bucket by what `change` makes of it, and gives back what that tells. As in the kernel path,
    /// two threads that do so at the same moment count one answer.
    pub fn bucket<T>(
        &self,
        key: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> T {
        let bucket = &self.buckets[bucket(&self.seeds, key, source) as usize];
        let (after, told) = change(bucket.load(Ordering::Relaxed));
        bucket.store(after, Ordering::Relaxed);
        told
    }
}

/// An asker as the limiter sees it.
fn source(asker: IpAddr) -> Source {
    match asker {
        IpAddr::V4(address) => Source::v4(u32::from_le_bytes(address.octets())),
        IpAddr::V6(address) => {
            let word = u128::from_le_bytes(address.octets());
            Source::v6(word as u64, (word >> 64) as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const LINK: LinkKey = LinkKey::new(2, 0);

    /// How many of so many queries are answered.
    fn answered(limiter: &Limiter, now: Instant, rate: Rate, asker: &str, queries: u32) -> usize {
        let asker = asker.parse().unwrap();
        let admitted = |_: &u32| limiter.admits(now, LINK, rate, asker);
        (0..queries).filter(admitted).count()
    }

    #[test]
    fn a_source_that_asks_too_often_waits_and_another_does_not() {
        let limiter = Limiter::new(&mut StdRng::seed_from_u64(1));
        let rate = Rate {
            per_second: 20,
            burst: 30,
        };
        let now = Instant::now();
        let sources = ["10.0.0.1", "fe80::1", "2001:db8::1"];
        let has_room = |asker: &str| limiter.has_room(now, LINK, rate, asker.parse().unwrap());
        for asker in sources {
            assert!(has_room(asker), "{asker}");
            assert_eq!(answered(&limiter, now, rate, asker, 100), 30, "{asker}");
            assert!(!has_room(asker), "{asker}");
        }
        for asker in ["10.0.0.2", "fe80::2", "2001:db8:0:1::1"] {
            assert_eq!(answered(&limiter, now, rate, asker, 1), 1, "{asker}");
        }
        assert_eq!(answered(&limiter, now, rate, "2001:db8::2", 1), 0);
        let later = now + Duration::from_millis(500);
        for asker in sources {
            assert_eq!(answered(&limiter, later, rate, asker, 100), 10, "{asker}");
        }
        assert_eq!(answered(&limiter, now, Rate::OFF, "10.0.0.1", 100), 100);
    }

    #[test]
    fn the_halves_of_an_address_are_those_of_the_kernel_path() {
        let kernel = Source::v6(0x0000_0000_0000_80fe, 0x0102_0000_0000_0000);
        assert_eq!(source("fe80::201".parse().unwrap()), kernel);
    }
}
