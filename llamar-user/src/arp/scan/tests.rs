//! The scan on a bench: a link of hosts that answer.

use std::collections::BTreeSet;

use llamar_common::wire::arp::REPLY;
use proptest::prelude::*;

use super::*;
use crate::arp::tests::bench::{Bench, OWN, millis, seconds};
use crate::ether::Tag;

fn spans(texts: &[&str]) -> Spans {
    Spans::new(texts.iter().map(|text| Span::parse(text, false).unwrap()))
}

fn scanning(texts: &[&str]) -> Scanning {
    Scanning::new(OWN.mac, Some(OWN.ip), spans(texts))
}

fn bench(scanning: Scanning) -> Bench<Scan> {
    Bench::new(|now| Scan::new(now, scanning).unwrap())
}

fn host(last: u8) -> Station {
    Station {
        mac: MacAddr([2, 0, 0, 0, 1, last]),
        ip: Ipv4Addr::new(10, 0, 0, last),
    }
}

fn reply(from: Station) -> Packet {
    Packet {
        operation: REPLY,
        sender: from,
        target: OWN,
    }
}

fn found(bench: &Bench<Scan>) -> Vec<Found> {
    let found = |event: &&Event| match event {
        Event::Found(found) => Some(*found),
        _ => None,
    };
    bench.events().iter().filter_map(found).collect()
}

fn asked(bench: &Bench<Scan>) -> Vec<u8> {
    let last = |packet: &Packet| packet.target.ip.octets()[3];
    bench.packets().iter().map(last).collect()
}

/// Lets time pass in steps of a millisecond; these hosts answer, after so many milliseconds.
fn answering(bench: &mut Bench<Scan>, time: Duration, hosts: &[(Station, u64)]) {
    let mut heard = bench.sent.len();
    let mut due: BTreeSet<(Duration, usize)> = BTreeSet::new();
    for _ in 0..time.as_millis() {
        bench.pass(millis(1));
        let now = bench.now - bench.start;
        for (at, frame) in &bench.sent[heard..] {
            let target = Arrival::read(frame, None).unwrap().packet.target.ip;
            let asked = hosts.iter().position(|(host, _)| host.ip == target);
            due.extend(asked.map(|host| (*at + millis(hosts[host].1), host)));
        }
        heard = bench.sent.len();
        while let Some((_, host)) = due.first().copied().filter(|(at, _)| *at <= now) {
            due.pop_first();
            bench.hear_packet(reply(hosts[host].0), OWN.mac);
        }
    }
}

#[test]
fn every_address_but_ours_and_the_edges_is_asked_and_the_silent_are_asked_again() {
    let mut bench = bench(scanning(&["10.0.0.0/29"]));
    answering(&mut bench, seconds(5), &[(host(3), 4), (host(5), 9)]);
    assert_eq!(asked(&bench), [2, 3, 4, 5, 6, 2, 4, 6]);
    let expected = Packet::request(OWN, host(2).ip).to_frame(OWN.mac, MacAddr::BROADCAST, None);
    assert_eq!(bench.sent[0].1, expected);
    let hosts: Vec<_> = found(&bench)
        .iter()
        .map(|found| (found.station, found.rtt))
        .collect();
    assert_eq!(
        hosts,
        [(host(3), Some(millis(4))), (host(5), Some(millis(9)))]
    );
    let done = Progress {
        pass: 2,
        asked: 8,
        total: 8,
        found: 2,
        ..Progress::default()
    };
    assert_eq!(bench.events().last(), Some(&&Event::Done(done)));
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn with_everybody_there_one_pass_is_enough() {
    let mut bench = bench(scanning(&["10.0.0.2-3"]));
    answering(&mut bench, seconds(5), &[(host(2), 1), (host(3), 1)]);
    assert_eq!(asked(&bench), [2, 3]);
    let (at, _) = bench.told.last().unwrap();
    assert!(*at < millis(1100), "{at:?}");
}

#[test]
fn nobody_is_asked_twice_within_a_second() {
    // RFC 1122 2.3.2.1: against floods of ARP, no more than one request to a host in a second.
    let mut bench = bench(Scanning {
        passes: 4,
        ..scanning(&["10.0.0.0/24"])
    });
    answering(&mut bench, seconds(12), &[(host(9), 3)]);
    assert_eq!(bench.sent.len(), 253 + 3 * 252);
    let sent: Vec<_> = bench.sent_on(None);
    for (at, frame) in &sent {
        let again = |(later, other): &&(Duration, Arrival)| {
            *later > *at && other.packet.target == frame.packet.target
        };
        if let Some((later, _)) = sent.iter().find(again) {
            assert!(*later - *at >= seconds(1));
        }
    }
}

#[test]
fn frames_are_paced_and_progress_is_told_ten_times_a_second() {
    let mut bench = bench(Scanning {
        pace: 1000,
        passes: 1,
        ..scanning(&["10.1.0.0/16"])
    });
    bench.pass(seconds(2));
    assert!(
        (1990..=2006).contains(&bench.sent.len()),
        "{}",
        bench.sent.len()
    );
    let told: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Progress(progress) => Some(*progress),
            _ => None,
        })
        .collect();
    assert!((19..=21).contains(&told.len()), "{}", told.len());
    assert!(told.windows(2).all(|pair| pair[0].asked < pair[1].asked));
    assert!(told.iter().all(|progress| progress.total == 65_534));
}

