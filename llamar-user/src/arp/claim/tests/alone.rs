//! A claim that nobody disputes.

use super::*;

/// The times of a claim with a seed that nobody disputes.
fn times(seed: u64, rules: Rules) -> Vec<Duration> {
    let mut bench = with_rules(seed, claiming(Policy::default()), rules);
    bench.pass(seconds(60));
    bench.sent.iter().map(|(at, _)| *at).collect()
}

// RFC 5227 2.1.1, 2.3: C7, C9
#[test]
fn three_probes_are_sent_at_random_times_and_after_two_seconds_of_silence_two_announcements() {
    let mut waits = Vec::new();
    let mut gaps = Vec::new();
    for seed in 0..500 {
        let [first, second, third, held, again] = times(seed, Rules::default())[..] else {
            panic!("five frames");
        };
        assert!(first <= PROBE_WAIT);
        for gap in [second - first, third - second] {
            assert!((PROBE_MIN..=PROBE_MAX).contains(&gap), "{gap:?}");
            gaps.push(gap);
        }
        assert_eq!((held - third, again - held), (seconds(2), seconds(2)));
        assert!((seconds(4)..=seconds(7)).contains(&held));
        waits.push(first);
    }
    // Uniformly: each tenth has its share.
    for (times, from) in [(&waits, seconds(0)), (&gaps, seconds(1))] {
        for tenth in 0..10 {
            let begin = from + millis(100 * tenth);
            let within = times
                .iter()
                .filter(|time| (begin..begin + millis(100)).contains(time));
            let share = within.count() * 100 / times.len();
            assert!((6..=14).contains(&share), "{share} of 100 in {begin:?}");
        }
    }
}

// RFC 5227 2.1.1: C7
#[test]
fn without_chance_hosts_that_start_together_would_probe_together() {
    let together = |rules: Rules| times(1, rules) == times(2, rules);
    assert!(!together(Rules::default()));
    assert!(together(Rules::without(Rule::RandomWait)));
}

// RFC 5227 1.1, 2.1.1, 2.3: C9, C16
#[test]
fn probes_and_announcements_are_broadcast_requests_with_the_fields_of_the_rfc() {
    let mut bench = bench(claiming(Policy::default()));
    bench.pass(seconds(20));
    let probe = *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x0a\0\0\x01";
    let announcement = *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x01";
    let frames: Vec<_> = bench
        .sent
        .iter()
        .map(|(_, frame)| frame.as_slice())
        .collect();
    assert_eq!(frames[..3], [probe; 3]);
    assert_eq!(frames[3..], [announcement; 2]);
    assert_eq!(
        kinds(&bench),
        ["begun", "probed", "probed", "probed", "held", "announced"]
    );
    assert_eq!(
        (bench.engine.state(), bench.engine.address()),
        (State::Held, OWN.ip)
    );
}

// RFC 5227 2.3: C9
#[test]
fn a_single_announcement_would_not_do() {
    let count = |rules: Rules| times(1, rules).len();
    assert_eq!(count(Rules::default()), 5);
    assert_eq!(count(Rules::without(Rule::AnnounceAgain)), 4);
}

// RFC 5227 2.1: C17
#[test]
fn an_address_in_use_is_not_probed_for_again_until_the_link_comes_up_again() {
    let mut bench = held(claiming(Policy::default()));
    bench.pass(seconds(100_000));
    assert!(bench.sent.is_empty() && bench.engine.poll_timeout().is_none());
    bench.act(Claim::restart);
    assert_eq!(bench.engine.state(), State::Probing);
    bench.pass(seconds(20));
    let probes = bench
        .packets()
        .iter()
        .filter(|packet| packet.is_probe())
        .count();
    assert_eq!((probes, bench.engine.state()), (3, State::Held));
}

#[test]
fn what_was_not_sent_before_the_link_went_down_is_not_sent_afterwards() {
    let mut bench = held(claiming(Policy::Keep));
    let (claim, now) = (&mut bench.engine, bench.now);
    let conflict = Packet::announcement(RIVAL).to_frame(RIVAL.mac, MacAddr::BROADCAST, None);
    claim.handle_frame(now, &conflict);
    claim.restart(now);
    assert_eq!(claim.poll_transmit(), None);
}

#[test]
fn a_clock_that_was_not_read_for_an_hour_shortens_nothing() {
    let mut bench = bench(claiming(Policy::default()));
    for _ in 0..10 {
        bench.now += seconds(3600);
        let sent = bench.sent.len();
        bench.act(|claim, now| claim.handle_timeout(now));
        assert!(bench.sent.len() <= sent + 1);
        bench.act(|claim, now| claim.handle_timeout(now));
        assert!(bench.sent.len() <= sent + 1, "two frames at a time");
    }
    assert_eq!(bench.sent.len(), 5);
}

