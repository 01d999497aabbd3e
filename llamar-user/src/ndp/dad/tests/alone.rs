//! One claim: what it sends and when, and what takes the address away.

use super::*;

// RFC 4862 5.4.2, RFC 7527 4.1, RFC 4861 4.3: D7, D8
#[test]
fn a_solicitation_goes_from_nobody_to_the_group_with_a_nonce_and_no_hardware_address() {
    let mut clock = clock(check(1));
    clock.until(JOIN_LEAD);
    let (at, to, packet) = clock.packets().remove(0);
    assert_eq!(
        (at, to),
        (JOIN_LEAD, MacAddr([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]))
    );
    let expected = Packet {
        source: Ipv6Addr::UNSPECIFIED,
        destination: ip("ff02::1:ff12:3456"),
        message: Message::Solicitation(Solicitation {
            target: address(),
            source_mac: None,
            nonce: nonce(&packet),
        }),
    };
    assert_eq!(packet, expected);
    assert_eq!(nonce(&packet).map(|nonce| nonce.len()), Some(6));
}

// RFC 4862 5.1, 5.4, 5.4.2: D7
#[test]
fn an_address_is_ours_a_second_after_the_last_solicitation() {
    for (transmits, times) in [(1, vec![10]), (3, vec![10, 1010, 2010])] {
        let mut clock = clock(Check {
            transmits,
            ..check(1)
        });
        clock.run();
        let sent: Vec<u128> = clock
            .packets()
            .iter()
            .map(|(at, ..)| at.as_millis())
            .collect();
        assert_eq!(sent, times);
        let group = ip("ff02::1:ff12:3456");
        assert_eq!(clock.events[0], (ms(0), Event::Join { group }));
        let asked = Event::Asked {
            number: transmits,
            of: transmits,
        };
        let last = ms(10 + 1000 * (u64::from(transmits) - 1));
        let end = [(last, asked), (last + ms(1000), Event::Unique)];
        assert_eq!(clock.events[clock.events.len() - 2..], end);
        assert_eq!(clock.engine.state(), State::Ours);
        assert_eq!(clock.engine.poll_timeout(), None);
    }
}

// RFC 4862 5.4: D17
#[test]
fn with_no_solicitations_to_send_the_address_is_taken_unchecked() {
    let mut clock = clock(Check {
        transmits: 0,
        ..check(1)
    });
    assert_eq!(clock.found(), [Event::Unique]);
    assert_eq!(clock.frames.len(), 0);
}

// RFC 4862 5.4.2: D7
#[test]
fn the_group_is_joined_after_a_chance_delay_of_up_to_a_second_and_before_the_solicitation() {
    let mut delays = Vec::new();
    for seed in 0..200 {
        let check = Check::new(port(1), address());
        let mut clock = Clock::new(|now| Dad::new(chance(seed), now, check));
        clock.until(ms(1100));
        let joined = clock.events[0].0;
        assert!(matches!(clock.events[0].1, Event::Join { .. }));
        assert_eq!(clock.frames[0].0, joined + JOIN_LEAD);
        delays.push(joined);
    }
    delays.sort();
    assert!(delays[0] < ms(50) && delays[199] > ms(950) && delays[199] <= ms(1000));
    assert!(
        (ms(350)..ms(650)).contains(&delays[100]),
        "{:?}",
        delays[100]
    );
}

// RFC 7527 4.1: D8
#[test]
fn every_solicitation_has_another_nonce_in_the_next_claim_too() {
    let nonces = |rules| {
        let check = Check {
            transmits: 5,
            ..check(1)
        };
        let mut clock = Clock::new(|now| Dad::with(chance(1), now, check, rules));
        clock.run();
        clock.engine.restart(clock.now);
        clock.drain();
        clock.run();
        let mut nonces: Vec<_> = clock
            .packets()
            .iter()
            .map(|(.., packet)| nonce(packet))
            .collect();
        assert_eq!(nonces.len(), 10);
        nonces.sort();
        nonces.dedup();
        nonces.len()
    };
    assert_eq!(nonces(Rules::default()), 10);
    assert_eq!(nonces(Rules::without(Rule::FreshNonces)), 1);
}

