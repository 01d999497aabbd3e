//! Starting, dying, restarting, reloading and ending: what stays, what goes, and what is told.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path as FilePath, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use llamar_common::abi::LAYOUT_VERSION;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::{
    Agent, ConfigFile, LLAMAR, config_file, config_file_named, finish, instance, llamar,
};
use crate::support::counters::Counters;
use crate::support::frame::{A, FrameBuilder, Query, Station};
use crate::support::net::{Namespace, Net, private_etc, run};
use crate::support::peers::{Peer, bpftool_json};
use crate::support::scene::{
    HOST_LOCAL_V4, HOST_LOCAL_V6, HOST_V4, HOST_V6, PEER_V4, Path, Scene, asker, own_addresses,
};
use crate::support::sys::PassAll;
use crate::support::wire::Wire;
use crate::support::{wait_for, wait_until};

fn casa() -> Query {
    query("casa")
}

fn query(name: &str) -> Query {
    FrameBuilder::llmnr(asker(PEER_V4)).question(name, A)
}

/// A second link between host and peer, with an address on each side.
fn second_link(scene: &Scene, name: &str) -> Wire {
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
fn query_on_second(name: &str) -> Query {
    FrameBuilder::llmnr(Station::new([2, 0, 0, 0, 0, 4], [10, 8, 0, 2])).question(name, A)
}

/// Where an instance's pins are.
fn pins(instance: &str) -> PathBuf {
    format!("/sys/fs/bpf/llamar/{instance}/v{LAYOUT_VERSION}").into()
}

/// The id of an instance's link on an interface.
fn link_id(bpftool: &Peer, instance: &str, index: u32) -> u64 {
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
fn assert_nothing_left(host: &Namespace, interface: &str, instance: &str) {
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

/// Standard error of a command that has to fail with an exit code.
#[track_caller]
fn refused(host: &Namespace, arguments: &[&str], code: i32) -> String {
    let name = instance();
    let output = llamar(host, &[&["run"], arguments].concat(), Some(&name));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for folder in ["/sys/fs/bpf/llamar", "/run/llamar"] {
        let entries: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(
            entries,
            [] as [PathBuf; 0],
            "left behind in {folder} after: {said}"
        );
    }
    said
}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
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
    let before = counters();
    agent.kill();
    wire.ask(&casa())
        .message
        .assert_answers("casa", A, 30, &own_addresses(A, PEER_V4.into()));
    assert_eq!(counters().since(&before).of("llmnr-answered"), 1);
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
    let (_, counted) = agent.asked_while_stopped(|| wire.ask(&casa().id(99)));
    assert_eq!(counted.of("llmnr-answered"), 1);
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
    let (reply, counted) = agent.asked_while_stopped(|| wire.ask(&query("new")));
    assert_eq!(counted.of("llmnr-answered"), 1);
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
    let (_, counted) = agent.asked_while_stopped(|| wire.ask(&casa()));
    assert_eq!(counted.of("llmnr-answered"), 1);
}

#[test]
fn second_agent_of_an_instance_is_refused_and_told_who_the_first_is() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
    let output = agent.cli(&[&["run"], &scene.arguments(&["--name", "casa"])[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &[&agent.pid().to_string(), agent.instance()],
    );
    scene.wire().ask(&casa());
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
fn port_that_another_process_holds_is_told_with_its_holder() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let _holder = scene
        .host
        .inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5355)))
        .expect("bind the port");
    let said = refused(&scene.host, &scene.arguments(&["--name", "casa"]), 1);
    let own = fs::read_to_string("/proc/self/comm").expect("our own name");
    assert_says(
        &said,
        &["5355", &std::process::id().to_string(), own.trim()],
    );
    assert!(!scene.host.ip("link show dev eth0").contains("xdp"));
}

/// A program on the host's interface. The one before may linger: processes that start at that moment hold it until
/// they are what they are to be.
fn somebody_elses_program(scene: &Scene, native: bool) -> PassAll {
    let attach = || {
        scene
            .host
            .inside(|| PassAll::attach("eth0", "not_ours", native))
    };
    wait_for("the interface to be free", || attach().ok())
}

