//! On-link rules: who is answered, and from which of our addresses (RFC 4795 2.5, 2.6, 5.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llamar_common::abi::{Link, Outcome, PREFIXES_MAX};
use llamar_common::testing::{A, Tables};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::*;

/// A link with nothing but these addresses of ours and their prefixes.
fn link(addresses: &[(&str, u8)]) -> Tables {
    let mut world = Tables::default();
    let parse =
        |&(address, length): &(&str, u8)| (address.parse::<IpAddr>().expect("an address"), length);
    world.link(
        UNTAGGED,
        OUR_MAC,
        &addresses.iter().map(parse).collect::<Vec<_>>(),
    );
    world.name(UNTAGGED, NAME, TTL, &[OUR_V4.into()]);
    world
}

#[track_caller]
fn assert_answers_from(world: &Tables, asker: &str, source: &str) {
    let parse = |address: &str| address.parse::<IpAddr>().expect("an address");
    let query = query(peer(parse(asker)), A);
    assert_llmnr(
        world,
        &query,
        &query.reply(us(parse(source))).address(TTL, OUR_V4).build(),
    );
}

#[track_caller]
fn assert_off_link(world: &Tables, asker: &str) {
    let query = query(peer(asker.parse::<IpAddr>().expect("an address")), A);
    assert_passed(world, &query.build(), Outcome::LlmnrOffLink);
}

#[test]
fn asker_is_answered_from_our_address_in_its_prefix() {
    // RFC 4795 2.5: R7.
    let world = link(&[
        ("10.1.2.3", 24),
        ("10.1.4.3", 23),
        ("172.16.0.1", 12),
        ("169.254.1.2", 16),
    ]);
    assert_answers_from(&world, "10.1.2.77", "10.1.2.3");
    assert_answers_from(&world, "10.1.5.254", "10.1.4.3");
    assert_answers_from(&world, "172.31.255.254", "172.16.0.1");
    assert_answers_from(&world, "169.254.200.200", "169.254.1.2");
    let world = link(&[("2001:db8:0:1::1", 64), ("fd00::1", 56), ("fe80::1", 64)]);
    assert_answers_from(&world, "2001:db8:0:1:a:b:c:d", "2001:db8:0:1::1");
    assert_answers_from(&world, "fd00:0:0:ff::9", "fd00::1");
    assert_answers_from(&world, "fe80::9", "fe80::1");
}

#[test]
fn asker_off_the_link_is_passed() {
    // RFC 4795 5.1: section 1.6, 1; with a TTL of 255 the answer could leave the link.
    let world = link(&[("10.1.2.3", 24), ("2001:db8:0:1::1", 64)]);
    for asker in [
        "10.1.3.77",
        "8.8.8.8",
        "169.254.3.4",
        "2001:db8:0:2::9",
        "2001:db8:1:1::9",
        "fe80::9",
        "::1",
        "::",
    ] {
        assert_off_link(&world, asker);
    }
}

#[test]
fn asker_without_a_unicast_address_of_its_own_is_passed() {
    // RFC 4795 2.5: R7, R8.
    for asker in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.252",
        "255.255.255.255",
        "192.168.1.0",
        "192.168.1.255",
    ] {
        assert_off_link(&world(), asker);
    }
    for asker in ["::", "::1", "ff02::1", "ff02::1:3"] {
        assert_off_link(&world(), asker);
    }
    for ours in [
        OUR_V4.to_string(),
        OUR_V4_LOCAL.to_string(),
        OUR_V6.to_string(),
        OUR_V6_LOCAL.to_string(),
    ] {
        assert_off_link(&world(), &ours);
    }
}

fn change(world: &mut Tables, change: impl FnOnce(&mut Link)) {
    let (_, link) = &mut world.links[0];
    change(link);
    *link = link.with_near();
}

