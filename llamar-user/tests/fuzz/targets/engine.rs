//! The engine: whatever comes, and whenever.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use llamar_common::testing::{LLMNR_PORT, LLMNR_V4, LLMNR_V6, pass};
use llamar_user::config::OnConflict;
use llamar_user::dns::{Compression, Message, Name, Question, kind};
use llamar_user::llmnr::{Asked, Claimed, Engine, Transmit, Transport, Wanted, Why};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::message::made_up;
use super::script::{self, Step};
use crate::dice::Dice;
use crate::messages;
use crate::run::{Target, outcome};
use crate::world::{DEVICE, OWN, World};

/// The engine of a host with one link.
pub struct Engines {
    world: World,
    start: Instant,
}

const KEY: LinkKey = LinkKey::new(DEVICE, 0);
/// The names that the host claims.
const CLAIMED: [&str; 3] = ["casa", "new", "casa.example"];
/// Who sends: others with smaller and larger addresses than ours, ourselves, strangers.
const FROM: [&str; 8] = [
    "192.168.1.5:5355",
    "192.168.1.200:5355",
    "[fe80::]:5355",
    "[fe80::77]:50000",
    "[2001:db8:1::77]:5355",
    "192.168.1.10:5355",
    "8.8.8.8:5355",
    "169.254.1.1:50000",
];
/// What time passes before a message comes, in milliseconds.
const PAUSES: [u64; 8] = [0, 0, 1, 30, 100, 250, 2000, 60_000];
/// Datagrams that one message may cause, with the time that passes before it: three transmissions over two families of
/// each name, a response.
const CAUSED_MAX: usize = 64;
/// Deadlines within one pause: a few for each transmission.
const DEADLINES_MAX: usize = 400;

impl Target for Engines {
    const NAME: &'static str = "engine";

    fn new() -> Self {
        Self {
            world: World::new(),
            start: Instant::now(),
        }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, |dice| {
            if dice.percent(5) {
                return made_up(dice);
            }
            let mut message = messages::query(dice);
            let claimed = Name::parse(CLAIMED[dice.below(3)]).expect("a name");
            message.flags = *dice.pick(&[0, 0x0400, 0x8000, 0x8100, 0x8400]);
            message.questions = vec![Question {
                name: claimed,
                kind: *dice.pick(&[kind::ANY, kind::ANY, kind::A, kind::AAAA]),
                class: kind::IN,
            }];
            message
                .write(Compression::Unicast)
                .expect("a short message")
        })
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        script::damage(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let steps = script::read(input);
        let policy = steps.first().map_or(0, |step| step.message.len() % 3);
        let mut scene = Scene::new(self, policy, input.len() as u64);
        let outcomes: Vec<_> = steps.iter().map(|step| scene.step(step)).collect();
        // In the end there is quiet: what is verified stays so, what is lost is tried again after long pauses.
        scene.pass(Duration::from_secs(5));
        let standings = CLAIMED.map(|text| {
            let name = Name::parse(text).expect("a name");
            let standing = scene.engine.standing(KEY, &name).expect("it is claimed");
            (
                standing.state.map(|state| state as u8),
                standing.used == name,
                standing.culprit.is_some(),
            )
        });
        outcome((standings, outcomes))
    }
}

struct Scene<'a> {
    world: &'a World,
    engine: Engine,
    now: Instant,
    /// The query that the engine sent last, and from where.
    last: Option<Transmit>,
    caused: usize,
}

