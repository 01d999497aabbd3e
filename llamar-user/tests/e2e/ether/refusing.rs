//! What `llamar ether` does not do, and what it says then.

use super::ether;
use crate::support::scene::Scene;

#[test]
fn wrong_arguments_are_refused_with_what_was_expected() {
    let scene = or_skip!(Scene::quiet());
    for (line, words) in [
        ("send", "<DESTINATION>"),
        (
            "send 02:00:00:00:00",
            "no hardware address, as 02:00:00:00:00:01, nor the word broadcast",
        ),
        ("send 02:00-00:00:00:01", "no hardware address"),
        ("send 10.0.0.1", "no hardware address"),
        (
            "send broadcast -t 0800",
            "\"0800\" is no EtherType: expected a number, as 0x88b5 or 34997",
        ),
        ("send broadcast -t 0x10000", "is no EtherType"),
        (
            "send broadcast -x 486",
            "\"486\" is an odd number of hexadecimal digits: a byte has two",
        ),
        (
            "send broadcast -x 48:6g",
            "'g' at character 5 is no hexadecimal digit",
        ),
        (
            "send broadcast --text \\q",
            "\\q means nothing: there are \\n",
        ),
        ("send broadcast --text a --hex 00", "cannot be used with"),
        ("send broadcast -w 0", "not from 0.001 to 86400 seconds"),
        ("send broadcast -c 0", "0 is not in 1.."),
        ("send broadcast -V 4095", "4095 is not in 1..=4094"),
        ("send broadcast --priority 8", "8 is not in 0..=7"),
        (
            "send --whole",
            "--whole: the frame is missing: give it by --text, --hex, --file or --hex-file",
        ),
        (
            "send --whole -x 0011",
            "a frame of 2 bytes is too short: an Ethernet header alone has 14",
        ),
        (
            "send broadcast --file /nonexistent",
            "read /nonexistent: No such file or directory",
        ),
        (
            "send broadcast --file /dev/zero",
            "/dev/zero: longer than any frame",
        ),
        (
            "send broadcast --hex-file /dev/zero",
            "/dev/zero: longer than any frame",
        ),
        ("ping broadcast --size 21", "21 is not in 22.."),
        (
            "ping broadcast --size 1501",
            "1501 bytes do not fit on eth0: its MTU is 1500",
        ),
        (
            "ping 02:00:00:00:00:01",
            "02:00:00:00:00:01 is our own address on eth0: a frame to it does not leave this host",
        ),
        (
            "ping 00:00:00:00:00:00",
            "00:00:00:00:00:00 is nobody's address: nobody can reply",
        ),
        ("ping broadcast -w 0", "not from 0.001 to 86400 seconds"),
        ("listen -d nobody", "no hardware address"),
        ("listen --direction up", "[possible values: in, out, both]"),
        ("listen -c 0", "0 is not in 1.."),
        ("listen --timeout nan", "not from 0.001 to 86400 seconds"),
        ("respond --timeout=-1", "not from 0.001 to 86400 seconds"),
        ("respond now", "unexpected argument 'now'"),
    ] {
        let (code, out, err) = ether(&scene.host, line);
        assert_eq!((code, &out[..]), (2, ""), "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
    }
}

#[test]
fn what_would_hurt_a_network_is_refused_unless_it_is_forced() {
    let scene = or_skip!(Scene::quiet());
    for (line, words) in [
        (
            "broadcast -s 01:00:5e:00:00:01",
            "01:00:5e:00:00:01 is a group of stations",
        ),
        (
            "broadcast -s broadcast",
            "ff:ff:ff:ff:ff:ff is a group of stations",
        ),
        (
            "broadcast -s 00:00:00:00:00:00",
            "00:00:00:00:00:00 is no station's hardware address",
        ),
        (
            "01:80:c2:00:00:01 -t 0x8808 -x 0001ffff",
            "MAC control (0x8808) stops the sending",
        ),
        (
            "01:80:c2:00:00:00 -t 3 -x 424203",
            "is where switches agree on their paths",
        ),
        (
            "broadcast -t 0x0100",
            "0x0100 is no EtherType but the length of an 802.3 frame",
        ),
        (
            "--whole -x ffffffffffff-ffffffffffff-88b5",
            "is a group of stations",
        ),
    ] {
        let (code, out, err) = ether(&scene.host, &format!("send -I eth0 {line}"));
        assert_eq!((code, &out[..]), (2, ""), "{line}: {err}");
        assert!(err.contains(words), "{line}: {err}");
        assert!(err.ends_with("; --force does it nevertheless\n"), "{err}");
        let (code, _, err) = ether(&scene.host, &format!("send -I eth0 {line} --force"));
        assert_eq!(code, 0, "{line}: {err}");
    }
}

#[test]
fn an_interface_that_cannot_be_used_is_named_with_the_reason() {
    let scene = or_skip!(Scene::quiet());
    let host = &scene.host;
    let all = [
        "send broadcast",
        "ping 02:00:00:00:00:02",
        "listen",
        "respond",
    ];
    let refused = |iface: &str, words: &str| {
        for line in all {
            let (code, out, err) = ether(host, &format!("{line} {iface}"));
            assert_eq!((code, &out[..]), (2, ""), "{line}: {err}");
            assert!(err.contains(words), "{line}: {err}");
        }
    };
    refused("-I eth9", "eth9: no such interface; there are lo, eth0");
    refused("-I lo", "lo: not an Ethernet interface");
    host.ip("link add eth1 type veth peer name eth2");
    refused(
        "-I eth1",
        "eth1: down, or without a carrier: set it up first",
    );
    host.ip("link set eth1 up");
    host.ip("link set eth2 up");
    for words in [
        "which interface? it may be ",
        "eth0",
        "eth1",
        "eth2",
        ": name one with --iface",
    ] {
        refused("", words);
    }
    for name in ["eth0", "eth1", "eth2"] {
        host.ip(&format!("link set {name} down"));
    }
    refused(
        "",
        "which interface? no Ethernet interface is up: name one with --iface",
    );
}
