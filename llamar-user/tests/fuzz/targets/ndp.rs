//! The engines of Neighbor Discovery: one that asks, one that tells, one that claims, one that looks
//! around, on one link, whatever comes and whenever.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::checksum::Sum;
use llamar_common::wire::ndp::{ALL_NODES, solicited_node};
use llamar_user::ether::{Engine, Frame, MacAddr};
use llamar_user::ndp::dad::State;
use llamar_user::ndp::{
    Advertisement, After, Announce, Announcer, Ask, Asker, Check, Dad, Echo, Message, Packet, Port,
    Range, Scan, Schedule, Solicitation, Survey, Target as Asked,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::script::{self, Step};
use crate::damage;
use crate::dice::Dice;
use crate::run::{Target, outcome};

/// Engines of a host with one interface.
pub struct Ndp {
    start: Instant,
}

const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const PORT: Port = Port {
    mac: OWN,
    tag: None,
};
/// The addresses that matter: of ours, claimed, asked for, of others, nobody's, groups.
const ADDRESSES: [&str; 8] = [
    "fe80::1",
    "2001:db8::1",
    "2001:db8::c1a",
    "fe80::a5c",
    "2001:db8::a5c",
    "fe80::77",
    "::",
    "ff02::1",
];
/// What time passes before a frame comes, in milliseconds.
const PAUSES: [u64; 8] = [0, 0, 1, 30, 400, 1000, 2500, 60_000];
/// Frames that one step may cause: a minute of solicitations, a survey's rounds, periodic advertisements.
const CAUSED_MAX: usize = 400;
/// Events of one step.
const EVENTS_MAX: usize = 600;

fn address(number: usize) -> Ipv6Addr {
    ADDRESSES[number % ADDRESSES.len()]
        .parse()
        .expect("an address")
}

impl Target for Ndp {
    const NAME: &'static str = "ndp";

    fn new() -> Self {
        Self {
            start: Instant::now() + Duration::from_secs(60),
        }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, made_up)
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        let mut steps = script::read(input);
        if steps.is_empty() || dice.percent(30) {
            return script::damage(dice, input);
        }
        // Frames are damaged as bytes, not as DNS messages.
        let step = dice.below(steps.len());
        damage::anywhere(dice, &mut steps[step].message);
        *input = script::write(&steps);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let steps = script::read(input);
        let kind = steps.first().map_or(0, |step| step.message.len() % 3);
        let mut scene = Scene::new(self.start, kind, input.len() as u64);
        for step in &steps {
            scene.step(step);
        }
        scene.pass(Duration::from_secs(10));
        let found: BTreeSet<String> = scene.found;
        outcome((scene.engines.dad.state() as u8, found))
    }
}

/// A frame of somebody.
fn made_up(dice: &mut Dice) -> Vec<u8> {
    let target = address(dice.below(ADDRESSES.len() - 2));
    let mac = |dice: &mut Dice| MacAddr([2, 0, 0, 0, 0, dice.below(4) as u8]);
    let source = address(dice.below(ADDRESSES.len()));
    let groups = [ALL_NODES, solicited_node(target.octets())].map(Ipv6Addr::from);
    let destination = *dice.pick(&[groups[0], groups[1], groups[1], target, address(0)]);
    let message = if dice.percent(50) {
        let nonce = dice.percent(40).then(|| dice.bytes(6));
        Message::Solicitation(Solicitation {
            target,
            source_mac: dice.percent(40).then(|| mac(dice)),
            nonce,
        })
    } else {
        Message::Advertisement(Advertisement {
            target,
            router: dice.percent(20),
            solicited: dice.percent(50),
            overriding: dice.percent(70),
            target_mac: dice.percent(80).then(|| mac(dice)),
        })
    };
    let packet = Packet {
        source,
        destination,
        message,
    };
    let to = packet.group().unwrap_or(OWN);
    packet.to_frame(mac(dice), to, None)
}

/// Sets the length and the checksum of an ICMPv6 message right, if there is room for one.
fn mend(frame: &mut [u8]) {
    const MESSAGE: usize = 14 + 40;
    if frame.len() < MESSAGE + 4 {
        return;
    }
    let length = (frame.len() - MESSAGE) as u16;
    frame[18..20].copy_from_slice(&length.to_be_bytes());
    frame[MESSAGE + 2..MESSAGE + 4].fill(0);
    let sum = Sum::ZERO.bytes(&frame[22..]).number(length).number(58);
    frame[MESSAGE + 2..MESSAGE + 4].copy_from_slice(&sum.checksum().to_le_bytes());
}

struct Engines {
    asker: Asker,
    announcer: Announcer,
    dad: Dad,
    scan: Scan,
}

