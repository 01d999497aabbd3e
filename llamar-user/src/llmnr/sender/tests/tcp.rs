//! Queries over TCP (RFC 4795 2.4).

use super::*;

/// A scene in which 10.0.0.9 has given a cut response and is asked again: the stream, and both queries.
fn cut(collect: Collect, records: &[Record]) -> (Scene, usize, Vec<u8>, Vec<u8>) {
    let mut scene = Scene::new(Ask { collect, ..casa() }, &eth0());
    let (_, query) = scene.query();
    scene
        .hears(0, "10.0.0.9", &answers(&query, PLAIN | TRUNCATED, records))
        .unwrap();
    assert!(!scene.is_answered());
    loop {
        match scene.sent() {
            Transmit::Connect {
                stream,
                path,
                to,
                message,
            } => {
                assert_eq!((path, to), (0, "10.0.0.9".parse().unwrap()));
                return (scene, stream, query, message);
            }
            Transmit::Datagram { .. } if collect == Collect::All => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Scene {
    fn told(&mut self, stream: usize, message: &[u8]) -> Result<(), Discarded> {
        self.sender.handle_message(self.now, stream, message)
    }

    fn ended(&mut self, stream: usize, end: End) {
        self.sender.handle_end(self.now, stream, end);
    }
}

// RFC 4795 2.1.1, 2.4: S6, S3, S21
#[test]
fn cut_response_is_asked_for_over_tcp_and_discarded_for_what_comes() {
    let (mut scene, stream, query, again) = cut(Collect::First, &[a("10.0.0.1")]);
    assert_ne!(query[..2], again[..2]);
    assert_eq!(query[2..], again[2..]);
    let whole = [a("10.0.0.9"), a("10.0.0.8")];
    scene.told(stream, &answers(&again, PLAIN, &whole)).unwrap();
    assert_eq!(scene.records(), ["10.0.0.9 on 2", "10.0.0.8 on 2"]);
    let response = &scene.sender.answer().unwrap().responses[0];
    assert!(response.tcp && !response.truncated);
    assert_eq!(scene.finish(), [Transmit::Close { stream }]);
}

// RFC 4795 2.1.1: S6
#[test]
fn cut_response_that_comes_after_the_answer_is_not_asked_for_again() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let cut = answers(&query, SHARED | TRUNCATED, &[a("10.0.0.8")]);
    scene
        .hears(0, "10.0.0.9", &answers(&query, SHARED, &[a("10.0.0.9")]))
        .unwrap();
    scene.wait(200);
    assert!(scene.is_answered());
    scene.hears(0, "10.0.0.8", &cut).unwrap();
    assert_eq!(scene.finish(), []);
}

// RFC 4795 2.4: S6
#[test]
fn query_over_tcp_has_an_id_that_no_query_by_udp_has() {
    let many = vec![eth0()[0].clone(); 5000];
    for seed in 0..100 {
        let mut ask = casa();
        ask.server = Some("10.0.0.9".parse().unwrap());
        let scene = Scene::seeded(seed, ask, &many);
        let ids: std::collections::BTreeSet<_> = scene
            .sender
            .exchanges
            .iter()
            .map(|exchange| exchange.id)
            .collect();
        let streams = &scene.sender.streams;
        assert!(streams.iter().all(|stream| !ids.contains(&stream.id)));
    }
}

// RFC 4795 2.1.1: S6
#[test]
fn without_an_answer_over_tcp_the_cut_one_is_all_there_is() {
    for end in [Some(End::Closed), Some(End::Unreachable), None] {
        let (mut scene, stream, ..) = cut(Collect::First, &[a("10.0.0.1")]);
        match end {
            Some(end) => scene.ended(stream, end),
            None => assert_eq!(scene.finish(), [Transmit::Close { stream }]),
        }
        assert_eq!(scene.records(), ["10.0.0.1 on 2"]);
        assert!(scene.sender.answer().unwrap().responses[0].truncated);
    }
}

// RFC 4795 2.1.1: S6, S4; R26
#[test]
fn error_that_was_cut_is_told_over_tcp() {
    let (mut scene, stream, _, again) = cut(Collect::First, &[]);
    scene
        .told(stream, &answers(&again, PLAIN | 1, &[]))
        .unwrap();
    assert_eq!(scene.outcome(), Outcome::Refused);
    assert_eq!(scene.sender.answer().unwrap().responses[0].rcode, 1);
    // And where nobody tells it, that is not taken for "there is no such record".
    let (mut scene, stream, ..) = cut(Collect::First, &[]);
    scene.ended(stream, End::Closed);
    assert_eq!(scene.outcome(), Outcome::Refused);
}

// RFC 4795 2.2: S5
#[test]
fn errors_are_discarded_if_there_is_a_valid_response() {
    let (mut scene, stream, query, again) = cut(Collect::All, &[]);
    scene
        .told(stream, &answers(&again, PLAIN | 1, &[]))
        .unwrap();
    scene
        .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[]))
        .unwrap();
    scene.finish();
    let answer = scene.sender.answer().unwrap();
    assert_eq!(answer.outcome(), Outcome::Empty);
    let chosen: Vec<_> = answer
        .responses
        .iter()
        .map(|response| response.chosen)
        .collect();
    assert_eq!(chosen, [false, true]);
}

