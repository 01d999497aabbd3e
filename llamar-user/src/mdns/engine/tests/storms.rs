//! How much is said: bounds, each with its reason, and what breaks them.

use std::time::Duration;

use super::scene::*;
use super::view::*;
use crate::dns::{Message, kind};
use crate::mdns::{Family, Rule};

/// Families of a link: everything is said over each.
const FAMILIES: usize = 2;

/// A link with hosts that each offer a service, and with one that asks, all up and quiet.
fn offices(scene: &mut Scene, hosts: u8) {
    for number in 1..=hosts {
        scene.office(number);
    }
    scene.start(secs(1));
    scene.run(secs(20));
}

/// Most messages that each host sends over a family within a second while all start: three probes 250 ms apart
/// (RFC 6762 8.1), the announcement or the first probe for the next name, a question (5.2), and answers to those of
/// others, which wait until they can be joined (6.4), and to their probes, which do not (8.1).
const MESSAGES_PER_HOST: usize = 8;
/// Most messages that ten such hosts send over a family within a minute, on the average: five or six tries until each has
/// a name, of three probes each, two announcements, a question after 1, 3, 7, 15 and 31 seconds, and as many answers to
/// the probes and questions of others.
const MESSAGES_A_MINUTE: usize = 60;

// RFC 6762 5.2, 6.4, 8.1, 8.3: A3, A12, A24, A27
#[test]
fn hosts_that_start_at_once_send_a_bounded_number_of_messages() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        let hosts: u8 = 10;
        for number in 1..=hosts {
            let host = scene.host(number, "casa.local");
            let service = service("Web", "casa.local");
            scene.wanted(host).services.push(service);
            scene.ask(host, "_http._tcp.local", kind::PTR);
        }
        let since = scene.now;
        scene.start(ms(100));
        scene.run(secs(60));
        let all = FAMILIES * usize::from(hosts);
        let (most, sent) = (scene.most_within(secs(1), since), scene.sent.len());
        if most > MESSAGES_PER_HOST * all || sent > MESSAGES_A_MINUTE * all {
            return Err(format!("{sent} messages, {most} in a second"));
        }
        Ok(scene)
    };
    holds(3, property);
    breaks(Rule::BackOff, 1, property);
}

// RFC 6762 6: A13
#[test]
fn flood_of_questions_is_answered_once_per_second() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 1);
        let since = scene.now;
        for _ in 0..500 {
            for kind in [kind::ANY, kind::A] {
                scene.say(0, socket("10.0.0.250:5353"), &query("casa1.local", kind));
            }
            scene.run(ms(10));
        }
        scene.run(secs(2));
        let answers = scene.sent_since(since).count();
        // Five seconds, and what came at their end; an answer to ANY has records that one to A has not.
        let bound = 2 * (5 + 1);
        if answers > bound {
            return Err(format!("{answers} answers in 5 s"));
        }
        Ok(scene)
    };
    holds(2, property);
    breaks(Rule::OncePerSecond, 1, property);
}

// RFC 6762 7.1: A21
#[test]
fn what_the_asker_knows_is_not_told_again() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 5);
        let asker = scene.host(9, "asker.local");
        scene.ask(asker, "_http._tcp.local", kind::PTR);
        scene.restart(asker);
        scene.run(ms(2500));
        let since = scene.now;
        scene.run(secs(60));
        let answers = scene
            .sent_since(since)
            .filter(|(_, message)| is_response(message));
        match answers.count() {
            0 => Ok(scene),
            answers => Err(format!("{answers} answers to what is known")),
        }
    };
    holds(2, property);
    breaks(Rule::KnownAnswers, 1, property);
}

// RFC 6762 7.3: A23
#[test]
fn question_that_many_have_is_asked_by_few() {
    let askers: u8 = 10;
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 1);
        for number in 1..=askers {
            let host = scene.host(100 + number, &format!("asker{number}.local"));
            scene.ask(host, "_http._tcp.local", kind::PTR);
        }
        scene.start(ms(0));
        scene.run(ms(500));
        let since = scene.now;
        scene.run(secs(10));
        let asked = scene.sent_since(since);
        let asked = asked
            .filter(|(_, message)| asks(message, "_http._tcp.local"))
            .count();
        // Each would ask three times more until then, after 1, 3 and 7 seconds. One of them has the word each time, and
        // those who ask before they have heard him; that a third of them are silent is little to ask of chance.
        let bound = 3 * FAMILIES * usize::from(askers) * 2 / 3;
        if asked > bound {
            return Err(format!("asked {asked} times"));
        }
        Ok(scene)
    };
    holds(3, property);
    breaks(Rule::DuplicateQuestions, 1, property);
}

