//! Hosts that want the same address at about the same time.

use super::link::{FAIR, Link, Weather};
use super::*;

/// Seeds of a property.
const SEEDS: u64 = 60;

type Property = fn(u64, Rules) -> Result<(), String>;

/// Whether a property holds for all seeds with all rules kept, and some seed breaks it without one of them.
fn holds(property: Property, needs: &[Rule]) {
    for seed in 0..SEEDS {
        if let Err(broken) = property(seed, Rules::default()) {
            panic!("seed {seed}: {broken}");
        }
    }
    for rule in needs {
        let broken = (0..SEEDS).any(|seed| property(seed, Rules::without(*rule)).is_err());
        assert!(broken, "nothing is broken without {rule:?}");
    }
}

fn one_at_most(link: &Link) -> Result<(), String> {
    let holders = link.holders();
    match holders.len() {
        0 | 1 => Ok(()),
        _ => Err(format!("held by {holders:?}")),
    }
}

/// A claim as the RFCs want it, that is held.
fn held(number: u8) -> Check {
    Check {
        after: After::Hold,
        ..Check::new(port(number), address())
    }
}

// RFC 4862 5.4.2, 5.4.3: D7, D19
#[test]
fn of_two_to_ten_hosts_that_are_switched_on_at_once_one_at_most_gets_the_address() {
    let property: Property = |seed, rules| {
        let hosts = 2 + (seed % 9) as usize;
        let mut link = Link::new(seed, FAIR, hosts);
        for host in 0..hosts {
            link.switch_on(host, held(host as u8 + 1), rules);
        }
        link.until(10_000);
        one_at_most(&link)
    };
    holds(property, &[Rule::HeedSolicitations]);
}

// RFC 4862 5.4.3: D7
#[test]
fn of_hosts_that_ask_at_the_same_moment_nobody_gets_the_address() {
    let property: Property = |seed, rules| {
        let hosts = 2 + (seed % 9) as usize;
        let mut link = Link::new(seed, FAIR, hosts);
        for host in 0..hosts {
            let check = Check {
                delay: Duration::ZERO,
                ..held(host as u8 + 1)
            };
            link.switch_on(host, check, rules);
        }
        link.until(10_000);
        match link.holders().as_slice() {
            [] => Ok(()),
            holders => Err(format!("held by {holders:?}")),
        }
    };
    holds(property, &[Rule::HeedSolicitations]);
}

/// Hosts that are switched on within four seconds, on a link that delays frames by up to `delay` and doubles some.
fn within_seconds(seed: u64, rules: Rules, weather: Weather) -> Link {
    let hosts = 2 + (seed % 9) as usize;
    let mut link = Link::new(seed, weather, hosts);
    let mut at = 0;
    for host in 0..hosts {
        at += link.dice(8_000 / hosts as u64);
        link.until(at);
        link.switch_on(host, held(host as u8 + 1), rules);
    }
    link.until(30_000);
    link
}

// RFC 4862 5.4, 5.4.3, 5.4.4, RFC 4861 7.2.4: D2, D3, D7
#[test]
fn of_hosts_that_are_switched_on_one_after_the_other_one_at_most_gets_the_address() {
    let property: Property = |seed, rules| {
        // There and back within RetransTimer.
        let weather = Weather {
            delay: 480,
            doubled: 30,
            ..FAIR
        };
        one_at_most(&within_seconds(seed, rules, weather))
    };
    let needs = [
        Rule::HeedSolicitations,
        Rule::HeedAdvertisements,
        Rule::AnswerChecks,
    ];
    holds(property, &needs);
}

// RFC 4862 5.4.3, RFC 7527 4.2: D7, D8, D19
#[test]
fn hosts_with_and_without_nonces_hear_each_other() {
    let property: Property = |seed, rules| {
        let hosts = 2 + (seed % 5) as usize;
        let mut link = Link::new(seed, FAIR, hosts);
        for host in 0..hosts {
            let check = Check {
                nonces: link.dice(2) == 0,
                ..held(host as u8 + 1)
            };
            link.switch_on(host, check, rules);
        }
        link.until(10_000);
        one_at_most(&link)
    };
    holds(property, &[Rule::HeedSolicitations]);
}

