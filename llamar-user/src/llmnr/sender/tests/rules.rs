//! The rules of RFC 4795 for queries to the groups, one by one.

use super::*;

// RFC 4795 2.1.1: S3, S18
#[test]
fn query_has_one_question_and_all_its_flags_are_zero() {
    let mut scene = Scene::new(casa(), &eth0());
    let (path, message) = scene.query();
    assert_eq!(path, 0);
    assert_eq!(
        message[2..],
        *b"\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\x01\0\x01"
    );
    for repeated in scene.finish() {
        let Transmit::Datagram { message: again, .. } = repeated else {
            panic!("{repeated:?}");
        };
        assert_eq!(again, message);
    }
}

// RFC 4795 2.1.1: S2
#[test]
fn ids_are_chances_own_and_each_path_has_another() {
    let ids = |seed| {
        let mut scene = Scene::seeded(seed, casa(), &both());
        scene.queries::<2>().map(|query| [query[0], query[1]])
    };
    let mut seen: Vec<_> = (0..100).flat_map(ids).collect();
    assert_eq!(ids(7), ids(7));
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 190, "{}", seen.len());
}

// RFC 4795 2.7, 7: S8, S9
#[test]
fn query_is_sent_three_times_each_after_a_jitter_and_waits_for_the_full_time_out() {
    let (mut least, mut most) = ([u128::MAX; 3], [0; 3]);
    for seed in 0..300 {
        let mut scene = Scene::seeded(seed, casa(), &eth0());
        let mut sent_before = 0;
        for number in 0..3 {
            scene.query();
            let waited = scene.elapsed() - sent_before;
            least[number] = least[number].min(waited);
            most[number] = most[number].max(waited);
            sent_before = scene.elapsed();
            assert!(!scene.is_answered());
        }
        // The last one waits for responders that let the jitter pass.
        assert_eq!(scene.wait(199), []);
        assert!(!scene.is_answered());
        assert_eq!(scene.wait(1), []);
        assert_eq!(scene.outcome(), Outcome::Silence);
    }
    assert!(
        least[0] <= 3 && (97..=100).contains(&most[0]),
        "{least:?} {most:?}"
    );
    for number in [1, 2] {
        assert!((100..=103).contains(&least[number]), "{least:?}");
        assert!((196..=200).contains(&most[number]), "{most:?}");
    }
}

// RFC 4795 2.2: S15
#[test]
fn silence_says_that_there_is_no_such_name() {
    let mut scene = Scene::new(casa(), &both());
    assert_eq!(scene.finish().len(), 6);
    assert_eq!(
        (scene.outcome(), scene.records()),
        (Outcome::Silence, vec![])
    );
    assert_eq!(scene.sender.poll_timeout(), None);
    let mut nowhere = Scene::new(casa(), &[]);
    assert_eq!(
        (nowhere.step(), nowhere.outcome()),
        (None, Outcome::Silence)
    );
}

// RFC 4795 2.7: S9
#[test]
fn first_response_with_c_clear_answers_the_query() {
    let mut scene = Scene::new(casa(), &both());
    let (path, query) = scene.query();
    assert!(!scene.is_answered());
    let from = ["10.0.0.9", "fe80::9"][path];
    scene
        .hears(path, from, &answers(&query, PLAIN, &[a("10.0.0.9")]))
        .unwrap();
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
    // Nothing more is sent, on the other path neither.
    assert_eq!(scene.finish(), []);
}

// RFC 4795 2.7: S9
#[test]
fn after_a_first_response_with_c_set_all_others_are_waited_for() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    scene
        .hears(0, "10.0.0.8", &answers(&query, SHARED, &[a("10.0.0.8")]))
        .unwrap();
    assert_eq!(scene.wait(199), []);
    assert!(!scene.is_answered());
    scene
        .hears(0, "10.0.0.9", &answers(&query, SHARED, &[a("10.0.0.9")]))
        .unwrap();
    scene.wait(1);
    assert_eq!(scene.records(), ["10.0.0.8 on 2", "10.0.0.9 on 2"]);
    assert_eq!(scene.finish(), []);
}

// RFC 4795 2.7: S9
#[test]
fn who_wants_all_answers_gets_them_after_all_transmissions() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    for from in ["10.0.0.8", "10.0.0.9"] {
        scene
            .hears(0, from, &answers(&query, SHARED, &[a(from)]))
            .unwrap();
    }
    assert_eq!(scene.finish().len(), 2);
    assert_eq!(scene.records().len(), 2);
}

// RFC 4795 2.7: S9
#[test]
fn who_wants_all_answers_waits_for_every_path() {
    let mut scene = Scene::new(all(casa()), &both());
    let [query, _] = scene.queries();
    scene
        .hears(0, "10.0.0.9", &answers(&query, PLAIN, &[a("10.0.0.9")]))
        .unwrap();
    scene.sender.handle_unsent(scene.now, 0);
    assert!(!scene.is_answered());
    scene.finish();
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
}

