//! mDNS beside another program of the same host that holds the same port.

use std::net::IpAddr;

use llamar_common::testing::A;

use super::{CONFIG, start};
use crate::support::agent::{Agent, config_file, llamar};
use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, v4};
use crate::support::mdns::{Somebody, Speech};
use crate::support::mdns_sd::MdnsSd;
use crate::support::resolvectl::MdnsResolved;

/// Asserts that both our name and the other program's are answered to somebody on the link, by multicast, and that our
/// own tool finds the other's name.
#[track_caller]
fn assert_both_answer(lan: &Lan, name: &str) {
    let somebody = Somebody::new(lan.host(2), "eth0");
    for name in ["casa.local", name] {
        crate::support::wait_for(&format!("an answer for {name}"), || {
            somebody.say(v4(2), &Speech::asking(name, A));
            std::thread::sleep(std::time::Duration::from_millis(200));
            let record = format!("{name} A 120 flush 10.7.0.1");
            somebody
                .heard()
                .iter()
                .any(|heard| heard.tells(&record))
                .then_some(())
        });
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
    let agent = start(lan.host(1), &config, &[]);
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
        assert_eq!(
            resolved.resolve("casa.local", 2).addresses,
            [IpAddr::from(v4(1))]
        );
        let said = resolved.process().said();
        assert_no_conflict(&agent, &said);
    }
    let agent = start(lan.host(1), &config, &[]);
    let mut resolved = or_skip!(MdnsResolved::start(lan.host(1), "resolved", &[]));
    assert_both_answer(&lan, "resolved.local");
    let said = resolved.process().said();
    assert_no_conflict(&agent, &said);
}
