//! Headers, ways and sizes.

use super::*;

fn with_flags(flags: u16) -> Sent {
    sent(&Message {
        flags,
        answers: vec![a(1)],
        ..Message::default()
    })
}

fn query_with(id: u16, flags: u16) -> Sent {
    sent(&Message {
        id,
        flags,
        questions: vec![question("casa.local", kind::A)],
        ..Message::default()
    })
}

// RFC 1035 4.1
#[test]
fn what_is_no_message_is_told_and_what_is_broken_in_one_too() {
    let (rule, _, _, text) = only(&[bytes(b"abc")]);
    assert_eq!((rule, text.as_str()), ("wire", "the header is cut off"));
    let mut broken = response(&[a(1)]);
    broken.bytes.push(0);
    assert_eq!(only(&[broken]).3, "1 bytes behind the last record");
}

// RFC 6762 18.3, 18.4, 18.5, 18.11: A10
#[test]
fn response_has_no_opcode_rcode_or_tc_and_has_aa() {
    for (flags, section) in [
        (0x8400 | 0x2800, "RFC 6762 18.3"),
        (0x8000, "RFC 6762 18.4"),
        (0x8600, "RFC 6762 18.5"),
        (0x8403, "RFC 6762 18.11"),
    ] {
        let (rule, told, level, _) = only(&[with_flags(flags)]);
        assert_eq!((rule, told, level), ("A10", section, Level::Must));
    }
    fine(&[with_flags(0x8400)]);
}

// RFC 6762 18.1: A10
#[test]
fn id_is_0_in_multicasts() {
    let mut message = Message {
        id: 7,
        flags: RESPONSE,
        answers: vec![a(1)],
        ..Message::default()
    };
    let (rule, section, level, _) = only(&[sent(&message)]);
    assert_eq!(
        (rule, section, level),
        ("A10", "RFC 6762 18.1", Level::Must)
    );
    fine(&[sent(&message).to(OTHER)]);
    message.flags = 0;
    message.answers.clear();
    message.questions.push(question("casa.local", kind::A));
    let (rule, _, level, _) = only(&[sent(&message)]);
    assert_eq!((rule, level), ("A10", Level::Should));
    fine(&[sent(&message).from("192.0.2.1:1024")]);
}

// RFC 6762 18.4, 18.6, 18.7, 18.8, 18.9, 18.10: A38
#[test]
fn bits_of_unicast_dns_are_clear() {
    for (bit, section) in [
        (0x0100, "RFC 6762 18.6"),
        (0x0080, "RFC 6762 18.7"),
        (0x0040, "RFC 6762 18.8"),
        (0x0020, "RFC 6762 18.9"),
        (0x0010, "RFC 6762 18.10"),
    ] {
        for sent in [with_flags(RESPONSE | bit), query_with(0, bit)] {
            let (rule, told, ..) = only(&[sent]);
            assert_eq!((rule, told), ("A38", section));
        }
        // A simple resolver does not know better.
        fine(&[query_with(7, bit).from("192.0.2.1:1024")]);
    }
    let (rule, section, ..) = only(&[query_with(0, 0x0400)]);
    assert_eq!((rule, section), ("A38", "RFC 6762 18.4"));
    assert_eq!(
        only(&[query_with(7, 0x0400).from("192.0.2.1:1024")]).0,
        "A38"
    );
}

// RFC 6762 6: A9
#[test]
fn response_has_no_questions() {
    let message = Message {
        flags: RESPONSE,
        questions: vec![question("casa.local", kind::A)],
        answers: vec![a(1)],
        ..Message::default()
    };
    let (rule, section, _, text) = only(&[sent(&message)]);
    assert_eq!((rule, section), ("A9", "RFC 6762 6"));
    assert_eq!(
        text,
        "a response repeats questions, 1 of them: casa.local. IN A"
    );
}

// RFC 6762 6: A14
#[test]
fn response_comes_from_port_5353_and_goes_to_the_group() {
    let sent = response(&[a(1)]);
    let (rule, _, _, text) = only(&[sent.clone().from("192.0.2.1:1024")]);
    assert_eq!(rule, "A14");
    assert!(
        text.starts_with("a response comes from port 1024, not 5353"),
        "{text}"
    );
    for to in ["224.0.0.1:5353", "255.255.255.255:5353", "[ff05::fb]:5353"] {
        let (rule, _, _, text) = only(&[sent.clone().to(to)]);
        assert!(rule == "A14" && text.contains("not to the group"), "{text}");
    }
    fine(&[sent.clone().to(OTHER)]);
    fine(&[sent.to("[ff02::fb]:5353").from("[fe80::1]:5353")]);
}

// RFC 6762 3: A1
#[test]
fn query_to_many_goes_to_the_group() {
    let sent = query_with(0, 0);
    assert_eq!(only(&[sent.clone().to("224.0.0.1:5353")]).0, "A1");
    fine(&[sent.clone().to(OTHER)]);
    fine(&[sent]);
}

// RFC 6762 11: A33
#[test]
fn hop_limit_of_responses_is_255() {
    let (rule, section, level, text) = only(&[response(&[a(1)]).hop_limit(1)]);
    assert_eq!(
        (rule, section, level),
        ("A33", "RFC 6762 11", Level::Should)
    );
    assert_eq!(text, "a response has a hop limit of 1, not 255");
    assert_eq!(only(&[response(&[a(1)]).hop_limit(64).to(OTHER)]).0, "A33");
    fine(&[query_with(0, 0).hop_limit(1)]);
}

