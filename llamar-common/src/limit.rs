//! The limiter: a forged source makes us send to somebody else (RFC 4795 5.1), so that no source is answered more often
//! than a link's [`Rate`] allows. The same code judges in the kernel and in the agent.
//!
//! Each source has a bucket, one word in an array. The word is the time at which the bucket is full again: an answer
//! moves it on by [`Limit::interval`], and a source gets none while it is more than [`Limit::tolerance`] ahead of now.
//! That is a token bucket (the generic cell rate algorithm) that needs neither a division nor a remainder, at any rate.
//!
//! - Two CPUs that write one word at once lose a token's price: a source whose queries arrive on several gets at most
//!   as many times its rate. A word is never torn.
//! - Sources that share a place share its tokens. A hash with secret seeds ([`bucket`]) places them, so that nobody can
//!   choose sources that meet.
//! - Only answers count: what is not ours to answer is passed whatever its rate.
//! - ARP is not limited: its answers go to the station that asked and are no larger than what it sent, and a station
//!   that maps a network, or has lost its neighbours, asks fast for good reasons.

use core::fmt;

pub use crate::abi::Limit;
use crate::abi::{BUCKETS_BITS, LinkKey, SEEDS};
use crate::wire::ip::v6;

/// Binary digits of a tick's fraction: at a million answers a second a jiffy of 10 ms is still some hundred of them.
const FRACTION: u32 = 20;

/// Highest rate: what no source reaches, so that the limiter judges and never acts. It is exact up to a million, and not
/// below what is asked for beyond.
pub const RATE_MAX: u32 = 100_000_000;

/// Largest burst.
pub const BURST_MAX: u32 = 1_000_000;

/// How many answers one source gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Answers per second, up to [`RATE_MAX`]; 0 if there is no limit.
    pub per_second: u32,
    /// Answers at once, after a pause, up to [`BURST_MAX`]; at least 1.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const OFF: Self = Self {
        per_second: 0,
        burst: 1,
    };

    /// The limit for a clock of so many ticks per second.
    pub const fn limit(self, ticks_per_second: u64) -> Limit {
        if self.per_second == 0 {
            return Limit::OFF;
        }
        let interval = time(ticks_per_second) / self.per_second as u64;
        let interval = if interval == 0 { 1 } else { interval };
        let tolerance = interval * self.burst.saturating_sub(1) as u64;
        // What may be answered within a tick comes all at once, as far as the clock tells.
        let tick = time(1);
        Limit {
            interval,
            tolerance: if tolerance < tick { tick } else { tolerance },
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_second {
            0 => f.write_str("off"),
            rate => write!(f, "{rate}/s, burst {}", self.burst),
        }
    }
}

/// A number of ticks in the unit of [`Limit`] and of buckets. It lasts for 500 years of the shortest jiffies.
#[inline(always)]
pub const fn time(ticks: u64) -> u64 {
    ticks << FRACTION
}

impl Limit {
    /// Takes an answer out of a bucket: what the bucket is then, and whether there was one in it.
    #[inline(always)]
    pub const fn spend(self, bucket: u64, now: u64) -> (u64, bool) {
        // Limits and times of links are too small to come out of 64 bits, and one that does lasts for one answer.
        if bucket <= now {
            return (now.wrapping_add(self.interval), true);
        }
        if bucket - now <= self.tolerance {
            return (bucket.wrapping_add(self.interval), true);
        }
        // Farther ahead than this limit ever puts it is what another link's has written, or one of before a reload.
        let most = now
            .saturating_add(self.tolerance)
            .saturating_add(self.interval);
        (if bucket < most { bucket } else { most }, false)
    }
}

/// Whoever is answered, as far as the limiter tells them apart: an IPv4 address, an IPv6 network of 64 bits, or a
/// link-local IPv6 address. All stations of a link have fe80::/64 in common, and ask from there: counted together, one
/// that floods would silence every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// What of it is told apart.
    word: u64,
    /// Whether it is an IPv6 one.
    v6: bool,
}

