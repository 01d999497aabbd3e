//! Starting, dying, restarting, reloading and ending: what stays, what goes, and what is told.

use std::fs;
use std::path::PathBuf;

use llamar_common::abi::LAYOUT_VERSION;
use llamar_common::testing::{A, FrameBuilder, Query, Station};
use nix::sys::signal::Signal;

use crate::support::agent::{Agent, ConfigFile, config_file, instance, llamar, with_heartbeat};
use crate::support::counters::Counters;
use crate::support::net::Namespace;
use crate::support::peers::{Peer, bpftool_json};
use crate::support::scene::{HOST_LOCAL_V4, HOST_V4, PEER_V4, Path, Scene, asker, own_addresses};
use crate::support::wait_until;
use crate::support::wire::Wire;

pub fn casa() -> Query {
    query("casa")
}

pub fn query(name: &str) -> Query {
    FrameBuilder::llmnr(asker(PEER_V4)).question(name, A)
}

/// A second link between host and peer, with an address on each side.
pub fn second_link(scene: &Scene, name: &str) -> Wire {
    scene.host.veth((name, 3), &scene.peer, (name, 4));
    scene
        .host
        .ip(&format!("address add 10.8.0.1/24 dev {name}"));
    scene
        .peer
        .ip(&format!("address add 10.8.0.2/24 dev {name}"));
    Wire::open(&scene.peer, name)
}

/// A query of the peer on that link.
pub fn query_on_second(name: &str) -> Query {
    FrameBuilder::llmnr(Station::new([2, 0, 0, 0, 0, 4], [10, 8, 0, 2])).question(name, A)
}

/// Where an instance's pins are.
pub fn pins(instance: &str) -> PathBuf {
    format!("/sys/fs/bpf/llamar/{instance}/v{LAYOUT_VERSION}").into()
}

/// The id of an instance's link on an interface.
pub fn link_id(bpftool: &Peer, instance: &str, index: u32) -> u64 {
    let pin = pins(instance).join(format!("link_{index}"));
    let link = bpftool_json(
        bpftool,
        &["link", "show", "pinned", pin.to_str().expect("a path")],
    );
    let link = link.get(0).unwrap_or(&link);
    link["id"]
        .as_u64()
        .unwrap_or_else(|| panic!("a link with an id: {link}"))
}

/// Asserts that nothing of an instance is left: no pins, no program on the interface, no socket or lock.
#[track_caller]
pub fn assert_nothing_left(host: &Namespace, interface: &str, instance: &str) {
    let left = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains(instance))
            .collect()
    };
    assert_eq!(left("/sys/fs/bpf/llamar"), [] as [PathBuf; 0], "pins");
    assert_eq!(left("/run/llamar"), [] as [PathBuf; 0], "socket and lock");
    let link = host.ip(&format!("link show dev {interface}"));
    assert!(!link.contains("xdp"), "a program on the interface: {link}");
}

pub fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

fn killed_agent_is_survived_for_the_lease_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let name = instance();
    let arguments = scene.arguments(&["--name", "casa"]);
    let agent = Agent::start_as(&scene.host, &name, &arguments);
    let wire = scene.wire();
    let link = link_id(&bpftool, &name, scene.host.index(scene.interface()));
    let counters = || {
        let output = llamar(&scene.host, &["status", "--json"], Some(&name));
        Counters::parse(&String::from_utf8_lossy(&output.stdout))
    };
    let mut running = Some(agent);
    let (reply, counted) = with_heartbeat(counters, || {
        let agent = running.take();
        let agent = agent.unwrap_or_else(|| Agent::start_as(&scene.host, &name, &arguments));
        agent.kill();
        wire.drain();
        wire.ask(&casa())
    });
    reply
        .message
        .assert_answers("casa", A, 30, &own_addresses(A, PEER_V4.into()));
    assert_eq!(counted.of("llmnr-answered"), 1);
    let before = counters();
    // Nobody is there to answer what the kernel path passes once the lease is over.
    wait_until("the end of the lease", || {
        wire.send(&casa().build());
        counters().since(&before).of("no-heartbeat") > 0
    });
    let over = counters();
    for id in 0..5 {
        wire.send(&casa().id(id).build());
    }
    wait_until("five queries to be passed", || {
        counters().since(&over).of("no-heartbeat") == 5
    });
    assert_eq!(counters().since(&over).of("llmnr-answered"), 0);
    // The next agent takes the link over without detaching it.
    let agent = Agent::start_as(&scene.host, &name, &arguments);
    assert_eq!(
        link_id(&bpftool, &name, scene.host.index(scene.interface())),
        link
    );
    wire.drain();
    agent.asked_in_kernel(&wire, &casa().id(99));
}

#[test]
fn killed_agent_is_survived_for_the_lease_and_its_link_taken_over_on_a_native_veth() {
    killed_agent_is_survived_for_the_lease_on(Path::NativeVeth);
}

#[test]
fn killed_agent_is_survived_for_the_lease_and_its_link_taken_over_on_a_generic_veth() {
    killed_agent_is_survived_for_the_lease_on(Path::GenericVeth);
}

