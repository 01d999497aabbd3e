//! The asker on a bench.

use std::net::Ipv4Addr;

use llamar_common::wire::arp::{REPLY, REQUEST};
use proptest::prelude::*;

use super::*;
use crate::arp::tests::bench::{Bench, OWN, PEER, millis, seconds};
use crate::arp::{Packet, Station};
use crate::ether::{MacAddr, Tag};

const OTHER: Station = Station {
    mac: MacAddr([2, 0, 0, 0, 0, 3]),
    ip: Ipv4Addr::new(10, 0, 0, 3),
};

fn request(targets: &[Ipv4Addr], count: u32) -> Ask {
    Ask {
        count: Some(count),
        ..Ask::new(OWN.mac, Some(OWN.ip), targets.to_vec())
    }
}

fn probe(targets: &[Ipv4Addr], count: u32) -> Ask {
    Ask {
        sender_ip: None,
        ..request(targets, count)
    }
}

fn bench(ask: Ask) -> Bench<Asker> {
    Bench::new(|now| Asker::new(now, ask))
}

/// A reply to whoever asks with our address, or probes.
fn reply(from: Station, to: Ipv4Addr) -> Packet {
    Packet {
        operation: REPLY,
        sender: from,
        target: Station { ip: to, ..OWN },
    }
}

fn answers(bench: &Bench<Asker>) -> Vec<Answer> {
    let answer = |event: &&Event| match event {
        Event::Answer(answer) => Some(*answer),
        _ => None,
    };
    bench.events().iter().filter_map(answer).collect()
}

fn asked(bench: &Bench<Asker>) -> Vec<Ipv4Addr> {
    bench
        .packets()
        .iter()
        .map(|packet| packet.target.ip)
        .collect()
}