#[test]
fn somebody_elses_program_is_left_on_the_interface() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    for native in [true, false] {
        let _foreign = somebody_elses_program(&scene, native);
        let before = scene.host.ip("link show dev eth0");
        let id = before
            .rsplit_once("xdp id ")
            .expect("a program's id")
            .1
            .split_whitespace()
            .next()
            .expect("an id");
        for mode in ["auto", "generic", "native"] {
            let said = refused(
                &scene.host,
                &["--iface", "eth0", "--name", "casa", "--xdp", mode],
                1,
            );
            assert_says(&said, &["eth0", "not_ours", id, "--xdp off"]);
        }
        assert_eq!(scene.host.ip("link show dev eth0"), before);
    }
    let _foreign = somebody_elses_program(&scene, false);
    let _agent = Agent::start(
        &scene.host,
        &["--iface", "eth0", "--name", "casa", "--xdp", "off"],
    );
    scene.wire().ask(&casa());
}

#[test]
fn native_mode_where_the_driver_has_none_is_refused_and_auto_does_without() {
    let scene = or_skip!(Scene::new(Path::GenericBridge));
    let said = refused(
        &scene.host,
        &["--iface", "br0", "--name", "casa", "--xdp", "native"],
        1,
    );
    assert_says(&said, &["br0", "native"]);
    let mut agent = Agent::start(
        &scene.host,
        &["--iface", "br0", "--name", "casa", "--xdp", "auto"],
    );
    agent.wait_for_words(&["br0: ready", "generic", "casa"]);
}

#[test]
fn interface_that_is_missing_is_refused_unless_it_is_waited_for() {
    let scene = or_skip!(Scene::bare(Path::GenericVeth));
    assert_says(
        &refused(&scene.host, &["--iface", "eth7", "--name", "casa"], 1),
        &["eth7", "--wait"],
    );
    let mut agent = Agent::spawn(
        &scene.host,
        &[
            "--iface", "eth7", "--name", "casa", "--wait", "--xdp", "generic",
        ],
    );
    agent.wait_for_words(&["eth7"]);
    let wire = second_link(&scene, "eth7");
    agent.wait_for_words(&["eth7: ready", "generic", "casa"]);
    wire.ask(&query_on_second("casa")).message.assert_answers(
        "casa",
        A,
        30,
        &[[10, 8, 0, 1].into()],
    );
}

#[test]
fn interface_that_is_not_ethernet_is_refused() {
    let scene = or_skip!(Scene::bare(Path::GenericVeth));
    assert_says(
        &refused(&scene.host, &["--iface", "lo", "--name", "casa"], 1),
        &["lo", "Ethernet"],
    );
}

#[test]
fn interface_that_is_down_is_warned_about_and_served_when_it_comes_up() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    scene.host.ip("link set eth0 down");
    let mut agent = Agent::spawn(&scene.host, &scene.arguments(&["--name", "casa"]));
    agent.wait_for_words(&["eth0", "down"]);
    scene.host.ip("link set eth0 up");
    agent.wait_for_words(&["eth0: ready"]);
    let wire = scene.wire();
    wait_until("the address to be served", || {
        agent.printed(&["names"]).contains(&HOST_V4.to_string())
    });
    let (_, counted) = agent.asked_while_stopped(|| wire.ask(&casa()));
    assert_eq!(counted.of("llmnr-answered"), 1);
}

#[test]
fn missing_bpf_file_system_is_told_with_the_command_that_mounts_it() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    nix::mount::umount("/sys/fs/bpf").expect("unmount the test's own bpf file system");
    // There may be another one of the machine's below.
    let _ = nix::mount::umount("/sys/fs/bpf");
    let said = refused(&scene.host, &scene.arguments(&["--name", "casa"]), 1);
    assert_says(&said, &["/sys/fs/bpf", "mount -t bpf"]);
    let _agent = Agent::start(
        &scene.host,
        &["--iface", "eth0", "--name", "casa", "--xdp", "off"],
    );
    scene.wire().ask(&casa());
}

