//! Looking for who is there.

use super::*;
use crate::ndp::scan::{ADDRESSES_MAX, Event, Found};
use crate::ndp::{Echo, Range, Scan, Survey, SurveyError};

const OWN: u8 = 1;

fn survey() -> Survey {
    Survey::new(port(OWN), vec![ip("fe80::1"), ip("2001:db8::1")])
}

fn addresses(ranges: Vec<Range>) -> Survey {
    Survey {
        all_nodes: false,
        ranges,
        ..survey()
    }
}

fn clock(survey: Survey) -> Clock<Scan> {
    Clock::new(|now| Scan::new(chance(1), now, survey).unwrap())
}

/// Runs a scan among hosts that take 2 ms to answer; what is found, and all frames.
fn among(clock: &mut Clock<Scan>, hosts: &mut [Stack]) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for _ in 0..100_000 {
        for (_, frame) in std::mem::take(&mut clock.frames) {
            let answers: Vec<_> = hosts
                .iter_mut()
                .filter_map(|host| host.hear(&frame))
                .collect();
            sent.push(frame);
            let later = clock.now - clock.start + ms(2);
            if !answers.is_empty() {
                clock.until(later);
            }
            for answer in answers {
                clock.hear(&answer);
            }
        }
        if !clock.frames.is_empty() {
            continue;
        }
        let Some(due) = clock.engine.poll_timeout() else {
            return sent;
        };
        clock.until(due.max(clock.now) - clock.start);
    }
    panic!("it never ends");
}

fn found(events: &[Event]) -> Vec<Found> {
    let found = events.iter().filter_map(|event| match event {
        Event::Found(found) => Some(*found),
        _ => None,
    });
    found.collect()
}

fn pairs(events: &[Event]) -> Vec<(Ipv6Addr, MacAddr)> {
    let mut pairs: Vec<_> = found(events)
        .iter()
        .map(|found| (found.address, found.mac))
        .collect();
    pairs.sort();
    pairs
}

// RFC 4861 4.3, RFC 4443 4.1: D15
#[test]
fn all_nodes_are_asked_from_each_address_and_whoever_answers_for_its_hardware_address() {
    let mut clock = clock(survey());
    let mut hosts = [
        Stack::new(7, &["fe80::7", "2001:db8::7"]),
        Stack::new(8, &["fe80::8"]),
        Stack::new(9, &["2001:db8::9"]),
    ];
    hosts[0].router = true;
    let sent = among(&mut clock, &mut hosts);
    let events = clock.found();
    let expected = [
        (ip("2001:db8::7"), mac(7)),
        (ip("2001:db8::9"), mac(9)),
        (ip("fe80::7"), mac(7)),
        (ip("fe80::8"), mac(8)),
    ];
    assert_eq!(pairs(&events), expected);
    let found = found(&events);
    assert!(
        found
            .iter()
            .all(|found| found.rtt >= ms(2) && found.rtt < ms(20))
    );
    assert!(
        found
            .iter()
            .all(|found| found.router == Some(found.mac == mac(7)))
    );
    let done = Event::Done {
        found: 4,
        dropped: 0,
    };
    assert_eq!(events.last(), Some(&done));
    let all = sent.iter().map(|frame| seen(frame));
    let (echoes, asked): (Vec<Seen>, Vec<Seen>) = all.partition(|seen| seen.kind == 128);
    // Three rounds from two addresses; each host is asked once, from the address of its scope.
    assert_eq!((echoes.len(), asked.len()), (6, 4));
    assert!(echoes.iter().all(|seen| seen.destination == ip("ff02::1")));
    for seen in asked {
        let target = seen.target.unwrap();
        assert_eq!(
            target.is_unicast_link_local(),
            seen.source.is_unicast_link_local()
        );
        assert_eq!(seen.options, [(1, mac(OWN).0.to_vec())]);
    }
    assert!(hosts.iter().all(|host| host.flaws.is_empty()));
}

#[test]
fn who_answers_echo_requests_only_is_found_with_the_hardware_address_of_its_frames() {
    let mut clock = clock(survey());
    let mut host = Stack::new(7, &["fe80::7"]);
    host.answers = false;
    let sent = among(&mut clock, std::slice::from_mut(&mut host));
    let events = clock.found();
    let expected = Found {
        address: ip("fe80::7"),
        mac: mac(7),
        rtt: ms(2),
        router: None,
        rival: None,
    };
    assert_eq!(found(&events), [expected]);
    let asked = sent.iter().filter(|frame| seen(frame).kind == 135);
    assert_eq!(asked.count(), 3);
}

