//! What is done when another host uses an address of ours.

use proptest::prelude::*;

use super::scene::*;
use crate::arp::{Packet, Station};
use crate::config::{OnAddressConflict, Presence};
use crate::ether::{MacAddr, Tag};
use crate::presence::Outcome::{Defended, Noted, Withdrawn};
use crate::presence::Sent::{ArpAnnouncement, ArpProbe, NdAnnouncement, NdProbe};
use crate::presence::{Event, Heard, Origin, Wanted};

// RFC 5227 2.4: C6, C10
#[test]
fn an_address_is_defended_at_most_once_in_ten_seconds_for_ever() {
    let mut scene = Scene::settled(Presence::default(), &[A]);
    let mut said = Vec::new();
    for _ in 0..50 {
        assert_eq!(scene.contest(A), Some(Heard::ArpConflict));
        said.extend(scene.run(1_000));
    }
    let times: Vec<_> = said.iter().map(|said| (said.0, said.1)).collect();
    let expected = [9, 19, 29, 39, 49].map(|second| (second * 1_000, ArpAnnouncement));
    assert_eq!(times, expected);
    assert_eq!(scene.withdrawn(), [A; 0]);
    let outcomes = scene.outcomes();
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == Defended)
            .count(),
        5
    );
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == Noted).count(),
        45
    );
}

// RFC 5227 2.4: C10
#[test]
fn the_announcement_by_which_an_address_is_defended_is_the_last_of_its_interval() {
    let mut scene = Scene::new(wanted(&[(A, Origin::Assigned)]));
    assert_eq!(scene.run(500).len(), 1);
    scene.contest(A);
    assert_eq!(scene.run(60_000), [(500, ArpAnnouncement, A)]);
}

// RFC 5227 2.4, 1.2.1: C6, C22
#[test]
fn a_request_or_a_reply_is_a_conflict_whatever_it_asks_for_and_however_it_came() {
    let std::net::IpAddr::V4(ours) = A else {
        unreachable!()
    };
    let them = Station {
        mac: OTHER,
        ip: ours,
    };
    let request = Packet::request(them, [10, 0, 0, 77].into());
    let reply = Packet {
        operation: 2,
        ..request
    };
    for (packet, heard) in [
        (request, Heard::ArpConflict),
        (reply, Heard::ArpConflict),
        (Packet::gratuitous_reply(them), Heard::ArpConflict),
        (
            Packet {
                operation: 8,
                ..request
            },
            Heard::Other,
        ),
        (
            Packet::request(
                Station {
                    mac: OTHER,
                    ip: [10, 0, 0, 9].into(),
                },
                ours,
            ),
            Heard::Other,
        ),
    ] {
        for destination in [MacAddr::BROADCAST, MAC] {
            let mut scene = Scene::settled(Presence::default(), &[A]);
            let frame = packet.to_frame(OTHER, destination, None);
            assert_eq!(scene.hear(&frame), Some(heard), "{packet:?}");
            assert_eq!(
                scene.events().len(),
                usize::from(heard == Heard::ArpConflict)
            );
        }
    }
}

// RFC 5227 2.4; RFC 4862 5.4.3: C6, D10
#[test]
fn frames_of_our_own_are_no_conflict_by_whatever_interface_they_come() {
    for address in [A, SIX] {
        let mut scene = Scene::settled(Presence::default(), &[address]);
        for mac in [MAC, SECOND] {
            assert_eq!(scene.hear(&announcement(mac, address)), Some(Heard::Own));
            assert_eq!(scene.hear(&probe(mac, address)), Some(Heard::Own));
        }
        // An access point that sends it back under an address of its own.
        let mut echo = announcement(MAC, address);
        echo[6..12].copy_from_slice(&OTHER.0);
        assert_eq!(scene.hear(&echo), Some(Heard::Own));
        assert_eq!(
            (scene.events(), scene.run(60_000)),
            (Vec::new(), Vec::new())
        );
    }
}

