//! ARP requests (RFC 826), as RFC 5227 and RFC 3927 2.5 want them answered. The rules are C1 to C6 and C20.

use std::net::Ipv4Addr;

use llamar_common::abi::{ARP_ASSIGNED, Outcome};
use llamar_common::respond::sender_slot;
use llamar_common::testing::{Arp, BROADCAST, FOREVER, Station, Tables};

use crate::world::*;

const OTHER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0xbb];

fn request() -> Arp {
    Arp::request(peer(PEER_V4), OUR_V4)
}

/// A world to which the asker is known.
fn acquainted() -> Tables {
    let world = world();
    assert_eq!(
        world.respond(ETH, &request().build(), HEADROOM).0.outcome,
        Some(Outcome::ArpLearn)
    );
    world
}

#[test]
fn request_for_our_address_is_answered_to_its_sender_byte_for_byte() {
    // RFC 826, Packet Reception: C2, C3.
    let asked = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\xaa\x08\x06\0\x01\x08\0\x06\x04\0\x01\
        \x02\0\0\0\0\xaa\xc0\xa8\x01\x4d\0\0\0\0\0\0\xc0\xa8\x01\x0a";
    let answer = b"\x02\0\0\0\0\xaa\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x02\
        \x02\0\0\0\0\x01\xc0\xa8\x01\x0a\x02\0\0\0\0\xaa\xc0\xa8\x01\x4d";
    assert_eq!(hex(&request().build()), hex(asked));
    assert_answered(&acquainted(), asked, Outcome::ArpAnswered, answer);
}

#[test]
fn padding_is_sent_back_as_it_came() {
    // RFC 826, Packet Reception: C3.
    let request = Arp {
        padding: (0..18).collect(),
        ..request()
    };
    assert_arp(&world(), &request, &request.reply(OUR_MAC));
}

#[test]
fn request_for_a_proxied_address_is_answered_with_the_mac_of_its_entry() {
    // RFC 826: C2.
    let mut world = world();
    let address = Ipv4Addr::new(192, 168, 1, 65);
    world.address(UNTAGGED, address, OTHER_MAC, ARP_ASSIGNED);
    let request = Arp::request(peer(PEER_V4), address);
    assert_arp(&world, &request, &request.reply(OTHER_MAC));
    let request = Arp::request(peer(PEER_V4), PROXIED);
    assert_answered(
        &world,
        &request.build(),
        Outcome::ArpAnswered,
        &request.reply(OUR_MAC).build(),
    );
}

#[test]
fn unicast_request_counts_too() {
    // RFC 826, Packet Reception: C1.
    let request = Arp {
        destination: OUR_MAC,
        ..request()
    };
    assert_arp(&world(), &request, &request.reply(OUR_MAC));
}

#[test]
fn target_hardware_address_of_a_request_has_no_meaning() {
    // RFC 826, Packet Format: C1.
    for target_hardware in [BROADCAST, OUR_MAC, OTHER_MAC, [1; 6]] {
        let request = Arp {
            target_hardware,
            ..request()
        };
        assert_arp(&world(), &request, &request.reply(OUR_MAC));
    }
}

#[test]
fn packets_of_another_form_are_passed() {
    // RFC 826, Packet Format: C1.
    for other in [
        Arp {
            hardware_type: 6,
            ..request()
        },
        Arp {
            protocol_type: 0x86dd,
            ..request()
        },
        Arp {
            lengths: [8, 4],
            ..request()
        },
        Arp {
            lengths: [6, 16],
            ..request()
        },
        Arp {
            operation: 0,
            ..request()
        },
        Arp {
            operation: 2,
            ..request()
        },
        Arp {
            operation: 8,
            ..request()
        },
        Arp {
            operation: 0x0101,
            ..request()
        },
    ] {
        assert_passed(&acquainted(), &other.build(), Outcome::ArpOther);
    }
}

#[test]
fn frames_that_end_before_the_packet_does_are_passed() {
    // RFC 826, Packet Format: C1, 28 bytes behind the Ethernet header.
    let whole = request().build();
    for length in 14..whole.len() {
        assert_passed(&acquainted(), &whole[..length], Outcome::ArpOther);
    }
    for length in 0..14 {
        assert_ignored(&acquainted(), &whole[..length]);
    }
}

