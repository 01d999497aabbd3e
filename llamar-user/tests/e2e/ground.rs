//! What the other tests stand on, tried out against the kernel alone.

use llamar_common::testing::{A, FrameBuilder};

use crate::support::message::Message;
use crate::support::peers::Peer;
use crate::support::scene::{
    HOST_LOCAL_V6, HOST_MAC, HOST_V4, PEER_MAC, PEER_V4, PEER_V6, Path, Scene, asker,
};
use crate::support::sys::PassAll;
use crate::support::tshark::dissect;
use crate::support::wire::Wire;

#[test]
fn arp_request_on_the_wire_is_answered_by_the_stack_of_the_other_namespace() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let reply = scene
        .wire()
        .ask_arp(&FrameBuilder::arp_request(asker(PEER_V4), HOST_V4));
    assert_eq!(
        (reply.sender, reply.target),
        ((HOST_MAC, HOST_V4), (PEER_MAC, PEER_V4))
    );
    assert!(
        scene
            .host
            .ip("address show dev eth0")
            .contains(&HOST_LOCAL_V6.to_string())
    );
}

#[test]
fn frames_pass_a_native_program_that_passes_everything_and_keep_their_vlan_tag() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let _stub = scene
        .peer
        .inside(|| PassAll::attach("eth0", "pass_all", true))
        .unwrap();
    let (ours, theirs) = (scene.wire(), Wire::open(&scene.host, "eth0"));
    for id in [None, Some(100)] {
        let query = FrameBuilder::llmnr(asker(PEER_V6)).question("casa", A);
        let frame = match id {
            Some(id) => query.vlan(id).build(),
            None => query.build(),
        };
        ours.send(&frame);
        assert_eq!(
            theirs.next(|seen| (seen == frame).then_some(())),
            Some(()),
            "{id:?}"
        );
    }
}

#[test]
fn built_queries_are_what_tshark_holds_for_llmnr() {
    let tshark = or_skip!(Peer::find("tshark"));
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    let frames = [
        query.build(),
        query.clone().id(2).vlan(5).build(),
        FrameBuilder::llmnr(asker(PEER_V6))
            .id(3)
            .question("casa", A)
            .build(),
        FrameBuilder::arp_request(asker(PEER_V4), HOST_V4),
    ];
    let seen: Vec<_> = dissect(&tshark, &frames)
        .into_iter()
        .map(|seen| (seen.protocol, seen.summary))
        .collect();
    let question = |id| {
        (
            String::from("LLMNR"),
            format!("Standard query 0x{id:04x} A casa"),
        )
    };
    let arp = (
        String::from("ARP"),
        format!("Who has {HOST_V4}? Tell {PEER_V4}"),
    );
    assert_eq!(seen, [question(0x1234), question(2), question(3), arp]);
    assert_eq!(Message::parse(&query.message()).unwrap().questions.len(), 1);
}

#[test]
fn wrong_checksum_does_not_get_past_tshark() {
    let tshark = or_skip!(Peer::find("tshark"));
    let query = FrameBuilder::llmnr(asker(PEER_V4)).question("casa", A);
    let judged =
        std::panic::catch_unwind(|| dissect(&tshark, &[query.with_wrong_checksum().build()]));
    assert!(judged.is_err());
}
