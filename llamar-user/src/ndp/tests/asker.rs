//! Asking for neighbours.

use super::*;
use crate::ether::Tag;
use crate::ndp::asker::Event;
use crate::ndp::{Answer, Ask, Asker, Target};

const OWN: u8 = 1;

fn own() -> Ipv6Addr {
    ip("fe80::1")
}

fn target() -> Ipv6Addr {
    ip("fe80::12:3456")
}

fn everybody(address: Ipv6Addr) -> Target {
    Target { address, mac: None }
}

fn ask(targets: Vec<Target>) -> Ask {
    Ask::new(port(OWN), vec![own()], targets)
}

fn clock(ask: Ask) -> Clock<Asker> {
    Clock::new(|now| Asker::new(chance(1), now, ask))
}

fn answers(events: Vec<Event>) -> Vec<Answer> {
    let answer = |event| match event {
        Event::Answer(answer) => Some(answer),
        _ => None,
    };
    events.into_iter().filter_map(answer).collect()
}

// RFC 4861 4.3, 7.2.2: D15
#[test]
fn a_solicitation_goes_to_the_group_of_the_target_with_our_hardware_address() {
    let clock = clock(ask(vec![everybody(target())]));
    let expected = Seen {
        ether: (mac(OWN), MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56])),
        vlan: None,
        source: own(),
        destination: ip("ff02::1:ff12:3456"),
        kind: 135,
        flags: None,
        target: Some(target()),
        options: vec![(1, mac(OWN).0.to_vec())],
    };
    assert_eq!(seen(&clock.frames[0].1), expected);
}

// RFC 4861 7.2.2: D15
#[test]
fn a_group_is_always_told_our_hardware_address_and_a_neighbour_unless_we_will_not() {
    let neighbour = Target {
        address: target(),
        mac: Some(mac(7)),
    };
    for (target, source_mac, expected) in [
        (everybody(target()), None, Some(mac(OWN))),
        (everybody(target()), Some(mac(3)), Some(mac(3))),
        (neighbour, None, None),
        (neighbour, Some(mac(3)), Some(mac(3))),
    ] {
        let clock = clock(Ask {
            source_mac,
            ..ask(vec![target])
        });
        let told = seen(&clock.frames[0].1).options;
        let expected = expected.map(|mac| (1, mac.0.to_vec()));
        assert_eq!(told, Vec::from_iter(expected));
    }
}

// RFC 4861 4.3, 7.3.3: D15
#[test]
fn to_see_whether_a_neighbour_is_there_only_that_is_asked() {
    let neighbour = Target {
        address: target(),
        mac: Some(mac(7)),
    };
    let clock = clock(ask(vec![neighbour]));
    let seen = seen(&clock.frames[0].1);
    assert_eq!(seen.ether.1, mac(7));
    assert_eq!((seen.source, seen.destination), (own(), target()));
}

// RFC 4861 7.2.2, 10: D15
#[test]
fn a_silent_neighbour_is_asked_three_times_a_second_apart() {
    let mut clock = clock(ask(vec![everybody(target())]));
    clock.run();
    let times: Vec<Duration> = clock.frames.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [ms(0), ms(1000), ms(2000)]);
    let asked = |number| Event::Asked {
        target: target(),
        number,
    };
    let silent = Event::Silent { target: target() };
    let expected = [
        (ms(0), asked(1)),
        (ms(1000), asked(2)),
        (ms(2000), asked(3)),
        (ms(3000), silent),
        (ms(3000), Event::Done),
    ];
    assert_eq!(clock.events, expected);
    assert_eq!(clock.engine.poll_timeout(), None);
}

// RFC 4861 7.2.2: D15
#[test]
fn nobody_is_asked_more_often_than_once_a_second_unless_the_caller_insists() {
    for (hasty, expected) in [(false, 1000), (true, 10)] {
        let mut clock = clock(Ask {
            interval: ms(10),
            hasty,
            count: Some(2),
            ..ask(vec![everybody(target())])
        });
        clock.run();
        assert_eq!(clock.frames[1].0, ms(expected));
    }
    // An interval of nothing ends too.
    let mut clock = clock(Ask {
        interval: Duration::ZERO,
        wait: Duration::ZERO,
        hasty: true,
        count: Some(1000),
        ..ask(vec![everybody(target())])
    });
    clock.run();
    assert_eq!(clock.frames.len(), 1000);
}

#[test]
fn without_a_count_it_is_asked_for_ever() {
    let mut clock = clock(Ask {
        count: None,
        ..ask(vec![everybody(target())])
    });
    clock.until(ms(99_500));
    assert_eq!(clock.frames.len(), 100);
}