#[test]
fn late_answers_count_and_are_called_late() {
    let mut bench = bench(Scanning {
        wait: millis(100),
        passes: 1,
        ..scanning(&["10.0.0.2-60"])
    });
    let hosts = [(host(2), 101), (host(3), 150), (host(60), 99)];
    answering(&mut bench, seconds(1), &hosts);
    let told: Vec<_> = found(&bench)
        .iter()
        .map(|found| (found.station.ip.octets()[3], found.late))
        .collect();
    assert_eq!(told, [(2, true), (3, true), (60, false)]);
    let progress = bench.engine.progress();
    assert_eq!((progress.found, progress.late), (3, 2));
}

#[test]
fn an_answer_to_the_second_request_is_timed_by_it_and_one_before_it_is_late() {
    let mut bench = bench(scanning(&["10.0.0.2-60"]));
    while bench.sent.len() < 62 {
        bench.pass(millis(1));
    }
    assert_eq!(bench.engine.progress().pass, 2);
    bench.pass(millis(1));
    bench.hear_packet(reply(host(4)), OWN.mac);
    bench.hear_packet(reply(host(40)), OWN.mac);
    let told: Vec<_> = found(&bench)
        .iter()
        .map(|found| (found.rtt, found.late))
        .collect();
    assert_eq!(told, [(Some(millis(1)), false), (None, true)]);
}

#[test]
fn whoever_speaks_before_being_asked_is_found_and_not_asked() {
    let mut bench = bench(scanning(&["10.0.0.2-9"]));
    let total = bench.engine.progress().total;
    bench.hear_packet(Packet::announcement(host(7)), MacAddr::BROADCAST);
    assert_eq!(bench.engine.progress().total, total - 2);
    bench.hear_packet(Packet::probe(host(8).mac, host(8).ip), MacAddr::BROADCAST);
    bench.hear_packet(reply(host(77)), OWN.mac);
    bench.pass(seconds(5));
    assert!(!asked(&bench).contains(&7) && asked(&bench).contains(&8));
    let [found] = found(&bench)[..] else {
        panic!("one is found");
    };
    assert_eq!(
        (found.station, found.rtt, found.late),
        (host(7), None, false)
    );
}

#[test]
fn two_hosts_with_one_address_are_told_and_a_second_one_with_ours() {
    let mut bench = bench(scanning(&["10.0.0.1-3"]));
    answering(&mut bench, millis(100), &[(host(2), 1)]);
    let mac = MacAddr([2, 0, 0, 0, 9, 9]);
    let second = Station { mac, ..host(2) };
    bench.hear_packet(reply(host(2)), OWN.mac);
    bench.hear_packet(reply(second), OWN.mac);
    bench.hear_packet(reply(Station { mac, ..OWN }), OWN.mac);
    let told: Vec<_> = found(&bench)
        .iter()
        .map(|found| (found.station.ip, found.duplicate_of))
        .collect();
    let expected = [
        (host(2).ip, None),
        (host(2).ip, Some(host(2).mac)),
        (OWN.ip, Some(OWN.mac)),
    ];
    assert_eq!(told, expected);
    assert_eq!(bench.engine.progress().duplicates, 2);
}

