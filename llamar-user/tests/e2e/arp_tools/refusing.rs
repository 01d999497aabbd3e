//! What `llamar arp` refuses: exit code 2, and a text that says what to do.

use crate::support::agent::{LLAMAR, finish};
use crate::support::net::Net;
use crate::support::scene::{HOST_V4, Path, Scene};

use super::{Arpsend, add_unfit, arp, arp_frames, said};

/// Asserts that a command ends with 2, prints nothing, and says all of these words.
#[track_caller]
fn assert_refused(scene: &Scene, line: &str, words: &[&str]) {
    let (code, out, errors) = arp(&scene.host, line);
    assert_eq!((code, &*out), (2, ""), "{line}: {errors}");
    for word in words {
        assert!(errors.contains(word), "{line} says {word:?}: {errors}");
    }
}

#[test]
fn what_is_no_ipv4_address_is_refused_with_what_to_do() {
    let scene = or_skip!(Scene::quiet());
    for (line, words) in [
        (
            "detect fe80::1",
            "fe80::1 is an IPv6 address: llamar nd detect",
        ),
        (
            "request fe80::1%eth0",
            "fe80::1 is an IPv6 address: llamar nd detect",
        ),
        (
            "announce 2001:db8::1",
            "2001:db8::1 is an IPv6 address: llamar nd announce",
        ),
        ("claim ::1", "::1 is an IPv6 address: llamar nd dad"),
        (
            "detect 10.0.0.0/24",
            "a network: llamar arp scan asks for all of 10.0.0.0/24",
        ),
        ("detect 02:00:00:00:00:01", "llamar ether ping"),
        (
            "request casa",
            "no IPv4 address: an address is expected, as 10.0.0.1",
        ),
        ("request 10.0.0.1 -i eth0", "the interface is -I"),
        ("detect", "<TARGET>"),
        ("update", "<ADDRESS>"),
        ("claim", "<ADDRESS>"),
        ("detect 10.0.0.1 -w 0", "not from 0.001 to 86400 seconds"),
        (
            "request 10.0.0.1 --deadline 0",
            "not from 0.001 to 86400 seconds",
        ),
        ("claim 10.0.0.1 --for 0", "not from 0.001 to 86400 seconds"),
        ("detect 10.0.0.1 -c 0", "'0'"),
        ("detect 10.0.0.1 -V 4095", "4095"),
        ("detect 10.0.0.1 --priority 3", "--vlan"),
        (
            "detect 10.0.0.1 -s 02:00",
            "no hardware address, as 02:00:00:00:00:01",
        ),
        ("reply -e 10.0.0.1", "--trg-hw"),
        ("announce --as shout", "shout"),
    ] {
        assert_refused(&scene, line, &[words]);
    }
}

