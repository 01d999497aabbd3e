//! Other people's hosts find our names and services, and see them change and end.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;

use super::{CONFIG, start};
use crate::support::agent::config_file;
use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, local_v6, v4, v6};
use crate::support::mdns_sd::MdnsSd;
use crate::support::resolvectl::MdnsResolved;
use crate::support::resolved::{MDNS_IPV4, MDNS_IPV6};
use crate::support::wait_until;

/// An address that comes later.
const LATER: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);

// RFC 6762 3, 4, 6.2, 8.4, 10.2, 20: A1, A17, A27, A31, A50
#[test]
fn names_are_found_by_avahi_resolved_and_mdns_sd_and_follow_our_addresses() {
    let lan = or_skip!(Lan::new(4));
    let avahi = or_skip!(Avahi::start(lan.host(2), "avahi"));
    let resolved = or_skip!(MdnsResolved::start(lan.host(3), "resolved", &[]));
    let mdns_sd = MdnsSd::start(lan.host(4));
    let _agent = start(lan.host(1), &config_file(CONFIG), &[]);

    for name in ["casa.local", "ñandú.local"] {
        assert_eq!(avahi.resolve(name, 4), v4(1), "{name}");
        let found = avahi.resolve(name, 6);
        assert!(
            [v6(1), local_v6(1)].map(Into::into).contains(&found),
            "{name}: {found}"
        );
    }
    assert_eq!(avahi.resolve("nas.local", 4), Ipv4Addr::new(10, 7, 0, 50));
    for address in [v4(1).into(), std::net::IpAddr::from(v6(1))] {
        assert_eq!(avahi.name_of(address), "casa.local");
    }

    let found = resolved.resolve("casa.local", 2);
    assert_eq!(
        (found.addresses, found.flags & MDNS_IPV4),
        (vec![v4(1).into()], MDNS_IPV4)
    );
    let found = resolved.resolve("ñandú.local", 10);
    assert!(found.addresses.contains(&v6(1).into()), "{found:?}");
    assert_ne!(found.flags & MDNS_IPV6, 0, "{found:?}");
    for address in [v4(1).into(), std::net::IpAddr::from(v6(1))] {
        assert_eq!(resolved.names_of(address).names, ["casa.local"]);
    }

    let all = [v4(1).into(), v6(1).into(), local_v6(1).into()];
    mdns_sd.resolve("casa.local.", &all);

    lan.host(1).ip(&format!("address add {LATER}/24 dev eth0"));
    lan.host(1)
        .ip(&format!("address del {}/24 dev eth0", v4(1)));
    wait_until("avahi to see the new address", || {
        avahi.try_resolve("casa.local", 4) == Some(LATER.into())
    });
    wait_until("systemd-resolved to see the new address", || {
        resolved
            .try_resolve("casa.local", 2)
            .is_some_and(|found| found.addresses == [LATER])
    });
    mdns_sd.resolve("casa.local.", &[LATER.into(), all[1], all[2]]);
    assert_eq!(avahi.name_of(LATER), "casa.local");
}

// RFC 6762 8.4, 10.1: A27, A30; RFC 6763 4.1, 5, 6, 7.1, 9: B1, B3, B4, B5, B6, B17
#[test]
fn services_are_found_by_avahi_resolved_and_mdns_sd_and_seen_to_change_and_end() {
    let lan = or_skip!(Lan::new(4));
    let avahi = or_skip!(Avahi::start(lan.host(2), "avahi"));
    let resolved = or_skip!(MdnsResolved::start(lan.host(3), "resolved", &[]));
    let mdns_sd = MdnsSd::start(lan.host(4));
    let config = config_file(CONFIG);
    let agent = start(lan.host(1), &config, &[]);

    let mut web = avahi.browse("_http._tcp");
    let line = web.resolved("Web on casa", r#""path=/""#);
    assert_eq!((&line.host[..], &line.port[..]), ("casa.local", "80"));
    assert!(
        line.txt.contains(r#""flag""#) && line.txt.contains(r#""empty=""#),
        "{line:?}"
    );
    avahi
        .browse("_printer._sub._http._tcp")
        .resolved("Web on casa", "path=/");
    avahi.browse("_ssh._tcp").resolved("Dr. Who's; Büro", "");
    for kind in ["_http._tcp", "_ssh._tcp"] {
        let all = avahi.browse("--all");
        wait_until(&format!("the type {kind}"), || {
            all.lines().iter().any(|line| line.kind == kind)
        });
    }

    let service = ["service", "Web on casa", "_http._tcp", "local"];
    let printed = resolved.ctl_until(&service, &["casa.local:80", "path=/"]);
    assert!(
        printed.contains("10.7.0.1") || printed.contains("fd07::1"),
        "{printed}"
    );
    let service = ["service", "Dr. Who's; Büro", "_ssh._tcp", "local"];
    resolved.ctl_until(&service, &["casa.local:22"]);

    let browsing = mdns_sd.browse("_http._tcp.local.");
    let instance = "Web on casa._http._tcp.local.";
    let found = browsing.resolved(instance, |service| service.get_addresses().len() == 3);
    assert_eq!(
        (found.get_hostname(), found.get_port()),
        ("casa.local.", 80)
    );
    assert_eq!(found.get_property_val("flag"), Some(None));
    assert_eq!(found.get_property_val("empty"), Some(Some(&b""[..])));
    mdns_sd
        .browse("_printer._sub._http._tcp.local.")
        .resolved(instance, |service| service.get_port() == 80);

    config.rewrite(&CONFIG.replace(r#"path = "/""#, r#"path = "/new""#));
    agent.signal(Signal::SIGHUP);
    browsing.resolved(instance, |service| {
        service.get_property_val_str("path") == Some("/new")
    });
    avahi
        .browse("_http._tcp")
        .resolved("Web on casa", r#""path=/new""#);
    let service = ["service", "Web on casa", "_http._tcp", "local"];
    resolved.ctl_until(&service, &["path=/new"]);

    let (status, said) = agent.terminate();
    assert!(status.success(), "{status:?}: {said}");
    web.removed("Web on casa");
    browsing.removed(instance);
    wait_until("systemd-resolved to forget the service", || {
        resolved
            .ctl(&[
                "--cache=yes",
                "--network=no",
                "--type=PTR",
                "query",
                "_http._tcp.local",
            ])
            .is_none()
    });
}