#[test]
fn restart_after_a_kill_takes_over_at_once_and_serves_what_is_configured_now() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let name = instance();
    let agent = Agent::start_as(
        &scene.host,
        &name,
        &scene.arguments(&["--name", "old", "--name", "casa"]),
    );
    let wire = scene.wire();
    wire.ask(&query("old"));
    let link = link_id(&bpftool, &name, scene.host.index("eth0"));
    agent.kill();
    // What changed while nobody looked.
    scene.host.ip("address add 10.7.0.5/24 dev eth0");
    scene
        .host
        .ip(&format!("address del {HOST_LOCAL_V4}/16 dev eth0"));
    let agent = Agent::start_as(
        &scene.host,
        &name,
        &scene.arguments(&["--name", "new", "--name", "casa"]),
    );
    assert_eq!(link_id(&bpftool, &name, scene.host.index("eth0")), link);
    let reply = agent.asked_in_kernel(&wire, &query("new"));
    reply
        .message
        .assert_answers("new", A, 30, &[HOST_V4.into(), [10, 7, 0, 5].into()]);
    wire.assert_unanswered(&query("old").id(1), &casa().id(2));
}

#[test]
fn sigterm_withdraws_detaches_and_unpins() {
    for (path, signal) in [
        (Path::GenericVeth, Signal::SIGTERM),
        (Path::NativeVeth, Signal::SIGINT),
    ] {
        let scene = or_skip!(Scene::new(path));
        let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
        let name = agent.instance().to_owned();
        assert!(pins(&name).join("llamar_names").exists());
        assert!(scene.host.ip("link show dev eth0").contains("xdp"));
        agent.signal(signal);
        let status = agent.wait();
        assert_eq!(status.code(), Some(0), "{}", agent.said());
        assert_nothing_left(&scene.host, "eth0", &name);
    }
}

#[test]
fn detach_removes_what_a_killed_agent_left() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let name = agent.instance().to_owned();
    agent.kill();
    assert!(scene.host.ip("link show dev eth0").contains("xdp"));
    let output = llamar(&scene.host, &["detach"], Some(&name));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        fs::read_dir("/sys/fs/bpf/llamar")
            .into_iter()
            .flatten()
            .count(),
        0
    );
    assert!(!scene.host.ip("link show dev eth0").contains("xdp"));
    // Nothing to detach is no failure.
    assert!(
        llamar(&scene.host, &["detach"], Some(&name))
            .status
            .success()
    );
}

#[test]
fn detach_leaves_a_running_agent_alone() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let output = agent.cli(&["detach"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &[&agent.pid().to_string()],
    );
    let wire = scene.wire();
    agent.asked_in_kernel(&wire, &casa());
}

/// A good configuration is taken over on SIGHUP, a broken one changes nothing.
fn reload_is_followed_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config: ConfigFile = config_file("names = [\"casa\", \"old\"]\n");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let wire = scene.wire();
    wire.ask(&query("old"));
    config.rewrite("names = [\"casa\", \"new\"]\nttl = 60\n[hosts]\nprinter = \"192.168.1.9\"\n");
    agent.signal(Signal::SIGHUP);
    wait_until("the new names", || {
        agent.printed(&["names"]).contains("printer")
    });
    agent.wait_until_verified();
    wire.ask(&query("new"))
        .message
        .assert_answers("new", A, 60, &own_addresses(A, PEER_V4.into()));
    wire.ask(&query("printer")).message.assert_answers(
        "printer",
        A,
        60,
        &[[192, 168, 1, 9].into()],
    );
    wire.assert_unanswered(&query("old").id(1), &casa().id(2));
    let said = agent.said().len();
    config.rewrite("names = [\"casa\", \"newer\"]\nttl = \"long\"\n");
    agent.signal(Signal::SIGHUP);
    agent.wait_for_words_after(said, &["llamar.toml:2:"]);
    agent.assert_alive();
    wire.ask(&query("new"))
        .message
        .assert_answers("new", A, 60, &own_addresses(A, PEER_V4.into()));
    wire.assert_unanswered(&query("newer").id(3), &casa().id(4));
}

#[test]
fn reload_takes_a_good_configuration_and_keeps_the_old_one_before_a_broken_one() {
    reload_is_followed_on(Path::GenericVeth);
}

#[test]
fn reload_is_followed_without_xdp() {
    reload_is_followed_on(Path::Userspace);
}

#[test]
fn reload_adds_and_removes_interfaces() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let second = second_link(&scene, "eth1");
    let config = config_file("xdp = \"generic\"\n[interface.eth0]\nnames = [\"casa\"]\n");
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready"]);
    config.rewrite("xdp = \"generic\"\n[interface.eth1]\nnames = [\"media\"]\n");
    let said = agent.said().len();
    agent.signal(Signal::SIGHUP);
    agent.wait_for_words_after(said, &["eth1: ready", "media"]);
    let media = query_on_second("media");
    second
        .ask(&media)
        .message
        .assert_answers("media", A, 30, &[[10, 8, 0, 1].into()]);
    wait_until("the program to be off eth0", || {
        !scene.host.ip("link show dev eth0").contains("xdp")
    });
    let names = agent.printed(&["names"]);
    assert!(!names.contains("casa"), "{names}");
}

#[test]
fn groups_are_joined_on_the_served_interface_alone_and_left_at_the_end() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene.host.veth(("eth1", 3), &scene.peer, ("eth1", 4));
    let joined = |interface: &str| {
        let groups = scene.host.ip(&format!("maddress show dev {interface}"));
        [groups.contains("224.0.0.252"), groups.contains("ff02::1:3")]
    };
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    assert_eq!((joined("eth0"), joined("eth1")), ([true; 2], [false; 2]));
    let (status, said) = agent.terminate();
    assert!(status.success(), "{said}");
    assert_eq!(joined("eth0"), [false; 2]);
}