// RFC 4795 2.1.1, 2.2, 2.3: S4
#[test]
fn what_is_no_response_to_the_query_is_discarded() {
    let mut scene = Scene::new(casa(), &both());
    let early = scene.sender.exchanges[0].id.to_be_bytes();
    let early = [&early[..], b"\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\x01\0\x01"].concat();
    let told = answers(&early, PLAIN, &[a("10.0.0.9")]);
    assert_eq!(
        scene.hears(0, "10.0.0.9", &told),
        Err(Discarded::Unsolicited)
    );
    assert_eq!(
        scene.hears(9, "10.0.0.9", &told),
        Err(Discarded::Unsolicited)
    );

    let [query, other] = scene.queries();
    let good = response(&query, PLAIN, &[a("10.0.0.9")]);
    let of = |change: fn(&mut Message)| {
        let mut message = good.clone();
        change(&mut message);
        bytes(&message)
    };
    let wrong = [
        (of(|m| m.flags = 0), Discarded::Query),
        (of(|m| m.flags |= 0x2800), Discarded::Opcode(5)),
        (of(|m| m.flags |= TENTATIVE), Discarded::Tentative),
        (of(|m| m.flags |= 3), Discarded::Rcode(3)),
        (of(|m| m.id ^= 1), Discarded::Id),
        (answers(&other, PLAIN, &[a("10.0.0.9")]), Discarded::Id),
        (of(|m| m.questions.clear()), Discarded::Questions(0)),
        (
            of(|m| m.questions.push(m.questions[0].clone())),
            Discarded::Questions(2),
        ),
        (
            of(|m| m.questions[0] = question("cosa", kind::A)),
            Discarded::Question,
        ),
        (
            of(|m| m.questions[0].kind = kind::AAAA),
            Discarded::Question,
        ),
        (of(|m| m.questions[0].class = 3), Discarded::Question),
        (
            of(|m| m.answers = vec![record("cosa", Rdata::A([1; 4].into()))]),
            Discarded::Irrelevant,
        ),
        (
            of(|m| m.answers = vec![record("casa", Rdata::Aaaa([1; 16].into()))]),
            Discarded::Irrelevant,
        ),
        (of(|m| m.answers[0].class = 3), Discarded::Irrelevant),
        (Vec::from(&bytes(&good)[..11]), Discarded::Malformed),
        (Vec::from(&bytes(&good)[..20]), Discarded::Malformed),
        (Vec::from(&bytes(&good)[..30]), Discarded::Irrelevant),
        (Vec::new(), Discarded::Malformed),
    ];
    for (message, reason) in wrong {
        assert_eq!(
            scene.hears(0, "10.0.0.9", &message),
            Err(reason),
            "{message:02x?}"
        );
    }
    assert!(!scene.is_answered());
    scene.hears(0, "10.0.0.9", &bytes(&good)).unwrap();
    assert!(scene.is_answered());
}

// RFC 4795 2.3: S4
#[test]
fn response_comes_from_the_port_of_a_host() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let message = answers(&query, PLAIN, &[a("10.0.0.9")]);
    for from in [
        "10.0.0.9:5353",
        "0.0.0.0:5355",
        "127.0.0.1:5355",
        "224.0.0.252:5355",
        "255.255.255.255:5355",
        "[::]:5355",
        "[::1]:5355",
        "[ff02::1:3]:5355",
    ] {
        let heard = scene
            .sender
            .handle_datagram(scene.now, 0, from.parse().unwrap(), &message);
        assert_eq!(heard, Err(Discarded::Origin), "{from}");
    }
}

// RFC 4795 2.1.1: S4 (Z); RFC 1035 2.3.3
#[test]
fn z_bits_of_a_response_and_the_case_of_its_names_do_not_matter() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let mut message = response(&query, PLAIN | 0x00f0, &[]);
    message.questions[0].name = Name::parse("CASA").unwrap();
    message.answers = vec![record("cAsA", Rdata::A([10, 0, 0, 9].into()))];
    scene.hears(0, "10.0.0.9", &bytes(&message)).unwrap();
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
}

// RFC 4795 2.2: S4
#[test]
fn second_response_of_one_host_to_one_query_is_a_duplicate() {
    let mut scene = Scene::new(all(casa()), &both());
    let [query, other] = scene.queries();
    let first = answers(&query, PLAIN, &[a("10.0.0.9")]);
    scene.hears(0, "10.0.0.9", &first).unwrap();
    assert_eq!(
        scene.hears(0, "10.0.0.9", &first),
        Err(Discarded::Duplicate)
    );
    let another = answers(&query, SHARED, &[a("10.0.0.7")]);
    assert_eq!(
        scene.hears(0, "10.0.0.9", &another),
        Err(Discarded::Duplicate)
    );
    // To another query it is none.
    scene
        .hears(1, "fe80::9", &answers(&other, PLAIN, &[a("10.0.0.9")]))
        .unwrap();
    assert_eq!(link::notices(scene.finish()), []);
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
    assert_eq!(scene.sender.conflicts(), []);
}

