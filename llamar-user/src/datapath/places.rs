//! Places of links in the links' map, and the order of writes by which a reader in the kernel never takes half an
//! entry for a whole one. Pure: the map is a [`LinkTable`].
//!
//! An entry has two parts. Most of it is read under its generation, and changed at once. What is near is read without
//! looking at that, so a change of it has to wait until nobody reads it; meanwhile the rest is what the kernel path
//! answers from. That takes a while, so [`Places::finish`] does it, when all else of a pass is done.

use std::collections::{BTreeMap, BTreeSet};

use llamar_common::abi::{LINK_PROBES, LINKS_MAX, Link, LinkKey, link_slot};

/// The links' map.
pub trait LinkTable {
    /// The entry of every place.
    fn links(&self) -> Result<Vec<Link>, String>;

    /// Replaces the entry at a place. A reader may see any part of it before any other.
    fn set_link(&mut self, place: u32, link: &Link) -> Result<(), String>;

    /// Waits until whoever has found an entry [plain](Link::plain) before has finished reading it.
    fn settle(&mut self) -> Result<(), String>;

    /// Starts the counters of a place at zero.
    fn clear_counters(&mut self, place: u32) -> Result<(), String>;
}

/// What the links' map holds.
#[derive(Clone, Debug)]
pub struct Places {
    /// Every entry as it is in the map. An odd generation says that it has to be written again.
    entries: Vec<Link>,
    /// Places of entries that are to be written yet as to what is near, with what they are to be. None of them is plain.
    waiting: BTreeMap<u32, Link>,
    /// Whether what was near of an entry that was plain may be read still.
    read_still: bool,
    /// Where the links are.
    by_link: BTreeMap<LinkKey, u32>,
}

/// Where wanted links go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Places of the links that have one.
    pub placed: BTreeMap<LinkKey, u32>,
    /// Links all of whose places are taken by others: served from userspace.
    pub unplaced: Vec<LinkKey>,
}

impl Placement {
    /// The links that have a place.
    pub fn links(&self) -> BTreeSet<LinkKey> {
        self.placed.keys().copied().collect()
    }
}

impl Places {
    /// Reads what a former agent left.
    pub fn read(table: &impl LinkTable) -> Result<Self, String> {
        let entries = table.links()?;
        let mut by_link = BTreeMap::new();
        for (place, entry) in (0..).zip(&entries) {
            let key = entry.key();
            if key.ifindex != 0 && places_of(key).any(|own| own == place) {
                by_link.entry(key).or_insert(place);
            }
        }
        Ok(Self {
            entries,
            waiting: BTreeMap::new(),
            // Who was here before may not have waited.
            read_still: true,
            by_link,
        })
    }

