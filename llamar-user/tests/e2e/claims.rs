//! Uniqueness of names on a real link (RFC 4795 4): beside another agent of ours, systemd-resolved and llmnrd, with
//! every way of `on-conflict`.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::testing::{A, FrameBuilder, Query, Station, wire_name};
use serde_json::Value;

use crate::support::agent::{Agent, ConfigFile, TRIES, config_file};
use crate::support::ask::{Over, llmnr_query};
use crate::support::net::Net;
use crate::support::peers::Peer;
use crate::support::reply::Reply;
use crate::support::resolved::Resolved;
use crate::support::scene::{HOST_MAC, HOST_V4, PEER_MAC, PEER_V4, Path, Scene, asker};
use crate::support::wire::Wire;
use crate::support::{wait_for, wait_until};

/// T in the flags of a message.
const TENTATIVE: u16 = 0x0100;

/// A configuration that serves `eth0` as `casa`, with a short TTL so that a lost name is soon tried again.
fn casa(on_conflict: &str) -> ConfigFile {
    config_file(&format!(
        "names = [\"casa\"]\nttl = 1\nxdp = \"off\"\non-conflict = \"{on_conflict}\"\n[interface.eth0]\n"
    ))
}

fn query(name: &str, id: u16) -> Query {
    FrameBuilder::llmnr(asker(PEER_V4)).question(name, A).id(id)
}

fn unique(name: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), "unique".to_owned())]
}

/// Whether a frame ends in a question for all types of a name, as a verification does.
fn is_verification(frame: &[u8], name: &str) -> bool {
    const ANY: [u8; 4] = [0, 255, 0, 1];
    let question = [&wire_name(name)[..], &ANY].concat();
    frame.ends_with(&question)
}

/// What `llamar why` says of the first link: the verdict and the sentence.
fn why(agent: &Agent<'_>, name: &str) -> (String, String) {
    let output = agent.cli(&["why", name, "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = &report["links"][0];
    let text = |key: &str| row[key].as_str().expect("text").to_owned();
    (text("reason"), text("text"))
}

// RFC 4795 4.1, 4.2: R46, R49, R52
#[test]
fn a_name_that_an_agent_has_already_is_not_taken_by_a_second_one_which_names_the_first() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (first, second) = (casa("withdraw"), casa("withdraw"));
    let mut holder = Agent::start(&scene.host, &["--config", &first.path]);
    holder.wait_for_words(&["eth0: ready", "casa"]);
    let mut late = Agent::spawn(&scene.peer, &["--config", &second.path]);
    let said = late.wait_for_words(&["eth0", "casa", "02:00:00:00:00:01"]);
    assert!(
        said.contains(&HOST_V4.to_string()) || said.contains("fe80::ff:fe00:1"),
        "{said}"
    );
    // It tries again every few seconds, and then says that.
    let text = wait_for("what `why` says of the conflict", || {
        let (reason, text) = why(&late, "casa");
        (reason == "conflict").then_some(text)
    });
    wait_until("the name not to be taken", || late.names().is_empty());
    assert!(
        text.contains("02:00:00:00:00:01") && text.contains("tried again"),
        "{text}"
    );
    assert_eq!(holder.names(), unique("casa"));
    // When the first one is gone, the second gets the name.
    drop(holder);
    wait_until("the second agent to get the name", || {
        late.names() == unique("casa")
    });
}

// RFC 4795 4.1: R50
#[test]
fn of_two_that_start_at_once_the_one_with_the_smaller_address_keeps_the_name() {
    let scene = or_skip!(Scene::bare(Path::Userspace));
    // One family only: with two, each may lose by the other.
    scene.host.ip("address add 10.7.0.1/24 dev eth0");
    scene.peer.ip("address add 10.7.0.2/24 dev eth0");
    for namespace in [&scene.host, &scene.peer] {
        namespace.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    let (one, other) = (casa("withdraw"), casa("withdraw"));
    let wire = scene.wire();
    let mut smaller = Agent::spawn(&scene.host, &["--config", &one.path]);
    // Not sooner: one that has verified the name before the other asks keeps it, whatever their addresses are. That is
    // how it ends too, and nothing is proven, where the larger one takes longer to start than the verification does.
    let asked = wire.next(|frame| is_verification(frame, "casa").then_some(()));
    assert!(asked.is_some(), "the smaller one asks");
    let mut larger = Agent::spawn(&scene.peer, &["--config", &other.path]);
    smaller.wait_for_words(&["eth0: ready", "casa"]);
    larger.wait_for_words(&["casa", "10.7.0.1", "02:00:00:00:00:01"]);
    assert_eq!(smaller.names(), unique("casa"));
    // It tries again every few seconds.
    wait_until("the larger one to give in", || larger.names().is_empty());
}

// RFC 4795 4.2: R52
#[test]
fn a_host_that_lost_its_name_takes_another_one_if_it_may() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (first, second) = (casa("withdraw"), casa("rename"));
    let mut holder = Agent::start(&scene.host, &["--config", &first.path]);
    holder.wait_for_words(&["eth0: ready", "casa"]);
    let mut late = Agent::spawn(&scene.peer, &["--config", &second.path]);
    late.wait_for_words(&["eth0: ready", "casa-2"]);
    wait_until("the other name", || late.names() == unique("casa-2"));
    assert!(why(&late, "casa").1.contains("casa-2"));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let found = llmnr_query(&peer, &scene.host, Over::Ipv4, "casa-2", "A", 10_000);
    assert!(found.contains(&IpAddr::V4(PEER_V4)), "{found:?}");
}

#[test]
fn a_host_that_is_told_to_keep_its_name_answers_on_and_says_who_has_it_too() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let (first, second) = (casa("withdraw"), casa("keep"));
    let mut holder = Agent::start(&scene.host, &["--config", &first.path]);
    holder.wait_for_words(&["eth0: ready", "casa"]);
    let mut late = Agent::spawn(&scene.peer, &["--config", &second.path]);
    late.wait_for_words(&["casa", "02:00:00:00:00:01", "keep"]);
    assert_eq!(late.names(), unique("casa"));
}