#[test]
fn a_host_that_misses_the_first_round_is_found_in_the_next() {
    let mut clock = clock(survey());
    clock.until(ms(500));
    clock.frames.clear();
    among(&mut clock, &mut [Stack::new(7, &["fe80::7"])]);
    assert_eq!(pairs(&clock.found()), [(ip("fe80::7"), mac(7))]);
}

// RFC 4861 7.2.2, 10: D15
#[test]
fn given_addresses_are_asked_for_one_by_one_and_silent_ones_again() {
    let range = Range::prefix(ip("2001:db8::"), 120);
    let mut clock = clock(addresses(vec![range, Range::from(ip("fe80::7"))]));
    let mut hosts = [
        Stack::new(7, &["fe80::7", "2001:db8::7"]),
        Stack::new(8, &["2001:db8::ff"]),
    ];
    hosts[0].echoes = false;
    let sent = among(&mut clock, &mut hosts);
    let events = clock.found();
    let expected = [
        (ip("2001:db8::7"), mac(7)),
        (ip("2001:db8::ff"), mac(8)),
        (ip("fe80::7"), mac(7)),
    ];
    assert_eq!(pairs(&events), expected);
    // Our own address is not asked for, and who answered is not asked again.
    assert_eq!(sent.len(), 257 * 3 - 3 - 3 * 2);
    assert!(sent.iter().all(|frame| seen(frame).kind == 135));
    let progress = events.iter().rev().find_map(|event| match event {
        Event::Progress { asked, total } => Some((*asked, *total)),
        _ => None,
    });
    assert_eq!(progress, Some((257 * 3, 257 * 3)));
}

// RFC 4861 7.2.2: D15
#[test]
fn no_address_is_asked_for_twice_within_a_second() {
    let mut clock = clock(Survey {
        wait: ms(1),
        ..addresses(vec![Range::prefix(ip("2001:db8::"), 125)])
    });
    clock.run();
    let mut last = std::collections::BTreeMap::new();
    for (at, frame) in &clock.frames {
        let target = seen(frame).target;
        if let Some(before) = last.insert(target, *at) {
            assert!(*at - before >= ms(1000));
        }
    }
    assert_eq!(clock.frames.len(), 7 * 3);
    let mut clock = super::scan::clock(Survey {
        wait: ms(1),
        hasty: true,
        ..addresses(vec![Range::prefix(ip("2001:db8::"), 125)])
    });
    clock.run();
    assert!(clock.frames.last().unwrap().0 < ms(100));
}

// RFC 4861 7.2.2: D15
#[test]
fn where_ranges_overlap_an_address_is_asked_for_once_in_a_round() {
    let ranges = vec![
        Range::prefix(ip("2001:db8::"), 125),
        ip("2001:db8::5").into(),
        Range::prefix(ip("2001:db8::"), 125),
    ];
    let mut clock = clock(addresses(ranges));
    clock.run();
    assert_eq!(clock.frames.len(), 7 * 3);
    let total = 17 * 3;
    let asked = total;
    let progress = Event::Progress { asked, total };
    assert!(clock.found().contains(&progress));
}

#[test]
fn frames_are_paced_as_asked_for() {
    for (rate, per_second) in [(100, 100), (5000, 5000), (u32::MAX, 10_000)] {
        let mut clock = clock(Survey {
            rate,
            ..addresses(vec![Range::prefix(ip("2001:db8::"), 112)])
        });
        clock.until(ms(1000));
        let count = clock.frames.len();
        assert!(
            (per_second..per_second + 50).contains(&count),
            "{rate}: {count}"
        );
    }
}

#[test]
fn a_timer_that_fires_late_does_not_lead_to_a_flood() {
    let mut clock = clock(addresses(vec![Range::prefix(ip("2001:db8::"), 112)]));
    clock.until(ms(10));
    clock.frames.clear();
    clock.now += Duration::from_secs(60);
    clock.engine.handle_timeout(clock.now);
    clock.drain();
    assert!(clock.frames.len() <= 6, "{}", clock.frames.len());
}

#[test]
fn two_who_answer_for_one_address_are_both_found() {
    let mut clock = clock(addresses(vec![ip("fe80::7").into()]));
    let mut hosts = [7, 8, 9, 10, 11, 12].map(|number| Stack::new(number, &["fe80::7"]));
    among(&mut clock, &mut hosts);
    let found = found(&clock.found());
    let rivals: Vec<_> = found.iter().map(|found| (found.mac, found.rival)).collect();
    // Of four it is known that they do.
    let first = Some(mac(7));
    assert_eq!(
        rivals,
        [
            (mac(7), None),
            (mac(8), first),
            (mac(9), first),
            (mac(10), first)
        ]
    );
}

