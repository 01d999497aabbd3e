//! What has to be discarded silently, rule by rule (RFC 4861 7.1.1, 7.1.2), and what must not be.

use super::*;
use crate::ndp::Flaw;

const NEXT_HEADER: usize = 6;
const HOP_LIMIT: usize = 7;
const MESSAGE: usize = 40;
const CODE: usize = MESSAGE + 1;
const RESERVED: usize = MESSAGE + 4;
const TARGET: usize = MESSAGE + 8;
const OPTIONS: usize = MESSAGE + 24;

fn solicitation() -> Vec<u8> {
    resolution(2, ip("fe80::2"), ip("fe80::1")).to_bytes()
}

fn advertisement() -> Vec<u8> {
    solicited(1, ip("fe80::1"), ip("fe80::2")).to_bytes()
}

/// A packet with some of its bytes changed, the length and the checksum set right.
fn changed(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut bytes);
    let length = (bytes.len() - MESSAGE) as u16;
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes[MESSAGE + 2..MESSAGE + 4].fill(0);
    let header = etherparse::Ipv6HeaderSlice::from_slice(&bytes).unwrap();
    let (source, destination) = (header.source(), header.destination());
    let mut sum = etherparse::checksum::Sum16BitWords::new()
        .add_16bytes(source)
        .add_16bytes(destination)
        .add_4bytes(u32::from(length).to_be_bytes())
        .add_4bytes([0, 0, 0, 58]);
    sum = sum.add_slice(&bytes[MESSAGE..]);
    bytes[MESSAGE + 2..MESSAGE + 4].copy_from_slice(&sum.ones_complement().to_ne_bytes());
    bytes
}

