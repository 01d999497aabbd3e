//! Two engines and a link between them that loses, delays, doubles and damages frames.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::ether::{Engine as _, Frame, MacAddr, Tag};

const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const THIRD: MacAddr = MacAddr([2, 0, 0, 0, 0, 3]);
const SECOND: Duration = Duration::from_secs(1);
const MTU: usize = 1500;

fn ask() -> Ask {
    Ask {
        source: ASKER,
        target: STATION,
        tag: None,
        count: Some(3),
        interval: SECOND,
        patience: SECOND,
        limit: None,
        size: 46,
    }
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// What an engine has to say.
fn events<E: crate::ether::Engine>(engine: &mut E) -> Vec<E::Event> {
    std::iter::from_fn(|| engine.poll_event()).collect()
}

/// The frames it sends.
fn frames<E: crate::ether::Engine>(engine: &mut E) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| engine.poll_transmit()).collect()
}

/// The request that is due now.
fn request(ping: &mut Ping, now: Instant) -> Vec<u8> {
    ping.handle_timeout(now);
    let [frame] = frames(ping).try_into().expect("one request");
    frame
}

fn responder(now: Instant, own: MacAddr) -> Respond {
    Respond::new(now, own, MTU, &mut rng())
}

/// What a station that is there replies to a frame.
fn answer(now: Instant, own: MacAddr, frame: &[u8]) -> Vec<Vec<u8>> {
    let mut respond = responder(now, own);
    respond.handle_frame(now, frame);
    frames(&mut respond)
}

fn change(frame: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut changed = frame.to_vec();
    change(&mut changed);
    changed
}

const fn replied(sequence: u32, round_trip: Duration) -> Pong {
    Pong::Reply {
        sequence,
        from: STATION,
        length: 46,
        round_trip,
        duplicate: false,
        late: false,
        damage: None,
    }
}

#[test]
fn a_station_that_is_there_replies_to_each_request_and_then_it_is_over() {
    let start = Instant::now();
    let mut ping = Ping::new(start, ask(), &mut rng());
    let mut respond = responder(start, STATION);
    for (sequence, at) in [(1, 0), (2, 1000), (3, 2000)] {
        let now = start + ms(at);
        assert_eq!(ping.poll_timeout(), Some(now));
        let frame = request(&mut ping, now);
        assert_eq!(frame.len(), 60);
        assert_eq!(events(&mut ping), [Pong::Sent { sequence }]);
        respond.handle_frame(now, &frame);
        assert_eq!(
            events(&mut respond),
            [Responded::Replied {
                to: ASKER,
                vlan: None,
                sequence,
                length: 46
            }]
        );
        for frame in frames(&mut respond) {
            ping.handle_frame(now + ms(5), &frame);
        }
        assert_eq!(events(&mut ping), [replied(sequence, ms(5))]);
    }
    assert_eq!((ping.poll_timeout(), respond.poll_timeout()), (None, None));
    assert_eq!(
        ping.statistics().to_string(),
        "3 sent, 3 received, 0% loss\nrtt min/avg/max/mdev = 5.000/5.000/5.000/0.000 ms"
    );
}

#[test]
fn silence_is_told_when_patience_ends_and_a_late_reply_still_counts() {
    let start = Instant::now();
    let asked = Ask {
        count: Some(2),
        patience: ms(1500),
        ..ask()
    };
    let mut ping = Ping::new(start, asked, &mut rng());
    let first = request(&mut ping, start);
    let second = request(&mut ping, start + SECOND);
    events(&mut ping);
    assert_eq!(ping.poll_timeout(), Some(start + ms(1500)));
    ping.handle_timeout(start + ms(1500));
    assert_eq!(events(&mut ping), [Pong::Lost { sequence: 1 }]);
    assert_eq!(ping.poll_timeout(), Some(start + ms(2500)));
    let now = start + ms(1600);
    for (frame, late, duplicate) in [
        (&first, true, false),
        (&first, false, true),
        (&second, false, false),
    ] {
        for reply in answer(now, STATION, frame) {
            ping.handle_frame(now, &reply);
        }
        let found = events(&mut ping);
        assert!(
            matches!(found[..], [Pong::Reply { late: l, duplicate: d, .. }] if (l, d) == (late, duplicate)),
            "{found:?}"
        );
    }
    assert_eq!(ping.poll_timeout(), None);
    let statistics = ping.statistics();
    assert_eq!((statistics.received, statistics.duplicates), (2, 1));
}

