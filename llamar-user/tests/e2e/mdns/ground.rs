//! What the mDNS tests stand on: other people's mDNS hosts find each other, and are heard on the wire, before any of them
//! is asked about us.

use llamar_common::testing::{A, AAAA};

use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, local_v6, v4, v6};
use crate::support::mdns::{PORT, PTR, Record, Somebody, Speech};
use crate::support::mdns_sd::MdnsSd;
use crate::support::resolvectl::MdnsResolved;
use crate::support::resolved::MDNS_IPV4;

#[test]
fn avahi_resolved_and_mdns_sd_find_each_other() {
    let lan = or_skip!(Lan::new(3));
    let avahi = or_skip!(Avahi::start(lan.host(1), "avahi"));
    let web = (
        "web",
        "Name=Web on %H\nType=_http._tcp\nPort=80\nTxtText=path=/",
    );
    let resolved = or_skip!(MdnsResolved::start(lan.host(2), "resolved", &[web]));
    let mdns_sd = MdnsSd::start(lan.host(3));
    mdns_sd.register_crate("b");
    let _published = avahi.publish(
        "Daemon's",
        "_http._tcp",
        81,
        &["x=y", "--subtype=_odd._sub._http._tcp"],
    );

    let mut browse = avahi.browse("_http._tcp");
    let line = browse.resolved("Crate", "a=b");
    assert_eq!((&line.host[..], &line.port[..]), ("crate.local", "8080"));
    let line = browse.resolved("Web on resolved", "path=/");
    assert_eq!(
        (&line.host[..], &line.address[..]),
        ("resolved.local", "10.7.0.2")
    );
    assert_eq!(avahi.resolve("crate.local", 4), v4(3));
    assert_eq!(avahi.name_of(v4(2)), "resolved.local");

    let found = resolved.resolve("avahi.local", 2);
    assert_eq!(found.addresses, [v4(1)]);
    assert_ne!(found.flags & MDNS_IPV4, 0, "{found:?}");
    assert_eq!(resolved.names_of(v4(1)).names, ["avahi.local"]);
    let arguments = ["service", "Daemon's", "_http._tcp", "local"];
    resolved.ctl_until(&arguments, &["avahi.local:81", "x=y"]);

    let browsing = mdns_sd.browse("_odd._sub._http._tcp.local.");
    let found = browsing.resolved("Daemon's._http._tcp.local.", |service| {
        service.get_port() == 81
    });
    assert_eq!(found.get_hostname(), "avahi.local.");
    mdns_sd.resolve(
        "resolved.local.",
        &[v4(2).into(), v6(2).into(), local_v6(2).into()],
    );
    mdns_sd.unregister("Crate._http._tcp.local.");
    browse.removed("Crate");
}

#[test]
fn raw_words_are_heard_and_answered_as_a_hosts() {
    let lan = or_skip!(Lan::new(2));
    let avahi = or_skip!(Avahi::start(lan.host(1), "avahi"));
    let somebody = Somebody::new(lan.host(2), "eth0");
    somebody.say(v4(2), &Speech::asking("avahi.local", A));
    let heard = somebody.hear_record("avahi.local A 120 flush 10.7.0.1");
    assert!(heard.is_multicast(), "{heard}");
    assert_eq!((heard.ttl, heard.source), (255, (v4(1), PORT).into()));

    somebody.say_from_port(v6(2), 4000, &Speech::asking("avahi.local", AAAA).id(7));
    let heard = somebody.hear("a legacy answer", |heard| (heard.id == 7).then_some(heard));
    assert_eq!(heard.destination, (v6(2), 4000).into(), "{heard}");

    let claim = Record::address("thing.local", v4(2)).flush();
    somebody.say(v4(2), &Speech::telling(&claim));
    let pointer = Record::pointer("_http._tcp.local", r"A\.B._http._tcp.local");
    somebody.say(
        v4(2),
        &Speech::asking("_http._tcp.local", PTR).answer(&pointer),
    );
    let mut browse = avahi.browse("_http._tcp");
    somebody.say(v4(2), &Speech::telling(&pointer));
    browse.wait_for("the instance with a dot", |line| line.name == "A.B");
}