#[test]
fn frames_of_another_link_are_none_of_ours() {
    let mut scene = Scene::settled(Presence::default(), &[A]);
    let std::net::IpAddr::V4(ip) = A else {
        unreachable!()
    };
    let packet = Packet::announcement(Station { mac: OTHER, ip });
    let tagged = packet.to_frame(OTHER, MacAddr::BROADCAST, Some(Tag::vlan(7)));
    assert_eq!(scene.hear(&tagged), None);
    let frame = announcement(OTHER, A);
    assert_eq!(scene.engine.handle_frame(scene.now, 3, &frame), None);
    // A tag of VLAN 0 is but a priority.
    let priority = packet.to_frame(OTHER, MacAddr::BROADCAST, Some(Tag::vlan(0)));
    assert_eq!(scene.hear(&priority), Some(Heard::ArpConflict));
    assert_eq!(scene.hear(&[0; 5]), Some(Heard::Other));
}

#[test]
fn on_a_vlan_without_an_interface_conflicts_have_its_tag() {
    let tag = Some(Tag::vlan(100));
    let mut scene = Scene::new(Wanted {
        tag,
        ..wanted(&[(A, Origin::Assigned)])
    });
    assert_eq!(scene.contest(A), None);
    let std::net::IpAddr::V4(ip) = A else {
        unreachable!()
    };
    let packet = Packet::announcement(Station { mac: OTHER, ip });
    let frame = packet.to_frame(OTHER, MacAddr::BROADCAST, tag);
    assert_eq!(scene.hear(&frame), Some(Heard::ArpConflict));
}

// RFC 5227 2.4: C10, C17
#[test]
fn an_address_that_is_withdrawn_comes_back_when_probes_find_it_free_after_a_quiet_minute() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A]);
    scene.contest(A);
    assert_eq!(scene.run(5_000), [(9_000, ArpAnnouncement, A)]);
    assert_eq!(scene.withdrawn(), [A; 0]);
    scene.contest(A);
    assert_eq!(
        (scene.run(30_000), scene.withdrawn()),
        (Vec::new(), vec![A])
    );
    // It goes on: the minute begins anew.
    scene.contest(A);
    assert_eq!(scene.run(60_000), []);
    assert_eq!(scene.outcomes(), [Defended, Withdrawn, Noted]);
    let said = scene.run(12_000);
    let kinds: Vec<_> = said.iter().map(|said| said.1).collect();
    assert_eq!(kinds, PROBED_AND_ANNOUNCED);
    assert!(said[0].0 >= 104_000 && said[0].0 <= 105_000, "{said:?}");
    assert_eq!(said[3].0 - said[2].0, 2_000);
    assert_eq!(
        scene.events(),
        [Event::Free {
            key: KEY,
            address: A
        }]
    );
    assert_eq!(scene.withdrawn(), [A; 0]);
    // And it is defended as before.
    scene.contest(A);
    assert_eq!(scene.run(1_000).len(), 1);
}

// RFC 5227 2.1.1: C7
#[test]
fn a_withdrawn_address_that_is_still_used_or_wanted_by_another_stays_withdrawn() {
    for frame in [announcement(OTHER, A), probe(OTHER, A)] {
        let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A]);
        scene.contest(A);
        scene.contest(A);
        scene.run(61_500);
        scene.hear(&frame);
        assert_eq!(scene.run(59_000), []);
        assert_eq!(scene.withdrawn(), [A]);
        assert_eq!(scene.outcomes(), [Defended, Withdrawn, Noted]);
        assert_eq!(scene.run(12_000).len(), 5);
    }
}

// RFC 5227 2.1: C17
#[test]
fn a_withdrawn_address_is_probed_for_when_the_link_comes_up() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A]);
    scene.contest(A);
    scene.contest(A);
    scene.run(100);
    for up in [false, true] {
        scene.change(|wanted| wanted.up = up);
        assert_eq!(scene.withdrawn(), [A]);
    }
    let kinds: Vec<_> = scene.run(10_000).iter().map(|said| said.1).collect();
    assert_eq!(kinds, PROBED_AND_ANNOUNCED);
    assert_eq!(scene.withdrawn(), [A; 0]);
}

