//! That the comparison finds what it is there to find.

use llamar_common::abi::{Host, Limit, NameState, Outcome, program};
use llamar_common::testing::{A, Arp, FrameBuilder};

use crate::generate::Generator;
use crate::kernel::{HEADROOM, Kernel};
use crate::pair::{ANSWER, Arrival, Difference, Pair, agree};
use crate::place::{Interfaces, inside, object};
use crate::scene::Scene;

fn kernel() -> Kernel {
    Kernel::load(object().expect("the eBPF object"), program::XDP)
}

/// A query that is answered with addresses.
fn query(scene: &Scene) -> Arrival {
    let arena = &scene.arenas[0];
    let query = FrameBuilder::llmnr(arena.askers[0]).question_label(&arena.labels[0], A);
    (arena.key.ifindex, query.build())
}

/// An ARP probe, which is passed.
fn probe(scene: &Scene) -> Arrival {
    let arena = &scene.arenas[0];
    let probe = Arp::probe(arena.askers[0].mac, arena.targets[0]);
    (arena.key.ifindex, probe.build())
}

#[test]
fn one_wrong_bit_anywhere_in_a_frame_is_found() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut pair = Pair::new(kernel(), scene.tables.clone());
        for ((ifindex, frame), answered) in [(query(&scene), true), (probe(&scene), false)] {
            let (verdict, host) = pair.host(ifindex, &frame, HEADROOM);
            assert_eq!(verdict.reply, answered);
            let kernel = pair.kernel(ifindex, &frame, 0);
            agree(&frame, kernel.clone(), host.clone()).expect("no difference yet");
            for bit in 0..host.bytes.len() * 8 {
                let mut wrong = host.clone();
                wrong.bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(agree(&frame, kernel.clone(), wrong.clone()).is_err());
                // Both sides wrong in the same way: nobody may touch what is passed, and an answer has its sums.
                let seen = !answered || bit / 8 >= 12;
                assert_eq!(agree(&frame, wrong.clone(), wrong).is_err(), seen);
            }
            let mut wrong = host;
            wrong.bytes.push(0);
            assert!(agree(&frame, kernel, wrong).is_err());
        }
    });
}

#[test]
fn wrong_verdict_is_found() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut pair = Pair::new(kernel(), scene.tables.clone());
        let (ifindex, frame) = probe(&scene);
        let (_, mut host) = pair.host(ifindex, &frame, HEADROOM);
        host.action = 1;
        let kernel = pair.kernel(ifindex, &frame, 0);
        assert!(agree(&frame, kernel, host).is_err());
    });
}

#[test]
fn entry_that_differs_by_one_byte_is_found_among_generated_frames() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut other = scene.tables.clone();
        other.names[0].1.a[0][3] ^= 1;
        let mut pair = Pair::of_two(kernel(), &other, scene.tables.clone());
        let frames = Generator::new(&scene, 1).frames(20_000);
        let difference = pair.frames(&frames, 0).expect_err("a difference");
        assert!(
            matches!(difference, Difference::Frame { .. }),
            "{difference:?}"
        );
    });
}

#[test]
fn entry_that_only_changes_a_counter_is_found_among_generated_frames() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut other = scene.tables.clone();
        // Passed by both sides, for different reasons.
        let too_many = |host: &Host| host.a_count > 4 && host.aaaa_count > 4;
        let mut hosts = other.names.iter_mut().map(|(_, host)| host);
        let host = hosts.find(|host| too_many(host));
        let host = host.expect("a name with too many addresses");
        host.state = NameState::Shared as u8;
        let mut pair = Pair::of_two(kernel(), &other, scene.tables.clone());
        let frames = Generator::new(&scene, 2).frames(20_000);
        let difference = pair.frames(&frames, 0).expect_err("a difference");
        let Difference::Counters(differences) = &difference else {
            panic!("{difference:?}");
        };
        assert!(
            differences
                .iter()
                .any(|line| line.contains("llmnr-not-unique")),
            "{difference:?}"
        );
    });
}

#[test]
fn sender_that_one_side_does_not_remember_is_found() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut pair = Pair::new(kernel(), scene.tables.clone());
        let arena = &scene.arenas[0];
        let request = Arp::request(arena.askers[0], arena.targets[0]).build();
        pair.senders().expect("no difference yet");
        pair.host(arena.key.ifindex, &request, HEADROOM);
        assert!(matches!(pair.senders(), Err(Difference::Senders(_))));
    });
}

#[test]
fn answer_that_one_side_does_not_count_is_found() {
    inside(|interfaces: Interfaces| {
        let scene = Scene::new(interfaces);
        let mut pair = Pair::new(kernel(), scene.tables.clone());
        pair.limit(Limit {
            interval: ANSWER,
            tolerance: ANSWER,
        });
        let arrival = query(&scene);
        for outcome in [
            Outcome::LlmnrAnswered,
            Outcome::LlmnrAnswered,
            Outcome::LlmnrLimited,
        ] {
            let verdict = pair.frame(&arrival, 0).expect("no difference yet");
            assert_eq!(verdict.outcome, Some(outcome));
        }
        pair.buckets().expect("no difference yet");
        pair.tables.buckets.iter().for_each(|bucket| bucket.set(0));
        assert!(matches!(pair.buckets(), Err(Difference::Buckets(_))));
        assert!(pair.frame(&arrival, 0).is_err());
    });
}