// RFC 6762 11: A33
#[test]
fn unicast_response_comes_from_the_link() {
    let link = Link {
        prefixes: [
            ("192.0.2.0".parse().unwrap(), 24),
            ("2001:db8::".parse().unwrap(), 64),
        ]
        .into(),
        ..Link::default()
    };
    let rules = |from: &str, to: &str| -> Vec<_> {
        let mut linter = Linter::new(link.clone());
        linter.hear(&response(&[a(1)]).from(from).to(to).heard());
        linter.breaches().map(|(breach, _)| breach.rule).collect()
    };
    assert_eq!(rules("192.0.3.1:5353", OTHER), ["A33"]);
    assert_eq!(rules("[2001:db8:1::1]:5353", "[2001:db8::2]:5353"), ["A33"]);
    assert!(rules("192.0.2.77:5353", OTHER).is_empty());
    assert!(rules("[2001:db8::1]:5353", "[2001:db8::2]:5353").is_empty());
    assert!(rules("[fe80::1]:5353", "[fe80::2]:5353").is_empty());
    assert!(rules("192.0.3.1:5353", GROUP).is_empty());
    fine(&[response(&[a(1)]).from("198.51.100.1:5353").to(OTHER)]);
}

// RFC 6762 17: A36
#[test]
fn fragmented_packet_has_one_record_and_no_packet_more_than_9000_bytes() {
    let data = |length: usize| Rdata::Unknown(vec![0; length].into());
    let record = |length| Record {
        owner: name("x.local"),
        kind: 65280,
        class: kind::IN,
        ttl: 4500,
        data: data(length),
    };
    fine(&[response(&[record(8900)])]);
    let (rule, _, _, text) = only(&[response(&[record(9000)])]);
    assert_eq!(rule, "A36");
    assert!(text.starts_with("a packet has 90"), "{text}");
    let two = response(&[record(800), record(801)]);
    let (rule, _, _, text) = only(std::slice::from_ref(&two));
    assert!(
        rule == "A36" && text.ends_with("has 2 records instead of one"),
        "{text}"
    );
    let mut linter = Linter::new(Link {
        mtu: 9000,
        ..Link::default()
    });
    linter.hear(&two.heard());
    assert_eq!(linter.breaches().count(), 0);
}

// RFC 6762 6.7, 18.14: A20
#[test]
fn response_to_a_simple_resolver_is_as_from_a_dns_server() {
    const ASKER: &str = "192.0.2.9:40000";
    let asked = Message {
        id: 7,
        questions: vec![question("casa.local", kind::A)],
        ..Message::default()
    };
    let mut answer = Message {
        flags: RESPONSE,
        answers: vec![ttl(10, plain(a(1)))],
        ..asked.clone()
    };
    let query = sent(&asked).from(ASKER);
    let answered = |answer: &Message| {
        let bytes = answer.write(Compression::Unicast).unwrap();
        [query.clone(), super::bytes(&bytes).to(ASKER)]
    };
    fine(&answered(&answer));
    answer.id = 8;
    assert_eq!(only(&answered(&answer)).0, "A20");
    answer.id = 7;
    answer.answers = vec![ttl(10, a(1))];
    assert_eq!(only(&answered(&answer)).0, "A20");
    answer.answers = vec![plain(a(1))];
    let (rule, _, level, _) = only(&answered(&answer));
    assert_eq!((rule, level), ("A20", Level::Should));
    answer.answers = vec![ttl(10, plain(a(1)))];
    answer.questions.clear();
    assert_eq!(only(&answered(&answer)).0, "A20");
    answer.questions = asked.questions.clone();
    answer.answers = vec![ttl(10, plain(srv(80, "casa.local")))];
    fine(&answered(&answer));
    let compressed = answer.write(Compression::Multicast).unwrap();
    let (rule, section, ..) = only(&[query.clone(), super::bytes(&compressed).to(ASKER)]);
    assert_eq!((rule, section), ("A20", "RFC 6762 18.14"));
}

// RFC 6762 18.14: A37
#[test]
fn names_are_compressed_where_they_may_be_and_only_there() {
    let message = Message {
        flags: RESPONSE,
        answers: service(),
        ..Message::default()
    };
    for compression in [Compression::Off, Compression::Unicast] {
        let sent = bytes(&message.write(compression).unwrap());
        let (rule, section, level, text) = only(&[sent]);
        assert_eq!(
            (rule, section, level),
            ("A37", "RFC 6762 18.14", Level::Should),
            "{text}"
        );
    }
    // HTTPS: priority, a target, parameters.
    let https = |target: &[u8]| {
        let mut message =
            b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x04casa\x05local\0\0\x41\x80\x01\0\0\0\x78".to_vec();
        message.extend([0, 2 + target.len() as u8, 0, 1]);
        message.extend_from_slice(target);
        bytes(&message)
    };
    let (rule, _, level, text) = only(&[https(b"\xc0\x0c")]);
    assert_eq!((rule, level), ("A37", Level::Must), "{text}");
    fine(&[https(b"\x04casa\x05local\0")]);
}
