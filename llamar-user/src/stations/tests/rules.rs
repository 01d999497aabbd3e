use std::collections::BTreeMap;

use super::How::*;
use super::*;

const DAY: f64 = 86_400.0;

#[test]
fn a_station_is_new_once_and_silence_of_days_is_no_news() {
    let heard = [
        (0.0, says(Request, 1)),
        (1.0, says(Reply, 1)),
        (2.0, has(Announcement, 1, "10.0.0.2")),
        (2.5, has(Announcement, 1, "fe80::1")),
        (3.0, has(Reply, 2, "10.0.0.3")),
        (20.0 * DAY, says(Request, 1)),
        (60.0 * DAY, says(Request, 1)),
    ];
    let expected = [
        (0, "new"),
        (2, "new-address"),
        (3, "new-address"),
        (4, "new"),
        (6, "back"),
    ];
    assert_eq!(names(&heard), expected);
}

// RFC 5227 1.1, 2.1.1, RFC 4861 7.2.3: C16, D11
#[test]
fn a_probe_makes_nobody_known_and_changes_nothing() {
    let probe = |last| Sighting {
        ip: None,
        asks: Some(ip("10.0.0.1")),
        ..says(Probe, last)
    };
    let heard = [
        (0.0, probe(1)),
        (1.0, says(Announcement, 1)),
        (2.0, probe(2)),
        (2.1, says(Reply, 1)),
    ];
    assert_eq!(names(&heard), [(1, "new")]);
}

#[test]
fn a_changed_address_tells_who_had_it_and_for_how_long() {
    let heard = [
        (0.0, says(Request, 1)),
        (600.0, says(Reply, 1)),
        (1000.0, says(Announcement, 2)),
    ];
    let news = told(&mut Table::default(), &heard);
    let expected = What::Changed {
        from: mac(1),
        had_for: Duration::from_secs(600),
        silent_for: Duration::from_secs(400),
    };
    assert_eq!(news[1..], [(2, expected)]);
}

#[test]
fn the_one_before_is_a_flip_flop_and_one_of_long_ago_uses_it_again() {
    let heard = [
        (0.0, says(Request, 1)),
        (20.0, says(Request, 2)),
        (40.0, says(Request, 1)),
        (60.0, says(Request, 3)),
        (80.0, says(Request, 2)),
    ];
    let expected = [
        (0, "new"),
        (1, "changed"),
        (2, "flip-flop"),
        (3, "changed"),
        (4, "reused"),
    ];
    assert_eq!(names(&heard), expected);
}

#[test]
fn two_who_take_turns_slowly_are_told_every_ten_minutes_with_how_often() {
    let turns: Vec<_> = (0..200_u8)
        .map(|turn| (f64::from(turn) * 20.0, says(Request, 1 + turn % 2)))
        .collect();
    let news = told(&mut Table::default(), &turns);
    let times: Vec<_> = news
        .iter()
        .filter_map(|(_, what)| match what {
            What::FlipFlop { times, .. } => Some(*times),
            _ => None,
        })
        .collect();
    assert_eq!(times, [1, 30, 30, 30, 30, 30, 30]);
    assert_eq!(news.len(), times.len() + 2);
}

// A host that has got another interface card is no duplicate.
// RFC 826 Packet Reception: C4
#[test]
fn two_answers_to_one_question_are_a_duplicate_and_a_takeover_is_none() {
    let duplicate = |first, second| {
        let heard = [(0.0, says(first, 1)), (0.2, says(second, 2))];
        names(&heard).pop().unwrap().1 == "duplicate"
    };
    assert!(duplicate(Reply, Reply) && duplicate(Advertisement, Advertisement));
    for takeover in [Announcement, Request, Solicitation] {
        assert!(!duplicate(Reply, takeover), "{takeover:?}");
    }
    assert!(!duplicate(Request, Reply));
    let slow = [(0.0, says(Reply, 1)), (1.5, says(Reply, 2))];
    assert_eq!(names(&slow), [(0, "new"), (1, "changed")]);
}

// RFC 5227 2.4: C10
#[test]
fn one_that_defends_its_address_at_once_makes_it_a_duplicate() {
    let heard = [
        (0.0, says(Request, 1)),
        (100.0, says(Announcement, 2)),
        (100.1, says(Announcement, 1)),
    ];
    let expected = [(0, "new"), (1, "changed"), (2, "duplicate")];
    assert_eq!(names(&heard), expected);
    let later = [heard[0], heard[1], (102.0, says(Announcement, 1))];
    assert_eq!(names(&later)[2], (2, "flip-flop"));
}

