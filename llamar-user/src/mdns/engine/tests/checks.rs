//! Which messages are taken, and which are silently ignored.

use std::net::{IpAddr, SocketAddr};

use super::super::*;
use super::scene::*;
use super::view::*;
use crate::dns::{Compression, Message, Rdata, kind};
use crate::mdns::{Family, PORT};

const OTHER: &str = "10.0.0.250:5353";

/// A host with a name, and time enough to have it.
fn host() -> Scene {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.follow(0);
    scene.run(secs(5));
    scene.sent.clear();
    scene
}

/// Gives host 0 a message; what came of it.
fn hand(scene: &mut Scene, from: &str, to: &str, message: &Message) -> Result<Handled, Ignored> {
    let message = message.write(Compression::Multicast).unwrap();
    hand_bytes(scene, from, to, message)
}

fn hand_bytes(
    scene: &mut Scene,
    from: &str,
    to: &str,
    message: Vec<u8>,
) -> Result<Handled, Ignored> {
    let from = socket(from);
    let to: IpAddr = match to {
        "group" => Family::of(from.ip()).group(),
        to => to.parse().unwrap(),
    };
    let packet = Packet {
        segment: 0,
        from,
        to: SocketAddr::new(to, PORT),
        message,
        sender: None,
    };
    let handled = scene.hand(0, ETH, &packet);
    scene.run(secs(2));
    handled
}

const ANSWERED: Result<Handled, Ignored> = Ok(Handled::Query { answered: true });
const NOT_OURS: Result<Handled, Ignored> = Ok(Handled::Query { answered: false });

/// A question for our name whose answer others use the name for.
fn a() -> Message {
    query("casa.local", kind::A)
}

/// A response that says that the name is another's.
fn theirs() -> Message {
    response(vec![unique(
        "casa.local",
        120,
        Rdata::A([10, 0, 0, 250].into()),
    )])
}

/// Whether host 0 has heard of a conflict: it probes anew (RFC 6762 9).
fn conflicts(scene: &Scene) -> bool {
    let probes = |sent: &Sent| {
        let message = Message::read(&sent.transmit.message).unwrap();
        !message.authorities.is_empty()
    };
    scene.sent.iter().any(probes)
}

// RFC 6762 6: A9
#[test]
fn query_for_our_name_is_answered_and_one_for_another_is_not() {
    let mut scene = host();
    assert_eq!(hand(&mut scene, OTHER, "group", &a()), ANSWERED);
    assert_eq!(scene.sent.len(), 1);
    assert_eq!(scene.sent[0].transmit.to, Family::V4.everybody());
    assert_eq!(
        hand(&mut scene, OTHER, "group", &query("other.local", kind::A)),
        NOT_OURS
    );
    assert_eq!(scene.sent.len(), 1);
}

// RFC 6762 6: A42
#[test]
fn what_others_said_is_told_to_nobody() {
    let mut scene = host();
    let theirs = response(vec![
        unique("other.local", 120, Rdata::A([10, 0, 0, 250].into())),
        unique("casa.local", 120, Rdata::Ptr(name("other.local"))),
    ]);
    let handled = hand(&mut scene, OTHER, "group", &theirs);
    assert_eq!(handled, Ok(Handled::Response));
    assert_eq!(scene.hosts[0].engine.cache(ETH).unwrap().len(), 2);
    for kind in [kind::A, kind::ANY] {
        let asked = query("other.local", kind);
        assert_eq!(hand(&mut scene, OTHER, "group", &asked), NOT_OURS);
    }
    assert!(scene.sent.is_empty());
    // Of a name that is ours too, only what we have.
    let asked = query("casa.local", kind::ANY);
    assert_eq!(hand(&mut scene, OTHER, "group", &asked), ANSWERED);
    assert!(!scene.sent.is_empty());
    for sent in &scene.sent {
        let message = Message::read(&sent.transmit.message).unwrap();
        assert!(message.records().all(|record| record.kind != kind::PTR));
    }
}

// RFC 6762 18.2: A53
#[test]
fn one_bit_tells_responses_from_queries() {
    let mut scene = host();
    let mut message = a();
    message.flags = 0x8000;
    let handled = hand(&mut scene, OTHER, "group", &message);
    assert_eq!(handled, Ok(Handled::Response));
    let mut message = theirs();
    message.flags = 0;
    assert_eq!(hand(&mut scene, OTHER, "group", &message), NOT_OURS);
    assert!(scene.sent.is_empty());
}

