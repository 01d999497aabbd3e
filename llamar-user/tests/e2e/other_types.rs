//! Questions that the kernel path leaves to the agent by their type: PTR, ANY and those that no name has an answer to.

use std::net::IpAddr;

use llamar_common::testing::{A, AAAA, FrameBuilder, wire_name};

use crate::support::agent::{Agent, config_file};
use crate::support::message::Value;
use crate::support::scene::{
    ASKERS, HOST_LOCAL_V6, HOST_MAC, HOST_V4, PEER_V4, Path, Scene, asker, own_address_for,
    own_addresses,
};
use crate::support::wire::Wire;

const PTR: u16 = 12;
const TXT: u16 = 16;
const ANY: u16 = 255;

const CONFIG: &str = r#"
names = ["casa", "media.example"]

[hosts]
nas = ["10.7.0.9", "fd07::9"]
"#;

/// The name of an address, as RFC 1035 3.5 and RFC 3596 2.5 make it.
fn arpa(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets();
            let digits = octets.iter().rev();
            let digits = digits.flat_map(|octet| [octet & 15, octet >> 4]);
            digits
                .map(|digit| format!("{digit:x}."))
                .collect::<String>()
                + "ip6.arpa"
        }
    }
}

fn agent_on(scene: &Scene) -> Agent<'_> {
    let config = config_file(CONFIG);
    Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]))
}

/// Addresses are found by their names, from every address of the asker.
fn addresses_have_names_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let _agent = agent_on(&scene);
    let wire = scene.wire();
    let both = &["casa", "media.example"][..];
    for from in ASKERS {
        for (address, names) in [
            (HOST_V4.into(), both),
            (HOST_LOCAL_V6.into(), both),
            (IpAddr::from([10, 7, 0, 9]), &["nas"]),
            ("fd07::9".parse().unwrap(), &["nas"]),
        ] {
            for name in [arpa(address), arpa(address).to_uppercase()] {
                assert_ptr(&wire, from, &name, names);
            }
        }
    }
    let nobodys = FrameBuilder::llmnr(asker(PEER_V4)).question("10.0.7.10.in-addr.arpa", PTR);
    let casa = FrameBuilder::llmnr(asker(PEER_V4))
        .id(7)
        .question("casa", A);
    wire.assert_unanswered(&nobodys, &casa);
}

#[track_caller]
fn assert_ptr(wire: &Wire, from: IpAddr, name: &str, names: &[&str]) {
    let query = FrameBuilder::llmnr(asker(from)).question(name, PTR);
    let reply = wire.ask(&query);
    reply.assert_headers(&query, HOST_MAC, own_address_for(from));
    let message = reply.message;
    assert_eq!(message.flags, 0x8000, "{message:?}");
    assert_eq!(message.questions, [(wire_name(name), PTR, 1)]);
    let mut told: Vec<_> = message.answers.iter().map(|record| &record.value).collect();
    told.sort_by_key(|value| format!("{value:?}").len());
    let expected: Vec<_> = names
        .iter()
        .map(|name| Value::Other(wire_name(name)))
        .collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
    for record in &message.answers {
        assert_eq!((record.kind, record.class, record.ttl), (PTR, 1, 30));
        assert_eq!(record.owner, wire_name(name));
    }
    assert_eq!((message.authority.len(), message.additional.len()), (0, 0));
}

// RFC 4795 2.3 c: R30, R61
#[test]
fn addresses_have_names_beside_the_kernel_path() {
    addresses_have_names_on(Path::GenericVeth);
}

// RFC 4795 2.3 c: R30, R61
#[test]
fn addresses_have_names_from_userspace() {
    addresses_have_names_on(Path::Userspace);
}

// RFC 4795 2.6 d, e, 4.1: R37, R38, R40
#[test]
fn type_any_gets_the_addresses_of_both_families_those_of_the_askers_scope_first() {
    let scene = or_skip!(Scene::new(Path::NativeVeth));
    let _agent = agent_on(&scene);
    let wire = scene.wire();
    for from in ASKERS {
        let query = FrameBuilder::llmnr(asker(from)).question("casa", ANY);
        let message = wire.ask(&query).message;
        let ([a, far_a], [aaaa, far_aaaa]) = (own_addresses(A, from), own_addresses(AAAA, from));
        assert_eq!(message.addresses(), [a, aaaa, far_a, far_aaaa]);
        assert_eq!((message.flags, message.authority.len()), (0x8000, 0));
    }
}

// RFC 4795 2.3 f, 2.9: R33, R34
#[test]
fn type_that_nobody_has_gets_an_empty_answer_with_an_soa_record() {
    let scene = or_skip!(Scene::new(Path::NativeVeth));
    let _agent = agent_on(&scene);
    let wire = scene.wire();
    for (name, kind) in [("casa", TXT), ("casa", PTR), ("nas", 0xfffe)] {
        let query = FrameBuilder::llmnr(asker(PEER_V4)).question(name, kind);
        wire.ask(&query).message.assert_answers(name, kind, 30, &[]);
    }
    let name = arpa(HOST_V4.into());
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question(&name, A);
    wire.ask(&query).message.assert_answers(&name, A, 30, &[]);
}
