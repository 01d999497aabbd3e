//! Hosts that claim one name at about the same time.

use super::scene::Scene;
use super::zone::*;
use crate::llmnr::rules::Rule;

/// Seeds of a property.
pub const SEEDS: u64 = 200;

/// Whether a property holds for all seeds with all rules kept.
pub fn holds(property: impl Fn(u64, Option<Rule>) -> Result<(), String>) {
    for seed in 0..SEEDS {
        if let Err(broken) = property(seed, None) {
            panic!("seed {seed}: {broken}");
        }
    }
}

/// Whether some seed breaks a property without a rule: else it would not tell whether that is kept.
pub fn breaks(rule: Rule, property: impl Fn(u64, Option<Rule>) -> Result<(), String>) {
    let broken = (0..SEEDS).any(|seed| property(seed, Some(rule)).is_err());
    assert!(broken, "nothing is broken without {rule:?}");
}

/// Whether a host alone holds `casa`, and no response said so before its time.
pub fn held_by(scene: &Scene, expected: &[usize]) -> Result<(), String> {
    let holders = scene.holders("casa");
    if scene.early > 0 {
        return Err(format!("T was clear too early {} times", scene.early));
    }
    if holders != expected {
        return Err(format!("held by {holders:?}, not by {expected:?}"));
    }
    Ok(())
}

/// Hosts on one link that are switched on within 100 ms, and somebody who asks them all the time.
fn at_once(seed: u64, without: Option<Rule>, addresses: &[(Option<u8>, Option<u16>)]) -> Scene {
    let mut scene = Scene::new(seed, without);
    for (v4, v6) in addresses {
        scene.host(*v4, *v6, &["casa"]);
    }
    for host in 0..addresses.len() {
        scene.follow(host);
        scene.run(ms(seed % 101 / addresses.len() as u64));
    }
    for _ in 0..20 {
        scene.ask(0, v4(250), "CASA", 0);
        scene.ask(0, v6(250), "casa", 0);
        scene.run(ms(50));
    }
    scene
}

// RFC 4795 4.1: R27, R46, R50
#[test]
fn of_two_hosts_that_start_at_once_the_smaller_address_gets_the_name() {
    let property = |seed, without| {
        let addresses = [(Some(2), Some(2)), (Some(1), Some(1))];
        held_by(&at_once(seed, without, &addresses), &[1])
    };
    holds(property);
    breaks(Rule::CompareAddresses, property);
    breaks(Rule::AnswerTentative, property);
    breaks(Rule::VerifyFirst, property);
}

// RFC 4795 4.1: R50
#[test]
fn of_three_hosts_that_start_at_once_the_smallest_address_gets_the_name() {
    let property = |seed, without| {
        let addresses = [(Some(3), None), (Some(1), None), (Some(2), None)];
        held_by(&at_once(seed, without, &addresses), &[1])
    };
    holds(property);
    breaks(Rule::CompareAddresses, property);
    breaks(Rule::AnswerTentative, property);
}

// RFC 4795 4.1: R50
#[test]
fn of_five_hosts_that_start_at_once_the_smallest_address_gets_the_name() {
    let property = |seed, without| {
        let addresses = [5, 4, 1, 3, 2].map(|last| (Some(last), Some(last.into())));
        held_by(&at_once(seed, without, &addresses), &[2])
    };
    holds(property);
    breaks(Rule::CompareAddresses, property);
}

// RFC 4795 4.1: R46, R50
#[test]
fn conflict_over_one_family_counts_for_both() {
    // They meet over IPv6 only, where the first has the larger address.
    let property = |seed, without| {
        let addresses = [(Some(1), Some(9)), (None, Some(2))];
        held_by(&at_once(seed, without, &addresses), &[1])
    };
    holds(property);
    breaks(Rule::BothFamilies, property);
}

// RFC 4795 4.1: R50
#[test]
fn hosts_without_a_family_in_common_do_not_hear_each_other() {
    let scene = at_once(1, None, &[(Some(1), None), (None, Some(2))]);
    assert_eq!(held_by(&scene, &[0, 1]), Ok(()));
}

// RFC 4795 4.1, 4.2: R50, R52
#[test]
fn hosts_that_make_each_other_give_in_come_to_a_holder_in_time() {
    // Both hold the name when their links are joined, and it takes a while before they hear of each other.
    let unheld = |without, pass| {
        let unheld = |seed: &u64| {
            let mut scene = Scene::new(*seed, without);
            scene.delay = ms(100);
            let hosts = [
                scene.host(Some(1), Some(2), &["casa"]),
                scene.host(Some(2), Some(1), &["casa"]),
            ];
            scene.plug(hosts[1], 1);
            scene.start(&hosts, ms(0));
            scene.run(secs(2));
            scene.plug(hosts[1], 0);
            scene.ask(0, v4(9), "casa", C);
            scene.run(pass);
            assert!(scene.early == 0 && scene.holders("casa").len() < 2);
            scene.holders("casa").is_empty()
        };
        (0..SEEDS).filter(unheld).count()
    };
    assert!(unheld(None, secs(2)) > SEEDS as usize / 4);
    assert!(unheld(None, secs(70)) < SEEDS as usize / 20);
    assert_eq!(unheld(None, secs(1800)), 0);
    // Without chance in the pauses they meet again and again.
    assert!(unheld(Some(Rule::SpreadRetries), secs(70)) > SEEDS as usize / 10);
}

// RFC 4795 4.1: R49
#[test]
fn who_was_first_keeps_the_name_whatever_the_addresses() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        let first = scene.host(Some(9), Some(9), &["casa"]);
        let second = scene.host(Some(1), Some(1), &["Casa"]);
        scene.start(&[first, second], secs(1));
        for _ in 0..20 {
            scene.ask(0, v4(250), "casa", 0);
            scene.run(ms(50));
        }
        held_by(&scene, &[first])?;
        // Nor is it lost when the other tries again, for hours.
        scene.run(secs(20_000));
        held_by(&scene, &[first])?;
        let news = scene
            .conflicts(second)
            .iter()
            .filter(|conflict| conflict.2)
            .count();
        // Both of its addresses have been seen.
        if news > 2 || scene.conflicts(second).len() < 4 {
            return Err(format!("{news} lines in the log"));
        }
        Ok(())
    };
    holds(property);
    breaks(Rule::HolderKeeps, property);
    breaks(Rule::VerifyFirst, property);
}

// RFC 4795 4.1: R49, R50. However far apart they start, one of them has it in the end.
#[test]
fn hosts_that_start_within_a_verification_of_each_other_come_to_one_holder() {
    let property = |seed: u64, without| {
        let mut scene = Scene::new(seed, without);
        scene.delay = ms(40);
        scene.duplication = 0.2;
        let hosts = [4, 2, 3].map(|last| scene.host(Some(last), None, &["casa"]));
        scene.start(&hosts, ms(seed * 7 % 900));
        scene.run(secs(3));
        match scene.holders("casa").as_slice() {
            [_] if scene.early == 0 => Ok(()),
            other => Err(format!("held by {other:?}, {} early", scene.early)),
        }
    };
    holds(property);
    breaks(Rule::AnswerTentative, property);
    breaks(Rule::HolderKeeps, property);
    breaks(Rule::CompareAddresses, property);
}
