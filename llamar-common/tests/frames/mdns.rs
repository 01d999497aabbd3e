//! mDNS messages (RFC 6762) are counted and passed, whatever they say.

use std::net::Ipv4Addr;

use llamar_common::abi::{NO_LINK, Outcome};
use llamar_common::testing::{
    A, BROADCAST, FrameBuilder, LLMNR_PORT, LLMNR_V4, MDNS_PORT, MDNS_V4, MDNS_V6, Query, Station,
};

use crate::world::*;

/// A query for our name over mDNS.
fn mdns(asker: Station) -> Query {
    let query = FrameBuilder::llmnr(asker)
        .question(NAME, A)
        .port(MDNS_PORT)
        .to_port(MDNS_PORT);
    match asker.ip.is_ipv4() {
        true => query.to(MDNS_V4),
        false => query.to(MDNS_V6),
    }
}

fn each() -> [Query; 4] {
    pairs().map(|(asker, _)| mdns(asker))
}

#[test]
fn message_to_the_group_is_counted_and_passed() {
    for query in each() {
        assert_passed(&world(), &query.build(), Outcome::Mdns);
        // RFC 6762 6.7, 18: who asks from another port, responses, and what nobody understands.
        assert_passed(&world(), &query.clone().port(40000).build(), Outcome::Mdns);
        assert_passed(
            &world(),
            &query.clone().flags(0x8400).build(),
            Outcome::Mdns,
        );
        assert_passed(
            &world(),
            &query.clone().counts([9; 4]).build(),
            Outcome::Mdns,
        );
        let broken = query.with_wrong_checksum().trailer(&[0; 9]);
        assert_passed(&world(), &broken.build(), Outcome::Mdns);
    }
}

#[test]
fn message_on_a_vlan_is_counted_there() {
    let world = world();
    for query in each() {
        let frame = query.vlan(0x6064).build();
        let came_out = world.respond(ETH, &frame, HEADROOM);
        assert_untouched(
            &frame,
            came_out,
            Some(Outcome::Mdns),
            slot(&world, VLAN_100),
        );
    }
}

#[test]
fn message_where_nothing_is_served_is_none_of_ours() {
    for query in each() {
        let frame = query.build();
        let came_out = world().respond(ETH + 1, &frame, HEADROOM);
        assert_untouched(&frame, came_out, Some(Outcome::NoLink), NO_LINK);
    }
}

#[test]
fn other_traffic_to_the_group_is_not_counted() {
    for query in each() {
        assert_ignored(&world(), &query.clone().to_port(5350).build());
        assert_ignored(&world(), &query.clone().to_port(LLMNR_PORT).build());
        let cut = query.build();
        for length in 14..cut.len().min(40) {
            assert_ignored(&world(), &cut[..length]);
        }
    }
    let [v4, _, v6, _] = each();
    assert_ignored(&world(), &v4.clone().fragment(0x2000).build());
    assert_ignored(&world(), &v4.clone().options(&[1; 4]).build());
    assert_ignored(
        &world(),
        &v6.extension(0, b"\x11\0\x01\x04\0\0\0\0").build(),
    );
    // RFC 6762 5.5: unicast to the port is the agent's, and not looked at here.
    let elsewhere = [Ipv4Addr::new(224, 0, 0, 250), LLMNR_V4, OUR_V4];
    for to in elsewhere {
        let mac = [1, 0, 0x5e, 0, 0, 0xfb];
        assert_ignored(&world(), &v4.clone().to(to).to_mac(mac).build());
    }
    assert_ignored(&world(), &v4.to_mac(BROADCAST).build());
}