#[test]
fn only_replies_to_requests_of_ours_count() {
    let mut clock = clock(survey());
    clock.until(ms(0));
    let request = Frame::read(&clock.frames[0].1)
        .map(|frame| Echo::read(frame.payload))
        .unwrap();
    let reply = request.unwrap().answer(ip("fe80::7"));
    let mut wrong = vec![reply.clone(); 6];
    wrong[0].identifier ^= 1;
    wrong[1].data[3] ^= 1;
    wrong[2].reply = false;
    wrong[3].destination = ip("fe80::2");
    wrong[4].sequence = 99;
    wrong[5].source = ip("fe80::1");
    for source in ["::", "::1", "ff02::7"] {
        let source = ip(source);
        wrong.push(Echo {
            source,
            ..reply.clone()
        });
    }
    for echo in wrong {
        clock.hear(&echo.to_frame(mac(7), mac(OWN), None));
    }
    // From ourselves, from a group.
    for from in [mac(OWN), MacAddr::BROADCAST, MacAddr::ZERO] {
        clock.hear(&reply.to_frame(from, mac(OWN), None));
    }
    // Nobody was asked for his hardware address yet.
    clock.hear(&frame(7, OWN, &solicited(7, ip("fe80::7"), ip("fe80::1"))));
    clock.run();
    let events = clock.found();
    assert_eq!(found(&events), []);
    assert!(
        clock
            .frames
            .iter()
            .all(|(_, frame)| seen(frame).kind == 128)
    );
}

#[test]
fn what_others_invent_is_bounded_and_counted() {
    let mut clock = clock(Survey {
        rounds: 1,
        rate: 10_000,
        ..survey()
    });
    clock.until(ms(0));
    let request = Frame::read(&clock.frames[0].1)
        .map(|frame| Echo::read(frame.payload))
        .unwrap();
    let request = request.unwrap();
    for number in 0..20_000u128 {
        let source = Ipv6Addr::from_bits(ip("fe80::1:0:0").to_bits() + number);
        clock.hear(&request.answer(source).to_frame(mac(7), mac(OWN), None));
    }
    clock.run();
    let done = Event::Done {
        found: 16 << 10,
        dropped: 20_000 - (16 << 10),
    };
    assert_eq!(clock.found().last(), Some(&done));
}

#[test]
fn more_addresses_than_can_be_asked_for_are_refused() {
    let scan = |survey| Scan::new(chance(1), Instant::now(), survey).map(|_| ());
    let survey_of = |length| addresses(vec![Range::prefix(ip("2001:db8::"), length)]);
    assert_eq!(scan(survey_of(108)), Ok(()));
    let counts = [(107, 2 * ADDRESSES_MAX), (64, u64::MAX), (0, u64::MAX)];
    for (length, count) in counts {
        assert_eq!(scan(survey_of(length)), Err(SurveyError::Addresses(count)));
    }
    let twice = vec![Range::prefix(ip("2001:db8::"), 108); 2];
    assert_eq!(
        scan(addresses(twice)),
        Err(SurveyError::Addresses(2 * ADDRESSES_MAX))
    );
    let nobody = Survey {
        sources: Vec::new(),
        ..survey()
    };
    assert_eq!(scan(nobody), Err(SurveyError::NoSource));
}

#[test]
fn ranges_have_their_ends_and_empty_ones_ask_nobody() {
    let range = |first: &str, last: &str| Range {
        first: ip(first),
        last: ip(last),
    };
    assert_eq!(
        Range::prefix(ip("2001:db8::5"), 128),
        range("2001:db8::5", "2001:db8::5")
    );
    assert_eq!(
        Range::prefix(ip("2001:db8::5"), 127),
        range("2001:db8::4", "2001:db8::5")
    );
    assert_eq!(range("fe80::1", "fe80::3").count(), 3);
    assert_eq!(range("fe80::3", "fe80::1").count(), 0);
    let ranges = vec![
        range("fe80::9", "fe80::8"),
        range("feff::fffe", "feff::ffff"),
    ];
    let mut clock = clock(Survey {
        rounds: 0,
        ..addresses(ranges)
    });
    clock.run();
    let targets: Vec<_> = clock
        .frames
        .iter()
        .map(|(_, frame)| seen(frame).target)
        .collect();
    assert_eq!(targets, [Some(ip("feff::fffe")), Some(ip("feff::ffff"))]);
    // The end of all addresses is one too; they are groups.
    let mut clock = super::scan::clock(addresses(vec![Range::prefix(
        Ipv6Addr::from([255; 16]),
        120,
    )]));
    clock.run();
    assert_eq!(clock.frames.len(), 0);
    assert!(matches!(clock.found().last(), Some(Event::Done { .. })));
}
