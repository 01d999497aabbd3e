//! The rules of RFC 6762, one by one.

use super::*;
use crate::dns::Opt;

// RFC 6762 5.2, 10: A29, A55
#[test]
fn record_is_there_until_its_ttl_is_over() {
    let mut scene = Scene::new();
    scene.hears(vec![shared(
        "_http._tcp.local",
        120,
        ptr("Web._http._tcp.local"),
    )]);
    assert_eq!(
        scene.changes(),
        ["+ _http._tcp.local. 120 IN PTR Web._http._tcp.local."]
    );
    scene.at(119.9);
    assert_eq!((scene.all().len(), scene.changes().len()), (1, 0));
    scene.at(120.0);
    assert_eq!(
        scene.changes(),
        ["- _http._tcp.local. 120 IN PTR Web._http._tcp.local."]
    );
    assert!(scene.cache.is_empty() && scene.cache.poll_timeout().is_none());
}

// RFC 6762 5.2: a record that is heard again has its whole life again, and is no news.
#[test]
fn record_that_is_heard_again_lives_on_with_the_new_ttl() {
    let mut scene = Scene::new();
    scene.hears(vec![shared("x.local", 120, ptr("y.local"))]);
    scene.changes();
    scene.at(100.0);
    scene.hears(vec![shared("X.local", 60, ptr("Y.LOCAL"))]);
    scene.at(159.9);
    assert_eq!((scene.cache.len(), scene.changes().len()), (1, 0));
    let entry = scene.cache.entries().next().unwrap();
    assert_eq!((entry.record.ttl, entry.remaining(scene.now)), (60, 0));
    scene.at(160.0);
    assert_eq!(scene.all().len(), 0);
}

// RFC 6762 10.1: A29
#[test]
fn goodbye_ends_a_record_after_a_second_in_which_it_can_be_rescued() {
    let mut scene = Scene::new();
    let record = |ttl, target| shared("_http._tcp.local", ttl, ptr(target));
    scene.hears(vec![record(4500, "a.local"), record(4500, "b.local")]);
    scene.changes();
    scene.at(10.0);
    scene.hears(vec![
        record(0, "a.local"),
        record(0, "B.local"),
        record(0, "c.local"),
    ]);
    scene.at(10.9);
    assert_eq!(
        scene.found("_http._tcp.local", kind::PTR),
        ["a.local.", "b.local."]
    );
    let condemned = |scene: &Scene| {
        scene
            .cache
            .entries()
            .filter(|entry| entry.is_condemned())
            .count()
    };
    assert_eq!(condemned(&scene), 2);
    scene.hears(vec![record(4500, "b.local")]);
    assert_eq!(condemned(&scene), 1);
    scene.at(11.0);
    assert_eq!(
        scene.changes(),
        ["- _http._tcp.local. 4500 IN PTR a.local."]
    );
    scene.at(4000.0);
    assert_eq!(scene.found("_http._tcp.local", kind::PTR), ["b.local."]);
}

// RFC 6762 10.1, 10.2: A29, A31
// A goodbye says what is not true, so it does not flush the others.
#[test]
fn goodbye_of_a_unique_record_ends_that_one_only() {
    let mut scene = Scene::new();
    scene.hears(vec![
        unique("casa.local", 120, a(1)),
        unique("casa.local", 120, a(2)),
    ]);
    scene.at(10.0);
    scene.hears(vec![unique("casa.local", 0, a(1))]);
    scene.at(12.0);
    assert_eq!(scene.found("casa.local", kind::A), ["192.0.2.2"]);
}

// RFC 6762 10.1: a goodbye does not make a record live longer.
#[test]
fn goodbye_of_what_ends_sooner_changes_nothing() {
    let mut scene = Scene::new();
    scene.hears(vec![shared("x.local", 1, a(1))]);
    scene.at(0.5);
    scene.hears(vec![shared("x.local", 0, a(1))]);
    scene.at(1.0);
    assert!(scene.cache.is_empty());
}

