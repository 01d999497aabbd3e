//! Telling of addresses.

use super::*;
use crate::ndp::announcer::Event;
use crate::ndp::{Announce, Announcer, Schedule};

const OWN: u8 = 1;

fn own(text: &str) -> Announce {
    Announce::own(ip(text), mac(OWN))
}

fn clock(schedule: Schedule) -> Clock<Announcer> {
    Clock::new(|_| Announcer::new(port(OWN), schedule))
}

/// Times in milliseconds and targets of what was sent.
fn sent(clock: &mut Clock<Announcer>) -> Vec<(u128, Ipv6Addr)> {
    let packets = clock.packets().into_iter();
    let sent = packets.map(|(at, _, packet)| match packet.message {
        Message::Advertisement(advertisement) => (at.as_millis(), advertisement.target),
        Message::Solicitation(_) => panic!("no advertisement"),
    });
    sent.collect()
}

// RFC 4861 4.4, 7.2.6: D6
#[test]
fn an_unsolicited_advertisement_byte_for_byte() {
    let mut clock = clock(Schedule::default());
    clock.engine.add(clock.now, own("2001:db8::12:3456"));
    clock.until(ms(0));
    let expected = b"\x33\x33\0\0\0\x01\x02\0\0\0\0\x01\x86\xdd\x60\0\0\0\0\x20\x3a\xff\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x12\x34\x56\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
        \x88\0\0\0\x20\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x12\x34\x56\
        \x02\x01\x02\0\0\0\0\x01";
    let mut bare = clock.frames[0].1.clone();
    // The checksum was looked at by etherparse.
    bare[56..58].fill(0);
    assert_eq!(bare, expected);
}

// RFC 4861 4.4, 7.2.6: D6
#[test]
fn flags_source_and_destination_are_as_asked_for_and_never_solicited() {
    for (router, overriding) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut clock = clock(Schedule::default());
        let announce = Announce {
            router,
            overriding,
            source: ip("fe80::1"),
            mac: mac(9),
            ..own("fe80::77")
        };
        clock.engine.add(clock.now, announce);
        clock.until(ms(0));
        let seen = seen(&clock.frames[0].1);
        assert_eq!(seen.flags, Some([router, false, overriding]));
        assert_eq!(
            (seen.source, seen.target),
            (ip("fe80::1"), Some(ip("fe80::77")))
        );
        assert_eq!(seen.ether, (mac(OWN), all_nodes()));
        assert_eq!(seen.options, [(2, mac(9).0.to_vec())]);
    }
    let mut clock = clock(Schedule::default());
    let announce = Announce {
        to: Some((ip("fe80::5"), mac(5))),
        ..own("fe80::1")
    };
    clock.engine.add(clock.now, announce);
    clock.until(ms(0));
    let seen = seen(&clock.frames[0].1);
    assert_eq!((seen.destination, seen.ether.1), (ip("fe80::5"), mac(5)));
    assert_eq!(seen.flags, Some([false, false, true]));
}

// RFC 4861 7.2.6, 10: D6
#[test]
fn an_address_is_told_three_times_a_second_apart_at_most() {
    for schedule in [
        Schedule::default(),
        Schedule {
            count: 100,
            interval: ms(1),
            ..Schedule::default()
        },
    ] {
        let mut clock = clock(schedule);
        clock.engine.add(clock.now, own("fe80::1"));
        clock.run();
        let expected = [0, 1000, 2000].map(|at| (at, ip("fe80::1")));
        assert_eq!(sent(&mut clock), expected);
        let announced = |number| Event::Announced {
            address: ip("fe80::1"),
            number,
        };
        assert_eq!(
            clock.found(),
            [announced(1), announced(2), announced(3), Event::Done]
        );
    }
}

#[test]
fn who_insists_tells_as_often_as_he_likes() {
    let mut clock = clock(Schedule {
        count: 5,
        interval: ms(100),
        hasty: true,
        period: None,
    });
    clock.engine.add(clock.now, own("fe80::1"));
    clock.run();
    let times: Vec<u128> = sent(&mut clock).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 100, 200, 300, 400]);
}

// RFC 4861 7.2.6: D6
#[test]
fn between_several_addresses_there_is_a_delay() {
    let mut clock = clock(Schedule::default());
    let address = |number: u16| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number);
    for number in 0..300 {
        clock
            .engine
            .add(clock.now, Announce::own(address(number), mac(OWN)));
    }
    clock.run();
    let sent = sent(&mut clock);
    assert_eq!(sent.len(), 900);
    for pair in sent.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= 20, "{pair:?}");
    }
    for number in 0..300 {
        let mine = sent.iter().filter(|(_, target)| *target == address(number));
        let times: Vec<u128> = mine.map(|(at, _)| *at).collect();
        assert!(times.len() == 3 && times.windows(2).all(|pair| pair[1] - pair[0] >= 1000));
    }
}

// RFC 4861 7.2.6: D6
#[test]
fn what_is_told_anew_waits_a_second_from_the_last_time() {
    let mut clock = clock(Schedule {
        count: 1,
        ..Schedule::default()
    });
    clock.engine.add(clock.now, own("fe80::1"));
    clock.until(ms(300));
    // Nothing about it changed.
    clock.engine.add(clock.now, own("fe80::1"));
    clock.until(ms(5000));
    assert_eq!(sent(&mut clock).len(), 1);
    clock.engine.restart(clock.now);
    clock.until(ms(5100));
    let changed = Announce {
        mac: mac(2),
        ..own("fe80::1")
    };
    clock.engine.add(clock.now, changed.clone());
    clock.until(ms(6100));
    // It goes and comes back.
    clock.engine.remove(clock.now, ip("fe80::1"));
    clock.engine.add(clock.now, changed);
    clock.run();
    let times: Vec<u128> = sent(&mut clock).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [5000, 6000, 7000]);
}

#[test]
fn what_is_removed_is_told_no_more() {
    let mut clock = clock(Schedule::default());
    clock.engine.add(clock.now, own("fe80::1"));
    clock.engine.add(clock.now, own("fe80::2"));
    clock.until(ms(500));
    clock.engine.remove(clock.now, ip("fe80::1"));
    clock.engine.remove(clock.now, ip("fe80::3"));
    assert!(clock.engine.addresses().eq([ip("fe80::2")]));
    clock.run();
    let sent = sent(&mut clock);
    let count = |text| {
        sent.iter()
            .filter(|(_, target)| *target == ip(text))
            .count()
    };
    assert_eq!((count("fe80::1"), count("fe80::2")), (1, 3));
    clock.engine.remove(clock.now, ip("fe80::2"));
    clock.engine.restart(clock.now);
    clock.run();
    assert_eq!(clock.packets(), []);
}

#[test]
fn a_period_tells_for_ever_once_each_time() {
    let mut clock = clock(Schedule {
        count: 2,
        period: Some(Duration::from_secs(60)),
        ..Schedule::default()
    });
    clock.engine.add(clock.now, own("fe80::1"));
    clock.until(ms(200_000));
    let times: Vec<u128> = sent(&mut clock).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 1000, 61_000, 121_000, 181_000]);
    assert!(!clock.found().contains(&Event::Done));
    // A period below the interval is one.
    let mut clock = super::announcer::clock(Schedule {
        period: Some(Duration::ZERO),
        ..Schedule::default()
    });
    clock.engine.add(clock.now, own("fe80::1"));
    clock.until(ms(9_500));
    assert_eq!(sent(&mut clock).len(), 10);
}
