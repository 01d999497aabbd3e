//! What `llamar run` refuses or warns about: each with what is wrong and what to do, and nothing left behind.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;

use llamar_common::testing::A;

use super::lifecycle::{
    assert_nothing_left, assert_says, casa, link_id, pins, query, query_on_second, second_link,
};
use crate::support::agent::{Agent, LLAMAR, config_file, finish, instance, llamar};
use crate::support::net::{Namespace, run};
use crate::support::peers::Peer;
use crate::support::scene::{HOST_V4, Path, Scene};
use crate::support::sys::PassAll;
use crate::support::{wait_for, wait_until};

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
    agent.wait_until_verified();
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
    agent.asked_in_kernel(&wire, &casa());
}

#[test]
fn missing_bpf_file_system_is_told_with_the_command_that_mounts_it() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    nix::mount::umount("/sys/fs/bpf").expect("unmount the test's own bpf file system");
    // There may be others of the machine's below.
    while nix::mount::umount("/sys/fs/bpf").is_ok() {}
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
    let ((), counted) = agent.counted(|| {
        for last in 1..=20 {
            let name = format!("host{last}");
            wire.ask(&query(&name).id(last.into()))
                .message
                .assert_answers(&name, A, 30, &[[192, 168, 1, last].into()]);
        }
    });
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
    agent.asked_in_kernel(&wire, &casa());
}

#[test]
fn pins_of_another_layout_are_removed_with_a_warning_and_the_kernel_answers_again() {
    let scene = or_skip!(Scene::new(Path::GenericVeth));
    let (name, arguments) = (instance(), scene.arguments(&["--name", "casa"]));
    let agent = Agent::start_as(&scene.host, &name, &arguments);
    agent.kill();
    let other = pins(&name).with_file_name("v0");
    fs::rename(pins(&name), &other).expect("make them another layout's");
    let mut agent = Agent::start_as(&scene.host, &name, &arguments);
    agent.wait_for_words(&["warning", "another version"]);
    assert!(!other.exists() && pins(&name).exists());
    let wire = scene.wire();
    agent.asked_in_kernel(&wire, &casa());
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
    agent.asked_in_kernel(&wire, &casa());
}