// RFC 5227 2.1.1: C7
#[test]
fn own_frames_that_a_hub_sends_back_find_nobody() {
    let count = |rules: Rules| {
        let mut bench = bench(scanning(&["10.0.0.2-9"]));
        bench.engine.rules = rules;
        bench.hear_packet(
            reply(Station {
                ip: host(5).ip,
                ..OWN
            }),
            OWN.mac,
        );
        found(&bench).len()
    };
    assert_eq!(count(Rules::default()), 0);
    assert_eq!(count(Rules::without(Rule::IgnoreOwn)), 1);
}

#[test]
fn a_vlan_is_scanned_with_its_tag_and_probes_tell_nothing() {
    let tag = Some(Tag::vlan(7));
    let mut bench = bench(Scanning {
        tag,
        sender_ip: None,
        padding: true,
        ..scanning(&["10.0.0.1-2"])
    });
    bench.pass(seconds(1));
    assert!(bench.sent.iter().all(|(_, frame)| frame.len() == 60));
    let sent = bench.sent_on(tag);
    assert_eq!(sent[0].1.packet, Packet::probe(OWN.mac, OWN.ip));
    bench.hear_packet(reply(host(2)), OWN.mac);
    assert!(found(&bench).is_empty());
    bench.hear(&reply(host(2)).to_frame(host(2).mac, OWN.mac, tag));
    assert_eq!(found(&bench).len(), 1);
}

#[test]
fn a_slash_8_is_scanned_and_more_is_refused() {
    let now = Instant::now();
    let scan = Scan::new(now, scanning(&["10.0.0.0/8"])).unwrap();
    assert_eq!(scan.progress().total, 2 * ((1 << 24) - 3));
    let error = Scan::new(now, scanning(&["0.0.0.0/7"])).unwrap_err();
    assert_eq!(error, TooMany((1 << 25) - 2));
    let mut nobody = bench(scanning(&["10.0.0.1"]));
    nobody.pass(seconds(5));
    assert_eq!(
        nobody.events().last(),
        Some(&&Event::Done(Progress {
            pass: 1,
            ..Progress::default()
        }))
    );
}

proptest! {
    #[test]
    fn all_who_answer_are_found_once_and_the_count_comes_out(
        hosts in prop::collection::btree_set(2u8..60, 0..30),
        heard in prop::collection::vec((0u64..200, 0u8..80, 0u8..3), 0..40),
        passes in 1u32..4,
    ) {
        let mut bench = bench(Scanning { passes, ..scanning(&["10.0.0.0/26"]) });
        for (pause, last, kind) in heard {
            bench.pass(millis(pause));
            let mac = MacAddr([2, 0, 0, 0, 0, kind]);
            bench.hear_packet(Packet::announcement(Station { mac, ..host(last) }), MacAddr::BROADCAST);
            let progress = bench.engine.progress();
            prop_assert!(progress.asked <= progress.total);
        }
        let answering: Vec<_> = hosts.iter().map(|last| (host(*last), 3)).collect();
        self::answering(&mut bench, seconds(3), &answering);
        bench.pass(seconds(10));
        let new = found(&bench).into_iter().filter(|found| found.duplicate_of.is_none());
        let new: Vec<_> = new.map(|found| found.station.ip).collect();
        let once: BTreeSet<_> = new.iter().copied().collect();
        prop_assert_eq!(new.len(), once.len());
        let progress = bench.engine.progress();
        prop_assert_eq!(progress.found as usize, new.len());
        prop_assert_eq!(progress.asked, progress.total);
        prop_assert_eq!(progress.asked as usize, bench.sent.len());
    }
}
