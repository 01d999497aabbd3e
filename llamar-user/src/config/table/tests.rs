//! Tables as a whole, against a map in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn addresses(text: &str) -> Addresses {
    Addresses::new(text.split_whitespace().map(|ip| ip.parse().unwrap()), 30)
}

/// A table of lines such as `nas 10.0.0.1 fd00::1`.
fn table(lines: &[&str]) -> Hosts {
    let entry = |line: &&str| {
        let (owner, list) = line.split_once(' ').unwrap();
        (name(owner), addresses(list))
    };
    lines.iter().map(entry).collect()
}

/// Changes to names: their addresses, or none for those that are gone.
fn changes(lines: &[&str]) -> Changes {
    let mut changes = Changes::default();
    for line in lines {
        let (owner, list) = line.split_once(' ').unwrap_or((line, ""));
        let change = Change {
            addresses: (!list.is_empty()).then(|| addresses(list)),
            mentions: Mentions::UNSURE,
        };
        changes.insert(name(owner), change);
    }
    changes
}

fn shown(hosts: &Hosts) -> String {
    let entry = |(name, addresses): (&Name, &Addresses)| {
        let list: Vec<_> = addresses.iter().map(|ip| ip.to_string()).collect();
        format!("{name}={}", list.join(","))
    };
    hosts.iter().map(entry).collect::<Vec<_>>().join(" ")
}

fn owners(hosts: &Hosts, address: &str) -> String {
    let owners = hosts.owners(address.parse().unwrap());
    let owners: Vec<_> = owners.map(|(name, _)| name.to_string()).collect();
    owners.join(" ")
}

fn changed(now: &Hosts, before: &Hosts) -> Option<String> {
    let names: Vec<_> = now
        .changed(before)?
        .iter()
        .map(ToString::to_string)
        .collect();
    Some(names.join(" "))
}

#[test]
fn a_table_is_searched_by_name_without_regard_to_case() {
    let hosts = table(&[
        "nas 10.0.0.1",
        "Casa 10.0.0.2",
        "a.b fd00::1",
        "NAS 10.0.0.3",
    ]);
    assert_eq!((hosts.len(), hosts.is_empty()), (3, false));
    assert!(hosts.keys().is_sorted());
    assert_eq!(hosts.entry(&name("CASA")).unwrap().0.to_string(), "Casa");
    assert_eq!(hosts.get(&name("nAs")).unwrap(), &addresses("10.0.0.3"));
    assert!(hosts.contains_key(&name("A.B")) && !hosts.contains_key(&name("a")));
    assert!(Hosts::default().is_empty() && !Hosts::default().contains_key(&name("a")));
}

#[test]
fn a_table_is_searched_by_address() {
    let hosts = table(&[
        "d 10.0.0.1",
        "c 10.0.0.2 10.0.0.1 fd00::1",
        "b fd00::1 fd00::2",
        "a 10.0.0.2 10.0.0.3",
    ]);
    for (address, expected) in [
        ("10.0.0.0", ""),
        ("10.0.0.1", "c d"),
        ("10.0.0.2", "a c"),
        ("10.0.0.3", "a"),
        ("10.0.0.4", ""),
        ("fd00::1", "b c"),
        ("fd00::2", "b"),
        ("fd00::3", ""),
        ("::ffff:10.0.0.1", ""),
    ] {
        assert_eq!(owners(&hosts, address), expected, "{address}");
    }
    assert_eq!(owners(&Hosts::default(), "10.0.0.1"), "");
}

#[test]
fn another_ttl_changes_nothing_else() {
    let hosts = table(&["a 10.0.0.1", "b 10.0.0.1 fd00::1"]).with(&changes(&["c 10.0.0.1", "a"]));
    let other = hosts.with_ttl(5);
    assert!(other.values().all(|addresses| addresses.ttl == 5));
    assert_eq!(owners(&other, "10.0.0.1"), "b c");
    assert_ne!(other, hosts);
    assert_eq!(other.with_ttl(30), hosts);
}

#[test]
fn names_that_come_go_and_change_are_as_if_they_had_always_been_so() {
    let before = table(&["a 10.0.0.1", "b 10.0.0.2", "c 10.0.0.2"]);
    let after = before.with(&changes(&["B 10.0.0.1", "c", "d 10.0.0.2", "nobody"]));
    assert_eq!(shown(&after), "a=10.0.0.1 B=10.0.0.1 d=10.0.0.2");
    assert_eq!(after.len(), 3);
    assert_eq!(owners(&after, "10.0.0.1"), "a B");
    assert_eq!(owners(&after, "10.0.0.2"), "d");
    assert_eq!(after.entry(&name("b")).unwrap().0.to_string(), "B");
    assert!(!after.contains_key(&name("c")));
    assert_eq!(after, table(&["a 10.0.0.1", "b 10.0.0.1", "d 10.0.0.2"]));
    assert_eq!(shown(&before), "a=10.0.0.1 b=10.0.0.2 c=10.0.0.2");
}

