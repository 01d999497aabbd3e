//! RFC 6762 8, 10.2, 14: links that come, go and change.

use super::super::*;
use super::bench::*;
use crate::dns::kind::A;
use crate::mdns::Event;

/// Whether what was done had `casa.local` probed and announced again.
fn starts_over(bench: &mut Bench) -> bool {
    bench.forget();
    bench.follow();
    // RFC 6762 10.2: it is not answered for meanwhile.
    let silent = !bench.ask(&query(&[question("casa.local", A)]), from(PEER6));
    bench.run(secs(5));
    let kinds = |flags: u16| {
        bench
            .sent
            .iter()
            .filter(|sent| sent.message.flags == flags && sent.to.is_ipv6())
            .count()
    };
    let counts = (kinds(0), kinds(0x8400));
    assert!(
        counts == (3, 2) && silent || counts.0 == 0 && !silent,
        "{counts:?} {silent}"
    );
    bench.forget();
    silent
}

// RFC 6762 8, 10.2: A40
#[test]
fn wake_and_link_up_probe_and_announce_everything_again() {
    let mut bench = Bench::casa();
    bench.with(Responder::wake);
    assert_eq!(bench.state("casa.local"), State::Probing);
    bench.run(secs(5));
    assert_eq!((bench.queries().len(), bench.responses().len()), (3, 2));
    assert_eq!(bench.events.len(), 1);
    bench.wanted.up = false;
    bench.follow();
    bench.run(secs(5));
    bench.wanted.up = true;
    assert!(starts_over(&mut bench));
}

// RFC 6762 8: A40
#[test]
fn another_family_or_network_is_another_connection() {
    let mut bench = Bench::casa();
    assert!(!starts_over(&mut bench));
    bench.families = vec![Family::V6];
    assert!(!starts_over(&mut bench));
    bench.families = Family::ALL.to_vec();
    assert!(starts_over(&mut bench));
    bench.wanted.addresses.insert((ip("10.0.0.9"), 24));
    assert!(!starts_over(&mut bench));
    bench.wanted.addresses.insert((ip("10.0.0.9"), 16));
    assert!(starts_over(&mut bench));
    bench.wanted.addresses.insert((ip("2001:db8::1"), 64));
    assert!(starts_over(&mut bench));
    bench.wanted.addresses.insert((ip("2001:db8::2"), 64));
    assert!(!starts_over(&mut bench));
    bench.wanted.addresses = [(ip("fe80::1"), 64)].into();
    assert!(!starts_over(&mut bench));
    bench.wanted.addresses.insert((ip("1.2.3.4"), 0));
    assert!(starts_over(&mut bench));
}

#[test]
fn link_that_is_down_says_and_hears_nothing() {
    let mut bench = Bench::web();
    bench.ask(&query(&[question("_http._tcp.local", 12)]), from(PEER));
    bench.wanted.up = false;
    bench.follow();
    bench.run(secs(100));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.state("casa.local"), State::Probing);
    assert_eq!(bench.responder.poll_timeout(), None);
    bench.with(Responder::wake);
    bench.with(Responder::shutdown);
    assert!(bench.sent.is_empty());
}

#[test]
fn answers_that_wait_are_dropped_with_their_family() {
    let mut bench = Bench::web();
    let mut truncated = query(&[question("_http._tcp.local", 12)]);
    truncated.flags = 0x0200;
    bench.ask(&truncated, from(PEER));
    bench.ask(&query(&[question("_http._tcp.local", 12)]), from(OTHER));
    bench.ask(
        &query(&[question("_http._tcp.local", 12)]),
        from_legacy(OTHER),
    );
    bench.families = vec![Family::V6];
    bench.follow();
    bench.run(secs(2));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.responder.poll_timeout(), None);
}

// RFC 6762 10.1, 8: A30, A40. Another address in another network: the old one's name ends.
#[test]
fn reverse_name_of_an_old_address_gets_its_goodbye() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.reverse = true;
    bench.wanted.hosts = vec![casa];
    let mut bench = bench.settled();
    bench.wanted.addresses = [(ip("192.0.2.1"), 24)].into();
    bench.wanted.hosts[0].addresses = [ip("192.0.2.1")].into();
    bench.follow();
    let mut gone = flush(ptr("1.0.0.10.in-addr.arpa", 120, "casa.local"));
    gone.ttl = 0;
    assert_eq!(bench.responses().len(), 1);
    assert_eq!(bench.responses()[0].message.answers, [gone]);
    bench.forget();
    bench.run(secs(5));
    assert_eq!((bench.queries().len(), bench.responses().len()), (3, 2));
    let expected = [
        flush(address("casa.local", "192.0.2.1")),
        flush(ptr("1.2.0.192.in-addr.arpa", 120, "casa.local")),
    ];
    assert_eq!(
        sorted(&bench.responses()[0].message.answers),
        sorted(&expected)
    );
}

