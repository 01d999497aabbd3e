//! Scenes that chance draws, and frames in them, for as long as one likes: `cargo xtask fuzz kernel`.

use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use llamar_common::abi::{Control, Limit, Outcome, program};
use llamar_common::testing::{FOREVER, SEEDS_FIXED};

use crate::dice::Dice;
use crate::generate::Generator;
use crate::kernel::Kernel;
use crate::pair::{ANSWER, Pair, Tally};
use crate::place::{Interfaces, apart, join, object, root};
use crate::scene::Scene;

/// For how many seconds; without it, a fixed number of scenes.
const SECONDS: &str = "LLAMAR_FUZZ_SECONDS";
/// The seed of a former run.
const SEED: &str = "LLAMAR_FUZZ_SEED";
/// Scenes in a run that nobody asked to be longer, the seed of it, and the frames of each.
const BRIEF: u64 = 12;
const BRIEF_SEED: u64 = 0x11a_3a2;
const FRAMES: usize = 16_384;
/// The same where time counts: a program takes some to be loaded.
const FRAMES_LONG: usize = 262_144;
/// Frames after which the counters are compared.
const BATCH: usize = 8_192;

/// How long it is to be.
#[derive(Clone, Copy)]
struct Extent {
    seed: u64,
    scenes: u64,
    frames: usize,
    end: Option<Instant>,
}

impl Extent {
    fn of(seconds: Option<u64>, seed: Option<u64>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let any = now.map_or(0, |now| now.as_nanos() as u64);
        match seconds {
            None => Self {
                seed: seed.unwrap_or(BRIEF_SEED),
                scenes: BRIEF,
                frames: FRAMES,
                end: None,
            },
            Some(seconds) => Self {
                seed: seed.unwrap_or(any),
                scenes: u64::MAX,
                frames: FRAMES_LONG,
                end: Some(Instant::now() + Duration::from_secs(seconds)),
            },
        }
    }
}

#[test]
fn kernel_and_host_make_the_same_of_frames_in_whatever_scene() {
    let (Some(object), true) = (object(), root()) else {
        return;
    };
    let number = |name| Some(env::var(name).ok()?.parse().expect("a number"));
    let (extent, start) = (Extent::of(number(SECONDS), number(SEED)), Instant::now());
    let threads = [program::XDP, program::XDP_FRAGS].map(|program| {
        apart(move |interfaces| {
            let seed = extent
                .seed
                .wrapping_add(u64::from(program == program::XDP_FRAGS));
            scenes(object, program, interfaces, Extent { seed, ..extent })
        })
    });
    let (mut total, mut drawn) = (Tally::default(), 0);
    for thread in threads {
        let Some((tally, scenes)) = join(thread) else {
            return;
        };
        total.add(&tally);
        drawn += scenes;
    }
    let (seed, time) = (extent.seed, start.elapsed());
    let speed = total.frames as f64 / time.as_secs_f64();
    println!("{total}; {drawn} scenes of seed {seed}, {time:.1?}, {speed:.0} frames a second");
    // What follows may be too much for a run of a few seconds, of whatever seed.
    if total.frames < 2 * BRIEF * FRAMES as u64 {
        return;
    }
    assert!(total.answered * 10 >= total.frames * 2, "{total}");
    for outcome in [
        Outcome::LlmnrAnswered,
        Outcome::LlmnrForeign,
        Outcome::LlmnrTooMany,
        Outcome::LlmnrNotUnique,
        Outcome::LlmnrLimited,
        Outcome::ArpAnswered,
        Outcome::NoHeartbeat,
    ] {
        assert!(total.of(outcome) > 0, "no {}: {total}", outcome.as_str());
    }
}

/// Scenes until there were enough, or it is late.
fn scenes(
    object: &[u8],
    program: &'static str,
    interfaces: Interfaces,
    extent: Extent,
) -> (Tally, u64) {
    let (mut dice, mut total) = (Dice::new(extent.seed), Tally::default());
    let late = || extent.end.is_some_and(|end| Instant::now() >= end);
    for number in 0..extent.scenes {
        let scene = Scene::drawn(interfaces, &mut dice);
        let mut pair = Pair::new(Kernel::load(object, program), scene.tables.clone());
        pair.control(control(&mut dice));
        if dice.percent(30) {
            let tolerance = dice.below(8) as u64 * ANSWER;
            pair.limit(Limit {
                interval: ANSWER,
                tolerance,
            });
        }
        let mut generator = Generator::new(&scene, dice.any());
        for _ in 0..extent.frames / BATCH {
            let tally = pair.frames(&generator.frames(BATCH), 0);
            total.add(&tally.unwrap_or_else(|difference| {
                let seed = extent.seed;
                panic!("{program}, seed {seed}, scene {number}: {difference}")
            }));
            if late() {
                return (total, number + 1);
            }
        }
        assert!(pair.senders().is_ok(), "{program}: other senders");
        assert!(pair.buckets().is_ok(), "{program}: other buckets");
    }
    (total, extent.scenes)
}

/// Mostly an agent that lives.
fn control(dice: &mut Dice) -> Control {
    let forgetful = dice.percent(10);
    Control {
        until: if dice.percent(15) { 0 } else { FOREVER },
        sender_lease: if forgetful { 0 } else { FOREVER },
        seeds: SEEDS_FIXED,
        ..Control::default()
    }
}
