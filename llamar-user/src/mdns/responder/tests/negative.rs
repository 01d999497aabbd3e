//! RFC 6762 6.1, 6.2: telling what there is not.

use super::bench::*;
use crate::dns::kind::{A, AAAA, NSEC, PTR, SRV, TXT};
use crate::dns::{Rdata, Record};

/// What a question gets by multicast.
fn told(bench: &mut Bench, text: &str, kind: u16) -> (Vec<Record>, Vec<Record>) {
    bench.forget();
    bench.ask(&query(&[question(text, kind)]), from(PEER));
    // RFC 6762 6: A11. That is unique, so nothing waits.
    let responses = bench.responses();
    let Some(sent) = responses.first() else {
        return Default::default();
    };
    let told = (
        sent.message.answers.clone(),
        sent.message.additionals.clone(),
    );
    bench.run(secs(2));
    assert_eq!(bench.responses().len(), 1);
    told
}

fn v4_only() -> Bench {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.reverse = true;
    bench.wanted.hosts = vec![casa];
    bench.settled()
}

// RFC 6762 6.1: A16
#[test]
fn missing_type_of_an_own_name_is_answered_with_nsec() {
    let mut bench = v4_only();
    for kind in [AAAA, TXT, SRV, NSEC, 65, 257] {
        let (answers, additionals) = told(&mut bench, "casa.local", kind);
        assert_eq!(answers, [flush(nsec("casa.local", &[A]))], "{kind}");
        assert_eq!(additionals, []);
    }
    // Its own bit is not set, there is one window, and it is number 0.
    let Rdata::Nsec(data) = &told(&mut bench, "casa.local", TXT).0[0].data else {
        panic!("no NSEC");
    };
    assert!(data.is_restricted() && !data.has(NSEC));
    assert_eq!(data.next, name("casa.local"));
    assert_eq!(data.bitmaps(), [0, 1, 0x40]);
}

// RFC 6762 6.1: types that are none cannot be missing.
#[test]
fn questions_that_are_no_types_of_records_get_no_nsec() {
    let mut bench = v4_only();
    for kind in [41, 250, 251, 252] {
        assert_eq!(told(&mut bench, "casa.local", kind).0, []);
    }
}

// RFC 6762 20: A16
#[test]
fn nsec_of_a_dual_stack_host_has_both_families() {
    let mut bench = Bench::web();
    assert_eq!(
        told(&mut bench, "casa.local", TXT).0,
        [flush(nsec("casa.local", &[A, AAAA]))]
    );
    let mut expected = nsec("Web._http._tcp.local", &[TXT, SRV]);
    // RFC 6762 6.1: A16. The TTL that the missing record would have.
    expected.ttl = 4500;
    assert_eq!(
        told(&mut bench, "Web._http._tcp.local", A).0,
        [flush(expected)]
    );
}

// RFC 6762 6.1: A16. Names of addresses are ours without having been probed.
#[test]
fn missing_type_of_a_reverse_name_is_answered_with_nsec() {
    let mut bench = v4_only();
    let reverse = "1.0.0.10.in-addr.arpa";
    assert_eq!(
        told(&mut bench, reverse, A).0,
        [flush(nsec(reverse, &[PTR]))]
    );
}

// RFC 6762 6.2: A17
#[test]
fn absent_family_is_told_in_the_additional_section() {
    let mut bench = v4_only();
    let (answers, additionals) = told(&mut bench, "casa.local", A);
    assert_eq!(answers, [flush(address("casa.local", "10.0.0.1"))]);
    assert_eq!(additionals, [flush(nsec("casa.local", &[A]))]);
}

// RFC 6762 6.2: A17. In announcements as well.
#[test]
fn announced_addresses_come_with_what_is_absent() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![host("casa.local", &["fe80::1"])];
    bench.follow();
    bench.run(secs(5));
    for sent in bench.responses() {
        assert_eq!(
            sent.message.additionals,
            [flush(nsec("casa.local", &[AAAA]))]
        );
    }
}

// RFC 6762 6.1, 10.2: what was told to be absent is corrected when it comes.
#[test]
fn nsec_that_was_told_is_replaced_when_it_is_not_true_any_more() {
    let mut bench = v4_only();
    bench.wanted.hosts[0].addresses.insert(ip("fe80::1"));
    bench.follow();
    let answers = bench.responses()[0].message.answers.clone();
    assert!(answers.contains(&flush(nsec("casa.local", &[A, AAAA]))));
    assert!(answers.contains(&flush(address("casa.local", "fe80::1"))));
}

// RFC 6762 7.1: A21
#[test]
fn known_nsec_is_not_told_again() {
    let mut bench = v4_only();
    let mut asked = query(&[question("casa.local", TXT)]);
    asked.answers = vec![nsec("casa.local", &[A])];
    assert!(!bench.ask(&asked, from(PEER)));
    asked.answers = vec![nsec("casa.local", &[A, TXT])];
    assert!(bench.ask(&asked, from(PEER)));
}
