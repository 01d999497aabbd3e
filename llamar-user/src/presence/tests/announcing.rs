//! When our addresses are told to others.

use std::collections::BTreeSet;
use std::time::Duration;

use llamar_common::testing::FrameBuilder;

use super::scene::*;
use crate::config::Presence;
use crate::ether::{Frame, Tag};
use crate::ndp::{self, Message};
use crate::presence::Sent::{ArpAnnouncement, NdAnnouncement};
use crate::presence::{Origin, Wanted};

fn own(addresses: &[std::net::IpAddr]) -> Wanted {
    let own: Vec<_> = addresses.iter().map(|a| (*a, Origin::Assigned)).collect();
    wanted(&own)
}

// RFC 5227 2.3: C9
#[test]
fn an_ipv4_address_is_announced_twice_two_seconds_apart() {
    let mut scene = Scene::new(own(&[A]));
    assert_eq!(
        scene.run(60_000),
        [(0, ArpAnnouncement, A), (2_000, ArpAnnouncement, A)]
    );
    assert_eq!(scene.engine.poll_timeout(), None);
    let station = llamar_common::testing::Station::new(MAC.0, A);
    let expected = FrameBuilder::arp_announcement(station);
    assert_eq!(scene.frames, [expected.clone(), expected]);
}

// RFC 4861 7.2.6: D6
#[test]
fn an_ipv6_address_is_announced_three_times_a_second_apart() {
    let mut scene = Scene::new(own(&[SIX]));
    let said = [0, 1_000, 2_000].map(|at| (at, NdAnnouncement, SIX));
    assert_eq!(scene.run(60_000), said);
    scene.change(|wanted| wanted.router = true);
    assert_eq!(
        scene.run(60_000),
        [],
        "another role is told with the next announcement"
    );
    scene.change(|wanted| wanted.mac = SECOND);
    assert_eq!(scene.run(60_000).len(), 3);
    for (frame, (router, mac)) in scene
        .frames
        .iter()
        .zip([(false, MAC); 3].into_iter().chain([(true, SECOND); 3]))
    {
        let frame = Frame::read(frame).unwrap();
        assert_eq!(
            (frame.source, frame.destination.0),
            (mac, [0x33, 0x33, 0, 0, 0, 1])
        );
        let packet = ndp::Packet::read(frame.payload).unwrap();
        assert_eq!(packet.source, SIX);
        let Message::Advertisement(advertisement) = packet.message else {
            panic!("{packet:?}");
        };
        assert_eq!(advertisement.target_mac, Some(mac));
        let flags = (
            advertisement.router,
            advertisement.solicited,
            advertisement.overriding,
        );
        assert_eq!(flags, (router, false, true));
    }
}

// RFC 5227 2.1, 2.3; RFC 4861 7.2.6: C17, D6
#[test]
fn everything_is_announced_anew_when_the_link_comes_up_or_its_hardware_address_changes() {
    let changes: [fn(&mut Wanted); 3] = [
        |wanted| wanted.up = false,
        |wanted| wanted.up = true,
        |wanted| wanted.mac = SECOND,
    ];
    let mut scene = Scene::new(own(&[A, SIX]));
    scene.run(10_000);
    for (change, frames) in changes.into_iter().zip([0, 5, 5]) {
        scene.change(change);
        assert_eq!(scene.run(10_000).len(), frames);
    }
    scene.engine.wake(scene.now);
    assert_eq!(scene.run(10_000).len(), 5, "after sleep");
    scene.follow();
    assert_eq!(scene.run(10_000), [], "nothing has changed");
}

#[test]
fn only_what_is_new_is_announced_and_what_is_gone_is_not() {
    let other = [10, 0, 0, 2].into();
    let mut scene = Scene::new(own(&[A]));
    scene.run(10_000);
    scene.change(|wanted| {
        wanted.addresses.insert(other, Origin::Assigned);
    });
    assert_eq!(scene.run(1_000), [(10_000, ArpAnnouncement, other)]);
    scene.change(|wanted| {
        wanted.addresses.remove(&other);
    });
    assert_eq!(scene.run(10_000), [], "the second one was due");
    assert_eq!(scene.engine.poll_timeout(), None);
}

#[test]
fn a_link_that_is_down_is_silent_and_forgets_what_was_due() {
    let mut scene = Scene::new(own(&[A, SIX]));
    scene.run(500);
    scene.change(|wanted| wanted.up = false);
    assert_eq!(scene.run(60_000), []);
    assert_eq!(scene.engine.poll_timeout(), None);
    assert!(scene.engine.watched().is_empty());
}

