//! Every write that a pass makes, and what becomes of one that fails or of an agent that dies behind it.

use llamar_common::abi::{LINK_NATIVE, Limit, Plain as _};

use super::*;

/// A links' map that remembers every write.
struct Recorder {
    entries: Vec<Link>,
    writes: Vec<(u32, Link)>,
    cleared: Vec<u32>,
    /// How many writes there were when nobody read any more what was there before.
    settled: Vec<usize>,
    broken: bool,
    /// After how many writes one fails, once.
    fails_after: Option<usize>,
    settle_fails: bool,
}

impl Recorder {
    fn new() -> Self {
        Self {
            entries: vec![Link::EMPTY; LINKS_MAX as usize],
            writes: Vec::new(),
            cleared: Vec::new(),
            settled: Vec::new(),
            broken: false,
            fails_after: None,
            settle_fails: false,
        }
    }
}

impl LinkTable for Recorder {
    fn links(&self) -> Result<Vec<Link>, String> {
        Ok(self.entries.clone())
    }

    fn set_link(&mut self, place: u32, link: &Link) -> Result<(), String> {
        if self.broken || self.fails_after == Some(self.writes.len()) {
            self.fails_after = None;
            return Err("broken".to_owned());
        }
        self.writes.push((place, *link));
        self.entries[place as usize] = *link;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        if self.settle_fails {
            return Err("nobody tells".to_owned());
        }
        self.settled.push(self.writes.len());
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
    failed.extend(places.finish(table));
    (plan, failed)
}

fn wanted(keys: &[LinkKey], last: u8) -> BTreeMap<LinkKey, Link> {
    keys.iter().map(|&key| (key, link(key, last))).collect()
}

/// The same in the driver.
fn plain(keys: &[LinkKey], last: u8) -> BTreeMap<LinkKey, Link> {
    let mut links = wanted(keys, last);
    for link in links.values_mut() {
        link.mode = LINK_NATIVE;
        *link = link.with_near();
    }
    links
}

fn near(link: &Link) -> Link {
    with_near_of(&Link::EMPTY, link)
}

/// An entry as it is when the writes of a table are done, one after the other. What is near may change only where the
/// entry is not plain, and all that ran when it ceased to be, or when the first of them came, has ended.
fn followed(mut now: Vec<Link>, table: &Recorder) -> Vec<Link> {
    let mut closed = vec![0; LINKS_MAX as usize];
    for (written, (place, link)) in (0..).zip(&table.writes) {
        let before = &mut now[*place as usize];
        let closed = &mut closed[*place as usize];
        if near(before) != near(link) {
            assert_eq!((before.plain, link.plain), (0, 0));
            let mut settled = table.settled.iter();
            assert!(settled.any(|at| (*closed..=written).contains(at)));
        }
        if before.plain != 0 && link.plain == 0 {
            *closed = written + 1;
        }
        *before = *link;
    }
    now
}

/// Changes of one link, what is to be there before and after.
fn changes() -> Vec<[BTreeMap<LinkKey, Link>; 2]> {
    let keys = [LinkKey::new(7, 0)];
    let mut far = plain(&keys, 1);
    for link in far.values_mut() {
        link.own4[0] = [10, 0, 0, 1];
        link.limit = Limit {
            interval: 2,
            tolerance: 3,
        };
    }
    let away = BTreeMap::new();
    vec![
        [plain(&keys, 1), plain(&keys, 2)],
        [plain(&keys, 1), far.clone()],
        [far, plain(&keys, 2)],
        [plain(&keys, 1), away.clone()],
        [away, plain(&keys, 1)],
        [plain(&keys, 1), wanted(&keys, 1)],
        [wanted(&keys, 2), plain(&keys, 1)],
        [plain(&keys, 1), plain(&[LinkKey::new(7 + LINKS_MAX, 0)], 2)],
    ]
}

/// That a table holds what is wanted and nothing else.
fn assert_holds(table: &Recorder, wanted: &BTreeMap<LinkKey, Link>) {
    for entry in &table.entries {
        let goal = wanted.get(&entry.key()).unwrap_or(&Link::EMPTY);
        assert!(holds(entry, goal), "{entry:?} instead of {goal:?}");
    }
    let held = table.entries.iter().filter(|entry| entry.ifindex != 0);
    assert_eq!(held.count(), wanted.len());
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
            ..with_near_of(link, &Link::EMPTY)
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
fn what_is_near_changes_when_nobody_reads_it_and_only_then_is_somebodys() {
    let mut table = Recorder::new();
    let mut places = Places::read(&table).unwrap();
    let keys = [LinkKey::new(7, 0), LinkKey::new(8, 0), LinkKey::new(8, 9)];
    for last in 1..4 {
        pass(&mut places, &plain(&keys, last), &mut table);
    }
    pass(&mut places, &plain(&keys[1..], 4), &mut table);
    assert_eq!(table.settled.len(), 4, "once for all links of a pass");
    let now = followed(vec![Link::EMPTY; LINKS_MAX as usize], &table);
    let left = now.iter().filter(|link| link.ifindex != 0);
    let plain = left.map(|link| (link.plain, link.mac[5], link.from4[5]));
    assert_eq!(
        plain.collect::<BTreeSet<_>>(),
        BTreeSet::from([(8, 4, 4), (0, 4, 4)])
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
    let links = plain(&keys, 1);
    pass(&mut places, &links, &mut table);
    let writes = table.writes.len();
    assert_eq!(places.forget_mode(3, &mut table), Vec::<String>::new());
    let modes = keys.map(|key| table.entries[places.by_link[&key] as usize].mode);
    assert_eq!(modes, [0, 0, LINK_NATIVE]);
    assert_eq!(table.writes.len(), writes + 6);
    let plain = keys.map(|key| table.entries[places.by_link[&key] as usize].plain);
    assert_eq!(plain, [0, 0, 4]);
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

#[test]
fn what_is_not_near_changes_at_once_and_leaves_the_link_plain() {
    let mut table = Recorder::new();
    let mut places = Places::read(&table).unwrap();
    let [before, after] = &changes()[1];
    pass(&mut places, before, &mut table);
    let (writes, settled) = (table.writes.len(), table.settled.len());
    let (_, failed) = pass(&mut places, after, &mut table);
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(table.settled.len(), settled);
    let new = &table.writes[writes..];
    assert!(new.len() == 3 && new.iter().all(|(_, link)| link.plain == 7));
    assert_holds(&table, after);
}

#[test]
fn nobody_is_waited_for_before_the_end_of_a_pass_and_then_once() {
    let mut table = Recorder::new();
    let mut places = Places::read(&table).unwrap();
    let keys = [LinkKey::new(7, 0), LinkKey::new(8, 0), LinkKey::new(9, 0)];
    pass(&mut places, &plain(&keys[..2], 1), &mut table);
    let goal = plain(&keys[1..], 2);
    let plan = places.plan(goal.keys());
    let settled = table.settled.len();
    for _ in 0..2 {
        assert!(places.lose(&plan, &goal, &mut table).is_empty());
    }
    assert!(places.add(&plan, &goal, &mut table).is_empty());
    assert_eq!(table.settled.len(), settled);
    assert!(table.entries.iter().all(|entry| entry.plain == 0));
    assert!(places.finish(&mut table).is_empty());
    assert_eq!(table.settled.len(), settled + 1);
    assert_holds(&table, &goal);
}

#[test]
fn while_nobody_tells_who_reads_a_link_is_not_plain_and_what_is_near_stays() {
    let [before, after] = &changes()[0];
    for anew in [false, true] {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        pass(&mut places, before, &mut table);
        let place = places.by_link[&LinkKey::new(7, 0)] as usize;
        let as_it_was = near(&table.entries[place]);
        table.settle_fails = true;
        for _ in 0..2 {
            let (_, failed) = pass(&mut places, after, &mut table);
            assert_eq!(failed, ["wait for readers of links: nobody tells"]);
            let entry = table.entries[place];
            assert_eq!((entry.plain, entry.generation & 1), (0, 0));
            assert_eq!((entry.mac[5], near(&entry)), (2, as_it_was));
            if anew {
                places = Places::read(&table).unwrap();
            }
        }
        table.settle_fails = false;
        assert_eq!(pass(&mut places, after, &mut table).1, Vec::<String>::new());
        assert_holds(&table, after);
        followed(vec![Link::EMPTY; LINKS_MAX as usize], &table);
    }
}

#[test]
fn whichever_write_fails_the_next_pass_makes_up_for_it() {
    for [before, after] in changes() {
        let mut step = 0;
        loop {
            let mut table = Recorder::new();
            let mut places = Places::read(&table).unwrap();
            pass(&mut places, &before, &mut table);
            table.fails_after = Some(table.writes.len() + step);
            let (_, failed) = pass(&mut places, &after, &mut table);
            if table.fails_after.take().is_some() {
                assert!(step >= 3 && failed.is_empty());
                break;
            }
            assert_eq!(failed.len(), 1, "{failed:?}");
            let (_, failed) = pass(&mut places, &after, &mut table);
            assert_eq!(failed, Vec::<String>::new());
            assert_holds(&table, &after);
            followed(vec![Link::EMPTY; LINKS_MAX as usize], &table);
            step += 1;
        }
    }
}

#[test]
fn wherever_an_agent_dies_the_next_one_makes_up_for_it() {
    for [before, after] in changes() {
        let mut table = Recorder::new();
        let mut places = Places::read(&table).unwrap();
        pass(&mut places, &before, &mut table);
        let mut left = table.entries.clone();
        let from = table.writes.len();
        pass(&mut places, &after, &mut table);
        for (place, link) in &table.writes[from..] {
            let place = *place as usize;
            for torn in torn(&left[place], link) {
                assert!(torn.plain == 0 || near(&torn) == near(link));
                let mut entries = left.clone();
                entries[place] = torn;
                take_over(entries, &after);
            }
            left[place] = *link;
        }
        take_over(left, &after);
    }
}

/// What is left of a write of which some words were done, from either end.
fn torn(before: &Link, behind: &Link) -> Vec<Link> {
    let (before, behind) = (before.bytes(), behind.bytes());
    let words = (0..before.len()).step_by(8);
    let mixed = words.flat_map(|at| {
        let one = [&behind[..at], &before[at..]].concat();
        let other = [&before[..at], &behind[at..]].concat();
        [one, other]
    });
    mixed.map(|link| Link::from_bytes(&link).unwrap()).collect()
}

/// Starts with these entries and makes them what is wanted.
fn take_over(entries: Vec<Link>, goal: &BTreeMap<LinkKey, Link>) {
    let mut table = Recorder {
        entries: entries.clone(),
        ..Recorder::new()
    };
    let mut places = Places::read(&table).unwrap();
    let (_, failed) = pass(&mut places, goal, &mut table);
    assert_eq!(failed, Vec::<String>::new());
    assert_holds(&table, goal);
    followed(entries, &table);
}

#[test]
fn empty_places_of_a_new_map_are_not_written() {
    let zeros = Link::from_bytes(&[0; size_of::<Link>()]).unwrap();
    let mut table = Recorder {
        entries: vec![zeros; LINKS_MAX as usize],
        ..Recorder::new()
    };
    let mut places = Places::read(&table).unwrap();
    let links = plain(&[LinkKey::new(7, 0)], 1);
    pass(&mut places, &links, &mut table);
    let own = places.by_link[&LinkKey::new(7, 0)];
    assert!(table.writes.iter().all(|(place, _)| *place == own));
    assert_holds(&table, &links);
}

#[test]
fn a_mode_that_cannot_be_forgotten_is_told_and_half_an_entry_stays_so() {
    let [before, after] = &changes()[1];
    let mut table = Recorder::new();
    let mut places = Places::read(&table).unwrap();
    pass(&mut places, before, &mut table);
    let place = places.by_link[&LinkKey::new(7, 0)] as usize;
    table.broken = true;
    let failed = places.forget_mode(7, &mut table);
    assert_eq!(failed, ["interface 7: broken"]);
    table.broken = false;
    table.fails_after = Some(table.writes.len() + 1);
    pass(&mut places, after, &mut table);
    assert_eq!(
        (
            table.entries[place].generation & 1,
            table.entries[place].plain
        ),
        (1, 7)
    );
    assert_eq!(places.forget_mode(7, &mut table), Vec::<String>::new());
    let entry = table.entries[place];
    assert_eq!((entry.generation & 1, entry.mode, entry.plain), (1, 0, 0));
    pass(&mut places, after, &mut table);
    assert_holds(&table, after);
}