#[test]
fn another_policy_holds_for_what_was_withdrawn_too() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[A]);
    scene.contest(A);
    scene.contest(A);
    scene.run(100);
    scene.change(|wanted| wanted.presence.on_conflict = OnAddressConflict::Report);
    assert_eq!(scene.run(10_000).len(), 5);
    scene.contest(A);
    scene.contest(A);
    assert_eq!(
        (scene.withdrawn(), scene.run(10_000)),
        (Vec::new(), Vec::new())
    );
    // What was not in doubt is not announced for that.
    scene.change(|wanted| wanted.presence.on_conflict = OnAddressConflict::Defend);
    assert_eq!(scene.run(10_000), []);
    scene.contest(A);
    assert_eq!(scene.run(10_000).len(), 1);
}

#[test]
fn a_conflict_that_is_only_to_be_reported_is_met_by_silence() {
    let mut scene = Scene::settled(policy(OnAddressConflict::Report), &[A, SIX]);
    for _ in 0..5 {
        scene.contest(A);
        scene.contest(SIX);
    }
    assert_eq!(scene.run(100_000), []);
    assert_eq!(scene.outcomes(), [Noted; 10]);
}

// RFC 3927 2.5: C18
#[test]
fn a_link_local_address_is_defended_once_and_then_given_up_whatever_the_policy() {
    for on_conflict in OnAddressConflict::ALL {
        let mut scene = Scene::settled(policy(on_conflict), &[LOCAL]);
        scene.contest(LOCAL);
        assert_eq!(scene.run(3_000).len(), 1, "{on_conflict}");
        scene.contest(LOCAL);
        assert_eq!(
            (scene.run(3_000), scene.withdrawn()),
            (Vec::new(), vec![LOCAL])
        );
        assert_eq!(scene.outcomes(), [Defended, Withdrawn]);
    }
}

#[test]
fn without_announcements_no_address_is_defended_but_it_is_withdrawn_if_that_is_wanted() {
    let silent = |on_conflict| Presence {
        announce: false,
        ..policy(on_conflict)
    };
    let mut scene = Scene::settled(silent(OnAddressConflict::Defend), &[A]);
    scene.contest(A);
    scene.contest(A);
    assert_eq!(
        (scene.run(60_000), scene.outcomes()),
        (Vec::new(), vec![Noted; 2])
    );
    let mut scene = Scene::settled(silent(OnAddressConflict::Withdraw), &[A]);
    scene.contest(A);
    scene.contest(A);
    scene.run(1_000);
    assert_eq!(
        (scene.withdrawn(), scene.outcomes()),
        (vec![A], vec![Noted, Withdrawn])
    );
    // Only by asking it is known whether it is free.
    let kinds: Vec<_> = scene.run(80_000).iter().map(|said| said.1).collect();
    assert_eq!((kinds, scene.withdrawn()), (vec![ArpProbe; 3], Vec::new()));
}

// RFC 4862 5.4.4; RFC 4861 7.2.6: D6, D14
#[test]
fn a_late_duplicate_in_ipv6_is_met_like_one_in_ipv4() {
    let mut scene = Scene::settled(Presence::default(), &[SIX]);
    assert_eq!(scene.contest(SIX), Some(Heard::NdConflict));
    assert_eq!(scene.contest(SIX), Some(Heard::NdConflict));
    assert_eq!(scene.run(60_000), [(9_000, NdAnnouncement, SIX)]);
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[SIX]);
    scene.contest(SIX);
    assert_eq!(scene.run(100).len(), 1);
    scene.contest(SIX);
    assert_eq!(scene.run(59_000), []);
    assert_eq!(scene.outcomes(), [Defended, Withdrawn]);
    let kinds: Vec<_> = scene.run(10_000).iter().map(|said| said.1).collect();
    assert_eq!(
        kinds,
        [NdProbe, NdAnnouncement, NdAnnouncement, NdAnnouncement]
    );
}