// RFC 4795 2.4: S6
#[test]
fn response_to_a_query_over_tcp_counts_only_if_it_comes_over_tcp() {
    let mut ask = casa();
    ask.server = Some("10.0.0.9".parse().unwrap());
    let mut scene = Scene::new(ask, &eth0());
    let (stream, _, _, query) = scene.connection();
    let message = answers(&query, PLAIN, &[a("10.0.0.9")]);
    assert_eq!(
        scene.hears(0, "10.0.0.9", &message),
        Err(Discarded::Unsolicited)
    );

    let (mut cut, other, _, again) = cut(Collect::All, &[]);
    let message = answers(&again, PLAIN, &[a("10.0.0.9")]);
    assert_eq!(cut.hears(0, "10.0.0.8", &message), Err(Discarded::Id));
    assert_eq!(cut.told(other + 1, &message), Err(Discarded::Unsolicited));

    scene
        .told(stream, &answers(&query, PLAIN, &[a("10.0.0.9")]))
        .unwrap();
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
}

// RFC 4795 2.1.1: S4, S21
#[test]
fn wrong_messages_on_a_connection_are_discarded_and_the_first_right_one_answers() {
    let mut ask = casa();
    ask.server = Some("10.0.0.9".parse().unwrap());
    let mut scene = Scene::new(ask, &eth0());
    let (stream, _, _, query) = scene.connection();
    let good = response(&query, PLAIN, &[a("10.0.0.9")]);
    let of = |change: fn(&mut Message)| {
        let mut message = good.clone();
        change(&mut message);
        bytes(&message)
    };
    assert_eq!(scene.told(stream, &of(|m| m.id ^= 1)), Err(Discarded::Id));
    assert_eq!(
        scene.told(stream, &of(|m| m.flags |= TENTATIVE)),
        Err(Discarded::Tentative)
    );
    assert_eq!(
        scene.told(stream, &of(|m| m.questions.clear())),
        Err(Discarded::Questions(0))
    );
    assert_eq!(scene.told(stream, &query), Err(Discarded::Query));
    assert!(!scene.is_answered());
    scene.told(stream, &bytes(&good)).unwrap();
    assert_eq!(
        scene.told(stream, &bytes(&good)),
        Err(Discarded::Unsolicited)
    );
    assert_eq!(scene.finish(), [Transmit::Close { stream }]);
}

// RFC 4795 2.4, 2.7: S21
#[test]
fn query_over_tcp_is_sent_once_after_a_jitter_and_given_up_in_the_end() {
    for seed in 0..50 {
        let mut ask = casa();
        ask.server = Some("10.0.0.9".parse().unwrap());
        let mut scene = Scene::seeded(seed, ask, &both());
        let (stream, path, to, _) = scene.connection();
        assert_eq!((path, to), (0, "10.0.0.9".parse().unwrap()));
        let begin = scene.elapsed();
        assert!(begin <= 100);
        assert_eq!(scene.finish(), [Transmit::Close { stream }]);
        assert_eq!(scene.elapsed() - begin, 2000);
        assert_eq!(scene.outcome(), Outcome::Silence);
    }
}

fn address_of(text: &str) -> Ask {
    Ask::new(Question {
        name: reverse::name_of(text.parse().unwrap()),
        kind: kind::PTR,
        class: kind::IN,
    })
}

fn ptr(query: &[u8], name: &str) -> Vec<u8> {
    let owner = Message::read(query).unwrap().questions[0].name.to_string();
    answers(
        query,
        PLAIN,
        &[record(&owner, Rdata::Ptr(Name::parse(name).unwrap()))],
    )
}

// RFC 4795 2.4: S7
#[test]
fn address_on_the_link_is_asked_for_its_own_name_over_tcp() {
    let paths = [
        path(ETH0, "10.0.0.1", &[("10.0.0.1", 24)]),
        path(ETH0, "fe80::1", &[("fe80::", 10)]),
        path(WLAN0, "10.0.1.1", &[("10.0.1.1", 24)]),
        path(WLAN0, "fe80::2", &[("fe80::", 10)]),
    ];
    for (address, on) in [
        ("10.0.1.9", &[2][..]),
        ("10.0.0.9", &[0]),
        ("fe80::9", &[1, 3]),
    ] {
        let mut scene = Scene::new(address_of(address), &paths);
        let mut asked: Vec<_> = on.iter().map(|_| scene.connection()).collect();
        asked.sort();
        let (stream, path, _, query) = asked.pop().unwrap();
        assert_eq!(path, *on.last().unwrap());
        scene.told(stream, &ptr(&query, "casa")).unwrap();
        assert_eq!(scene.records(), [format!("casa on {}", paths[path].device)]);
        let sent = scene.finish();
        assert!(
            sent.iter()
                .all(|sent| matches!(sent, Transmit::Close { .. })),
            "{sent:?}"
        );
    }
}

