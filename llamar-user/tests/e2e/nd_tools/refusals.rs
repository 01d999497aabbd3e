//! What `llamar nd` does not do: exit code 2, and why.

use crate::support::scene::{Path, Scene};

use super::nd;

/// Asserts that commands are refused, each with a reason.
#[track_caller]
fn assert_refused(scene: &Scene, table: &[(&str, &str)]) {
    for (line, reason) in table {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let (code, output, errors) = nd(&scene.host, &arguments);
        assert_eq!((code, output.as_str()), (2, ""), "{line}: {errors}");
        assert!(errors.contains(reason), "{line}: {errors}");
    }
}

#[test]
fn addresses_that_no_other_host_can_have_are_refused() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    assert_refused(
        &scene,
        &[
            ("detect 10.7.0.2", "an IPv4 address: llamar arp detect"),
            ("announce 10.7.0.2", "an IPv4 address: llamar arp announce"),
            ("dad 10.7.0.2", "an IPv4 address: llamar arp claim"),
            ("detect casa", "no IPv6 address"),
            ("detect fe80::2%", "no interface behind the %"),
            ("detect ff02::1", "ff02::1 is a multicast address"),
            ("announce ff02::1", "ff02::1 is a multicast address"),
            ("dad ff02::1", "ff02::1 is a multicast address"),
            ("detect ::", ":: is nobody's address"),
            ("dad ::1", "::1 is the loopback address"),
            ("detect ::ffff:10.7.0.2", "stands for an IPv4 address"),
            ("detect fd07::1", "fd07::1 is our own address"),
            ("dad fd07::1", "fd07::1 is our own address"),
            ("dad fd07::", "anycast"),
            ("detect fd07::2 -s fd07::7", "fd07::7 is no address of eth0"),
            (
                "detect fd07::2 --unicast ff:ff:ff:ff:ff:ff",
                "ff:ff:ff:ff:ff:ff is a group of stations",
            ),
            (
                "announce fd07::9 --mac 33:33:00:00:00:01",
                "33:33:00:00:00:01 is a group of stations",
            ),
            (
                "announce fd07::9 --mac 00:00:00:00:00:00",
                "no station's hardware address",
            ),
            ("announce --to ff02::2", "ff02::2 is a multicast address"),
        ],
    );
    // Whoever insists is obeyed; nobody answers for our own address but the kernel, which does not hear us.
    let own = ["detect", "--force", "-c1", "-w0.01", "fd07::1"];
    assert_eq!(nd(&scene.host, &own).0, 1);
    let group = ["announce", "--force", "-c1", "--mac", "33:33:00:00:00:01"];
    assert_eq!(nd(&scene.host, &group).0, 0);
}

#[test]
fn wrong_arguments_are_refused() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    assert_refused(
        &scene,
        &[
            ("detect", "<TARGET>..."),
            ("detect fd07::2 -w 0", "not from 0.001 to 86400 seconds"),
            ("detect fd07::2 -w=-1", "not from 0.001 to 86400 seconds"),
            ("detect fd07::2 -c 0", "0 is not in 1.."),
            ("detect fd07::2 -V 0", "0 is not in 1..=4094"),
            ("detect fd07::2 -V 4095", "4095 is not in 1..=4094"),
            ("detect fd07::2 --unicast 02:00", "no hardware address"),
            ("detect fd07::2 --probe -s fd07::1", "cannot be used with"),
            ("detect fd07::2 -1m", "cannot be used with"),
            ("announce --unicast 02:00:00:00:00:02", "--to"),
            ("dad fd07::9 --for 1", "--keep"),
            ("dad fd07::9 fd07::a", "unexpected argument"),
        ],
    );
}

#[test]
fn interfaces_that_cannot_speak_are_named_with_the_reason() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.ip("link add down0 type veth peer name down1");
    assert_refused(
        &scene,
        &[
            (
                "detect fd07::2 -I eth7",
                "eth7: no such interface; there are",
            ),
            ("detect fd07::2 -I lo", "lo: not an Ethernet interface"),
            ("detect fe80::2%down0", "down0: down, or without a carrier"),
            (
                "detect fe80::2%eth0 -I down0",
                "fe80::2 is on eth0, not on down0",
            ),
            (
                "detect fe80::2%eth0 fe80::3%down0",
                "fe80::3 is on down0, not on eth0",
            ),
        ],
    );
    scene.host.ip("link set eth0 multicast off");
    assert_refused(
        &scene,
        &[("dad fd07::9 -i eth0", "eth0: cannot carry multicast")],
    );
    scene.host.ip("link set eth0 multicast on");
    scene.host.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    assert_refused(
        &scene,
        &[
            (
                "detect fd07::2 -i eth0",
                "eth0: no IPv6 address to speak from",
            ),
            (
                "announce --interface eth0",
                "eth0: no IPv6 address to speak from",
            ),
            ("detect fd07::2", "which interface? there is none"),
        ],
    );
}

#[test]
fn without_an_interface_the_one_of_the_prefix_is_taken_if_there_is_one() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.veth(("eth1", 0x21), &scene.peer, ("eth1", 0x22));
    scene.host.ip("address add fd08::1/64 dev eth1");
    scene.peer.ip("address add fd08::2/64 dev eth1");
    for (target, interface) in [("fd07::2", "eth0"), ("fd08::2", "eth1")] {
        let (code, _, errors) = nd(&scene.host, &["detect", "-1", target]);
        assert_eq!(code, 0, "{errors}");
        assert!(errors.contains(&format!("on {interface} ")), "{errors}");
    }
    assert_refused(
        &scene,
        &[
            (
                "detect fe80::2",
                "which interface? eth0, eth1: name one with --iface",
            ),
            ("detect fd07::2 fd08::2", "which interface? eth0, eth1"),
            ("announce", "which interface? eth0, eth1"),
        ],
    );
}
