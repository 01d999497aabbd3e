//! What went wrong behind the agent's back, or was left by one before it, is put right.

use std::path::Path as FilePath;
use std::thread::sleep;
use std::time::{Duration, Instant};

use llamar_common::abi::{LinkKey, NameKey, Plain};
use llamar_common::testing::host;
use nix::sys::signal::Signal;

use crate::lifecycle::{
    assert_nothing_left, assert_says, casa, pins, query, query_on_second, second_link,
};
use crate::support::agent::{Agent, config_file, instance, llamar};
use crate::support::net::run;
use crate::support::peers::{Peer, bpftool_json};
use crate::support::scene::{Path, Scene};
use crate::support::sys::PassAll;
use crate::support::wait_until;

/// How an interface's frames are answered, as `llamar status` tells it.
fn mode(agent: &Agent<'_>) -> String {
    let status: serde_json::Value =
        serde_json::from_str(&agent.printed(&["status", "--json"])).expect("JSON");
    let mode = &status["links"][0]["mode"];
    mode.as_str().expect("a mode").to_owned()
}

#[test]
fn program_that_somebody_detached_is_attached_again_at_the_next_full_pass() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let pin = pins(agent.instance()).join(format!("link_{}", scene.host.index("eth0")));
    let pin = pin.to_str().expect("a path");
    bpftool.output_in(&scene.host, &["link", "detach", "pinned", pin]);
    assert!(!scene.host.ip("link show dev eth0").contains("xdp"));
    agent.signal(Signal::SIGHUP);
    wait_until("the program to be back", || {
        scene.host.ip("link show dev eth0").contains("xdp")
    });
    agent.asked_in_kernel(&scene.wire(), &casa());
}

#[test]
fn another_mode_in_the_configuration_is_taken_over_on_reload() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file("xdp = \"generic\"\n[interface.eth0]\nnames = [\"casa\"]\n");
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready", "generic"]);
    for other in ["native", "auto", "off", "generic"] {
        config.rewrite(&format!(
            "xdp = {other:?}\n[interface.eth0]\nnames = [\"casa\"]\n"
        ));
        agent.signal(Signal::SIGHUP);
        // A veth is driven in generic mode unless native is asked for.
        let expected = if other == "auto" { "generic" } else { other };
        wait_until("the other mode", || mode(&agent) == expected);
    }
    agent.asked_in_kernel(&scene.wire(), &casa());
}

#[test]
fn agent_without_xdp_removes_what_a_killed_one_left_attached() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let name = instance();
    Agent::start_as(&scene.host, &name, &scene.arguments(&["--name", "old"])).kill();
    let off = ["--iface", "eth0", "--name", "casa", "--xdp", "off"];
    let agent = Agent::start_as(&scene.host, &name, &off);
    assert!(!scene.host.ip("link show dev eth0").contains("xdp"));
    scene
        .wire()
        .assert_unanswered(&query("old").id(1), &casa().id(2));
    let told = agent.printed(&["names"]);
    assert!(told.contains("casa") && !told.contains("kernel"), "{told}");
    agent.terminate();
    assert_nothing_left(&scene.host, "eth0", &name);
}

#[test]
fn start_that_fails_over_a_killed_agents_pins_adds_nothing_to_them() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let second = second_link(&scene, "eth1");
    scene.host.veth(("eth2", 5), &scene.peer, ("eth2", 6));
    let foreign = scene
        .host
        .inside(|| PassAll::attach("eth2", "not_ours", false))
        .expect("attach a foreign program");
    let name = instance();
    let one = scene.arguments(&["--name", "casa"]);
    Agent::start_as(&scene.host, &name, &one).kill();
    let all = [
        "run", "--iface", "eth0", "--iface", "eth1", "--iface", "eth2", "--xdp", "generic",
    ];
    let output = llamar(&scene.host, &all, Some(&name));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_says(&said, &["eth2", "not_ours"]);
    assert!(!scene.host.ip("link show dev eth1").contains("xdp"));
    let pin = pins(&name).join(format!("link_{}", scene.host.index("eth1")));
    assert!(!pin.exists(), "{}", pin.display());
    drop(foreign);
    // The same start succeeds once nothing is in its way.
    let mut arguments = all[1..].to_vec();
    arguments.extend(["--name", "casa"]);
    let _agent = Agent::start_as(&scene.host, &name, &arguments);
    second.ask(&query_on_second("casa"));
}

