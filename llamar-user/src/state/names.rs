//! The names of one link: its own and a table that it shares with all other links.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Addresses, Hosts, join};
use crate::dns::Name;

/// All names of one link. The shared part may hold a million and is never copied; where a name is in both parts,
/// the link's own entry counts, and holds the addresses of both.
#[derive(Clone, Debug, Default)]
pub struct Names {
    own: Hosts,
    shared: Arc<Hosts>,
    /// Names of the shared part that are not there on this link: they were removed, or another host has them.
    hidden: BTreeSet<Name>,
    /// This host's names, in the order of the configuration.
    host: Arc<[Name]>,
}

impl Names {
    /// The names of a link; an entry of `own` hides one of `shared`.
    pub fn new(own: impl IntoIterator<Item = (Name, Addresses)>, shared: Arc<Hosts>) -> Self {
        Self {
            own: own.into_iter().collect(),
            shared,
            ..Self::default()
        }
    }

    /// The same shared part with other names in front of it, and without those that are `lost`.
    pub fn with(
        &self,
        own: impl IntoIterator<Item = (Name, Addresses)>,
        lost: impl IntoIterator<Item = Name>,
    ) -> Self {
        let mut names = self.clone();
        names.own = own.into_iter().collect();
        names.hidden.extend(lost);
        names
    }

    /// Without some names of the shared part.
    pub fn hiding(self, hidden: BTreeSet<Name>) -> Self {
        Self { hidden, ..self }
    }

    /// With these as the names of this host itself, which an address has before all others.
    pub fn of_host(self, names: &[Name]) -> Self {
        Self {
            host: names.into(),
            ..self
        }
    }

    /// This host's names, in the order of the configuration.
    pub fn host(&self) -> &[Name] {
        &self.host
    }

    /// The addresses of a name.
    pub fn get(&self, name: &Name) -> Option<&Addresses> {
        let shared = || {
            self.shared
                .get(name)
                .filter(|_| !self.hidden.contains(name))
        };
        self.own.get(name).or_else(shared)
    }

    /// The names of an address: this host's in the order of the configuration, then others of this link, then those of
    /// the shared part. There may be very many.
    pub fn owners(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Addresses)> {
        let host = self.host.iter().filter_map(|name| self.own.entry(name));
        let host = host.filter(move |(_, addresses)| addresses.iter().any(|one| one == address));
        let held = self.own.owners(address);
        let held = held.filter(|(name, _)| !self.host.contains(name));
        let shared = self.shared.owners(address);
        let shared = shared.filter(|(name, _)| !self.covers(name));
        host.chain(held).chain(shared)
    }

    /// All names in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Addresses)> {
        join(self.own.iter(), self.shared.iter())
            .filter(|(name, own, _)| own.is_some() || !self.hidden.contains(name))
            .filter_map(|(name, own, shared)| Some((name, own.or(shared)?)))
    }

    /// The names of this link only, those of this host among them.
    pub fn own(&self) -> &Hosts {
        &self.own
    }

    /// The names of the shared part that are there and that no own entry hides.
    pub fn shared(&self) -> impl Iterator<Item = (&Name, &Addresses)> {
        self.shared.iter().filter(|(name, _)| !self.covers(name))
    }

    /// Whether an entry of the shared part does not count here.
    fn covers(&self, name: &Name) -> bool {
        !self.own.is_empty() && self.own.contains_key(name) || self.hidden.contains(name)
    }

    /// Whether both have the very same shared part, so that only their own ones can differ.
    pub fn same_shared(&self, other: &Self) -> bool {
        self.shared.is_same(&other.shared)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        let covered: BTreeSet<&Name> = self.own.keys().chain(&self.hidden).collect();
        let covered = covered.iter().filter(|name| self.shared.contains_key(name));
        self.own.len() + self.shared.len() - covered.count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names whose addresses are not what they were `before`, `None` for those that are gone. Where the shared
    /// part is the same table but for some changes, its size costs nothing.
    pub fn changes<'a>(&'a self, before: &'a Self) -> Vec<(&'a Name, Option<&'a Addresses>)> {
        let Some(changed) = self.shared.changed(&before.shared) else {
            return join(self.iter(), before.iter())
                .filter(|(_, now, then)| now != then)
                .map(|(name, now, _)| (name, now))
                .collect();
        };
        let names = self.own.keys().chain(&self.hidden);
        let names = names.chain(before.own.keys()).chain(&before.hidden);
        let names: BTreeSet<&Name> = names.chain(changed).collect();
        names
            .into_iter()
            .map(|name| (name, self.get(name), before.get(name)))
            .filter(|(_, now, then)| now != then)
            .map(|(name, now, _)| (name, now))
            .collect()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        let same_parts =
            self.same_shared(other) && self.own == other.own && self.hidden == other.hidden;
        self.host == other.host && (same_parts || self.iter().eq(other.iter()))
    }
}

