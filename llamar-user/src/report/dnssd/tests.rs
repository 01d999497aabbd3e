use std::net::IpAddr;

use super::*;
use crate::dns::{Name, Txt};
use crate::dnssd::browse::{Service, Target};
use crate::dnssd::{Instance, ServiceType, local};
use crate::mdns::Change;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn heard() -> Heard {
    Heard {
        interface: Some("eth0".into()),
        vlan: None,
        time: Duration::from_millis(1_700_000_000_250),
    }
}

fn found(what: What) -> Found {
    let from = "192.0.2.1".parse().unwrap();
    Found {
        device: 2,
        from,
        what,
    }
}

fn instance() -> Instance {
    let kind = ServiceType::parse("_http._tcp").unwrap();
    Instance::new(r#"My "Web" ; größe.x"#, &kind, &local()).unwrap()
}

fn service() -> Service {
    let strings: [&[u8]; 8] = [
        b"txtvers=1",
        b"path=/a b",
        br#"q="x\y;z"#,
        "l=größe".as_bytes(),
        b"",
        b"raw=\x00\xff\n",
        b"PATH=again",
        b"flag",
    ];
    let addresses = ["192.0.2.1", "2001:db8::1", "fe80::1"];
    let target = Target {
        priority: 0,
        weight: 0,
        host: name("hosta.local"),
        port: 8080,
        addresses: addresses.map(|ip| ip.parse::<IpAddr>().unwrap()).into(),
    };
    Service {
        instance: instance(),
        subtypes: vec![b"_printer".to_vec()],
        targets: vec![target],
        txt: vec![Txt::new(strings).unwrap()],
    }
}

/// What there is to find of one service, from its type to its end.
fn life() -> Vec<Found> {
    let kind = |change| What::Type {
        kind: ServiceType::parse("_http._tcp").unwrap(),
        domain: local(),
        change,
    };
    let mut moved = service();
    moved.txt.clear();
    moved.targets[0].port = 81;
    moved.targets[0].addresses.truncate(1);
    let removed = What::Removed {
        instance: instance(),
    };
    let added = What::Added {
        instance: instance(),
        subtypes: vec![b"_printer".to_vec()],
    };
    let all = [
        kind(Change::Added),
        added,
        What::Resolved(service()),
        What::Updated(moved),
        removed,
        kind(Change::Removed),
    ];
    all.map(found).into()
}

fn written(form: BrowseForm, all: &[Found]) -> String {
    let mut report = BrowseReport::new(form, false);
    let mut out = Vec::new();
    for found in all {
        report.write(found, &heard(), &mut out).unwrap();
    }
    report.finish(&mut out).unwrap();
    assert_eq!(report.found(), !all.is_empty());
    String::from_utf8(out).unwrap()
}

// What avahi-browse 0.8 printed of such a service, but for `raw=` and `PATH=`.
#[test]
fn parsable_lines_are_those_of_avahi_browse() {
    insta::assert_snapshot!(written(BrowseForm::Parsable, &life()), @r#"
    +;eth0;IPv4;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local
    +;eth0;IPv6;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local
    =;eth0;IPv6;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local;hosta.local;2001:db8::1;8080;"flag" "PATH=again" "raw=\000\255\010" "l=gr\195\182\195\159e" "q=\"x\\y;z" "path=/a b" "txtvers=1"
    =;eth0;IPv4;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local;hosta.local;192.0.2.1;8080;"flag" "PATH=again" "raw=\000\255\010" "l=gr\195\182\195\159e" "q=\"x\\y;z" "path=/a b" "txtvers=1"
    =;eth0;IPv4;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local;hosta.local;192.0.2.1;81;
    -;eth0;IPv6;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local
    -;eth0;IPv4;My\032\034Web\034\032\059\032gr\195\182\195\159e\.x;_http._tcp;local
    "#);
}

#[test]
fn parsable_lines_know_only_the_families_of_which_there_are_addresses() {
    let mut other = service();
    other.targets[0].addresses.remove(0);
    let all = life();
    let all = [all[1].clone(), found(What::Resolved(other)), all[4].clone()];
    let lines = written(BrowseForm::Parsable, &all);
    let heads: Vec<&str> = lines.lines().map(|line| &line[..11]).collect();
    assert_eq!(
        heads,
        [
            "+;eth0;IPv4",
            "+;eth0;IPv6",
            "=;eth0;IPv6",
            "-;eth0;IPv6",
            "-;eth0;IPv4"
        ]
    );
}

#[test]
fn types_are_parsable_only_where_they_are_looked_for() {
    let mut report = BrowseReport::new(BrowseForm::Parsable, true);
    let mut out = Vec::new();
    report.write(&life()[0], &heard(), &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "+;eth0;IPv4;;_http._tcp;local\n"
    );
}

// RFC 6763 4.3: B1
#[test]
fn lines_have_fields_without_blanks() {
    insta::assert_snapshot!(written(BrowseForm::Lines, &life()), @r#"
    + eth0   IPv4 192.0.2.1       _http._tcp             local
    + eth0   IPv4 192.0.2.1       _http._tcp             local My\032\"Web\"\032;\032größe.x
    = eth0   IPv4 192.0.2.1       _http._tcp             local My\032\"Web\"\032;\032größe.x hosta.local 8080 192.0.2.1,2001:db8::1,fe80::1%eth0 "txtvers=1" "path=/a b" "q=\"x\\y;z" "l=größe" "" "raw=\000\255\010" "PATH=again" "flag"
    ~ eth0   IPv4 192.0.2.1       _http._tcp             local My\032\"Web\"\032;\032größe.x hosta.local 81 192.0.2.1
    - eth0   IPv4 192.0.2.1       _http._tcp             local My\032\"Web\"\032;\032größe.x
    - eth0   IPv4 192.0.2.1       _http._tcp             local
    "#);
}

// RFC 6763 6.4, 6.5: B4
#[test]
fn json_has_an_object_for_each_event() {
    let text = written(BrowseForm::Json, &life());
    insta::assert_snapshot!(text, @r#"
    {"event":"add","what":"type","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","type":"_http._tcp","domain":"local"}
    {"event":"add","what":"service","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","name":"My \"Web\" ; größe.x","type":"_http._tcp","domain":"local","full_name":"My\\032\"Web\"\\032;\\032größe\\.x._http._tcp.local","subtypes":["_printer"]}
    {"event":"resolve","what":"service","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","name":"My \"Web\" ; größe.x","type":"_http._tcp","domain":"local","full_name":"My\\032\"Web\"\\032;\\032größe\\.x._http._tcp.local","subtypes":["_printer"],"host":"hosta.local","port":8080,"priority":0,"weight":0,"addresses":["192.0.2.1","2001:db8::1","fe80::1%eth0"],"txt":[{"txtvers":"1","path":"/a b","q":"\"x\\y;z","l":"größe","raw":"\\000\\255\\010","flag":true}]}
    {"event":"update","what":"service","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","name":"My \"Web\" ; größe.x","type":"_http._tcp","domain":"local","full_name":"My\\032\"Web\"\\032;\\032größe\\.x._http._tcp.local","subtypes":["_printer"],"host":"hosta.local","port":81,"priority":0,"weight":0,"addresses":["192.0.2.1"],"txt":[]}
    {"event":"remove","what":"service","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","name":"My \"Web\" ; größe.x","type":"_http._tcp","domain":"local","full_name":"My\\032\"Web\"\\032;\\032größe\\.x._http._tcp.local"}
    {"event":"remove","what":"type","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","type":"_http._tcp","domain":"local"}
    "#);
    for line in text.lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap();
    }
}

// RFC 6763 5: B9
#[test]
fn json_tells_other_places_and_vlans() {
    let mut several = service();
    let mut second = several.targets[0].clone();
    second.priority = 1;
    second.addresses.clear();
    several.targets.push(second);
    several.txt.clear();
    let heard = Heard {
        interface: None,
        vlan: Some(5),
        ..heard()
    };
    let mut out = Vec::new();
    let mut report = BrowseReport::new(BrowseForm::Json, false);
    let what = found(What::Resolved(several));
    report.write(&what, &heard, &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"{"event":"resolve","what":"service","time":1700000000.25,"interface":null,"vlan":5,"family":"IPv4","from":"192.0.2.1","name":"My \"Web\" ; größe.x","type":"_http._tcp","domain":"local","full_name":"My\\032\"Web\"\\032;\\032größe\\.x._http._tcp.local","subtypes":["_printer"],"host":"hosta.local","port":8080,"priority":0,"weight":0,"addresses":["192.0.2.1","2001:db8::1","fe80::1"],"alternatives":[{"host":"hosta.local","port":8080,"priority":1,"weight":0,"addresses":[]}],"txt":[]}"#);
}

#[test]
fn screen_shows_what_comes_as_it_comes() {
    insta::assert_snapshot!(written(BrowseForm::Screen, &life()), @r#"
      interface from      type             name                     host and port        addresses
    + eth0      192.0.2.1 _http._tcp
    + eth0      192.0.2.1 _http._tcp       My "Web" ; größe.x
    = eth0      192.0.2.1 _http._tcp       My "Web" ; größe.x       hosta.local:8080     192.0.2.1 2001:db8::1 fe80::1%eth0
        txtvers=1
        path=/a b
        q="x\\y;z
        l=größe
        raw=\000\255\010
        PATH=again
        flag
    ~ eth0      192.0.2.1 _http._tcp       My "Web" ; größe.x       hosta.local:81       192.0.2.1
    - eth0      192.0.2.1 _http._tcp       My "Web" ; größe.x
    - eth0      192.0.2.1 _http._tcp
    "#);
}

#[test]
fn table_shows_what_is_there_in_the_end() {
    let mut all = life();
    assert_eq!(written(BrowseForm::Table, &all), "");
    all.truncate(3);
    let kind = ServiceType::parse("_ipp._tcp").unwrap();
    all.push(found(What::Type {
        kind,
        domain: local(),
        change: Change::Added,
    }));
    insta::assert_snapshot!(written(BrowseForm::Table, &all), @r#"
    interface  type        name                host         port  addresses     txt
    eth0       _http._tcp  My "Web" ; größe.x  hosta.local  8080  192.0.2.1     txtvers=1
                                                                  2001:db8::1   path=/a b
                                                                  fe80::1%eth0  q="x\\y;z
                                                                                l=größe
                                                                                raw=\000\255\010
                                                                                PATH=again
                                                                                flag
    eth0       _ipp._tcp
    "#);
}

#[test]
fn nothing_that_is_heard_can_play_with_the_terminal() {
    let labels = [
        &b"\x1b[2J\n\xff\xe2\x80\xae"[..],
        b"_http",
        b"_tcp",
        b"local",
    ];
    let instance = Instance::of(&Name::from_labels(labels).unwrap()).unwrap();
    let mut service = service();
    service.instance = instance;
    service.targets[0].host = Name::from_labels([&b"\x07h"[..], b"local"]).unwrap();
    let all = [found(What::Resolved(service))];
    for form in [
        BrowseForm::Screen,
        BrowseForm::Table,
        BrowseForm::Lines,
        BrowseForm::Json,
        BrowseForm::Parsable,
    ] {
        let text = written(form, &all);
        let is_tame =
            |c: char| c == '\n' || !c.is_control() && (c != '\u{202e}' || form == BrowseForm::Json);
        assert!(text.chars().all(is_tame), "{form:?}: {text:?}");
    }
}

#[test]
fn pointers_are_shown_in_every_form() {
    let pointer = found(What::Pointer {
        name: name("1.2.0.192.in-addr.arpa"),
        target: name("casa.local"),
        change: Change::Added,
    });
    let all = [pointer];
    insta::assert_snapshot!(written(BrowseForm::Lines, &all), @r"+ eth0   IPv4 192.0.2.1       1.2.0.192.in-addr.arpa PTR   casa.local");
    insta::assert_snapshot!(written(BrowseForm::Json, &all), @r#"{"event":"add","what":"pointer","time":1700000000.25,"interface":"eth0","family":"IPv4","from":"192.0.2.1","full_name":"1.2.0.192.in-addr.arpa","target":"casa.local"}"#);
    insta::assert_snapshot!(written(BrowseForm::Screen, &all), @r"
      interface from      type             name                     host and port        addresses
    + eth0      192.0.2.1 PTR              1.2.0.192.in-addr.arpa   casa.local
    ");
    insta::assert_snapshot!(written(BrowseForm::Table, &all), @r"
    interface  type  name                    host        port  addresses  txt
    eth0       PTR   1.2.0.192.in-addr.arpa  casa.local
    ");
}
