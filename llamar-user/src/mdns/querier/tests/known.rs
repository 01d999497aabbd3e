//! Known answers (RFC 6762 7.1, 7.2).

use hickory_proto::op::Message as Hickory;

use super::*;

// RFC 6762 7.1, 10.2: A21
#[test]
fn shared_answers_are_listed_with_what_is_left_of_their_ttl_and_without_the_flush_bit() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1), web(2), unique("dos.local", 120, a(1))]);
    scene.run(100.0);
    scene.ask(1, &http());
    let sent = scene.next();
    assert_eq!(
        sent.knows(),
        [
            "_http._tcp.local. 4399 IN PTR Web\\0321._http._tcp.local.",
            "_http._tcp.local. 4399 IN PTR Web\\0322._http._tcp.local.",
        ]
    );
    let theirs = Hickory::from_vec(&sent.bytes).unwrap();
    let ttls: Vec<_> = theirs.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [4399, 4399]);
}

// RFC 6762 7.1: A21
#[test]
fn answers_with_less_than_half_of_their_ttl_are_not_listed() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.run(1000.0);
    scene.hears(vec![web(2)]);
    scene.run(2249.0);
    scene.ask(1, &http());
    assert_eq!(scene.next().knows().len(), 2);
    scene.querier.cease(AskId(1));
    scene.run(2251.0);
    scene.ask(1, &http());
    assert_eq!(
        scene.next().knows(),
        ["_http._tcp.local. 3248 IN PTR Web\\0322._http._tcp.local."]
    );
}

// RFC 6762 7.1, 10.1: A21
// Unique ones are the whole answer already; what goes is not known.
#[test]
fn unique_answers_and_those_about_to_go_are_not_listed() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.families = Family::ALL.to_vec();
    scene.turn(|querier, turn| querier.follow(turn));
    let sent = scene.next();
    assert_eq!((sent.asks().len(), sent.knows().len()), (1, 0));
    let mut scene = Scene::new();
    scene.hears(vec![web(1), web(2)]);
    scene.hears(vec![Record { ttl: 0, ..web(1) }]);
    scene.ask(1, &http());
    assert_eq!(scene.next().knows().len(), 1);
}

// RFC 6762 7.1: a TTL of years has more than half left for years, but not more than we believe.
#[test]
fn answer_whose_ttl_we_do_not_believe_is_not_listed() {
    let mut scene = Scene::new();
    scene.hears(vec![
        Record {
            ttl: 1 << 31,
            ..web(1)
        },
        Record {
            ttl: 100_000,
            ..web(2)
        },
    ]);
    scene.ask(1, &http());
    assert_eq!(
        scene.next().knows(),
        ["_http._tcp.local. 86399 IN PTR Web\\0322._http._tcp.local."]
    );
}

// RFC 6762 7.2, 17, 18.5: A22, A36, A53
#[test]
fn known_answers_that_need_several_messages_follow_at_once_with_tc_in_all_but_the_last() {
    for (family, peer, mtu, room) in [
        (Family::V4, PEER, 1500, 1472),
        (Family::V6, PEER_V6, 9000, 1452),
        (Family::V4, PEER, 600, 572),
    ] {
        let mut scene = Scene::new();
        (scene.families, scene.mtu) = (vec![family], mtu);
        let message = response((0..300).map(web).collect());
        scene.hears_message(&message, &multicast(peer));
        scene.ask(1, &http());
        scene.ask(2, &casa());
        let first = scene.querier.poll_timeout().unwrap();
        scene.run((first - scene.start).as_secs_f64() - 0.001);
        let sent = scene.run(0.2);
        assert!(sent.len() > 3 && sent.iter().all(|each| each.at == sent[0].at));
        let (last, others) = sent.split_last().unwrap();
        assert!(others.iter().all(|sent| sent.message.flags == TRUNCATED));
        assert_eq!(last.message.flags, 0);
        assert_eq!(sent[0].asks().len(), 2);
        assert!(sent[1..].iter().all(|sent| sent.asks().is_empty()));
        assert!(
            sent.iter()
                .all(|sent| sent.bytes.len() <= room && sent.family == family)
        );
        // None of them could have held one more.
        assert!(others.iter().all(|sent| sent.bytes.len() > room - 40));
        let mut listed: Vec<_> = sent.iter().flat_map(Sent::knows).collect();
        assert_eq!(listed.len(), 300);
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), 300);
        let theirs = sent
            .iter()
            .map(|sent| Hickory::from_vec(&sent.bytes).unwrap());
        assert_eq!(
            theirs.map(|message| message.answers.len()).sum::<usize>(),
            300
        );
    }
}

// RFC 6762 5.3, 17: A5, A36
#[test]
fn questions_that_need_several_messages_keep_their_known_answers_with_them() {
    let mut scene = Scene::new();
    let owner = |number: usize| format!("_type-{number}._tcp.local");
    for number in 0..200 {
        let data = Rdata::Ptr(name(&format!("x.{}", owner(number))));
        scene.hears(vec![shared(&owner(number), 4500, data)]);
        scene.ask(number as u64, &question(&owner(number), kind::PTR));
    }
    let sent = scene.run(0.2);
    let asks: Vec<_> = sent.iter().flat_map(Sent::asks).collect();
    assert_eq!(
        (asks.len(), sent.iter().flat_map(Sent::knows).count()),
        (200, 200)
    );
    assert!(sent.iter().all(|sent| sent.bytes.len() <= 1472));
    // RFC 6762 7.2: answers are in the message of their question, or in those that TC announces.
    let mut asked = Vec::new();
    let mut more = false;
    for sent in sent {
        if !sent.asks().is_empty() {
            assert!(!more);
            asked = sent.message.questions.clone();
        }
        for record in &sent.message.answers {
            assert!(asked.iter().any(|question| question.name == record.owner));
        }
        more = sent.message.flags & TRUNCATED != 0;
    }
    assert!(!more);
}

// RFC 6762 7.1: an answer to two questions of one message is listed once.
#[test]
fn answer_to_several_questions_is_listed_once() {
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.ask(1, &http());
    scene.ask(2, &question("_http._tcp.local", kind::ANY));
    let sent = scene.next();
    assert_eq!((sent.asks().len(), sent.knows().len()), (2, 1));
}

// RFC 6762 7.1, 17: A36
#[test]
fn answer_that_fits_in_no_message_is_left_out() {
    let mut scene = Scene::new();
    let huge = Record {
        owner: name("_http._tcp.local"),
        kind: kind::PTR,
        class: kind::IN,
        ttl: 4500,
        data: Rdata::Unknown(vec![0; 3000].into()),
    };
    scene.hears(vec![huge, web(1)]);
    scene.ask(1, &http());
    let sent = scene.next();
    assert_eq!((sent.knows().len(), sent.message.flags), (1, 0));
}