#[test]
fn longest_prefix_that_holds_the_asker_decides() {
    // RFC 4795 2.5: R7.
    let world = link(&[
        ("10.0.0.1", 30),
        ("10.0.0.9", 24),
        ("10.0.200.1", 16),
        ("10.1.1.1", 8),
    ]);
    assert_answers_from(&world, "10.0.0.2", "10.0.0.1");
    assert_answers_from(&world, "10.0.0.77", "10.0.0.9");
    assert_answers_from(&world, "10.0.77.77", "10.0.200.1");
    assert_answers_from(&world, "10.77.77.77", "10.1.1.1");
    // The broadcast address of the longest prefix stays one, though a shorter prefix holds it as a host.
    assert_off_link(&world, "10.0.0.3");
    assert_off_link(&world, "10.0.0.0");
}

#[test]
fn prefixes_of_31_and_32_bits_have_no_broadcast_address() {
    // RFC 3021 2.1.
    let world = link(&[("10.0.0.0", 31), ("10.0.0.5", 31)]);
    assert_answers_from(&world, "10.0.0.1", "10.0.0.0");
    assert_answers_from(&world, "10.0.0.4", "10.0.0.5");
    assert_off_link(&world, "10.0.0.0");
    let mut world = link(&[("10.0.0.9", 32)]);
    // A peer address: the prefix is the peer's, the source is ours.
    change(&mut world, |link| link.prefix4[0].network = [10, 0, 0, 8]);
    assert_answers_from(&world, "10.0.0.8", "10.0.0.9");
    assert_off_link(&world, "10.0.0.9");
}

#[test]
fn as_many_prefixes_as_an_entry_holds_are_on_the_link() {
    // RFC 4795 2.6: R36.
    let mut addresses: Vec<(String, u8)> = (0..PREFIXES_MAX)
        .map(|n| (format!("10.0.{n}.1"), 24))
        .collect();
    addresses.extend((0..PREFIXES_MAX).map(|n| (format!("2001:db8:0:{n}::1"), 64)));
    let addresses: Vec<_> = addresses
        .iter()
        .map(|(address, length)| (&address[..], *length))
        .collect();
    let mut world = link(&addresses);
    for n in 0..PREFIXES_MAX {
        assert_answers_from(&world, &format!("10.0.{n}.77"), &format!("10.0.{n}.1"));
        assert_answers_from(
            &world,
            &format!("2001:db8:0:{n}::77"),
            &format!("2001:db8:0:{n}::1"),
        );
    }
    assert_off_link(&world, "10.0.16.77");
    // Only what the counts speak of is used, and a count that is too large reads nothing else.
    change(&mut world, |link| link.prefix4_count = 3);
    assert_answers_from(&world, "10.0.2.77", "10.0.2.1");
    assert_off_link(&world, "10.0.3.77");
    change(&mut world, |link| link.prefix6_count = 0);
    assert_off_link(&world, "2001:db8::77");
    change(&mut world, |link| {
        (link.prefix4_count, link.prefix6_count) = (u32::MAX, 17)
    });
    assert_answers_from(&world, "10.0.15.77", "10.0.15.1");
    assert_answers_from(&world, "2001:db8:0:15::77", "2001:db8:0:15::1");
}

#[test]
fn link_without_addresses_of_a_family_answers_nobody_of_it() {
    // RFC 4795 2.5: R7.
    let world = link(&[("10.1.2.3", 24)]);
    assert_off_link(&world, "fe80::9");
    let world = link(&[("fe80::1", 64)]);
    assert_off_link(&world, "10.1.2.77");
}

#[test]
fn masks_that_end_within_a_byte_are_kept() {
    let world = link(&[
        ("10.0.0.129", 25),
        ("10.0.64.1", 18),
        ("2001:db8::8000:0:0:1", 65),
        ("2001:db8:0:2::1", 63),
    ]);
    assert_answers_from(&world, "10.0.0.200", "10.0.0.129");
    assert_off_link(&world, "10.0.0.100");
    assert_answers_from(&world, "10.0.127.254", "10.0.64.1");
    assert_off_link(&world, "10.0.128.1");
    assert_answers_from(&world, "2001:db8::ffff:0:0:9", "2001:db8::8000:0:0:1");
    assert_off_link(&world, "2001:db8::7fff:0:0:9");
    assert_answers_from(&world, "2001:db8:0:3::9", "2001:db8:0:2::1");
}

