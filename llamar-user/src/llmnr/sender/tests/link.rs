//! Conflicts, late responses, and several links.

use std::time::Duration;

use super::*;

/// The notices among what was sent: their paths and messages.
pub(super) fn notices(sent: Vec<Transmit>) -> Vec<(usize, Message)> {
    let notice = |sent| match sent {
        Transmit::Datagram { path, message } => {
            let message = Message::read(&message).unwrap();
            (message.flags & CONFLICT != 0).then_some((path, message))
        }
        _ => None,
    };
    sent.into_iter().filter_map(notice).collect()
}

// RFC 4795 4.2, 2.7, 2.9: S10, S3, S18
#[test]
fn two_holders_of_one_name_are_told_once_with_their_records() {
    let mut scene = Scene::new(all(casa()), &both());
    let [query, _] = scene.queries();
    scene
        .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.8")]))
        .unwrap();
    assert_eq!(scene.sender.conflicts(), []);
    scene
        .hears(
            0,
            "10.0.0.9",
            &answers(&query, PLAIN, &[a("10.0.0.9"), a("10.0.0.8")]),
        )
        .unwrap();
    scene
        .hears(0, "10.0.0.7", &answers(&query, SHARED, &[a("10.0.0.7")]))
        .unwrap();
    let told = notices(scene.finish());
    assert_eq!(told.len(), 1);
    let (path, notice) = &told[0];
    assert_eq!((*path, notice.flags), (0, CONFLICT));
    assert_ne!(notice.id.to_be_bytes(), query[..2]);
    assert_eq!(notice.questions, [question("casa", kind::A)]);
    assert_eq!((&notice.answers, &notice.authorities), (&vec![], &vec![]));
    assert_eq!(
        notice.additionals,
        [a("10.0.0.8"), a("10.0.0.9"), a("10.0.0.7")]
    );
    let responders = ["10.0.0.8", "10.0.0.9", "10.0.0.7"].map(|ip| ip.parse().unwrap());
    let conflict = Conflict {
        device: ETH0,
        responders: responders.into(),
    };
    assert_eq!(scene.sender.conflicts(), [conflict]);
}

// RFC 4795 2.7: S10
#[test]
fn notice_is_not_repeated_for_those_who_answer_later() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    for from in ["10.0.0.8", "10.0.0.9"] {
        scene
            .hears(0, from, &answers(&query, PLAIN, &[a(from)]))
            .unwrap();
    }
    assert_eq!(notices(scene.wait(101)).len(), 1);
    scene
        .hears(0, "10.0.0.7", &answers(&query, PLAIN, &[a("10.0.0.7")]))
        .unwrap();
    assert_eq!(notices(scene.finish()), []);
    assert_eq!(scene.sender.conflicts()[0].responders.len(), 3);
}

// RFC 4795 2.7: S8, S10
#[test]
fn notice_is_delayed_by_the_jitter() {
    let mut delays = Vec::new();
    for seed in 0..100 {
        let mut scene = Scene::seeded(seed, casa(), &eth0());
        let (_, query) = scene.query();
        scene
            .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.8")]))
            .unwrap();
        scene
            .hears(0, "10.0.0.9", &answers(&query, PLAIN, &[a("10.0.0.9")]))
            .unwrap();
        let before = scene.elapsed();
        assert_eq!(notices(vec![scene.sent()]).len(), 1);
        delays.push(scene.elapsed() - before);
    }
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(*least < 10 && (90..=100).contains(most), "{least} {most}");
}

// RFC 4795 4.2: S10
#[test]
fn those_who_share_a_name_are_in_no_conflict() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    for from in ["10.0.0.8", "10.0.0.9"] {
        scene
            .hears(0, from, &answers(&query, SHARED, &[a(from)]))
            .unwrap();
    }
    assert_eq!(notices(scene.finish()), []);
    assert_eq!(scene.sender.conflicts(), []);
}

// RFC 4795 4.2, 2.1.1: S10, S4
#[test]
fn duplicates_tentative_responses_and_those_to_other_queries_make_no_conflict() {
    let mut scene = Scene::new(all(casa()), &both());
    let [query, other] = scene.queries();
    scene
        .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.8")]))
        .unwrap();
    let _ = scene.hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.7")]));
    let _ = scene.hears(
        0,
        "10.0.0.9",
        &answers(&query, PLAIN | TENTATIVE, &[a("10.0.0.9")]),
    );
    let _ = scene.hears(0, "10.0.0.9", &answers(&query, PLAIN | 5, &[a("10.0.0.9")]));
    scene
        .hears(1, "fe80::8", &answers(&other, PLAIN, &[a("10.0.0.8")]))
        .unwrap();
    assert_eq!(notices(scene.finish()), []);
    assert_eq!(scene.sender.conflicts(), []);
}