    /// Where the wanted links go: where they are, else to the first of their places that is free or becomes so.
    pub fn plan<'a>(&self, wanted: impl Iterator<Item = &'a LinkKey> + Clone) -> Placement {
        let mut plan = Placement::default();
        let mut taken = BTreeSet::new();
        for key in wanted.clone() {
            if let Some(&place) = self.by_link.get(key) {
                plan.placed.insert(*key, place);
                taken.insert(place);
            }
        }
        for key in wanted {
            if plan.placed.contains_key(key) {
                continue;
            }
            match places_of(*key).find(|place| !taken.contains(place)) {
                Some(place) => {
                    plan.placed.insert(*key, place);
                    taken.insert(place);
                }
                None => plan.unplaced.push(*key),
            }
        }
        plan
    }

    /// Empties the places of links that are gone and rewrites those that have changed, up to what waits for
    /// [`finish`](Self::finish).
    pub fn lose(
        &mut self,
        plan: &Placement,
        wanted: &BTreeMap<LinkKey, Link>,
        table: &mut impl LinkTable,
    ) -> Vec<String> {
        let by_place: BTreeMap<u32, LinkKey> = self
            .by_link
            .iter()
            .filter(|(key, place)| plan.placed.get(key) == Some(place))
            .map(|(&key, &place)| (place, key))
            .collect();
        let mut failed = Vec::new();
        for place in 0..LINKS_MAX {
            let goal = by_place
                .get(&place)
                .and_then(|key| wanted.get(key))
                .unwrap_or(&Link::EMPTY);
            self.write(place, goal, table, &mut failed);
        }
        self.by_link.retain(|_, place| by_place.contains_key(place));
        failed
    }

    /// Writes the links that are new, up to what waits for [`finish`](Self::finish); their counters start at zero.
    pub fn add(
        &mut self,
        plan: &Placement,
        wanted: &BTreeMap<LinkKey, Link>,
        table: &mut impl LinkTable,
    ) -> Vec<String> {
        let mut failed = Vec::new();
        for (&key, &place) in &plan.placed {
            if self.by_link.contains_key(&key) {
                continue;
            }
            let Some(goal) = wanted.get(&key) else {
                continue;
            };
            if let Err(error) = table.clear_counters(place) {
                failed.push(format!("counters of {}: {error}", shown(key)));
            }
            self.write(place, goal, table, &mut failed);
            self.by_link.insert(key, place);
        }
        failed
    }

    /// The wanted links, with those of their own addresses alone that their entries have.
    pub fn without_new_addresses(
        &self,
        wanted: &BTreeMap<LinkKey, Link>,
    ) -> BTreeMap<LinkKey, Link> {
        let known = |(key, link): (&LinkKey, &Link)| {
            let place = self.by_link.get(key);
            let entry = place.and_then(|&place| self.entries.get(place as usize));
            let has = |own: &[u8; 4]| entry.is_some_and(|entry| entry.own4.contains(own));
            let own4 = link.own4.map(|own| if has(&own) { own } else { [0; 4] });
            (*key, Link { own4, ..*link })
        };
        wanted.iter().map(known).collect()
    }

    /// Whether a link has a place.
    pub fn has(&self, key: &LinkKey) -> bool {
        self.by_link.contains_key(key)
    }

    /// Makes the entries of an interface tell no mode, nor be plain; costs nothing where they are so.
    pub fn forget_mode(&mut self, ifindex: u32, table: &mut impl LinkTable) -> Vec<String> {
        let mut failed = Vec::new();
        let all = LinkKey::new(ifindex, 0)..=LinkKey::new(ifindex, u16::MAX);
        for (key, &place) in self.by_link.range(all) {
            let entry = &mut self.entries[place as usize];
            if entry.mode == 0 && entry.plain == 0 {
                continue;
            }
            self.waiting.remove(&place);
            self.read_still |= entry.plain != 0;
            let goal = Link {
                mode: 0,
                plain: 0,
                ..*entry
            };
            // What nobody has finished writing must not pass for whole.
            let written = match goal.generation & 1 {
                1 => set(place, entry, goal, table),
                _ => replace(place, entry, &goal, table),
            };
            failed.extend(written.err().map(|error| said(*key, &error)));
        }
        failed
    }

    /// Writes what is near where that has changed, when nobody reads it any more. What fails is tried again when the links
    /// are written the next time.
    pub fn finish(&mut self, table: &mut impl LinkTable) -> Vec<String> {
        let waiting = std::mem::take(&mut self.waiting);
        if self.read_still && !waiting.is_empty() {
            if let Err(error) = table.settle() {
                return vec![format!("wait for readers of links: {error}")];
            }
            self.read_still = false;
        }
        let write = |(place, goal): (u32, Link)| {
            let entry = &mut self.entries[place as usize];
            let written = approach(place, entry, &goal, table);
            written.err().map(|error| said(goal.key(), &error))
        };
        waiting.into_iter().filter_map(write).collect()
    }

    /// Makes an entry what it is to be, but for a change of what is near.
    fn write(
        &mut self,
        place: u32,
        goal: &Link,
        table: &mut impl LinkTable,
        failed: &mut Vec<String>,
    ) {
        let entry = &mut self.entries[place as usize];
        self.waiting.remove(&place);
        if holds(entry, goal) {
            return;
        }
        // What is near in an empty place is nobody's.
        let near_stays =
            goal.ifindex == 0 || with_near_of(entry, goal) == with_near_of(entry, entry);
        let rest = Link {
            plain: if near_stays { goal.plain } else { 0 },
            ..with_near_of(goal, entry)
        };
        if !holds(entry, &rest) {
            // Even if it fails: then nobody knows whether it is read.
            self.read_still |= entry.plain != 0 && entry.plain != rest.plain;
            let key = if goal.ifindex == 0 { *entry } else { *goal }.key();
            if let Err(error) = replace(place, entry, &rest, table) {
                failed.push(said(key, &error));
                return;
            }
        }
        if !near_stays {
            self.waiting.insert(place, *goal);
        }
    }
}