// RFC 4795 4.1: R27, R46, R47
#[test]
fn until_a_name_is_verified_the_kernel_path_passes_it_up_and_answers_have_the_t_bit() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let reply = agent.asked_in_kernel(&wire, &query("casa", 1));
    assert_eq!(reply.message.flags & TENTATIVE, 0);
    // A new address makes the host verify its names again; another one does so for an asker that was too late.
    let before = agent.counters();
    let said = agent.said().len();
    let (mut addresses, mut next) = (9.., Instant::now());
    wait_until("an answer with the T bit", || {
        if next <= Instant::now() {
            let last = addresses.next().expect("a number");
            scene
                .host
                .ip(&format!("address add 10.7.0.{last}/24 dev eth0"));
            // Of more than four the kernel path tells nobody.
            if last > 9 {
                let former = last - 1;
                scene
                    .host
                    .ip(&format!("address del 10.7.0.{former}/24 dev eth0"));
            }
            next = Instant::now() + Duration::from_secs(1);
        }
        wire.ask(&query("casa", 2)).message.flags & TENTATIVE != 0
    });
    wait_until("an answer without the T bit", || {
        wire.ask(&query("casa", 3)).message.flags & TENTATIVE == 0
    });
    let counted = agent.counters().since(&before);
    assert!(counted.of("llmnr-not-unique") > 0, "{counted:?}");
    agent.asked_in_kernel(&wire, &query("casa", 4));
    assert!(
        !agent.said()[said..].contains("casa is"),
        "no conflict was seen"
    );
    agent.assert_alive();
}

// RFC 4795 4.1: R48
#[test]
fn a_host_with_two_interfaces_on_one_link_does_not_take_itself_for_another() {
    let net = or_skip!(Net::new());
    let (host, switch) = (net.namespace("host"), net.namespace("switch"));
    host.veth(("eth0", 1), &switch, ("port0", 0x11));
    host.veth(("eth1", 2), &switch, ("port1", 0x12));
    switch.bridge(("br0", 0x13), &["port0", "port1"]);
    host.ip("address add 10.7.0.1/24 dev eth0");
    host.ip("address add 10.7.0.2/24 dev eth1");
    let config =
        config_file("names = [\"casa\"]\nxdp = \"off\"\n[interface.eth0]\n[interface.eth1]\n");
    let mut agent = Agent::spawn(&host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready", "casa"]);
    agent.wait_for_words(&["eth1: ready", "casa"]);
    let states = agent.names();
    assert_eq!(states.len(), 2, "{states:?}");
    assert!(
        states
            .iter()
            .all(|(name, state)| name == "casa" && state != "tentative"),
        "{states:?}"
    );
}

// RFC 4795 4.1: R46, R47
#[test]
fn a_restart_within_the_lease_goes_on_with_the_names_that_were_verified() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let wire = scene.wire();
    let arguments = scene.arguments(&["--name", "casa"]);
    let agent = Agent::start(&scene.host, &arguments);
    let instance = agent.instance().to_owned();
    agent.kill();
    let agent = Agent::start_as(&scene.host, &instance, &arguments);
    for id in 0..20 {
        let reply = wire.ask(&query("casa", id));
        assert_eq!(reply.message.flags & TENTATIVE, 0, "answer {id}");
    }
    drop(agent);
}

