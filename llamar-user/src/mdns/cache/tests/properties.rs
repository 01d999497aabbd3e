//! What holds whatever is heard.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, in milliseconds.
    Wait(u64),
    /// Records of few names, types and data are heard.
    Hear(Vec<(u8, u8, u8, bool)>, u8),
    /// Everything ends.
    Clear,
    /// Everything ends soon.
    Shorten,
    /// Others are wanted.
    Weigh(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0..4u8, 0..6u8, 0..5u8, any::<bool>());
    prop_oneof![
        4 => (0..4000u64).prop_map(Step::Wait),
        6 => (prop::collection::vec(record, 0..8), 0..3u8).prop_map(|(records, from)| Step::Hear(records, from)),
        1 => Just(Step::Clear),
        1 => Just(Step::Shorten),
        2 => (0..4u8, any::<bool>()).prop_map(|(name, wanted)| Step::Weigh(name, wanted)),
    ]
}

/// The record that these numbers stand for, some in other letters.
fn record((owner, data, ttl, flush): (u8, u8, u8, bool)) -> Record {
    let owner = ["a.local", "A.local", "b.local", "c.local"][usize::from(owner)];
    let data = match data {
        0 | 1 => a(data),
        2 => ptr("x.local"),
        3 => ptr("X.local"),
        4 => nsec("a.local", &[1]),
        _ => Rdata::Cname(name("b.local")),
    };
    let ttl = [0, 1, 2, 10, u32::MAX][usize::from(ttl)];
    if flush {
        unique(owner, ttl, data)
    } else {
        shared(owner, ttl, data)
    }
}

/// What somebody knows who sees the changes only: what there is, and that nothing comes twice or goes before it came.
#[derive(Default)]
pub(super) struct Witness {
    pub(super) there: BTreeMap<String, Record>,
}

impl Witness {
    pub(super) fn sees(&mut self, scene: &mut Scene) {
        while let Some((record, _, change)) = scene.cache.poll_change() {
            assert_eq!(record.class, kind::IN);
            let key = format!("{} {} {}", record.owner, record.kind, record.data).to_lowercase();
            match change {
                Change::Added => assert_eq!(self.there.insert(key, record), None),
                Change::Removed => assert!(self.there.remove(&key).is_some()),
            }
        }
        let there = scene.cache.entries().count();
        assert_eq!((self.there.len(), there), (there, scene.cache.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC 6762 5.2, 10: A29, A31, A55
    #[test]
    fn records_come_and_go_in_turns_and_never_outlive_their_time(steps in prop::collection::vec(step(), 0..60)) {
        let mut scene = Scene::new();
        let mut witness = Witness::default();
        for step in steps {
            match step {
                Step::Wait(milliseconds) => {
                    let since = scene.now - scene.start + Duration::from_millis(milliseconds);
                    scene.at(since.as_secs_f64());
                }
                Step::Hear(records, from) => {
                    let from = Ipv4Addr::new(10, 0, 0, from).into();
                    let records = records.into_iter().map(record).collect();
                    scene.hears_message(&response(records), from, &|record| record.kind == kind::A);
                }
                Step::Clear => scene.cache.clear(),
                Step::Shorten => scene.cache.shorten(scene.now + seconds(3.0)),
                Step::Weigh(owner, wanted) => {
                    let owner = record((owner, 0, 0, false)).owner;
                    scene.cache.weigh(&owner, &|_| wanted);
                }
            }
            witness.sees(&mut scene);
            scene.all();
            for entry in scene.cache.entries() {
                prop_assert!(entry.expires > scene.now && entry.received <= scene.now);
                prop_assert!(entry.expires - entry.received <= LIFETIME_MAX.max(seconds(3.0)));
            }
            let next = scene.cache.entries().map(|entry| entry.expires).min();
            prop_assert_eq!(scene.cache.poll_timeout(), next);
        }
        scene.at(2.0 * LIFETIME_MAX.as_secs_f64());
        witness.sees(&mut scene);
        prop_assert!(scene.cache.is_empty() && witness.there.is_empty());
        prop_assert!(scene.cache.names.is_empty() && scene.cache.bytes() == 0);
    }

    // RFC 6762 5.2: who ends first goes first.
    #[test]
    fn records_end_in_the_order_of_their_times(ttls in prop::collection::vec(1..1000u32, 1..40)) {
        let mut scene = Scene::new();
        for (number, ttl) in ttls.iter().enumerate() {
            scene.hears(vec![shared(&format!("h{number}.local"), *ttl, a(1))]);
        }
        scene.changes();
        let mut ended = Vec::new();
        while let Some(due) = scene.cache.poll_timeout() {
            scene.cache.handle_timeout(due);
            while let Some((record, _, change)) = scene.cache.poll_change() {
                prop_assert_eq!(change, Change::Removed);
                prop_assert_eq!(scene.start + seconds(record.ttl.into()), due);
                ended.push(record.ttl);
            }
        }
        prop_assert!(ended.is_sorted() && ended.len() == ttls.len());
    }

    #[test]
    fn any_message_leaves_the_cache_in_order(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut scene = Scene::new();
        if let Ok(message) = Message::read(&bytes) {
            scene.hears_plain_any(&message);
            scene.all();
        }
    }
}

impl Scene {
    fn hears_plain_any(&mut self, message: &Message) {
        self.cache
            .hear(self.now, self.rules, message, PEER, &|_| true);
    }
}