// RFC 4795 2.4: S7
#[test]
fn address_off_the_link_is_never_connected_to() {
    for address in ["123.123.123.123", "2001:db8::9"] {
        let mut scene = Scene::new(address_of(address), &both());
        let sent = scene.finish();
        assert_eq!(sent.len(), 6);
        assert!(
            sent.iter()
                .all(|sent| matches!(sent, Transmit::Datagram { .. })),
            "{sent:?}"
        );
    }
}

// RFC 4795 2.4: S15
#[test]
fn unreachable_address_has_no_name_at_once() {
    let mut scene = Scene::new(address_of("10.0.0.9"), &both());
    let (stream, ..) = scene.connection();
    scene.ended(stream, End::Unreachable);
    assert_eq!((scene.outcome(), scene.step()), (Outcome::Silence, None));
}

// RFC 4795 2.4: S7
#[test]
fn host_without_llmnr_over_tcp_is_asked_by_its_links_groups() {
    let paths = [&both()[..], &[path(WLAN0, "10.0.1.1", &[("10.0.1.1", 24)])]].concat();
    let mut scene = Scene::new(address_of("10.0.0.9"), &paths);
    let (stream, ..) = scene.connection();
    scene.ended(stream, End::Closed);
    let (path, query) = scene.query();
    scene
        .hears(path, ["10.0.0.9", "fe80::9"][path], &ptr(&query, "casa"))
        .unwrap();
    assert_eq!(scene.records(), ["casa on 2"]);

    let mut scene = Scene::new(address_of("10.0.0.9"), &paths);
    let (stream, ..) = scene.connection();
    scene.ended(stream, End::Closed);
    let asked = |sent: &Transmit| matches!(sent, Transmit::Datagram { path: 0 | 1, .. });
    let sent = scene.finish();
    assert!(sent.len() == 6 && sent.iter().all(asked), "{sent:?}");
}

// RFC 4795 2.4: S7
#[test]
fn host_that_says_nothing_over_tcp_is_asked_by_the_groups_as_well() {
    let mut scene = Scene::new(address_of("10.0.0.9"), &eth0());
    let (stream, _, _, query) = scene.connection();
    assert_eq!(scene.wait(299), []);
    let (path, by_group) = scene.query();
    assert_eq!(path, 0);
    let (mut by_tcp, mut both) = (Scene::new(address_of("10.0.0.9"), &eth0()), scene);
    both.hears(0, "10.0.0.9", &ptr(&by_group, "casa")).unwrap();
    assert_eq!(both.records(), ["casa on 2"]);
    assert_eq!(both.finish(), [Transmit::Close { stream }]);

    by_tcp.connection();
    by_tcp.wait(350);
    by_tcp.told(stream, &ptr(&query, "casa")).unwrap();
    assert_eq!(by_tcp.records(), ["casa on 2"]);
}

#[test]
fn named_server_is_asked_alone_and_only_on_its_link() {
    let mut ask = casa();
    ask.server = Some("10.0.7.9".parse().unwrap());
    let mut scene = Scene::new(ask, &both());
    assert_eq!((scene.step(), scene.outcome()), (None, Outcome::Silence));
    let mut ask = casa();
    ask.server = Some("10.0.0.9".parse().unwrap());
    let mut scene = Scene::new(ask, &both());
    let (stream, ..) = scene.connection();
    scene.ended(stream, End::Closed);
    assert_eq!((scene.step(), scene.outcome()), (None, Outcome::Silence));
}

// RFC 6891 7: S22
#[test]
fn extended_rcode_is_told_over_tcp() {
    let (mut scene, stream, _, again) = cut(Collect::First, &[]);
    let mut message = response(&again, PLAIN, &[]);
    message.additionals = vec![Record {
        owner: Name::from_wire(b"\0").unwrap().0,
        kind: OPT,
        class: 1400,
        ttl: 1 << 24,
        data: Rdata::Opt(Box::default()),
    }];
    scene.told(stream, &bytes(&message)).unwrap();
    assert_eq!(scene.sender.answer().unwrap().responses[0].rcode, 16);
    assert_eq!(scene.outcome(), Outcome::Refused);
}

#[test]
fn responders_that_cut_open_no_more_connections_than_there_is_room_for() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    for last in 1..=32 {
        let cut = answers(&query, SHARED | TRUNCATED, &[a("10.0.0.9")]);
        scene.hears(0, &format!("10.0.0.{last}"), &cut).unwrap();
    }
    let sent = scene.finish();
    let opened = sent
        .iter()
        .filter(|sent| matches!(sent, Transmit::Connect { .. }));
    assert_eq!(opened.count(), 16);
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
}