#[test]
fn a_target_is_asked_as_often_as_wanted_and_waited_for_after_the_last_time() {
    let mut bench = bench(Ask {
        wait: millis(300),
        ..request(&[PEER.ip], 3)
    });
    bench.pass(seconds(10));
    assert_eq!(bench.times(), [0, 1000, 2000]);
    assert_eq!(bench.packets(), [Packet::request(OWN, PEER.ip); 3]);
    let (at, last) = bench.told.last().unwrap();
    assert_eq!((*at, last), (millis(2300), &Event::Done));
    assert!(bench.engine.is_done() && bench.engine.poll_timeout().is_none());
    let numbers: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Asked(asked) => Some(asked.number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

// RFC 5227 1.1, 2.1.1: C16
#[test]
fn a_probe_is_a_broadcast_request_that_tells_no_address() {
    let bench = bench(probe(&[PEER.ip], 1));
    let expected = *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x0a\0\0\x02";
    assert_eq!(bench.sent[0].1, expected);
}

#[test]
fn every_field_can_be_another_one() {
    let [source, destination, sender_mac, target_mac] =
        [0x11, 0x12, 0x13, 0x14].map(|last| MacAddr([2, 0, 0, 0, 0, last]));
    let ask = Ask {
        source: Some(source),
        destination: Some(destination),
        sender_mac: Some(sender_mac),
        target_mac: Some(target_mac),
        tag: Some(Tag::vlan(7)),
        operation: REPLY,
        padding: true,
        ..request(&[PEER.ip], 1)
    };
    let sender_too = Ask {
        sender_mac: None,
        ..ask.clone()
    };
    let frame = &bench(ask).sent[0].1;
    let expected = *b"\x02\0\0\0\0\x12\x02\0\0\0\0\x11\x81\0\0\x07\x08\x06\
        \0\x01\x08\0\x06\x04\0\x02\x02\0\0\0\0\x13\x0a\0\0\x01\x02\0\0\0\0\x14\x0a\0\0\x02\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!((frame.len(), frame.as_slice()), (60, &expected[..]));
    let sent = bench(sender_too).sent_on(Some(Tag::vlan(7)));
    assert_eq!(sent[0].1.packet.sender.mac, source);
}

#[test]
fn a_reply_is_told_with_the_time_since_the_last_request() {
    let mut bench = bench(request(&[PEER.ip], 2));
    bench.pass(millis(7));
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    bench.pass(millis(1000));
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    let told = answers(&bench);
    let rtts: Vec<_> = told.iter().map(|answer| answer.rtt).collect();
    assert_eq!(rtts, [Some(millis(7)); 3]);
    let repeated: Vec<_> = told.iter().map(|answer| answer.repeated).collect();
    assert_eq!(repeated, [false, true, false]);
    assert!(
        told.iter()
            .all(|answer| answer.how == How::Reply && answer.duplicate_of.is_none())
    );
    assert_eq!((told[0].target, told[0].mac), (PEER.ip, PEER.mac));
    bench.pass(seconds(1));
    assert_eq!(bench.sent.len(), 2);
    assert!(bench.engine.is_done());
}

#[test]
fn whoever_speaks_unasked_has_the_address_too_but_no_round_trip_time() {
    for (packet, how) in [
        (Packet::announcement(PEER), How::Announcement),
        (Packet::gratuitous_reply(PEER), How::Announcement),
        (Packet::request(PEER, OTHER.ip), How::Request),
        (Packet::request(PEER, OWN.ip), How::Request),
        (
            Packet {
                target: OTHER,
                ..reply(PEER, OWN.ip)
            },
            How::Overheard,
        ),
        (
            Packet {
                operation: 9,
                ..reply(PEER, OWN.ip)
            },
            How::Other,
        ),
    ] {
        let mut bench = bench(request(&[PEER.ip], 1));
        bench.hear_packet(packet, MacAddr::BROADCAST);
        let [answer] = answers(&bench)[..] else {
            panic!("{packet:?}");
        };
        assert_eq!((answer.how, answer.rtt), (how, None), "{packet:?}");
        let mut strict = self::bench(Ask {
            solicited_only: true,
            at_once: true,
            verbose: true,
            ..request(&[PEER.ip], 1)
        });
        strict.hear_packet(packet, MacAddr::BROADCAST);
        assert!(answers(&strict).is_empty() && !strict.engine.is_done());
        assert!(matches!(strict.events().last(), Some(Event::Heard(_))));
        strict.hear_packet(reply(PEER, OWN.ip), OWN.mac);
        assert!(answers(&strict).len() == 1 && strict.engine.is_done());
    }
}

#[test]
fn a_reply_that_names_nobody_is_ours_if_it_was_sent_to_us() {
    let mut bench = bench(request(&[PEER.ip], 1));
    let mut packet = reply(PEER, OWN.ip);
    packet.target.mac = MacAddr::ZERO;
    bench.hear_packet(packet, MacAddr::BROADCAST);
    bench.hear_packet(packet, OWN.mac);
    let hows: Vec<_> = answers(&bench).iter().map(|answer| answer.how).collect();
    assert_eq!(hows, [How::Overheard, How::Reply]);
}

#[test]
fn a_second_host_with_the_address_is_told_with_the_first() {
    let mut bench = bench(request(&[PEER.ip], 1));
    let mac = OTHER.mac;
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    bench.hear_packet(reply(Station { mac, ..PEER }, OWN.ip), OWN.mac);
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    let told: Vec<_> = answers(&bench)
        .iter()
        .map(|answer| (answer.mac, answer.duplicate_of))
        .collect();
    let expected = [
        (PEER.mac, None),
        (mac, Some(PEER.mac)),
        (PEER.mac, Some(mac)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_source_of_the_frame_is_told_beside_the_sender_of_the_packet() {
    let mut bench = bench(request(&[PEER.ip], 1));
    bench.hear(&reply(PEER, OWN.ip).to_frame(OTHER.mac, OWN.mac, None));
    let arrival = answers(&bench)[0].arrival;
    assert_eq!(
        (arrival.source, arrival.packet.sender.mac),
        (OTHER.mac, PEER.mac)
    );
    assert!(arrival.is_mismatched());
}

#[test]
fn with_at_once_only_the_silent_are_asked_again_and_the_last_answer_ends_it() {
    let mut bench = bench(Ask {
        at_once: true,
        ..request(&[PEER.ip, OTHER.ip, PEER.ip], 3)
    });
    bench.pass(millis(500));
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    bench.pass(millis(700));
    assert_eq!(asked(&bench), [PEER.ip, OTHER.ip, OTHER.ip]);
    assert!(!bench.engine.is_done());
    bench.hear_packet(reply(OTHER, OWN.ip), OWN.mac);
    assert_eq!(bench.events().last(), Some(&&Event::Done));
    let told = bench.told.len();
    bench.hear_packet(reply(OTHER, OWN.ip), OWN.mac);
    bench.pass(seconds(10));
    assert_eq!(bench.told.len(), told);
}

#[test]
fn without_at_once_all_are_asked_to_the_end() {
    let mut bench = bench(request(&[PEER.ip, OTHER.ip], 2));
    bench.hear_packet(reply(PEER, OWN.ip), OWN.mac);
    bench.pass(seconds(5));
    assert_eq!(asked(&bench), [PEER.ip, OTHER.ip, PEER.ip, OTHER.ip]);
}

// RFC 3927 2.5: C20
#[test]
fn a_target_that_answered_is_asked_alone_but_probes_and_link_local_senders_stay_broadcast() {
    let link_local = Some(Ipv4Addr::new(169, 254, 3, 4));
    for (sender_ip, unicast, second) in [
        (Some(OWN.ip), true, PEER.mac),
        (Some(OWN.ip), false, MacAddr::BROADCAST),
        (None, true, MacAddr::BROADCAST),
        (link_local, true, MacAddr::BROADCAST),
    ] {
        let mut bench = bench(Ask {
            sender_ip,
            unicast,
            ..request(&[PEER.ip], 3)
        });
        let us = sender_ip.unwrap_or(Ipv4Addr::UNSPECIFIED);
        bench.hear_packet(reply(PEER, us), OWN.mac);
        bench.pass(millis(2500));
        let sent = bench.sent_on(None);
        let to: Vec<_> = sent.iter().map(|(_, frame)| frame.destination).collect();
        assert_eq!(to, [MacAddr::BROADCAST, second, second]);
    }
}

#[test]
fn nobody_is_asked_at_an_address_of_a_group() {
    let mut bench = bench(Ask {
        unicast: true,
        ..request(&[PEER.ip], 2)
    });
    let mac = MacAddr([1, 0, 0, 0, 0, 1]);
    bench.hear_packet(reply(Station { mac, ..PEER }, OWN.ip), OWN.mac);
    bench.pass(seconds(2));
    assert_eq!(bench.sent_on(None)[1].1.destination, MacAddr::BROADCAST);
}

// RFC 5227 2.1.1: C7
#[test]
fn who_probes_for_the_address_that_we_probe_for_is_a_conflict() {
    let theirs = Packet::probe(OTHER.mac, PEER.ip);
    let hear = |ask: Ask, rules: Rules| {
        let mut bench = Bench::new(|now| Asker::with(now, ask, rules));
        bench.hear_packet(theirs, MacAddr::BROADCAST);
        answers(&bench)
    };
    let told = hear(probe(&[PEER.ip], 1), Rules::default());
    assert_eq!(
        (told.len(), told[0].mac, told[0].how),
        (1, OTHER.mac, How::Probe)
    );
    assert_eq!(told[0].target, PEER.ip);
    // Whoever asks with an address of his own does not want the target's.
    assert_eq!(hear(request(&[PEER.ip], 1), Rules::default()), []);
    assert_eq!(
        hear(probe(&[PEER.ip], 1), Rules::without(Rule::HeedProbes)),
        []
    );
}

// RFC 5227 2.1.1: C7
#[test]
fn own_frames_that_a_hub_sends_back_are_no_answers() {
    let echoes = |rules: Rules, operation| {
        let ask = Ask {
            operation,
            ..Ask::new(OWN.mac, Some(PEER.ip), vec![PEER.ip])
        };
        let mut bench = Bench::new(|now| Asker::with(now, ask, rules));
        let echo = bench.sent[0].1.clone();
        bench.hear(&echo);
        // Another program here that tells of somebody else.
        bench.hear(&reply(PEER, OWN.ip).to_frame(OWN.mac, MacAddr::BROADCAST, None));
        let mut probing = Bench::new(|now| Asker::with(now, probe(&[PEER.ip], 1), rules));
        let echo = probing.sent[0].1.clone();
        probing.hear(&echo);
        answers(&bench).len() + answers(&probing).len()
    };
    for operation in [REQUEST, REPLY] {
        assert_eq!(echoes(Rules::default(), operation), 0);
        assert_eq!(echoes(Rules::without(Rule::IgnoreOwn), operation), 3);
    }
}

#[test]
fn frames_of_other_vlans_and_other_packets_are_not_for_us() {
    let tag = Some(Tag::vlan(7));
    let packet = reply(PEER, OWN.ip);
    for (ours, theirs, heard) in [
        (None, None, true),
        (None, Some(Tag::vlan(0)), true),
        (None, tag, false),
        (tag, tag, true),
        (tag, None, false),
        (tag, Some(Tag::vlan(8)), false),
    ] {
        let mut bench = bench(Ask {
            tag: ours,
            verbose: true,
            ..request(&[PEER.ip], 1)
        });
        bench.hear(&packet.to_frame(PEER.mac, OWN.mac, theirs));
        assert_eq!(bench.told.len() == 2, heard, "{ours:?} {theirs:?}");
    }
    let mut bench = bench(Ask {
        tag,
        ..request(&[PEER.ip], 1)
    });
    let mut frame = packet.to_frame(PEER.mac, OWN.mac, tag);
    frame.splice(12..12, [0x81, 0, 0, 7]);
    bench.hear(&frame);
    assert!(answers(&bench).is_empty());
    let mut bench = self::bench(request(&[PEER.ip], 1));
    let mut frame = packet.to_frame(PEER.mac, OWN.mac, None);
    frame[13] = 0;
    bench.hear(&frame);
    bench.hear_packet(reply(OTHER, OWN.ip), OWN.mac);
    assert!(answers(&bench).is_empty());
}

#[test]
fn a_deadline_ends_it_whatever_is_left() {
    let mut bench = bench(Ask {
        deadline: Some(millis(2500)),
        count: None,
        ..request(&[PEER.ip], 1)
    });
    bench.pass(seconds(60));
    assert_eq!(bench.times(), [0, 1000, 2000]);
    assert_eq!(bench.told.last(), Some(&(millis(2500), Event::Done)));
}

#[test]
fn without_a_wait_it_ends_with_the_last_frame_and_without_targets_before_the_first() {
    let mut bench = bench(Ask {
        operation: REPLY,
        wait: Duration::ZERO,
        ..request(&[PEER.ip], 2)
    });
    bench.pass(seconds(1));
    assert_eq!(bench.told.last(), Some(&(seconds(1), Event::Done)));
    for nothing in [request(&[], 1), request(&[PEER.ip], 0)] {
        let bench = self::bench(nothing);
        assert!(bench.sent.is_empty());
        assert_eq!(bench.events(), [&Event::Done]);
    }
}

#[test]
fn a_thousand_targets_are_not_asked_at_once() {
    let targets: Vec<_> = (0..1024)
        .map(|last| Ipv4Addr::from_bits(0x0a01_0000 + last))
        .collect();
    let mut bench = bench(Ask {
        interval: Duration::ZERO,
        ..request(&targets, 2)
    });
    assert_eq!(bench.sent.len(), 1);
    bench.pass(millis(500));
    assert!((400..510).contains(&bench.sent.len()));
    bench.pass(seconds(5));
    assert_eq!(bench.sent.len(), 2048);
}

#[test]
fn a_round_of_many_targets_begins_in_the_interval_of_the_one_before() {
    let targets = (0..500).map(|last| Ipv4Addr::from_bits(0x0a01_0000 + last));
    let mut bench = bench(request(&targets.collect::<Vec<_>>(), 3));
    bench.pass(seconds(10));
    let first = bench.packets()[0];
    let sent = bench.sent_on(None);
    let again = sent.iter().filter(|(_, frame)| frame.packet == first);
    let times: Vec<_> = again.map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 1000, 2000]);
}

/// A packet of hosts and addresses that matter.
fn any_packet() -> impl Strategy<Value = Packet> {
    let station = || {
        let mac = prop_oneof![
            Just(OWN.mac),
            Just(PEER.mac),
            Just(OTHER.mac),
            Just(MacAddr::ZERO),
            Just(MacAddr::BROADCAST)
        ];
        let ip = prop_oneof![
            Just(OWN.ip),
            Just(PEER.ip),
            Just(OTHER.ip),
            Just(Ipv4Addr::UNSPECIFIED)
        ];
        (mac, ip).prop_map(|(mac, ip)| Station { mac, ip })
    };
    let packet = (0u16..4, station(), station());
    packet.prop_map(|(operation, sender, target)| Packet {
        operation,
        sender,
        target,
    })
}

proptest! {
    #[test]
    fn whatever_comes_no_target_is_asked_more_often_than_it_should(
        steps in prop::collection::vec((0u64..1500, any_packet(), any::<bool>()), 0..40),
        (count, at_once, unicast, probes) in (0u32..6, any::<bool>(), any::<bool>(), any::<bool>()),
        interval in 0u64..1200,
    ) {
        let mut ask = request(&[PEER.ip, OTHER.ip, OWN.ip], count);
        (ask.at_once, ask.unicast, ask.interval) = (at_once, unicast, millis(interval));
        ask.sender_ip = ask.sender_ip.filter(|_| !probes);
        let mut bench = bench(ask);
        for (pause, packet, to_us) in steps {
            bench.pass(millis(pause));
            bench.hear_packet(packet, if to_us { OWN.mac } else { MacAddr::BROADCAST });
        }
        bench.pass(seconds(60));
        prop_assert!(bench.engine.is_done());
        for target in [PEER.ip, OTHER.ip, OWN.ip] {
            let sent = bench.sent_on(None);
            let times = sent.iter().filter(|(_, frame)| frame.packet.target.ip == target);
            let times: Vec<_> = times.map(|(at, _)| *at).collect();
            prop_assert!(times.len() <= count as usize);
            prop_assert!(at_once || times.len() == count as usize);
            // Each has its place in the round, which others before it may leave free.
            let apart = millis(interval).saturating_sub(millis(3));
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= apart), "{:?}", times);
        }
    }
}
