//! What holds whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Ask(u64, u8),
    Cease(u64),
    Hear(Vec<(u8, u8, u8, bool)>, u8),
    Overhear(Vec<(u8, bool)>, Vec<(u8, u8, u8, bool)>, u8),
    Reconfirm((u8, u8, u8, bool)),
    Wake,
    Families(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0..3u8, 0..5u8, 0..6u8, any::<bool>());
    let records = prop::collection::vec(record.clone(), 0..6);
    let questions = prop::collection::vec((0..5u8, any::<bool>()), 0..4);
    prop_oneof![
        6 => (0..20_000u64).prop_map(Step::Wait),
        3 => (0..6u64, 0..5u8).prop_map(|(id, question)| Step::Ask(id, question)),
        1 => (0..6u64).prop_map(Step::Cease),
        6 => (records.clone(), 0..5u8).prop_map(|(records, how)| Step::Hear(records, how)),
        3 => (questions, records, 0..5u8).prop_map(|(questions, records, how)| Step::Overhear(questions, records, how)),
        1 => record.prop_map(Step::Reconfirm),
        1 => Just(Step::Wake),
        1 => (0..4u8).prop_map(Step::Families),
    ]
}

fn asked(number: u8) -> Question {
    match number {
        0 => question("a.local", kind::A),
        1 => question("A.local", kind::ANY),
        2 => question("b.local", kind::PTR),
        3 => question("b.local", kind::AAAA),
        _ => question("c.local", kind::A),
    }
}

fn record((owner, data, ttl, flush): (u8, u8, u8, bool)) -> Record {
    let owner = ["a.local", "B.local", "c.local"][usize::from(owner)];
    let data = match data {
        0 | 1 => a(data),
        2 => Rdata::Ptr(name("x.local")),
        3 => Rdata::Nsec(Nsec::new(name(owner), [kind::A])),
        _ => Rdata::Cname(name("c.local")),
    };
    let ttl = [0, 1, 5, 30, 120, u32::MAX][usize::from(ttl)];
    if flush {
        unique(owner, ttl, data)
    } else {
        shared(owner, ttl, data)
    }
}

fn arrival(how: u8) -> Arrival {
    match how {
        0 | 1 => multicast(PEER),
        2 => multicast(PEER_V6),
        3 => Arrival {
            to: US,
            ..multicast(PEER)
        },
        _ => Arrival {
            from: SocketAddr::new(PEER, 40_000),
            ..multicast(PEER)
        },
    }
}

fn happen(scene: &mut Scene, step: Step) {
    match step {
        Step::Wait(_) => {}
        Step::Ask(id, number) => {
            scene.ask(id, &asked(number));
        }
        Step::Cease(id) => scene.querier.cease(AskId(id)),
        Step::Hear(records, how) => {
            let message = response(records.into_iter().map(record).collect());
            scene.hears_message(&message, &arrival(how));
        }
        Step::Overhear(questions, records, how) => {
            let question = |(number, unicast): (u8, bool)| {
                let question = asked(number);
                let top = if unicast { kind::CLASS_TOP } else { 0 };
                Question {
                    class: question.class | top,
                    ..question
                }
            };
            let questions = questions.into_iter().map(question).collect();
            let message = query(questions, records.into_iter().map(record).collect());
            scene.overhears(&message, &arrival(how));
        }
        Step::Reconfirm(number) => {
            scene.turn(|querier, turn| querier.reconfirm(turn, &record(number)));
        }
        Step::Wake => scene.wake(),
        Step::Families(number) => {
            let spoken = |family: &Family| number >> (*family as u8) & 1 != 0;
            scene.families = Family::ALL.into_iter().filter(spoken).collect();
            scene.turn(|querier, turn| querier.follow(turn));
        }
    }
}

/// What is sent is not too much.
#[derive(Default)]
struct Politeness {
    last: BTreeMap<(Family, String), f64>,
}

impl Politeness {
    /// What was asked before a family went does not matter when it comes again.
    fn forgets(&mut self, families: &[Family]) {
        self.last.retain(|(family, _), _| families.contains(family));
    }

    fn sees(&mut self, sent: &[Sent], reported: bool) {
        for sent in sent {
            assert!(sent.bytes.len() <= 1500 - sent.family.headers());
            for ask in sent.asks() {
                let ask = ask.trim_end_matches('?').to_lowercase();
                let last = self.last.insert((sent.family, ask.clone()), sent.at);
                let gap = last.map_or(f64::MAX, |last| sent.at - last);
                // RFC 6762 10.4: only a report makes us ask sooner.
                assert!(reported || gap > 0.9999, "{ask} after {gap}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    // RFC 6762 5.2, 10: A3, A4, A55
    #[test]
    fn questions_are_a_second_apart_and_events_tell_what_there_is(steps in prop::collection::vec(step(), 0..60), seed: u64, reported: bool) {
        let mut scene = Scene::fresh(seed);
        let mut polite = Politeness::default();
        let mut there = BTreeMap::new();
        for number in 0..5 {
            scene.ask(100 + u64::from(number), &asked(number));
        }
        for step in steps {
            let wait = if let Step::Wait(wait) = step { wait } else { 0 };
            let is_ask = matches!(step, Step::Ask(..));
            if matches!(step, Step::Reconfirm(_)) && !reported {
                continue;
            }
            happen(&mut scene, step);
            polite.forgets(&scene.families);
            let until = scene.elapsed() + wait as f64 / 1000.0;
            let sent = scene.run(until);
            polite.sees(&sent, reported);
            for event in std::mem::take(&mut scene.events) {
                let Event::Record(held) = event else { panic!("{event:?}") };
                let key = format!("{} {}", held.record.owner, held.record.data).to_lowercase();
                match held.change {
                    // RFC 6762 5.2: who asks again is told again.
                    Change::Added => prop_assert!(there.insert(key, ()).is_none() || is_ask),
                    Change::Removed => prop_assert!(there.remove(&key).is_some()),
                }
            }
            let cached = scene.querier.cache().entries().filter(|entry| {
                (0..5).any(|number| crate::mdns::cache::answers(&asked(number), &entry.record))
            });
            prop_assert_eq!(cached.count(), there.len());
        }
        // RFC 6762 5.2: the longest silence is an hour, and what nobody confirms is gone some day.
        let end = scene.elapsed() + 90_000.0;
        polite.sees(&scene.run(end), reported);
        prop_assert!(scene.querier.cache().is_empty());
        prop_assert_eq!(scene.querier.poll_timeout().is_none(), scene.families.is_empty());
    }

    #[test]
    fn any_message_is_taken_or_left(bytes in prop::collection::vec(any::<u8>(), 0..300), how in 0..5u8) {
        let mut scene = Scene::fresh(1);
        scene.ask(1, &http());
        if let Ok(message) = Message::read(&bytes) {
            scene.overhears(&message, &arrival(how));
            scene.hears_message(&message, &arrival(how));
            scene.run(10.0);
        }
    }
}
