//! How records are kept (RFC 6762 5.2).

use super::*;

// RFC 6762 5.2: A4
#[test]
fn record_is_asked_for_at_80_85_90_and_95_percent_of_its_life_and_then_goes() {
    let mut spread = Vec::new();
    for seed in 0..60 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &casa());
        scene.next();
        let heard = scene.elapsed();
        scene.hears(vec![unique("casa.local", 1000, a(1))]);
        let times = scene.times(heard + 999.9);
        let percents: Vec<_> = times.iter().map(|time| (time - heard) / 10.0).collect();
        assert_within(
            &percents,
            &[(80.0, 82.0), (85.0, 87.0), (90.0, 92.0), (95.0, 97.0)],
        );
        spread.extend(
            percents
                .iter()
                .zip([80.0, 85.0, 90.0, 95.0])
                .map(|(at, from)| at - from),
        );
        assert_eq!(scene.events().len(), 1);
        scene.run(heard + 1000.0);
        assert_eq!(scene.events(), ["- casa.local. 1000 IN A 192.0.2.1"]);
    }
    assert!(spread.iter().any(|at| *at < 0.2) && spread.iter().any(|at| *at > 1.8));
}

// RFC 6762 5.2: A4
#[test]
fn answer_to_a_refresh_begins_a_new_life() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.next();
    let mut heard = scene.elapsed();
    for _ in 0..5 {
        scene.hears(vec![unique("casa.local", 120, a(1))]);
        let next = scene.next().at;
        assert_within(&[next - heard], &[(96.0, 98.4)]);
        heard = next;
    }
    assert_eq!(scene.events().len(), 1);
}

// RFC 6762 5.2: A4
#[test]
fn record_that_nobody_asks_for_is_not_refreshed() {
    let mut scene = Scene::new();
    scene.hears(vec![unique("dos.local", 120, a(2))]);
    scene.ask(1, &casa());
    scene.next();
    scene.hears(vec![unique("casa.local", 120, a(1))]);
    scene.run(50.0);
    scene.querier.cease(AskId(1));
    assert!(scene.run(200.0).is_empty() && scene.querier.cache().is_empty());
    assert_eq!(scene.events().len(), 1);
}

// RFC 6762 5.2: A4
// One who asks late asks for the stages that are left.
#[test]
fn record_that_is_asked_for_late_is_refreshed_at_the_stages_that_are_left() {
    let mut scene = Scene::new();
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    scene.run(880.0);
    scene.ask(1, &casa());
    assert_within(&scene.times(999.9), &[(900.0, 920.0), (950.0, 970.0)]);
    // And goes on while another still asks.
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    scene.ask(2, &question("casa.local", kind::ANY));
    scene.querier.cease(AskId(1));
    let sent = scene.run(999.9 + 830.0);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].asks(), ["casa.local ANY"]);
}

// RFC 6762 5.2: A4
#[test]
fn another_who_asks_does_not_have_a_stage_repeated() {
    for seed in 0..30 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &casa());
        scene.hears(vec![unique("casa.local", 1000, a(1))]);
        assert_within(&[scene.next().at], &[(800.0, 820.0)]);
        scene.ask(2, &question("casa.local", kind::ANY));
        assert_eq!(scene.times(849.9), [0.0; 0]);
    }
}

// RFC 6762 5.2, 10.1: A4, A29
#[test]
fn what_is_about_to_go_is_not_asked_for() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    scene.hears(vec![unique("casa.local", 1000, a(1))]);
    let due = scene.querier.poll_timeout().unwrap();
    let before = (due - scene.start).as_secs_f64() - 0.1;
    assert_eq!(scene.times(before), [0.0; 0]);
    scene.hears(vec![unique("casa.local", 0, a(1))]);
    assert_eq!(scene.times(before + 1.0), [0.0; 0]);
    assert_eq!(scene.events().len(), 2);
    // Nor if somebody begins to ask then.
    let mut scene = Scene::new();
    scene.hears(vec![web(1)]);
    scene.run(3.0);
    scene.hears(vec![Record { ttl: 0, ..web(1) }]);
    scene.ask(1, &http());
    assert_within(&scene.times(4.0), &[(3.02, 3.12)]);
}

// RFC 6762 5.2: A3, A4
#[test]
fn query_of_the_series_waits_a_second_after_one_to_keep_a_record() {
    for seed in 0..20 {
        let mut scene = Scene::seeded(seed);
        scene.ask(1, &http());
        scene.run(6.4);
        scene.hears(vec![Record { ttl: 10, ..web(1) }]);
        let times = scene.times(16.3);
        // 7.1 and 15.1 are the series'; the record is asked for from 14.4 on.
        assert_within(&times[..2], &[(7.0, 7.2), (14.39, 14.61)]);
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.into_iter().all(|gap| gap > 0.9999), "{times:?}");
    }
}

// RFC 6762 5.2, 10: A4
// Chance spreads the times, and still one query asks for them all.
#[test]
fn thousand_records_of_one_question_need_no_thousand_queries() {
    let mut scene = Scene::new();
    scene.ask(1, &http());
    scene.hears((0..1000).map(web).collect());
    let series = scene.times(3599.0).len();
    // 1, 2, 4, ... seconds.
    assert!(series <= 13 * 16, "{series}");
    let sent = scene.run(4499.0);
    let with_question = sent.iter().filter(|sent| !sent.asks().is_empty());
    let count = with_question.count();
    assert!((4..=6).contains(&count), "{count}");
    assert_eq!(scene.events().len(), 1000);
}

// RFC 6762 5.2: A3
// Two queries are a second apart, whatever they are for.
#[test]
fn short_lives_do_not_make_a_storm() {
    let mut scene = Scene::new();
    scene.ask(1, &casa());
    let (mut times, mut last, mut count) = (Vec::new(), 0.0, 0);
    while scene.elapsed() < 60.0 {
        scene.hears(vec![
            unique("casa.local", 2, a(1)),
            unique("casa.local", 1, a(2)),
        ]);
        let step = scene.elapsed() + [0.3, 1.7, 5.0][count % 3];
        count += 1;
        times.extend(scene.times(step));
    }
    assert!(!times.is_empty());
    for time in times {
        assert!(last == 0.0 || time - last >= 0.9999, "{time} after {last}");
        last = time;
    }
}