/// What becomes of a claim that hears a frame at each of some times.
fn outcome(check: Check, rules: Rules, times: &[u64], frame: &[u8]) -> (State, Vec<Event>) {
    let mut clock = Clock::new(|now| Dad::with(chance(1), now, check, rules));
    for at in times {
        clock.until(ms(*at));
        clock.hear(frame);
    }
    clock.run();
    assert_eq!(clock.engine.poll_timeout(), None);
    let mut events = clock.found();
    events.retain(|event| !matches!(event, Event::Join { .. } | Event::Asked { .. }));
    (clock.engine.state(), events)
}

fn lost(from: u8, how: How) -> (State, Vec<Event>) {
    (State::Lost, vec![Event::Duplicate(conflict(from, how))])
}

fn won() -> (State, Vec<Event>) {
    (State::Ours, vec![Event::Unique])
}

// RFC 4862 5.4.4: D7
#[test]
fn any_advertisement_for_the_tentative_address_takes_it_away() {
    let told = frame(7, 0, &unsolicited(7, address()));
    let expected = lost(7, How::Advertised);
    for at in [0, 5, 10, 500, 1009] {
        assert_eq!(outcome(check(1), Rules::default(), &[at], &told), expected);
    }
    let without = Rules::without(Rule::HeedAdvertisements);
    assert_eq!(outcome(check(1), without, &[500], &told), won());
    // Even from a twin with our hardware address: we never told of the address.
    let twin = frame(1, 0, &unsolicited(1, address()));
    let expected = lost(1, How::Advertised);
    assert_eq!(outcome(check(1), Rules::default(), &[500], &twin), expected);
}

// RFC 4862 5.4.3, RFC 7527 4.2: D2, D7, D8, D19
#[test]
fn another_nodes_detection_takes_the_address_away_with_or_without_a_nonce() {
    for nonce in [None, Some([7; 6])] {
        let other = frame(7, 0, &detection(address(), nonce));
        let expected = lost(7, How::Checked);
        for at in [0, 10, 500, 1009] {
            assert_eq!(outcome(check(1), Rules::default(), &[at], &other), expected);
        }
        let without = Rules::without(Rule::HeedSolicitations);
        assert_eq!(outcome(check(1), without, &[500], &other), won());
    }
    // A longer nonce is none of ours.
    let mut long = detection(address(), None);
    if let Message::Solicitation(solicitation) = &mut long.message {
        solicitation.nonce = Some(vec![7; 14]);
    }
    let long = frame(7, 0, &long);
    assert_eq!(
        outcome(check(1), Rules::default(), &[500], &long),
        lost(7, How::Checked)
    );
}

// RFC 4862 5.4.2, 5.4.3: D19
#[test]
fn what_is_heard_before_the_first_solicitation_counts() {
    let slow = Check {
        delay: Duration::from_secs(1),
        ..check(1)
    };
    let other = frame(7, 0, &detection(address(), Some([7; 6])));
    assert_eq!(
        outcome(slow.clone(), Rules::default(), &[1], &other),
        lost(7, How::Checked)
    );
    let without = Rules::without(Rule::ListenFromStart);
    assert_eq!(outcome(slow, without, &[1], &other), won());
}

// RFC 4862 5.4.3: D2
#[test]
fn who_resolves_the_tentative_address_is_ignored_and_not_answered() {
    let asked = frame(7, 0, &resolution(7, ip("fe80::7"), address()));
    assert_eq!(
        outcome(check(1), Rules::default(), &[0, 500], &asked),
        won()
    );
    let without = Rules::without(Rule::IgnoreResolution);
    assert_eq!(
        outcome(check(1), without, &[500], &asked),
        lost(7, How::Checked)
    );
    let mut clock = clock(Check {
        after: After::Hold,
        ..check(1)
    });
    clock.until(ms(500));
    clock.frames.clear();
    clock.hear(&asked);
    assert_eq!(clock.frames.len(), 0);
}

