//! `llamar why`: every reason for which a name is answered for or is not, each brought about for true.

use std::net::{Ipv4Addr, UdpSocket};

use llamar_common::testing::skip;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::{Agent, config_file, instance, llamar, said};
use crate::support::net::Net;
use crate::support::nft;
use crate::support::scene::{HOST_V4, HOST_V6, PEER_V4, Path, Scene};
use crate::support::tcp::connected;
use crate::support::wait_until;

/// The exit code of `llamar why`, and the report it printed as JSON.
#[track_caller]
fn why(agent: &Agent<'_>, name: &str) -> (i32, Value) {
    let (code, out, errors) = said(&agent.cli(&["why", name, "--json"]));
    assert_eq!(errors, "");
    assert_eq!(out.lines().count(), 1, "{out}");
    (code, serde_json::from_str(&out).expect("JSON"))
}

/// The reason and the sentence for an interface's link.
#[track_caller]
fn on(report: &Value, interface: &str, vlan: u64) -> (String, String) {
    let mut rows = report["links"].as_array().expect("links").iter();
    let row = rows
        .find(|row| row["interface"] == interface && row["vlan"] == vlan)
        .unwrap_or_else(|| panic!("{interface} in {report}"));
    let text = |key: &str| row[key].as_str().expect("text").to_owned();
    (text("reason"), text("text"))
}

/// Waits until a name has a reason on an interface's untagged link; the sentence and the exit code.
#[track_caller]
fn wait_for_reason(agent: &Agent<'_>, name: &str, interface: &str, reason: &str) -> (i32, String) {
    let mut last = Value::Null;
    let mut result = None;
    for _ in 0..500 {
        let (code, report) = why(agent, name);
        let (found, text) = on(&report, interface, 0);
        if found == reason {
            result = Some((code, text));
            break;
        }
        last = report;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    result.unwrap_or_else(|| panic!("{name} on {interface} is not {reason}: {last}"))
}

// RFC 4795 2.3 c, d: R30, R31, R53
#[test]
fn who_answers_for_a_name_and_for_an_address_is_told_for_each_link() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene.host.veth(("eth1", 3), &scene.peer, ("eth1", 4));
    let config = config_file(
        r#"
        [interface.eth0]
        names = ["casa", "media.patio"]
        hosts = { nas = "10.7.0.9" }
        [interface.eth0.vlan.100]
        names = ["cabin"]
        addresses = ["10.0.100.1/24"]
        "#,
    );
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let (code, text) = wait_for_reason(&agent, "CASA", "eth0", "kernel");
    assert_eq!(code, 0);
    assert!(
        text.contains(&HOST_V4.to_string()) && text.contains(&HOST_V6.to_string()),
        "{text}"
    );
    // The kernel path knows names of one label only.
    let (code, text) = wait_for_reason(&agent, "media.patio", "eth0", "userspace");
    assert!(code == 0 && text.contains(&HOST_V4.to_string()), "{text}");
    let (_, report) = why(&agent, "casa");
    assert_eq!(
        (&report["name"], &report["agent"]),
        (&"casa".into(), &true.into())
    );
    let (reason, text) = on(&report, "eth0", 100);
    assert_eq!(reason, "not-configured");
    assert!(
        text.contains("cabin") && text.contains("RFC 4795 2.3 d"),
        "{text}"
    );
    let (reason, text) = on(&report, "eth1", 0);
    assert_eq!(reason, "not-served");
    assert!(text.contains("--iface eth1"), "{text}");
    assert_eq!(report["notes"], Value::Array(vec![]));
    let (code, report) = why(&agent, "nobody");
    assert_eq!(
        (code, on(&report, "eth0", 0).0.as_str()),
        (1, "not-configured")
    );
    // Addresses, ours, held ones and others.
    for (address, name) in [
        (HOST_V4.to_string(), "casa"),
        (HOST_V6.to_string(), "media.patio"),
        ("10.7.0.9".into(), "nas"),
    ] {
        let (code, report) = why(&agent, &address);
        let (reason, text) = on(&report, "eth0", 0);
        assert_eq!((code, &*reason), (0, "userspace"), "{text}");
        assert!(text.contains(name), "{text}");
    }
    let (code, report) = why(&agent, &PEER_V4.to_string());
    assert_eq!(
        (code, on(&report, "eth0", 0).0.as_str()),
        (1, "not-configured")
    );
    let lines = agent.printed(&["why", "casa"]);
    let words: Vec<Vec<&str>> = lines
        .lines()
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    assert_eq!(
        words,
        [
            ["eth0", "-", "kernel"],
            ["eth0", "100", "not-configured"],
            ["eth1", "-", "not-served"]
        ]
    );
}