impl Eq for Names {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn table(entries: &[(&str, u8)]) -> Hosts {
        let entry = |&(text, last): &(&str, u8)| {
            let address = std::net::IpAddr::from([10, 0, 0, last]);
            (name(text), Addresses::new([address], 30))
        };
        entries.iter().map(entry).collect()
    }

    fn changes(after: &Names, before: &Names) -> Vec<(String, Option<u8>)> {
        let last = |addresses: &Addresses| addresses.a[0].octets()[3];
        let changes = after.changes(before).into_iter();
        changes
            .map(|(name, now)| (name.to_string(), now.map(last)))
            .collect()
    }

    #[test]
    fn an_own_name_hides_a_shared_one_and_each_is_there_once() {
        let names = Names::new(
            table(&[("B", 1), ("d", 2)]),
            Arc::new(table(&[("a", 3), ("b", 4), ("c", 5)])),
        );
        assert_eq!(names.len(), 4);
        let all: Vec<_> = names.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(all, ["a", "B", "c", "d"]);
        assert_eq!(names.get(&name("b")).unwrap().a[0].octets()[3], 1);
        assert_eq!(names.shared().count(), 2);
        assert!(names.get(&name("e")).is_none());
        assert!(Names::default().is_empty());
    }

    #[test]
    fn changes_are_the_names_that_came_went_or_moved() {
        let shared = Arc::new(table(&[("a", 3), ("b", 4)]));
        let before = Names::new(table(&[("b", 1), ("c", 2), ("d", 9)]), shared.clone());
        let after = Names::new(table(&[("c", 7), ("d", 9), ("e", 8)]), shared);
        let expected = [("b", Some(4)), ("c", Some(7)), ("e", Some(8))];
        let expected = expected.map(|(name, last)| (name.to_owned(), last));
        assert_eq!(changes(&after, &before), expected);
        let expected = [("b", Some(1)), ("c", Some(2)), ("e", None)];
        let expected = expected.map(|(name, last)| (name.to_owned(), last));
        assert_eq!(changes(&before, &after), expected);
        assert_eq!(changes(&after, &after.clone()), []);
    }

    // RFC 4795 4.1: R49
    #[test]
    fn a_lost_name_is_there_in_neither_part() {
        let shared = Arc::new(table(&[("a", 3), ("b", 4)]));
        let before = Names::new(table(&[("c", 1), ("d", 2)]), shared);
        let own = table(&[("c", 1)]);
        let after = before.with(own, [name("b"), name("d"), name("nobody")]);
        assert!(after.get(&name("b")).is_none() && after.get(&name("d")).is_none());
        let all: Vec<_> = after.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!((all, after.len()), (vec!["a".into(), "c".into()], 2));
        assert_eq!(after.own().len() + after.shared().count(), 2);
        let expected = [("b", None), ("d", None)].map(|(name, last)| (name.to_owned(), last));
        assert_eq!(changes(&after, &before), expected);
        let none = Names::new(table(&[]), Arc::default()).with([], [name("a")]);
        assert!(none.is_empty());
    }

    #[test]
    fn changes_are_found_between_different_shared_tables() {
        let before = Names::new(table(&[("x", 1)]), Arc::new(table(&[("a", 3), ("b", 4)])));
        let after = Names::new(
            table(&[("x", 1)]),
            Arc::new(table(&[("b", 4), ("c", 5), ("x", 6)])),
        );
        let expected = [("a", None), ("c", Some(5))];
        assert_eq!(
            changes(&after, &before),
            expected.map(|(name, last)| (name.to_owned(), last))
        );
        assert_ne!(after, before);
        let same = Names::new(table(&[("x", 1)]), Arc::new(table(&[("a", 3), ("b", 4)])));
        assert_eq!(same, before);
        assert_eq!(changes(&same, &before), []);
    }

    fn owners(names: &Names, last: u8) -> String {
        let owners = names.owners(IpAddr::from([10, 0, 0, last]));
        let owners: Vec<_> = owners.map(|(name, _)| name.to_string()).collect();
        owners.join(" ")
    }

