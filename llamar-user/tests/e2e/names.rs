//! Names added and removed while the agent runs: answered as soon as they are there, silent as soon as they are gone.

use std::fs;
use std::net::IpAddr;
use std::path::Path as FilePath;
use std::process::Output;

use llamar_common::testing::A;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::lifecycle::{assert_says, casa, query, query_on_second, second_link};
use crate::support::agent::{Agent, config_file, instance, llamar};
use crate::support::ask::{Over, llmnr_query};
use crate::support::peers::Peer;
use crate::support::scene::{PEER_LOCAL_V6, PEER_V4, Path, Scene, own_addresses};
use crate::support::wait_until;

const TV_V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 7, 0, 77));
const TV_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 0x77));

/// The entries of `llamar names` for a name.
fn rows(agent: &Agent<'_>, name: &str) -> Vec<Value> {
    let printed = agent.printed(&["names", "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let rows = report["names"].as_array().expect("a list of names").clone();
    rows.into_iter().filter(|row| row["name"] == name).collect()
}

/// Waits until a name is answered for by whoever is to do it, the kernel or userspace.
#[track_caller]
fn wait_for_name(agent: &Agent<'_>, name: &str, path: Path) {
    wait_until(&format!("{name} to be served"), || {
        let rows = rows(agent, name);
        let ready = |row: &Value| {
            row["state"] == "unique" && (path == Path::Userspace || row["kernel"] == true)
        };
        !rows.is_empty() && rows.iter().all(ready)
    });
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_says(&said, words);
    assert!(output.stdout.is_empty());
}

/// A name of this host's and one held for another host are added, asked for by llmnr-query, and removed.
fn names_come_and_go_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let peer = or_skip!(Peer::find("llmnr-query"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let ask = |over, name, kind| llmnr_query(&peer, &scene.peer, over, name, kind, 3000);
    let silent = |name| {
        for (over, kind) in [(Over::Ipv4, "A"), (Over::Ipv6, "AAAA")] {
            let told = llmnr_query(&peer, &scene.peer, over, name, kind, 400);
            assert_eq!(told, [] as [IpAddr; 0], "{name} over {over:?}");
        }
    };
    silent("media");
    assert_eq!(agent.printed(&["names", "add", "media"]), "");
    assert_eq!(
        agent.printed(&["names", "add", "tv", &TV_V4.to_string(), &TV_V6.to_string()]),
        ""
    );
    wait_for_name(&agent, "media", path);
    wait_for_name(&agent, "tv", path);
    let ask_all = || {
        [
            ask(Over::Ipv4, "MEDIA", "A"),
            ask(Over::Ipv6, "media", "A"),
            ask(Over::Ipv4, "tv", "A"),
            ask(Over::Ipv6, "tv", "AAAA"),
        ]
    };
    let told = if path == Path::Userspace {
        ask_all()
    } else {
        let (told, counted) = agent.asked_while_stopped(ask_all);
        assert_eq!(counted.of("llmnr-answered"), 4);
        told
    };
    let expected = [
        own_addresses(A, PEER_V4.into()).to_vec(),
        own_addresses(A, PEER_LOCAL_V6.into()).to_vec(),
        vec![TV_V4],
        vec![TV_V6],
    ];
    assert_eq!(told, expected);
    agent.printed(&["names", "remove", "Media"]);
    silent("media");
    agent.printed(&["names", "remove", "tv"]);
    silent("tv");
    assert_eq!(
        (rows(&agent, "media"), rows(&agent, "tv")),
        (vec![], vec![])
    );
    // The others are as they were.
    let told = ask(Over::Ipv4, "casa", "A");
    assert_eq!(told, own_addresses(A, PEER_V4.into()));
}

#[test]
fn names_added_while_the_agent_runs_come_and_go_in_the_kernel_of_a_native_veth() {
    names_come_and_go_on(Path::NativeVeth);
}

#[test]
fn names_added_while_the_agent_runs_come_and_go_in_the_kernel_of_a_generic_veth() {
    names_come_and_go_on(Path::GenericVeth);
}

#[test]
fn names_added_while_the_agent_runs_come_and_go_in_userspace() {
    names_come_and_go_on(Path::Userspace);
}

fn a_name_is_added_to_one_interface_only_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let second = second_link(&scene, "eth1");
    let first = scene.wire();
    let interfaces = ["--iface", "eth1", "--name", "casa"];
    let agent = Agent::start(&scene.host, &scene.arguments(&interfaces));
    let ours = |last: u8| -> [IpAddr; 1] { [[10, 8, 0, last].into()] };
    agent.printed(&["names", "add", "patio", "--iface", "eth1"]);
    // Valid on its link only, so only with an interface.
    agent.printed(&["names", "add", "door", "169.254.9.9", "-i", "eth1"]);
    wait_for_name(&agent, "patio", path);
    wait_for_name(&agent, "door", path);
    let patio = second.ask(&query_on_second("patio")).message;
    patio.assert_answers("patio", A, 30, &ours(1));
    let door = second.ask(&query_on_second("door").id(7)).message;
    door.assert_answers("door", A, 30, &[[169, 254, 9, 9].into()]);
    first.assert_unanswered(&query("patio").id(1), &casa().id(2));
    first.assert_unanswered(&query("door").id(3), &casa().id(4));
    // A name that is on both goes from one.
    agent.printed(&["names", "remove", "casa", "--iface", "eth1"]);
    second.assert_unanswered(
        &query_on_second("casa").id(5),
        &query_on_second("patio").id(6),
    );
    first.ask(&casa().id(8));
    let output = agent.cli(&["names", "remove", "patio", "--iface", "eth0"]);
    assert_fails(&output, 1, &["\"patio\" is not there on eth0, expected"]);
}

#[test]
fn a_name_is_added_to_one_interface_only() {
    a_name_is_added_to_one_interface_only_on(Path::GenericVeth);
}

#[test]
fn a_name_is_added_to_one_interface_only_without_xdp() {
    a_name_is_added_to_one_interface_only_on(Path::Userspace);
}

#[test]
fn what_was_added_and_removed_outlives_a_reload_but_not_the_agent() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let text = "names = [\"casa\", \"old\"]\nhosts-file = \"hosts\"\n[hosts]\nnas = \"10.7.0.9\"\n";
    let config = config_file(text);
    let hosts = FilePath::new(&config.path).with_file_name("hosts");
    fs::write(hosts, "10.7.0.8 printer\n10.7.0.7 fax\n").expect("write a hosts file");
    let arguments = scene.arguments(&["--config", &config.path]);
    let agent = Agent::start(&scene.host, &arguments);
    let wire = scene.wire();
    let mut id = 100;
    let mut silent = |name: &str| {
        id += 2;
        wire.assert_unanswered(&query(name).id(id), &casa().id(id + 1));
    };
    for name in ["old", "nas", "printer"] {
        wire.ask(&query(name));
        agent.printed(&["names", "remove", name]);
        silent(name);
    }
    agent.printed(&["names", "add", "ñandú.patio", "10.7.0.77"]);
    config.rewrite(&text.replace("\"old\"", "\"old\", \"new\""));
    agent.signal(Signal::SIGHUP);
    wait_for_name(&agent, "new", Path::GenericVeth);
    agent.wait_until_verified();
    for name in ["old", "nas", "printer"] {
        silent(name);
    }
    // The kernel path knows names of one label only.
    wait_for_name(&agent, "ñandú.patio", Path::Userspace);
    let told = wire.ask(&query("ñandú.patio").id(1)).message;
    told.assert_answers("ñandú.patio", A, 30, &[[10, 7, 0, 77].into()]);
    wire.ask(&query("fax").id(2));
    // A name of the file comes back by being added.
    agent.printed(&["names", "add", "old"]);
    wait_for_name(&agent, "old", Path::GenericVeth);
    let told = wire.ask(&query("old").id(3)).message;
    told.assert_answers("old", A, 30, &own_addresses(A, PEER_V4.into()));
    let (status, said) = agent.terminate();
    assert!(status.success(), "{said}");
    assert_says(&said, &["ñandú.patio added", "printer removed"]);

    let agent = Agent::start(&scene.host, &arguments);
    wait_for_name(&agent, "nas", Path::GenericVeth);
    wire.ask(&query("printer").id(4));
    silent("ñandú.patio");
}

#[test]
fn names_that_will_not_do_are_told_with_or_without_an_agent_and_change_nothing() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let name = instance();
    let nobody = |arguments: &[&str]| llamar(&scene.host, arguments, Some(&name));
    let before = agent.printed(&["names"]);
    for (arguments, words) in [
        (
            &["names", "add", "a b"][..],
            &["\"a b\" has ' ' in it, expected a name"][..],
        ),
        (
            &["names", "add", "localhost"],
            &["\"localhost\" means every host itself"],
        ),
        (
            &["names", "add", "tv", "127.0.0.1", "ff02::1", "10.0.0"],
            &[
                "\"127.0.0.1\" is loopback",
                "\"ff02::1\" is multicast",
                "\"10.0.0\" is no address",
            ],
        ),
        (
            &["names", "add", "tv", "fe80::9"],
            &["\"fe80::9\" is link-local", "--iface"],
        ),
        (
            &["names", "add", "tv", "--iface", "a/b"],
            &["\"a/b\" has '/' in it"],
        ),
        (&["names", "remove", ""], &["the name is empty"]),
        (&["names", "add"], &["Usage"]),
        (&["names", "--json", "add", "tv"], &["--json"]),
    ] {
        assert_fails(&agent.cli(arguments), 2, words);
        assert_fails(&nobody(arguments), 2, words);
    }
    for (arguments, words) in [
        (
            &["names", "add", "CASA"][..],
            &["\"CASA\" is there already on eth0, expected"][..],
        ),
        (
            &["names", "add", "casa", "10.0.0.1"],
            &["\"casa\" is there already on eth0"],
        ),
        (
            &["names", "remove", "tv"],
            &["\"tv\" is not there, expected"],
        ),
        (
            &["names", "add", "tv", "--iface", "eth9"],
            &["\"eth9\" is not served, expected one of eth0"],
        ),
    ] {
        assert_fails(&agent.cli(arguments), 1, words);
        let no_agent = ["no agent of the instance", "llamar run", "--instance"];
        assert_fails(&nobody(arguments), 1, &no_agent);
    }
    assert_eq!(agent.printed(&["names"]), before);
}