// RFC 4795 2, 2.5, 4.1: R1, R7, R13
#[test]
fn what_is_wrong_with_an_interface_is_told() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.veth(("down0", 3), &scene.peer, ("down0", 4));
    scene.host.veth(("bare0", 5), &scene.peer, ("bare0", 6));
    scene.host.set("net/ipv6/conf/bare0/disable_ipv6", "1");
    scene.host.ip("address add 10.8.0.1/24 dev down0");
    let config = config_file(
        "names = [\"casa\"]\nxdp = \"off\"\n[hosts]\nnas = \"10.8.0.9\"\n[interface.eth0]\n[interface.down0]\n\
         [interface.bare0]\n[interface.late0]\n[interface.tun0]\n",
    );
    let agent = Agent::start(
        &scene.host,
        &["--config", &config.path, "--wait", "--iface", "eth0"],
    );
    wait_for_reason(&agent, "casa", "eth0", "userspace");
    let (code, text) = wait_for_reason(&agent, "casa", "late0", "missing");
    assert_eq!(code, 0, "it is answered for on eth0");
    assert!(text.contains("does not exist"), "{text}");
    for name in ["casa", "nas", "10.8.0.9", "nobody"] {
        scene.host.ip("link set down0 down");
        let (_, text) = wait_for_reason(&agent, name, "down0", "down");
        assert!(text.contains("down or has no carrier"), "{text}");
        scene.host.ip("link set down0 up");
    }
    // Its other end is down: no carrier.
    scene.peer.ip("link set down0 down");
    wait_for_reason(&agent, "casa", "down0", "down");
    scene.peer.ip("link set down0 up");
    wait_for_reason(&agent, "casa", "down0", "userspace");
    for name in ["casa", "nas", "10.8.0.9"] {
        let (_, text) = wait_for_reason(&agent, name, "bare0", "no-address");
        assert!(text.contains("no address from which to answer"), "{text}");
    }
    wait_for_reason(&agent, "nobody", "bare0", "not-configured");
    scene.host.ip("address add 10.9.0.1/24 dev bare0");
    wait_for_reason(&agent, "casa", "bare0", "userspace");
    // Those that were waited for come, one of them as something else.
    scene.host.veth(("late0", 7), &scene.peer, ("late0", 8));
    wait_for_reason(&agent, "casa", "late0", "userspace");
    scene.host.ip("tuntap add dev tun0 mode tun");
    let (_, text) = wait_for_reason(&agent, "casa", "tun0", "not-ethernet");
    assert!(text.contains("not an Ethernet interface"), "{text}");
    scene.host.ip("link del late0");
    wait_for_reason(&agent, "casa", "late0", "missing");
}

// RFC 4795 2: R1
#[test]
fn groups_that_cannot_be_joined_are_told() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    scene.host.set("net/ipv4/igmp_max_memberships", "0");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_for_words(&["eth0", "224.0.0.252", "igmp_max_memberships"]);
    let (code, text) = wait_for_reason(&agent, "casa", "eth0", "not-joined");
    assert!(code == 1 && text.contains("224.0.0.252"), "{text}");
}

