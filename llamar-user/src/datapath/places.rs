//! Places of links in the links' map, and the order of writes by which a reader in the kernel never takes half an
//! entry for a whole one. Pure: the map is a [`LinkTable`].

use std::collections::{BTreeMap, BTreeSet};

use llamar_common::abi::{LINK_PROBES, LINKS_MAX, Link, LinkKey, link_slot};

/// The links' map.
pub trait LinkTable {
    /// The entry of every place.
    fn links(&self) -> Result<Vec<Link>, String>;

    /// Replaces the entry at a place. A reader may see any part of it before any other.
    fn set_link(&mut self, place: u32, link: &Link) -> Result<(), String>;

    /// Starts the counters of a place at zero.
    fn clear_counters(&mut self, place: u32) -> Result<(), String>;
}

/// What the links' map holds.
#[derive(Clone, Debug)]
pub struct Places {
    /// Every entry. An odd generation says that it has to be written again.
    entries: Vec<Link>,
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
        Ok(Self { entries, by_link })
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

    /// Empties the places of links that are gone and rewrites those that have changed.
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

    /// Writes the links that are new; their counters start at zero.
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

    /// Makes the entries of an interface tell no mode; costs nothing where they tell none.
    pub fn forget_mode(&mut self, ifindex: u32, table: &mut impl LinkTable) -> Vec<String> {
        let mut failed = Vec::new();
        let all = LinkKey::new(ifindex, 0)..=LinkKey::new(ifindex, u16::MAX);
        let places: Vec<u32> = self.by_link.range(all).map(|(_, &place)| place).collect();
        for place in places {
            let goal = Link {
                mode: 0,
                ..self.entries[place as usize]
            };
            self.write(place, &goal, table, &mut failed);
        }
        failed
    }

    fn write(
        &mut self,
        place: u32,
        goal: &Link,
        table: &mut impl LinkTable,
        failed: &mut Vec<String>,
    ) {
        let entry = &mut self.entries[place as usize];
        let generation = entry.generation;
        if generation & 1 == 0
            && (Link {
                generation,
                ..*goal
            }) == *entry
        {
            return;
        }
        if let Err(error) = replace(place, entry, goal, table) {
            let key = if goal.ifindex == 0 {
                entry.key()
            } else {
                goal.key()
            };
            failed.push(format!("{}: {error}", shown(key)));
        }
    }
}

