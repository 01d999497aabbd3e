//! The names of one link: its own and a table that it shares with all other links.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use crate::config::{Addresses, Hosts};
use crate::dns::Name;

/// All names of one link. The shared part may hold a million and is never copied; where a name is in both parts,
/// the link's own entry counts, and holds the addresses of both.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `None` for a name that is not answered for here, whatever the shared part says: another host has it.
    own: BTreeMap<Name, Option<Arc<Addresses>>>,
    shared: Arc<Hosts>,
}

impl Names {
    /// The names of a link; an entry of `own` hides one of `shared`.
    pub fn new(own: impl IntoIterator<Item = (Name, Arc<Addresses>)>, shared: Arc<Hosts>) -> Self {
        let own = own.into_iter();
        let own = own.map(|(name, addresses)| (name, Some(addresses)));
        Self {
            own: own.collect(),
            shared,
        }
    }

    /// The same shared part with other names in front of it, and without those that are `lost`.
    pub fn with(
        &self,
        own: impl IntoIterator<Item = (Name, Arc<Addresses>)>,
        lost: impl IntoIterator<Item = Name>,
    ) -> Self {
        let mut names = Self::new(own, Arc::clone(&self.shared));
        for name in lost {
            names.own.entry(name).or_insert(None);
        }
        names
    }

    /// The addresses of a name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Addresses>> {
        match self.own.get(name) {
            Some(own) => own.as_ref(),
            None => self.shared.get(name),
        }
    }

    /// All names in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Addresses>)> {
        join(self.own.iter(), self.shared.iter()).filter_map(|(name, own, shared)| match own {
            Some(own) => Some((name, own.as_ref()?)),
            None => Some((name, shared?)),
        })
    }

    /// The names of this link only, those of this host among them.
    pub fn own(&self) -> impl Iterator<Item = (&Name, &Arc<Addresses>)> {
        let own = self.own.iter();
        own.filter_map(|(name, addresses)| Some((name, addresses.as_ref()?)))
    }

    /// The names of the shared part that no own entry hides.
    pub fn shared(&self) -> impl Iterator<Item = (&Name, &Arc<Addresses>)> {
        let hidden = |name: &Name| !self.own.is_empty() && self.own.contains_key(name);
        self.shared.iter().filter(move |(name, _)| !hidden(name))
    }

    /// Whether both have the very same shared part, so that only their own ones can differ.
    pub fn same_shared(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        let hidden = self
            .own
            .keys()
            .filter(|name| self.shared.contains_key(name));
        self.own().count() + self.shared.len() - hidden.count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The names whose addresses are not what they were `before`, `None` for those that are gone. Where the shared
    /// part is the same table, its size costs nothing.
    pub fn changes<'a>(&'a self, before: &'a Self) -> Vec<(&'a Name, Option<&'a Arc<Addresses>>)> {
        let differs =
            |now: Option<&Arc<Addresses>>, then: Option<&Arc<Addresses>>| match (now, then) {
                (Some(now), Some(then)) => !Arc::ptr_eq(now, then) && now != then,
                _ => now.is_some() != then.is_some(),
            };
        if self.same_shared(before) {
            return join(self.own.iter(), before.own.iter())
                .map(|(name, _, _)| (name, self.get(name), before.get(name)))
                .filter(|(_, now, then)| differs(*now, *then))
                .map(|(name, now, _)| (name, now))
                .collect();
        }
        join(self.iter(), before.iter())
            .filter(|(_, now, then)| differs(*now, *then))
            .map(|(name, now, _)| (name, now))
            .collect()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.same_shared(other) && self.own == other.own || self.iter().eq(other.iter())
    }
}

impl Eq for Names {}

/// Two ordered sequences side by side: every name once, with what each side has for it.
fn join<'a, L: 'a, R: 'a>(
    left: impl Iterator<Item = (&'a Name, &'a L)>,
    right: impl Iterator<Item = (&'a Name, &'a R)>,
) -> impl Iterator<Item = (&'a Name, Option<&'a L>, Option<&'a R>)> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match order(&mut left, &mut right)? {
        Ordering::Less => left.next().map(|(name, value)| (name, Some(value), None)),
        Ordering::Greater => right.next().map(|(name, value)| (name, None, Some(value))),
        Ordering::Equal => {
            let (name, value) = left.next()?;
            Some((name, Some(value), right.next().map(|(_, value)| value)))
        }
    })
}

/// Which side's next name comes first; `None` at the end of both.
fn order<'a, L: 'a, R: 'a>(
    left: &mut Peekable<impl Iterator<Item = (&'a Name, &'a L)>>,
    right: &mut Peekable<impl Iterator<Item = (&'a Name, &'a R)>>,
) -> Option<Ordering> {
    match (left.peek(), right.peek()) {
        (Some((left, _)), Some((right, _))) => Some(left.cmp(right)),
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn table(entries: &[(&str, u8)]) -> Hosts {
        let entry = |&(text, last): &(&str, u8)| {
            let address = std::net::IpAddr::from([10, 0, 0, last]);
            (name(text), Arc::new(Addresses::new([address], 30)))
        };
        entries.iter().map(entry).collect()
    }

    fn changes(after: &Names, before: &Names) -> Vec<(String, Option<u8>)> {
        let last = |addresses: &Arc<Addresses>| addresses.a[0].octets()[3];
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
        assert_eq!(after.own().count() + after.shared().count(), 2);
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
}