// RFC 4795 4.2: R17, R51
#[test]
fn a_conflict_that_is_told_is_verified_and_the_one_with_the_larger_address_gives_in() {
    let scene = or_skip!(Scene::bare(Path::Userspace));
    scene.host.ip("address add 10.7.0.1/24 dev eth0");
    scene.peer.ip("address add 10.7.0.2/24 dev eth0");
    for namespace in [&scene.host, &scene.peer] {
        namespace.set("net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    let (one, other) = (casa("withdraw"), casa("keep"));
    let mut smaller = Agent::spawn(&scene.host, &["--config", &one.path]);
    smaller.wait_for_words(&["eth0: ready", "casa"]);
    // It keeps the name for now, and so both have it, as after two links were joined.
    let mut larger = Agent::spawn(&scene.peer, &["--config", &other.path]);
    larger.wait_for_words(&["casa", "10.7.0.1"]);
    other.rewrite("names = [\"casa\"]\nttl = 1\nxdp = \"off\"\n[interface.eth0]\n");
    larger.signal(nix::sys::signal::Signal::SIGHUP);
    larger.wait_for_words(&["configuration read again"]);
    let third = Station::new(PEER_MAC, [10, 7, 0, 77]);
    let doubt = FrameBuilder::llmnr(third).question("casa", A).flags(0x0400);
    scene.wire().send(&doubt.build());
    Wire::open(&scene.host, "eth0").send(&doubt.build());
    wait_until("the larger one to give in", || larger.names().is_empty());
    assert_eq!(smaller.names(), unique("casa"));
}

// RFC 4795 4.1: R46, R49
#[test]
fn beside_systemd_resolved_a_name_belongs_to_who_came_first() {
    let peer = or_skip!(Peer::find("systemd-resolved"));
    // It is kept waiting at times for longer than a verification lasts; then it has had no say.
    for _ in 0..TRIES {
        let scene = or_skip!(Scene::new(Path::Userspace));
        if systemd_resolved_keeps_its_name(&peer, &scene) {
            return;
        }
    }
    panic!("systemd-resolved was never heard in time");
}

/// Whether systemd-resolved kept the name that it had; if so, it finds the one that is ours.
fn systemd_resolved_keeps_its_name(peer: &Peer, scene: &Scene) -> bool {
    let resolved = Resolved::start(peer, &scene.peer);
    // Its host name is `asker`. What counts is that it has verified that.
    let from_host = Wire::open(&scene.host, "eth0");
    let query = FrameBuilder::llmnr(Station::new(HOST_MAC, HOST_V4)).question("asker", A);
    wait_until("systemd-resolved to have verified its name", || {
        from_host.send(&query.build());
        let replies = from_host.drain();
        let mut replies = replies.iter().filter_map(|frame| Reply::decode(frame));
        replies.any(|reply| reply.message.flags & TENTATIVE == 0)
    });
    let config = config_file("names = [\"asker\", \"casa\"]\nxdp = \"off\"\n[interface.eth0]\n");
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready", "casa"]);
    if agent.names() != unique("casa") {
        return false;
    }
    agent.wait_for_words(&["asker", "02:00:00:00:00:02"]);
    assert_eq!(why(&agent, "asker").0, "conflict");
    // It still finds the name that is ours.
    let found = resolved.resolve("casa", 2);
    assert!(found.addresses.contains(&IpAddr::V4(HOST_V4)), "{found:?}");
    true
}