// RFC 6762 10.2: A31
#[test]
fn flush_ends_what_is_older_than_a_second_after_a_second() {
    let mut scene = Scene::new();
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.at(5.0);
    scene.hears(vec![unique("casa.local", 120, a(2))]);
    scene.at(6.0);
    // One of a burst: what is a second old at most stays.
    scene.hears(vec![unique("casa.local", 120, a(3))]);
    assert_eq!(
        scene.found("casa.local", kind::A),
        ["192.0.2.2", "192.0.2.3"]
    );
    scene.at(5.99 + 1.0);
    assert_eq!(
        scene.found("casa.local", kind::A),
        ["192.0.2.2", "192.0.2.3"]
    );
    scene.at(60.0);
    assert_eq!(
        scene.found("casa.local", kind::A),
        ["192.0.2.2", "192.0.2.3"]
    );
    assert_eq!(
        scene.changes(),
        [
            "+ casa.local. 120 IN A 192.0.2.1",
            "+ casa.local. 120 IN A 192.0.2.2",
            "- casa.local. 120 IN A 192.0.2.1",
            "+ casa.local. 120 IN A 192.0.2.3",
        ]
    );
}

// RFC 6762 10.2: A31
#[test]
fn flushed_record_is_still_there_for_a_second_and_can_be_confirmed() {
    let mut scene = Scene::new();
    scene.hears(vec![
        unique("casa.local", 120, a(1)),
        unique("casa.local", 120, a(2)),
    ]);
    scene.at(5.0);
    scene.hears(vec![unique("casa.local", 120, a(3))]);
    scene.at(5.5);
    assert_eq!(scene.found("casa.local", kind::A).len(), 3);
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.at(5.99);
    assert_eq!(scene.found("casa.local", kind::A).len(), 3);
    scene.at(6.0);
    assert_eq!(
        scene.found("casa.local", kind::A),
        ["192.0.2.1", "192.0.2.3"]
    );
}

// RFC 6762 10.2: A31
#[test]
fn flush_is_for_its_name_type_and_class_only() {
    let mut scene = Scene::new();
    let mut chaos = shared(
        "casa.local",
        120,
        Rdata::Txt(Txt::new([&b"x"[..]]).unwrap()),
    );
    chaos.class = 3;
    scene.hears(vec![
        shared("casa.local", 120, a(1)),
        shared("casa.local", 120, Rdata::Aaaa("fe80::1".parse().unwrap())),
        shared("dos.local", 120, a(1)),
        chaos,
    ]);
    scene.at(5.0);
    let txt = Rdata::Txt(Txt::new([&b"y"[..]]).unwrap());
    scene.hears(vec![
        unique("CASA.local", 120, a(9)),
        unique("casa.local", 120, txt),
    ]);
    scene.at(7.0);
    assert_eq!(
        scene.all(),
        [
            "dos.local. 120 IN A 192.0.2.1",
            "CASA.local. 120 IN A 192.0.2.9",
            "casa.local. 120 IN TXT \"y\"",
            "casa.local. 120 CH TXT \"x\"",
            "casa.local. 120 IN AAAA fe80::1",
        ]
    );
}

#[test]
fn without_the_rule_nothing_is_flushed() {
    let mut scene = Scene::new();
    scene.rules = Rules::without(Rule::Flush);
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.at(5.0);
    scene.hears(vec![unique("casa.local", 120, a(2))]);
    scene.at(7.0);
    assert_eq!(scene.found("casa.local", kind::A).len(), 2);
}

// RFC 6762 10.2, 16: A8
#[test]
fn names_compare_without_the_case_of_ascii_letters_and_classes_without_the_top_bit() {
    let mut scene = Scene::new();
    scene.hears(vec![
        shared("Größe.local", 120, a(1)),
        unique("GRößE.LOCAL", 120, a(1)),
        shared("GRÖSSE.local", 120, a(1)),
        shared("grÖße.local", 120, a(1)),
    ]);
    assert_eq!(scene.cache.len(), 3);
    let found: Vec<_> = scene.cache.find(&name("größe.local"), kind::A).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].record.class, found[0].is_unique()),
        (kind::IN, true)
    );
}

