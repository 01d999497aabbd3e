//! Every link type, and what is in front of the packet there.

use etherparse::{LinuxSllPacketType, PacketBuilder};

use super::*;

#[test]
fn ethernet_is_read_with_up_to_two_tags() {
    let plain = one(ETHERNET, &ethernet(0x0800, &v4(b"a"))).unwrap();
    assert_eq!(plain, expected_v4(Some(MAC), b"a"));
    let six = one(ETHERNET, &ethernet(0x86dd, &v6(b"a"))).unwrap();
    assert_eq!(six, expected_v6(Some(MAC), b"a"));
    for tags in [
        &b"\x81\0\0\x64\x08\0"[..],
        b"\x88\xa8\0\x07\x81\0\xe0\x64\x08\0",
        b"\x91\0\0\x07\x81\0\0\x64\x08\0",
    ] {
        let frame = [&GROUP_MAC[..], &MAC, tags, &v4(b"a")].concat();
        let tagged = one(ETHERNET, &frame).unwrap();
        assert_eq!(tagged.vlan, Some(100));
        assert_eq!(tagged.payload, b"a");
    }
}

#[test]
fn ethernet_that_etherparse_builds_is_read() {
    let builder = PacketBuilder::ethernet2(MAC, GROUP_MAC)
        .double_vlan(5.try_into().unwrap(), 6.try_into().unwrap())
        .ipv6(FROM_6, TO_6, 1)
        .udp(1024, 5353);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"built").unwrap();
    let expected = Udp {
        hop_limit: 1,
        vlan: Some(6),
        ..udp("[fe80::1]:1024", "[ff02::fb]:5353", Some(MAC), b"built")
    };
    assert_eq!(one(ETHERNET, &frame), Ok(expected));
    let builder =
        PacketBuilder::linux_sll(LinuxSllPacketType::MULTICAST, 6, [2, 0, 0, 0, 0, 1, 0, 0])
            .ipv4([192, 0, 2, 1], [224, 0, 0, 251], 255)
            .udp(5353, 5353);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"built").unwrap();
    assert_eq!(one(113, &frame), Ok(expected_v4(Some(MAC), b"built")));
}

#[test]
fn padding_behind_a_packet_is_none_of_it() {
    let mut frame = ethernet(0x0800, &v4(b"a"));
    frame.resize(60, 0xee);
    assert_eq!(one(ETHERNET, &frame).unwrap().payload, b"a");
}

#[test]
fn ieee_802_3_carries_ip_by_llc_and_snap() {
    let llc = [&b"\xaa\xaa\x03\0\0\0\x08\0"[..], &v4(b"a")].concat();
    assert_eq!(
        one(ETHERNET, &ethernet(llc.len() as u16, &llc)),
        Ok(expected_v4(Some(MAC), b"a"))
    );
    // Spanning tree.
    assert_eq!(
        one(ETHERNET, &ethernet(7, b"\x42\x42\x03\0\0\0\0")),
        Err(Skip::NotUdp)
    );
    assert_eq!(
        one(ETHERNET, &ethernet(2, b"\xaa\xaa")),
        Err(Skip::Malformed)
    );
}

#[test]
fn cooked_captures_tell_the_sender_and_in_their_second_version_the_interface() {
    let v1 = |hardware: u8, length: u8, protocol: u16| {
        let header = [0, 2, 0, hardware, 0, length, 2, 0, 0, 0, 0, 1, 0, 0];
        [&header[..], &protocol.to_be_bytes(), &v4(b"a")].concat()
    };
    assert_eq!(
        one(113, &v1(1, 6, 0x0800)),
        Ok(expected_v4(Some(MAC), b"a"))
    );
    // A tunnel has no MAC addresses.
    assert_eq!(one(113, &v1(0xfe, 0, 0x0800)), Ok(expected_v4(None, b"a")));
    assert_eq!(one(113, &v1(1, 6, 1)), Err(Skip::NotUdp));
    let v2 = |protocol: u16, packet: &[u8]| {
        let header = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        [&protocol.to_be_bytes()[..], &header, packet].concat()
    };
    let frame = v2(0x86dd, &v6(b"a"));
    let read = read(pcap(276, &[&frame]));
    assert_eq!(read.only(), &expected_v6(Some(MAC), b"a"));
    assert_eq!(read.datagrams[0].interface.as_deref(), Some("#3"));
    let llc = [&b"\xaa\xaa\x03\0\0\xf8\x08\0"[..], &v4(b"a")].concat();
    assert_eq!(one(276, &v2(4, &llc)).unwrap().payload, b"a");
    let tagged = [&b"\0\x64\x08\0"[..], &v4(b"a")].concat();
    assert_eq!(one(276, &v2(0x8100, &tagged)).unwrap().vlan, Some(100));
}