#[test]
fn a_released_address_is_silent_and_can_be_claimed_again() {
    let mut bench = held(claiming(Policy::default()));
    for _ in 0..2 {
        bench.act(|claim, _| claim.release());
    }
    bench.hear_packet(Packet::request(PEER, OWN.ip), MacAddr::BROADCAST);
    bench.hear_packet(Packet::announcement(RIVAL), MacAddr::BROADCAST);
    bench.pass(seconds(100));
    assert!(bench.sent.is_empty());
    assert_eq!(kinds(&bench), ["released"]);
    assert_eq!(bench.engine.state(), State::Released);
    bench.act(|claim, now| claim.retarget(now, PEER.ip));
    bench.pass(seconds(20));
    assert_eq!(
        (bench.engine.state(), bench.engine.address()),
        (State::Held, PEER.ip)
    );
}

// RFC 5227 2.5: C2, C3, C5, C15
#[test]
fn requests_and_probes_are_answered_from_the_first_announcement_on() {
    let mut bench = bench(claiming(Policy::default()));
    let ask = |bench: &mut Bench<Claim>| {
        let sent = bench.sent.len();
        bench.hear_packet(Packet::request(PEER, OWN.ip), MacAddr::BROADCAST);
        bench.sent.len() - sent
    };
    while bench.engine.state() != State::Held {
        assert_eq!(ask(&mut bench), 0);
        bench.pass(millis(100));
    }
    assert_eq!(ask(&mut bench), 1);
    let reply = *b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x02\x02\0\0\0\0\x01\x0a\0\0\x01\x02\0\0\0\0\x02\x0a\0\0\x02";
    assert_eq!(bench.sent.last().unwrap().1, reply);
    bench.hear_packet(Packet::probe(PEER.mac, OWN.ip), MacAddr::BROADCAST);
    let reply = *b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x02\x02\0\0\0\0\x01\x0a\0\0\x01\x02\0\0\0\0\x02\0\0\0\0";
    assert_eq!(bench.sent.last().unwrap().1, reply);
    assert!(conflicts(&bench).is_empty());
}

#[test]
fn what_asks_for_somebody_else_or_comes_from_nobody_is_not_answered() {
    let nobody = |mac| Station { mac, ..PEER };
    for packet in [
        Packet::request(PEER, PEER.ip),
        Packet::request(nobody(MacAddr::ZERO), OWN.ip),
        Packet::request(nobody(MacAddr::BROADCAST), OWN.ip),
        Packet::request(nobody(OWN.mac), OWN.ip),
        Packet {
            operation: REPLY,
            ..Packet::request(PEER, OWN.ip)
        },
        // A conflict gets no ordinary reply: this one's sender has our address.
        Packet::request(RIVAL, OWN.ip),
    ] {
        let mut bench = held(claiming(Policy::Keep));
        bench.hear_packet(packet, MacAddr::BROADCAST);
        let replies = bench.packets();
        let replies = replies.iter().filter(|packet| packet.operation == REPLY);
        assert_eq!(replies.count(), 0, "{packet:?}");
    }
    let mut silent = held(Claiming {
        answer: false,
        ..claiming(Policy::default())
    });
    silent.hear_packet(Packet::request(PEER, OWN.ip), MacAddr::BROADCAST);
    assert!(silent.sent.is_empty());
}

// RFC 3927 2.5: C20
#[test]
fn replies_that_tell_a_link_local_address_are_broadcast() {
    let address = Ipv4Addr::new(169, 254, 7, 7);
    let to = |rules: Rules| {
        let candidate = Candidate::Fixed(address);
        let mut bench = with_rules(1, Claiming::new(OWN.mac, candidate), rules);
        bench.pass(seconds(20));
        bench.hear_packet(Packet::request(PEER, address), MacAddr::BROADCAST);
        let (_, reply) = bench.sent_on(None).pop().unwrap();
        assert_eq!((reply.packet.operation, reply.packet.target), (REPLY, PEER));
        reply.destination
    };
    assert_eq!(to(Rules::default()), MacAddr::BROADCAST);
    assert_eq!(to(Rules::without(Rule::Broadcast)), PEER.mac);
}

#[test]
fn on_a_vlan_everything_is_tagged_and_what_is_not_is_not_heard() {
    let tag = Some(crate::ether::Tag::vlan(7));
    let mut bench = bench(Claiming {
        tag,
        padding: true,
        ..claiming(Policy::default())
    });
    bench.hear_packet(Packet::announcement(RIVAL), MacAddr::BROADCAST);
    bench.pass(seconds(20));
    assert_eq!(bench.sent_on(tag).len(), 5);
    assert!(bench.sent.iter().all(|(_, frame)| frame.len() == 60));
    bench.hear(&Packet::announcement(RIVAL).to_frame(RIVAL.mac, MacAddr::BROADCAST, tag));
    assert_eq!(conflicts(&bench).len(), 1);
}