// RFC 4795 2.7: S14, S10
#[test]
fn response_that_comes_after_the_answer_still_tells_of_a_conflict() {
    for flags in [PLAIN, SHARED] {
        let mut scene = Scene::new(casa(), &eth0());
        let (_, query) = scene.query();
        scene
            .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.8")]))
            .unwrap();
        assert_eq!(scene.records(), ["10.0.0.8 on 2"]);
        assert_eq!(scene.wait(199), []);
        scene
            .hears(0, "10.0.0.9", &answers(&query, flags, &[a("10.0.0.9")]))
            .unwrap();
        assert_eq!(notices(scene.finish()).len(), 1);
        // The answer that was given stands.
        assert_eq!(scene.records(), ["10.0.0.8 on 2"]);
        assert_eq!(scene.sender.conflicts().len(), 1);
    }
}

// RFC 4795 2.7: S14
#[test]
fn late_responses_are_waited_for_as_long_as_the_last_query_may_bring_some() {
    let mut scene = Scene::new(casa(), &eth0());
    let (_, query) = scene.query();
    scene.wait(40);
    scene
        .hears(0, "10.0.0.8", &answers(&query, PLAIN, &[a("10.0.0.8")]))
        .unwrap();
    scene.wait(159);
    assert!(scene.sender.poll_timeout().is_some());
    scene.wait(1);
    assert_eq!(scene.sender.poll_timeout(), None);
}

// RFC 4795 2.1, 4.2: S10
#[test]
fn notice_holds_as_many_records_as_pass_everywhere() {
    let mut scene = Scene::new(all(casa()), &eth0());
    let (_, query) = scene.query();
    let many: Vec<_> = (0..200).map(|last| a(&format!("10.0.0.{last}"))).collect();
    scene
        .hears(0, "10.0.0.8", &answers(&query, PLAIN, &many))
        .unwrap();
    scene
        .hears(0, "10.0.0.9", &answers(&query, PLAIN, &many))
        .unwrap();
    let sent = scene.finish();
    let length = |sent: &Transmit| match sent {
        Transmit::Datagram { message, .. } => message.len(),
        _ => 0,
    };
    let longest = sent.iter().map(length).max().unwrap();
    assert!((490..=512).contains(&longest), "{longest}");
    let (_, notice) = &notices(sent)[0];
    assert_eq!(notice.additionals, many[..notice.additionals.len()]);
    assert_eq!(notice.flaws, []);
}

// RFC 4795 4.3, 4.4: S19, S5, S10
#[test]
fn what_was_heard_on_a_link_stays_with_it() {
    let paths = [path(ETH0, "fe80::1", &[]), path(WLAN0, "fe80::2", &[])];
    let mut scene = Scene::new(all(Ask::new(question("casa", kind::AAAA))), &paths);
    let [left, right] = scene.queries();
    let local = record("casa", Rdata::Aaaa("fe80::9".parse().unwrap()));
    scene
        .hears(
            0,
            "fe80::9",
            &answers(&left, PLAIN, std::slice::from_ref(&local)),
        )
        .unwrap();
    scene
        .hears(1, "fe80::9", &answers(&right, SHARED, &[local]))
        .unwrap();
    assert_eq!(notices(scene.finish()), []);
    // One is unique there, the other shared here: neither has precedence.
    assert_eq!(scene.records(), ["fe80::9 on 2", "fe80::9 on 3"]);
}

#[test]
fn empty_response_of_one_family_waits_for_the_other() {
    // As systemd-resolved has it: addresses only over their own family.
    let mut scene = Scene::new(casa(), &both());
    let [ipv4, ipv6] = scene.queries();
    scene
        .hears(1, "fe80::9", &answers(&ipv6, PLAIN, &[]))
        .unwrap();
    assert!(!scene.is_answered());
    scene
        .hears(0, "10.0.0.9", &answers(&ipv4, PLAIN, &[a("10.0.0.9")]))
        .unwrap();
    assert_eq!(
        (scene.outcome(), scene.records()),
        (Outcome::Found, vec!["10.0.0.9 on 2".into()])
    );
}

#[test]
fn patience_ends_everything_and_lengthens_the_last_wait() {
    for (patience, transmissions) in [(120, 1..=2), (3000, 3..=3)] {
        let patience = Duration::from_millis(patience);
        let ask = Ask {
            patience: Some(patience),
            ..casa()
        };
        let mut scene = Scene::new(ask, &eth0());
        let sent = scene.finish().len();
        assert!(transmissions.contains(&sent), "{sent}");
        assert_eq!(scene.now - scene.start, patience);
        assert_eq!(scene.outcome(), Outcome::Silence);
    }
}

#[test]
fn path_that_cannot_be_used_is_not_waited_for() {
    let mut scene = Scene::new(casa(), &both());
    let (path, _) = scene.query();
    scene.sender.handle_unsent(scene.now, path);
    let sent = scene.finish();
    assert_eq!(sent.len(), 3);
    scene = Scene::new(casa(), &eth0());
    scene.query();
    scene.sender.handle_unsent(scene.now, 0);
    scene.sender.handle_unsent(scene.now, 5);
    assert_eq!(scene.outcome(), Outcome::Silence);
}