impl<'a> Scene<'a> {
    fn new(engines: &'a Engines, policy: usize, seed: u64) -> Self {
        let policies = [OnConflict::Withdraw, OnConflict::Keep, OnConflict::Rename];
        let claimed = |text: &str| Claimed {
            name: Name::parse(text).expect("a name"),
            inherited: text == "new",
        };
        let addresses: BTreeSet<IpAddr> = OWN.iter().map(|(own, _)| *own).collect();
        let wanted = Wanted {
            up: true,
            names: CLAIMED.map(claimed).into(),
            v4: addresses.iter().find_map(|own| match own {
                IpAddr::V4(own) if !own.is_link_local() => Some(*own),
                _ => None,
            }),
            v6: addresses.iter().find_map(|own| match own {
                IpAddr::V6(own) if own.is_unicast_link_local() => Some(*own),
                _ => None,
            }),
            addresses: addresses.clone(),
            on_conflict: policies[policy],
        };
        let mut scene = Self {
            world: &engines.world,
            engine: Engine::new(StdRng::seed_from_u64(seed)),
            now: engines.start,
            last: None,
            caused: 0,
        };
        scene
            .engine
            .follow(scene.now, BTreeMap::from([(KEY, wanted)]), addresses);
        scene.drain();
        scene
    }

    /// Lets time pass and a message come. What came of it, as far as it is of interest.
    fn step(&mut self, step: &Step) -> String {
        let [_, second] = step.how;
        self.caused = 0;
        self.pass(step.pause(&PAUSES));
        let from = step.from(&FROM);
        let group: IpAddr = if from.is_ipv4() {
            LLMNR_V4.into()
        } else {
            LLMNR_V6.into()
        };
        let mut message = step.message.clone();
        let mut to = group;
        if let (Some(query), true) = (&self.last, second & 3 != 0) {
            // A response to what was asked, or an echo of it, as far as the message allows.
            if let (Some(ids), Some(id)) = (message.get_mut(..2), query.message.get(..2)) {
                ids.copy_from_slice(id);
            }
            to = query.source;
            if second & 3 == 3 {
                let rest = message.get(2..4).map(<[u8]>::to_vec);
                message.clone_from(&query.message);
                if let Some(flags) = rest {
                    message[2] = flags[0] | 0x80;
                }
            }
        }
        let transport = match second / 4 % 8 {
            7 => Transport::Tcp { local: OWN[0].0 },
            6 => Transport::Udp { to: OWN[1].0 },
            _ => Transport::Udp { to },
        };
        let asked = Asked {
            message: &message,
            from,
            transport,
        };
        let handled = self
            .engine
            .handle_datagram(self.now, KEY, self.world, &asked);
        self.drain();
        match handled {
            Ok(handled) => format!("{handled:?}").chars().take(8).collect(),
            Err(ignored) => format!("{ignored:?}"),
        }
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let span = (self.now, self.now + time);
        let due = |scene: &Self| scene.engine.poll_timeout();
        pass(self, span, DEADLINES_MAX, due, |scene, now| {
            scene.now = now;
            scene.engine.handle_timeout(now);
            scene.drain();
        });
        self.now = span.1;
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            self.caused += 1;
            assert!(self.caused <= CAUSED_MAX, "{} datagrams", self.caused);
            check(&transmit);
            if transmit.why == Why::Verification {
                self.last = Some(transmit);
            }
        }
        for count in 0.. {
            assert!(count < 100, "{count} events at once");
            if self.engine.poll_event().is_none() {
                break;
            }
        }
    }
}

/// What every datagram keeps to.
fn check(transmit: &Transmit) {
    let message = Message::read(&transmit.message).expect("a message");
    assert!(message.flaws.is_empty(), "{:?}", message.flaws);
    // RFC 4795 2.5: R7, S1. An address of ours, and the family of where it goes.
    assert!(OWN.iter().any(|(own, _)| *own == transmit.source));
    assert_eq!(transmit.source.is_ipv4(), transmit.to.is_ipv4());
    // RFC 4795 2.1.1: R54, S3, R20
    assert_eq!((message.questions.len(), message.flags & 0x00ff), (1, 0));
    assert!(transmit.message.len() <= 1232);
    match transmit.why {
        Why::Verification => {
            let group: [IpAddr; 2] = [LLMNR_V4.into(), LLMNR_V6.into()];
            assert!(group.contains(&transmit.to.ip()) && transmit.to.port() == LLMNR_PORT);
            assert_eq!((message.flags, message.records().count()), (0, 0));
        }
        Why::Response(_) => {
            assert!(!transmit.to.ip().is_multicast());
            assert_eq!(message.flags & 0xf800, 0x8000);
        }
    }
}
