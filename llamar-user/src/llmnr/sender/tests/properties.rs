//! What holds whatever happens: any bytes, any loss, delay and duplication.

use proptest::prelude::*;

use std::time::Duration;

use super::*;
use crate::llmnr::timing::LLMNR_TIMEOUT;

/// What a reader that shares no code with the asker has to say to a response: whether it is one to this query.
fn is_response_to(query: &[u8], message: &[u8]) -> bool {
    let &[i0, i1, high, low, 0, 1, ..] = message else {
        return false;
    };
    let question = &query[12..];
    let asked_again = message
        .get(12..12 + question.len())
        .is_some_and(|asked| asked.eq_ignore_ascii_case(question));
    // QR alone of QR and OPCODE; T and RCODE clear.
    [i0, i1] == query[..2] && high & 0xf9 == 0x80 && low & 0x0f == 0 && asked_again
}

/// A response with some of its bytes replaced, cut, or followed by more.
fn mutated() -> impl Strategy<Value = (Vec<(usize, u8)>, usize, Vec<u8>)> {
    (
        prop::collection::vec((0..80_usize, any::<u8>()), 0..4),
        0..100_usize,
        prop::collection::vec(any::<u8>(), 0..8),
    )
}

/// A responder of a made-up link: what it answers, with which flags, and whether that is true.
#[derive(Clone, Debug)]
struct Responder {
    address: String,
    flags: u16,
    record: Record,
}

/// A message under way.
#[derive(Debug)]
struct Flight {
    at: Instant,
    path: usize,
    from: String,
    message: Vec<u8>,
}

/// A link that loses, delays and duplicates.
struct Link {
    rng: StdRng,
    loss: f64,
    duplication: f64,
    responders: Vec<Responder>,
    flights: Vec<Flight>,
}

impl Link {
    /// Carries a query to everybody, and their responses back.
    fn carry(&mut self, now: Instant, path: usize, query: &[u8]) {
        for responder in self.responders.clone() {
            if query[2] & 0x04 != 0 || self.rng.random_bool(self.loss) {
                continue;
            }
            let message = answers(
                query,
                responder.flags,
                std::slice::from_ref(&responder.record),
            );
            let copies = if self.rng.random_bool(self.duplication) {
                3
            } else {
                1
            };
            for _ in 0..copies {
                if !self.rng.random_bool(self.loss) {
                    let delay = Duration::from_millis(self.rng.random_range(0..100));
                    self.flights.push(Flight {
                        at: now + delay,
                        path,
                        from: responder.address.clone(),
                        message: message.clone(),
                    });
                }
            }
        }
    }

    fn next(&mut self, until: Option<Instant>) -> Option<Flight> {
        let (index, flight) = self
            .flights
            .iter()
            .enumerate()
            .min_by_key(|(_, flight)| flight.at)?;
        let due = until.is_none_or(|until| flight.at <= until);
        due.then(|| self.flights.swap_remove(index))
    }
}

/// Asks on a link until the end; every transmission with its time.
fn run(scene: &mut Scene, link: &mut Link) -> Vec<(Instant, usize, Vec<u8>)> {
    let mut sent = Vec::new();
    loop {
        while let Some(transmit) = scene.sender.poll_transmit() {
            if let Transmit::Datagram { path, message } = transmit {
                link.carry(scene.now, path, &message);
                sent.push((scene.now, path, message));
            }
        }
        let Some(timeout) = scene.sender.poll_timeout() else {
            return sent;
        };
        match link.next(Some(timeout)) {
            Some(flight) => {
                scene.now = scene.now.max(flight.at);
                let _ = scene.hears(flight.path, &flight.from, &flight.message);
            }
            None => {
                scene.now = scene.now.max(timeout);
                scene.sender.handle_timeout(timeout);
            }
        }
    }
}

/// What must hold for everything that was sent.
fn assert_polite(sent: &[(Instant, usize, Vec<u8>)], paths: usize) {
    for path in 0..paths {
        let of_path = sent.iter().filter(|(_, other, _)| *other == path);
        let (notices, queries): (Vec<_>, Vec<_>) =
            of_path.partition(|(_, _, message)| message[2] & 0x04 != 0);
        assert!(queries.len() <= 3 && notices.len() <= 1, "{sent:?}");
        for pair in queries.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= LLMNR_TIMEOUT);
            assert_eq!(pair[0].2, pair[1].2);
        }
    }
}

fn world(seed: u64, loss: f64, responders: Vec<Responder>) -> Link {
    Link {
        rng: StdRng::seed_from_u64(seed ^ 0x5eed),
        loss,
        duplication: 0.3,
        responders,
        flights: Vec::new(),
    }
}

