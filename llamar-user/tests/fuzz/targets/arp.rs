//! The engines of ARP: whatever comes, and whenever.

use std::net::Ipv4Addr;
use std::time::Instant;

use llamar_common::wire::ethernet;
use llamar_user::arp::{
    Announcer, Announcing, Ask, Asker, Candidate, Claim, ClaimState, Claiming, Form, Packet,
    Policy, Scan, Scanning, Span, Spans, Station,
};
use llamar_user::ether::{Engine, Frame, MacAddr, Tag};
use pcap_parser::Linktype;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::script::{self, Step};
use crate::dice::Dice;
use crate::pcap;
use crate::run::{Target, outcome};

/// A host that asks, announces, claims and scans.
pub struct Arp {
    start: Instant,
}

/// Ourselves, others, and what no station is.
const MACS: [MacAddr; 6] = [
    MacAddr([2, 0, 0, 0, 0, 1]),
    MacAddr([2, 0, 0, 0, 0, 2]),
    MacAddr([2, 0, 0, 0, 0, 3]),
    MacAddr([1, 0, 0x5e, 0, 0, 1]),
    MacAddr::ZERO,
    MacAddr::BROADCAST,
];
/// The address that is claimed, others that are asked for, one that a host gives itself, and what no host has.
const IPS: [Ipv4Addr; 6] = [
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(10, 0, 0, 2),
    Ipv4Addr::new(10, 0, 0, 3),
    Ipv4Addr::new(169, 254, 7, 7),
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::BROADCAST,
];
const OWN: Station = Station {
    mac: MACS[0],
    ip: IPS[1],
};
/// What time passes before a frame comes, in milliseconds.
const PAUSES: [u64; 8] = [0, 0, 1, 30, 500, 2000, 8000, 70_000];
/// Frames that one frame may cause at each engine, with the time that passes before it: a scan that was not asked for a
/// while sends what is due in 5 ms, an asker a second's requests.
const CAUSED_MAX: usize = 400;
/// Deadlines within one pause: a few for each frame.
const DEADLINES_MAX: usize = 1000;
/// Captured frames to begin with.
const CAPTURED_MAX: usize = 400;

impl Target for Arp {
    const NAME: &'static str = "arp";

    fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = pcap::files().unwrap_or_default();
        let frames = files.iter().flat_map(|file| pcap::frames(file));
        let arp = frames.filter(|(link, frame)| {
            *link == Linktype::ETHERNET
                && Frame::read(frame).is_some_and(|frame| frame.ether_type == ethernet::ARP)
        });
        let step = |(index, (_, message)): (usize, (Linktype, Vec<u8>))| Step {
            how: [(index % 8) as u8, 0],
            message,
        };
        let steps: Vec<Step> = arp.take(CAPTURED_MAX).enumerate().map(step).collect();
        steps.chunks(4).map(script::write).collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        script::make(dice, frame)
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        script::damage(dice, input);
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let steps = script::read(input);
        let mut engines = Engines::new(self.start, input.len() as u64);
        let outcomes: Vec<_> = steps.iter().map(|step| engines.step(step)).collect();
        outcome(outcomes)
    }
}

/// A frame of hosts that matter, or nearly one.
fn frame(dice: &mut Dice) -> Vec<u8> {
    let station = |dice: &mut Dice| Station {
        mac: *dice.pick(&MACS),
        ip: *dice.pick(&IPS),
    };
    let packet = Packet {
        operation: *dice.pick(&[1, 1, 1, 2, 2, 2, 0, 3, 0x0100]),
        sender: station(dice),
        target: station(dice),
    };
    let tag = dice.percent(10).then(|| Tag::vlan(dice.below(3) as u16));
    let mut frame = packet.to_frame(*dice.pick(&MACS), *dice.pick(&MACS), tag);
    if dice.percent(20) {
        frame.resize(60, 0);
    }
    frame
}

struct Engines {
    now: Instant,
    asker: Asker,
    prober: Asker,
    announcer: Announcer,
    scan: Scan,
    claims: Vec<Claim>,
}

