//! Names of all kinds.

use super::*;

fn labelled(label: &[u8]) -> Sent {
    let mut owner = vec![label.len() as u8];
    owner.extend_from_slice(label);
    owner.extend_from_slice(b"\x05local\0");
    let (owner, _) = Name::from_wire(&owner).unwrap();
    response(&[Record { owner, ..a(1) }])
}

// RFC 6762 16: A35
#[test]
fn names_are_precomposed_utf_8() {
    for (label, what) in [
        (&b"caf\xe9"[..], "is not UTF-8"),
        ("\u{feff}casa".as_bytes(), "has a byte order mark in it"),
        ("cafe\u{301}".as_bytes(), "is not precomposed"),
        ("O\u{308}l".as_bytes(), "is not precomposed"),
        (b"xn--caf-dma", "is Punycode"),
    ] {
        let (rule, section, level, text) = only(&[labelled(label)]);
        assert_eq!((rule, section, level), ("A35", "RFC 6762 16", Level::Must));
        assert!(text.contains(what), "{text}");
    }
    for label in ["café", "Öl", "q\u{301}", "日本", "xn-casa", "John’s iMac"] {
        fine(&[labelled(label.as_bytes())]);
    }
    let asked = query(&[question("xn--caf-dma.local", kind::A)]);
    assert_eq!(only(&[asked]).0, "A35");
    let target = response(&[ptr("x.local", r"caf\233.local")]);
    assert_eq!(only(&[target]).0, "A35");
}

// RFC 6763 4.1.2, 7: B2
#[test]
fn types_have_the_names_of_services() {
    for (kind, text) in [
        ("_a-service-of-more._tcp", "more than 15 characters"),
        ("_http_alt._tcp", "other characters"),
        ("_123._udp", "without a letter"),
        ("_-http._tcp", "a hyphen at an end"),
        ("_a--b._tcp", "two hyphens"),
    ] {
        let instance = format!("Web.{kind}.local");
        let record = ptr(&format!("{kind}.local"), &instance);
        let (rule, section, _, said) = only(&[response(&[record])]);
        assert_eq!((rule, section), ("B2", "RFC 6763 7"));
        assert!(said.contains(text), "{said}");
        let srv = srv_of(&instance, [0, 0, 80], "casa.local");
        assert_eq!(only(&[response(&[srv])]).0, "B2");
    }
    for fine_kind in [
        "_http._tcp",
        "_HTTP._TCP",
        "_a-b-3._udp",
        "_fifteen-letters._tcp",
    ] {
        let record = ptr(
            &format!("{fine_kind}.local"),
            &format!("Web.{fine_kind}.local"),
        );
        fine(&[response(&[record])]);
    }
}

// RFC 6763 4.1.2: B2
#[test]
fn protocol_is_tcp_or_udp() {
    let record = ptr("_http._sctp.local", "Web._http._sctp.local");
    let (rule, section, _, text) = only(&[response(&[record])]);
    assert_eq!((rule, section), ("B2", "RFC 6763 4.1.2"));
    assert_eq!(
        text,
        r#"the protocol of a service is "_sctp", not _tcp or _udp"#
    );
}

// RFC 6763 4.1.1: B1
#[test]
fn instance_is_one_label_without_control_characters() {
    for (instance, what) in [
        (r"Web\010Site._http._tcp.local", "a control character"),
        (r"Web\127._http._tcp.local", "a control character"),
        ("My.Web._http._tcp.local", "2 labels"),
    ] {
        let (rule, section, level, text) = only(&[response(&[ptr(TYPE, instance)])]);
        assert_eq!(
            (rule, section, level),
            ("B1", "RFC 6763 4.1.1", Level::Must)
        );
        assert!(text.contains(what), "{text}");
    }
    fine(&[response(&[ptr(TYPE, r"Dr\. No's \\ Wéb._http._tcp.local")])]);
}

// RFC 6763 7.1, 9: B5, B6
#[test]
fn subtypes_list_instances_and_the_list_of_types_has_types() {
    const SUB: &str = "_printer._sub._http._tcp.local";
    const META: &str = "_services._dns-sd._udp.local";
    fine(&[response(&[ptr(SUB, INSTANCE), ptr(META, TYPE)])]);
    assert_eq!(
        told(&[response(&[ptr(SUB, "Web._ipp._tcp.local")])]),
        [("B5", SUB.into())]
    );
    assert_eq!(
        told(&[response(&[ptr(SUB, "casa.local")])]),
        [("B5", SUB.into())]
    );
    for target in [INSTANCE, SUB, "casa.local"] {
        let told = told(&[response(&[ptr(META, target)])]);
        assert_eq!(told, [("B6", META.into())], "{target}");
    }
}