#[test]
fn a_flood_of_responders_is_cut_off() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    let message = answers(&query, SHARED, &[a("10.0.0.9")]);
    let heard: Vec<_> = (0..40)
        .map(|last| scene.hears(0, &format!("10.0.0.{last}"), &message))
        .collect();
    assert_eq!(heard.iter().filter(|heard| heard.is_ok()).count(), 32);
    assert_eq!(heard[32], Err(Discarded::TooMany));
}

// RFC 4795 2.2: S5
#[test]
fn responses_are_concatenated_and_the_order_of_each_is_kept() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let first = [a("10.0.0.9"), a("10.0.0.1"), a("169.254.0.9")];
    let second = [a("169.254.0.8"), a("10.0.0.1"), a("10.0.0.8")];
    scene
        .hears(0, "10.0.0.9", &answers(&query, SHARED, &first))
        .unwrap();
    scene
        .hears(0, "10.0.0.8", &answers(&query, SHARED, &second))
        .unwrap();
    scene.finish();
    assert_eq!(
        scene.records(),
        [
            "10.0.0.9 on 2",
            "10.0.0.1 on 2",
            "169.254.0.9 on 2",
            "169.254.0.8 on 2",
            "10.0.0.8 on 2"
        ]
    );
}

// RFC 4795 2.2: S5
#[test]
fn responses_of_several_paths_are_in_the_order_in_which_they_came() {
    let mut scene = Scene::new(all(casa()), &both());
    let [ipv4, ipv6] = scene.queries();
    for (path, query, from) in [
        (1, &ipv6, "fe80::8"),
        (0, &ipv4, "10.0.0.9"),
        (1, &ipv6, "fe80::7"),
    ] {
        let number = scene.sender.exchanges[path].heard.len() + path;
        let address = format!("10.0.0.{number}");
        scene
            .hears(path, from, &answers(query, SHARED, &[a(&address)]))
            .unwrap();
    }
    scene.finish();
    assert_eq!(
        scene.records(),
        ["10.0.0.1 on 2", "10.0.0.0 on 2", "10.0.0.2 on 2"]
    );
}

// RFC 4795 2.2: S5
#[test]
fn responses_with_c_set_are_not_mixed_with_others() {
    for order in [[SHARED, PLAIN], [PLAIN, SHARED]] {
        let mut scene = Scene::new(all(casa()), &eth0());
        let (_, query) = scene.query();
        for (flags, from) in order.into_iter().zip(["10.0.0.8", "10.0.0.9"]) {
            let address = if flags == SHARED {
                "10.1.0.0"
            } else {
                "10.2.0.0"
            };
            scene
                .hears(0, from, &answers(&query, flags, &[a(address)]))
                .unwrap();
        }
        scene.finish();
        assert_eq!(scene.records(), ["10.1.0.0 on 2"]);
        let responses = &scene.sender.answer().unwrap().responses;
        assert_eq!(responses.len(), 2);
    }
}

// RFC 4795 2.9: S11
#[test]
fn records_beside_the_answer_section_are_no_answers() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let mut message = response(&query, PLAIN, &[]);
    message.authorities = vec![a("10.0.0.9")];
    message.additionals = vec![a("10.0.0.9")];
    scene.hears(0, "10.0.0.9", &bytes(&message)).unwrap();
    assert_eq!((scene.outcome(), scene.records()), (Outcome::Empty, vec![]));
}

// RFC 4795 2.9: S17
#[test]
fn empty_response_may_be_kept_as_long_as_its_soa_says_and_no_longer() {
    let ttl = |authorities: &[Record], flags, records: &[Record]| {
        let mut scene = Scene::new(casa(), &eth0());
        let (_, query) = scene.query();
        let mut message = response(&query, flags, records);
        message.authorities = authorities.to_vec();
        scene.hears(0, "10.0.0.9", &bytes(&message)).unwrap();
        scene.finish();
        scene.sender.answer().unwrap().responses[0].negative_ttl
    };
    assert_eq!(ttl(&[soa("casa", 30, 60)], PLAIN, &[]), Some(30));
    assert_eq!(ttl(&[soa("CASA", 60, 20)], PLAIN, &[]), Some(20));
    assert_eq!(ttl(&[], PLAIN, &[]), None);
    assert_eq!(ttl(&[soa("cosa", 30, 60)], PLAIN, &[]), None);
    assert_eq!(ttl(&[soa("casa", 30, 60)], PLAIN, &[a("10.0.0.9")]), None);
    assert_eq!(ttl(&[soa("casa", 30, 60)], PLAIN | TRUNCATED, &[]), None);
}