impl Engines {
    fn new(now: Instant, seed: u64) -> Self {
        let ask = |sender_ip| Ask {
            unicast: true,
            verbose: true,
            ..Ask::new(OWN.mac, sender_ip, IPS.to_vec())
        };
        let before = Some(IPS[3]);
        let claim = |policy, candidate| {
            let claiming = Claiming {
                policy,
                ..Claiming::new(OWN.mac, candidate)
            };
            Claim::new(StdRng::seed_from_u64(seed), now, claiming)
        };
        let fixed = Candidate::Fixed(IPS[0]);
        let span = Span::network(IPS[0], 20, true);
        let mut announcer = Announcer::new(Announcing {
            form: Form::Both,
            ..Announcing::default()
        });
        announcer.add(now, OWN);
        Self {
            now,
            asker: Asker::new(now, ask(Some(OWN.ip))),
            prober: Asker::new(now, ask(None)),
            announcer,
            scan: Scan::new(
                now,
                Scanning::new(OWN.mac, Some(OWN.ip), Spans::new([span])),
            )
            .expect("a few addresses"),
            claims: vec![
                claim(Policy::GiveUp, fixed),
                claim(Policy::DefendOnce, fixed),
                claim(Policy::Keep, fixed),
                claim(Policy::DefendOnce, Candidate::LinkLocal { before }),
            ],
        }
    }

    /// Lets time pass and a frame come. What came of it, as far as it is of interest.
    fn step(&mut self, step: &Step) -> impl std::hash::Hash + use<> {
        let [_, what] = step.how;
        let (from, frame) = (self.now, &step.message);
        self.now += step.pause(&PAUSES);
        let now = self.now;
        match what {
            0..8 => self.claims[usize::from(what % 4)].restart(now),
            8..16 => self.claims[usize::from(what % 4)].release(),
            16..24 => self.claims[usize::from(what % 4)].retarget(now, IPS[usize::from(what % 3)]),
            24..32 => self.announcer.add(now, OWN),
            32..40 => self.announcer.remove(OWN.ip),
            _ => {}
        }
        let caused = [
            turn(&mut self.asker, from, now, frame),
            turn(&mut self.prober, from, now, frame),
            turn(&mut self.announcer, from, now, frame),
            turn(&mut self.scan, from, now, frame).min(1),
        ];
        let claims = self.claims.iter_mut().map(|claim| {
            let caused = turn(claim, from, now, frame);
            let state = match claim.state() {
                ClaimState::Paused(_) => 0,
                ClaimState::Probing => 1,
                ClaimState::Held => 2,
                ClaimState::Lost => 3,
                ClaimState::Released => 4,
            };
            (state, caused.min(8))
        });
        let claims: Vec<_> = claims.collect();
        (caused.map(|count| count.min(8)), claims)
    }
}

/// Lets time pass for an engine, deadline by deadline, and a frame come; how many frames it caused.
fn turn<E: Engine>(engine: &mut E, from: Instant, to: Instant, frame: &[u8]) -> usize {
    let (mut now, mut caused) = (from, drain(engine));
    for count in 0.. {
        assert!(count < DEADLINES_MAX, "{count} deadlines");
        match engine.poll_timeout().filter(|due| *due <= to) {
            Some(due) => now = now.max(due),
            None => break,
        }
        engine.handle_timeout(now);
        caused += drain(engine);
        let next = engine.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "what was due is still due"
        );
        if count == CAUSED_MAX {
            // A scan may go on for long: it is left behind, and goes on when it is asked again.
            break;
        }
    }
    engine.handle_frame(to, frame);
    let answers = drain(engine);
    assert!(answers <= 1, "{answers} frames for one");
    caused + answers
}

/// Takes what an engine says; how many frames.
fn drain<E: Engine>(engine: &mut E) -> usize {
    let mut frames = 0;
    while let Some(frame) = engine.poll_transmit() {
        check(&frame);
        frames += 1;
        assert!(frames <= CAUSED_MAX, "{frames} frames at once");
    }
    for count in 0.. {
        assert!(count <= 2 * CAUSED_MAX, "{count} events at once");
        if engine.poll_event().is_none() {
            break;
        }
    }
    frames
}

/// What every frame keeps to.
fn check(frame: &[u8]) {
    let frame = Frame::read(frame).expect("a frame");
    let packet = Packet::read(frame.payload).expect("a packet");
    assert_eq!(frame.ether_type, ethernet::ARP);
    // RFC 5227 2.1.1: C7, C13
    assert_eq!((frame.source, packet.sender.mac), (OWN.mac, OWN.mac));
    assert!(frame.destination == MacAddr::BROADCAST || frame.destination.is_station());
    // RFC 3927 2.5: C20
    assert!(!packet.sender.ip.is_link_local() || frame.destination == MacAddr::BROADCAST);
    // RFC 5227 1.1: C16
    assert!(!packet.is_probe() || frame.destination == MacAddr::BROADCAST);
}