#[test]
fn request_to_another_station_or_group_is_passed() {
    // RFC 826: C1; what reaches us by promiscuous mode or flooding is not for us.
    for destination in [OTHER_MAC, PEER_MAC, [0x01, 0, 0x5e, 0, 0, 0xfc], [0; 6]] {
        assert_passed(
            &acquainted(),
            &Arp {
                destination,
                ..request()
            }
            .build(),
            Outcome::ArpOther,
        );
    }
}

#[test]
fn request_for_an_address_that_is_not_ours_is_passed() {
    // RFC 826, Packet Reception: C2.
    for target in [
        Ipv4Addr::new(192, 168, 1, 11),
        OUR_V4_100,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::UNSPECIFIED,
    ] {
        let request = Arp::request(peer(PEER_V4), target);
        assert_passed(&acquainted(), &request.build(), Outcome::ArpForeign);
    }
}

#[test]
fn sender_hardware_address_that_is_no_other_stations_is_passed() {
    // RFC 826: C2, it is a unicast address, not zero and not ours.
    for mac in [[0; 6], BROADCAST, [1, 0, 0x5e, 0, 0, 1], OUR_MAC] {
        let request = Arp::request(Station::new(mac, PEER_V4), OUR_V4);
        assert_passed(&acquainted(), &request.build(), Outcome::ArpOther);
    }
}

