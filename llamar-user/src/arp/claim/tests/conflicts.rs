//! A claim that another host disputes.

use super::*;

/// Whether a packet that comes in the middle of probing ends it.
fn ends_probing(packet: Packet, rules: Rules) -> bool {
    let mut bench = with_rules(1, claiming(Policy::Keep), rules);
    bench.pass(seconds(2));
    bench.hear_packet(packet, MacAddr::BROADCAST);
    bench.engine.state() == State::Lost
}

fn reply(from: Station) -> Packet {
    Packet {
        operation: REPLY,
        ..Packet::request(from, PEER.ip)
    }
}

// RFC 5227 2.1.1: C7, C22
#[test]
fn whoever_uses_or_probes_for_the_candidate_ends_the_probing() {
    let users = [
        Packet::announcement(RIVAL),
        Packet::gratuitous_reply(RIVAL),
        Packet::request(RIVAL, PEER.ip),
        reply(RIVAL),
    ];
    for packet in users {
        assert!(ends_probing(packet, Rules::default()), "{packet:?}");
        assert!(!ends_probing(packet, Rules::without(Rule::HeedUsers)));
    }
    let probe = Packet::probe(RIVAL.mac, OWN.ip);
    assert!(ends_probing(probe, Rules::default()));
    assert!(!ends_probing(probe, Rules::without(Rule::HeedProbes)));
    for packet in [
        Packet::announcement(PEER),
        Packet::probe(PEER.mac, PEER.ip),
        Packet::request(PEER, OWN.ip),
    ] {
        assert!(!ends_probing(packet, Rules::default()), "{packet:?}");
    }
}

// RFC 5227 2.1.1: C7
#[test]
fn a_conflict_counts_from_the_first_wait_to_the_end_of_the_last() {
    for pause in (0..40).map(|tenth| millis(100 * tenth)) {
        let mut bench = bench(claiming(Policy::Keep));
        bench.pass(pause);
        assert_eq!(bench.engine.state(), State::Probing);
        bench.hear_packet(reply(RIVAL), OWN.mac);
        assert_eq!(bench.engine.state(), State::Lost, "{pause:?}");
        let sent = bench.sent.len();
        bench.pass(seconds(100));
        assert_eq!(bench.sent.len(), sent);
        let [.., conflict, lost] = bench.events()[..] else {
            panic!("two events");
        };
        let Event::Conflict(conflict) = conflict else {
            panic!("{conflict:?}");
        };
        assert_eq!(
            (conflict.by, conflict.was_held, conflict.then),
            (RIVAL, false, Then::GiveUp)
        );
        let expected = Event::Lost {
            address: OWN.ip,
            was_held: false,
            by: RIVAL,
        };
        assert_eq!(*lost, expected);
    }
}

// RFC 5227 2.1.1: C7
#[test]
fn what_comes_from_an_interface_of_ours_is_no_conflict() {
    let other = MacAddr([2, 0, 0, 0, 0, 7]);
    let lost = |mac, rules: Rules| {
        let ours = Claiming {
            others: vec![other],
            ..claiming(Policy::GiveUp)
        };
        let mut bench = with_rules(1, ours, rules);
        bench.pass(seconds(1));
        bench.hear_packet(Packet::probe(mac, OWN.ip), MacAddr::BROADCAST);
        bench.hear_packet(
            Packet::announcement(Station { mac, ..OWN }),
            MacAddr::BROADCAST,
        );
        bench.pass(seconds(10));
        bench.hear_packet(
            Packet::announcement(Station { mac, ..OWN }),
            MacAddr::BROADCAST,
        );
        bench.engine.state() == State::Lost
    };
    for mac in [OWN.mac, other] {
        assert!(!lost(mac, Rules::default()));
        assert!(lost(mac, Rules::without(Rule::IgnoreOwn)));
    }
}