#[test]
fn two_who_take_turns_fast_are_a_duplicate_told_once() {
    let turns: Vec<_> = (0..100_u8)
        .map(|turn| (f64::from(turn) * 2.0, says(Request, 1 + turn % 2)))
        .collect();
    let expected = [
        (0, "new"),
        (1, "changed"),
        (2, "flip-flop"),
        (3, "duplicate"),
    ];
    assert_eq!(names(&turns), expected);
}

// RFC 4861 7.2.5, 7.2.7: D4
#[test]
fn an_advertisement_without_override_takes_no_address_from_another() {
    let weak = Sighting {
        weak: true,
        ..says(Advertisement, 2)
    };
    let heard = [(0.0, says(Advertisement, 1)), (0.1, weak)];
    assert_eq!(names(&heard), [(0, "new")]);
    assert_eq!(names(&[(0.0, weak)]), [(0, "new")]);
}

#[test]
fn forwarders_of_one_group_share_its_address() {
    let forwarder = |last| {
        let mac = MacAddr([0, 7, 0xb4, 0, 1, last]);
        let source = Some(mac);
        Sighting {
            mac,
            source,
            ..says(Reply, 1)
        }
    };
    let heard = [
        (0.0, forwarder(1)),
        (0.1, forwarder(2)),
        (0.2, forwarder(1)),
    ];
    assert_eq!(names(&heard), [(0, "new")]);
}

#[test]
fn a_frame_from_another_than_its_packet_tells_of_is_a_mismatch_once_a_day() {
    let translated = Sighting {
        source: Some(mac(9)),
        ..says(Reply, 1)
    };
    let virtual_router = Sighting {
        mac: MacAddr([0, 0, 0x5e, 0, 1, 7]),
        ..has(Reply, 9, "10.0.0.254")
    };
    let heard = [
        (0.0, translated),
        (1.0, translated),
        (1.0 + DAY, translated),
        (1.0 + DAY, virtual_router),
    ];
    let expected = [(0, "mismatch"), (0, "new"), (2, "mismatch"), (3, "new")];
    assert_eq!(names(&heard), expected);
}

#[test]
fn addresses_that_nobody_can_have_are_told_and_not_remembered() {
    let mut table = Table::default();
    let group = Sighting {
        mac: MacAddr::BROADCAST,
        source: None,
        ..says(Reply, 1)
    };
    let heard = [
        (0.0, has(Request, 1, "127.0.0.1")),
        (1.0, has(Request, 1, "127.0.0.1")),
        (1.0, has(Reply, 1, "224.0.0.1")),
        (2.0, group),
    ];
    let news: Vec<_> = told(&mut table, &heard)
        .into_iter()
        .map(|(index, what)| (index, what.name()))
        .collect();
    assert_eq!(news, [(0, "bogon"), (2, "bogon"), (3, "no-station")]);
    assert!(table.is_empty());
}

#[test]
fn an_address_of_no_prefix_of_the_link_is_told_instead_of_the_station() {
    let mut table = Table::default();
    let facts = |prefix: &str| Facts {
        prefixes: vec![(ip(prefix), 24)],
        ..Facts::default()
    };
    let other = Place {
        link: 1,
        vlan: None,
    };
    table.learn(BTreeMap::from([
        (Place::default(), facts("10.0.0.9")),
        (other, facts("192.168.1.1")),
    ]));
    let there = Sighting {
        place: other,
        ..says(Reply, 1)
    };
    let heard = [
        (0.0, says(Reply, 1)),
        (0.0, there),
        (1.0, there),
        (
            2.0,
            Sighting {
                ip: Some(ip("192.168.1.2")),
                ..there
            },
        ),
    ];
    let news = told(&mut table, &heard);
    let bogon = What::Bogon(Strange::OffLink);
    assert_eq!(news, [(0, What::New), (1, bogon), (3, What::NewAddress)]);
}

#[test]
fn links_and_vlans_are_worlds_of_their_own() {
    let vlan = |vlan| Sighting {
        place: Place { link: 0, vlan },
        ..says(Reply, 1)
    };
    let heard = [
        (0.0, vlan(None)),
        (0.0, vlan(Some(1))),
        (0.1, vlan(Some(2))),
    ];
    assert_eq!(names(&heard), [(0, "new"), (1, "new"), (2, "new")]);
}