// RFC 4861 7.1.2, 7.2.5: D13
#[test]
fn an_advertisement_for_the_target_answers_with_flags_address_and_time() {
    let mut clock = clock(ask(vec![everybody(target())]));
    clock.until(ms(7));
    let mut stack = Stack::new(7, &["fe80::12:3456"]);
    stack.router = true;
    let answer = stack.hear(&clock.frames[0].1).unwrap();
    clock.hear(&answer);
    let expected = Answer {
        target: target(),
        mac: mac(7),
        ether_source: mac(7),
        source: target(),
        advertisement: Advertisement {
            target: target(),
            router: true,
            solicited: true,
            overriding: true,
            target_mac: Some(mac(7)),
        },
        rtt: Some(ms(7)),
        rival: None,
    };
    let asked = Event::Asked {
        target: target(),
        number: 1,
    };
    assert_eq!(clock.found(), [asked, Event::Answer(expected)]);
    // Others who have the address are heard until it would be asked for again.
    clock.run();
    assert_eq!(clock.events, [(ms(1000), Event::Done)]);
    assert_eq!((clock.frames.len(), clock.engine.poll_timeout()), (1, None));
    clock.hear(&answer);
    assert_eq!(clock.events.len(), 1);
}

// RFC 4861 4.4, 7.2.5
#[test]
fn without_the_option_whoever_sent_the_frame_has_the_address_and_a_difference_shows() {
    let mut clock = clock(Ask {
        at_once: false,
        ..ask(vec![everybody(target())])
    });
    let mut packet = solicited(7, target(), own());
    clock.hear(&frame(8, OWN, &packet));
    if let Message::Advertisement(advertisement) = &mut packet.message {
        advertisement.target_mac = None;
    }
    clock.hear(&frame(9, OWN, &packet));
    let answers = answers(clock.found());
    let pairs: Vec<_> = answers
        .iter()
        .map(|answer| (answer.mac, answer.ether_source))
        .collect();
    assert_eq!(pairs, [(mac(7), mac(8)), (mac(9), mac(9))]);
}

// RFC 4861 7.2.7, 7.2.8
#[test]
fn of_several_who_answer_each_knows_its_rival() {
    let mut clock = clock(Ask {
        at_once: false,
        ..ask(vec![everybody(target())])
    });
    for from in [7, 7, 8, 7] {
        clock.hear(&frame(from, OWN, &solicited(from, target(), own())));
    }
    // However many a liar invents, what is kept of them is bounded.
    for from in 9..200 {
        clock.hear(&frame(from, OWN, &solicited(from, target(), own())));
    }
    let rivals: Vec<_> = answers(clock.found())
        .iter()
        .map(|answer| answer.rival)
        .collect();
    assert_eq!(rivals[..4], [None, None, Some(mac(7)), Some(mac(8))]);
    assert!(rivals[4..].iter().all(|rival| *rival == Some(mac(7))));
}

// RFC 4861 7.2.4, 7.2.5
#[test]
fn an_unsolicited_advertisement_tells_no_time_nor_does_an_answer_to_another() {
    let mut clock = clock(ask(vec![everybody(target())]));
    clock.hear(&frame(7, 0, &unsolicited(7, target())));
    clock.hear(&frame(7, 9, &solicited(7, target(), ip("fe80::9"))));
    let answers = answers(clock.found());
    let times: Vec<_> = answers.iter().map(|answer| answer.rtt).collect();
    assert_eq!(times, [None, None]);
}

// RFC 4861 7.1.2: D13
#[test]
fn what_is_not_valid_not_asked_for_of_another_link_or_our_own_is_no_answer() {
    let mut clock = clock(ask(vec![everybody(target())]));
    clock.found();
    let answer = solicited(7, target(), own());
    let mut other = frame(7, OWN, &solicited(7, ip("fe80::9"), own()));
    clock.hear(&other);
    clock.hear(&frame(OWN, OWN, &solicited(OWN, target(), own())));
    clock.hear(&answer.to_frame(mac(7), mac(OWN), Some(Tag::vlan(5))));
    other = frame(7, OWN, &answer);
    other[14 + 7] = 64;
    clock.hear(&other);
    clock.hear(&other[..40]);
    clock.hear(&[]);
    assert_eq!(clock.found(), []);
    // A tag that bears but a priority is none.
    clock.hear(&answer.to_frame(mac(7), mac(OWN), Some(Tag::vlan(0))));
    assert_eq!(answers(clock.found()).len(), 1);
}

