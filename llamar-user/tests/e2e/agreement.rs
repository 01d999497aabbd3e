//! The kernel path is an optimisation: whatever it answers, the userspace responder answers with the same message.

use llamar_common::testing::{A, AAAA, FrameBuilder, LLMNR_PORT, Query};

use crate::support::agent::{Agent, config_file};
use crate::support::reply::Reply;
use crate::support::scene::{ASKERS, Path, Scene, asker};
use crate::support::wire::Wire;

/// Names of every kind: own, held for others, of one family only, at and above what an entry holds, not ASCII.
const CONFIG: &str = r#"
ttl = 120
names = ["casa", "media"]

[hosts]
four = "192.168.1.4"
six = "2001:db8::6"
both = ["192.168.1.5", "2001:db8::5"]
casa = ["192.168.1.77"]
many = ["192.168.1.1", "192.168.1.2", "192.168.1.3", "192.168.1.4",
        "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]
five = ["192.168.1.1", "192.168.1.2", "192.168.1.3", "192.168.1.4", "192.168.1.5", "2001:db8::1"]
"b\u00fccher" = "192.168.1.8"
x = "192.168.1.10"
label-of-sixty-three-bytes-which-is-the-longest-one-of-them-all = "192.168.1.63"

[interface.eth0.hosts]
near = ["169.254.9.9", "192.168.1.6", "fe80::9", "2001:db8::6"]
"#;

const NAMES: [&str; 15] = [
    "casa",
    "CASA",
    "cAsA",
    "media",
    "four",
    "six",
    "both",
    "near",
    "many",
    "five",
    "b\u{fc}cher",
    "B\u{fc}CHER",
    "x",
    "label-of-sixty-three-bytes-which-is-the-longest-one-of-them-all",
    "LABEL-of-sixty-three-bytes-which-is-the-longest-one-of-them-ALL",
];

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for from in ASKERS {
        for name in NAMES {
            for kind in [A, AAAA] {
                let number = queries.len() as u16;
                let query = FrameBuilder::llmnr(asker(from)).question(name, kind);
                queries.push(query.id(0x4000 + number).port(30_000 + number));
            }
        }
    }
    queries
}

fn ask_all(wire: &Wire, queries: &[Query]) -> Vec<Reply> {
    queries.iter().map(|query| wire.ask(query)).collect()
}

/// Asks the same by the kernel path and by userspace alone.
fn both_worlds_agree_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(CONFIG);
    let (wire, queries) = (scene.wire(), queries());
    let (in_kernel, counted) = {
        let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
        agent.counted(|| ask_all(&wire, &queries))
    };
    // All but those for `five`'s IPv4 addresses.
    let passed = ASKERS.len() as u64;
    assert_eq!(counted.of("llmnr-too-many"), passed);
    assert_eq!(
        counted.of("llmnr-answered") + counted.of("llmnr-empty"),
        queries.len() as u64 - passed
    );
    let agent = Agent::start(
        &scene.host,
        &[
            "--iface",
            scene.interface(),
            "--xdp",
            "off",
            "--config",
            &config.path,
        ],
    );
    let from_userspace = ask_all(&wire, &queries);
    // What comes from LLMNR's own port is not answered on the spot.
    let from_engine: Vec<_> = queries
        .into_iter()
        .map(|query| query.port(LLMNR_PORT))
        .collect();
    let from_engine = ask_all(&wire, &from_engine);
    drop(agent);
    for (userspace, engine) in from_userspace.iter().zip(&from_engine) {
        assert_eq!(userspace.bytes, engine.bytes);
        assert_eq!(userspace.source, engine.source);
    }
    for (kernel, userspace) in in_kernel.iter().zip(&from_userspace) {
        assert_eq!(kernel.message, userspace.message);
        assert_eq!(kernel.bytes, userspace.bytes);
        let around = |reply: &Reply| {
            (
                reply.source_mac,
                reply.destination_mac,
                reply.source,
                reply.destination,
                reply.ttl,
            )
        };
        assert_eq!(around(kernel), around(userspace), "{:?}", kernel.message);
    }
}

#[test]
fn kernel_and_userspace_answer_with_the_same_message_on_a_native_veth() {
    both_worlds_agree_on(Path::NativeVeth);
}

#[test]
fn kernel_and_userspace_answer_with_the_same_message_on_a_generic_veth() {
    both_worlds_agree_on(Path::GenericVeth);
}
