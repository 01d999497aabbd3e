//! mDNS beside another program of the same host that holds the same port.

use std::time::Duration;

use llamar_common::testing::{A, AAAA};
use nix::sys::signal::Signal;

use super::{CONFIG, start};
use crate::support::agent::{Agent, ConfigFile, config_file, llamar};
use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, v4};
use crate::support::mdns::{PTR, SRV, Somebody, Speech};
use crate::support::mdns_sd::MdnsSd;
use crate::support::resolvectl::MdnsResolved;

/// Asserts that both our name and the other program's are answered to somebody on the link, by multicast, and that our
/// own tool finds the other's name.
#[track_caller]
fn assert_both_answer(lan: &Lan, name: &str) {
    let somebody = Somebody::new(lan.host(2), "eth0");
    for name in ["casa.local", name] {
        asked_until(&somebody, name, A, &format!("{name} A 120 flush 10.7.0.1"));
    }
    let printed = llamar(lan.host(1), &["mdns", "query", "-4", "-t", "A", name], None);
    assert_eq!(
        String::from_utf8_lossy(&printed.stdout),
        "A: 10.7.0.1\n",
        "{printed:?}"
    );
}

/// Asserts that nothing of what either says made the other give up a name.
#[track_caller]
fn assert_no_conflict(agent: &Agent<'_>, said: &str) {
    assert!(!said.to_lowercase().contains("conflict"), "{said}");
    let said = agent.said();
    assert!(!said.contains("casa-2"), "{said}");
}

// RFC 6762 15, 15.1: A34
#[test]
fn avahi_and_we_share_the_port_whoever_came_first() {
    let lan = or_skip!(Lan::new(3));
    let mdns_sd = MdnsSd::start(lan.host(3));
    let config = config_file(CONFIG);
    {
        let avahi = or_skip!(Avahi::start(lan.host(1), "avahi"));
        let _web = avahi.publish("Daemon's", "_http._tcp", 81, &[]);
        let mut agent = start(lan.host(1), &config, &[]);
        agent.wait_for_words(&["5353", "avahi-daemon"]);
        assert_both_answer(&lan, "avahi.local");
        // Two programs of one host find each other, and a third host both.
        assert_eq!(avahi.resolve("casa.local", 4), v4(1));
        let browsing = mdns_sd.browse("_http._tcp.local.");
        browsing.resolved("Web on casa._http._tcp.local.", |service| {
            service.get_port() == 80
        });
        browsing.resolved("Daemon's._http._tcp.local.", |service| {
            service.get_port() == 81
        });
        assert_no_conflict(&agent, &avahi.said());
        // Our leave takes nothing of its with it.
        agent.terminate();
        browsing.removed("Web on casa._http._tcp.local.");
        assert_eq!(avahi.resolve("avahi.local", 4), v4(1));
    }
    let agent = settled(&lan, &config);
    let avahi = or_skip!(Avahi::start(lan.host(1), "avahi"));
    assert_both_answer(&lan, "avahi.local");
    assert_eq!(avahi.resolve("casa.local", 4), v4(1));
    assert_no_conflict(&agent, &avahi.said());
}

// RFC 6762 15, 15.1: A34
#[test]
fn systemd_resolved_and_we_share_the_port_whoever_came_first() {
    let lan = or_skip!(Lan::new(2));
    let config = config_file(CONFIG);
    {
        let mut resolved = or_skip!(MdnsResolved::start(lan.host(1), "resolved", &[]));
        let mut agent = start(lan.host(1), &config, &[]);
        agent.wait_for_words(&["5353", "systemd-resolve"]);
        assert_both_answer(&lan, "resolved.local");
        // It does not listen to what comes from an address of its own.
        let said = resolved.process().said();
        assert_no_conflict(&agent, &said);
    }
    let agent = settled(&lan, &config);
    let mut resolved = or_skip!(MdnsResolved::start(lan.host(1), "resolved", &[]));
    assert_both_answer(&lan, "resolved.local");
    let said = resolved.process().said();
    assert_no_conflict(&agent, &said);
}

// RFC 6762 2, 9, 15: A28, A34, A52
#[test]
fn a_host_that_avahi_calls_as_we_do_has_one_name_whoever_came_first() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let config = config_file(CONFIG);
    for we_are_first in [false, true] {
        let early = we_are_first.then(|| settled(&lan, &config));
        let mut avahi = or_skip!(Avahi::start(lan.host(1), "casa"));
        let agent = early.unwrap_or_else(|| start(lan.host(1), &config, &[]));
        let _web = avahi.publish("Daemon's", "_http._tcp", 81, &[]);
        somebody.heard();
        // Both go on to offer what is theirs, on the host that both call so.
        for instance in ["Web on casa", "Daemon's"] {
            let service = format!("{instance}._http._tcp.local");
            let port = if instance == "Web on casa" { 80 } else { 81 };
            let record = format!("{service} SRV 120 flush 0 0 {port} casa.local");
            asked_until(&somebody, &service, SRV, &record);
        }
        asked_until(
            &somebody,
            "casa.local",
            A,
            "casa.local A 120 flush 10.7.0.1",
        );
        asked_until(
            &somebody,
            "1.0.7.10.in-addr.arpa",
            PTR,
            "1.0.7.10.in-addr.arpa PTR 120 flush casa.local",
        );
        asked_until(
            &somebody,
            "ñandú.local",
            A,
            "ñandú.local A 120 flush 10.7.0.1",
        );
        assert_no_conflict(&agent, &avahi.said());
        if we_are_first {
            // When it is gone the name is ours to tell.
            avahi.process().signal(Signal::SIGTERM);
            avahi.process().wait();
            somebody.heard();
            let local = "casa.local AAAA 120 flush fe80::ff:fe00:1";
            asked_until(&somebody, "casa.local", AAAA, local);
        }
    }
}

/// Starts an agent and waits until it has announced its names twice: avahi-daemon takes what it hears before its own first
/// probe for a conflict (RFC 6762 8.1 has it otherwise), and is to start later than that.
#[track_caller]
fn settled<'a>(lan: &'a Lan, config: &ConfigFile) -> Agent<'a> {
    let somebody = Somebody::new(lan.host(2), "eth0");
    let agent = start(lan.host(1), config, &[]);
    for _ in 0..2 {
        somebody.hear("two announcements by each family", |heard| {
            let by = heard.source.is_ipv6();
            (by && heard.tells("nas.local A 120 flush 10.7.0.50")).then_some(())
        });
    }
    agent
}

/// Asks until a record is heard.
#[track_caller]
fn asked_until(somebody: &Somebody, name: &str, kind: u16, record: &str) {
    crate::support::wait_for(record, || {
        somebody.say(v4(2), &Speech::asking(name, kind));
        std::thread::sleep(Duration::from_millis(150));
        somebody
            .heard()
            .iter()
            .any(|heard| heard.tells(record))
            .then_some(())
    });
}