#[test]
fn sender_protocol_address_that_no_station_has_is_passed() {
    for address in [[127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        let request = Arp::request(peer(Ipv4Addr::from(address)), OUR_V4);
        assert_passed(&world(), &request.build(), Outcome::ArpOther);
    }
}

#[test]
fn sender_hardware_address_that_is_not_the_frames_source_is_passed() {
    // RFC 826: C3, the answer would go to a station that did not ask.
    assert_passed(
        &acquainted(),
        &Arp {
            source: OTHER_MAC,
            ..request()
        }
        .build(),
        Outcome::ArpOther,
    );
    assert_passed(
        &acquainted(),
        &Arp {
            sender_hardware: OTHER_MAC,
            ..request()
        }
        .build(),
        Outcome::ArpOther,
    );
}

#[test]
fn first_request_of_a_sender_goes_to_the_stack_which_learns_it() {
    // RFC 826, Packet Reception: C4.
    let world = world();
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
    assert_answered(
        &world,
        &request().build(),
        Outcome::ArpAnswered,
        &request().reply(OUR_MAC).build(),
    );
    let other = Arp::request(peer(Ipv4Addr::new(192, 168, 1, 78)), OUR_V4);
    assert_passed(&world, &other.build(), Outcome::ArpLearn);
}

#[test]
fn sender_with_a_new_hardware_address_goes_to_the_stack_once() {
    // RFC 826, Packet Reception: C4, a known address gets its new hardware address.
    let world = acquainted();
    let moved = Arp::request(Station::new(OTHER_MAC, PEER_V4), OUR_V4);
    assert_arp(&world, &moved, &moved.reply(OUR_MAC));
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
}

#[test]
fn sender_goes_to_the_stack_again_when_its_lease_is_over() {
    // RFC 826, Packet Reception: C4.
    let mut world = world();
    world.control.sender_lease = 7_500;
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
    world.jiffies += 7_499;
    assert_answered(
        &world,
        &request().build(),
        Outcome::ArpAnswered,
        &request().reply(OUR_MAC).build(),
    );
    world.jiffies += 1;
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
    assert_answered(
        &world,
        &request().build(),
        Outcome::ArpAnswered,
        &request().reply(OUR_MAC).build(),
    );
}

#[test]
fn sender_is_known_on_its_own_link_only() {
    // RFC 826: C4, the stack learns an address per interface.
    let mut world = acquainted();
    let tagged = Arp::request(peer(PEER_V4), OUR_V4_100).vlan(100);
    let (verdict, _) = world.respond(ETH, &tagged.build(), HEADROOM);
    assert_eq!(verdict.outcome, Some(Outcome::ArpLearn));
    // Both links' senders in one place of the array: each pushes the other out.
    let place = sender_slot(UNTAGGED, PEER_V4.octets()) as usize;
    let stranger = world.senders[sender_slot(VLAN_100, PEER_V4.octets()) as usize].get();
    world.senders[place].set(stranger);
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
    world.control.sender_lease = FOREVER;
}

#[test]
fn senders_of_one_station_that_share_a_place_are_each_learnt() {
    // RFC 826, Packet Reception: C4, what is learnt is an address, not a station.
    let place = |address: Ipv4Addr| sender_slot(UNTAGGED, address.octets());
    let shares = |address: &Ipv4Addr| *address != PEER_V4 && place(*address) == place(PEER_V4);
    let addresses = (0..=u16::MAX).map(u16::to_be_bytes);
    let mut addresses = addresses.map(|[c, d]| Ipv4Addr::new(192, 168, c, d));
    let other = addresses
        .find(shares)
        .expect("an address in the same place");
    let world = acquainted();
    let second = Arp::request(peer(other), OUR_V4);
    assert_arp(&world, &second, &second.reply(OUR_MAC));
    assert_passed(&world, &request().build(), Outcome::ArpLearn);
}

#[test]
fn probe_for_our_address_is_left_to_the_stack() {
    // RFC 5227 2.5: C5; the stack answers a probe and sees that somebody wants its address.
    assert_passed(
        &acquainted(),
        &Arp::probe(PEER_MAC, OUR_V4).build(),
        Outcome::ArpOther,
    );
}

#[test]
fn probe_for_a_proxied_address_is_answered_by_the_agent() {
    // RFC 5227 2.5: C5, the target of the reply is 0.0.0.0.
    let world = world();
    let probe = Arp::probe(PEER_MAC, PROXIED);
    assert_passed(&world, &probe.build(), Outcome::ArpOther);
    let (verdict, answer) = world.respond_in_agent(ETH, &probe.build(), HEADROOM);
    assert_eq!(
        (verdict.reply, verdict.outcome),
        (true, Some(Outcome::ArpAnswered))
    );
    let expected = probe.reply(OUR_MAC);
    assert_eq!(expected.target, Ipv4Addr::UNSPECIFIED);
    assert_eq!(hex(&answer), hex(&expected.build()));
}

#[test]
fn agent_answers_what_the_stack_does_not_and_leaves_it_the_rest() {
    // RFC 826: C2; the stack answers for assigned addresses.
    let world = world();
    let request = Arp::request(peer(PEER_V4), PROXIED);
    let (verdict, answer) = world.respond_in_agent(ETH, &request.build(), HEADROOM);
    assert!(verdict.reply);
    assert_eq!(hex(&answer), hex(&request.reply(OUR_MAC).build()));
    let request = Arp::request(peer(PEER_V4), OUR_V4).build();
    let came_out = world.respond_in_agent(ETH, &request, HEADROOM);
    let place = slot(&world, UNTAGGED);
    assert_untouched(&request, came_out, Some(Outcome::ArpOther), place);
}

#[test]
fn agent_answers_whatever_the_heartbeat_says() {
    let mut world = world();
    world.control.until = 0;
    let request = Arp::request(peer(PEER_V4), PROXIED);
    let (verdict, answer) = world.respond_in_agent(ETH, &request.build(), HEADROOM);
    assert!(verdict.reply);
    assert_eq!(hex(&answer), hex(&request.reply(OUR_MAC).build()));
}

#[test]
fn request_from_an_address_of_ours_is_a_conflict_and_stays_one() {
    // RFC 5227 2.4: C6, for addresses that are assigned and those that are declared.
    let world = world();
    for claimed in [OUR_V4, PROXIED] {
        let target = if claimed == OUR_V4 { PROXIED } else { OUR_V4 };
        let request = Arp::request(peer(claimed), target).build();
        for _ in 0..3 {
            assert_passed(&world, &request, Outcome::ArpConflict);
        }
    }
    let request = Arp::request(peer(OUR_V4), PROXIED).build();
    let came_out = world.respond_in_agent(ETH, &request, HEADROOM);
    let place = slot(&world, UNTAGGED);
    assert_untouched(&request, came_out, Some(Outcome::ArpConflict), place);
}

#[test]
fn reply_and_announcement_from_an_address_of_ours_are_passed() {
    // RFC 5227 2.4: C6; the agent sees every ARP packet that is passed.
    let reply = Arp {
        operation: 2,
        destination: OUR_MAC,
        ..Arp::request(peer(OUR_V4), PROXIED)
    };
    assert_passed(&world(), &reply.build(), Outcome::ArpOther);
    assert_passed(
        &world(),
        &Arp::announcement(peer(OUR_V4)).build(),
        Outcome::ArpOther,
    );
}

#[test]
fn announcement_of_another_address_is_passed() {
    // RFC 5227 1.1: C6, it is no request and no conflict.
    assert_passed(
        &acquainted(),
        &Arp::announcement(peer(PEER_V4)).build(),
        Outcome::ArpOther,
    );
}

#[test]
fn request_for_a_link_local_address_is_answered_by_broadcast_at_once() {
    // RFC 3927 2.5: C20; the stack would answer to the sender alone, so nothing is left to it.
    for sender in [PEER_V4_LOCAL, PEER_V4] {
        let request = Arp::request(peer(sender), OUR_V4_LOCAL);
        let expected = Arp {
            destination: BROADCAST,
            ..request.reply(OUR_MAC)
        };
        assert_eq!(expected.target_hardware, PEER_MAC);
        assert_answered(
            &world(),
            &request.build(),
            Outcome::ArpAnswered,
            &expected.build(),
        );
    }
}

#[test]
fn probe_for_our_link_local_address_is_answered_by_broadcast() {
    // RFC 3927 2.5, RFC 5227 2.5: C5, C20.
    let probe = Arp::probe(PEER_MAC, OUR_V4_LOCAL);
    let expected = Arp {
        destination: BROADCAST,
        ..probe.reply(OUR_MAC)
    };
    assert_eq!(
        (expected.target_hardware, expected.target),
        (PEER_MAC, Ipv4Addr::UNSPECIFIED)
    );
    assert_answered(
        &world(),
        &probe.build(),
        Outcome::ArpAnswered,
        &expected.build(),
    );
}

#[test]
fn link_local_sender_that_asks_for_another_address_is_answered_alone() {
    // RFC 3927 2.5: C20, what counts is the sender address of the reply.
    let request = Arp::request(peer(PEER_V4_LOCAL), OUR_V4);
    assert_arp(&world(), &request, &request.reply(OUR_MAC));
}

#[test]
fn link_local_request_from_our_own_address_is_a_conflict() {
    // RFC 5227 2.4: C6 goes before C20.
    assert_passed(
        &world(),
        &Arp::request(peer(OUR_V4), OUR_V4_LOCAL).build(),
        Outcome::ArpConflict,
    );
    assert_passed(
        &world(),
        &Arp::announcement(peer(OUR_V4_LOCAL)).build(),
        Outcome::ArpOther,
    );
}

#[test]
fn agent_answers_for_link_local_addresses_by_broadcast_too() {
    // RFC 3927 2.5: C20, with the kernel path off.
    let request = Arp::request(peer(PEER_V4_LOCAL), OUR_V4_LOCAL);
    let (verdict, answer) = world().respond_in_agent(ETH, &request.build(), HEADROOM);
    assert!(verdict.reply);
    assert_eq!(
        hex(&answer),
        hex(&Arp {
            destination: BROADCAST,
            ..request.reply(OUR_MAC)
        }
        .build())
    );
}

#[test]
fn request_is_answered_without_any_room_in_front_of_it() {
    let world = acquainted();
    let (verdict, answer) = world.respond(ETH, &request().build(), 0);
    assert!(verdict.reply);
    assert_eq!(hex(&answer), hex(&request().reply(OUR_MAC).build()));
}

#[test]
fn nobody_can_be_remembered_without_a_place_and_so_is_not_answered() {
    let mut world = world();
    world.senders.clear();
    assert_passed(&world, &request().build(), Outcome::ArpOther);
}