// RFC 6762 6: A8
#[test]
fn record_answers_by_its_type_any_or_as_an_alias() {
    let mut scene = Scene::new();
    let mut chaos = shared("casa.local", 120, Rdata::Txt(Txt::new([]).unwrap()));
    chaos.class = 3;
    scene.hears(vec![
        shared("casa.local", 120, a(1)),
        shared("casa.local", 120, Rdata::Cname(name("dos.local"))),
        shared("dos.local", 120, a(2)),
        chaos,
    ]);
    let answers = |kind, class| {
        let name = name("CASA.local");
        let question = Question { name, kind, class };
        let answers = scene.cache.answers(&question);
        let kinds: Vec<_> = answers.map(|entry| entry.record.kind).collect();
        kinds
    };
    assert_eq!(answers(kind::A, kind::IN), [kind::A, kind::CNAME]);
    assert_eq!(answers(kind::A, 0x8001), [kind::A, kind::CNAME]);
    assert_eq!(answers(kind::CNAME, kind::IN), [kind::CNAME]);
    assert_eq!(answers(kind::AAAA, kind::IN), [kind::CNAME]);
    assert_eq!(answers(kind::ANY, kind::IN), [kind::A, kind::CNAME]);
    assert_eq!(
        answers(kind::TXT, kind::CLASS_ANY),
        [kind::TXT, kind::CNAME]
    );
    assert_eq!(answers(kind::TXT, 3), [kind::TXT]);
    assert_eq!(answers(kind::A, 3), [0; 0]);
}

// RFC 6762 18.14: A37
#[test]
fn data_is_the_same_however_its_names_are_compressed_and_in_whatever_case() {
    let mut scene = Scene::new();
    let srv = |target: &str| {
        Rdata::Srv(Srv {
            priority: 0,
            weight: 0,
            port: 80,
            target: name(target),
        })
    };
    let records = |target: &str, next: &str| {
        response(vec![
            shared("Web._http._tcp.local", 120, srv(target)),
            shared("casa.local", 120, nsec(next, &[1])),
            shared("_http._tcp.local", 120, ptr(target)),
        ])
    };
    let (one, other) = (
        records("casa.local", "casa.local"),
        records("CASA.local", "casa.LOCAL"),
    );
    for (message, compression) in [
        (&one, Compression::Off),
        (&one, Compression::Multicast),
        (&other, Compression::Unicast),
        (&other, Compression::Multicast),
    ] {
        let message = Message::read(&message.write(compression).unwrap()).unwrap();
        scene
            .cache
            .hear(scene.now, scene.rules, &message, PEER, &|_| false);
    }
    assert_eq!(scene.cache.len(), 3);
    scene.hears(vec![shared("Web._http._tcp.local", 120, srv("kasa.local"))]);
    assert_eq!(scene.all().len(), 4);
}

// RFC 6762 10.2, 18.1: A47
#[test]
fn records_of_one_message_only_are_no_news_and_flush_nothing() {
    let mut scene = Scene::new();
    let opt = Opt {
        payload: 0x85a0,
        extended_rcode: 0,
        version: 0,
    };
    let unknown = |kind: u16, class: u16| Record {
        owner: name("casa.local"),
        kind,
        class,
        ttl: 120,
        data: Rdata::Unknown([0; 20][..].into()),
    };
    let mut message = response(Vec::new());
    message.additionals = vec![opt.record()];
    for (kind, class) in [
        (24, 1),
        (249, 1),
        (250, 255),
        (255, 1),
        (0, 1),
        (65280, 254),
    ] {
        message.additionals.push(unknown(kind, class));
    }
    let wire = |record: &mut Record| {
        if record.kind == 24 {
            record.data = Rdata::Unknown([&[0; 18][..], &[0]].concat().into());
        }
    };
    message.additionals.iter_mut().for_each(wire);
    scene.hears_message(&message, PEER, &|_| true);
    assert_eq!(scene.all(), [""; 0]);
    message.additionals.push(unknown(65280, 1));
    scene.hears_message(&message, PEER, &|_| true);
    assert_eq!(scene.all().len(), 1);
}

// RFC 6762 6, 18.1: A9, A47
// Whatever section a record stands in, and whatever was asked.
#[test]
fn records_of_all_sections_are_taken_and_questions_ignored() {
    let mut scene = Scene::new();
    let message = Message {
        id: 77,
        flags: 0x8200,
        questions: vec![Question {
            name: name("other.local"),
            kind: kind::A,
            class: kind::IN,
        }],
        answers: vec![shared("a.local", 120, a(1))],
        authorities: vec![shared("b.local", 120, a(2))],
        additionals: vec![shared("c.local", 120, a(3))],
        ..Message::default()
    };
    scene.hears_message(&message, PEER, &|_| false);
    assert_eq!(scene.all().len(), 3);
}

