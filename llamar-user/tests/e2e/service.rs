//! What an agent serves by its configuration, and what it tells of it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path as FilePath;
use std::thread::sleep;
use std::time::Duration;

use llamar_common::testing::A;
use serde_json::Value;

use super::lifecycle::{casa, pins, query, query_on_second, second_link};
use crate::support::agent::{Agent, LLAMAR, config_file, config_file_named, instance, llamar};
use crate::support::counters::Counters;
use crate::support::net::{Namespace, Net, private_etc, run};
use crate::support::peers::{Peer, bpftool_json};
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_LOCAL_V6, HOST_V4, HOST_V6, PEER_V4, Path, Scene, own_addresses,
};
use crate::support::wait_until;

#[test]
fn names_and_status_are_told_with_and_without_an_agent() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(
        &scene.host,
        &scene.arguments(&["--name", "casa", "--name", "Media"]),
    );
    scene.wire().ask(&casa());
    let name = agent.instance().to_owned();
    let addresses = [
        HOST_V4.to_string(),
        HOST_LOCAL_V4.to_string(),
        HOST_V6.to_string(),
        HOST_LOCAL_V6.to_string(),
    ];
    let told = |command: &[&str]| {
        let output = llamar(&scene.host, command, Some(&name));
        assert_eq!(
            output.status.code(),
            Some(0),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let check_names = |printed: &str| {
        for word in ["casa", "media", "eth0", "unique"] {
            assert!(printed.to_lowercase().contains(word), "{word}: {printed}");
        }
        for address in &addresses {
            assert!(printed.contains(address.as_str()), "{address}: {printed}");
        }
    };
    check_names(&told(&["names"]));
    let json = told(&["names", "--json"]);
    serde_json::from_str::<Value>(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    check_names(&json);
    let status = told(&["status"]);
    for word in ["eth0", "generic", "llmnr-answered"] {
        assert!(status.contains(word), "{word}: {status}");
    }
    assert!(!status.contains("no agent"), "{status}");
    let with_agent = Counters::parse(&told(&["status", "--json"]));
    assert!(with_agent.of("llmnr-answered") >= 1);
    agent.kill();
    check_names(&told(&["names"]));
    check_names(&told(&["names", "--json"]));
    assert!(told(&["names"]).contains("no agent"));
    assert!(told(&["status"]).contains("no agent"));
    assert!(Counters::parse(&told(&["status", "--json"])).of("llmnr-answered") >= 1);
    // Nothing at all is no failure either.
    let output = llamar(&scene.host, &["names"], Some("nobody"));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("no agent"));
}

#[test]
fn control_socket_is_roots_alone() {
    use std::os::unix::fs::PermissionsExt;
    let scene = or_skip!(Scene::new(Path::Userspace));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let socket = format!("/run/llamar/{}.sock", agent.instance());
    let mode = fs::metadata(&socket)
        .expect("the control socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn two_agents_in_two_namespaces_need_no_instance_names() {
    let net = or_skip!(Net::new());
    let first = or_skip!(Scene::bare_in(&net, Path::GenericVeth)).with_addresses();
    let second = or_skip!(Scene::bare_in(&net, Path::GenericVeth)).with_addresses();
    let one = Agent::start_unnamed(&first.host, &first.arguments(&["--name", "casa"]));
    let two = Agent::start_unnamed(&second.host, &second.arguments(&["--name", "media"]));
    let (first_wire, second_wire) = (first.wire(), second.wire());
    first_wire.ask(&casa());
    second_wire.ask(&query("media"));
    first_wire.assert_unanswered(&query("media").id(1), &casa().id(2));
    second_wire.assert_unanswered(&casa().id(3), &query("media").id(4));
    let names = |host: &Namespace| {
        String::from_utf8_lossy(&llamar(host, &["names"], None).stdout).into_owned()
    };
    assert!(names(&first.host).contains("casa") && !names(&first.host).contains("media"));
    assert!(names(&second.host).contains("media") && !names(&second.host).contains("casa"));
    let (status, said) = one.terminate();
    assert!(status.success(), "{said}");
    second_wire.ask(&query("media").id(5));
    let (status, said) = two.terminate();
    assert!(status.success(), "{said}");
}

fn two_interfaces_have_their_own_names_on(mode: &str, path: Path) {
    let scene = or_skip!(Scene::new(path));
    let second = second_link(&scene, "eth1");
    let config = config_file(&format!(
        "xdp = \"{mode}\"\n[interface.eth0]\nnames = [\"casa\", \"both\"]\n\
         [interface.eth1]\nnames = [\"media\", \"both\"]\nttl = 5\n"
    ));
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready", "casa"]);
    agent.wait_for_words(&["eth1: ready", "media"]);
    let (first, on_second) = (scene.wire(), query_on_second);
    let theirs = [Ipv4Addr::new(10, 8, 0, 1).into()];
    for name in ["casa", "both"] {
        first.ask(&query(name)).message.assert_answers(
            name,
            A,
            30,
            &own_addresses(A, PEER_V4.into()),
        );
    }
    for name in ["media", "both"] {
        second
            .ask(&on_second(name))
            .message
            .assert_answers(name, A, 5, &theirs);
    }
    first.assert_unanswered(&query("media").id(1), &query("casa").id(2));
    second.assert_unanswered(&on_second("casa").id(3), &on_second("media").id(4));
}

#[test]
fn two_interfaces_have_their_own_names_and_addresses() {
    two_interfaces_have_their_own_names_on("generic", Path::GenericVeth);
}

#[test]
fn two_interfaces_have_their_own_names_and_addresses_without_xdp() {
    two_interfaces_have_their_own_names_on("off", Path::Userspace);
}

#[test]
fn names_map_reads_well_in_bpftool() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "Casa"]));
    let pin = pins(agent.instance()).join("llamar_names");
    let output =
        run(bpftool
            .command()
            .args(["map", "dump", "pinned", pin.to_str().expect("a path")]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let dump: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let [entry] = &dump.as_array().expect("entries")[..] else {
        panic!("one entry: {text}")
    };
    let key = &entry["key"];
    assert_eq!(key["label"], "casa", "{text}");
    assert_eq!(
        (&key["vlan"], &key["length"]),
        (&Value::from(0), &Value::from(4)),
        "{text}"
    );
    assert_eq!(key["ifindex"], scene.host.index("eth0"), "{text}");
    let value = &entry["value"];
    for (field, wanted) in [
        ("state", 1),
        ("a_count", 2),
        ("a_routable", 1),
        ("aaaa_count", 2),
        ("ttl", 30),
    ] {
        assert_eq!(value[field], wanted, "{field}: {text}");
    }
    assert_eq!(value["a"][0], serde_json::json!([10, 7, 0, 1]), "{text}");
    // By its name alone, as the README shows it; other tests may have maps of that name too.
    let maps = bpftool_json(&bpftool, &["map", "show", "name", "llamar_names"]);
    let maps = maps.as_array().map_or(1, Vec::len);
    assert!(maps >= 1);
}

#[test]
fn every_map_has_a_name_that_begins_with_llamar() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let mut names: Vec<_> = fs::read_dir(pins(agent.instance()))
        .expect("the pins")
        .map(|entry| {
            entry
                .expect("a pin")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let mut wanted: Vec<_> = llamar_common::abi::map::ALL
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    wanted.push(format!("link_{}", scene.host.index("eth0")));
    wanted.sort();
    assert_eq!(names, wanted);
}

#[test]
fn idle_agent_wakes_for_its_heartbeat_alone() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let status = format!("/proc/{}/status", agent.pid());
    let switches = || -> u64 {
        let text = fs::read_to_string(&status).expect("status of the agent");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("a count").trim().parse().expect("a number")
    };
    // What the start has set going, announcements among it, takes some seconds.
    wait_until(
        "three seconds in which the agent wakes 8 times at most",
        || {
            let before = switches();
            sleep(Duration::from_secs(3));
            let woken = switches() - before;
            eprintln!("woken {woken} times in three seconds");
            woken <= 8
        },
    );
}

#[test]
fn agent_without_a_name_takes_the_first_label_of_the_host_name() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let name = instance();
    let mut command = scene.host.service("unshare");
    let script = "hostname Kitchen.example.org && exec \"$0\" \"$@\"";
    command.args(["--uts", "sh", "-c", script, LLAMAR]);
    let agent = Agent::from_command(&scene.host, &name, command, &scene.arguments(&[]));
    let mut agent = agent;
    agent.wait_for_words(&["eth0: ready", "kitchen"]);
    scene.wire().ask(&query("kitchen"));
}