// RFC 6762 18.3, 18.11: A10
#[test]
fn message_with_an_opcode_or_rcode_is_ignored() {
    let mut scene = host();
    for (flags, ignored) in [
        (0x0800, Ignored::Opcode),
        (0x7800, Ignored::Opcode),
        (0x0001, Ignored::Rcode),
        (0x000f, Ignored::Rcode),
    ] {
        for mut message in [a(), theirs()] {
            message.flags |= flags;
            assert_eq!(hand(&mut scene, OTHER, "group", &message), Err(ignored));
        }
    }
    assert!(scene.sent.is_empty() && !conflicts(&scene));
}

// RFC 6762 18.1, 18.4 to 18.10: A10, A38, A47
#[test]
fn ids_and_other_flags_are_ignored() {
    for flag in [0x0400, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010] {
        let mut scene = host();
        let mut message = a();
        (message.id, message.flags) = (7, flag);
        assert_eq!(hand(&mut scene, OTHER, "group", &message), ANSWERED);
        assert_eq!(scene.sent.len(), 1, "{flag:#x}");
        let mut message = theirs();
        (message.id, message.flags) = (7, (0x8400 ^ 0x0400) | flag | 0x0200);
        message.questions = a().questions;
        assert_eq!(
            hand(&mut scene, OTHER, "group", &message),
            Ok(Handled::Response)
        );
        assert!(conflicts(&scene), "{flag:#x}");
    }
}

// RFC 6762 6: A14
#[test]
fn response_from_another_port_is_ignored() {
    let mut scene = host();
    let handled = hand(&mut scene, "10.0.0.250:5354", "group", &theirs());
    assert_eq!(handled, Err(Ignored::Port));
    assert!(!conflicts(&scene));
}

// RFC 6762 11: A33
#[test]
fn response_to_the_group_is_taken_whatever_its_source() {
    for from in ["8.8.8.8:5353", "0.0.0.0:5353"] {
        let mut scene = host();
        assert_eq!(
            hand(&mut scene, from, "group", &theirs()),
            Ok(Handled::Response)
        );
        assert!(conflicts(&scene), "{from}");
    }
}

// RFC 6762 6, 11: A15, A33
#[test]
fn unicast_response_that_nobody_asked_for_is_ignored() {
    let mut scene = host();
    for (from, ignored) in [
        (OTHER, Ignored::Unasked),
        ("8.8.8.8:5353", Ignored::OffLink),
    ] {
        assert_eq!(hand(&mut scene, from, "10.0.0.1", &theirs()), Err(ignored));
    }
    assert!(!conflicts(&scene));
}

// RFC 6762 5, 5.4, 6, 8.1: A15, A24, A41
#[test]
fn unicast_response_to_a_probe_is_heard() {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.follow(0);
    scene.run(ms(300));
    assert!(!scene.sent.is_empty());
    assert_eq!(
        hand(&mut scene, OTHER, "10.0.0.1", &theirs()),
        Ok(Handled::Response)
    );
    let lost = |(_, event): &(_, Event)| matches!(event, Event::Conflict(_));
    assert!(scene.hosts[0].events.iter().any(lost));
}

// RFC 6762 5.5: A7
#[test]
fn direct_unicast_query_is_answered_if_it_comes_from_the_link() {
    let mut scene = host();
    let handled = hand(&mut scene, "8.8.8.8:5353", "10.0.0.1", &a());
    assert_eq!(handled, Err(Ignored::OffLink));
    let handled = hand(&mut scene, "[2001:db8::1]:5353", "fe80::1", &a());
    assert_eq!(handled, Err(Ignored::OffLink));
    assert!(scene.sent.is_empty());
    scene.run(secs(40));
    assert_eq!(hand(&mut scene, OTHER, "10.0.0.1", &a()), ANSWERED);
    assert!(!scene.sent.is_empty());
}

// RFC 6762 11: A46
#[test]
fn query_to_the_group_from_elsewhere_is_answered_by_multicast() {
    let mut scene = host();
    let mut message = a();
    message.questions[0].class |= kind::CLASS_TOP;
    assert_eq!(
        hand(&mut scene, "192.0.2.1:5353", "group", &message),
        ANSWERED
    );
    assert_eq!(scene.sent.len(), 1);
    assert_eq!(scene.sent[0].transmit.to, Family::V4.everybody());
}