// RFC 6763 12.2; RFC 6762 8.1: a service is not offered before its host's name is ours, at first as after a wake.
#[test]
fn service_waits_for_the_name_of_its_host() {
    for wakes in [false, true] {
        let mut bench = Bench::web();
        if !wakes {
            bench.responder = Responder::new();
            bench.follow();
        } else {
            bench.with(Responder::wake);
        }
        bench.run(ms(300));
        let rival = probe(qu("casa.local", 255), &[address("casa.local", "200.0.0.1")]);
        bench.ask(&rival, from(PEER));
        bench.run(ms(900));
        assert_eq!(bench.state("Web._http._tcp.local"), State::Verified);
        assert_eq!(bench.state("casa.local"), State::Probing);
        assert!(bench.responses().is_empty());
        assert!(!bench.ask(&query(&[question("_http._tcp.local", 12)]), from(PEER)));
        bench.run(secs(2));
        assert_eq!(bench.responses()[0].message.answers.len(), 6);
    }
}

// RFC 6762 8.1: only what is new is probed.
#[test]
fn added_names_are_probed_and_others_left_alone() {
    let mut bench = Bench::casa();
    bench
        .wanted
        .hosts
        .push(host("alias.local", &["10.0.0.1", "fe80::1"]));
    bench.follow();
    bench.run(secs(5));
    let queries = bench.queries();
    assert_eq!(queries.len(), 3);
    assert!(
        queries
            .iter()
            .all(|sent| sent.message.questions == [qu("alias.local", 255)])
    );
    let answers = bench.responses();
    let mut answers = answers.iter().flat_map(|sent| &sent.message.answers);
    assert!(answers.all(|record| record.owner == name("alias.local")));
    let verified = Event::Verified {
        device: 2,
        name: name("alias.local"),
    };
    assert_eq!(bench.events, [verified]);
    bench.forget();
    bench.wanted.hosts.remove(0);
    bench.follow();
    let gone = sorted(&bench.responses()[0].message.answers);
    assert_eq!(
        gone,
        lines(
            "
        casa.local. 0 IN+flush A 10.0.0.1
        casa.local. 0 IN+flush AAAA fe80::1
    "
        )
    );
    assert_eq!(bench.responder.standings().count(), 1);
}

#[test]
fn hosts_of_one_name_are_one_host() {
    let mut bench = Bench::new();
    bench.wanted.hosts = vec![
        host("casa.local", &["10.0.0.1"]),
        host("CASA.local", &["10.0.0.2"]),
    ];
    let mut bench = bench.settled();
    assert!(bench.ask(&query(&[question("casa.local", A)]), from(PEER)));
    let expected = ["10.0.0.1", "10.0.0.2"].map(|text| flush(address("casa.local", text)));
    assert_eq!(sorted(&bench.v4()[0].message.answers), sorted(&expected));
    assert_eq!(bench.responder.standings().count(), 1);
}

// RFC 6762 9: A48
#[test]
fn name_kept_from_a_former_life_is_used_first() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.kept = Some(name("casa-4.local"));
    bench.wanted.hosts = vec![casa];
    bench.follow();
    bench.run(ms(300));
    assert_eq!(bench.standing("casa.local").used, name("casa-4.local"));
    bench.hear(
        &response(&[address("casa-4.local", "10.0.0.2")]),
        from(PEER),
    );
    assert_eq!(bench.standing("casa.local").used, name("casa-5.local"));
    bench.run(secs(5));
    // What is kept does not change a name that is in use.
    bench.wanted.hosts[0].kept = None;
    bench.forget();
    bench.follow();
    bench.run(secs(5));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.standing("casa.local").used, name("casa-5.local"));
}

#[test]
fn name_that_our_own_have_is_not_taken_twice() {
    let mut bench = Bench::new();
    let mut casa = host("casa.local", &["10.0.0.1"]);
    casa.kept = Some(name("casa-2.local"));
    bench.wanted.hosts = vec![casa, host("casa-2.local", &["10.0.0.2"])];
    bench.follow();
    bench.run(secs(5));
    assert_eq!(bench.standing("casa.local").used, name("casa-2.local"));
    assert_eq!(bench.standing("casa-2.local").used, name("casa-2-2.local"));
}