struct Scene {
    engines: Engines,
    now: Instant,
    /// What the claim sent last, and what others did.
    sent: Vec<Vec<u8>>,
    nonces: BTreeSet<Vec<u8>>,
    found: BTreeSet<String>,
    caused: usize,
}

impl Scene {
    fn new(now: Instant, kind: usize, seed: u64) -> Self {
        let chance = |add| StdRng::seed_from_u64(seed.wrapping_add(add));
        let own = vec![address(0), address(1)];
        let asked = [3, 4, 5].map(|number| Asked {
            address: address(number),
            mac: (number == 5).then_some(MacAddr([2, 0, 0, 0, 0, 3])),
        });
        let ask = Ask {
            at_once: kind == 0,
            count: (kind != 2).then_some(3),
            ..Ask::new(PORT, own.clone(), asked.into())
        };
        let check = Check {
            transmits: 1 + kind as u32,
            after: [After::Hold, After::Watch, After::Leave][kind],
            nonces: kind != 1,
            announce: Some(Schedule::default()),
            ..Check::new(PORT, address(2))
        };
        let survey = Survey {
            ranges: vec![Range::prefix(address(5), 124)],
            rate: 100,
            ..Survey::new(PORT, own)
        };
        let schedule = Schedule {
            period: (kind == 0).then_some(Duration::from_secs(5)),
            ..Schedule::default()
        };
        let mut announcer = Announcer::new(PORT, schedule);
        announcer.add(now, Announce::own(address(0), OWN));
        let mut scene = Self {
            engines: Engines {
                asker: Asker::new(chance(0), now, ask),
                announcer,
                dad: Dad::new(chance(1), now, check),
                scan: Scan::new(chance(2), now, survey).expect("a small survey"),
            },
            now,
            sent: Vec::new(),
            nonces: BTreeSet::new(),
            found: BTreeSet::new(),
            caused: 0,
        };
        scene.drain();
        scene
    }

    /// Lets time pass and a frame come.
    fn step(&mut self, step: &Step) {
        let [first, second] = step.how;
        self.caused = 0;
        self.pass(step.pause(&PAUSES));
        let Some(frame) = self.frame(first, second, &step.message) else {
            return self.restart(second);
        };
        let engines = &mut self.engines;
        engines.asker.handle_frame(self.now, &frame);
        engines.announcer.handle_frame(self.now, &frame);
        engines.dad.handle_frame(self.now, &frame);
        engines.scan.handle_frame(self.now, &frame);
        self.drain();
    }

    /// The frame that comes: the message, mended or not; one of ours, or an answer to one.
    fn frame(&self, first: u8, second: u8, message: &[u8]) -> Option<Vec<u8>> {
        let from = MacAddr([2, 0, 0, 0, 0, second / 8 % 4]);
        let last = |reads: fn(&[u8]) -> bool| {
            let frames = self.sent.iter().rev();
            let mut payloads = frames.filter_map(|frame| Frame::read(frame));
            payloads
                .find(|frame| reads(frame.payload))
                .map(|frame| frame.payload)
        };
        let mut frame = message.to_vec();
        match second % 8 {
            0 => {}
            1..=3 => mend(&mut frame),
            4 => {
                frame = self
                    .sent
                    .get(usize::from(first / 8))
                    .or(self.sent.last())?
                    .clone()
            }
            5 => {
                let request = Echo::read(last(|bytes| Echo::read(bytes).is_ok())?).ok()?;
                let answer = request.answer(address(usize::from(first / 8)));
                frame = answer.to_frame(from, OWN, None);
            }
            6 => {
                let packet = Packet::read(last(|bytes| Packet::read(bytes).is_ok())?).ok()?;
                frame = answer(&packet, from, first)?;
            }
            _ => return None,
        }
        Some(frame)
    }

