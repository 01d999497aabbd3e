//! What becomes of a table when some lines of its file take the place of others.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::table::{Change, Changes, Mentions};
use super::super::{Addresses, Hosts};
use super::entries::Entries;
use crate::dns::Name;

/// Where in their file the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges {
    /// Whether they are the first ones.
    pub first: bool,
    /// Whether they are the last ones.
    pub last: bool,
}

/// The changes that make of the table of a file with the lines `before` that of the file with the lines `after` in
/// their place. `None` where that depends on what other lines say, which only reading all of them can tell.
pub fn changes(
    table: &Hosts,
    before: &Entries,
    after: &Entries,
    edges: Edges,
    ttl: u32,
) -> Option<Changes> {
    let none = Mentioned::default();
    let (before, after) = (by_name(before), by_name(after));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut changes = Changes::default();
    for name in after.keys().chain(gone) {
        let was = before.get(name).unwrap_or(&none);
        let is = after.get(name).unwrap_or(&none);
        if was != is {
            let (spelt, change) = change(table, name, was, is, edges, ttl)?;
            changes.insert(spelt, change);
        }
    }
    Some(changes)
}

/// How some lines mention a name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mentioned<'e> {
    /// Its spellings, each where it is another than the last.
    spellings: Vec<&'e [u8]>,
    /// The addresses of each version, in the order of the lines.
    lists: [Vec<IpAddr>; 2],
}

impl Mentioned<'_> {
    fn lines(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }
}

fn by_name(entries: &Entries) -> BTreeMap<&Name, Mentioned<'_>> {
    let mut names: BTreeMap<&Name, Mentioned<'_>> = BTreeMap::new();
    for entry in entries.iter() {
        let mentioned = names.entry(&entry.name).or_default();
        if mentioned.spellings.last() != Some(&entry.name.wire()) {
            mentioned.spellings.push(entry.name.wire());
        }
        let [v4, v6] = &mut mentioned.lists;
        let list = if entry.address.is_ipv4() { v4 } else { v6 };
        list.push(entry.address);
    }
    names
}

fn change(
    table: &Hosts,
    name: &Name,
    was: &Mentioned<'_>,
    is: &Mentioned<'_>,
    edges: Edges,
    ttl: u32,
) -> Option<(Name, Change)> {
    let [v4, v6] = Version::both(table, name)?;
    let elsewhere = v4.count + v6.count > was.lines();
    let (spelt, in_one_way) = spelling(table, name, was, is, elsewhere)?;
    let v4 = v4.with(&was.lists[0], &is.lists[0], edges)?;
    let v6 = v6.with(&was.lists[1], &is.lists[1], edges)?;
    let mentions = match in_one_way {
        true => Mentions::of(v4.count, v6.count),
        false => Mentions::UNSURE,
    };
    let mentioned = v4.count + v6.count > 0;
    let addresses = mentioned.then(|| Addresses::new(v4.known.into_iter().chain(v6.known), ttl));
    Some((
        spelt,
        Change {
            addresses,
            mentions,
        },
    ))
}

/// The name as the first line that mentions it spells it, and whether all do so.
fn spelling(
    table: &Hosts,
    name: &Name,
    was: &Mentioned<'_>,
    is: &Mentioned<'_>,
    elsewhere: bool,
) -> Option<(Name, bool)> {
    if !elsewhere {
        let spelt = is.spellings.first().and_then(|wire| Name::from_wire(wire));
        let spelt = spelt.map_or_else(|| name.clone(), |(name, _)| name);
        return Some((spelt, is.spellings.len() <= 1));
    }
    let (spelt, _) = table.entry(name)?;
    let mut spellings = was.spellings.iter().chain(&is.spellings);
    spellings
        .all(|wire| *wire == spelt.wire())
        .then(|| (spelt.clone(), true))
}

/// The addresses of one version that a name has, each once, and how many lines say so.
struct Version {
    known: Vec<IpAddr>,
    count: usize,
}

impl Version {
    /// What a table says of a name, if it knows how many lines say so.
    fn both(table: &Hosts, name: &Name) -> Option<[Self; 2]> {
        let [v4, v6] = table.mentions(name).counts()?;
        let known = table.get(name).into_iter().flat_map(Addresses::iter);
        let (known4, known6) = known.partition(IpAddr::is_ipv4);
        Some([(known4, v4), (known6, v6)].map(|(known, count)| Self { known, count }))
    }

    /// The same with what some lines say in the place of what they said.
    fn with(self, was: &[IpAddr], is: &[IpAddr], edges: Edges) -> Option<Self> {
        if was == is {
            return Some(self);
        }
        let elsewhere = self.count.checked_sub(was.len())?;
        if elsewhere == 0 {
            return Some(Self {
                known: is.to_vec(),
                count: is.len(),
            });
        }
        // Where no two lines say the same, each has its place in the order.
        if self.known.len() != self.count {
            return None;
        }
        let at = match was.first() {
            Some(first) => self.known.iter().position(|address| address == first)?,
            None if edges.first => 0,
            None if edges.last => self.known.len(),
            None => return None,
        };
        let mut known = self.known;
        let place = at..at + was.len();
        if known.get(place.clone()) != Some(was) {
            return None;
        }
        known.splice(place, is.iter().copied());
        Some(Self {
            known,
            count: elsewhere + is.len(),
        })
    }
}