#[test]
fn what_is_only_made_anew_is_as_valid_as_before() {
    for bytes in [solicitation(), advertisement()] {
        assert_eq!(changed(bytes.clone(), |_| {}), bytes);
        assert!(Packet::read(&bytes).is_ok());
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn a_packet_that_may_have_been_forwarded_is_discarded() {
    for bytes in [solicitation(), advertisement()] {
        for hop_limit in (0..255).chain([254]) {
            let far = changed(bytes.clone(), |bytes| bytes[HOP_LIMIT] = hop_limit);
            assert_eq!(Packet::read(&far), Err(Flaw::HopLimit(hop_limit)));
        }
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn a_wrong_checksum_is_noticed_whichever_bit_it_is() {
    for bytes in [solicitation(), advertisement()] {
        // Addresses count too: they are in the pseudo header.
        let covered = (8..MESSAGE).chain(MESSAGE + 2..bytes.len());
        for bit in covered.flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))) {
            let mut damaged = bytes.clone();
            damaged[bit.0] ^= bit.1;
            let read = Packet::read(&damaged);
            let expected = [Flaw::Checksum, Flaw::Option, Flaw::Target];
            assert!(
                read.as_ref().is_err_and(|flaw| expected.contains(flaw)),
                "{bit:?} {read:?}"
            );
        }
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn another_code_is_discarded() {
    for bytes in [solicitation(), advertisement()] {
        for code in 1..=255 {
            let other = changed(bytes.clone(), |bytes| bytes[CODE] = code);
            assert_eq!(Packet::read(&other), Err(Flaw::Code(code)));
        }
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn less_than_24_bytes_are_discarded() {
    for bytes in [solicitation(), advertisement()] {
        for length in 0..24 {
            // The length is the IPv6 header's: padding of the frame does not make up for it.
            let mut short = changed(bytes.clone(), |bytes| {
                bytes.truncate(MESSAGE + length.max(4))
            });
            short[5] = length as u8;
            short.resize(100, 0);
            assert_eq!(Packet::read(&short), Err(Flaw::Short), "{length}");
        }
        let whole = changed(bytes, |bytes| bytes.truncate(OPTIONS));
        assert!(Packet::read(&whole).is_ok());
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn a_multicast_target_is_discarded() {
    for bytes in [solicitation(), advertisement()] {
        for target in ["ff02::1", "ff00::", "ff02::1:ff00:1", "ffff::1"] {
            let other = changed(bytes.clone(), |bytes| {
                bytes[TARGET..TARGET + 16].copy_from_slice(&ip(target).octets());
            });
            assert_eq!(Packet::read(&other), Err(Flaw::Target));
        }
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn an_option_of_length_zero_or_beyond_the_end_discards_the_packet() {
    for bytes in [solicitation(), advertisement()] {
        for units in [0, 2, 3, 255] {
            let other = changed(bytes.clone(), |bytes| bytes[OPTIONS + 1] = units);
            assert_eq!(Packet::read(&other), Err(Flaw::Option));
        }
        // An unknown option too: its length has to be known to go on.
        let other = changed(bytes.clone(), |bytes| {
            bytes.extend([200, 0, 1, 2, 3, 4, 5, 6])
        });
        assert_eq!(Packet::read(&other), Err(Flaw::Option));
        // A type without a length.
        let other = changed(bytes, |bytes| bytes.push(1));
        assert_eq!(Packet::read(&other), Err(Flaw::Option));
    }
}

// RFC 4861 7.1.1: D1
#[test]
fn who_asks_from_the_unspecified_address_asks_a_solicited_node_group() {
    let valid = detection(ip("fe80::1"), Some([7; 6])).to_bytes();
    assert!(Packet::read(&valid).is_ok());
    for destination in [
        "fe80::1",
        "ff02::1",
        "ff02::2:ff00:1",
        "ff02::1:fe00:1",
        "::",
    ] {
        let other = changed(valid.clone(), |bytes| {
            bytes[24..40].copy_from_slice(&ip(destination).octets());
        });
        let flaw = Flaw::Destination(ip(destination));
        assert_eq!(Packet::read(&other), Err(flaw));
    }
    // The RFC asks for a solicited-node group, not for that of the target.
    let other = changed(valid, |bytes| {
        bytes[24..40].copy_from_slice(&ip("ff02::1:ffab:cdef").octets());
    });
    assert!(Packet::read(&other).is_ok());
}

// RFC 4861 7.1.1: D1
#[test]
fn who_asks_from_the_unspecified_address_tells_no_hardware_address() {
    let mut packet = detection(ip("fe80::1"), None);
    if let Message::Solicitation(solicitation) = &mut packet.message {
        solicitation.source_mac = Some(mac(2));
    }
    assert_eq!(Packet::read(&packet.to_bytes()), Err(Flaw::SourceLinkLayer));
}

// RFC 4861 7.1.2: D13
#[test]
fn an_advertisement_to_a_group_is_not_solicited() {
    let valid = unsolicited(1, ip("fe80::1"));
    assert!(Packet::read(&valid.to_bytes()).is_ok());
    for destination in ["ff02::1", "ff02::1:ff00:1", "ff05::1"] {
        let packet = solicited(1, ip("fe80::1"), ip(destination));
        assert_eq!(Packet::read(&packet.to_bytes()), Err(Flaw::Solicited));
    }
}

// RFC 4861 7.1.1, 7.1.2: D1, D13
#[test]
fn reserved_fields_and_options_that_are_unknown_or_of_other_messages_are_ignored() {
    for bytes in [solicitation(), advertisement()] {
        let plain = Packet::read(&bytes);
        let other = changed(bytes.clone(), |bytes| {
            bytes[RESERVED] |= 0x1f;
            bytes[RESERVED + 1..TARGET].fill(0xff);
            // An MTU, a redirected header, an unknown option, each of the length that it says.
            bytes.extend([5, 1, 0, 0, 0, 0, 5, 220]);
            bytes.extend([4, 2]);
            bytes.extend([9; 14]);
            bytes.extend([253, 1, 0, 0, 0, 0, 0, 0]);
        });
        assert_eq!(Packet::read(&other), plain);
        // The other message's option of the same form says nothing here.
        let other = changed(bytes.clone(), |bytes| {
            let kind = 3 - bytes[OPTIONS];
            bytes.extend([kind, 1, 9, 9, 9, 9, 9, 9]);
        });
        assert_eq!(Packet::read(&other), plain);
    }
    // A solicitation has no flags: where the advertisement's are is reserved.
    let other = changed(solicitation(), |bytes| bytes[RESERVED] = 0xe0);
    assert_eq!(Packet::read(&other), Packet::read(&solicitation()));
}

// RFC 4861 4.6.1, 7.1.1: D1
#[test]
fn a_hardware_address_of_another_length_is_none_of_ethernet() {
    let long = changed(solicitation(), |bytes| {
        bytes[OPTIONS + 1] = 2;
        bytes.extend([0; 8]);
    });
    let Message::Solicitation(solicitation) = Packet::read(&long).unwrap().message else {
        panic!("a solicitation");
    };
    assert_eq!(solicitation.source_mac, None);
}

// RFC 7527 4.1: D8
#[test]
fn a_nonce_is_read_whole_and_of_two_the_first() {
    for (options, expected) in [
        (vec![14, 1, 1, 2, 3, 4, 5, 6], vec![1, 2, 3, 4, 5, 6]),
        ([[14, 2].as_slice(), &[7; 14]].concat(), vec![7; 14]),
        (
            vec![14, 1, 1, 1, 1, 1, 1, 1, 14, 1, 2, 2, 2, 2, 2, 2],
            vec![1; 6],
        ),
    ] {
        let bytes = detection(ip("fe80::1"), None).to_bytes();
        let bytes = changed(bytes, |bytes| bytes.extend(options));
        let Message::Solicitation(solicitation) = Packet::read(&bytes).unwrap().message else {
            panic!("a solicitation");
        };
        assert_eq!(solicitation.nonce, Some(expected));
    }
}

// RFC 7527 4.1, RFC 3971 5.3.2: D8
#[test]
fn a_nonce_is_written_as_an_option_of_type_14_and_one_unit() {
    let packet = detection(ip("2001:db8::12:3456"), Some([1, 2, 3, 4, 5, 6]));
    let expected = b"\x33\x33\xff\x12\x34\x56\x02\0\0\0\0\x01\x86\xdd\x60\0\0\0\0\x20\x3a\xff\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\x12\x34\x56\
        \x87\0\xcd\x09\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x12\x34\x56\
        \x0e\x01\x01\x02\x03\x04\x05\x06";
    assert_eq!(frame(1, 0, &packet), expected);
    assert_eq!(seen(expected).options, [(14, vec![1, 2, 3, 4, 5, 6])]);
}

// RFC 6980 5: D1, D13
#[test]
fn what_is_fragmented_or_no_icmpv6_is_another_message() {
    for bytes in [solicitation(), advertisement()] {
        for next in [44, 0, 43, 60, 17, 1] {
            let other = changed(bytes.clone(), |bytes| bytes[NEXT_HEADER] = next);
            assert_eq!(Packet::read(&other), Err(Flaw::Other));
        }
        let mut other = bytes.clone();
        other[0] = 0x45;
        assert_eq!(Packet::read(&other), Err(Flaw::Other));
        let other = changed(bytes, |bytes| bytes[MESSAGE] = 134);
        assert_eq!(Packet::read(&other), Err(Flaw::Other));
    }
}
