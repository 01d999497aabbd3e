//! All engines together: what none of them may stumble over.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use self::bench::{Bench, OWN, millis, seconds};
use super::*;
use crate::ether::Engine;

pub(super) mod bench;
mod captures;

/// Each engine at work for this address, and whatever else there is.
struct All {
    asker: Bench<Asker>,
    announcer: Bench<Announcer>,
    claim: Bench<Claim>,
    keeper: Bench<Claim>,
    scan: Bench<Scan>,
}

impl All {
    fn about(ip: Ipv4Addr) -> Self {
        let claim = |policy| {
            let claiming = Claiming {
                policy,
                ..Claiming::new(OWN.mac, Candidate::Fixed(ip))
            };
            let rng = StdRng::seed_from_u64(1);
            Bench::new(|now| Claim::new(rng, now, claiming))
        };
        let span = Span::network(ip, 16, true);
        let scanning = Scanning::new(OWN.mac, Some(OWN.ip), Spans::new([span]));
        Self {
            asker: Bench::new(|now| Asker::new(now, Ask::new(OWN.mac, None, vec![ip]))),
            announcer: Bench::new(|_| Announcer::new(Announcing::default())),
            claim: claim(Policy::DefendOnce),
            keeper: claim(Policy::Keep),
            scan: Bench::new(|now| Scan::new(now, scanning).unwrap()),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.asker.pass(time);
        self.announcer.pass(time);
        self.claim.pass(time);
        self.keeper.pass(time);
        self.scan.pass(time);
    }

    fn hear(&mut self, frame: &[u8]) {
        self.asker.hear(frame);
        self.announcer.hear(frame);
        self.claim.hear(frame);
        self.keeper.hear(frame);
        self.scan.hear(frame);
    }
}

/// How much an engine said to each of them, in frames and events.
fn said<E: Engine>(bench: &Bench<E>) -> usize {
    bench.sent.len() + bench.told.len()
}