/// Replaces an entry so that a reader which finds the generation even, and the same before and after reading, has
/// read one whole entry: the generation becomes odd, then the contents change under it, then it becomes even again.
/// Each write changes the words of the entry in no promised order, but is over before the next begins.
fn replace(
    place: u32,
    entry: &mut Link,
    goal: &Link,
    table: &mut impl LinkTable,
) -> Result<(), String> {
    entry.generation |= 1;
    table.set_link(place, entry)?;
    *entry = Link {
        generation: entry.generation,
        ..*goal
    };
    table.set_link(place, entry)?;
    let whole = Link {
        generation: entry.generation.wrapping_add(1),
        ..*goal
    };
    table.set_link(place, &whole)?;
    *entry = whole;
    Ok(())
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
mod tests {
    use llamar_common::abi::LINK_NATIVE;

    use super::*;

    /// A links' map that remembers every write.
    struct Recorder {
        entries: Vec<Link>,
        writes: Vec<(u32, Link)>,
        cleared: Vec<u32>,
        broken: bool,
    }

    impl Recorder {
        fn new() -> Self {
            Self {
                entries: vec![Link::EMPTY; LINKS_MAX as usize],
                writes: Vec::new(),
                cleared: Vec::new(),
                broken: false,
            }
        }
    }

    impl LinkTable for Recorder {
        fn links(&self) -> Result<Vec<Link>, String> {
            Ok(self.entries.clone())
        }

        fn set_link(&mut self, place: u32, link: &Link) -> Result<(), String> {
            if self.broken {
                return Err("broken".to_owned());
            }
            self.writes.push((place, *link));
            self.entries[place as usize] = *link;
            Ok(())
        }

        fn clear_counters(&mut self, place: u32) -> Result<(), String> {
            self.cleared.push(place);
            Ok(())
        }
    }

    fn link(key: LinkKey, last: u8) -> Link {
        Link {
            ifindex: key.ifindex,
            vlan: key.vlan,
            mac: [2, 0, 0, 0, 0, last],
            ..Link::EMPTY
        }
    }

    fn pass(
        places: &mut Places,
        wanted: &BTreeMap<LinkKey, Link>,
        table: &mut Recorder,
    ) -> (Placement, Vec<String>) {
        let plan = places.plan(wanted.keys());
        let mut failed = places.lose(&plan, wanted, table);
        failed.extend(places.add(&plan, wanted, table));
        (plan, failed)
    }

    fn wanted(keys: &[LinkKey], last: u8) -> BTreeMap<LinkKey, Link> {
        keys.iter().map(|&key| (key, link(key, last))).collect()
    }

    /// Links whose first place is the same.
    fn colliding(count: usize) -> Vec<LinkKey> {
        let first = link_slot(LinkKey::new(1, 0), 0);
        let all = (1..).map(|index| LinkKey::new(index, 0));
        all.filter(|&key| link_slot(key, 0) == first)
            .take(count)
            .collect()
    }

    #[test]
    fn contents_change_only_while_the_generation_is_odd() {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        let key = LinkKey::new(7, 100);
        for last in 1..4 {
            pass(&mut places, &wanted(&[key], last), &mut table);
        }
        pass(&mut places, &BTreeMap::new(), &mut table);
        let mut now = Link::EMPTY;
        for (_, write) in &table.writes {
            let content = |link: &Link| Link {
                generation: 0,
                ..*link
            };
            if content(write) != content(&now) {
                assert_eq!(
                    now.generation & 1,
                    1,
                    "contents changed under an even generation"
                );
                assert_eq!(write.generation, now.generation);
            }
            assert!(write.generation >= now.generation);
            now = *write;
        }
        assert_eq!(
            now,
            Link {
                generation: 8,
                ..Link::EMPTY
            }
        );
    }

    #[test]
    fn an_unchanged_link_is_not_written() {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        let links = wanted(&[LinkKey::new(3, 0), LinkKey::new(3, 9)], 1);
        pass(&mut places, &links, &mut table);
        let writes = table.writes.len();
        pass(&mut places, &links, &mut table);
        let mut taken_over = Places::read(&table).unwrap();
        pass(&mut taken_over, &links, &mut table);
        assert_eq!(table.writes.len(), writes);
        assert_eq!(table.cleared.len(), 2);
    }

    #[test]
    fn a_forgotten_mode_is_written_once_for_every_vlan_of_the_interface() {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        let keys = [LinkKey::new(3, 0), LinkKey::new(3, 9), LinkKey::new(4, 0)];
        let mut links = wanted(&keys, 1);
        links.values_mut().for_each(|link| link.mode = LINK_NATIVE);
        pass(&mut places, &links, &mut table);
        let writes = table.writes.len();
        assert_eq!(places.forget_mode(3, &mut table), Vec::<String>::new());
        let modes = keys.map(|key| table.entries[places.by_link[&key] as usize].mode);
        assert_eq!(modes, [0, 0, LINK_NATIVE]);
        assert_eq!(table.writes.len(), writes + 6);
        places.forget_mode(3, &mut table);
        assert_eq!(table.writes.len(), writes + 6);
    }

    #[test]
    fn a_link_goes_to_the_next_place_and_stays_there_when_the_first_becomes_free() {
        let keys = colliding(2);
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        pass(&mut places, &wanted(&keys, 1), &mut table);
        assert_eq!(places.by_link[&keys[1]], link_slot(keys[1], 1));
        pass(&mut places, &wanted(&keys[1..], 1), &mut table);
        assert_eq!(places.by_link[&keys[1]], link_slot(keys[1], 1));
        assert_eq!(table.entries[link_slot(keys[0], 0) as usize].ifindex, 0);
    }

    #[test]
    fn a_link_without_a_free_place_is_reported_and_gets_one_later() {
        let keys = colliding(LINK_PROBES as usize + 1);
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        let (plan, _) = pass(&mut places, &wanted(&keys, 1), &mut table);
        assert_eq!(plan.unplaced, vec![keys[LINK_PROBES as usize]]);
        let (plan, _) = pass(&mut places, &wanted(&keys[1..], 1), &mut table);
        assert_eq!(plan.unplaced, vec![]);
        assert_eq!(plan.placed.len(), LINK_PROBES as usize);
    }

    #[test]
    fn half_written_and_misplaced_entries_of_a_dead_agent_are_put_right() {
        let mut table = Recorder::new();
        let key = LinkKey::new(5, 0);
        let place = link_slot(key, 0);
        table.entries[place as usize] = Link {
            generation: 3,
            ..link(key, 1)
        };
        let wrong = (place + LINK_PROBES) % LINKS_MAX;
        table.entries[wrong as usize] = Link {
            generation: 2,
            ..link(key, 9)
        };
        let mut places = Places::read(&table).unwrap();
        pass(&mut places, &wanted(&[key], 1), &mut table);
        assert_eq!(
            table.entries[place as usize],
            Link {
                generation: 4,
                ..link(key, 1)
            }
        );
        assert_eq!(
            table.entries[wrong as usize],
            Link {
                generation: 4,
                ..Link::EMPTY
            }
        );
        assert!(
            table.cleared.is_empty(),
            "a link that stays keeps its counters"
        );
    }

    #[test]
    fn a_failed_write_is_reported_and_tried_again() {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        let links = wanted(&[LinkKey::new(5, 4)], 1);
        table.broken = true;
        let (_, failed) = pass(&mut places, &links, &mut table);
        assert_eq!(failed, vec!["interface 5 vlan 4: broken"]);
        table.broken = false;
        let (_, failed) = pass(&mut places, &links, &mut table);
        assert!(failed.is_empty());
        let place = places.by_link[&LinkKey::new(5, 4)];
        assert_eq!(table.entries[place as usize].mac, [2, 0, 0, 0, 0, 1]);
        assert_eq!(table.entries[place as usize].generation & 1, 0);
    }
}
