//! Our tools find other people's hosts and services.

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::agent::{LLAMAR, llamar};
use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, v4};
use crate::support::mdns_sd::MdnsSd;
use crate::support::net::Namespace;
use crate::support::process::Process;
use crate::support::resolvectl::MdnsResolved;
use crate::support::wait_until;

/// What resolved offers.
const WEB: (&str, &str) = (
    "web",
    "Name=Web on %H\nType=_http._tcp\nPort=80\nTxtText=path=/",
);

/// Runs a command of llamar that asks: its standard output and exit code.
#[track_caller]
fn asked(namespace: &Namespace, arguments: &[&str]) -> (String, Option<i32>) {
    let Output {
        status,
        stdout,
        stderr,
    } = llamar(namespace, arguments, None);
    print!(
        "llamar {arguments:?} ({status}):\n{}",
        String::from_utf8_lossy(&stderr)
    );
    (String::from_utf8_lossy(&stdout).into_owned(), status.code())
}

/// The objects that a command printed, one a line.
fn objects(text: &str) -> Vec<Value> {
    let object = |line| serde_json::from_str(line).ok();
    text.lines().filter_map(object).collect()
}

// RFC 6763 4.1, 6.4, 7.1, 9, 12: B1, B3, B4, B5, B6, B7, B12
#[test]
fn dnssd_lists_the_services_of_avahi_resolved_and_mdns_sd() {
    let lan = or_skip!(Lan::new(4));
    let avahi = or_skip!(Avahi::start(lan.host(2), "avahi"));
    let resolved = or_skip!(MdnsResolved::start(lan.host(3), "resolved", &[WEB]));
    let mdns_sd = MdnsSd::start(lan.host(4));
    mdns_sd.register_crate("b");
    let _printer = avahi.publish(
        "Dr. Who's; Büro",
        "_ipp._tcp",
        631,
        &["rp=x", "flag", "--subtype=_color._sub._ipp._tcp"],
    );
    mdns_sd.announced("Crate");
    resolved.resolve("avahi.local", 2);

    let (printed, code) = asked(lan.host(1), &["dnssd", "--once", "--json"]);
    assert_eq!(code, Some(0));
    let objects = objects(&printed);
    for (name, kind, host, port, address) in [
        ("Crate", "_http._tcp", "crate.local", 8080, v4(4)),
        ("Web on resolved", "_http._tcp", "resolved.local", 80, v4(3)),
        ("Dr. Who's; Büro", "_ipp._tcp", "avahi.local", 631, v4(2)),
    ] {
        let found = objects.iter().find(|object| {
            ["resolve", "update"]
                .iter()
                .any(|event| object["event"] == *event)
                && object["name"] == name
                && object["addresses"]
                    .to_string()
                    .contains(&address.to_string())
        });
        let found = found.unwrap_or_else(|| panic!("{name} in\n{printed}"));
        assert_eq!(
            (&found["type"], &found["host"]),
            (&kind.into(), &host.into()),
            "{found}"
        );
        assert_eq!(
            (&found["port"], &found["interface"]),
            (&port.into(), &"eth0".into()),
            "{found}"
        );
        let typed = objects
            .iter()
            .any(|object| object["what"] == "type" && object["type"] == kind);
        assert!(typed, "type {kind} in\n{printed}");
    }

    // The same lines as avahi-browse, where both have to do with hosts other than their own.
    let mut browse = avahi.browse("_http._tcp");
    browse.resolved("Crate", "a=b");
    browse.resolved("Web on resolved", "path=/");
    let (printed, code) = asked(
        lan.host(1),
        &[
            "dnssd",
            "--once",
            "--parsable",
            "-4",
            "--type",
            "_http._tcp",
        ],
    );
    assert_eq!(code, Some(0));
    for line in browse
        .raw()
        .lines()
        .filter(|line| line.contains(";eth0;IPv4;"))
    {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} in\n{printed}"
        );
    }

    let (printed, code) = asked(
        lan.host(1),
        &["dnssd", "--once", "--type", "_color._sub._ipp._tcp"],
    );
    assert!(code == Some(0) && printed.contains("631"), "{printed}");
    let (printed, code) = asked(
        lan.host(1),
        &["dnssd", "--timeout", "1", "--type", "_none._tcp"],
    );
    assert_eq!((&printed[..], code), ("", Some(1)));
}

