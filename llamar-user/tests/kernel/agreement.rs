//! Millions of generated frames, in each state of the control map.

use std::time::Instant;

use llamar_common::abi::{Control, INDEX_SEEDS, INDEX_TTLS, Limit, Outcome, program};
use llamar_common::testing::{FOREVER, SEEDS_FIXED};

use crate::generate::Generator;
use crate::kernel::{HEADROOM, Kernel};
use crate::pair::{ANSWER, Pair, Tally};
use crate::place::{Interfaces, apart, join, object, root};
use crate::scene::Scene;

/// Frames after which the counters are compared.
const BATCH: usize = 8_192;
/// An agent that lives for ever, and senders that are remembered for ever.
const ALIVE: Control = Control {
    until: FOREVER,
    lease: FOREVER,
    beat_ns: 0,
    sender_lease: FOREVER,
    seeds: SEEDS_FIXED,
    // The scene's own.
    index_slots: 0,
    index_seeds: [0; INDEX_SEEDS],
    index_ttls: [[0; 4]; INDEX_TTLS],
};
/// Senders that are forgotten at once.
const FORGETFUL: Control = Control {
    sender_lease: 0,
    ..ALIVE
};
/// An agent that died.
const DEAD: Control = Control { until: 0, ..ALIVE };

/// Four answers for each source, and no more while the test runs.
const FOUR: Limit = Limit {
    interval: ANSWER,
    tolerance: 3 * ANSWER,
};

/// What is set while some batches of frames run.
struct Stretch {
    control: Control,
    limit: Limit,
    metadata: usize,
    batches: usize,
}

const STRETCHES: [Stretch; 5] = [
    Stretch {
        control: ALIVE,
        limit: Limit::OFF,
        metadata: 0,
        batches: 115,
    },
    Stretch {
        control: FORGETFUL,
        limit: Limit::OFF,
        metadata: 0,
        batches: 4,
    },
    Stretch {
        control: DEAD,
        limit: Limit::OFF,
        metadata: 0,
        batches: 3,
    },
    Stretch {
        control: ALIVE,
        limit: Limit::OFF,
        metadata: HEADROOM,
        batches: 3,
    },
    Stretch {
        control: ALIVE,
        limit: FOUR,
        metadata: 0,
        batches: 3,
    },
];

#[test]
fn kernel_and_host_make_the_same_of_millions_of_frames() {
    let (Some(object), true) = (object(), root()) else {
        return;
    };
    let start = Instant::now();
    // The second program is the same one for frames in several buffers.
    let threads = [
        (program::XDP, 0x5eed_0001),
        (program::XDP_FRAGS, 0x5eed_0002),
    ]
    .map(|(program, seed)| apart(move |interfaces| half(object, program, interfaces, seed)));
    let (mut total, mut full_room) = (Tally::default(), false);
    for thread in threads {
        let Some((tally, room)) = join(thread) else {
            return;
        };
        total.add(&tally);
        full_room = room;
    }
    println!("{total}; {:.1?}", start.elapsed());
    assert!(total.frames >= 2_000_000, "{total}");
    assert!(total.answered * 10 >= total.frames * 3, "{total}");
    let reachable = |outcome: &Outcome| *outcome != Outcome::NoRoom || full_room;
    for outcome in Outcome::ALL.into_iter().filter(reachable) {
        assert!(total.of(outcome) > 0, "no {}: {total}", outcome.as_str());
    }
}

/// Half of the frames: what became of them, and whether some ran without room in front of them.
fn half(object: &[u8], program: &'static str, interfaces: Interfaces, seed: u64) -> (Tally, bool) {
    let scene = Scene::new(interfaces);
    let mut pair = Pair::new(Kernel::load(object, program), scene.tables.clone());
    let full_room = pair.kernel.takes_metadata();
    if !full_room {
        println!("{program}: a test-run of this kernel always leaves room in front of a frame");
    }
    let mut generator = Generator::new(&scene, seed);
    let mut total = Tally::default();
    for stretch in STRETCHES
        .into_iter()
        .filter(|stretch| stretch.metadata == 0 || full_room)
    {
        pair.control(stretch.control);
        pair.limit(stretch.limit);
        for batch in 0..stretch.batches {
            let frames = generator.frames(BATCH);
            let tally = pair.frames(&frames, stretch.metadata);
            total.add(&tally.unwrap_or_else(|difference| {
                panic!("{program}, seed {seed:#x}, batch {batch}: {difference}")
            }));
        }
    }
    assert!(pair.senders().is_ok(), "{program}: other senders");
    assert!(pair.buckets().is_ok(), "{program}: other buckets");
    (total, full_room)
}
