//! RFC 6762 2, 9, 15: another program of this host, which has its addresses and tells of them too.

use super::super::*;
use super::bench::*;
use crate::dns::kind::{A, AAAA, ANY, PTR, SRV};
use crate::dns::{Message, Question};
use crate::mdns::Event;

const REVERSE: &str = "1.0.0.10.in-addr.arpa";

/// `casa.local` with the names of its addresses and a service.
fn bench(unicast: bool) -> Bench {
    let mut bench = Bench::new();
    bench.unicast = unicast;
    bench.wanted.unicast = unicast;
    bench.wanted.hosts = vec![host("casa.local", &["10.0.0.1", "fe80::1"])];
    bench.wanted.hosts[0].reverse = true;
    bench.wanted.services = vec![service("Web._http._tcp.local", 80, "path=/")];
    bench.settled()
}

fn asks(bench: &mut Bench, name: &str, kind: u16) -> bool {
    bench.ask(&query(&[question(name, kind)]), from(PEER6))
}

/// What avahi-daemon probes for on a host that it calls `avahi`.
fn avahi(host: &str, addresses: &[&str]) -> Message {
    let mut message = probe(question(host, ANY), &[]);
    message.questions.push(question(REVERSE, ANY));
    let addresses = addresses.iter().map(|text| address(host, text));
    message.authorities = addresses.collect();
    message.authorities.push(ptr(REVERSE, 120, host));
    message
}

// RFC 6762 2, 9: A28, A52
#[test]
fn names_of_addresses_are_left_to_another_program_of_the_host() {
    let mut bench = bench(true);
    assert!(asks(&mut bench, REVERSE, PTR));
    bench.run(secs(5));
    bench.forget();
    // It is not told that they are ours.
    assert!(!bench.ask(&avahi("avahi.local", &["10.0.0.1"]), from("10.0.0.1")));
    bench.run(secs(5));
    assert!(bench.sent.is_empty() && bench.events.is_empty());
    assert!(!asks(&mut bench, REVERSE, PTR));
    // What it does not tell is ours, and so is the name.
    let v6 = llmnr_reverse("fe80::1");
    assert!(asks(&mut bench, &v6, PTR) && asks(&mut bench, "casa.local", A));
    bench.run(secs(5));
    bench.forget();

    // Once it has taken its leave they are told again.
    let mut gone = ptr(REVERSE, 0, "avahi.local");
    gone = flush(gone);
    bench.hear(&response(&[gone]), from("10.0.0.1"));
    bench.run(secs(5));
    assert_eq!(bench.responses().len(), 2, "two announcements");
    assert!(asks(&mut bench, REVERSE, PTR));
}

fn llmnr_reverse(address: &str) -> String {
    crate::llmnr::reverse::name_of(ip(address)).to_string()
}

#[test]
fn names_of_addresses_are_not_left_to_another_host() {
    let mut bench = bench(true);
    let answered = bench.ask(&avahi("avahi.local", &["10.0.0.2"]), from(PEER));
    assert!(answered);
    bench.hear(&response(&[ptr(REVERSE, 120, "x.local")]), from(PEER));
    assert!(asks(&mut bench, REVERSE, PTR));
}

// RFC 6762 8.1, 15: A34, A44
#[test]
fn who_shares_the_port_is_asked_for_the_names_of_addresses_before_we_tell_any() {
    let mut bench = bench(false);
    bench.with(Responder::wake);
    bench.run_to_query();
    let asked = |question: &Question| question.name == name(REVERSE) && question.kind == PTR;
    let probe = &bench.queries()[0].message;
    assert!(probe.questions.iter().any(asked), "{probe:?}");
    assert!(probe.authorities.iter().all(|record| record.kind != PTR));
    let theirs = flush(ptr(REVERSE, 120, "avahi.local"));
    bench.hear(&response(&[theirs]), from("10.0.0.1"));
    bench.run(secs(5));
    let told = bench.responses();
    let mut told = told.iter().flat_map(|sent| &sent.message.answers);
    assert!(!told.any(|record| record.owner == name(REVERSE)));
    assert!(
        bench
            .events
            .iter()
            .all(|event| matches!(event, Event::Verified { .. }))
    );

    // Alone again, we tell them again.
    bench.forget();
    (bench.unicast, bench.wanted.unicast) = (true, true);
    bench.follow();
    bench.run(secs(5));
    let told = bench.responses();
    let mut told = told.iter().flat_map(|sent| &sent.message.answers);
    assert!(told.any(|record| record.owner == name(REVERSE)));
}

// RFC 6762 2, 9: A28, A52
#[test]
fn a_host_that_another_program_calls_alike_is_told_by_that_program() {
    let mut bench = bench(false);
    // It has fewer addresses to tell than we.
    let alike = avahi("casa.local", &["10.0.0.1"]);
    assert!(!bench.ask(&alike, from("10.0.0.1")));
    bench.hear(
        &response(&[flush(address("casa.local", "10.0.0.1"))]),
        from("10.0.0.1"),
    );
    bench.run(secs(5));
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert!(!asks(&mut bench, "casa.local", A) && !asks(&mut bench, "casa.local", AAAA));
    assert_eq!(bench.state("casa.local"), State::Verified);
    // The service is still ours, on the host of that name.
    assert!(asks(&mut bench, "Web._http._tcp.local", SRV));
    bench.run(secs(5));
    bench.forget();

    // While it is verified it is left at once, and not probed on.
    bench.with(Responder::wake);
    bench.run_to_query();
    bench.hear(
        &response(&[flush(address("casa.local", "10.0.0.1"))]),
        from("10.0.0.1"),
    );
    bench.run(secs(5));
    assert_eq!(bench.state("casa.local"), State::Verified);
    assert!(!asks(&mut bench, "casa.local", A));
    let goodbye = flush(record(
        "casa.local",
        0,
        crate::dns::Rdata::A([10, 0, 0, 1].into()),
    ));
    bench.hear(&response(&[goodbye]), from("10.0.0.1"));
    assert!(asks(&mut bench, "casa.local", A));
}

#[test]
fn our_own_words_that_come_back_late_silence_us_not() {
    let mut bench = bench(true);
    let own = flush(address("casa.local", "10.0.0.1"));
    let all = [own, flush(ptr(REVERSE, 120, "casa.local"))];
    bench.hear(&response(&all), from("10.0.0.1"));
    assert!(!bench.ask(&avahi("casa.local", &["10.0.0.1"]), from("10.0.0.1")));
    bench.run(secs(5));
    assert!(asks(&mut bench, "casa.local", A) && asks(&mut bench, REVERSE, PTR));
}

// RFC 6762 9: A28
#[test]
fn another_address_under_our_name_is_a_conflict_even_from_this_host() {
    let mut bench = bench(false);
    let theirs = flush(address("casa.local", "10.0.0.7"));
    bench.hear(&response(&[theirs]), from("10.0.0.1"));
    assert_eq!(bench.state("casa.local"), State::Probing);
}

#[test]
fn what_is_left_is_bounded() {
    let mut bench = bench(true);
    for last in 0..2000_u32 {
        let address = IpAddr::from((0x0a00_0100 + last).to_be_bytes());
        bench.wanted.hosts[0].addresses = [address].into();
        bench.unicast = false;
        bench.follow();
        let owner = llmnr_reverse(&address.to_string());
        let theirs = response(&[ptr(&owner, 120, "avahi.local")]);
        bench.hear(&theirs, from(&address.to_string()));
    }
    assert!(bench.responder.left.len() <= 256);
}