#[test]
fn the_end_comes_at_the_limit_whatever_is_missing() {
    let start = Instant::now();
    let asked = Ask {
        count: None,
        limit: Some(ms(2500)),
        patience: SECOND * 60,
        ..ask()
    };
    let mut ping = Ping::new(start, asked, &mut rng());
    for second in 0..3 {
        request(&mut ping, start + SECOND * second);
    }
    assert_eq!(ping.poll_timeout(), Some(start + ms(2500)));
    ping.handle_timeout(start + ms(2500));
    assert_eq!((ping.poll_timeout(), frames(&mut ping).len()), (None, 0));
    assert_eq!(ping.statistics().loss(), Some(100));
}

#[test]
fn nothing_but_replies_to_us_from_whom_we_asked_count() {
    let now = Instant::now();
    let mut ping = Ping::new(now, ask(), &mut rng());
    let frame = request(&mut ping, now);
    let [good] = answer(now, STATION, &frame).try_into().unwrap();
    events(&mut ping);
    let others = [
        // Our own request; a reply to another station, of another type, session, VLAN and number; one that is cut.
        frame,
        change(&good, |frame| frame[5] = 9),
        change(&good, |frame| frame[13] = 0xb6),
        change(&good, |frame| frame[14 + 8] ^= 1),
        change(&good, |frame| {
            frame.splice(12..12, [0x81, 0, 0, 5]);
        }),
        change(&good, |frame| frame[14 + 19] = 2),
        change(&good, |frame| frame[14 + 19] = 0),
        change(&good, |frame| frame.truncate(59)),
        change(&good, |frame| frame[6] |= 1),
    ];
    for other in others {
        ping.handle_frame(now, &other);
        assert_eq!(events(&mut ping), [], "{other:x?}");
    }
    let third = change(&good, |frame| frame[6..12].copy_from_slice(&THIRD.0));
    ping.handle_frame(now, &third);
    let foreign = Pong::Foreign {
        sequence: 1,
        from: THIRD,
    };
    assert_eq!(events(&mut ping), [foreign]);
    assert_eq!(ping.statistics().received, 0);
    // A tag that has only a priority is none.
    let tagged = change(&good, |frame| {
        frame.splice(12..12, [0x81, 0, 0xe0, 0]);
    });
    ping.handle_frame(now, &tagged);
    assert_eq!(events(&mut ping), [replied(1, Duration::ZERO)]);
}

#[test]
fn damage_is_told_with_its_place() {
    let now = Instant::now();
    let mut ping = Ping::new(now, ask(), &mut rng());
    let [good] = answer(now, STATION, &request(&mut ping, now))
        .try_into()
        .unwrap();
    events(&mut ping);
    ping.handle_frame(now, &change(&good, |frame| frame[14 + 30] ^= 0x80));
    let found = events(&mut ping);
    let damage = Some(30);
    assert!(
        matches!(found[..], [Pong::Reply { damage: d, .. }] if d == damage),
        "{found:?}"
    );
}

#[test]
fn a_group_is_waited_for_until_patience_ends_as_each_may_reply() {
    let now = Instant::now();
    let asked = Ask {
        target: MacAddr::BROADCAST,
        count: Some(1),
        ..ask()
    };
    let mut ping = Ping::new(now, asked, &mut rng());
    let frame = request(&mut ping, now);
    for own in [STATION, THIRD] {
        for reply in answer(now, own, &frame) {
            ping.handle_frame(now + ms(1), &reply);
        }
    }
    let found: Vec<_> = events(&mut ping)
        .into_iter()
        .filter_map(|event| match event {
            Pong::Reply {
                from, duplicate, ..
            } => Some((from, duplicate)),
            _ => None,
        })
        .collect();
    assert_eq!(found, [(STATION, false), (THIRD, true)]);
    assert_eq!(ping.poll_timeout(), Some(now + SECOND));
    ping.handle_timeout(now + SECOND);
    assert_eq!((ping.poll_timeout(), events(&mut ping)), (None, vec![]));
}

