//! mDNS and DNS-SD, end to end: beside other people's hosts, with their tools, and by words on the raw wire.

mod beside;
mod conflicts;
mod floods;
mod ground;
mod links;
mod others;
mod peers;
mod wire;

use crate::support::agent::{Agent, ConfigFile, config_file};
use crate::support::lan::{Lan, v4};
use crate::support::mdns::{Record, Somebody, Speech};
use crate::support::net::Namespace;

/// What most tests serve: two names of the host, one held for another, two services.
const CONFIG: &str = r#"names = ["casa", "ñandú"]
xdp = "off"

[hosts]
nas = "10.7.0.50"

[[service]]
name = "Web on %h"
type = "_http._tcp"
port = 80
txt = { path = "/", flag = true, empty = "" }
subtypes = ["_printer"]

[[service]]
name = "Dr. Who's; Büro"
type = "_ssh._tcp"
port = 22

[interface.eth0]
"#;

/// What somebody says who has a name, at an address that is nobody's.
fn claim(name: &str) -> Speech {
    Speech::telling(&Record::address(name, [10, 7, 0, 66]).flush())
}

/// Says that somebody has a name whenever it is probed for, until a record is heard: who hears it too late has the name
/// by then, but probes for it again.
#[track_caller]
fn defend(somebody: &Somebody, name: &str, until: &str) {
    somebody.hear(&format!("{until} by who probes for {name}"), |heard| {
        if heard.probes(name) {
            somebody.say(v4(2), &claim(name));
        }
        heard.tells(until).then_some(())
    });
}

/// Starts an agent by a config file and waits until it serves `eth0`.
#[track_caller]
fn start<'a>(namespace: &'a Namespace, config: &ConfigFile, more: &[&str]) -> Agent<'a> {
    let arguments = [&["--config", &config.path], more].concat();
    let mut agent = Agent::spawn(namespace, &arguments);
    agent.wait_for_words(&["eth0: ready"]);
    agent
}

/// The agent of [`CONFIG`] on the first host of a link, when it has announced its first name, and somebody on the second.
#[track_caller]
fn announced(lan: &Lan) -> (Agent<'_>, Somebody) {
    let somebody = Somebody::new(lan.host(2), "eth0");
    let agent = start(lan.host(1), &config_file(CONFIG), &[]);
    somebody.hear_record("casa.local A 120 flush 10.7.0.1");
    somebody.hear_record(r#"Web on casa._http._tcp.local TXT 4500 flush "path=/" "flag" "empty=""#);
    (agent, somebody)
}
