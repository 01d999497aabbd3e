//! Announcements and address conflicts.

use super::{good, wrong};
use crate::config::OnAddressConflict;

#[test]
fn announcements_and_conflicts_are_set_for_all_and_for_one() {
    let file = good(
        "announce = false\nannounce-every = 60\non-address-conflict = \"report\"\n\
         [interface.a]\nannounce = true\nannounce-every = \"off\"\non-address-conflict = \"withdraw\"\n\
         [interface.b]\nannounce-every = 86_400\n",
    );
    let keys = file.presence;
    assert_eq!((keys.announce, keys.every), (Some(false), Some(Some(60))));
    assert_eq!(keys.on_conflict, Some(OnAddressConflict::Report));
    let keys = file.interfaces["a"].presence;
    assert_eq!((keys.announce, keys.every), (Some(true), Some(None)));
    assert_eq!(keys.on_conflict, Some(OnAddressConflict::Withdraw));
    let keys = file.interfaces["b"].presence;
    assert_eq!((keys.announce, keys.every), (None, Some(Some(86_400))));
    assert_eq!(keys.on_conflict, None);
}

#[test]
fn what_is_wrong_about_them_is_told_with_its_place() {
    let every = "seconds, a number from 10 to 86400, or \"off\"";
    let ways = "expected defend, report or withdraw";
    for (text, problem) in [
        (
            "announce = \"no\"",
            "\"announce\" is a string, expected true or false".to_owned(),
        ),
        (
            "announce-every = 9",
            "\"announce-every\" is 9, expected a number from 10 to 86400".to_owned(),
        ),
        (
            "announce-every = 86401",
            "\"announce-every\" is 86401, expected a number from 10 to 86400".to_owned(),
        ),
        (
            "announce-every = -1",
            "\"announce-every\" is -1, expected a number from 10 to 86400".to_owned(),
        ),
        (
            "announce-every = true",
            format!("\"announce-every\" is a boolean, expected {every}"),
        ),
        (
            "announce-every = \"60 s\"",
            format!("\"60 s\" is no time, expected {every}"),
        ),
        (
            "on-address-conflict = true",
            "\"on-address-conflict\" is a boolean, expected \"defend\", \"report\" or \"withdraw\""
                .to_owned(),
        ),
        (
            "on-address-conflict = \"keep\"",
            format!("\"keep\" is no way out of an address conflict, {ways}"),
        ),
    ] {
        let column = text.find('=').unwrap() + 3;
        assert_eq!(wrong(text), format!("1:{column}: {problem}"), "{text}");
        let in_table = wrong(&format!("[interface.eth0]\n{text}"));
        assert_eq!(in_table, format!("2:{column}: {problem}"), "{text}");
    }
    let vlan = wrong("[interface.eth0.vlan.7]\nannounce = true");
    assert!(vlan.starts_with("2:1: unknown key \"announce\""), "{vlan}");
}