#[test]
fn a_reply_has_the_tags_of_its_request() {
    let now = Instant::now();
    let asked = Ask {
        tag: Some(Tag::vlan(100)),
        ..ask()
    };
    let mut ping = Ping::new(now, asked, &mut rng());
    let frame = request(&mut ping, now);
    assert_eq!(Frame::read(&frame).unwrap().vlan(), Some(100));
    let [reply] = answer(now, STATION, &frame).try_into().unwrap();
    assert_eq!(Frame::read(&reply).unwrap().tag, asked_tag(&frame));
    events(&mut ping);
    ping.handle_frame(now, &reply);
    assert_eq!(events(&mut ping), [replied(1, Duration::ZERO)]);
    let twice = change(&frame, |frame| {
        frame.splice(12..12, [0x88, 0xa8, 0, 7]);
    });
    let [reply] = answer(now, STATION, &twice).try_into().unwrap();
    assert_eq!(reply[12..20], twice[12..20]);
}

fn asked_tag(frame: &[u8]) -> Option<Tag> {
    Frame::read(frame).unwrap().tag
}

#[test]
fn a_responder_is_silent_where_a_reply_would_do_harm_or_nobody_asked_it() {
    let now = Instant::now();
    let mut ping = Ping::new(now, ask(), &mut rng());
    let frame = request(&mut ping, now);
    let [reply] = answer(now, STATION, &frame).try_into().unwrap();
    for other in [
        // A reply, also one that is sent to a responder by another; from a group, from nobody, from ourselves.
        reply.clone(),
        change(&reply, |frame| frame[..6].copy_from_slice(&STATION.0)),
        change(&frame, |frame| frame[6] |= 1),
        change(&frame, |frame| frame[6..12].fill(0xff)),
        change(&frame, |frame| frame[6..12].fill(0)),
        change(&frame, |frame| frame[6..12].copy_from_slice(&STATION.0)),
        // To another station, of another type, without our mark, shorter than it says.
        change(&frame, |frame| frame[5] = 9),
        change(&frame, |frame| frame[13] = 0xb6),
        change(&frame, |frame| frame[14] = b'H'),
        change(&frame, |frame| frame.truncate(59)),
    ] {
        assert_eq!(answer(now, STATION, &other), [[0; 0]; 0], "{other:x?}");
    }
    for group in [[0xff; 6], [0x33, 0x33, 0, 0, 0, 1]] {
        let asked = change(&frame, |frame| frame[..6].copy_from_slice(&group));
        assert_eq!(answer(now, STATION, &asked), std::slice::from_ref(&reply));
    }
}

#[test]
fn what_is_longer_than_we_can_send_is_not_replied_to() {
    let now = Instant::now();
    for (size, replies) in [(1500, 1), (1501, 0)] {
        let mut ping = Ping::new(now, Ask { size, ..ask() }, &mut rng());
        let frame = request(&mut ping, now);
        let mut respond = responder(now, STATION);
        respond.handle_frame(now, &frame);
        assert_eq!(frames(&mut respond).len(), replies);
        let too_long = Responded::TooLong {
            from: ASKER,
            length: size,
        };
        assert_eq!(events(&mut respond).contains(&too_long), replies == 0);
    }
}

#[test]
fn a_station_that_floods_is_limited_and_does_not_silence_others() {
    let start = Instant::now();
    let mut ping = Ping::new(start, ask(), &mut rng());
    let frame = request(&mut ping, start);
    let other = change(&frame, |frame| frame[11] = 9);
    let mut respond = responder(start, STATION);
    let mut replies = 0;
    for number in 0..10_000 {
        respond.handle_frame(start + Duration::from_micros(number * 100), &frame);
        replies += frames(&mut respond).len();
        events(&mut respond);
    }
    // A burst, and a second's.
    assert!((1990..=2010).contains(&replies), "{replies}");
    respond.handle_frame(start + SECOND, &other);
    assert_eq!(frames(&mut respond).len(), 1);
    // All together, from made-up sources.
    let mut replies = 0;
    for number in 0..60_000_u32 {
        let made_up = change(&frame, |frame| {
            frame[8..12].copy_from_slice(&number.to_be_bytes());
        });
        respond.handle_frame(start + SECOND * 2, &made_up);
        replies += frames(&mut respond).len();
        events(&mut respond);
    }
    assert!(replies <= 20_100, "{replies}");
}