#[test]
fn loopback_has_the_numbers_of_every_bsd_in_every_order() {
    for family in [2_u32] {
        for header in [family.to_be_bytes(), family.to_le_bytes()] {
            let frame = [&header[..], &v4(b"a")].concat();
            assert_eq!(one(0, &frame), Ok(expected_v4(None, b"a")));
        }
        let frame = [&family.to_be_bytes()[..], &v4(b"a")].concat();
        assert_eq!(one(108, &frame), Ok(expected_v4(None, b"a")));
    }
    for family in [10_u32, 24, 28, 30] {
        for header in [family.to_be_bytes(), family.to_le_bytes()] {
            let frame = [&header[..], &v6(b"a")].concat();
            assert_eq!(one(0, &frame), Ok(expected_v6(None, b"a")));
        }
    }
    for header in [&b"\x02\0\0\0"[..], b"\0\0\0\x07"] {
        assert_eq!(one(108, &[header, &v4(b"a")].concat()), Err(Skip::NotUdp));
    }
}

#[test]
fn raw_packets_say_themselves_what_they_are() {
    for link in [12, 14, 101] {
        assert_eq!(one(link, &v4(b"a")), Ok(expected_v4(None, b"a")));
        assert_eq!(one(link, &v6(b"a")), Ok(expected_v6(None, b"a")));
        assert_eq!(one(link, b"\x50"), Err(Skip::Malformed));
    }
    assert_eq!(one(228, &v4(b"a")), Ok(expected_v4(None, b"a")));
    assert_eq!(one(229, &v6(b"a")), Ok(expected_v6(None, b"a")));
}

const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0xa];

/// A data frame whose sender's address is at a place of the three or four.
fn wireless(first: u8, second: u8, sender: usize, behind: &[u8]) -> Vec<u8> {
    let count = if second & 3 == 3 { 4 } else { 3 };
    let mut addresses = [OTHER; 4];
    addresses[sender] = MAC;
    let mut frame = vec![first, second, 0, 0];
    frame.extend_from_slice(&addresses[..3].concat());
    frame.extend([0x10, 0x02]);
    if count == 4 {
        frame.extend_from_slice(&addresses[3]);
    }
    frame.extend_from_slice(behind);
    frame
}

fn snap(packet: &[u8]) -> Vec<u8> {
    [&b"\xaa\xaa\x03\0\0\0\x08\0"[..], packet].concat()
}

#[test]
fn wireless_data_frames_are_read_whoever_relays_them() {
    let packet = snap(&v4(b"a"));
    let expected = Ok(expected_v4(Some(MAC), b"a"));
    for (direction, sender) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
        assert_eq!(
            one(105, &wireless(0x08, direction, sender, &packet)),
            expected
        );
        let qos = [&[0, 0][..], &packet].concat();
        assert_eq!(one(105, &wireless(0x88, direction, sender, &qos)), expected);
        let high_throughput = [&[0; 6][..], &packet].concat();
        let frame = wireless(0x88, direction | 0x80, sender, &high_throughput);
        assert_eq!(one(105, &frame), expected);
    }
}

