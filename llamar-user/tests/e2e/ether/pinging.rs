//! `llamar ether ping` and `llamar ether respond`.

use nix::sys::signal::Signal;

use super::{ether, objects, start};
use crate::support::scene::Scene;

const HOST: &str = "02:00:00:00:00:01";

#[test]
fn a_station_where_respond_runs_replies_and_the_way_is_timed() {
    let scene = or_skip!(Scene::quiet());
    let mut respond = start(&scene.host, "respond -I eth0 -c 3");
    // The only interface that is up needs no name.
    let (code, out, err) = ether(&scene.peer, &format!("ping {HOST} -c 3 -w 0.05 -W 10"));
    assert_eq!(code, 0, "{err}");
    for (number, line) in (1..).zip(out.lines()) {
        let begin = format!("46 bytes from {HOST}: seq={number} time=");
        let time = line
            .strip_prefix(&begin)
            .and_then(|rest| rest.strip_suffix(" ms"));
        let time = time.unwrap_or_else(|| panic!("{line}"));
        assert!(
            (0.0..10_000.0).contains(&time.parse::<f64>().unwrap()),
            "{line}"
        );
    }
    assert_eq!(out.lines().count(), 3);
    let heading = format!("llamar: PING {HOST} from 02:00:00:00:00:02 on eth0: 46 bytes\n");
    assert!(err.starts_with(&heading), "{err}");
    let summary = format!(
        "llamar: --- {HOST} ping statistics ---\nllamar: 3 sent, 3 received, 0% loss\nllamar: rtt min/avg/max/mdev = "
    );
    assert!(err.contains(&summary), "{err}");
    assert!(respond.wait().success());
    let said = respond.said();
    for line in [
        "llamar: replying as 02:00:00:00:00:01 on eth0\n",
        "46 bytes to 02:00:00:00:00:02: seq=1\n",
        "46 bytes to 02:00:00:00:00:02: seq=3\n",
        "llamar: 3 replies, 0 requests ignored\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn where_nobody_replies_that_is_the_exit_code() {
    let scene = or_skip!(Scene::quiet());
    let line = format!("ping -I eth0 {HOST} -c 2 -w 0.05 -W 0.1");
    let (code, out, err) = ether(&scene.peer, &line);
    assert_eq!((code, &out[..]), (1, ""));
    assert!(
        err.contains("llamar: no reply to seq=1\nllamar: no reply to seq=2\n"),
        "{err}"
    );
    assert!(err.ends_with("2 sent, 0 received, 100% loss\n"), "{err}");
    let (code, out, err) = ether(&scene.peer, &format!("{line} -q"));
    assert_eq!((code, &out[..], &err[..]), (1, "", ""));
}

#[test]
fn everybody_on_a_vlan_is_asked_with_as_much_as_the_mtu_allows() {
    let scene = or_skip!(Scene::quiet());
    let mut respond = start(&scene.host, "respond -i eth0 --json");
    let ping = "ping broadcast -I eth0 -c 1 -W 5 -V 100 --priority 5 --size 1500 --json";
    let (code, out, err) = ether(&scene.peer, ping);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [reply, statistics] = &lines[..] else {
        panic!("{out}");
    };
    assert_eq!(
        (&reply["event"], &reply["from"]),
        (&"reply".into(), &HOST.into())
    );
    assert_eq!(
        (&reply["bytes"], &reply["damaged_at"]),
        (&1500.into(), &().into())
    );
    assert_eq!(
        (&statistics["sent"], &statistics["received"]),
        (&1.into(), &1.into())
    );
    respond.wait_for_line("an object", |line| line.starts_with('{').then_some(()));
    let told = objects(&respond);
    assert_eq!(
        (&told[0]["vlan"], &told[0]["bytes"]),
        (&100.into(), &1500.into())
    );
}

#[test]
fn whoever_wants_to_know_is_told_of_requests_and_replies_by_both() {
    let scene = or_skip!(Scene::quiet());
    let mut respond = start(&scene.host, "respond -v -I eth0");
    let line = format!("ping -v {HOST} -I eth0 -c 1 -W 10");
    let (code, _, err) = ether(&scene.peer, &line);
    assert_eq!(code, 0, "{err}");
    let (request, reply) = (
        "02:00:00:00:00:02 -> 02:00:00:00:00:01: of type 0x88b5",
        "02:00:00:00:00:01 -> 02:00:00:00:00:02: of type 0x88b5",
    );
    for (what, frame) in [("sent", request), ("received", reply)] {
        assert!(err.contains(&format!("debug: {what} {frame}\n")), "{err}");
    }
    for (what, frame) in [("received", request), ("sent", reply)] {
        respond.wait_for_words(&[&format!("debug: {what} {frame}")]);
    }
}

#[test]
fn ctrl_c_and_the_deadline_end_a_ping_with_statistics() {
    let scene = or_skip!(Scene::quiet());
    let _respond = start(&scene.host, "respond -I eth0");
    let mut ping = start(&scene.peer, &format!("ping {HOST} -I eth0 -w 0.05"));
    ping.wait_for_words(&["seq=2"]);
    ping.signal(Signal::SIGINT);
    assert_eq!(ping.wait().code(), Some(0));
    assert!(
        ping.said()
            .contains("% loss\nllamar: rtt min/avg/max/mdev = "),
        "{}",
        ping.said()
    );
    let (code, out, err) = ether(
        &scene.peer,
        "ping 02:00:00:00:00:09 -I eth0 -w 0.05 -W 60 --deadline 2",
    );
    assert_eq!((code, &out[..]), (1, ""), "{err}");
    assert!(err.contains(" received, 100% loss\n"), "{err}");
}

#[test]
fn a_responder_outlives_its_interface_going_down_and_tells_when_it_is_deleted() {
    let scene = or_skip!(Scene::quiet());
    let mut respond = start(&scene.host, "respond -I eth0");
    let ping = format!("ping {HOST} -I eth0 -c 1 -W 10");
    scene.host.ip("link set eth0 down");
    respond.wait_for_words(&["eth0 is down"]);
    let (code, _, err) = ether(&scene.peer, &ping);
    assert_eq!(code, 2);
    assert!(
        err.contains("eth0: down, or without a carrier: set it up first"),
        "{err}"
    );
    scene.host.ip("link set eth0 up");
    respond.wait_for_words(&["eth0 is up again"]);
    scene.peer.wait_for_carrier("eth0");
    let (code, _, err) = ether(&scene.peer, &ping);
    assert_eq!(code, 0, "{err}");
    scene.host.ip("link del eth0");
    assert_eq!(respond.wait().code(), Some(2));
    assert!(
        respond.said().contains("eth0 is gone"),
        "{}",
        respond.said()
    );
}

#[test]
fn a_ping_whose_interface_goes_down_says_so_and_what_came_until_then() {
    let scene = or_skip!(Scene::quiet());
    let _respond = start(&scene.host, "respond -I eth0");
    let mut ping = start(&scene.peer, &format!("ping {HOST} -I eth0 -w 0.05"));
    ping.wait_for_words(&["seq=2"]);
    scene.peer.ip("link set eth0 down");
    assert_eq!(ping.wait().code(), Some(2));
    let said = ping.said();
    assert!(said.contains("rtt min/avg/max/mdev = "), "{said}");
    assert!(
        said.contains("send a frame of 60 bytes on eth0: Network is down"),
        "{said}"
    );
}
