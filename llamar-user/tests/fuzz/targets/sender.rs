//! The asker: whatever comes back, and whenever.

use std::time::{Duration, Instant};

use llamar_common::testing::pass;
use llamar_user::dns::{Compression, Message, Name, Question, Rdata, Record, kind};
use llamar_user::llmnr::reverse;
use llamar_user::llmnr::sender::{Ask, Collect, End, Network, Path, Sender, Transmit};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::message::made_up;
use super::script::{self, Step};
use crate::dice::Dice;
use crate::messages;
use crate::run::{Target, outcome};
use crate::world::{DEVICE, OWN};

/// The asker of a question over two paths.
pub struct Senders(Instant);

const FROM: [&str; 8] = [
    "192.168.1.77:5355",
    "192.168.1.78:5355",
    "[fe80::77]:5355",
    "[fe80::78]:5355",
    "192.168.1.77:50000",
    "8.8.8.8:5355",
    "[::1]:5355",
    "0.0.0.0:5355",
];
/// What time passes before a message comes, in milliseconds.
const PAUSES: [u64; 8] = [0, 0, 0, 10, 50, 100, 200, 5000];
/// Things to do that one message may cause, with the time that passes before it.
const CAUSED_MAX: usize = 64;
/// Deadlines within one pause: a few for each thing to do.
const DEADLINES_MAX: usize = 400;

impl Target for Senders {
    const NAME: &'static str = "sender";

    fn new() -> Self {
        Self(Instant::now())
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, |dice| {
            if dice.percent(10) {
                return made_up(dice);
            }
            let owner = Name::parse("casa").expect("a name");
            let mut records: Vec<Record> =
                (0..dice.below(3)).map(|_| messages::record(dice)).collect();
            if dice.percent(70) {
                let address = Rdata::A((dice.any() as u32).into());
                records.extend(Record::new(owner.clone(), 30, address));
            }
            let response = Message {
                flags: *dice.pick(&[0x8000, 0x8000, 0x8400, 0x8200, 0x8100, 0x8003]),
                questions: vec![Question {
                    name: owner,
                    kind: kind::A,
                    class: kind::IN,
                }],
                answers: records,
                ..Message::default()
            };
            response
                .write(Compression::Unicast)
                .expect("a short message")
        })
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        script::damage(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let steps = script::read(input);
        let mut scene = Scene::new(
            self.0,
            steps.first().map_or(0, |step| step.message.len()),
            input.len() as u64,
        );
        let heard: Vec<bool> = steps.iter().map(|step| scene.step(step)).collect();
        scene.end();
        let answer = scene
            .sender
            .answer()
            .expect("in the end there is an answer");
        for (device, record) in answer.records() {
            assert_eq!(device, DEVICE);
            let asked = scene.question.kind;
            assert!(
                record.owner == scene.question.name || asked != kind::A,
                "{record}"
            );
        }
        let conflicts = scene.sender.conflicts().len();
        let outcomes = answer.outcome() as u8;
        outcome((
            outcomes,
            answer.responses.len(),
            answer.records().len(),
            conflicts,
            heard,
        ))
    }
}

struct Scene {
    sender: Sender,
    question: Question,
    now: Instant,
    /// The ids of the queries sent last: by path, and over connections.
    ids: [[u8; 2]; 2],
    streams: Vec<(usize, [u8; 2])>,
    caused: usize,
}