#[test]
fn interface_that_hides_the_tags_of_its_vlans_is_left_to_userspace_and_that_is_said_once() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file(
        "[interface.eth0]\nnames = [\"casa\"]\n[interface.eth0.vlan.100]\naddresses = [\"10.0.100.1/24\"]\n",
    );
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    // A veth has rx-vlan-offload on.
    agent.wait_for_words(&["eth0 has VLANs", "rxvlan off"]);
    agent.wait_for_words(&["eth0: ready", "xdp off"]);
    for names in ["[\"casa\", \"one\"]", "[\"casa\", \"two\"]"] {
        config.rewrite(&format!(
            "[interface.eth0]\nnames = {names}\n[interface.eth0.vlan.100]\naddresses = [\"10.0.100.1/24\"]\n"
        ));
        agent.signal(Signal::SIGHUP);
        let name = &names[10..13];
        wait_until("the reload", || agent.printed(&["names"]).contains(name));
    }
    assert_eq!(agent.said().matches("eth0 has VLANs").count(), 1);
    scene.wire().ask(&casa());
}

/// What bpftool takes for bytes.
fn hex(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.iter().map(|byte| format!("{byte:02x}"));
    ["hex".to_owned()].into_iter().chain(bytes).collect()
}

/// The labels of a map of names, sorted.
fn labels(bpftool: &Peer, pin: &FilePath) -> Vec<String> {
    let pin = pin.to_str().expect("a path");
    let dump = bpftool_json(bpftool, &["map", "dump", "pinned", pin]);
    let entries = dump.as_array().expect("entries").iter();
    let label = |entry: &serde_json::Value| {
        let entry = entry.get("formatted").unwrap_or(entry);
        entry["key"]["label"].as_str().expect("a label").to_owned()
    };
    let mut labels: Vec<String> = entries.map(label).collect();
    labels.sort();
    labels
}

#[test]
fn names_that_somebody_removed_and_added_with_bpftool_are_put_right_within_the_minute() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let mut agent = Agent::start(
        &scene.host,
        &scene.arguments(&["--name", "casa", "--name", "radio"]),
    );
    agent.wait_until_verified();
    let pin = pins(agent.instance()).join("llamar_names");
    assert_eq!(labels(&bpftool, &pin), ["casa", "radio"]);
    let on = LinkKey::new(scene.host.index("eth0"), 0);
    let key = |label: &str| hex(NameKey::new(on, label.as_bytes()).expect("a key").bytes());
    let value = hex(host(30, &[[10, 7, 0, 9].into()]).bytes());
    let map = |what: &str, key: Vec<String>| {
        let mut command = bpftool.command();
        command.args(["map", what, "pinned", pin.to_str().expect("a path"), "key"]);
        command.args(key);
        command
    };
    run(&mut map("delete", key("casa")));
    run(map("update", key("foreign")).arg("value").args(&value));
    assert_eq!(labels(&bpftool, &pin), ["foreign", "radio"]);
    let end = Instant::now() + Duration::from_secs(150);
    while labels(&bpftool, &pin) != ["casa", "radio"] {
        assert!(Instant::now() < end, "{}", agent.said());
        sleep(Duration::from_millis(200));
    }
    agent.wait_for_words(&["somebody else", "put right: 1"]);
    agent.wait_for_words(&["written anew"]);
    agent.asked_in_kernel(&scene.wire(), &casa());
}
