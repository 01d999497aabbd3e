//! Whatever neighbours say, every message keeps the rules that the bench knows, and in the end the names are ours.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::super::*;
use super::bench::*;
use crate::config::OnConflict;
use crate::dns::{Message, kind};
use crate::mdns::Arrival;

const NAMES: [&str; 8] = [
    "casa.local",
    "CASA-2.local",
    "Web._http._tcp.local",
    r"Web\ (2)._http._tcp.local",
    "_http._tcp.local",
    "_services._dns-sd._udp.local",
    "1.0.0.10.in-addr.arpa",
    "other.local",
];
const KINDS: [u16; 8] = [1, 28, 12, 33, 16, 47, 255, 257];
const TTLS: [u32; 5] = [0, 10, 120, 2300, 4500];

fn any_record(rng: &mut StdRng) -> Record {
    let owner = NAMES.choose(rng).unwrap();
    let other = NAMES.choose(rng).unwrap();
    let mut record = match rng.random_range(0..7) {
        0 => address(owner, "10.0.0.1"),
        1 => address(owner, "10.0.0.77"),
        2 => address(owner, "fe80::1"),
        3 => ptr(owner, 1, other),
        4 => srv(owner, 80, other),
        5 => txt(owner, "path=/"),
        _ => nsec(owner, &[1, 28]),
    };
    record.ttl = *TTLS.choose(rng).unwrap();
    if rng.random() {
        record.class |= kind::CLASS_TOP;
    }
    record
}

fn any_records(rng: &mut StdRng, most: usize) -> Vec<Record> {
    let count = rng.random_range(0..=most);
    (0..count).map(|_| any_record(rng)).collect()
}

fn any_arrival(rng: &mut StdRng) -> Arrival {
    let sources = [
        from(PEER),
        from(OTHER),
        from(PEER6),
        from_to_us(PEER),
        from_legacy(PEER),
        from_legacy(PEER6),
    ];
    *sources.choose(rng).unwrap()
}

fn any_query(rng: &mut StdRng) -> Message {
    let count = rng.random_range(0..4);
    let questions = (0..count).map(|_| {
        let make = if rng.random() { question } else { qu };
        make(NAMES.choose(rng).unwrap(), *KINDS.choose(rng).unwrap())
    });
    let questions = questions.collect();
    Message {
        flags: if rng.random_bool(0.2) { 0x0200 } else { 0 },
        questions,
        answers: any_records(rng, 2),
        authorities: if rng.random_bool(0.3) {
            any_records(rng, 3)
        } else {
            Vec::new()
        },
        ..Message::default()
    }
}

/// What may happen on a link.
fn happen(bench: &mut Bench, rng: &mut StdRng) {
    match rng.random_range(0..20) {
        0..10 => {
            bench.ask(&any_query(rng), any_arrival(rng));
        }
        10..15 => {
            let mut message = response(&any_records(rng, 2));
            message.additionals = any_records(rng, 2);
            bench.hear(&message, any_arrival(rng));
        }
        15 => {
            let added = ip("10.0.0.9");
            if !bench.wanted.hosts[0].addresses.remove(&added) {
                bench.wanted.hosts[0].addresses.insert(added);
            }
            bench.follow();
        }
        16 => {
            bench.families = if rng.random_bool(0.7) {
                Family::ALL.to_vec()
            } else {
                vec![Family::V4]
            };
            bench.follow();
        }
        17 => {
            let services = vec![service("Web._http._tcp.local", 80, "path=/")];
            bench.wanted.services = if bench.wanted.services.is_empty() {
                services
            } else {
                Vec::new()
            };
            bench.follow();
        }
        18 => bench.with(Responder::wake),
        _ => bench.with(|responder, turn| {
            responder.rename(turn, &name("casa.local"), &name("CASA-2.local"));
        }),
    }
}

// RFC 6762 6, 10.2, 17, 18: A10, A13, A31, A36
#[test]
fn rules_hold_whatever_neighbours_say() {
    for seed in 0..120 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bench = Bench::web().seeded(seed);
        // Who probes may be answered by multicast more often.
        bench.again = ms(250);
        bench.wanted.hosts[0].reverse = true;
        bench.wanted.on_conflict = *OnConflict::ALL.choose(&mut rng).unwrap();
        bench.follow();
        for _ in 0..150 {
            happen(&mut bench, &mut rng);
            bench.run(ms(*[0, 1, 30, 200, 700].choose(&mut rng).unwrap()));
        }
        bench.run(secs(40_000));
        let mut standings = bench.responder.standings();
        assert!(standings.all(|standing| standing.state == State::Verified));
        assert_eq!(bench.responder.poll_timeout(), None);
        drop(standings);
        bench.forget();
        bench.with(Responder::shutdown);
        for sent in &bench.sent {
            assert!(sent.message.records().all(|record| record.ttl == 0));
        }
        assert_eq!(bench.responder.zone.iter().count(), 0);
    }
}
