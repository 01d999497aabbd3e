//! Responses, and what was said before them.

use super::*;

// RFC 6762 6: A13
#[test]
fn record_is_multicast_once_in_a_second() {
    let say = |at| response(&[a(1)]).at(at);
    fine(&[say(0), say(1000)]);
    let (rule, section, _, text) = only(&[say(0), say(400)]);
    assert_eq!((rule, section), ("A13", "RFC 6762 6"));
    assert_eq!(
        text,
        "a record is multicast again after 400ms, before 1s have passed"
    );
    // To one host is no multicast, and that a record is gone is news.
    fine(&[say(0), say(400).to(OTHER), say(1100)]);
    fine(&[say(0), response(&[ttl(0, a(1))]).at(400)]);
    // Another host may say the same for its own reasons.
    fine(&[say(0), say(400).from(OTHER)]);
}

// RFC 6762 6: A13
#[test]
fn probed_name_is_defended_after_250_milliseconds() {
    let say = |at| response(&[a(1)]).at(at);
    let probe = |at| probe(kind::ANY, &[plain(a(9))]).from(OTHER).at(at);
    fine(&[say(0), probe(290), say(300)]);
    assert_eq!(only(&[say(0), probe(90), say(100)]).0, "A13");
}

// RFC 6762 8.3: A27
#[test]
fn records_are_announced_up_to_eight_times() {
    // Something to begin with: what comes before it may have been asked for.
    let start = query(&[question("x.local", kind::A)]).from(OTHER);
    let say = |number: u64| response(&[a(1)]).at(10_000 + number * 20_000);
    let mut all = vec![start];
    all.extend((0..8).map(say));
    fine(&all);
    all.push(say(8));
    let (rule, section, _, text) = only(&all);
    assert_eq!((rule, section), ("A27", "RFC 6762 8.3"));
    assert_eq!(
        text,
        "a record is multicast 9 times in 160s without being asked for"
    );
    let asked: Vec<_> = (0..12)
        .flat_map(|number| {
            let gap = 1 << number;
            let ask = query(&[question("casa.local", kind::A)]).from(OTHER);
            [
                ask.at(10_000 + gap * 1000),
                response(&[a(1)]).at(10_050 + gap * 1000),
            ]
        })
        .collect();
    fine(&asked);
}

// RFC 6762 6.1, 8.3: A16, A27
#[test]
fn denial_answers_whatever_is_asked_of_its_name() {
    let asked: Vec<_> = (1..12)
        .flat_map(|number| {
            let at = number * 20_000;
            let ask =
                query(&[question("casa.local", kind::TXT)]).from(&format!("10.0.0.{number}:5353"));
            [
                ask.at(at),
                response(&[nsec("casa.local", &[kind::A])]).at(at + 10),
            ]
        })
        .collect();
    fine(&asked);
}

// RFC 6762 10.2: A31
#[test]
fn unique_rrset_is_sent_whole() {
    let both = |at| response(&[a(1), a(2)]).at(at);
    let one = |at| response(&[a(1)]).at(at);
    let (rule, section, _, text) = only(&[both(0), one(5000), both(10_000)]);
    assert_eq!((rule, section), ("A31", "RFC 6762 10.2"));
    assert!(text.ends_with("is there again after 5.0s"), "{text}");
    // In a burst, gone for good, said to be gone, or gone for long.
    fine(&[both(0), one(5000), response(&[a(2)]).at(5100), both(10_000)]);
    fine(&[both(0), one(5000), one(10_000)]);
    let gone = response(&[ttl(0, a(2))]);
    fine(&[both(0), gone.at(4000), one(5000), both(10_000)]);
    fine(&[both(0), one(5000), both(60_000)]);
    // Replaced by another, and then the other way round.
    let other = |at| response(&[a(2)]).at(at);
    fine(&[one(0), other(5000), one(10_000), other(15_000)]);
}

// RFC 6762 8.4: A27
#[test]
fn records_change_up_to_ten_times_in_a_minute() {
    let say = |number: u64, gap: u64| {
        let state = format!("st={}", number % 2);
        response(&[txt(&[&state])]).at(number * gap)
    };
    let all = |count, gap| -> Vec<_> { (0..count).map(|number| say(number, gap)).collect() };
    fine(&all(11, 5000));
    fine(&all(30, 6100));
    let (rule, section, level, _) = only(&all(12, 5000));
    assert_eq!(
        (rule, section, level),
        ("A27", "RFC 6762 8.4", Level::Should)
    );
}

// RFC 6763 6: B3
#[test]
fn instance_has_a_txt_record() {
    let bare = [ptr(TYPE, INSTANCE), srv(80, "casa.local")];
    let (rule, section, ..) = only(&[response(&bare)]);
    assert_eq!((rule, section), ("B3", "RFC 6763 6"));
    fine(&[response(&[txt(&[])]), response(&bare).at(5000)]);
    let asked = question(INSTANCE, kind::TXT);
    let knows = known(&[asked], &[plain(txt(&[]))]).from(OTHER);
    fine(&[knows, response(&bare).at(5000)]);
    fine(&[response(&[srv(80, "casa.local")])]);
}

// RFC 6762 6: A14
#[test]
fn response_is_unicast_only_to_who_asked_for_that() {
    let asked = question(TYPE, kind::PTR);
    let ask = query(std::slice::from_ref(&asked)).from(OTHER);
    let answer = response(&[ptr(TYPE, INSTANCE)]).to(OTHER).at(100);
    let (rule, section, ..) = only(&[ask.clone(), answer.clone()]);
    assert_eq!((rule, section), ("A14", "RFC 6762 6"));
    fine(&[query(&[unicast(asked)]).from(OTHER), answer.clone()]);
    fine(&[ask.clone().to(HOST), answer.clone()]);
    fine(std::slice::from_ref(&answer));
    fine(&[ask, answer.at(60_000)]);
}