impl Source {
    /// An IPv4 address, as it lies in memory.
    #[inline(always)]
    pub const fn v4(address: u32) -> Self {
        Self {
            word: address as u64,
            v6: false,
        }
    }

    /// An IPv6 address in two halves, as they lie in memory.
    #[inline(always)]
    pub const fn v6(high: u64, low: u64) -> Self {
        let [b0, b1, ..] = high.to_le_bytes();
        let local = v6::is_link_local([b0, b1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Self {
            // RFC 4291 2.5.6: what stands between a link-local prefix and the interface's identifier is zero.
            word: if local { low } else { high },
            v6: true,
        }
    }
}

/// Place of a source's bucket in the array. Of two sources on any links that are not the same, one in 8,192 seeds at
/// most gives both the same place (multiply-shift: each word has a secret factor of its own, and none is longer than
/// what lies below the bits that are taken).
#[inline(always)]
pub fn bucket(seeds: &[u64; SEEDS], link: LinkKey, source: Source) -> u32 {
    let link = link.ifindex as u64 | (link.vlan as u64) << 32;
    let link = link.wrapping_mul(seeds[0]);
    let Source { word, v6 } = source;
    let source = if v6 {
        // The upper half has the sum of two seeds as its factor, which is as secret as each of them.
        let upper = (word >> 32).wrapping_mul(seeds[3]);
        word.wrapping_mul(seeds[2]).wrapping_add(upper)
    } else {
        word.wrapping_mul(seeds[1])
    };
    (link.wrapping_add(source) >> (u64::BITS - BUCKETS_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::abi::BUCKETS_MAX;

    /// Ticks per second of kernels.
    const CLOCKS: [u64; 4] = [100, 250, 300, 1000];

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate { per_second, burst }
    }

    /// How many of so many queries at once are answered.
    fn answered(limit: Limit, bucket: &mut u64, ticks: u64, queries: u32) -> u32 {
        let query = |_: &u32| {
            let (after, answered) = limit.spend(*bucket, time(ticks));
            *bucket = after;
            answered
        };
        (0..queries).filter(query).count() as u32
    }

    fn source(text: &str) -> Source {
        let octets = text.parse::<Ipv6Addr>().unwrap().octets();
        let half = |at: usize| u64::from_le_bytes(octets[at..at + 8].try_into().unwrap());
        Source::v6(half(0), half(8))
    }

    #[test]
    fn a_burst_is_answered_and_then_what_the_rate_gives() {
        for clock in CLOCKS {
            let limit = rate(50, 200).limit(clock);
            let (mut bucket, start) = (0, 4_294_667_296);
            assert_eq!(answered(limit, &mut bucket, start, 1_000), 200);
            for second in 1..100 {
                let ticks = start + second * clock;
                assert_eq!(answered(limit, &mut bucket, ticks, 1_000), 50, "{clock} Hz");
            }
            // A pause of four seconds fills the bucket, a longer one no further.
            for pause in [4, 5, 1_000_000] {
                let ticks = start + (200 + pause) * clock * pause;
                assert_eq!(answered(limit, &mut bucket, ticks, 1_000), 200);
            }
        }
    }

    #[test]
    fn whoever_keeps_to_the_rate_is_always_answered() {
        for (clock, per_second) in [(100, 3), (100, 1000), (1000, 999), (250, 1_000_000)] {
            let limit = rate(per_second, 1).limit(clock);
            let mut bucket = 0;
            let mut asked = 0;
            for tick in 1..=clock * 20 {
                let due = (tick * u64::from(per_second) / clock) as u32 - asked;
                assert_eq!(answered(limit, &mut bucket, tick, due), due, "{clock} Hz");
                asked += due;
            }
        }
    }

    #[test]
    fn without_a_limit_everything_is_answered() {
        assert_eq!(Rate::OFF.limit(250), Limit::OFF);
        assert_ne!(rate(RATE_MAX, 1).limit(100).interval, 0);
    }

    #[test]
    fn a_bucket_that_another_limit_has_emptied_keeps_nobody_waiting_for_longer_than_its_own() {
        let (slow, fast) = (rate(1, 1_000).limit(250), rate(1_000, 10).limit(250));
        let (mut bucket, now) = (0, 1_000_000);
        assert_eq!(answered(slow, &mut bucket, now, 2_000), 1_000);
        assert_eq!(answered(fast, &mut bucket, now, 5), 0);
        // A second later the bucket of the fast limit is as good as new.
        assert_eq!(answered(fast, &mut bucket, now + 250, 100), 10);
        bucket = u64::MAX;
        assert_eq!(answered(fast, &mut bucket, now, 1), 0);
        assert_eq!(answered(fast, &mut bucket, now + 250, 100), 10);
    }

    #[test]
    fn a_network_of_64_bits_is_one_source_and_so_is_a_link_local_address() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("fe80::1"), source("fe80::2"));
        assert_ne!(source("fe80::1"), source("fe80::1:0:0:1"));
    }

    #[test]
    fn seeds_decide_which_sources_meet() {
        let seeds = |start: u64| {
            // splitmix64, as good as any for a test.
            [1, 2, 3, 4].map(|place: u64| {
                let mut seed = (start * 4 + place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                seed ^ (seed >> 31)
            })
        };
        let link = LinkKey::new(7, 0);
        // Pairs that differ in one bit or little more, in any place.
        let pairs = [
            (Source::v4(0x4d01_a8c0), Source::v4(0x4e01_a8c0)),
            (source("fe80::1"), source("fe80::2")),
            (source("fe80::1"), source("fe80::8000:0:0:1")),
            (source("2001:db8::"), source("2001:db8:0:1::")),
            (source("2001:db8::"), source("a001:db8::")),
        ];
        for (one, other) in pairs {
            let meet = |start: &u64| {
                let seeds = seeds(*start);
                bucket(&seeds, link, one) == bucket(&seeds, link, other)
            };
            let met = (0..100_000).filter(meet).count();
            assert!(met < 40, "{met} of 100,000 seeds for {one:?} and {other:?}");
        }
        // The same source on two links.
        let of = |ifindex, vlan| bucket(&seeds(1), LinkKey::new(ifindex, vlan), pairs[0].0);
        let places = BTreeSet::from([of(7, 0), of(8, 0), of(7, 1), of(7, 2)]);
        assert_eq!(places.len(), 4);
        assert!(places.iter().all(|place| *place < BUCKETS_MAX));
    }

    proptest! {
        #[test]
        fn no_source_gets_more_than_its_burst_and_its_rate(
            per_second in 1..=1_000_000_u32,
            burst in 1..=BURST_MAX,
            clock in prop::sample::select(&CLOCKS[..]),
            mut bucket: u64,
            steps in prop::collection::vec((0..2_000_u64, 0..50_u32), 1..50),
        ) {
            let limit = rate(per_second, burst).limit(clock);
            let start = 1_000_000;
            let (mut ticks, mut total) = (start, 0);
            for (pause, queries) in steps {
                ticks += pause;
                total += u64::from(answered(limit, &mut bucket, ticks, queries));
            }
            let most = limit.tolerance / limit.interval + 1 + time(ticks - start) / limit.interval + 1;
            prop_assert!(total <= most, "{total} > {most}");
        }

        #[test]
        fn any_words_are_a_bucket_and_a_limit(interval: u64, tolerance: u64, bucket: u64, now: u64) {
            let (after, answered) = Limit { interval, tolerance }.spend(bucket, now);
            prop_assert!(!answered || after == bucket.max(now).wrapping_add(interval));
        }
    }
}