// RFC 4795 2.1, RFC 1035 4.1.4: S16
#[test]
fn responses_of_9194_bytes_and_with_compressed_names_are_taken() {
    let mut scene = Scene::new(all(Ask::new(question("casa", kind::ANY))), &eth0());
    let (_, query) = scene.query();
    let long = |length: usize| {
        let mut message = response(&query, PLAIN, &[a("10.0.0.9")]);
        let rest = length - bytes(&message).len() - 12;
        message.answers.push(Record {
            kind: 65280,
            ..record("casa", Rdata::A([0; 4].into()))
        });
        message.answers[1].data = Rdata::Unknown(vec![0; rest].into());
        bytes(&message)
    };
    assert_eq!(long(9194).len(), 9194);
    assert_eq!(
        scene.hears(0, "10.0.0.8", &long(9195)),
        Err(Discarded::TooLong)
    );
    scene.hears(0, "10.0.0.8", &long(9194)).unwrap();

    // 12: the question's name. The alias points into it, the address's owner to the alias.
    let mut compressed = Vec::from(&query[..12]);
    compressed[2] = 0x80;
    compressed[7] = 2;
    compressed.extend_from_slice(&query[12..]);
    compressed.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x1e\0\x04\x01b\xc0\x0c");
    compressed.extend_from_slice(b"\xc0\x22\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x07");
    scene.hears(0, "10.0.0.7", &compressed).unwrap();
    scene.finish();
    let records = scene.records();
    assert_eq!(records.len(), 4);
    assert_eq!(records[2..], ["b.casa on 2", "10.0.0.7 on 2"]);
}

#[test]
fn an_alias_answers_only_for_the_name_that_was_asked_for() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let alias =
        |owner: &str, target: &str| record(owner, Rdata::Cname(Name::parse(target).unwrap()));
    let address = |owner: &str, last| record(owner, Rdata::A([10, 0, 0, last].into()));
    let told = [
        address("box", 1),
        alias("box", "casa"),
        alias("hut", "box"),
        alias("casa", "box"),
        address("hut", 2),
        address("other", 3),
    ];
    scene
        .hears(0, "10.0.0.9", &answers(&query, PLAIN, &told))
        .unwrap();
    assert_eq!(scene.records(), ["10.0.0.1 on 2", "casa on 2", "box on 2"]);
}

// RFC 6891 7, RFC 4795 2.1.1: S22, S4, S18
#[test]
fn opt_is_sent_if_wanted_and_the_extended_rcode_of_a_response_counts() {
    let ask = Ask {
        payload: Some(1400),
        ..casa()
    };
    let mut scene = Scene::new(ask, &eth0());
    let (_, query) = scene.query();
    assert_eq!(query[10..12], [0, 1]);
    assert_eq!(query[22..], *b"\0\0\x29\x05\x78\0\0\0\0\0\0");
    let with_opt = |extended: u32| {
        let mut message = response(&query, PLAIN, &[a("10.0.0.9")]);
        let root = Name::from_wire(b"\0").unwrap().0;
        message.additionals = vec![Record {
            owner: root,
            kind: OPT,
            class: 1400,
            ttl: extended << 24,
            data: Rdata::Opt(Box::default()),
        }];
        bytes(&message)
    };
    assert_eq!(
        scene.hears(0, "10.0.0.9", &with_opt(1)),
        Err(Discarded::Rcode(16))
    );
    scene.hears(0, "10.0.0.9", &with_opt(0)).unwrap();
    assert_eq!(scene.records(), ["10.0.0.9 on 2"]);
}

#[test]
fn there_is_an_end_to_records_and_to_aliases() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    for last in 0..32 {
        let record = |low| a(&format!("10.{last}.1.{low}"));
        let many: Vec<_> = (0..200).map(record).collect();
        let from = format!("10.0.0.{last}");
        scene
            .hears(0, &from, &answers(&query, SHARED, &many))
            .unwrap();
    }
    scene.finish();
    assert_eq!(scene.records().len(), 1024);

    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    let name = |number| match number {
        0 => String::from("casa"),
        number => format!("a{number}"),
    };
    let alias = |number| {
        let target = Name::parse(&name(number + 1)).unwrap();
        record(&name(number), Rdata::Cname(target))
    };
    let chain: Vec<_> = (0..20).map(alias).collect();
    scene
        .hears(0, "10.0.0.9", &answers(&query, PLAIN, &chain))
        .unwrap();
    assert_eq!(scene.records().len(), 9);
}
