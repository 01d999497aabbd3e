//! The responder over captures of real networks: what it reads and answers, against hickory-proto.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{DNSClass, RecordType};
use llamar_common::abi::NameState;
use llamar_common::testing::LLMNR_PORT;
use llamar_user::dns::{Name, RawRecord};
use llamar_user::ether::MacAddr;
use llamar_user::llmnr::{Asked, Found, Ignored, Owner, Query, Transport, Zone, respond};
use llamar_user::net::capture::{self, CapturedFrame, Udp};
use llamar_user::stations::{News, Place, Sighting, Table};
use llamar_user::{arp, ndp};

use self::pcap::{files, frames};

#[path = "support/pcap.rs"]
mod pcap;

/// A link on which everything is ours and everybody is near.
struct Everything;

impl Zone for Everything {
    fn find(&self, _: &Name) -> Option<Found<'_>> {
        const A: &[Ipv4Addr] = &[Ipv4Addr::new(192, 0, 2, 1)];
        const AAAA: &[Ipv6Addr] = &[Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)];
        Some(Found {
            a: A,
            aaaa: AAAA,
            ttl: 30,
            state: NameState::Unique,
        })
    }

    fn names_of(&self, _: IpAddr) -> Option<Vec<Owner<'_>>> {
        Some(Vec::new())
    }

    fn is_own(&self, _: IpAddr) -> bool {
        true
    }

    fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
        Some(asker)
    }
}

#[test]
fn queries_of_real_networks_are_read_as_hickory_reads_them_and_answered_by_the_rules() {
    let Some(files) = files() else { return };
    let (mut queries, mut answered) = (0, 0);
    for file in files {
        for Udp {
            from,
            to,
            payload: message,
            ..
        } in datagrams(&file)
        {
            let (read, theirs) = (Query::read(&message), Message::from_vec(&message));
            if let (Ok(query), Ok(theirs)) = (&read, &theirs) {
                assert!(
                    query
                        .question
                        .name
                        .labels()
                        .eq(theirs.queries[0].name().iter()),
                    "{}",
                    file.display()
                );
                assert_eq!(
                    query.question.kind,
                    u16::from(theirs.queries[0].query_type())
                );
            }
            if to.port() != LLMNR_PORT {
                continue;
            }
            queries += 1;
            let theirs =
                theirs.unwrap_or_else(|error| panic!("{}: {error}: {message:x?}", file.display()));
            let response = respond(
                &Everything,
                &Asked {
                    message: &message,
                    from,
                    transport: Transport::Udp { to: to.ip() },
                },
            );
            assert_eq!(
                response.is_ok(),
                is_ours(&theirs, to.ip()),
                "{}: {response:?}",
                file.display()
            );
            let Ok(response) = response else { continue };
            answered += 1;
            let decoded = Message::from_vec(&response.message).unwrap();
            assert_eq!(
                (decoded.id, decoded.message_type),
                (theirs.id, MessageType::Response)
            );
            let expected = match theirs.queries[0].query_type() {
                RecordType::A | RecordType::AAAA => (1, 0),
                RecordType::ANY => (2, 0),
                _ => (0, 1),
            };
            let sections = (decoded.answers.len(), decoded.authorities.len());
            assert_eq!((decoded.queries, sections), (theirs.queries, expected));
        }
    }
    assert!(
        queries > 0 && answered > 0,
        "{queries} queries, {answered} answered: no captures of LLMNR"
    );
}

#[test]
fn any_part_of_any_captured_frame_is_read_without_harm() {
    let Some(files) = files() else { return };
    for file in files {
        for (_, frame) in frames(&file) {
            for at in 0..frame.len() {
                let _ = Query::read(&frame[at..]);
                let _ = RawRecord::read(&frame, at);
            }
        }
    }
}

/// Whether RFC 4795 2 wants a response to a message, by hickory's reading of it.
fn is_ours(message: &Message, to: IpAddr) -> bool {
    let group = [
        IpAddr::from([224, 0, 0, 252]),
        IpAddr::from([0xff02, 0, 0, 0, 0, 0, 1, 3]),
    ]
    .contains(&to);
    let query = message.message_type == MessageType::Query && message.op_code == OpCode::Query;
    let plain =
        !message.authoritative && message.answers.is_empty() && message.authorities.is_empty();
    let [question] = &message.queries[..] else {
        return false;
    };
    group && query && plain && matches!(question.query_class(), DNSClass::IN | DNSClass::ANY)
}

/// What a table of stations makes of a capture: how many packets were read, and the news.
fn stations(frames: impl Iterator<Item = (CapturedFrame, Vec<u8>)>) -> (usize, Vec<News>) {
    let (mut table, mut news, mut read) = (Table::default(), Vec::new(), 0);
    for (frame, payload) in frames {
        let place = Place {
            link: 0,
            vlan: frame.vlan,
        };
        let source = frame.source_mac.map(MacAddr);
        let sighting = match frame.ether_type {
            0x0806 => arp::Packet::read(&payload)
                .ok()
                .inspect(|_| read += 1)
                .and_then(|packet| Sighting::of_arp(place, source, &packet)),
            0x86dd => ndp::Packet::read(&payload)
                .ok()
                .inspect(|_| read += 1)
                .and_then(|packet| Sighting::of_ndp(place, source, &packet)),
            _ => None,
        };
        if let Some(sighting) = sighting {
            news.extend(table.hear(frame.at, &sighting));
        }
    }
    assert!(table.len() <= news.len());
    (read, news)
}

// RFC 826 Packet Reception, RFC 4861 7.1.1: C1, D1
#[test]
fn stations_of_real_networks_are_few_and_damaged_packets_make_them_no_worse() {
    let Some(files) = files() else { return };
    let mut all = 0;
    for file in files {
        let frames = || capture::frames(&file).map(|frame| frame.expect("a capture"));
        let (whole, news) = stations(frames().map(|frame| {
            let payload = frame.payload.clone();
            (frame, payload)
        }));
        all += whole;
        for news in &news {
            assert!(news.at >= Duration::from_secs(1_000_000_000));
        }
        // Cut here and there, or with a byte of its beginning changed.
        for at in (0..48).step_by(3) {
            let (cut, _) = stations(frames().map(|frame| {
                let payload = frame.payload.iter().take(at).copied().collect();
                (frame, payload)
            }));
            assert!(cut <= whole);
            stations(frames().map(|frame| {
                let mut payload = frame.payload.clone();
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= 0xff;
                }
                (frame, payload)
            }));
        }
    }
    assert!(all > 2000, "{all} packets: no captures of ARP");
}

fn datagrams(file: &Path) -> Vec<Udp> {
    let datagrams = capture::open(file).map(|next| next.expect("a capture"));
    datagrams.map(|captured| captured.packet).collect()
}

#[test]
fn suricatas_query_with_opcode_15_is_ignored_for_that() {
    let Some(files) = files() else { return };
    for file in files
        .iter()
        .filter(|file| file.ends_with("suricata-verify__llmnr_llmnr-invalid-opcode.pcap"))
    {
        assert_eq!(
            Query::read(&datagrams(file)[0].payload),
            Err(Ignored::Opcode)
        );
    }
}
