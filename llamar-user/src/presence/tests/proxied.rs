//! Addresses of others, for which we answer: told of only if nobody else has them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::scene::*;
use crate::config::{OnAddressConflict, Presence};
use crate::presence::Outcome::{Noted, Unannounced, Withdrawn};
use crate::presence::{Event, Heard, Origin, PROXIED_MAX, Wanted};

fn proxied(presence: Presence, addresses: &[IpAddr]) -> Scene {
    let addresses: Vec<_> = addresses.iter().map(|a| (*a, Origin::Proxied)).collect();
    Scene::new(Wanted {
        presence,
        ..wanted(&addresses)
    })
}

// RFC 5227 2.1.1, 2.3: C7, C14, C16
#[test]
fn a_proxied_address_is_announced_after_three_probes_that_nobody_answers() {
    for seed in 0..20 {
        let mut scene = proxied(Presence::default(), &[A]);
        // Other moments, so other dice.
        for _ in 0..seed {
            scene.change(|wanted| wanted.up = !wanted.up);
        }
        scene.change(|wanted| wanted.up = true);
        let start = scene.run(0);
        assert_eq!(start, []);
        let said = scene.run(60_000);
        let kinds: Vec<_> = said.iter().map(|said| said.1).collect();
        assert_eq!(kinds, PROBED_AND_ANNOUNCED);
        let pauses: Vec<_> = said.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(said[0].0 <= 1_000, "{said:?}");
        assert!(
            pauses[..2]
                .iter()
                .all(|pause| (1_000..=2_000).contains(pause)),
            "{said:?}"
        );
        assert_eq!(pauses[2..], [2_000, 2_000]);
        assert_eq!(scene.events(), []);
    }
    let mut scene = proxied(Presence::default(), &[A]);
    scene.run(4_000);
    let expected =
        llamar_common::testing::FrameBuilder::arp_probe(MAC.0, Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(scene.frames[0], expected);
}

// RFC 5227 2.1.1: C7
#[test]
fn a_proxied_address_that_somebody_has_is_not_announced_but_answered_for() {
    for frame in [announcement(OTHER, A), probe(OTHER, A)] {
        let mut scene = proxied(Presence::default(), &[A]);
        scene.run(1_200);
        assert!(scene.hear(&frame).is_some());
        assert_eq!(scene.run(59_000), []);
        assert_eq!(scene.withdrawn(), [A; 0]);
        let conflict = Event::Conflict {
            key: KEY,
            address: A,
            origin: Origin::Proxied,
            culprit: OTHER,
            outcome: Unannounced,
            news: true,
        };
        assert_eq!(scene.events(), [conflict]);
        // Later it is free.
        assert_eq!(scene.run(12_000).len(), 5);
        assert_eq!(
            scene.events(),
            [Event::Free {
                key: KEY,
                address: A
            }]
        );
    }
}

#[test]
fn a_proxied_address_whose_host_comes_is_not_defended() {
    let presence = Presence {
        every: Some(Duration::from_secs(10)),
        ..Presence::default()
    };
    let mut scene = proxied(presence, &[A]);
    scene.run(30_000);
    for _ in 0..4 {
        assert_eq!(scene.contest(A), Some(Heard::ArpConflict));
        assert_eq!(scene.run(50_000), []);
    }
    assert_eq!(scene.outcomes(), [Unannounced, Noted, Noted, Noted]);
}

#[test]
fn a_proxied_address_whose_host_comes_is_withdrawn_where_that_is_wanted_and_comes_back() {
    for announce in [true, false] {
        let presence = Presence {
            announce,
            ..policy(OnAddressConflict::Withdraw)
        };
        let mut scene = proxied(presence, &[A]);
        scene.run(30_000);
        scene.contest(A);
        assert_eq!(
            (scene.withdrawn(), scene.outcomes()),
            (vec![A], vec![Withdrawn])
        );
        scene.contest(A);
        scene.run(59_000);
        assert_eq!(scene.withdrawn(), [A]);
        let said = scene.run(12_000);
        assert_eq!(said.len(), if announce { 5 } else { 3 });
        assert_eq!(scene.withdrawn(), [A; 0]);
    }
}

#[test]
fn a_proxied_address_that_was_withdrawn_is_answered_for_again_where_that_is_wanted_whoever_has_it()
{
    for announce in [true, false] {
        let mut scene = proxied(policy(OnAddressConflict::Withdraw), &[A]);
        scene.run(30_000);
        scene.contest(A);
        assert_eq!(scene.withdrawn(), [A]);
        scene.change(|wanted| {
            wanted.presence.on_conflict = OnAddressConflict::Report;
            wanted.presence.announce = announce;
        });
        for _ in 0..3 {
            assert_eq!(scene.withdrawn(), [A; 0]);
            scene.contest(A);
            scene.run(20_000);
        }
    }
}

#[test]
fn a_proxied_address_that_is_not_announced_is_noted_only() {
    let silent = Presence {
        announce: false,
        ..Presence::default()
    };
    let mut scene = proxied(silent, &[A]);
    scene.contest(A);
    assert_eq!(
        (scene.run(100_000), scene.outcomes()),
        (Vec::new(), vec![Noted])
    );
}

// RFC 3927 2.7: C14, C21
#[test]
fn nobody_is_told_of_link_local_addresses_of_others() {
    let mut scene = proxied(Presence::default(), &[LOCAL]);
    assert_eq!(scene.run(100_000), []);
}

#[test]
fn more_proxied_addresses_than_others_should_hear_of_are_not_announced() {
    let addresses: Vec<IpAddr> = (0..=PROXIED_MAX as u32)
        .map(|n| Ipv4Addr::from_bits(0x0a00_0100 + n).into())
        .collect();
    let mut scene = proxied(Presence::default(), &addresses);
    scene.change(|wanted| {
        wanted.addresses.insert(A, Origin::Assigned);
    });
    let said = scene.run(200_000);
    assert_eq!(said.iter().map(|said| said.2).collect::<Vec<_>>(), [A, A]);
    let last = *addresses.last().unwrap();
    scene.change(|wanted| {
        wanted.addresses.remove(&last);
    });
    // All is told anew: the rest is five frames each.
    assert_eq!(scene.run(200_000).len(), 5 * PROXIED_MAX + 2);
}

// RFC 5227 2.1.1: C8
#[test]
fn a_proxied_address_that_others_have_for_good_is_probed_for_ever_more_rarely() {
    let mut scene = proxied(Presence::default(), &[A]);
    let mut probes = Vec::new();
    while scene.now < scene.start + Duration::from_secs(6 * 3600) {
        if let Some((at, ..)) = scene.run(1_000).first() {
            probes.push(*at / 60_000);
            scene.contest(A);
        }
    }
    assert_eq!(probes, [0, 1, 3, 7, 15, 31, 63, 127, 191, 255, 319]);
    scene.change(|wanted| wanted.presence.on_conflict = OnAddressConflict::Withdraw);
    scene.run(10_000);
    // Whoever does not answer for it has it back soon.
    scene.contest(A);
    assert_eq!(scene.run(70_000).len(), 5);
}

#[test]
fn an_address_that_becomes_our_own_is_announced_as_such() {
    let mut scene = proxied(Presence::default(), &[A]);
    scene.run(1_200);
    scene.contest(A);
    scene.run(100);
    scene.change(|wanted| {
        wanted.addresses.insert(A, Origin::Assigned);
    });
    assert_eq!(scene.run(10_000).len(), 2);
    scene.contest(A);
    assert_eq!(scene.run(1_000).len(), 1, "and defended");
}