// RFC 6762 10.1: A29; RFC 6763 appendix F: B16
#[test]
fn dnssd_shows_services_come_change_and_go() {
    let lan = or_skip!(Lan::new(3));
    let avahi = or_skip!(Avahi::start(lan.host(2), "avahi"));
    let mdns_sd = MdnsSd::start(lan.host(3));
    let mut command = lan.host(1).service(LLAMAR);
    command.args(["dnssd", "-i", "eth0", "--json", "--type", "_http._tcp"]);
    let mut live = Process::start("llamar dnssd", command);
    let mut wait = |event: &str, name: &str, holds: &dyn Fn(&Value) -> bool| {
        live.wait_for_line(&format!("{event} of {name}"), |line| {
            let object: Value = serde_json::from_str(line).ok()?;
            (object["event"] == event && object["name"] == name && holds(&object)).then_some(object)
        })
    };
    let any = |_: &Value| true;
    let published = avahi.publish("Web", "_http._tcp", 81, &["x=y"]);
    let found = wait("add", "Web", &any);
    assert!(found["from"].is_string(), "{found}");
    let found = wait("resolve", "Web", &any);
    assert_eq!(
        (&found["host"], &found["port"]),
        (&"avahi.local".into(), &81.into())
    );
    assert_eq!(found["txt"][0]["x"], "y", "{found}");

    mdns_sd.register_crate("b");
    wait("resolve", "Crate", &|object| object["port"] == 8080);
    // RFC 6762 10.2: what was heard within a second is not replaced, and the first value is said twice, a second apart.
    std::thread::sleep(Duration::from_millis(2500));
    mdns_sd.register_crate("c");
    wait("update", "Crate", &|object| object["txt"][0]["a"] == "c");

    drop(published);
    wait("remove", "Web", &any);
    mdns_sd.unregister("Crate._http._tcp.local.");
    wait("remove", "Crate", &any);
    live.signal(Signal::SIGINT);
    assert_eq!(live.wait().code(), Some(0));
}

// RFC 6762 5.1, 5.4, 6.7: A2, A6, A20
#[test]
fn mdns_query_finds_names_of_others() {
    let lan = or_skip!(Lan::new(4));
    let avahi = or_skip!(Avahi::start(lan.host(2), "avahi"));
    let resolved = or_skip!(MdnsResolved::start(lan.host(3), "resolved", &[]));
    let mdns_sd = MdnsSd::start(lan.host(4));
    mdns_sd.register_crate("b");
    let _web = avahi.publish("Web", "_http._tcp", 81, &["x=y"]);
    mdns_sd.announced("Crate");
    resolved.resolve("avahi.local", 2);
    let ask = |arguments: &[&str]| {
        let arguments = [&["mdns", "query", "-i", "eth0"], arguments].concat();
        asked(lan.host(1), &arguments)
    };
    for (name, number) in [("avahi.local", 2), ("resolved", 3), ("crate", 4)] {
        // It ends soon after the first answer, whether it has read the others or not.
        wait_until(&format!("both addresses of {name}"), || {
            let (printed, code) = ask(&[name]);
            code == Some(0)
                && printed.contains(&format!("A: {}\n", v4(number)))
                && printed.contains(&format!("AAAA: fd07::{number}\n"))
        });
    }
    for (name, number) in [("avahi.local", 2), ("resolved.local", 3)] {
        let address = v4(number).to_string();
        assert_eq!(ask(&[&address]), (format!("PTR: {name}\n"), Some(0)));
    }
    for more in [&["--legacy"][..], &["--legacy", "-4"]] {
        let (printed, code) = ask(&[&["avahi"], more].concat());
        assert!(
            code == Some(0) && printed.contains("A: 10.7.0.2\n"),
            "{printed}"
        );
    }
    let (printed, code) = ask(&["Web._http._tcp.local", "-t", "SRV", "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(
        (code, &report["found"]),
        (Some(0), &true.into()),
        "{printed}"
    );
    assert!(report.to_string().contains("avahi.local"), "{printed}");
    assert_eq!(
        ask(&["Web._http._tcp.local", "-t", "SRV"]),
        ("SRV: 0 0 81 avahi.local\n".to_owned(), Some(0))
    );
    assert_eq!(
        ask(&["nobody", "--timeout", "0.5"]),
        (String::new(), Some(1))
    );
}