#[test]
fn missing_capability_is_named() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let name = instance();
    let mut command = scene.host.command("setpriv");
    command.args([
        "--bounding-set",
        "-bpf,-sys_admin",
        "--inh-caps",
        "-bpf,-sys_admin",
        "--",
    ]);
    command.arg(LLAMAR).args(["run", "--instance", &name]);
    command.args(scene.arguments(&["--name", "casa"]));
    let output = finish(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_says(&said, &["CAP_BPF"]);
    assert_nothing_left(&scene.host, "eth0", &name);
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
fn full_names_map_is_an_error_with_the_count_and_userspace_answers_the_rest() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let hosts: String = (1..=20)
        .map(|last| format!("host{last} = \"192.168.1.{last}\"\n"))
        .collect();
    let config = config_file(&format!(
        "names = [\"casa\"]\nmax-names = 8\n[hosts]\n{hosts}"
    ));
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    // 21 names, 8 places.
    agent.wait_for_words(&["13"]);
    let wire = scene.wire();
    let before = agent.counters();
    for last in 1..=20 {
        let name = format!("host{last}");
        wire.ask(&query(&name).id(last.into()))
            .message
            .assert_answers(&name, A, 30, &[[192, 168, 1, last].into()]);
    }
    let counted = agent.counters().since(&before);
    assert!(counted.of("llmnr-foreign") >= 12, "{counted:?}");
}

#[test]
fn pinned_map_of_another_layout_is_refused() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let name = instance();
    fs::create_dir_all(pins(&name)).expect("make the pins' directory");
    let pin = pins(&name).join("llamar_names");
    let create = [
        "map",
        "create",
        pin.to_str().expect("a path"),
        "type",
        "hash",
        "key",
        "4",
        "value",
        "4",
        "entries",
        "1",
    ];
    run(bpftool
        .command()
        .args(create)
        .args(["name", "llamar_names"]));
    let output = llamar(
        &scene.host,
        &[&["run"], &scene.arguments(&["--name", "casa"])[..]].concat(),
        Some(&name),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_says(&said, &["llamar_names", "llamar detach"]);
    assert!(!scene.host.ip("link show dev eth0").contains("xdp"));
    assert!(
        llamar(&scene.host, &["detach"], Some(&name))
            .status
            .success()
    );
    let agent = Agent::start_as(&scene.host, &name, &scene.arguments(&["--name", "casa"]));
    let wire = scene.wire();
    let (_, counted) = agent.asked_while_stopped(|| wire.ask(&casa()));
    assert_eq!(counted.of("llmnr-answered"), 1);
}

#[test]
fn restart_with_another_capacity_keeps_the_link_and_says_that_the_old_one_stays() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let bpftool = or_skip!(Peer::find("bpftool"));
    let name = instance();
    let agent = Agent::start_as(
        &scene.host,
        &name,
        &scene.arguments(&["--name", "casa", "--max-names", "100"]),
    );
    let link = link_id(&bpftool, &name, scene.host.index("eth0"));
    agent.kill();
    let mut agent = Agent::start_as(
        &scene.host,
        &name,
        &scene.arguments(&["--name", "casa", "--max-names", "200"]),
    );
    agent.wait_for_words(&["warning", "100"]);
    assert_eq!(link_id(&bpftool, &name, scene.host.index("eth0")), link);
    let wire = scene.wire();
    let (_, counted) = agent.asked_while_stopped(|| wire.ask(&casa()));
    assert_eq!(counted.of("llmnr-answered"), 1);
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
    // The last of what the start has set going.
    sleep(Duration::from_secs(1));
    let before = switches();
    sleep(Duration::from_secs(3));
    let woken = switches() - before;
    assert!(woken <= 8, "woken {woken} times in three seconds");
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