/// Whether nothing is to be written of an entry. In an empty place, as a new map has them too, the rest is of no matter.
fn holds(entry: &Link, goal: &Link) -> bool {
    let generation = entry.generation;
    let is_so = match goal.ifindex {
        0 => entry.ifindex == 0 && entry.plain == 0,
        _ => {
            Link {
                generation,
                ..*goal
            } == *entry
        }
    };
    is_so && generation & 1 == 0
}

fn said(key: LinkKey, error: &str) -> String {
    format!("{}: {error}", shown(key))
}

/// Replaces an entry but for its near part, which the goal has too, so that a reader which finds the generation even, and
/// the same before and after reading, has read one whole entry: the generation becomes odd, then the contents change under
/// it, then it becomes even again. Each write changes the words of the entry in no promised order, but is over before the
/// next begins. An entry that is plain before and behind is so all the time.
fn replace(
    place: u32,
    entry: &mut Link,
    goal: &Link,
    table: &mut impl LinkTable,
) -> Result<(), String> {
    let generation = entry.generation | 1;
    let plain = if entry.plain == goal.plain {
        goal.plain
    } else {
        0
    };
    let before = Link {
        generation,
        plain,
        ..*entry
    };
    set(place, entry, before, table)?;
    let behind = Link {
        generation,
        ..*goal
    };
    set(place, entry, behind, table)?;
    let whole = Link {
        generation: generation.wrapping_add(1),
        ..*goal
    };
    set(place, entry, whole, table)
}

/// Writes the near part of an entry that nobody reads, and then whose it is.
fn approach(
    place: u32,
    entry: &mut Link,
    goal: &Link,
    table: &mut impl LinkTable,
) -> Result<(), String> {
    let near = with_near_of(entry, goal);
    set(place, entry, near, table)?;
    if goal.plain == 0 {
        return Ok(());
    }
    let plain = Link {
        plain: goal.plain,
        ..near
    };
    set(place, entry, plain, table)
}

/// Writes an entry, which is as it was where that fails.
fn set(place: u32, entry: &mut Link, link: Link, table: &mut impl LinkTable) -> Result<(), String> {
    table.set_link(place, &link)?;
    *entry = link;
    Ok(())
}

/// A link with the near part of another one, which is nobody's.
fn with_near_of(link: &Link, other: &Link) -> Link {
    Link {
        plain: 0,
        from4: other.from4,
        from6: other.from6,
        near4: other.near4,
        near6: other.near6,
        ..*link
    }
}

fn places_of(key: LinkKey) -> impl Iterator<Item = u32> {
    (0..LINK_PROBES).map(move |probe| link_slot(key, probe))
}

/// A link as people read it.
pub fn shown(key: LinkKey) -> String {
    match key.vlan {
        0 => format!("interface {}", key.ifindex),
        vlan => format!("interface {} vlan {vlan}", key.ifindex),
    }
}

#[cfg(test)]
mod tests;