fn responder(last: u8, flags: u16) -> Responder {
    let address = format!("10.0.0.{last}");
    Responder {
        record: a(&address),
        address,
        flags,
    }
}

// RFC 4795 2.1.1, 2.2, 2.7, 4.2: S4, S5, S8, S10
#[test]
fn several_askers_on_a_bad_link_are_polite_and_believe_only_what_counts() {
    for seed in 0..400 {
        let loss = [0.0, 0.1, 0.5, 1.0][seed as usize % 4];
        let holders = vec![
            responder(20, [PLAIN, SHARED][seed as usize / 4 % 2]),
            responder(21, SHARED),
            responder(22, PLAIN | TENTATIVE),
            responder(23, PLAIN | 3),
            responder(24, 0),
        ];
        for asker in 0..3 {
            let mut scene = Scene::seeded(seed * 3 + asker, all(casa()), &both());
            let mut link = world(seed * 3 + asker, loss, holders.clone());
            let sent = run(&mut scene, &mut link);
            assert_polite(&sent, 2);
            assert!(scene.elapsed() <= 3 * 200 + 100, "{}", scene.elapsed());
            for record in scene.records() {
                assert!(
                    ["10.0.0.20 on 2", "10.0.0.21 on 2"].contains(&&*record),
                    "{record}"
                );
            }
            if loss == 0.0 {
                assert_eq!(scene.outcome(), Outcome::Found);
                let is_in_conflict = seed / 4 % 2 == 0;
                assert_eq!(!scene.sender.conflicts().is_empty(), is_in_conflict);
                let notices = sent.iter().filter(|(_, _, message)| message[2] & 0x04 != 0);
                assert_eq!(notices.count(), if is_in_conflict { 2 } else { 0 });
            }
            if loss == 1.0 {
                assert_eq!((sent.len(), scene.outcome()), (6, Outcome::Silence));
            }
        }
    }
}

/// The same lies are believed once the bits are gone by which they are told from the truth: so the test above is one
/// that can fail.
#[test]
fn without_their_bits_the_wrong_responses_would_be_believed() {
    for last in [22, 23, 24] {
        let mut scene = Scene::new(all(casa()), &eth0());
        run(&mut scene, &mut world(1, 0.0, vec![responder(last, PLAIN)]));
        assert_eq!(scene.records(), [format!("10.0.0.{last} on 2")]);
    }
}

// RFC 4795 2.7: S9
#[test]
fn first_answer_is_somebodys_whole_one_and_comes_if_any_response_arrives() {
    for seed in 0..300 {
        let holders = vec![responder(20, PLAIN), responder(21, PLAIN)];
        let mut scene = Scene::seeded(seed, casa(), &eth0());
        let mut link = world(seed, 0.2, holders);
        let sent = run(&mut scene, &mut link);
        assert_polite(&sent, 1);
        let records = scene.records();
        let none_came = scene.sender.exchanges[0].heard.is_empty();
        assert_eq!(records.len(), usize::from(!none_came), "{records:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_datagram_is_discarded_or_a_response(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut scene = Scene::new(all(casa()), &eth0());
        let (_, query) = scene.query();
        let heard = scene.hears(0, "10.0.0.9", &bytes);
        prop_assert!(heard.is_err() || is_response_to(&query, &bytes));
    }

    #[test]
    fn mutated_response_is_discarded_or_still_one((places, cut, more) in mutated()) {
        let mut scene = Scene::new(all(casa()), &eth0());
        let (_, query) = scene.query();
        let mut message = answers(&query, SHARED, &[a("10.0.0.9"), a("10.0.0.8")]);
        for (place, byte) in places {
            if let Some(at) = message.get_mut(place) {
                *at = byte;
            }
        }
        message.truncate(cut);
        message.extend_from_slice(&more);
        if scene.hears(0, "10.0.0.9", &message).is_ok() {
            prop_assert!(is_response_to(&query, &message), "{message:02x?}");
        }
        scene.finish();
        for (_, record) in scene.sender.answer().unwrap().records() {
            prop_assert_eq!((&record.owner, record.class), (&question("casa", kind::A).name, kind::IN));
        }
    }

    #[test]
    fn any_bytes_on_a_connection_are_discarded_or_a_response(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut ask = casa();
        ask.server = Some("10.0.0.9".parse().unwrap());
        let mut scene = Scene::new(ask, &eth0());
        let (stream, _, _, query) = scene.connection();
        let mut bytes = bytes;
        if let [i0, i1, ..] = &mut bytes[..] {
            (*i0, *i1) = (query[0], query[1]);
        }
        if scene.sender.handle_message(scene.now, stream, &bytes).is_ok() {
            // RCODE may be any over TCP.
            bytes[3] &= 0xf0;
            prop_assert!(is_response_to(&query, &bytes));
        }
    }
}