// RFC 4862 5.4.2; RFC 7527 4.1: D7, D8
#[test]
fn an_ipv6_address_is_probed_for_with_a_fresh_nonce_and_without_a_hardware_address() {
    use crate::ether::Frame;
    use crate::ndp::{self, Message};
    let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[SIX]);
    let mut nonces = Vec::new();
    for _ in 0..2 {
        scene.contest(SIX);
        scene.contest(SIX);
        scene.run(0);
        scene.frames.clear();
        scene.run(75_000);
        let packet = ndp::Packet::read(Frame::read(&scene.frames[0]).unwrap().payload).unwrap();
        assert!(packet.source.is_unspecified());
        let Message::Solicitation(solicitation) = packet.message else {
            panic!("{packet:?}");
        };
        assert_eq!(solicitation.source_mac, None);
        nonces.push(solicitation.nonce.unwrap());
    }
    assert!(nonces[0] != nonces[1] && nonces[0].len() == 6);
}

// RFC 5227 2.1.1; RFC 4862 5.4.3: D2
#[test]
fn who_asks_whether_anybody_has_our_address_is_noted_only() {
    for (address, heard) in [(A, Heard::ArpProbed), (SIX, Heard::NdProbed)] {
        let mut scene = Scene::settled(policy(OnAddressConflict::Withdraw), &[address]);
        for news in [true, false, false] {
            assert_eq!(scene.hear(&probe(OTHER, address)), Some(heard));
            let by = OTHER;
            assert_eq!(
                scene.events(),
                [Event::Probed {
                    key: KEY,
                    address,
                    by,
                    news
                }]
            );
        }
        assert_eq!(
            (scene.run(60_000), scene.withdrawn()),
            (Vec::new(), Vec::new())
        );
        assert_eq!(scene.engine.records(KEY).count(), 0);
    }
}

proptest! {
    // RFC 5227 2.4, 2.1.1: C10
    #[test]
    fn no_history_makes_two_announcements_of_a_conflict_within_ten_seconds(
        policy_index in 0usize..3,
        steps in prop::collection::vec((0u8..6, 0u64..8_000), 1..80),
    ) {
        let on_conflict = OnAddressConflict::ALL[policy_index];
        let mut scene = Scene::settled(policy(on_conflict), &[A]);
        let mut said: Vec<Said> = Vec::new();
        for (what, pause) in steps {
            match what {
                0 | 1 => { scene.contest(A); }
                2 => { scene.hear(&probe(OTHER, A)); }
                3 => { scene.hear(&announcement(SECOND, A)); }
                _ => {}
            }
            let was_withdrawn = scene.withdrawn().contains(&A);
            let now = scene.run(pause);
            said.extend(&now);
            // Whoever withdraws an address says nothing of it before it was found free, for which three probes are made
            // again and again, a minute apart.
            if scene.withdrawn().contains(&A) {
                prop_assert!(!was_withdrawn || now.iter().all(|said| said.1 == ArpProbe), "{now:?}");
                let last = said.iter().rev().take_while(|said| said.1 == ArpProbe);
                let times: Vec<u64> = last.map(|said| said.0).collect();
                let far = times.windows(4).all(|times| times[0] - times[3] > 30_000);
                prop_assert!(far, "{times:?}");
            }
        }
        let defended: Vec<_> = said.windows(2).filter(|pair| {
            pair[0].1 == ArpAnnouncement && pair[1].1 == ArpAnnouncement
        }).map(|pair| pair[1].0 - pair[0].0).collect();
        // Those of a return are two seconds apart, and a defence may follow those at once.
        prop_assert!(on_conflict != OnAddressConflict::Defend || defended.iter().all(|pause| *pause >= 10_000), "{said:?}");
        prop_assert!(on_conflict != OnAddressConflict::Report || said.is_empty());
    }

    #[test]
    fn any_frame_is_heard_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..120), cut in 0usize..100) {
        let mut scene = Scene::settled(Presence::default(), &[A, SIX]);
        scene.hear(&bytes);
        for mut frame in [announcement(OTHER, A), probe(OTHER, SIX)] {
            let at = bytes.len() % frame.len();
            frame[at] ^= bytes.first().copied().unwrap_or(1);
            frame.truncate(cut);
            scene.hear(&frame);
        }
        prop_assert!(scene.run(60_000).len() <= 2);
    }
}
