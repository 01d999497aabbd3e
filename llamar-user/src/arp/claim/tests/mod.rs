//! Claims on a bench and on a made-up link.

use rand::SeedableRng as _;

use super::*;
use crate::arp::tests::bench::{Bench, OWN, PEER, millis, seconds};

mod alone;
mod conflicts;
mod link;
mod properties;
mod races;

/// Somebody else with our address.
const RIVAL: Station = Station {
    mac: MacAddr([2, 0, 0, 0, 0, 9]),
    ip: OWN.ip,
};

fn claiming(policy: Policy) -> Claiming {
    Claiming {
        policy,
        ..Claiming::new(OWN.mac, Candidate::Fixed(OWN.ip))
    }
}

fn with_rules(seed: u64, claiming: Claiming, rules: Rules) -> Bench<Claim> {
    let rng = StdRng::seed_from_u64(seed);
    Bench::new(|now| Claim::with(rng, now, claiming, rules))
}

fn bench(claiming: Claiming) -> Bench<Claim> {
    with_rules(1, claiming, Rules::default())
}

/// A claim that holds its address and has announced it to the end.
fn held(claiming: Claiming) -> Bench<Claim> {
    let mut bench = bench(claiming);
    bench.pass(seconds(20));
    assert_eq!(bench.engine.state(), State::Held);
    bench.sent.clear();
    bench.told.clear();
    bench
}

fn conflicts(bench: &Bench<Claim>) -> Vec<Conflict> {
    let conflict = |event: &&Event| match event {
        Event::Conflict(conflict) => Some(*conflict),
        _ => None,
    };
    bench.events().iter().filter_map(conflict).collect()
}

/// What makes an event what it is, for comparisons.
fn kinds(bench: &Bench<Claim>) -> Vec<&'static str> {
    let kind = |event: &Event| match event {
        Event::Begun { .. } => "begun",
        Event::Probed { .. } => "probed",
        Event::Held { .. } => "held",
        Event::Announced { .. } => "announced",
        Event::Conflict(_) => "conflict",
        Event::Lost { .. } => "lost",
        Event::Answered { .. } => "answered",
        Event::Released { .. } => "released",
    };
    bench.events().into_iter().map(kind).collect()
}