// RFC 4862 5.4: D7
#[test]
fn what_is_sent_to_the_tentative_address_itself_is_discarded() {
    let told = frame(7, 1, &solicited(7, address(), address()));
    assert_eq!(outcome(check(1), Rules::default(), &[500], &told), won());
    let mut asked = resolution(7, ip("fe80::7"), address());
    asked.destination = address();
    let asked = frame(7, 1, &asked);
    assert_eq!(outcome(check(1), Rules::default(), &[500], &asked), won());
}

// RFC 4861 7.1.1, 7.1.2, RFC 4862 5.4.1: D1, D13
#[test]
fn what_is_not_valid_or_about_another_address_takes_nothing_away() {
    let other = ip("2001:db8::1:12:3456");
    let mut frames = vec![
        frame(7, 0, &unsolicited(7, other)),
        frame(7, 0, &detection(other, None)),
        unsolicited(7, address()).to_frame(mac(7), all_nodes(), Some(crate::ether::Tag::vlan(5))),
    ];
    for packet in [unsolicited(7, address()), detection(address(), None)] {
        for at in [7, 40 + 2, 40 + 1] {
            let mut bytes = frame(7, 0, &packet);
            bytes[14 + at] ^= 1;
            frames.push(bytes);
        }
    }
    for frame in frames {
        assert_eq!(outcome(check(1), Rules::default(), &[500], &frame), won());
    }
}

// RFC 4862 5.4.5: D17
#[test]
fn what_is_lost_stays_lost_until_the_claim_begins_anew() {
    let mut clock = clock(Check {
        announce: Some(Schedule::default()),
        ..check(1)
    });
    clock.until(ms(500));
    clock.hear(&frame(7, 0, &unsolicited(7, address())));
    clock.packets();
    clock.found();
    clock.hear(&frame(8, 0, &unsolicited(8, address())));
    clock.run();
    assert_eq!((clock.packets().len(), clock.found().len()), (0, 0));
    assert_eq!(clock.engine.state(), State::Lost);
    clock.engine.restart(clock.now);
    clock.drain();
    assert_eq!(clock.engine.state(), State::Tentative);
    clock.run();
    assert_eq!(clock.engine.state(), State::Ours);
}

// RFC 4861 7.2.6: D6
#[test]
fn what_is_ours_is_announced_and_a_restart_first_checks_again() {
    let mut clock = clock(Check {
        announce: Some(Schedule::default()),
        router: true,
        ..check(1)
    });
    clock.until(ms(1500));
    let announced = &clock.packets()[1];
    assert_eq!(announced.0, ms(1010));
    let Message::Advertisement(advertisement) = &announced.2.message else {
        panic!("no advertisement");
    };
    assert!(advertisement.router && !advertisement.solicited && advertisement.overriding);
    clock.engine.restart(clock.now);
    clock.drain();
    assert_eq!(clock.engine.state(), State::Tentative);
    // An echo of what was announced before does not take the address away.
    clock.hear(&frame(1, 0, &unsolicited(1, address())));
    assert_eq!(clock.engine.state(), State::Tentative);
    clock.run();
    let sent: Vec<_> = clock
        .packets()
        .iter()
        .map(|(at, _, packet)| {
            let told = matches!(packet.message, Message::Advertisement(_));
            (at.as_millis(), told)
        })
        .collect();
    assert_eq!(
        sent,
        [(1510, false), (2510, true), (3510, true), (4510, true)]
    );
    let announced = clock
        .found()
        .into_iter()
        .filter(|event| matches!(event, Event::Announced { .. }));
    assert_eq!(announced.count(), 4);
}
