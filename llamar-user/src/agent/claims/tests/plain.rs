//! What is answered on the spot by what is settled is what the engine would answer, whatever has happened before.

use std::time::Duration;

use llamar_common::abi::Prefix4;
use rand::RngExt as _;

use super::*;
use crate::agent::exchange::changes_answers;
use crate::llmnr::{Handled, Why, respond_plain};

const GROUP: &str = "224.0.0.252";
const CONFLICT: u16 = 0x0400;
const ON_CONFLICT: [OnConflict; 3] = [OnConflict::Withdraw, OnConflict::Rename, OnConflict::Keep];
/// Own names, those of the hosts file and such as a host takes that was renamed, nobody's, and addresses' names.
const QUESTIONS: [(&str, u16); 11] = [
    ("casa", 1),
    ("casa", 255),
    ("CASA-2", 1),
    ("casa-3", 1),
    ("nas", 1),
    ("tv", 1),
    ("tv", 28),
    ("nobody", 1),
    ("2.0.0.10.in-addr.arpa", 12),
    ("9.0.0.10.in-addr.arpa", 12),
    ("8.0.0.10.in-addr.arpa", 255),
];

/// An agent on a link with others who have its names as well.
struct Scene {
    now: Instant,
    rng: StdRng,
    engine: Engine,
    on_conflict: OnConflict,
    bare: Desired,
    settled: Desired,
    /// The engine's own queries, which others answer.
    queries: Vec<Transmit>,
    /// Queries that were answered by both, not answered by both, and left to the engine.
    seen: [usize; 3],
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut scene = Self {
            now: Instant::now(),
            engine: Engine::new(StdRng::seed_from_u64(rng.random())),
            on_conflict: ON_CONFLICT[rng.random_range(0..3)],
            rng,
            bare: Desired::default(),
            settled: Desired::default(),
            queries: Vec::new(),
            seen: [0; 3],
        };
        scene.link(true);
        scene
    }

    /// The link goes up or down.
    fn link(&mut self, up: bool) {
        let mut served = Served { up, ..served(2) };
        served.names = Names::default();
        if up {
            let own = table(&[("casa", ip(2)), ("nas", ip(8))]);
            let shared = table(&[("casa-2", ip(9)), ("nas", ip(8)), ("tv", ip(9))]);
            served.names = Names::new(own, Arc::new(shared)).of_host(&[name("casa")]);
            served.prefixes4 = vec![Prefix4 {
                network: [10, 0, 0, 0],
                mask: [255, 255, 255, 0],
                source: [10, 0, 0, 2],
            }];
        }
        self.bare.links = [(ETH, served)].into();
        let (now, config, bare) = (self.now, config(self.on_conflict), &self.bare);
        let links = Links::default();
        follow(
            &mut self.engine,
            now,
            &config,
            &links,
            bare,
            &BTreeSet::new(),
        );
        self.settled = settle(&self.engine, &self.bare);
        self.drain();
    }

    /// Acts upon what the engine says, as the agent does.
    fn drain(&mut self) {
        let events = std::iter::from_fn(|| self.engine.poll_event());
        let changed = events.fold(false, |changed, event| changed | changes_answers(&event));
        if changed {
            self.settled = settle(&self.engine, &self.bare);
        }
        let sent = std::iter::from_fn(|| self.engine.poll_transmit());
        let verifications = sent.filter(|transmit| transmit.why == Why::Verification);
        self.queries.extend(verifications);
    }

    fn wait(&mut self) {
        let end = self.now + Duration::from_millis(self.rng.random_range(0..1500));
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// The engine hears a message of another host, from LLMNR's port.
    fn hear(&mut self, message: &[u8], from: IpAddr, to: IpAddr) {
        let asked = Asked {
            message,
            from: (from, 5355).into(),
            transport: Transport::Udp { to },
        };
        let served = &self.bare.links[&ETH];
        // Most of it is for nobody.
        let _ = self.engine.handle_datagram(self.now, ETH, served, &asked);
        self.drain();
    }

    /// Another host tells of a conflict.
    fn doubt(&mut self) {
        let (name, kind) = QUESTIONS[self.rng.random_range(0..QUESTIONS.len())];
        let message = query(1, CONFLICT, name, kind);
        self.hear(&message, ip(77), GROUP.parse().unwrap());
    }

    /// Another host answers one of the engine's last queries, from a smaller address or a larger one.
    fn contest(&mut self) {
        let last = self.queries.len().min(3);
        let place = self.queries.len() - self.rng.random_range(0..=last);
        if let Some(query) = self.queries.get(place) {
            let mut message = query.message.clone();
            message[2] |= 0x80;
            let from = [ip(1), ip(200)][self.rng.random_range(0..2)];
            self.hear(&message, from, ip(2));
        }
    }

    fn step(&mut self) {
        match self.rng.random_range(0..20) {
            0 => self.link(false),
            1..4 => self.link(true),
            4..8 => self.doubt(),
            8..11 => self.contest(),
            11 => {
                self.engine.wake(self.now);
                self.settled = settle(&self.engine, &self.bare);
                self.drain();
            }
            _ => self.wait(),
        }
    }

    /// Asks both ways for everything.
    fn compare(&mut self) {
        for (name, kind) in QUESTIONS {
            let message = query(7, 0, name, kind);
            let asked = Asked {
                message: &message,
                from: (ip(77), 40_000).into(),
                transport: Transport::Udp {
                    to: GROUP.parse().unwrap(),
                },
            };
            let (now, settled, bare) =
                (self.now, &self.settled.links[&ETH], &self.bare.links[&ETH]);
            let limiter = self.engine.limiter().clone();
            let Some(told) = respond_plain(|| now, ETH, settled, &limiter, &asked) else {
                self.seen[2] += 1;
                continue;
            };
            let handled = self.engine.handle_datagram(now, ETH, bare, &asked);
            self.seen[usize::from(told.is_err())] += 1;
            match told {
                Ok(response) => {
                    let question = response.question;
                    assert_eq!(handled, Ok(Handled::Responded { question }));
                    let sent = self.engine.poll_transmit().expect("a response at once");
                    let sent = (sent.message, sent.source, sent.to);
                    assert_eq!(sent, (response.message, response.source, asked.from));
                }
                // On a link that is down there is more than one reason.
                Err(_) if !bare.up => assert!(handled.is_err()),
                Err(ignored) => assert_eq!(handled, Err(ignored), "{name} {kind}"),
            }
        }
    }
}

fn query(id: u16, flags: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut message = [id.to_be_bytes(), flags.to_be_bytes()].concat();
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(Name::parse(name).unwrap().wire());
    message.extend([kind.to_be_bytes(), [0, 1]].concat());
    message
}

// RFC 4795 4.1, 4.2: R27, R46, R49
#[test]
fn plain_queries_are_answered_by_what_is_settled_as_the_engine_answers_them() {
    let mut seen = [0; 3];
    for seed in 0..200 {
        let mut scene = Scene::new(seed);
        for _ in 0..60 {
            scene.step();
            scene.compare();
        }
        seen = [0, 1, 2].map(|kind| seen[kind] + scene.seen[kind]);
    }
    assert!(seen.iter().all(|count| *count > 10_000), "{seen:?}");
}