#[test]
fn one_that_answers_for_a_whole_network_is_told_as_that() {
    let heard: Vec<_> = (0..200_u8)
        .map(|last| (0.0, has(Reply, 1, &format!("10.0.0.{last}"))))
        .collect();
    let news = told(&mut Table::default(), &heard);
    let many: Vec<_> = news
        .iter()
        .filter(|(_, what)| what.name() != "new-address")
        .collect();
    let expected = |index, addresses| (index, What::Many { addresses });
    assert_eq!(
        many,
        [&(0, What::New), &expected(32, 33), &expected(128, 129)]
    );
    assert_eq!(news.len(), 31 + 3);
    // A new address each day, as hosts of IPv6 have them.
    let daily: Vec<_> = (0..200_u8)
        .map(|day| {
            (
                f64::from(day) * DAY,
                has(Solicitation, 1, &format!("fd00::{day}")),
            )
        })
        .collect();
    assert!(
        names(&daily)
            .iter()
            .all(|(_, name)| name.starts_with("new"))
    );
}

#[test]
fn one_that_asks_for_a_whole_network_is_told() {
    let asks: Vec<_> = (0..=255_u8)
        .map(|last| {
            let asks = Some(ip(&format!("10.0.0.{last}")));
            let ip = None;
            let probe = Sighting {
                asks,
                ip,
                ..says(Probe, 1)
            };
            (f64::from(last) / 100.0, probe)
        })
        .collect();
    let scan = What::Scan {
        addresses: 64,
        within: Duration::from_secs(10),
    };
    let news = told(&mut Table::default(), &asks);
    assert_eq!(
        news.iter().map(|(_, what)| *what).collect::<Vec<_>>(),
        [scan]
    );
}

#[test]
fn what_happens_to_a_routers_address_is_marked() {
    let mut table = Table::default();
    let routers = [ip("10.0.0.1")].into();
    let facts = Facts {
        routers,
        ..Facts::default()
    };
    table.learn([(Place::default(), facts)].into());
    assert!(table.hear(at(0.0), &says(Reply, 1))[0].router);
    assert!(table.hear(at(9.0), &says(Announcement, 2))[0].router);
    assert!(!table.hear(at(0.0), &has(Reply, 3, "10.0.0.3"))[0].router);
    let advertises = Sighting {
        router: true,
        ..has(Advertisement, 4, "fe80::4")
    };
    assert!(table.hear(at(0.0), &advertises)[0].router);
    // Whoever takes it does not call itself one.
    assert!(table.hear(at(9.0), &has(Announcement, 5, "fe80::4"))[0].router);
}

// RFC 5227 2.4, RFC 4862 5.4.4: C6, D14
#[test]
fn whoever_has_an_address_of_this_host_is_a_duplicate() {
    let mut table = Table::default();
    let own = [(ip("10.0.0.1"), mac(9))].into();
    let facts = Facts {
        own,
        ..Facts::default()
    };
    table.learn([(Place::default(), facts)].into());
    let heard = [
        (0.0, says(Request, 1)),
        (1.0, says(Reply, 1)),
        (2.0, says(Request, 9)),
        (700.0, says(Request, 1)),
    ];
    let duplicate = What::Duplicate {
        other: mac(9),
        times: 1,
    };
    let news = told(&mut table, &heard);
    assert_eq!(news, [(0, duplicate), (3, duplicate)]);
    assert!(table.is_empty());
}

#[test]
fn what_was_kept_is_not_new_and_remembers_who_was_before() {
    let mut table = Table::default();
    let heard = [
        (0.0, says(Request, 1)),
        (20.0, says(Request, 2)),
        (20.0, has(Request, 3, "10.0.0.3")),
    ];
    told(&mut table, &heard);
    let mut again = Table::default();
    for known in table.known() {
        again.remember(&known);
    }
    assert!(again.known().eq(table.known()));
    let heard = [
        (60.0, says(Request, 2)),
        (61.0, has(Reply, 3, "10.0.0.3")),
        (70.0, says(Request, 1)),
        (80.0, has(Reply, 3, "10.0.0.4")),
    ];
    let news = told(&mut again, &heard);
    let names: Vec<_> = news
        .iter()
        .map(|(index, what)| (*index, what.name()))
        .collect();
    assert_eq!(names, [(2, "flip-flop"), (3, "new-address")]);
    assert_eq!(again.holder(Place::default(), ip("10.0.0.1")), Some(mac(1)));
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let heard = [
        (1000.0, says(Reply, 1)),
        (0.0, says(Reply, 1)),
        (-1000.0, says(Reply, 2)),
        (-500.0, says(Reply, 1)),
    ];
    let expected = [(0, "new"), (2, "changed"), (3, "flip-flop")];
    assert_eq!(names(&heard), expected);
}