// RFC 6762 6.1: A16, A45
#[test]
fn nsec_says_what_a_name_does_not_have() {
    let mut scene = Scene::new();
    let casa = name("casa.local");
    // RFC 6762 6.1: another next name is no reason to reject it.
    scene.hears(vec![unique(
        "casa.local",
        120,
        nsec("other.example", &[kind::A]),
    )]);
    assert!(scene.cache.denies(&casa, kind::AAAA) && scene.cache.denies(&casa, 1000));
    assert!(!scene.cache.denies(&casa, kind::A) && !scene.cache.denies(&casa, kind::ANY));
    assert!(!scene.cache.denies(&name("dos.local"), kind::AAAA));
    // What is there is there.
    scene.hears(vec![shared(
        "casa.local",
        10,
        Rdata::Aaaa("fe80::1".parse().unwrap()),
    )]);
    assert!(!scene.cache.denies(&casa, kind::AAAA));
    scene.at(10.0);
    assert!(scene.cache.denies(&casa, kind::AAAA));
    scene.at(119.9);
    assert!(scene.cache.denies(&casa, kind::AAAA));
    scene.at(120.0);
    assert!(!scene.cache.denies(&casa, kind::AAAA));
}

// RFC 6762 6.1: A45
// Other forms are kept, but say nothing; nor does a goodbye.
#[test]
fn nsec_of_other_forms_denies_nothing_and_spoils_nothing() {
    let casa = name("casa.local");
    for kinds in [
        &[kind::A, 1234][..],
        &[1234],
        &[kind::A, kind::NSEC],
        &[kind::CNAME],
    ] {
        let mut scene = Scene::new();
        scene.hears(vec![
            unique("casa.local", 120, nsec("casa.local", kinds)),
            unique("casa.local", 120, a(1)),
        ]);
        assert_eq!(scene.all().len(), 2);
        assert!(!scene.cache.denies(&casa, kind::AAAA), "{kinds:?}");
    }
    let mut scene = Scene::new();
    scene.hears(vec![unique("casa.local", 120, nsec("casa.local", &[1]))]);
    scene.hears(vec![unique("casa.local", 0, nsec("casa.local", &[1]))]);
    assert!(!scene.cache.denies(&casa, kind::AAAA));
}

// RFC 6762 10: a TTL of 68 years is no reason to keep a record for so long.
#[test]
fn absurd_ttl_holds_for_a_day() {
    for ttl in [LIFETIME_MAX.as_secs() as u32, 1 << 31, u32::MAX] {
        let mut scene = Scene::new();
        scene.hears(vec![shared("casa.local", ttl, a(1))]);
        assert_eq!(scene.cache.poll_timeout(), Some(scene.start + LIFETIME_MAX));
        scene.at(LIFETIME_MAX.as_secs_f64());
        assert!(scene.cache.is_empty());
    }
}

// RFC 6762 10.3: A32
#[test]
fn link_that_is_gone_takes_all_records_with_it() {
    let mut scene = Scene::new();
    scene.hears(vec![
        shared("a.local", 120, a(1)),
        shared("b.local", 120, a(2)),
    ]);
    scene.changes();
    scene.cache.clear();
    assert_eq!(
        scene.changes(),
        [
            "- a.local. 120 IN A 192.0.2.1",
            "- b.local. 120 IN A 192.0.2.2"
        ]
    );
    assert!(scene.all().is_empty());
}

// RFC 6762 10.3: A32
#[test]
fn shortened_records_end_soon_unless_they_are_heard_again() {
    let mut scene = Scene::new();
    scene.hears(vec![
        shared("a.local", 120, a(1)),
        shared("b.local", 120, a(2)),
        shared("c.local", 5, a(3)),
    ]);
    scene.cache.shorten(scene.now + seconds(10.0));
    scene.at(5.0);
    assert_eq!(scene.cache.len(), 2);
    scene.hears(vec![shared("b.local", 120, a(2))]);
    scene.at(10.0);
    assert_eq!(scene.all(), ["b.local. 120 IN A 192.0.2.2"]);
}