// RFC 4795 4.1, 4.2: R27, R46, R52
#[test]
fn a_name_that_is_being_verified_and_one_that_another_has_are_told() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let holder = Agent::start(&scene.peer, &scene.arguments(&["--name", "nas"]));
    holder.wait_until_verified();
    let config = config_file("xdp = \"off\"\nnames = [\"casa\", \"nas\"]\n[interface.eth0]\n");
    let mut agent = Agent::start(&scene.host, &["--config", &config.path, "--iface", "eth0"]);
    agent.wait_for_words(&["nas", "02:00:00:00:00:02"]);
    let (code, text) = wait_for_reason(&agent, "nas", "eth0", "conflict");
    assert_eq!(code, 1);
    assert!(
        text.contains("02:00:00:00:00:02") && text.contains("tried again within"),
        "{text}"
    );
    let (code, _) = wait_for_reason(&agent, "casa", "eth0", "userspace");
    assert_eq!(code, 0);
    // A new name needs some 0.5 s to be verified, the last of many as many times that as there are sixteens of them.
    let names = (100..260).map(|number| format!("\"new{number}\""));
    let names: Vec<String> = names.collect();
    let text = format!(
        "xdp = \"off\"\nnames = [{}]\n[interface.eth0]\n",
        names.join(", ")
    );
    config.rewrite(&text);
    agent.signal(Signal::SIGHUP);
    let (code, text) = wait_for_reason(&agent, "new259", "eth0", "tentative");
    assert!(code == 1 && text.contains("T bit"), "{text}");
    wait_for_reason(&agent, "new259", "eth0", "userspace");
}

#[test]
fn without_an_agent_that_is_said_with_who_has_the_port_and_usage_errors_are_told_apart() {
    let net = or_skip!(Net::new());
    let host = net.namespace("host");
    let name = instance();
    let ask =
        |arguments: &[&str]| said(&llamar(&host, &[&["why"], arguments].concat(), Some(&name)));
    let (code, out, errors) = ask(&["casa"]);
    assert_eq!((code, &*errors), (1, ""));
    assert_eq!(
        out,
        format!(
            "no agent\nnote: no agent of instance {name} runs in this network namespace: llamar run --iface IF starts one\n"
        )
    );
    let holder = host
        .inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5355)))
        .expect("bind");
    let (code, out, _) = ask(&["casa", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &report["agent"], &report["links"]),
        (1, &false.into(), &Value::Array(vec![]))
    );
    let note = report["notes"][1].as_str().expect("a second note");
    let process = std::process::id().to_string();
    assert!(
        note.contains("udp port 5355 is held by") && note.contains(&process),
        "{note}"
    );
    drop(holder);
    for arguments in [&[][..], &["casa", "casa"], &["--nonsense", "casa"]] {
        let (code, out, errors) = ask(arguments);
        assert!(
            code == 2 && out.is_empty() && errors.contains("Usage"),
            "{errors}"
        );
    }
    // What is no name is told, whether an agent runs or not.
    host.ip("link add eth0 type veth peer name eth1");
    let agent = Agent::spawn_as(
        &host,
        &name,
        &["--iface", "eth0", "--xdp", "off", "--name", "casa"],
    );
    wait_until("the agent", || ask(&["casa"]).1.contains("eth0"));
    for wrong in ["a..b", "", &"a".repeat(64)] {
        let (code, out, errors) = ask(&[wrong]);
        assert_eq!((code, &*out), (2, ""), "{wrong:?}: {errors}");
        assert!(
            errors.contains("label") || errors.contains("empty") || errors.contains("name"),
            "{errors}"
        );
    }
    drop(agent);
    let (code, out, errors) = ask(&["a..b"]);
    assert_eq!((code, &*out), (2, ""), "{errors}");
}

#[test]
fn a_packet_filter_and_a_port_of_tcp_that_another_holds_are_noted() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let holder = scene
        .host
        .inside(|| std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 5355)));
    let holder = holder.expect("listen");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let (code, report) = why(&agent, "casa");
    assert!(code <= 1, "{report}");
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("tcp port 5355") && notes.contains(&std::process::id().to_string()),
        "{notes}"
    );
    // When the port is free, it is listened on from the next pass on, and the note is gone.
    drop(holder);
    agent.signal(Signal::SIGHUP);
    wait_until("the note to be gone", || {
        why(&agent, "casa").1["notes"] == Value::Array(vec![])
    });
    connected(&scene.peer, HOST_V4.into());
    if !nft::drop_all_input(&scene.host) {
        return skip("the kernel has no nftables");
    }
    agent.wait_until_verified();
    let (code, text) = wait_for_reason(&agent, "casa", "eth0", "kernel");
    assert_eq!(code, 0, "{text}");
    let lines = agent.printed(&["why", "casa"]);
    let note = "note: a packet filter is active (nft table inet filter, chain input, policy drop)";
    assert!(lines.contains(note), "{lines}");
}
