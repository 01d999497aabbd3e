//! Links that lose 30 % of the datagrams, send 10 % twice and take up to 40 ms.
//!
//! What can be promised there: T is never clear before verification, whatever is lost. A conflict may go unseen, as
//! all transmissions may be lost; but when an asker sees it and nothing is lost, one host is left, the smallest of
//! those that held the name. What three transmissions win is counted.

use super::races::{SEEDS, breaks, held_by, holds};
use super::scene::Scene;
use super::zone::*;
use crate::llmnr::rules::Rule;

/// Three hosts that were switched on at once on a lossy link.
fn lossy(seed: u64, without: Option<Rule>) -> Scene {
    let mut scene = Scene::new(seed, without).lossy(0.3);
    let hosts = [3, 1, 2].map(|last| scene.host(Some(last), Some(last.into()), &["casa"]));
    scene.start(&hosts, ms(10));
    for _ in 0..10 {
        scene.ask(0, v4(250), "casa", 0);
        scene.run(ms(100));
    }
    scene
}

// RFC 4795 4.1, 4.2: R27, R46, R50, R51
#[test]
fn one_look_without_loss_leaves_one_holder() {
    let property = |seed, without| {
        let mut scene = lossy(seed, without);
        // Losers try again meanwhile, and some find nobody.
        scene.run(secs(400));
        let before = scene.holders("casa");
        scene.loss = 0.0;
        scene.duplication = 0.0;
        let look_up = scene.look_up(0, "casa");
        scene.run(secs(2));
        // One that was being verified while it was asked for is told of at the next look.
        scene.look_up(0, "casa");
        scene.run(secs(3));
        let smallest = [1, 2, 0].into_iter().find(|host| before.contains(host));
        match smallest {
            Some(_) if look_up < before.len() => Err("a holder is silent".to_owned()),
            Some(smallest) => held_by(&scene, &[smallest]),
            None => Ok(()),
        }
    };
    holds(property);
    breaks(Rule::HeedDoubts, property);
    breaks(Rule::CompareAddresses, property);
    breaks(Rule::VerifyFirst, property);
}

// RFC 4795 4.2: R50, R52. On a link that stays lossy, with somebody who looks now and then.
#[test]
fn name_always_finds_a_holder_again() {
    let property = |seed, without| {
        let mut scene = lossy(seed, without);
        let mut unheld = 0;
        for _ in 0..60 {
            scene.look_up(0, "casa");
            scene.run(secs(10));
            unheld = if scene.holders("casa").is_empty() {
                unheld + 1
            } else {
                0
            };
            // The pause after a first loss is at most a minute.
            if unheld > 7 {
                return Err("nobody holds it for more than a minute".to_owned());
            }
        }
        if scene.early > 0 {
            return Err("T was clear too early".to_owned());
        }
        Ok(())
    };
    (0..SEEDS / 4).for_each(|seed| assert_eq!(property(seed, None), Ok(()), "{seed}"));
    breaks(Rule::VerifyFirst, property);
}

// RFC 4795 2.7: S8
#[test]
fn three_transmissions_find_most_conflicts() {
    let seen = |without| {
        let unseen = (0..SEEDS).filter(|seed| {
            let mut scene = Scene::new(*seed, without).lossy(0.3);
            let hosts = [
                scene.host(Some(1), None, &["casa"]),
                scene.host(Some(2), None, &["casa"]),
            ];
            scene.start(&hosts, secs(1));
            scene.run(secs(1));
            scene.holders("casa").len() == 2
        });
        unseen.count()
    };
    // A query or its response is lost with a probability of 51 %, all three with 13 %.
    let (three, one) = (seen(None), seen(Some(Rule::Retransmit)));
    let of = |percent: usize| SEEDS as usize * percent / 100;
    assert!((of(7)..of(20)).contains(&three), "{three}");
    assert!((of(41)..of(61)).contains(&one), "{one}");
}