    /// The link was down, or addresses came and went.
    fn restart(&mut self, second: u8) {
        let (announcer, now) = (&mut self.engines.announcer, self.now);
        match second / 8 % 4 {
            0 => self.engines.dad.restart(now),
            1 => self.engines.dad.settle(now),
            2 => announcer.remove(now, address(0)),
            _ => {
                announcer.add(
                    now,
                    Announce::own(address(usize::from(second / 32) % 6), OWN),
                );
                announcer.restart(now);
            }
        }
        self.drain();
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let engines = &self.engines;
            let timers = [
                engines.asker.poll_timeout(),
                engines.announcer.poll_timeout(),
                engines.dad.poll_timeout(),
                engines.scan.poll_timeout(),
            ];
            let Some(due) = timers.into_iter().flatten().min().filter(|due| *due <= end) else {
                break;
            };
            self.now = self.now.max(due);
            timeout(&mut self.engines.asker, self.now);
            timeout(&mut self.engines.announcer, self.now);
            timeout(&mut self.engines.dad, self.now);
            timeout(&mut self.engines.scan, self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let state = self.engines.dad.state();
        let mut frames = Vec::new();
        let mut found = Vec::new();
        take(&mut self.engines.asker, &mut frames, &mut found);
        take(&mut self.engines.announcer, &mut frames, &mut found);
        take(&mut self.engines.scan, &mut frames, &mut found);
        for frame in &frames {
            check(frame);
        }
        let others = frames.len();
        take(&mut self.engines.dad, &mut frames, &mut found);
        for frame in &frames[others..] {
            check(frame);
            self.check_claim(state, frame);
        }
        self.caused += frames.len();
        assert!(self.caused <= CAUSED_MAX, "{} frames", self.caused);
        assert!(found.len() <= EVENTS_MAX, "{} events", found.len());
        self.found.extend(found);
        self.sent.extend(frames);
        let old = self.sent.len().saturating_sub(64);
        self.sent.drain(..old);
    }

    /// What the claim's frames keep to besides.
    fn check_claim(&mut self, state: State, frame: &[u8]) {
        let frame = Frame::read(frame).expect("a frame");
        let packet = Packet::read(frame.payload).expect("a packet");
        match packet.message {
            // RFC 4862 5.4.3: a tentative address is not answered for; a lost one not either (5.4.5).
            Message::Advertisement(_) => assert_eq!(state, State::Ours),
            Message::Solicitation(asked) => {
                assert!(packet.source.is_unspecified());
                assert_ne!(state, State::Lost);
                // RFC 7527 4.1: each nonce is another.
                if let Some(nonce) = asked.nonce {
                    assert!(self.nonces.insert(nonce));
                }
            }
        }
    }
}

fn timeout(engine: &mut impl Engine, now: Instant) {
    let is_due = |engine: &dyn Fn() -> Option<Instant>| engine().is_some_and(|due| due <= now);
    if is_due(&|| engine.poll_timeout()) {
        engine.handle_timeout(now);
        assert!(
            !is_due(&|| engine.poll_timeout()),
            "what was due is still due"
        );
    }
}

fn take<E: Engine>(engine: &mut E, frames: &mut Vec<Vec<u8>>, found: &mut Vec<String>)
where
    E::Event: std::fmt::Debug,
{
    while let Some(frame) = engine.poll_transmit() {
        frames.push(frame);
    }
    while let Some(event) = engine.poll_event() {
        found.push(format!("{event:?}").chars().take(12).collect());
    }
}

/// Somebody answers a solicitation of ours.
fn answer(packet: &Packet, from: MacAddr, how: u8) -> Option<Vec<u8>> {
    let Message::Solicitation(asked) = &packet.message else {
        return None;
    };
    let detects = packet.source.is_unspecified();
    let advertisement = Advertisement {
        target: asked.target,
        router: how & 8 != 0,
        solicited: !detects,
        overriding: how & 16 != 0,
        target_mac: (how & 32 != 0).then_some(from),
    };
    let answer = Packet {
        source: asked.target,
        destination: if detects {
            ALL_NODES.into()
        } else {
            packet.source
        },
        message: Message::Advertisement(advertisement),
    };
    let to = answer.group().unwrap_or(OWN);
    Some(answer.to_frame(from, to, None))
}

/// What every frame keeps to.
fn check(bytes: &[u8]) {
    let frame = Frame::read(bytes).expect("a frame");
    assert_eq!((frame.source, frame.tag), (OWN, None));
    if let Ok(echo) = Echo::read(frame.payload) {
        assert!(!echo.reply && echo.destination == Ipv6Addr::from(ALL_NODES));
        return;
    }
    let packet = Packet::read(frame.payload).expect("a valid packet");
    if let Some(group) = packet.group() {
        assert_eq!(frame.destination, group);
    } else {
        assert!(frame.destination.is_station(), "{}", frame.destination);
    }
    match &packet.message {
        Message::Solicitation(asked) if packet.source.is_unspecified() => {
            // RFC 4861 7.1.1: a solicited-node group, no hardware address.
            assert_eq!(asked.source_mac, None);
            assert_eq!(
                packet.destination.octets(),
                solicited_node(asked.target.octets())
            );
        }
        // RFC 4861 4.3, 7.2.2
        Message::Solicitation(asked) => {
            assert!(asked.source_mac.is_some() && asked.nonce.is_none());
        }
        Message::Advertisement(told) => {
            assert_eq!(told.target_mac, Some(OWN));
            assert!(!packet.source.is_unspecified() && !packet.source.is_multicast());
        }
    }
}
