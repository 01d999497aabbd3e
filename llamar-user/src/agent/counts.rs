//! Messages and frames by what became of them in userspace.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use llamar_common::abi::LinkKey;

/// How many there were of each kind on each link, whichever thread has counted them.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Links>);

/// A dozen kinds at most on each, which are sooner looked through than looked up.
type Links = BTreeMap<LinkKey, Vec<(&'static str, u64)>>;

impl Counts {
    /// Counts one.
    pub fn add(&self, key: LinkKey, kind: &'static str) {
        self.add_all([(key, kind)]);
    }

    /// Counts several; who asks meanwhile finds none of them or all.
    pub fn add_all(&self, counted: impl IntoIterator<Item = (LinkKey, &'static str)>) {
        let mut links = self.links();
        for (key, kind) in counted {
            *place(&mut links, key, kind) += 1;
        }
    }

    /// Counts one that was counted already as something else.
    pub fn correct(&self, key: LinkKey, counted: &'static str, kind: &'static str) {
        let mut links = self.links();
        let count = place(&mut links, key, counted);
        *count = count.saturating_sub(1);
        *place(&mut links, key, kind) += 1;
    }

    /// Forgets links.
    pub fn retain(&self, keep: impl Fn(&LinkKey) -> bool) {
        self.links().retain(|key, _| keep(key));
    }

    /// How many there were of a kind on a link.
    pub fn of(&self, key: LinkKey, kind: &str) -> u64 {
        let kinds = self.link(key);
        let mut kinds = kinds.iter();
        kinds
            .find(|(known, _)| *known == kind)
            .map_or(0, |(_, count)| *count)
    }

    /// All kinds of which there were any on a link.
    pub fn link(&self, key: LinkKey) -> Vec<(&'static str, u64)> {
        let links = self.links();
        let kinds = links.get(&key).into_iter().flatten();
        kinds.filter(|(_, count)| *count > 0).copied().collect()
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        // Numbers are good whatever has happened to who counted.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one kind is counted on a link.
fn place<'a>(links: &'a mut Links, key: LinkKey, kind: &'static str) -> &'a mut u64 {
    let kinds = links.entry(key).or_default();
    let known = kinds.iter().position(|(known, _)| *known == kind);
    let place = known.unwrap_or_else(|| {
        kinds.push((kind, 0));
        kinds.len() - 1
    });
    &mut kinds[place].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_on_each_link_until_that_is_forgotten() {
        let counts = Counts::default();
        let links = [LinkKey::new(2, 0), LinkKey::new(2, 7), LinkKey::new(3, 0)];
        for (link, kind) in [(0, "a"), (1, "b"), (0, "b"), (0, "a"), (1, "b")] {
            counts.add(links[link], kind);
        }
        assert_eq!(counts.link(links[0]), [("a", 2), ("b", 1)]);
        assert_eq!(counts.link(links[1]), [("b", 2)]);
        assert!(counts.link(links[2]).is_empty());
        assert_eq!((counts.of(links[0], "b"), counts.of(links[1], "a")), (1, 0));
        counts.add_all([(links[2], "a"), (links[2], "b"), (links[2], "a")]);
        counts.correct(links[2], "a", "c");
        counts.correct(links[2], "a", "c");
        assert_eq!(counts.link(links[2]), [("b", 1), ("c", 2)]);
        counts.retain(|key| *key == links[1]);
        assert_eq!((counts.of(links[0], "a"), counts.of(links[1], "b")), (0, 2));
    }
}