#[test]
fn default_configuration_is_toml_and_else_the_old_ini_file() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    private_etc();
    let write =
        |path: &str, text: &str| fs::write(FilePath::new(path), text).expect("write a config file");
    write("/etc/llmnr.conf", "[eth0]\nname = ini\n");
    let mut agent = Agent::spawn(&scene.host, &["--xdp", "generic"]);
    agent.wait_for_words(&["eth0: ready", "ini"]);
    drop(agent);
    write(
        "/etc/llamar.toml",
        "xdp = \"generic\"\n[interface.eth0]\nnames = [\"toml\"]\n",
    );
    let mut agent = Agent::spawn(&scene.host, &[]);
    agent.wait_for_words(&["eth0: ready", "toml"]);
    agent.wait_for_words(&["/etc/llmnr.conf", "/etc/llamar.toml"]);
    let wire = scene.wire();
    wire.assert_unanswered(&query("ini").id(1), &query("toml").id(2));
}

#[test]
fn ini_file_given_by_flag_is_read() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file_named("old.conf", b"[eth0]\nname = old-name\n");
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path, "--xdp", "generic"]);
    agent.wait_for_words(&["eth0: ready", "old-name"]);
    scene.wire().ask(&query("old-name"));
}

#[test]
fn hosts_file_serves_names_of_others_and_reports_what_it_skipped_once() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let config = config_file("names = [\"casa\"]\nhosts-file = \"hosts\"\n");
    let hosts = "127.0.0.1 localhost\n::1 localhost\n192.168.1.9 printer printer.lan # first\n2001:db8::9 printer\n192.168.1.10 printer\n224.0.0.1 group\n";
    fs::write(FilePath::new(&config.path).with_file_name("hosts"), hosts)
        .expect("write a hosts file");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_for_words(&["hosts", "3"]);
    let wire = scene.wire();
    let wanted = [[192, 168, 1, 9].into(), [192, 168, 1, 10].into()];
    wire.ask(&query("printer"))
        .message
        .assert_answers("printer", A, 30, &wanted);
    wire.ask(&query("printer.lan")).message.assert_answers(
        "printer.lan",
        A,
        30,
        &[[192, 168, 1, 9].into()],
    );
    wire.assert_unanswered(&query("localhost").id(1), &casa().id(2));
    wire.assert_unanswered(&query("group").id(3), &casa().id(4));
}