#[test]
fn no_more_requests_are_remembered_than_the_most() {
    let start = Instant::now();
    let asked = Ask {
        count: None,
        interval: ms(1),
        patience: SECOND * 3600,
        ..ask()
    };
    let mut ping = Ping::new(start, asked, &mut rng());
    let first = request(&mut ping, start);
    let mut now = start;
    let mut lost = 0;
    for _ in 0..(1 << 16) {
        now += ms(1);
        request(&mut ping, now);
        lost += events(&mut ping)
            .iter()
            .filter(|event| matches!(event, Pong::Lost { .. }))
            .count();
    }
    assert_eq!(lost, 1);
    for reply in answer(now, STATION, &first) {
        ping.handle_frame(now, &reply);
    }
    assert_eq!(events(&mut ping), []);
}

proptest! {
    /// Whatever the link does, it ends; no more is received than was sent, each number once; each is answered or lost.
    #[test]
    fn over_a_bad_link_every_request_has_one_outcome(
        seed: u64,
        loss in 0..60_u32,
        doubling in 0..40_u32,
        delay in 0..2500_u64,
        count in 1..20_u32,
    ) {
        let mut chance = StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let asked = Ask { count: Some(count), interval: ms(100), ..ask() };
        let mut ping = Ping::new(start, asked, &mut chance);
        let mut respond = responder(start, STATION);
        // When a frame arrives, whether at the responder, and the frame.
        let mut link: Vec<(Instant, bool, Vec<u8>)> = Vec::new();
        let (mut outcomes, mut said) = (vec![0; count as usize + 1], 0);
        let mut now = start;
        for _ in 0..10_000 {
            let arrival = link.iter().map(|(at, ..)| *at).min();
            let Some(next) = [ping.poll_timeout(), arrival].into_iter().flatten().min() else {
                break;
            };
            prop_assert!(next >= now);
            now = next;
            let position = link.iter().position(|(at, ..)| *at == now);
            match position.map(|position| link.swap_remove(position)) {
                Some((_, true, frame)) => respond.handle_frame(now, &frame),
                Some((_, false, frame)) => ping.handle_frame(now, &frame),
                None => ping.handle_timeout(now),
            }
            let sent = frames(&mut ping).into_iter().map(|frame| (true, frame));
            let replies = frames(&mut respond).into_iter().map(|frame| (false, frame));
            for (there, frame) in sent.chain(replies).collect::<Vec<_>>() {
                let copies = 1 + u32::from(chance.random_range(0..100) < doubling);
                for _ in 0..copies {
                    if chance.random_range(0..100) >= loss {
                        link.push((now + ms(chance.random_range(0..=delay)), there, frame.clone()));
                    }
                }
            }
            for event in events(&mut ping) {
                match event {
                    Pong::Sent { .. } => said += 1,
                    Pong::Reply { sequence, duplicate: false, late: false, .. } | Pong::Lost { sequence } => {
                        outcomes[sequence as usize] += 1;
                    }
                    Pong::Reply { damage, .. } => prop_assert_eq!(damage, None),
                    Pong::Foreign { .. } => prop_assert!(false),
                }
            }
        }
        prop_assert_eq!(ping.poll_timeout(), None);
        prop_assert!(link.is_empty());
        prop_assert_eq!(said, count);
        prop_assert!(outcomes[1..].iter().all(|outcomes| *outcomes == 1), "{:?}", outcomes);
        prop_assert!(ping.statistics().received <= u64::from(count));
    }

    #[test]
    fn any_bytes_may_come(bytes in prop::collection::vec(any::<u8>(), 0..100), ours: bool) {
        let now = Instant::now();
        let mut frame = bytes;
        if ours && frame.len() > 20 {
            frame[..6].copy_from_slice(&STATION.0);
            frame[12..14].copy_from_slice(&EXPERIMENTAL.to_be_bytes());
        }
        let mut respond = responder(now, STATION);
        respond.handle_frame(now, &frame);
        prop_assert!(frames(&mut respond).is_empty());
        let mut ping = Ping::new(now, Ask { source: STATION, ..ask() }, &mut rng());
        ping.handle_frame(now, &frame);
        prop_assert_eq!(events(&mut ping), vec![]);
    }
}