#[test]
fn in_a_vlan_questions_and_answers_are_tagged() {
    let tag = Some(Tag::vlan(5));
    let mut ask = ask(vec![everybody(target())]);
    ask.port.tag = tag;
    let mut clock = clock(ask);
    assert_eq!(seen(&clock.frames[0].1).vlan, Some(5));
    let answer = solicited(7, target(), own());
    clock.hear(&frame(7, OWN, &answer));
    assert_eq!(answers(clock.found()).len(), 0);
    clock.hear(&answer.to_frame(mac(7), mac(OWN), tag));
    assert_eq!(answers(clock.found()).len(), 1);
}

// RFC 4861 4.3, 7.1.1, RFC 7527 4.3: D8
#[test]
fn without_an_address_of_ours_it_is_asked_as_for_duplicates() {
    for mac in [None, Some(mac(7))] {
        let address = target();
        let mut clock = clock(Ask {
            sources: Vec::new(),
            ..ask(vec![Target { address, mac }])
        });
        clock.until(ms(1500));
        let sent: Vec<Seen> = clock.frames.iter().map(|(_, frame)| seen(frame)).collect();
        assert_eq!(sent.len(), 2);
        for seen in &sent {
            assert_eq!(seen.source, Ipv6Addr::UNSPECIFIED);
            assert_eq!(seen.destination, ip("ff02::1:ff12:3456"));
            assert_eq!((seen.options.len(), seen.options[0].0), (1, 14));
            assert_eq!(mac.unwrap_or(seen.ether.1), seen.ether.1);
        }
        assert_ne!(sent[0].options, sent[1].options);
        let answer = Stack::new(7, &["fe80::12:3456"]).hear(&clock.frames[1].1);
        clock.hear(&answer.unwrap());
        let answers = answers(clock.found());
        assert!(!answers[0].advertisement.solicited);
        assert_eq!(answers[0].rtt, Some(ms(500)));
    }
}

// RFC 4862 5.4.3
#[test]
fn another_who_checks_the_same_address_is_told_of() {
    let mut clock = clock(ask(vec![everybody(target())]));
    clock.found();
    clock.hear(&frame(7, 0, &detection(target(), None)));
    clock.hear(&frame(7, 0, &detection(ip("fe80::9"), None)));
    clock.hear(&frame(7, 0, &resolution(7, ip("fe80::7"), target())));
    let claim = Event::Claim {
        target: target(),
        by: mac(7),
    };
    assert_eq!(clock.found(), [claim]);
}

#[test]
fn many_targets_are_asked_for_one_after_the_other_and_each_ends_by_itself() {
    let address = |number: u16| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, number);
    let mut targets: Vec<Target> = (0..1000).map(address).map(everybody).collect();
    targets.push(everybody(address(5)));
    let mut clock = clock(ask(targets));
    clock.until(ms(500));
    assert!(
        (500..=502).contains(&clock.frames.len()),
        "{}",
        clock.frames.len()
    );
    let mut stack = Stack::new(7, &["fe80::1:5"]);
    let frames = std::mem::take(&mut clock.frames);
    let answer = frames.iter().find_map(|(_, frame)| stack.hear(frame));
    clock.hear(&answer.unwrap());
    clock.run();
    let events = clock.found();
    let silent = |event: &&Event| matches!(event, Event::Silent { .. });
    assert_eq!(events.iter().filter(silent).count(), 999);
    assert_eq!(frames.len() + clock.frames.len(), 999 * 3 + 1);
    assert_eq!(events.last(), Some(&Event::Done));
    assert_eq!(stack.flaws, []);
}

#[test]
fn without_targets_it_is_over_at_once() {
    let mut clock = clock(ask(Vec::new()));
    assert_eq!(clock.found(), [Event::Done]);
    assert_eq!(clock.engine.poll_timeout(), None);
}

// RFC 4861 7.2.2, RFC 6724 5
#[test]
fn the_address_that_asks_is_of_the_scope_and_the_prefix_of_the_target() {
    let own = ["fe80::1", "2001:db8:1::1", "2001:db8:2::1", "fd00::1"].map(ip);
    for (target, expected) in [
        ("fe80::9", "fe80::1"),
        ("2001:db8:2::9", "2001:db8:2::1"),
        ("2001:db8:1::9", "2001:db8:1::1"),
        ("fd00::9", "fd00::1"),
    ] {
        assert_eq!(crate::ndp::source_for(ip(target), &own), Some(ip(expected)));
    }
    // Another scope is better than nothing; the target itself, a group and `::` are no sources.
    let choose = |own: &[&str]| {
        let own: Vec<Ipv6Addr> = own.iter().map(|own| ip(own)).collect();
        crate::ndp::source_for(ip("2001:db8::9"), &own)
    };
    assert_eq!(choose(&["fe80::1", "2001:db8::9"]), Some(ip("fe80::1")));
    assert_eq!(choose(&["2001:db8::9", "ff02::1", "::", "::1"]), None);
}