// RFC 3927 2.2.1, 2.5: C7
#[test]
fn over_a_link_local_address_another_interface_of_ours_is_a_conflict_too() {
    let (ip, mac) = (Ipv4Addr::new(169, 254, 7, 7), MacAddr([2, 0, 0, 0, 0, 7]));
    let ours = || Claiming {
        others: vec![mac],
        candidate: Candidate::Fixed(ip),
        ..claiming(Policy::GiveUp)
    };
    let mut probing = bench(ours());
    probing.hear_packet(Packet::probe(OWN.mac, ip), MacAddr::BROADCAST);
    assert_eq!(probing.engine.state(), State::Probing);
    probing.hear_packet(Packet::probe(mac, ip), MacAddr::BROADCAST);
    assert_eq!(probing.engine.state(), State::Lost);
    let mut holding = held(ours());
    holding.hear_packet(
        Packet::announcement(Station { mac, ip }),
        MacAddr::BROADCAST,
    );
    assert_eq!(holding.engine.state(), State::Lost);
}

/// What is announced after conflicts at these seconds, and whether the address is ours in the end.
fn disputed(policy: Policy, at: &[u64], rules: Rules) -> (Vec<u64>, State) {
    let mut bench = with_rules(1, claiming(policy), rules);
    bench.pass(seconds(20));
    bench.sent.clear();
    let held = bench.now;
    for second in at {
        let until = held + seconds(*second);
        bench.pass(until - bench.now);
        bench.hear_packet(Packet::request(RIVAL, PEER.ip), MacAddr::BROADCAST);
    }
    bench.pass(seconds(100));
    assert!(
        bench
            .packets()
            .iter()
            .all(|packet| *packet == Packet::announcement(OWN))
    );
    let times = bench.times().iter().map(|time| time / 1000 - 20).collect();
    (times, bench.engine.state())
}

// RFC 5227 2.4: C10
#[test]
fn an_address_in_use_is_given_up_or_defended_as_the_policy_says() {
    let all = Rules::default();
    assert_eq!(disputed(Policy::GiveUp, &[0], all), (vec![], State::Lost));
    assert_eq!(
        disputed(Policy::DefendOnce, &[0, 10, 25], all),
        (vec![0, 10, 25], State::Held)
    );
    assert_eq!(
        disputed(Policy::DefendOnce, &[0, 9], all),
        (vec![0], State::Lost)
    );
    let kept = disputed(Policy::Keep, &[0, 1, 2, 9, 10, 11, 30], all);
    assert_eq!(kept, (vec![0, 10, 30], State::Held));
}

// RFC 5227 2.4: C10
#[test]
fn each_rule_of_defence_is_needed() {
    let at = [0, 1, 2];
    let off = |policy, rule| disputed(policy, &at, Rules::without(rule));
    assert_eq!(off(Policy::Keep, Rule::Defend), (vec![], State::Held));
    assert_eq!(
        off(Policy::Keep, Rule::DefendInterval),
        (vec![0, 1, 2], State::Held)
    );
    assert_eq!(off(Policy::DefendOnce, Rule::GiveUp).1, State::Held);
    let not_heeded = off(Policy::GiveUp, Rule::HeedUsers);
    assert_eq!(not_heeded, (vec![], State::Held));
}

// RFC 5227 2.4: C10, C19
#[test]
fn a_flood_of_conflicts_is_reported_once_in_ten_seconds_with_its_number_and_source() {
    let mut bench = held(claiming(Policy::Keep));
    for _ in 0..300 {
        bench.hear_packet(reply(RIVAL), OWN.mac);
        bench.pass(millis(100));
    }
    let told = conflicts(&bench);
    let unreported: Vec<_> = told.iter().map(|conflict| conflict.unreported).collect();
    assert_eq!(unreported, [0, 99, 99]);
    for conflict in told {
        assert_eq!((conflict.by, conflict.then), (RIVAL, Then::Announce));
        assert_eq!(conflict.arrival.source, RIVAL.mac);
    }
    assert_eq!(bench.sent.len(), 3);
}

// RFC 5227 2.1: C17
#[test]
fn who_took_the_address_while_the_link_was_down_is_found_when_it_is_up() {
    let mut bench = held(claiming(Policy::Keep));
    bench.act(Claim::restart);
    bench.pass(seconds(2));
    bench.hear_packet(reply(RIVAL), OWN.mac);
    assert_eq!(bench.engine.state(), State::Lost);
    bench.act(Claim::restart);
    bench.pass(seconds(20));
    assert_eq!(bench.engine.state(), State::Held);
}

