//! ndsend as vzctl's (A16 of the seeds), without its crash.

use crate::support::nd::{NA, Nd};
use crate::support::peers::Peer;
use crate::support::scene::{Path, Scene};
use crate::support::tshark::dissect;
use crate::support::wait_until;

use super::run_as;

/// What it sends for fd07::9 from the host: to ff02::1 from the link-local address, hop limit 255, O but neither R nor S,
/// with the hardware address.
const FRAME: [u8; 86] = *b"\x33\x33\0\0\0\x01\x02\0\0\0\0\x01\x86\xdd\
    \x60\0\0\0\0\x20\x3a\xff\
    \xfe\x80\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\x01\
    \xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
    \x88\0\x5a\x0c\x20\0\0\0\
    \xfd\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\
    \x02\x01\x02\0\0\0\0\x01";

#[test]
fn ndsend_sends_one_advertisement_and_says_nothing() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let wire = scene.wire();
    let (code, output, errors) = run_as("ndsend", &scene.host, &["fd07::9", "eth0"]);
    assert_eq!((code, output.as_str(), errors.as_str()), (0, "", ""));
    let sent = |frame: &[u8]| Nd::decode(frame).filter(|nd| nd.kind == NA);
    assert_eq!(wire.next(sent).expect("an advertisement").frame, FRAME);
    // The next one is the next command's.
    run_as("ndsend", &scene.host, &["fd07::a", "eth0"]);
    let next = wire.next(sent).expect("another advertisement");
    assert_eq!(next.target.to_string(), "fd07::a");
    let tshark = or_skip!(Peer::find("tshark"));
    let dissections = dissect(&tshark, &[FRAME.to_vec(), next.frame]);
    assert_eq!(
        dissections[0].summary,
        "Neighbor Advertisement fd07::9 (ovr) is at 02:00:00:00:00:01"
    );
}

#[test]
fn neighbours_that_know_another_hardware_address_take_the_new_one() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene
        .peer
        .ip("neighbour add fd07::9 lladdr 02:00:00:00:00:99 dev eth0 nud stale");
    let (code, ..) = run_as("ndsend", &scene.host, &["fd07::9", "eth0"]);
    assert_eq!(code, 0);
    wait_until("fd07::9 at the host", || {
        let known = scene.peer.ip("neighbour show fd07::9 dev eth0");
        known.contains("02:00:00:00:00:01")
    });
}

#[test]
fn wrong_usage_is_exit_code_1_and_a_failure_exit_code_2() {
    let scene = or_skip!(Scene::bare(Path::Userspace));
    let usage = "Usage: ndsend <ipv6_address> <interface_name>\n";
    for arguments in [&[][..], &["fd07::9"], &["fd07::9", "eth0", "more"]] {
        let said = run_as("ndsend", &scene.host, arguments);
        assert_eq!(said, (1, String::new(), usage.into()), "{arguments:?}");
    }
    let said = run_as("ndsend", &scene.host, &["--help"]);
    assert_eq!(said, (0, usage.into(), String::new()));
    scene.host.ip("link add down0 type veth peer name down1");
    for (arguments, expected, reason) in [
        (["casa", "eth0"], 1, "casa is no IPv6 address"),
        (["10.7.0.1", "eth0"], 1, "arpsend -U -i 10.7.0.1"),
        (["ff02::1", "eth0"], 1, "multicast"),
        (["::", "eth0"], 1, "nobody's address"),
        (
            ["fd07::9", "eth7"],
            2,
            "Unknown network interface eth7: No such device\n",
        ),
        (["fd07::9", "lo"], 2, "lo: not an Ethernet interface"),
        (["fd07::9", "down0"], 2, "down0: down"),
    ] {
        let (code, output, errors) = run_as("ndsend", &scene.host, &arguments);
        assert_eq!((code, output.as_str()), (expected, ""), "{arguments:?}");
        assert!(errors.contains(reason), "{arguments:?}: {errors}");
    }
    scene.host.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    let (code, _, errors) = run_as("ndsend", &scene.host, &["fd07::9", "eth0"]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("eth0: no IPv6 address to speak from"),
        "{errors}"
    );
}
