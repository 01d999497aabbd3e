//! mDNS follows the interfaces, and the kernel path leaves it alone.

use std::time::Duration;

use llamar_common::testing::A;
use nix::sys::signal::Signal;

use super::{CONFIG, announced, claim, defend};
use crate::support::agent::{Agent, config_file};
use crate::support::lan::{Lan, v4};
use crate::support::mdns::{Somebody, Speech};
use crate::support::net::{Namespace, Net};
use crate::support::scene::{PEER_V4, Path, Scene};

// RFC 6762 8, 8.1, 10.2: A40
#[test]
fn after_an_absence_from_the_link_names_are_verified_anew() {
    let lan = or_skip!(Lan::new(2));
    let (mut agent, somebody) = announced(&lan);
    lan.host(1).ip("link set eth0 down");
    agent.wait_for_words(&["eth0", "is down"]);
    somebody.heard();
    lan.host(1).ip("link set eth0 up");
    let mut probes = 0;
    somebody.hear("the announcement", |heard| {
        probes += u8::from(heard.probes("casa.local") && heard.source.is_ipv4());
        heard.tells("casa.local A 120 flush 10.7.0.1").then_some(())
    });
    assert_eq!(probes, 3, "probes before the announcement");
}

// RFC 6762 6.2, 9, 14: A17, A34, A39
#[test]
fn each_link_gets_its_own_addresses_and_one_name_holds_on_all() {
    let net = or_skip!(Net::new());
    let [host, first, second] = host_of_two_links(&net);
    let config = config_file(&format!("{CONFIG}\n[interface.eth1]\n"));
    let near = Somebody::new(&first, "eth0");
    let far = Somebody::new(&second, "eth0");
    let mut agent = Agent::spawn(&host, &["--config", &config.path]);
    near.hear_record("casa.local A 120 flush 10.7.0.1");
    let heard = far.hear_record("casa.local A 120 flush 10.8.0.1");
    assert!(!heard.tells("casa.local A 120 flush 10.7.0.1"), "{heard}");

    near.say(v4(2), &claim("casa.local"));
    defend(&near, "casa.local", "casa-2.local A 120 flush 10.7.0.1");
    far.hear_record("casa-2.local A 120 flush 10.8.0.1");
    agent.assert_alive();
}

// RFC 6762 10.1: A30
#[test]
fn an_interface_that_is_given_up_while_another_stays_says_goodbye() {
    let net = or_skip!(Net::new());
    let [host, _first, second] = host_of_two_links(&net);
    let both = format!("{CONFIG}\n[interface.eth1]\n");
    let config = config_file(&both);
    let far = Somebody::new(&second, "eth0");
    let mut agent = Agent::spawn(&host, &["--config", &config.path]);
    far.hear_record("casa.local A 120 flush 10.8.0.1");
    config.rewrite(&format!("{both}mdns = false\n"));
    agent.signal(Signal::SIGHUP);
    far.hear_record("casa.local A 0 flush 10.8.0.1");
    agent.assert_alive();
}

/// A host with 10.7.0.1 on eth0 and 10.8.0.1 on eth1, and who is at the other end of each.
fn host_of_two_links(net: &Net) -> [Namespace; 3] {
    let [host, first, second] = ["host", "first", "second"].map(|name| net.namespace(name));
    host.veth(("eth0", 1), &first, ("eth0", 2));
    host.veth(("eth1", 0x11), &second, ("eth0", 0x12));
    host.ip("address add 10.7.0.1/24 dev eth0");
    host.ip("address add 10.8.0.1/24 dev eth1");
    [host, first, second]
}

/// Asks while the agent stands still, and then when it goes on.
fn only_userspace_answers_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file(&format!(
        "xdp = \"{}\"\n{}",
        path.mode(),
        CONFIG.replace("xdp = \"off\"\n", "")
    ));
    let somebody = Somebody::new(&scene.peer, "eth0");
    let mut agent = Agent::spawn(&scene.host, &["--config", &config.path]);
    agent.wait_for_words(&["eth0: ready"]);
    somebody.hear_record("casa.local A 120 flush 10.7.0.1");
    std::thread::sleep(Duration::from_millis(1100));
    somebody.heard();
    let ((), counted) = agent.asked_while_stopped(|| {
        // What the agent said before it stood still.
        somebody.heard();
        for _ in 0..3 {
            somebody.say(PEER_V4, &Speech::asking("casa.local", A));
        }
        std::thread::sleep(Duration::from_millis(200));
        let heard = somebody.heard();
        assert!(heard.iter().all(|heard| !heard.is_response()), "{heard:?}");
    });
    assert!(counted.of("mdns") >= 3, "{counted:?}");
    somebody.hear_record("casa.local A 120 flush 10.7.0.1");
}

#[test]
fn the_kernel_path_counts_mdns_and_leaves_it_to_userspace_in_generic_xdp() {
    only_userspace_answers_on(Path::GenericVeth);
}

#[test]
fn the_kernel_path_counts_mdns_and_leaves_it_to_userspace_in_native_xdp() {
    only_userspace_answers_on(Path::NativeVeth);
}
