//! Messages and frames by what became of them in userspace.

use std::collections::BTreeMap;

use llamar_common::abi::LinkKey;

/// How many there were of each kind on each link.
#[derive(Debug, Default)]
pub struct Counts {
    /// A dozen kinds at most on each, which are sooner looked through than looked up.
    links: BTreeMap<LinkKey, Vec<(&'static str, u64)>>,
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, key: LinkKey, kind: &'static str) {
        let kinds = self.links.entry(key).or_default();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }

    /// Forgets links.
    pub fn retain(&mut self, keep: impl Fn(&LinkKey) -> bool) {
        self.links.retain(|key, _| keep(key));
    }

    /// How many there were of a kind on a link.
    pub fn of(&self, key: LinkKey, kind: &str) -> u64 {
        let mut kinds = self.link(key);
        kinds
            .find(|&(known, _)| known == kind)
            .map_or(0, |(_, count)| count)
    }

    /// All kinds of which there were any on a link.
    pub fn link(&self, key: LinkKey) -> impl Iterator<Item = (&'static str, u64)> {
        self.links.get(&key).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_on_each_link_until_that_is_forgotten() {
        let mut counts = Counts::default();
        let links = [LinkKey::new(2, 0), LinkKey::new(2, 7), LinkKey::new(3, 0)];
        for (link, kind) in [(0, "a"), (1, "b"), (0, "b"), (0, "a"), (1, "b")] {
            counts.add(links[link], kind);
        }
        assert_eq!(
            counts.link(links[0]).collect::<Vec<_>>(),
            [("a", 2), ("b", 1)]
        );
        assert_eq!(counts.link(links[1]).collect::<Vec<_>>(), [("b", 2)]);
        assert_eq!(counts.link(links[2]).count(), 0);
        assert_eq!((counts.of(links[0], "b"), counts.of(links[1], "a")), (1, 0));
        counts.retain(|key| *key == links[1]);
        assert_eq!((counts.of(links[0], "a"), counts.of(links[1], "b")), (0, 2));
    }
}