// RFC 6762 17: A36
#[test]
fn message_of_more_than_9000_bytes_with_its_headers_is_ignored() {
    let mut scene = host();
    for (from, headers) in [(OTHER, 28), ("[fe80::250]:5353", 48)] {
        let mut message = a().write(Compression::Multicast).unwrap();
        message.resize(9000 - headers, 0);
        assert_eq!(
            hand_bytes(&mut scene, from, "group", message.clone()),
            ANSWERED
        );
        message.push(0);
        let handled = hand_bytes(&mut scene, from, "group", message);
        assert_eq!(handled, Err(Ignored::TooLong));
    }
}

#[test]
fn message_from_no_host_or_to_none_of_us_is_ignored() {
    let mut scene = host();
    for from in [
        "224.0.0.251:5353",
        "255.255.255.255:5353",
        "10.0.0.250:0",
        "0.0.0.0:40000",
    ] {
        assert_eq!(
            hand(&mut scene, from, "group", &a()),
            Err(Ignored::Source),
            "{from}"
        );
    }
    let handled = hand(&mut scene, "[ff02::1]:5353", "group", &a());
    assert_eq!(handled, Err(Ignored::Source));
    for to in ["10.0.0.2", "224.0.0.1", "255.255.255.255", "10.0.0.255"] {
        assert_eq!(
            hand(&mut scene, OTHER, to, &a()),
            Err(Ignored::Destination),
            "{to}"
        );
    }
    assert!(scene.sent.is_empty());
}

#[test]
fn message_that_is_none_is_ignored() {
    let mut scene = host();
    let whole = a().write(Compression::Multicast).unwrap();
    for length in 0..12 {
        let handled = hand_bytes(&mut scene, OTHER, "group", whole[..length].to_vec());
        assert_eq!(handled, Err(Ignored::Header));
    }
    for length in 12..whole.len() {
        let handled = hand_bytes(&mut scene, OTHER, "group", whole[..length].to_vec());
        assert_eq!(handled, Err(Ignored::Question));
    }
    assert!(scene.sent.is_empty());
}

#[test]
fn family_or_interface_that_is_not_served_is_not_heard() {
    let mut scene = host();
    scene.wanted(0).v6 = None;
    scene.follow(0);
    let handled = hand(&mut scene, "[fe80::250]:5353", "group", &a());
    assert_eq!(handled, Err(Ignored::Interface));
    assert_eq!(hand(&mut scene, OTHER, "group", &a()), ANSWERED);
    scene.wanted(0).up = false;
    scene.follow(0);
    assert_eq!(
        hand(&mut scene, OTHER, "group", &a()),
        Err(Ignored::Interface)
    );
    let packet = Packet {
        segment: 0,
        from: socket(OTHER),
        to: Family::V4.everybody(),
        message: a().write(Compression::Multicast).unwrap(),
        sender: None,
    };
    assert_eq!(scene.hand(0, 99, &packet), Err(Ignored::Interface));
}

// RFC 6762 6.7, 18.14: A20
#[test]
fn query_from_another_port_is_answered_as_a_dns_server_answers() {
    let mut scene = host();
    scene.wanted(0).services.push(service("Web", "casa.local"));
    scene.follow(0);
    scene.run(secs(5));
    for (text, kind) in [
        ("casa.local", kind::A),
        ("casa.local", kind::ANY),
        ("Web._http._tcp.local", kind::SRV),
        ("_http._tcp.local", kind::PTR),
        ("casa.local", kind::TXT),
    ] {
        for (from, to) in [
            ("10.0.0.250:40000", "group"),
            ("10.0.0.250:40000", "10.0.0.1"),
            ("[fe80::250]:40000", "fe80::1"),
        ] {
            scene.sent.clear();
            let mut message = query(text, kind);
            (message.id, message.flags) = (0x1234, 0x0100);
            assert_eq!(
                hand(&mut scene, from, to, &message),
                ANSWERED,
                "{text} {kind}"
            );
            assert_eq!(scene.sent.len(), 1, "{text} {kind}");
            assert_eq!(scene.sent[0].transmit.to, socket(from));
        }
    }
    let breaches = &scene.wire.breaches;
    assert!(breaches.is_empty(), "{breaches:?}");
}