impl Scene {
    fn new(now: Instant, variant: usize, seed: u64) -> Self {
        let reverse = variant % 5 == 1;
        let question = Question {
            name: if reverse {
                reverse::name_of([192, 168, 1, 77].into())
            } else {
                Name::parse("casa").expect("a name")
            },
            kind: if reverse { kind::PTR } else { kind::A },
            class: kind::IN,
        };
        let mut ask = Ask::new(question.clone());
        ask.collect = [Collect::First, Collect::All][variant / 5 % 2];
        ask.payload = [None, Some(1400)][variant / 10 % 2];
        ask.patience = [None, Some(Duration::from_secs(1))][variant / 20 % 2];
        let networks = OWN.map(|(address, prefix)| Network { address, prefix });
        let path = |own: usize| Path {
            device: DEVICE,
            source: OWN[own].0,
            networks: networks.into(),
        };
        let rng = StdRng::seed_from_u64(seed);
        let mut scene = Self {
            sender: Sender::new(rng, now, ask, vec![path(0), path(3)]),
            question,
            now,
            ids: [[0; 2]; 2],
            streams: Vec::new(),
            caused: 0,
        };
        scene.drain();
        scene
    }

    /// Lets time pass and a message come. Whether it was taken.
    fn step(&mut self, step: &Step) -> bool {
        let [_, second] = step.how;
        self.caused = 0;
        self.pass(step.pause(&PAUSES));
        let from = step.from(&FROM);
        let path = usize::from(second % 2);
        let mut message = step.message.clone();
        let stream = self
            .streams
            .get(usize::from(second / 64) % self.streams.len().max(1))
            .copied();
        let mut answer_to = |id: [u8; 2]| {
            if let (Some(place), true) = (message.get_mut(..2), second & 2 == 0) {
                place.copy_from_slice(&id);
            }
        };
        let taken = match (second / 4 % 8, stream) {
            (0, Some((stream, id))) => {
                answer_to(id);
                self.sender
                    .handle_message(self.now, stream, &message)
                    .is_ok()
            }
            (1, Some((stream, _))) => {
                let end = [End::Closed, End::Unreachable][path];
                self.sender.handle_end(self.now, stream, end);
                true
            }
            (2, _) if second > 250 => {
                self.sender.handle_unsent(self.now, path);
                true
            }
            _ => {
                answer_to(self.ids[path]);
                self.sender
                    .handle_datagram(self.now, path, from, &message)
                    .is_ok()
            }
        };
        self.drain();
        taken
    }

    fn pass(&mut self, time: Duration) {
        let span = (self.now, self.now + time);
        let due = |scene: &Self| scene.sender.poll_timeout();
        pass(self, span, DEADLINES_MAX, due, |scene, now| {
            scene.now = now;
            scene.sender.handle_timeout(now);
            scene.drain();
        });
        self.now = span.1;
    }

    /// Waits until nothing more is to come. RFC 4795 2.7: that is soon.
    fn end(&mut self) {
        let start = self.now;
        while let Some(due) = self.sender.poll_timeout() {
            self.caused = 0;
            self.pass(due.saturating_duration_since(self.now));
            assert!(
                self.now < start + Duration::from_secs(60),
                "it does not end"
            );
        }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.sender.poll_transmit() {
            self.caused += 1;
            assert!(self.caused <= CAUSED_MAX, "{} things to do", self.caused);
            match transmit {
                Transmit::Datagram { path, message } => {
                    self.ids[path] = self.check(&message);
                }
                Transmit::Connect {
                    stream,
                    to,
                    message,
                    ..
                } => {
                    assert!(!to.is_multicast());
                    let id = self.check(&message);
                    self.streams.push((stream, id));
                }
                Transmit::Close { .. } => {}
            }
        }
    }

    /// What every query keeps to; its id.
    fn check(&self, bytes: &[u8]) -> [u8; 2] {
        let message = Message::read(bytes).expect("a message");
        assert!(message.flaws.is_empty(), "{:?}", message.flaws);
        // RFC 4795 2.1.1: S3. C is set in notices of a conflict alone, and those have records.
        assert!(matches!(message.flags, 0 | 0x0400), "{:x}", message.flags);
        assert_eq!(message.questions, std::slice::from_ref(&self.question));
        assert!(message.answers.is_empty() && message.authorities.is_empty());
        message.id.to_be_bytes()
    }
}
