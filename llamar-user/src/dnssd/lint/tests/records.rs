//! Records of responses.

use super::*;

// RFC 6762 10.2: A31, B11
#[test]
fn shared_records_do_not_flush() {
    for owner in [TYPE, "_printer._sub._http._tcp.local"] {
        let record = unique(owner, 4500, Rdata::Ptr(name(INSTANCE)));
        let (rule, section, level, _) = only(&[response(&[record])]);
        assert_eq!(
            (rule, section, level),
            ("B11", "RFC 6762 10.2", Level::Must)
        );
    }
    let meta = unique("_services._dns-sd._udp.local", 4500, Rdata::Ptr(name(TYPE)));
    assert_eq!(only(&[response(&[meta])]).0, "B11");
}

// RFC 6762 10.2: A31
#[test]
fn unique_records_flush() {
    let reverse = unique(
        "1.2.0.192.in-addr.arpa",
        120,
        Rdata::Ptr(name("casa.local")),
    );
    for record in [a(1), aaaa("fe80::1"), srv(80, "casa.local"), reverse] {
        fine(&[response(std::slice::from_ref(&record))]);
        let (rule, section, ..) = only(&[response(&[plain(record.clone())])]);
        assert_eq!((rule, section), ("A31", "RFC 6762 10.2"));
        fine(&[response(&[ttl(0, plain(record))])]);
    }
    // A TXT record is a service's where there is an SRV record; others may be shared.
    let strings = txt(&["a=b"]);
    fine(&[response(&[plain(strings.clone())])]);
    assert_eq!(
        told(&[response(&[srv(80, "casa.local"), plain(strings)])]),
        [("A31", INSTANCE.into())]
    );
}

// RFC 6762 10: A29, B11
#[test]
fn ttls_are_two_minutes_for_hosts_and_75_for_all_else() {
    let ours = service();
    fine(&[response(&ours)]);
    let nsec = |record: &&Record| record.kind != kind::NSEC;
    for record in ours.iter().filter(nsec) {
        let other = if record.ttl == 120 { 4500 } else { 120 };
        let (rule, section, level, text) = only(&[response(&[ttl(other, record.clone())])]);
        assert_eq!(
            (rule, section, level),
            ("A29", "RFC 6762 10", Level::Should)
        );
        assert_eq!(
            text,
            format!("the TTL is {other} s, where {} is recommended", record.ttl)
        );
    }
}

// RFC 6762 6.2: A17
#[test]
fn addresses_are_those_of_hosts() {
    let four = |address: [u8; 4]| unique("casa.local", 120, Rdata::A(address.into()));
    for record in [
        four([127, 0, 0, 1]),
        four([0; 4]),
        four([224, 0, 0, 251]),
        four([255; 4]),
        aaaa("::1"),
        aaaa("::"),
        aaaa("ff02::1"),
    ] {
        assert_eq!(only(&[response(&[record])]).0, "A17");
    }
}

// RFC 6762 6.1: A16
#[test]
fn nsec_records_have_the_restricted_form() {
    fine(&[response(&[nsec("casa.local", &[kind::A])])]);
    let of = |nsec: Nsec| unique("casa.local", 120, Rdata::Nsec(nsec));
    let next = |text: &str| name(text);
    for (record, what) in [
        (of(Nsec::new(next("other.local"), [kind::A])), "not its own"),
        (
            of(Nsec::from_wire(next("casa.local"), b"").unwrap()),
            "not one bitmap",
        ),
        (nsec("casa.local", &[kind::A, kind::NSEC]), "lists NSEC"),
        (nsec(TYPE, &[kind::PTR]), "a shared name"),
    ] {
        let (rule, section, _, text) = only(&[response(&[record])]);
        assert_eq!((rule, section), ("A16", "RFC 6762 6.1"));
        assert!(text.contains(what), "{text}");
    }
    // With types above 255 the restricted form would be a lie.
    fine(&[response(&[nsec("casa.local", &[kind::A, 65280])])]);
}

// RFC 6762 6.1: A16
#[test]
fn nsec_record_does_not_deny_what_is_told_with_it() {
    let denial = nsec("casa.local", &[kind::AAAA]);
    let (rule, _, _, text) = only(&[response(&[a(1), denial.clone()])]);
    assert_eq!(
        (rule, text.as_str()),
        (
            "A16",
            "an NSEC record denies A, which its name has in the same message"
        )
    );
    fine(&[response(&[ttl(0, a(1)), denial])]);
}

// RFC 6763 6: B3
#[test]
fn nsec_record_of_an_instance_has_srv_and_txt() {
    assert_eq!(only(&[response(&[nsec(INSTANCE, &[kind::SRV])])]).0, "B3");
    fine(&[response(&[nsec(INSTANCE, &[kind::SRV, kind::TXT])])]);
}

// RFC 6762 12: A51
#[test]
fn there_are_no_zones() {
    let record = shared("local", 4500, Rdata::Ns(name("casa.local")));
    assert_eq!(only(&[response(&[record])]).0, "A51");
}

// RFC 6763 8: B9
#[test]
fn placeholder_has_a_target_and_no_pointer() {
    let held = [srv(0, "casa.local"), txt(&[])];
    fine(&[response(&held)]);
    let mut offered = held.to_vec();
    offered.push(ptr(TYPE, INSTANCE));
    assert_eq!(told(&[response(&offered)]), [("B9", INSTANCE.into())]);
    assert_eq!(only(&[response(&[srv(80, ".")])]).0, "B9");
}

// RFC 6763 5: B9
#[test]
fn only_srv_record_has_no_priority_and_no_weight() {
    let of = |priority, weight, host| srv_of(INSTANCE, [priority, weight, 80], host);
    let (rule, section, level, _) = only(&[response(&[of(0, 5, "casa.local")])]);
    assert_eq!((rule, section, level), ("B9", "RFC 6763 5", Level::Should));
    fine(&[response(&[of(1, 5, "casa.local"), of(2, 0, "b.local")])]);
}

// RFC 6762 8.4: A30
#[test]
fn new_data_of_a_unique_record_needs_no_goodbye_for_the_old() {
    let (rule, section, level, _) = only(&[response(&[ttl(0, a(1)), a(2)])]);
    assert_eq!(
        (rule, section, level),
        ("A30", "RFC 6762 8.4", Level::Should)
    );
    fine(&[response(&[ttl(0, a(1))])]);
    fine(&[response(&[
        ttl(0, ptr(TYPE, INSTANCE)),
        ptr(TYPE, "B._http._tcp.local"),
    ])]);
}