// RFC 6762 7.4: A23
#[test]
fn answer_that_many_have_is_given_by_few() {
    let hosts: u8 = 10;
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, hosts);
        let since = scene.now;
        let meta = query("_services._dns-sd._udp.local", kind::PTR);
        scene.say(0, socket("10.0.0.250:5353"), &meta);
        scene.run(secs(2));
        let answers = scene.sent_since(since).count();
        // The first answer is heard a millisecond after it was sent.
        if answers == 0 || answers > usize::from(hosts) / 2 {
            return Err(format!("{answers} answers"));
        }
        Ok(scene)
    };
    holds(3, property);
    breaks(Rule::DuplicateAnswers, 1, property);
}

// RFC 6762 6: A11
#[test]
fn answers_of_many_come_one_after_another() {
    let hosts: u8 = 20;
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, hosts);
        let since = scene.now;
        scene.say(
            0,
            socket("10.0.0.250:5353"),
            &query("_http._tcp.local", kind::PTR),
        );
        scene.run(secs(2));
        let answers = scene.sent_since(since).count();
        // Spread over 100 ms, there are two in ten on the average.
        let most = scene.most_within(ms(10), since);
        if answers != usize::from(hosts) || most > usize::from(hosts) / 2 {
            return Err(format!("{answers} answers, {most} at once"));
        }
        Ok(scene)
    };
    holds(5, property);
    breaks(Rule::Delay, 1, property);
}

// RFC 6762 5.2: A3
#[test]
fn question_that_nobody_answers_is_asked_ever_more_seldom() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        let asker = scene.host(1, "casa.local");
        scene.ask(asker, "_none._tcp.local", kind::PTR);
        scene.start(ms(0));
        scene.run(secs(3600));
        let asked = scene.sent_since(scene.sent[0].at);
        let asked = asked
            .filter(|(_, message)| asks(message, "_none._tcp.local"))
            .count();
        // At once and after 1, 3, 7, ... 2047 seconds.
        let bound = 13 * FAMILIES;
        if asked > bound {
            return Err(format!("asked {asked} times in an hour"));
        }
        Ok(scene)
    };
    holds(2, property);
    breaks(Rule::BackOff, 1, property);
}

/// RFC 6762 5.2: 80, 85, 90 and 95 % of a TTL, of which the first is answered. A link at rest has no other reason to
/// speak: 3600 s of the longest TTL.
const REFRESH: Duration = secs(3600);

// RFC 6762 8.3: A27
#[test]
fn link_at_rest_is_silent() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without);
        offices(&mut scene, 5);
        let since = scene.now;
        scene.run(REFRESH);
        let first = scene.sent_since(since).next();
        match first.map(|(sent, message)| format!("host {}: {message:?}", sent.host)) {
            None => Ok(scene),
            Some(said) => Err(said),
        }
    };
    holds(2, property);
}

/// Hosts of the largest link.
const CROWD: u8 = 50;

// RFC 6762 6.4, 7.3, 7.4, 8.3: A12, A23, A27
#[test]
fn fifty_hosts_start_on_one_link() {
    let property = |seed, without| {
        let mut scene = Scene::new(seed, without).lossy(0.02);
        for number in 1..=CROWD {
            let text = format!("casa{number}.local");
            let host = scene.host(number, &text);
            scene.wanted(host).v6 = None;
            scene.wanted(host).services.push(service("Web", &text));
        }
        let since = scene.now;
        scene.start(secs(5));
        scene.run(secs(30));
        let most = scene.most_within(secs(1), since);
        let bound = MESSAGES_PER_HOST * usize::from(CROWD);
        if most > bound {
            return Err(format!("{most} messages in a second, more than {bound}"));
        }
        Ok(scene)
    };
    holds(1, property);
}

// RFC 6762 5.4, 6.7: A6, A20
#[test]
fn one_question_to_the_group_has_one_answer_over_its_family() {
    for family in Family::ALL {
        let mut scene = Scene::new(1, None);
        offices(&mut scene, 3);
        let since = scene.now;
        let from = match family {
            Family::V4 => "10.0.0.250:5353",
            Family::V6 => "[fe80::250]:5353",
        };
        scene.say(0, socket(from), &query("casa2.local", kind::A));
        scene.run(secs(2));
        let sent: Vec<(&Sent, Message)> = scene.sent_since(since).collect();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].0.transmit.to, family.everybody());
        assert!(scene.wire.breaches.is_empty(), "{:?}", scene.wire.breaches);
    }
}
