//! Several hosts that want the same address.

use rand::RngExt as _;

use super::link::{Link, Weather};
use super::*;

const FAIR: Weather = Weather {
    loss: 0,
    delay: millis(900),
    echo: true,
    talk: None,
};

fn mac(index: usize) -> MacAddr {
    MacAddr([2, 0, 0, 0, 7, index as u8])
}

fn wants(index: usize, policy: Policy) -> Claiming {
    Claiming {
        policy,
        ..Claiming::new(mac(index), Candidate::Fixed(OWN.ip))
    }
}

/// Two to ten hosts that join within some time.
fn crowd(seed: u64, within: Duration, policy: Policy) -> Vec<(Duration, Claiming)> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0xc0ffee);
    let count = rng.random_range(2..=10);
    let joins = |index| {
        (
            rng.random_range(Duration::ZERO..=within),
            wants(index, policy),
        )
    };
    (0..count).map(joins).collect()
}

/// The most hosts that hold the address at any one time, over many crowds on a link that loses nothing.
fn most_at_once(within: Duration, rules: Rules) -> usize {
    let most = |seed| {
        let mut link = Link::new(seed, FAIR, rules, crowd(seed, within, Policy::DefendOnce));
        link.pass(within + seconds(10));
        link.most
    };
    (0..40).map(most).max().unwrap()
}

// RFC 5227 2.1.1: C7
#[test]
fn on_a_link_that_loses_nothing_an_address_never_has_two_holders() {
    for within in [seconds(0), seconds(1), seconds(8), seconds(30)] {
        let most = most_at_once(within, Rules::default());
        assert!(most <= 1, "{most} holders, joined within {within:?}");
        let somebody = within > seconds(5);
        assert!(!somebody || most == 1, "nobody got it");
    }
}

// RFC 5227 2.1, 2.1.1, 2.5: C7, C17
#[test]
fn without_one_of_the_rules_of_probing_two_hold_it_at_once() {
    for (rule, within) in [
        (Rule::Probe, seconds(8)),
        (Rule::HeedProbes, seconds(0)),
        (Rule::HeedUsers, seconds(30)),
        (Rule::Answer, seconds(30)),
    ] {
        let most = most_at_once(within, Rules::without(rule));
        assert!(most > 1, "{rule:?} is not noticed");
    }
}

// RFC 5227 2.1.1: C7
#[test]
fn a_host_alone_with_a_hub_that_echoes_gets_its_address() {
    let held = |rules: Rules| {
        let host = (seconds(0), wants(0, Policy::DefendOnce));
        let mut link = Link::new(1, FAIR, rules, vec![host]);
        link.pass(seconds(30));
        link.holders().len()
    };
    assert_eq!(held(Rules::default()), 1);
    assert_eq!(held(Rules::without(Rule::IgnoreOwn)), 0);
}

/// The most hosts that hold the address in the end, over many crowds on a link that loses most or all in the first
/// seconds, and on which all are at work afterwards.
fn most_in_the_end(loss: u32, policy: Policy, rules: Rules) -> usize {
    let most = |seed| {
        let weather = Weather { loss, ..FAIR };
        let mut link = Link::new(seed, weather, rules, crowd(seed, seconds(5), policy));
        link.pass(seconds(20));
        link.weather.loss = 0;
        link.weather.talk = Some(seconds(5));
        link.pass(seconds(40));
        link.holders().into_values().max().unwrap_or_default()
    };
    (0..25).map(most).max().unwrap()
}

// RFC 5227 2.4: C10
#[test]
fn hosts_that_got_an_address_twice_on_a_bad_link_are_one_or_none_when_it_is_good_again() {
    for policy in [Policy::GiveUp, Policy::DefendOnce] {
        for loss in [50, 90, 100] {
            let most = most_in_the_end(loss, policy, Rules::default());
            assert!(
                most <= 1,
                "{most} holders after {loss} of 100 were lost, {policy:?}"
            );
        }
    }
    for rule in [Rule::GiveUp, Rule::HeedUsers] {
        let most = most_in_the_end(100, Policy::DefendOnce, Rules::without(rule));
        assert!(most > 1, "{rule:?} is not noticed");
    }
}

// RFC 5227 2.4: C10
#[test]
fn the_host_that_must_keep_its_address_has_it_in_the_end() {
    for seed in 0..25 {
        let mut hosts = crowd(seed, seconds(5), Policy::DefendOnce);
        hosts[0].1.policy = Policy::Keep;
        let weather = Weather { loss: 100, ..FAIR };
        let mut link = Link::new(seed, weather, Rules::default(), hosts);
        link.pass(seconds(30));
        assert!(link.most > 1);
        link.weather.loss = 0;
        link.weather.talk = Some(seconds(5));
        link.pass(seconds(60));
        assert_eq!(link.hosts[0].held(), Some(OWN.ip));
        assert_eq!(link.holders().into_values().max(), Some(1));
    }
}

/// Most announcements of one of two hosts that both must keep an address, in five minutes.
fn announcements(rules: Rules) -> usize {
    let weather = Weather { loss: 100, ..FAIR };
    let hosts = (0..2).map(|index| (seconds(0), wants(index, Policy::Keep)));
    let mut link = Link::new(1, weather, rules, hosts.collect());
    link.pass(seconds(20));
    link.weather = Weather {
        talk: Some(seconds(2)),
        ..FAIR
    };
    link.pass(seconds(300));
    let announced = |host: &link::Host| {
        let sent = host.sent.iter().map(|(_, packet)| packet);
        sent.filter(|packet| packet.is_announcement()).count()
    };
    link.hosts.iter().map(announced).max().unwrap()
}

// RFC 5227 2.4: C10
#[test]
fn two_hosts_that_both_must_keep_an_address_do_not_flood_the_link() {
    assert!((25..=32).contains(&announcements(Rules::default())));
    assert!(announcements(Rules::without(Rule::DefendInterval)) > 150);
}

// RFC 3927 2.1, 2.2.1: C21
#[test]
fn ten_hosts_that_want_the_same_link_local_address_all_get_one_of_their_own() {
    let before = Some(Ipv4Addr::new(169, 254, 7, 7));
    for (seed, loss) in [
        (1, 0),
        (2, 0),
        (3, 30),
        (4, 30),
        (5, 80),
        (6, 100),
        (7, 100),
    ] {
        let host = |index| {
            let candidate = Candidate::LinkLocal { before };
            (
                millis(10 * index as u64),
                Claiming::new(mac(index), candidate),
            )
        };
        let weather = Weather { loss, ..FAIR };
        let hosts = (0..10).map(host).collect();
        let mut link = Link::new(seed, weather, Rules::default(), hosts);
        link.pass(seconds(30));
        link.weather.loss = 0;
        link.weather.talk = Some(seconds(5));
        link.pass(seconds(90));
        let holders = link.holders();
        assert_eq!(holders.len(), 10, "{holders:?}");
        for address in holders.into_keys() {
            assert!(address.is_link_local() && (1..=254).contains(&address.octets()[2]));
        }
    }
}