#[test]
fn what_would_hurt_a_network_needs_force() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let wire = scene.wire();
    for (line, words) in [
        ("detect 224.0.0.251", "224.0.0.251 is a multicast address"),
        ("detect 255.255.255.255", "is the broadcast address"),
        (
            "detect 10.7.0.255",
            "10.7.0.255 is the broadcast address of 10.7.0.0/24",
        ),
        (
            "detect 10.7.0.0",
            "10.7.0.0 is the address of the network 10.7.0.0/24 itself",
        ),
        ("detect 0.0.0.0", "0.0.0.0 is nobody's address"),
        ("detect 127.0.0.1", "127.0.0.1 is a loopback address"),
        ("request 240.0.0.1", "240.0.0.1 is of class E"),
        ("detect 10.7.0.1", "10.7.0.1 is our own address"),
        ("request 10.7.0.1", "10.7.0.1 is our own address"),
        (
            "request 10.7.0.2 -i 224.0.0.1",
            "224.0.0.1 is a multicast address",
        ),
        (
            "detect 10.7.0.2 -s broadcast",
            "ff:ff:ff:ff:ff:ff is a group of stations",
        ),
        (
            "detect 10.7.0.2 -S 01:00:5e:00:00:01",
            "01:00:5e:00:00:01 is a group of stations",
        ),
        (
            "detect 10.7.0.2 -t 00:00:00:00:00:00",
            "is no station's hardware address",
        ),
        ("announce 10.7.0.255", "is the broadcast address"),
        (
            "announce 10.7.0.1 -S 02:00:00:00:00:99",
            "we would be cut off",
        ),
        (
            "request 10.7.0.2 -S 02:00:00:00:00:99",
            "we would be cut off",
        ),
        (
            "detect 10.7.0.9 -i 10.7.0.9",
            "to ask for 10.7.0.9 as 10.7.0.9 tells everybody that it is here",
        ),
        (
            "announce 10.7.0.9 -s 03:00:00:00:00:01",
            "is a group of stations",
        ),
        ("reply 239.0.0.1", "is a multicast address"),
        (
            "reply 169.254.7.1 -t 02:00:00:00:00:02",
            "it has to be broadcast",
        ),
        ("update 255.255.255.255", "is the broadcast address"),
        ("claim 10.7.0.255", "is the broadcast address"),
        ("claim 10.7.0.1", "10.7.0.1 is our own address already"),
        (
            "claim 169.254.0.7",
            "link-local addresses that nobody may take",
        ),
    ] {
        assert_refused(&scene, line, &[words, "--force"]);
    }
    assert_refused(&scene, "claim 10.7.0.9 --link-local", &["169.254.0.0/16"]);
    for line in [
        "claim 169.254.7.9 --on-conflict keep",
        "claim --link-local --on-conflict keep",
    ] {
        assert_refused(&scene, line, &["has to be given up"]);
    }
    assert_eq!(arp_frames(&wire), [[0; 0]; 0], "nothing was sent");
    // With it they are sent.
    for line in [
        "detect 10.7.0.255 --force -c 1 -w 0.01",
        "detect 10.7.0.1 --force -c 1 -w 0.01",
        "announce 224.0.0.1 --force -c 1 -w 0.01",
        "reply 169.254.7.1 -t 02:00:00:00:00:02 --force",
    ] {
        let (code, _, errors) = arp(&scene.host, line);
        assert!([0, 1].contains(&code), "{line}: {errors}");
        assert_eq!(arp_frames(&wire).len(), 1, "{line}");
    }
}

#[test]
fn whoever_cannot_be_told_anything_is_no_reason_to_break_off() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let mut shell = scene.host.command("sh");
    let command = format!("exec {LLAMAR} arp detect 10.7.0.77 -c 1 -w 0.01 2>/dev/full");
    let status = shell.args(["-c", &command]).status().expect("start sh");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn unfit_interfaces_are_told_with_what_to_do() {
    let net = or_skip!(Net::new());
    let scene = or_skip!(Scene::bare_in(&net, Path::Userspace));
    let host = &scene.host;
    add_unfit(host);
    for (line, words) in [
        (
            "detect 10.7.0.2 -I eth9",
            "eth9: no such interface; there are lo, ",
        ),
        (
            "detect 10.7.0.2 -I off",
            "off: down, or without a carrier: set it up first",
        ),
        ("detect 10.7.0.2 -I lo", "lo: not an Ethernet interface"),
        (
            "claim 10.7.0.2 --iface mute",
            "mute: does not use ARP (NOARP): ip link set arp on",
        ),
        (
            "request 10.7.0.2 -I eth0",
            "eth0 has no IPv4 address from which to ask: give one with -i",
        ),
        (
            "announce --interface eth0",
            "eth0 has no IPv4 address: name the one to announce",
        ),
        (
            "reply -I eth0",
            "eth0 has no IPv4 address: name the one to tell of",
        ),
        // eth0 and deaf could both be meant.
        ("detect 10.7.0.2", "name one with --iface"),
    ] {
        assert_refused(&scene, line, &[words]);
    }
    // The network of an address tells the interface.
    host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let (code, _, errors) = arp(host, "detect 10.7.0.2 -c 1 -w 0.01");
    assert!(
        code == 1 && errors.contains("asking for 10.7.0.2 on eth0 "),
        "{errors}"
    );
}

#[test]
fn without_the_right_to_raw_frames_that_is_told() {
    let scene = or_skip!(Scene::quiet());
    scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
    let arpsend = Arpsend::new();
    for (program, arguments, words) in [
        (
            LLAMAR.to_owned(),
            "arp detect 10.7.0.2",
            "needs CAP_NET_RAW",
        ),
        (
            arpsend.path(),
            "-D -e 10.7.0.2 eth0",
            "arpsend: socket : Operation not permitted\n",
        ),
    ] {
        let mut command = scene.host.service("setpriv");
        command.args(["--bounding-set", "-net_raw", "--", &program]);
        command.args(arguments.split_whitespace());
        let (code, out, errors) = said(&finish(command));
        assert_eq!((code, &*out), (2, ""), "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
}
