//! Who asks for very many addresses within a short time: somebody who looks for hosts, or a router whose other side does.

use std::net::IpAddr;
use std::time::Duration;

use super::Place;
use super::room::Room;
use crate::ether::MacAddr;

/// How many different addresses are very many. A host asks for the few that it talks to; after a restart a busy server
/// may ask for dozens.
pub(super) const SCAN_MIN: u32 = 64;
/// The time within which they are asked for. Slower than this no scanner goes through a network of 254 in a minute.
pub(super) const SCAN_TIME: Duration = Duration::from_secs(10);
/// How long the same is not told again.
const SCAN_AGAIN: Duration = Duration::from_secs(600);
/// Most askers that are watched: more than ask within [`SCAN_TIME`] on any link. Forged ones in such numbers may hide a
/// scan, and are told of by themselves.
const ASKERS_MAX: usize = 1024;

/// Those who ask.
#[derive(Clone, Debug)]
pub(super) struct Askers(Room<(Place, MacAddr), Asked>);

#[derive(Clone, Debug)]
struct Asked {
    since: Duration,
    /// A bit for each address, by its hash: two may have the same.
    seen: [u64; 4],
    told: Option<Duration>,
}

impl Default for Askers {
    fn default() -> Self {
        Self(Room::new(ASKERS_MAX))
    }
}

impl Askers {
    /// Takes note of a question. Says how many different addresses were asked for at least, if those are very many.
    pub(super) fn hear(
        &mut self,
        at: Duration,
        place: Place,
        mac: MacAddr,
        target: IpAddr,
    ) -> Option<u32> {
        let key = (place, mac);
        let begin = || Asked {
            since: at,
            seen: [0; 4],
            told: None,
        };
        if self.0.hear(at, key).is_none() {
            self.0.add(at, key, begin());
        }
        let asked = self.0.hear(at, key)?;
        if at.abs_diff(asked.since) > SCAN_TIME {
            *asked = Asked {
                told: asked.told,
                ..begin()
            };
        }
        let bit = hash(target);
        if let Some(word) = asked.seen.get_mut(usize::from(bit / 64)) {
            *word |= 1 << (bit % 64);
        }
        let count = asked.seen.iter().map(|word| word.count_ones()).sum();
        let is_news = asked
            .told
            .is_none_or(|told| at.abs_diff(told) >= SCAN_AGAIN);
        (count >= SCAN_MIN && is_news).then(|| {
            asked.told = Some(at);
            count
        })
    }
}

/// A number below 256 that neighbouring addresses do not share.
fn hash(address: IpAddr) -> u8 {
    let bits = match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits >> 64) as u64 ^ bits as u64
        }
    };
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn scan(askers: &mut Askers, start: Duration, pause: Duration) -> Vec<u32> {
        let at = |number: u32| start + pause * number;
        let ask = |number: u32| {
            let target = IpAddr::from([10, 0, (number >> 8) as u8, number as u8]);
            askers.hear(at(number), Place::default(), MAC, target)
        };
        (0..1024).filter_map(ask).collect()
    }

    #[test]
    fn a_scan_is_told_once_and_few_questions_or_slow_ones_are_none() {
        let mut askers = Askers::default();
        let (start, pause) = (Duration::from_secs(1), Duration::from_millis(10));
        assert_eq!(scan(&mut askers, start, pause), [SCAN_MIN]);
        let soon = start + Duration::from_secs(60);
        assert!(scan(&mut askers, soon, pause).is_empty());
        assert_eq!(scan(&mut askers, start + SCAN_AGAIN * 2, pause), [SCAN_MIN]);
        let slow = Duration::from_millis(200);
        assert!(scan(&mut Askers::default(), start, slow).is_empty());
        let same = (0..1000).filter_map(|_| {
            let target = IpAddr::from([10, 0, 0, 1]);
            askers.hear(start + SCAN_AGAIN * 4, Place::default(), MAC, target)
        });
        assert_eq!(same.count(), 0);
    }
}