// RFC 3927 2.5: C18
#[test]
fn a_link_local_address_is_never_kept_against_others() {
    let address = Ipv4Addr::new(169, 254, 7, 7);
    for candidate in [
        Candidate::Fixed(address),
        Candidate::LinkLocal {
            before: Some(address),
        },
    ] {
        let mut bench = held(Claiming {
            candidate,
            ..claiming(Policy::Keep)
        });
        assert_eq!(bench.engine.policy(), Policy::DefendOnce);
        let rival = Station {
            ip: address,
            ..RIVAL
        };
        bench.hear_packet(Packet::announcement(rival), MacAddr::BROADCAST);
        assert_eq!(bench.engine.state(), State::Held);
        bench.hear_packet(Packet::announcement(rival), MacAddr::BROADCAST);
        assert_ne!(bench.engine.state(), State::Held);
        bench.pass(seconds(20));
        let finds_another = candidate != Candidate::Fixed(address);
        let is_held = bench.engine.state() == State::Held;
        assert_eq!(is_held, finds_another);
        assert_eq!(bench.engine.address() != address, finds_another);
    }
    let mut bench = bench(claiming(Policy::Keep));
    bench.act(|claim, now| claim.retarget(now, address));
    assert_eq!(bench.engine.policy(), Policy::DefendOnce);
}

/// When attempts begin where somebody answers each of them at once.
fn attempts(candidate: Candidate, rules: Rules) -> Vec<Duration> {
    let mut bench = with_rules(
        1,
        Claiming {
            candidate,
            ..claiming(Policy::default())
        },
        rules,
    );
    let (mut heard, mut first_probes) = (0, Vec::new());
    while bench.now < bench.start + seconds(1200) {
        if bench.engine.state() == State::Lost {
            bench.act(Claim::restart);
        }
        bench.pass(millis(50));
        if bench.sent.len() > heard {
            heard = bench.sent.len();
            first_probes.push(bench.now - bench.start);
            let ip = bench.engine.address();
            bench.hear_packet(reply(Station { ip, ..RIVAL }), OWN.mac);
        }
    }
    first_probes
}

// RFC 5227 2.1.1: C8
#[test]
fn after_ten_conflicts_there_is_one_attempt_a_minute() {
    for candidate in [
        Candidate::Fixed(OWN.ip),
        Candidate::LinkLocal { before: None },
    ] {
        let limited = attempts(candidate, Rules::default());
        assert!(limited[9] < seconds(15), "{limited:?}");
        assert!((25..=30).contains(&limited.len()), "{}", limited.len());
        // The first probe comes up to PROBE_WAIT after an attempt begins.
        let slow = limited[10..].windows(2);
        assert!(slow.clone().all(|pair| pair[1] - pair[0] >= seconds(59)));
        let average = (limited[limited.len() - 1] - limited[10]) / slow.count() as u32;
        assert!(average > millis(59_900), "{average:?}");
        let unlimited = attempts(candidate, Rules::without(Rule::RateLimit));
        assert!(unlimited.len() > 500);
    }
}

// RFC 5227 2.1.1: C8
#[test]
fn conflicts_over_an_address_in_use_count_as_well() {
    let mut bench = held(claiming(Policy::Keep));
    for _ in 0..10 {
        bench.hear_packet(reply(RIVAL), OWN.mac);
    }
    bench.pass(seconds(30));
    bench.act(|claim, now| claim.retarget(now, PEER.ip));
    let State::Paused(until) = bench.engine.state() else {
        panic!("{:?}", bench.engine.state());
    };
    assert_eq!(until, bench.start + seconds(60));
    let begun = Event::Begun {
        address: PEER.ip,
        paused_until: Some(until),
    };
    assert_eq!(bench.events().last(), Some(&&begun));
    bench.pass(seconds(9));
    assert_eq!(bench.engine.state(), State::Paused(until));
    bench.pass(seconds(3));
    assert_eq!(
        (bench.engine.state(), bench.engine.address()),
        (State::Probing, PEER.ip)
    );
}