#[test]
fn asker_is_link_local_by_its_prefix_of_10_bits() {
    // RFC 4291 2.5.6, RFC 4795 2.6: R37; febf:: is link-local, fec0:: is not.
    let mut world = link(&[("fe80::1", 10), ("fec0::1", 10), ("169.254.0.1", 15)]);
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5);
    let far = Ipv4Addr::new(10, 0, 0, 5);
    let near = Ipv4Addr::new(169, 254, 0, 5);
    world.name(
        UNTAGGED,
        "host",
        TTL,
        &[far.into(), near.into(), local.into()],
    );
    for (asker, source, link_local) in [
        ("febf::9", "fe80::1", true),
        ("fec0::9", "fec0::1", false),
        ("169.254.3.3", "169.254.0.1", true),
        ("169.255.3.3", "169.254.0.1", false),
    ] {
        let parse = |address: &str| address.parse::<IpAddr>().expect("an address");
        let query =
            llamar_common::testing::FrameBuilder::llmnr(peer(parse(asker))).question("host", A);
        let (first, second) = if link_local { (near, far) } else { (far, near) };
        let expected = query
            .reply(us(parse(source)))
            .address(TTL, first)
            .address(TTL, second)
            .build();
        assert_llmnr(&world, &query, &expected);
    }
}

/// An address of ours among few, with the length of its prefix.
fn assigned() -> impl Strategy<Value = (IpAddr, u8)> {
    let v4 = (0..4_u8, any::<u8>(), 20..=32_u8)
        .prop_map(|(c, d, length)| (Ipv4Addr::new(10, 0, c, d).into(), length));
    let prefix6 = prop_oneof![4 => Just(64_u8), 1 => 48..=128_u8];
    let v6 = (0..3_u16, 0..4_u16, prefix6)
        .prop_map(|(net, host, length)| (ip6(net, host).into(), length));
    prop_oneof![v4, v6]
}

fn ip6(net: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host)
}

proptest! {
    #[test]
    fn asker_is_answered_as_the_longest_prefix_says_whatever_others_there_are(
        mut addresses in vec(assigned(), 1..8),
        askers in vec((0..4_u8, any::<u8>(), 0..4_u16), 20),
    ) {
        // RFC 4795 2.5: R7. `Tables::respond` asks with an index and without one, which look at different prefixes.
        addresses.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
        let mut world = Tables::default();
        world.link(UNTAGGED, OUR_MAC, &addresses);
        world.name(UNTAGGED, NAME, TTL, &[OUR_V4.into()]);
        for (c, d, host) in askers {
            for asker in [IpAddr::from(Ipv4Addr::new(10, 0, c, d)), ip6(c.into(), host).into()] {
                let frame = query(peer(asker), A).build();
                let (verdict, _) = world.respond(ETH, &frame, HEADROOM);
                let is_in = |(ours, length): &&(IpAddr, u8)| match (*ours, asker) {
                    (IpAddr::V4(ours), IpAddr::V4(asker)) => {
                        (ours.to_bits() ^ asker.to_bits()).leading_zeros() >= u32::from(*length)
                    }
                    (IpAddr::V6(ours), IpAddr::V6(asker)) => {
                        (ours.to_bits() ^ asker.to_bits()).leading_zeros() >= u32::from(*length)
                    }
                    _ => false,
                };
                let decides = addresses.iter().find(is_in);
                let is_end = |length: u8| match asker {
                    IpAddr::V4(asker) => {
                        let host = asker.to_bits() & (u32::MAX.checked_shr(length.into()).unwrap_or(0));
                        length < 31 && (host == 0 || host == u32::MAX >> length)
                    }
                    IpAddr::V6(_) => false,
                };
                let expected = decides.is_some_and(|(ours, length)| *ours != asker && !is_end(*length));
                prop_assert_eq!(verdict.reply, expected, "{} of {:?}", asker, addresses);
            }
        }
    }
}