    #[test]
    fn the_owners_of_an_address_are_this_hosts_names_first_and_each_once() {
        let names = Names::new(
            table(&[
                ("casa", 1),
                ("media", 1),
                ("alias", 1),
                ("nas", 9),
                ("both", 9),
            ]),
            Arc::new(table(&[
                ("a", 1),
                ("both", 9),
                ("moved", 9),
                ("z", 9),
                ("nas", 1),
            ])),
        );
        let hidden = BTreeSet::from([name("MOVED")]);
        let names = names
            .hiding(hidden)
            .of_host(&["media", "Casa", "down"].map(name));
        assert_eq!(owners(&names, 1), "media casa alias a");
        assert_eq!(owners(&names, 9), "nas both z");
        assert_eq!(owners(&names, 2), "");
        assert_eq!(owners(&Names::default(), 1), "");
    }

    #[test]
    fn hidden_names_of_the_shared_part_are_not_there_on_this_link() {
        let shared = Arc::new(table(&[("a", 1), ("b", 2), ("c", 3)]));
        let whole = Names::new(table(&[("x", 9)]), shared.clone());
        let hidden = BTreeSet::from(["A", "c", "nobody"].map(name));
        let less = Names::new(table(&[("c", 4)]), shared.clone()).hiding(hidden.clone());
        assert!(less.get(&name("a")).is_none() && whole.get(&name("a")).is_some());
        let all: Vec<_> = less.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(all, ["b", "c"]);
        assert_eq!((less.len(), less.shared().count()), (2, 1));
        assert_ne!(less, whole);
        assert_eq!(
            changes(&less, &whole),
            [("A", None), ("c", Some(4)), ("x", None)].map(|(name, last)| (name.to_owned(), last))
        );
        assert_eq!(
            changes(&whole, &less),
            [("A", Some(1)), ("c", Some(3)), ("x", Some(9))]
                .map(|(name, last)| (name.to_owned(), last))
        );
        let none = Names::new(Hosts::default(), Arc::new(table(&[("a", 1)])));
        assert!(none.hiding(hidden).is_empty());
    }

    // RFC 4795 4.1: R49
    #[test]
    fn hidden_names_and_the_order_of_this_hosts_names_stay_when_others_are_lost() {
        let before = Names::new(
            table(&[("casa", 1), ("media", 1)]),
            Arc::new(table(&[("a", 1), ("b", 1), ("c", 1)])),
        );
        let before = before
            .hiding([name("a")].into())
            .of_host(&["media", "casa"].map(name));
        let after = before.with(table(&[("casa", 1), ("media", 1)]), [name("b")]);
        assert_eq!(owners(&before, 1), "media casa b c");
        assert_eq!(owners(&after, 1), "media casa c");
        let renamed = before.with(table(&[("casa", 1), ("media-2", 1)]), [name("media")]);
        assert_eq!(owners(&renamed, 1), "casa media-2 b c");
    }

    proptest! {
        #[test]
        fn the_owners_of_any_address_are_the_names_that_have_it(
            own in prop::collection::vec((0..12u8, 0..4u8), 0..8),
            shared in prop::collection::vec((0..12u8, 0..4u8), 0..20),
            hidden in prop::collection::btree_set(0..12u8, 0..4),
            host in prop::collection::btree_set(0..12u8, 0..4),
        ) {
            let text = |number: u8| format!("n{number}");
            let table = |entries: Vec<(u8, u8)>| -> Hosts {
                let entry = |(number, last)| {
                    let addresses = [last, last % 3].map(|last| IpAddr::from([10, 0, 0, last]));
                    (name(&text(number)), Addresses::new(addresses, 30))
                };
                entries.into_iter().map(entry).collect()
            };
            let of = |numbers: BTreeSet<u8>| numbers.into_iter().map(|number| name(&text(number)));
            let host: Vec<Name> = of(host).collect();
            let names = Names::new(table(own), Arc::new(table(shared)))
                .hiding(of(hidden).collect())
                .of_host(&host);
            prop_assert_eq!(names.iter().count(), names.len());
            for last in 0..5 {
                let address = IpAddr::from([10, 0, 0, last]);
                let mut found: Vec<_> = names.owners(address).collect();
                found.sort_by_key(|(name, _)| *name);
                let has = |(_, addresses): &(&Name, &Addresses)| {
                    addresses.iter().any(|one| one == address)
                };
                prop_assert_eq!(found, names.iter().filter(has).collect::<Vec<_>>());
            }
        }
    }
}