// RFC 7527 4.1, 4.2, RFC 4862 5.4.3: D8, D10
#[test]
fn a_link_that_gives_back_frames_hides_no_duplicate() {
    let property: Property = |seed, rules| {
        let weather = Weather {
            delay: 400,
            doubled: 30,
            loops: 12_000,
            lost: 0,
        };
        let link = within_seconds(seed, rules, weather);
        one_at_most(&link)
    };
    holds(property, &[Rule::HeedSolicitations]);
}

// RFC 7527 4.1: D8
#[test]
fn a_host_alone_is_told_of_a_loop_and_of_nothing_else() {
    let property: Property = |seed, rules| {
        let weather = Weather {
            delay: 900,
            doubled: 50,
            loops: 100_000,
            lost: 0,
        };
        let mut link = Link::new(seed, weather, 1);
        link.switch_on(0, held(1), rules);
        link.until(60_000);
        let loops = |event: &&Event| matches!(event, Event::Looped { .. });
        let told = link.told(0);
        match told.iter().all(loops) && !told.is_empty() {
            true => Ok(()),
            false => Err(format!("{told:?}")),
        }
    };
    holds(property, &[Rule::KnowOwnNonces, Rule::AskOnAfterLoop]);
}

// RFC 4862 5.1, 5.4.2: D7
#[test]
fn an_address_in_use_is_noticed_if_fewer_frames_are_lost_than_are_sent() {
    let property: Property = |seed, rules| {
        let transmits = 2 + (seed % 3) as u32;
        let mut link = Link::new(seed, FAIR, 2);
        link.switch_on(0, held(1), rules);
        link.until(5_000);
        let mut second = Link::new(
            seed,
            Weather {
                lost: transmits - 1,
                ..FAIR
            },
            2,
        );
        second.now = link.now;
        second.hosts[0] = link.hosts[0].take();
        let check = Check {
            transmits,
            ..held(2)
        };
        second.switch_on(1, check, rules);
        second.until(20_000);
        match second.holders().as_slice() {
            [0] => Ok(()),
            holders => Err(format!("held by {holders:?}")),
        }
    };
    holds(property, &[Rule::AnswerChecks, Rule::HeedAdvertisements]);
}

// RFC 4862 5.4.4: D14
#[test]
fn hosts_that_could_not_hear_each_other_are_told_of_the_late_duplicate() {
    let property: Property = |seed, rules| {
        let mut link = Link::new(seed, Weather { lost: 2, ..FAIR }, 2);
        for host in 0..2 {
            let check = Check {
                delay: Duration::ZERO,
                announce: Some(Schedule::default()),
                ..held(host as u8 + 1)
            };
            link.switch_on(host, check, rules);
        }
        link.until(10_000);
        for host in 0..2 {
            let other = 2 - host as u8;
            let late =
                |event: &&Event| matches!(event, Event::Late(late) if late.mac == mac(other));
            let told = link.told(host);
            if told.iter().filter(|event| late(event)).count() != 1 {
                return Err(format!("{host}: {told:?}"));
            }
        }
        Ok(())
    };
    holds(property, &[Rule::Pace]);
}

// RFC 4862 5.4: D7
#[test]
fn after_the_link_was_down_the_address_is_checked_again() {
    let property: Property = |seed, rules| {
        let mut link = Link::new(seed, FAIR, 2);
        link.switch_on(0, held(1), rules);
        link.until(3_000);
        link.switch_on(1, held(2), rules);
        link.until(6_000);
        if link.holders() != [0] {
            return Err(format!("held by {:?}", link.holders()));
        }
        // The second tries again and again; the first was away and comes back.
        let now = link.now;
        for host in [1, 0] {
            if let Some(dad) = &mut link.hosts[host] {
                dad.restart(now);
            }
        }
        link.until(20_000);
        one_at_most(&link)
    };
    holds(property, &[Rule::AnswerChecks, Rule::HeedSolicitations]);
}