// RFC 4861 7.2.6: D6
#[test]
fn advertisements_are_a_second_apart_though_the_link_flaps() {
    let mut scene = Scene::new(own(&[SIX]));
    let mut said = scene.run(100);
    for _ in 0..30 {
        scene.change(|wanted| wanted.up = !wanted.up);
        said.extend(scene.run(150));
    }
    said.extend(scene.run(10_000));
    assert!(said.len() > 3, "{said:?}");
    assert!(
        said.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 1_000),
        "{said:?}"
    );
}

#[test]
fn without_announcements_nothing_is_said() {
    let mut scene = Scene::new(Wanted {
        presence: Presence {
            announce: false,
            every: Some(Duration::from_secs(10)),
            ..Presence::default()
        },
        ..wanted(&[
            (A, Origin::Assigned),
            (SIX, Origin::Assigned),
            ([10, 0, 0, 3].into(), Origin::Proxied),
        ])
    });
    assert_eq!(scene.run(100_000), []);
    assert_eq!(
        scene.engine.watched()[&2].v4.len(),
        2,
        "others are watched all the same"
    );
    scene.change(|wanted| wanted.presence.announce = true);
    assert_eq!(scene.run(1_500)[0], (100_000, ArpAnnouncement, A));
    scene.change(|wanted| wanted.presence.announce = false);
    assert_eq!(scene.run(100_000), []);
}

// RFC 826 Related issue: C11
#[test]
fn periodic_announcements_follow_the_first_ones_and_stop_when_they_are_not_wanted() {
    let mut scene = Scene::new(own(&[A]));
    scene.change(|wanted| wanted.presence.every = Some(Duration::from_secs(60)));
    let times: Vec<_> = scene.run(130_000).iter().map(|said| said.0).collect();
    assert_eq!(times, [0, 2_000, 62_000, 122_000]);
    scene.change(|wanted| wanted.presence.every = Some(Duration::from_secs(10)));
    let times: Vec<_> = scene.run(25_000).iter().map(|said| said.0).collect();
    assert_eq!(times, [140_000, 150_000]);
    scene.change(|wanted| wanted.presence.every = None);
    assert_eq!(scene.run(100_000), []);
    scene.change(|wanted| wanted.presence.every = Some(Duration::from_secs(10)));
    assert_eq!(scene.run(15_000).len(), 1);
}

#[test]
fn what_a_former_agent_has_announced_is_announced_once() {
    let inherited = BTreeSet::from([KEY]);
    let mut scene = Scene::after(own(&[A, SIX]), &inherited);
    assert_eq!(
        scene
            .run(60_000)
            .iter()
            .map(|said| said.2)
            .collect::<Vec<_>>(),
        [A, SIX]
    );
    scene.change(|wanted| {
        wanted.addresses.insert(LOCAL, Origin::Assigned);
    });
    assert_eq!(scene.run(60_000).len(), 2, "what is new since");
}

// RFC 4861 7.2.6: D6
#[test]
fn many_addresses_are_announced_at_fifty_frames_a_second_and_own_ones_first() {
    let proxied = (0..400u32).map(|n| {
        (
            std::net::Ipv4Addr::from_bits(0x0a00_0100 + n).into(),
            Origin::Proxied,
        )
    });
    let assigned = (0..200u32).map(|n| {
        (
            std::net::Ipv4Addr::from_bits(0x0a00_1000 + n).into(),
            Origin::Assigned,
        )
    });
    let all: Vec<_> = proxied.chain(assigned).collect();
    let mut scene = Scene::new(wanted(&all));
    let said = scene.run(120_000);
    assert_eq!(said.len(), 200 * 2 + 400 * 5);
    for (index, first) in said.iter().enumerate() {
        let within = said[index..]
            .iter()
            .take_while(|later| later.0 < first.0 + 1_000)
            .count();
        assert!(within <= 51, "{within} frames within a second");
    }
    let own = |said: &&Said| all.contains(&(said.2, Origin::Assigned));
    assert_eq!(said.iter().take(200).filter(own).count(), 200);
    // A newcomer does not wait for the others.
    let mut scene = Scene::new(wanted(&all[..400]));
    scene.run(3_000);
    scene.change(|wanted| {
        wanted.addresses.insert(A, Origin::Assigned);
    });
    let soon = scene.run(100);
    assert_eq!(
        soon.iter()
            .find(|said| said.1 == ArpAnnouncement)
            .unwrap()
            .2,
        A
    );
}

#[test]
fn on_a_vlan_without_an_interface_frames_have_its_tag() {
    let mut scene = Scene::new(Wanted {
        tag: Some(Tag::vlan(100)),
        ..own(&[A])
    });
    scene.run(10_000);
    let frames: Vec<_> = scene
        .frames
        .iter()
        .map(|frame| Frame::read(frame).unwrap())
        .collect();
    assert_eq!(
        frames.iter().map(Frame::vlan).collect::<Vec<_>>(),
        [Some(100); 2]
    );
}
