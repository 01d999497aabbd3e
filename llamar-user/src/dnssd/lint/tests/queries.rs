//! Queries and probes.

use super::*;

fn asked() -> Question {
    question(TYPE, kind::PTR)
}

// RFC 6762 10.2: A31
#[test]
fn known_answers_do_not_flush() {
    let record = plain(a(1));
    let question = question("casa.local", kind::A);
    fine(&[known(std::slice::from_ref(&question), &[record])]);
    let (rule, section, ..) = only(&[known(&[question], &[a(1)])]);
    assert_eq!((rule, section), ("A31", "RFC 6762 10.2"));
}

// RFC 6762 7.1: A21
#[test]
fn known_answers_have_at_least_half_of_their_ttl() {
    let said = response(&[ptr(TYPE, INSTANCE)]);
    let known = |seconds, at| {
        known(&[asked()], &[ttl(seconds, ptr(TYPE, INSTANCE))])
            .from(OTHER)
            .at(at)
    };
    fine(&[said.clone(), known(2250, 100)]);
    let (rule, section, level, _) = only(&[said, known(2200, 100)]);
    assert_eq!(
        (rule, section, level),
        ("A21", "RFC 6762 7.1", Level::Should)
    );
    fine(&[known(2200, 100)]);
}

// RFC 6762 7.2: A22
#[test]
fn known_answers_in_several_packets_follow_each_other() {
    let truncated = |at| {
        let message = Message {
            flags: 0x0200,
            questions: vec![asked()],
            answers: vec![ptr(TYPE, INSTANCE)],
            ..Message::default()
        };
        sent(&message).at(at)
    };
    let rest = |at| known(&[], &[ptr(TYPE, "B._http._tcp.local")]).at(at);
    let later = |at| query(&[question("casa.local", kind::A)]).at(at);
    fine(&[truncated(0), rest(10), later(5000)]);
    let (rule, section, _, text) = only(&[truncated(0), later(5000)]);
    assert_eq!((rule, section), ("A22", "RFC 6762 7.2"));
    assert!(text.contains("no more known answers followed"), "{text}");
    let (rule, _, _, text) = only(&[later(0), rest(5000)]);
    assert!(
        rule == "A22" && text.contains("without a question"),
        "{text}"
    );
    // The query may have come before anybody listened.
    fine(&[rest(0)]);
}

// RFC 6762 5.2: A3
#[test]
fn questions_are_repeated_after_a_second_and_ever_later() {
    let ask = |at| query(&[asked()]).at(at);
    fine(&[ask(0), ask(1000), ask(3000), ask(7000), ask(15_000)]);
    let (rule, section, _, text) = only(&[ask(0), ask(400)]);
    assert_eq!((rule, section), ("A3", "RFC 6762 5.2"));
    assert_eq!(
        text,
        "_http._tcp.local. IN PTR is asked again after 400ms, before a second has passed"
    );
    let steady: Vec<_> = (0..6).map(|number| ask(number * 2000)).collect();
    fine(&steady[..5]);
    let (rule, _, _, text) = only(&steady);
    assert_eq!(
        (rule, text.as_str()),
        (
            "A3",
            "_http._tcp.local. IN PTR is asked about every 2s, and the gaps do not grow"
        )
    );
    // That of a record with a TTL of two minutes, refreshed in time.
    let refreshing: Vec<_> = (0..9).map(|number| ask(number * 96_000)).collect();
    fine(&refreshing);
    // Others, other questions and simple resolvers have paces of their own.
    fine(&[
        ask(0),
        ask(100).from(OTHER),
        query(&[question(TYPE, kind::TXT)]).at(200),
    ]);
    fine(&[
        ask(0).from("192.0.2.1:1024"),
        ask(100).from("192.0.2.1:1024"),
        ask(200),
    ]);
}

// RFC 6762 5.4: A6
#[test]
fn repeated_question_does_not_ask_for_unicast() {
    let ask = |at| query(&[unicast(asked())]).at(at);
    let (rule, section, level, _) = only(&[ask(0), ask(1100)]);
    assert_eq!(
        (rule, section, level),
        ("A6", "RFC 6762 5.4", Level::Should)
    );
    fine(&[ask(0), query(&[asked()]).at(1100), ask(60_000)]);
}

// RFC 6762 8.1, 8.2, 10.2: A24
#[test]
fn probe_asks_for_any_and_proposes_what_it_asks_for_without_flush() {
    let proposed = plain(a(1));
    fine(&[probe(kind::ANY, std::slice::from_ref(&proposed))]);
    let (rule, section, level, _) = only(&[probe(kind::A, std::slice::from_ref(&proposed))]);
    assert_eq!(
        (rule, section, level),
        ("A24", "RFC 6762 8.1", Level::Should)
    );
    let (rule, section, ..) = only(&[probe(kind::ANY, &[a(1)])]);
    assert_eq!((rule, section), ("A24", "RFC 6762 10.2"));
    let stray = shared("b.local", 120, Rdata::A([192, 0, 2, 9].into()));
    let (rule, section, ..) = only(&[probe(kind::ANY, &[proposed, stray])]);
    assert_eq!((rule, section), ("A24", "RFC 6762 8.2"));
}

// RFC 6762 8.1: A24
#[test]
fn probes_are_250_milliseconds_apart() {
    let probe = |at| probe(kind::ANY, &[plain(a(1))]).at(at);
    fine(&[probe(0), probe(250), probe(500)]);
    let (rule, section, ..) = only(&[probe(0), probe(100)]);
    assert_eq!((rule, section), ("A24", "RFC 6762 8.1"));
}

// RFC 6762 8.2: A24
#[test]
fn probes_propose_records() {
    let bare = |at| query(&[unicast(question("casa.local", kind::ANY))]).at(at);
    fine(&[bare(0), bare(250)]);
    let (rule, section, ..) = only(&[bare(0), bare(250), bare(500)]);
    assert_eq!((rule, section), ("A24", "RFC 6762 8.2"));
}

// RFC 6762 8.2: B11
#[test]
fn srv_record_is_proposed_with_its_txt_record() {
    let (srv, txt) = (plain(srv(80, "casa.local")), plain(txt(&[])));
    fine(&[probe(kind::ANY, &[srv.clone(), txt])]);
    let (rule, section, ..) = only(&[probe(kind::ANY, &[srv])]);
    assert_eq!((rule, section), ("B11", "RFC 6762 8.2"));
}