#[test]
fn what_is_taken_back_is_no_change() {
    let before = table(&["a 10.0.0.1", "b 10.0.0.2"]);
    let other = before.with(&changes(&["a 10.0.0.9", "c 10.0.0.3"]));
    let after = other.with(&changes(&["a 10.0.0.1", "c"]));
    assert_eq!(after.patch.len(), 0);
    assert_eq!(after, before);
    assert_eq!(changed(&after, &before).as_deref(), Some(""));
    assert_eq!(changed(&after, &other).as_deref(), Some("a c"));
}

#[test]
fn only_what_has_changed_has_to_be_compared() {
    let before = table(&["a 10.0.0.1", "b 10.0.0.2"]);
    let one = before.with(&changes(&["a 10.0.0.9"]));
    let two = one.with(&changes(&["c 10.0.0.3"]));
    assert_eq!(changed(&two, &two.clone()).as_deref(), Some(""));
    assert_eq!(changed(&one, &before).as_deref(), Some("a"));
    assert_eq!(changed(&two, &one).as_deref(), Some("c"));
    assert_eq!(changed(&two, &before).as_deref(), Some("a c"));
    // Another array with the same names may differ in any of them.
    assert_eq!(changed(&two, &table(&["a 10.0.0.1"])), None);
    // What was folded is what it was made of.
    let folded = two.folded_above(1);
    assert_eq!((folded.patch.len(), &folded), (0, &two));
    assert_eq!(changed(&folded, &two).as_deref(), Some(""));
    let three = folded.with(&changes(&["b"]));
    assert_eq!(changed(&three, &two).as_deref(), Some("b"));
    assert_eq!(changed(&three, &one), None);
    assert!(two.folded_above(2).is_same(&two));
}

#[test]
fn many_changes_are_folded_and_few_are_not() {
    let before = table(&["a 10.0.0.1"]);
    let names: Vec<_> = (0..=CHANGES_MAX)
        .map(|number| format!("n{number} 10.0.0.2"))
        .collect();
    let lines: Vec<_> = names.iter().map(String::as_str).collect();
    let few = before.with(&changes(&lines[1..]));
    assert!(few.folded().is_same(&few));
    let many = before.with(&changes(&lines));
    let folded = many.folded();
    assert!(!folded.is_same(&many));
    assert_eq!(folded, many);
}

proptest! {
    #[test]
    fn a_table_that_changes_is_always_the_one_that_is_built_anew(
        start in prop::collection::btree_map(0..12u8, 0..4u8, 0..8),
        steps in prop::collection::vec((prop::collection::btree_map(0..12u8, prop::option::of(0..4u8), 0..5), 0..6usize), 0..6),
    ) {
        let text = |number: u8| name(&format!("n{number}"));
        let list = |last: u8| Addresses::new([last, last % 3].map(|last| IpAddr::from([10, 0, 0, last])), 30);
        let mut model: BTreeMap<u8, u8> = start;
        let mentions = |last: u8| Mentions::of(usize::from(last) + 1, 0);
        let build = |model: &BTreeMap<u8, u8>| -> Hosts {
            let entries = model.iter().map(|(number, last)| (text(*number), list(*last), mentions(*last)));
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by(|(left, ..), (right, ..)| left.cmp(right));
            let mentions = entries.iter().map(|(_, _, mentions)| *mentions).collect();
            Hosts::from_sorted(entries.into_iter().map(|(name, list, _)| (name, list)).collect(), mentions)
        };
        let mut hosts = build(&model);
        let mut before = (hosts.clone(), model.clone());
        for (step, fold) in steps {
            let mut changes = Changes::default();
            for (&number, &last) in &step {
                let change = Change { addresses: last.map(list), mentions: last.map_or(Mentions::NONE, mentions) };
                changes.insert(text(number), change);
                match last {
                    Some(last) => model.insert(number, last),
                    None => model.remove(&number),
                };
            }
            hosts = hosts.folded_above(fold).with(&changes);
            let anew = build(&model);
            prop_assert_eq!(&hosts, &anew);
            prop_assert_eq!(hosts.len(), anew.len());
            prop_assert!(hosts.iter().eq(anew.iter()));
            for number in 0..12 {
                let name = text(number);
                prop_assert_eq!(hosts.entry(&name), anew.entry(&name));
                prop_assert_eq!(hosts.mentions(&name), anew.mentions(&name));
            }
            for last in 0..4 {
                let address = IpAddr::from([10, 0, 0, last]);
                prop_assert!(hosts.owners(address).eq(anew.owners(address)));
            }
            let told = hosts.changed(&before.0);
            let differs = |number: &u8| model.get(number) != before.1.get(number);
            let differ: Vec<_> = (0..12).filter(differs).map(text).collect();
            if let Some(told) = told {
                prop_assert!(differ.iter().all(|name| told.contains(&name)), "{told:?} {differ:?}");
                prop_assert!(told.is_sorted());
            }
            before = (hosts.clone(), model.clone());
        }
    }
}
