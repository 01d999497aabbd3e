//! The rules of RFC 6763 for those who browse.

use super::*;

const WEB: &str = r"Web._http._tcp.local";
const HTTP: &str = "_http._tcp.local";

/// Everything about an instance that is called `Web`.
fn web() -> Vec<Record> {
    vec![
        ptr(HTTP, WEB),
        srv(WEB, "casa.local", 80),
        txt(WEB, &["path=/"]),
        address("casa.local", "192.0.2.7"),
        address("casa.local", "fe80::7"),
    ]
}

// RFC 6763 4.1, 5, 9: B3, B6
#[test]
fn types_lead_to_instances_and_these_to_where_they_are() {
    let mut scene = Scene::all();
    assert_eq!(
        scene.wishes(),
        [format!("+2 {META} PTR"), format!("+3 {META} PTR")].into()
    );
    assert_eq!(scene.hear(&[ptr(META, HTTP)]), ["+ type _http._tcp local"]);
    assert_eq!(scene.wishes(), ["+2 _http._tcp.local PTR".into()].into());
    assert_eq!(scene.hear(&[ptr(HTTP, WEB)]), ["+ Web._http._tcp.local"]);
    let both = [
        "+2 Web._http._tcp.local SRV".into(),
        "+2 Web._http._tcp.local TXT".into(),
    ];
    assert_eq!(scene.wishes(), both.into());
    assert!(scene.hear(&[srv(WEB, "casa.local", 80)]).is_empty());
    let both = ["+2 casa.local A".into(), "+2 casa.local AAAA".into()];
    assert_eq!(scene.wishes(), both.into());
    let rest = [
        txt(WEB, &["path=/"]),
        address("casa.local", "fe80::7"),
        address("casa.local", "192.0.2.7"),
    ];
    assert_eq!(
        scene.hear(&rest),
        [r#"= Web._http._tcp.local casa.local:80 [192.0.2.7 fe80::7] "path=/""#]
    );
    assert!(scene.wishes().is_empty() && scene.wait(60_000).is_empty());
}

// RFC 6763 9: B6
#[test]
fn of_a_type_only_the_first_two_labels_matter() {
    let mut scene = Scene::all();
    scene.wishes();
    let told = scene.hear(&[
        ptr(META, "_ipp._tcp.else.where"),
        ptr(META, "_ipp._tcp.local"),
        ptr(META, "casa.local"),
        ptr(META, "_printer._sub._ipp._tcp.local"),
    ]);
    assert_eq!(told, ["+ type _ipp._tcp local"]);
    assert_eq!(scene.wishes(), ["+2 _ipp._tcp.local PTR".into()].into());
}

#[test]
fn types_alone_are_asked_for_by_the_meta_query() {
    let mut scene = Scene::new(Scope::of_query(name(META)));
    scene.wishes();
    assert_eq!(scene.hear(&[ptr(META, HTTP)]), ["+ type _http._tcp local"]);
    assert!(scene.wishes().is_empty());
    assert_eq!(scene.lose(&[ptr(META, HTTP)]), ["- type _http._tcp local"]);
}

// RFC 6763 12: B3, B7
#[test]
fn what_comes_in_one_message_is_told_at_once_and_in_one_go() {
    let mut scene = Scene::new(Scope::Instances(vec![name(HTTP)]));
    assert_eq!(
        scene.hear(&web()),
        [
            "+ Web._http._tcp.local",
            r#"= Web._http._tcp.local casa.local:80 [192.0.2.7 fe80::7] "path=/""#
        ]
    );
}

#[test]
fn host_of_one_family_is_told_of_when_the_other_had_time_to_answer() {
    let mut scene = Scene::all();
    assert_eq!(scene.hear(&web()[..4]), ["+ Web._http._tcp.local"]);
    assert!(scene.wait(299).is_empty());
    let told = [r#"= Web._http._tcp.local casa.local:80 [192.0.2.7] "path=/""#];
    assert_eq!(scene.wait(1), told);
}

// RFC 6763 6.1: B3
#[test]
fn no_txt_record_and_one_that_says_nothing_are_the_same() {
    for record in [
        None,
        Some(txt(WEB, &[])),
        Some(txt(WEB, &["", ""])),
        Record::new(name(WEB), 4500, Rdata::Txt(Txt::from_wire(&[]).unwrap())),
    ] {
        let mut scene = Scene::all();
        let mut records = web();
        records.remove(2);
        records.extend(record);
        let mut told = scene.hear(&records);
        told.extend(scene.wait(1_500));
        let resolved = "= Web._http._tcp.local casa.local:80 [192.0.2.7 fe80::7]";
        assert_eq!(told, ["+ Web._http._tcp.local", resolved]);
    }
}

#[test]
fn service_whose_host_nobody_knows_is_told_of_without_addresses() {
    let mut scene = Scene::all();
    scene.hear(&web()[..3]);
    assert!(scene.wait(1_499).is_empty());
    assert_eq!(
        scene.wait(1),
        [r#"= Web._http._tcp.local casa.local:80 [] "path=/""#]
    );
}

// RFC 6763 7.1: B5
#[test]
fn instances_of_a_subtype_are_instances_of_the_type() {
    const PRINTER: &str = "_printer._sub._http._tcp.local";
    let mut scene = Scene::new(Scope::Instances(vec![name(PRINTER)]));
    let asked = [format!("+2 {PRINTER} PTR"), format!("+3 {PRINTER} PTR")];
    assert_eq!(scene.wishes(), asked.into());
    let told = scene.hear(&[ptr(PRINTER, WEB), ptr("_other._sub._http._tcp.local", WEB)]);
    assert_eq!(told, ["+ Web._http._tcp.local (_printer)"]);
    assert_eq!(
        scene.hear(&web()[1..]),
        [r#"= Web._http._tcp.local (_printer) casa.local:80 [192.0.2.7 fe80::7] "path=/""#]
    );
    let mut scene = Scene::passive(Scope::All(local()));
    let mut records = web();
    records.push(ptr(r"Any\.thing._sub._http._tcp.local", WEB));
    records.push(ptr(r"any\.THING._SUB._http._tcp.local", WEB));
    assert_eq!(
        scene.hear(&records)[0],
        "+ Web._http._tcp.local (Any.thing)"
    );
    // It is pointed to by its plain type still.
    assert!(scene.lose(&records[6..]).is_empty());
}

// RFC 6763 8: B9
#[test]
fn name_that_is_held_with_port_0_is_no_service() {
    const LPD: &str = "Office._printer._tcp.local";
    for mut scene in [Scene::all(), Scene::passive(Scope::All(local()))] {
        let held = [
            srv(LPD, "casa.local", 0),
            txt(LPD, &[]),
            address("casa.local", "192.0.2.7"),
        ];
        assert!(scene.hear(&held).is_empty() && scene.wait(10_000).is_empty());
        // One that points to it nevertheless is not followed.
        let pointer = ptr("_printer._tcp.local", LPD);
        assert!(scene.hear(std::slice::from_ref(&pointer)).is_empty());
        assert!(scene.wait(10_000).is_empty());
    }
    let mut scene = Scene::all();
    scene.hear(&web());
    let (old, new) = (srv(WEB, "casa.local", 80), srv(WEB, "casa.local", 0));
    assert!(scene.hear(&[new]).is_empty());
    assert_eq!(scene.lose(&[old]), ["- Web._http._tcp.local"]);
}

// RFC 6763 5: B9
#[test]
fn targets_are_in_the_order_in_which_they_are_to_be_tried() {
    let mut scene = Scene::all();
    let told = scene.hear(&[
        ptr(HTTP, WEB),
        txt(WEB, &[]),
        srv_of(WEB, (2, 9), "d.local", 4),
        srv_of(WEB, (1, 3), "b.local", 2),
        srv_of(WEB, (1, 9), "a.local", 1),
        srv_of(WEB, (1, 0), "c.local", 3),
        srv_of(WEB, (0, 0), "none.local", 0),
    ]);
    assert_eq!(told, ["+ Web._http._tcp.local"]);
    assert_eq!(
        scene.wait(1_500),
        ["= Web._http._tcp.local a.local:1 [] b.local:2 [] c.local:3 [] d.local:4 []"]
    );
}

// RFC 6763 4.2, RFC 6762 3, 13: B12, A1
#[test]
fn instance_is_what_it_is_pointed_to_as_whatever_was_asked() {
    let mut scene = Scene::new(Scope::Instances(vec![name(HTTP)]));
    scene.wishes();
    let told = scene.hear(&[
        ptr(HTTP, "Else._other._udp.local"),
        ptr(HTTP, "Far._http._tcp.example.com"),
        ptr(HTTP, "casa.local"),
        ptr(HTTP, HTTP),
    ]);
    assert_eq!(
        told,
        ["+ Far._http._tcp.example.com", "+ Else._other._udp.local"]
    );
    // RFC 6762 3, 13: what is not of the link is not asked for there.
    let asked = ["SRV", "TXT"].map(|kind| format!("+2 Else._other._udp.local {kind}"));
    assert_eq!(scene.wishes(), asked.into());
}

// RFC 6763 6.8: B15
#[test]
fn all_txt_records_are_kept() {
    let mut scene = Scene::all();
    let mut records = web();
    records.push(txt(WEB, &["txtvers=2", "q"]));
    assert_eq!(
        scene.hear(&records)[1],
        r#"= Web._http._tcp.local casa.local:80 [192.0.2.7 fe80::7] "path=/" "txtvers=2" "q""#
    );
}

// RFC 6763 F: B16
#[test]
fn what_comes_and_goes_is_told_as_it_does() {
    let mut scene = Scene::all();
    scene.hear(&web());
    scene.wishes();
    // RFC 6762 10.2: the old one goes a second after the new one came, and that is one change.
    let (old, new) = (txt(WEB, &["path=/"]), txt(WEB, &["path=/new"]));
    assert!(scene.hear(&[new]).is_empty() && scene.wait(1_000).is_empty());
    assert!(scene.lose(&[old]).is_empty());
    assert_eq!(
        scene.wait(1_000),
        [r#"~ Web._http._tcp.local casa.local:80 [192.0.2.7 fe80::7] "path=/new""#]
    );
    assert!(scene.lose(&[address("casa.local", "192.0.2.7")]).is_empty());
    assert_eq!(
        scene.wait(2_000),
        [r#"~ Web._http._tcp.local casa.local:80 [fe80::7] "path=/new""#]
    );
    assert_eq!(scene.lose(&[ptr(HTTP, WEB)]), ["- Web._http._tcp.local"]);
    let ceased = [
        format!("-2 {WEB} SRV"),
        format!("-2 {WEB} TXT"),
        "-2 casa.local A".into(),
        "-2 casa.local AAAA".into(),
    ];
    assert_eq!(scene.wishes(), ceased.into());
    // Nobody tells of what is not asked for: what was known is not known any more.
    assert_eq!(scene.hear(&[ptr(HTTP, WEB)]), ["+ Web._http._tcp.local"]);
    assert!(scene.wait(10_000).is_empty());
}

#[test]
fn service_that_comes_back_is_what_it_is_now() {
    let mut scene = Scene::all();
    scene.hear(&web());
    scene.lose(&[ptr(HTTP, WEB)]);
    let back = [
        ptr(HTTP, WEB),
        srv(WEB, "casa.local", 81),
        txt(WEB, &["path=/new"]),
        address("casa.local", "192.0.2.8"),
        address("casa.local", "fe80::8"),
    ];
    assert_eq!(
        scene.hear(&back)[1],
        r#"= Web._http._tcp.local casa.local:81 [192.0.2.8 fe80::8] "path=/new""#
    );
}

#[test]
fn change_that_is_taken_back_is_none() {
    let mut scene = Scene::all();
    scene.hear(&web());
    let other = address("casa.local", "192.0.2.8");
    assert!(scene.hear(std::slice::from_ref(&other)).is_empty());
    assert!(scene.lose(&[other]).is_empty() && scene.wait(10_000).is_empty());
}

// RFC 6763 F: B16
#[test]
fn what_came_over_an_interface_that_is_gone_is_gone() {
    let mut scene = Scene::all();
    scene.hear_on(WLAN0, &ptr(META, HTTP), Change::Added);
    scene.hear_on(WLAN0, &ptr(HTTP, WEB), Change::Added);
    assert_eq!(
        scene.told(),
        [
            "wlan0 + type _http._tcp local",
            "wlan0 + Web._http._tcp.local"
        ]
    );
    scene.hear(&web());
    scene.wishes();
    scene.browser.follow(scene.now, &[ETH0].into());
    assert_eq!(
        scene.told(),
        [
            "wlan0 - Web._http._tcp.local",
            "wlan0 - type _http._tcp local"
        ]
    );
    let ceased = [
        format!("-3 {META} PTR"),
        format!("-3 {HTTP} PTR"),
        format!("-3 {WEB} SRV"),
        format!("-3 {WEB} TXT"),
    ];
    assert_eq!(scene.wishes(), ceased.into());
    scene.hear_on(WLAN0, &ptr(HTTP, WEB), Change::Added);
    assert!(scene.told().is_empty() && scene.wishes().is_empty());
    scene.browser.follow(scene.now, &[ETH0, WLAN0].into());
    assert_eq!(scene.wishes(), [format!("+3 {META} PTR")].into());
}

// RFC 6763 8: B18
#[test]
fn one_name_under_two_types_is_two_instances() {
    let mut scene = Scene::all();
    const IPP: &str = "Web._ipp._tcp.local";
    let told = scene.hear(&[ptr(HTTP, WEB), ptr("_ipp._tcp.local", IPP)]);
    assert_eq!(told, ["+ Web._ipp._tcp.local", "+ Web._http._tcp.local"]);
    assert_eq!(scene.lose(&[ptr(HTTP, WEB)]), ["- Web._http._tcp.local"]);
}

// RFC 6763 4.1.1: B1
#[test]
fn instances_are_told_apart_by_any_byte_but_the_case_of_letters() {
    let mut scene = Scene::all();
    let told = scene.hear(&[
        ptr(HTTP, r"Dr\. No._http._tcp.local"),
        ptr(HTTP, r"dr\. NO._http._tcp.local"),
        ptr(HTTP, r"Dr\.No._http._tcp.local"),
        ptr(HTTP, r"\255._http._tcp.local"),
    ]);
    let shown = [
        r"+ Dr\. No._http._tcp.local",
        r"+ Dr\.No._http._tcp.local",
        r"+ \255._http._tcp.local",
    ];
    let mut sorted = shown.map(String::from);
    sorted.sort();
    let mut told = told;
    told.sort();
    assert_eq!(told, sorted);
}

// RFC 6763 5: B3
#[test]
fn one_instance_is_resolved_without_a_pointer() {
    let mut scene = Scene::new(Scope::of_query(name(WEB)));
    let asked = [2, 3].map(|on| [format!("+{on} {WEB} SRV"), format!("+{on} {WEB} TXT")]);
    assert_eq!(scene.wishes(), asked.into_iter().flatten().collect());
    assert_eq!(scene.hear(&web()[1..]).len(), 2);
    let both = ["+2 casa.local A".into(), "+2 casa.local AAAA".into()];
    assert_eq!(scene.wishes(), both.into());
    assert_eq!(
        scene.lose(&[srv(WEB, "casa.local", 80)]),
        ["- Web._http._tcp.local"]
    );
}

#[test]
fn other_pointers_are_told_of_as_they_are() {
    const REVERSE: &str = "7.2.0.192.in-addr.arpa";
    let mut scene = Scene::new(Scope::of_query(name(REVERSE)));
    assert_eq!(scene.wishes().len(), 2);
    let pointer = ptr(REVERSE, "casa.local");
    assert_eq!(
        scene.hear(&[pointer.clone(), ptr("8.2.0.192.in-addr.arpa", "x.local")]),
        ["+ 7.2.0.192.in-addr.arpa -> casa.local"]
    );
    assert!(scene.hear(std::slice::from_ref(&pointer)).is_empty());
    assert_eq!(
        scene.lose(&[pointer]),
        ["- 7.2.0.192.in-addr.arpa -> casa.local"]
    );
}

#[test]
fn listener_tells_of_services_that_nobody_pointed_to_and_wishes_nothing() {
    let mut scene = Scene::passive(Scope::All(local()));
    assert_eq!(scene.hear(&web()[1..]).len(), 2);
    assert!(scene.wishes().is_empty());
    // Whose pointer has gone has gone, though the rest is yet to follow.
    scene.hear(&web()[..1]);
    assert_eq!(scene.lose(&web()[..1]), ["- Web._http._tcp.local"]);
    for (scope, heard) in [
        (Scope::Instances(vec![name(HTTP)]), 2),
        (Scope::Instances(vec![name("_ipp._tcp.local")]), 0),
        (Scope::of_query(name(WEB)), 2),
        (Scope::of_query(name("Other._http._tcp.local")), 0),
        (Scope::of_query(name(META)), 0),
    ] {
        let mut scene = Scene::passive(scope.clone());
        assert_eq!(scene.hear(&web()).len(), heard, "{scope:?}");
    }
}

#[test]
fn at_the_end_nothing_is_waited_for() {
    let mut scene = Scene::passive(Scope::All(local()));
    assert_eq!(scene.hear(&web()[..2]), ["+ Web._http._tcp.local"]);
    scene.browser.finish();
    assert_eq!(scene.told(), ["= Web._http._tcp.local casa.local:80 []"]);
    assert_eq!(scene.browser.poll_timeout(), None);
}