#[test]
fn wireless_frames_that_hold_no_whole_packet_are_counted() {
    let packet = snap(&v4(b"a"));
    // A beacon, an acknowledgement, data without data.
    for (first, second) in [(0x80, 0), (0xd4, 0), (0x48, 1), (0xc8, 1)] {
        assert_eq!(
            one(105, &wireless(first, second, 1, &packet)),
            Err(Skip::NotUdp)
        );
    }
    assert_eq!(
        one(105, &wireless(0x08, 0x41, 1, &packet)),
        Err(Skip::Protected)
    );
    assert_eq!(
        one(105, &wireless(0x08, 0x05, 1, &packet)),
        Err(Skip::Fragment)
    );
    let mut last = wireless(0x08, 1, 1, &packet);
    last[22] = 0x11;
    assert_eq!(one(105, &last), Err(Skip::Fragment));
    let aggregate = [&[0x80, 0][..], &packet].concat();
    assert_eq!(
        one(105, &wireless(0x88, 1, 1, &aggregate)),
        Err(Skip::Fragment)
    );
    assert_eq!(
        one(105, &wireless(0x09, 1, 1, &packet)),
        Err(Skip::Malformed)
    );
}

#[test]
fn radiotap_headers_are_stepped_over() {
    let frame = wireless(0x88, 2, 2, &[&[0, 0][..], &snap(&v4(b"a"))].concat());
    let padded = wireless(
        0x88,
        2,
        2,
        &[&[0, 0, 0xee, 0xee][..], &snap(&v4(b"a"))].concat(),
    );
    let behind = |header: &[u8], frame: &[u8]| one(127, &[header, frame].concat());
    let expected = Ok(expected_v4(Some(MAC), b"a"));
    assert_eq!(behind(b"\0\0\x08\0\0\0\0\0", &frame), expected);
    // Flags alone; flags behind a timestamp, with two words of presence bits in front.
    assert_eq!(behind(b"\0\0\x09\0\x02\0\0\0\x10", &frame), expected);
    assert_eq!(behind(b"\0\0\x09\0\x02\0\0\0\x20", &padded), expected);
    let mut header = b"\0\0\x19\0\x03\0\0\x80\0\0\0\0\0\0\0\0".to_vec();
    header.extend([0xff; 8]);
    header.push(0x20);
    assert_eq!(behind(&header, &padded), expected);
    header[24] = 0x40;
    assert_eq!(behind(&header, &frame), Err(Skip::Malformed));
    assert_eq!(behind(b"\x01\0\x08\0\0\0\0\0", &frame), Err(Skip::LinkType));
    for broken in [
        &b"\0\0\xff\xff\0\0\0\0"[..],
        b"\0\0\x08\0\0\0\0\x80",
        b"\0\0\x04\0\0\0\0\0",
    ] {
        assert_eq!(behind(broken, &frame), Err(Skip::Malformed), "{broken:x?}");
    }
}

#[test]
fn frames_that_are_cut_off_anywhere_are_malformed_or_no_datagrams() {
    let packet = v4(b"hello");
    let radiotap = b"\0\0\x08\0\0\0\0\0";
    let sll = [0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let sll2 = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let wireless = wireless(0x08, 1, 1, &snap(&packet));
    for (link, frame) in [
        (0, [&b"\x02\0\0\0"[..], &packet].concat()),
        (1, ethernet(0x0800, &packet)),
        (101, packet.clone()),
        (105, wireless.clone()),
        (113, [&sll[..], &packet].concat()),
        (127, [&radiotap[..], &wireless].concat()),
        (276, [&sll2[..], &packet].concat()),
    ] {
        assert!(one(link, &frame).is_ok());
        for end in 0..frame.len() {
            assert_eq!(
                one(link, &frame[..end]),
                Err(Skip::Malformed),
                "{link} {end}"
            );
            let mut file = header(link);
            file.extend(record([0, 0], &frame[..end], frame.len()));
            let read = read(file);
            assert_eq!(read.skipped.count(Skip::Truncated), 1, "{link} {end}");
        }
    }
}

#[test]
fn other_link_types_are_counted() {
    for link in [2, 9, 195, 0x03ff_ffff] {
        assert_eq!(one(link, &v4(b"a")), Err(Skip::LinkType));
    }
}
