//! What a new agent may take for granted because a former one's program answers still.

use std::collections::BTreeSet;

use llamar_common::abi::{Host, LinkKey, NameKey, NameState};

use super::{Datapath, DatapathError, failed, read};

impl Datapath {
    /// Those of some names that a former agent had verified to be unique and that its program still answers for, within
    /// the lease of its last heartbeat: nobody else can have taken them since. None after the first
    /// [`apply`](Self::apply), when the map tells of this agent's names.
    pub fn inherited_names(
        &self,
        keys: impl Iterator<Item = NameKey>,
    ) -> Result<BTreeSet<NameKey>, DatapathError> {
        if !self.inherits()? {
            return Ok(BTreeSet::new());
        }
        let names = &self.feed.maps().names;
        let is_held =
            |key: &NameKey| self.held.contains_key(&key.ifindex) && self.placed(&key.link());
        let is_unique = |host: &Host| NameState::from_byte(host.state) == NameState::Unique;
        keys.filter(is_held)
            .filter_map(|key| match names.host(&key) {
                Ok(host) => host.filter(is_unique).map(|_| Ok(key)),
                Err(error) => Some(Err(failed("read the names' map", error))),
            })
            .collect()
    }

    /// Those of some links on which a former agent's program answers still, within the lease of its last heartbeat. None
    /// after the first [`apply`](Self::apply).
    pub fn inherited_links(
        &self,
        keys: impl Iterator<Item = LinkKey>,
    ) -> Result<BTreeSet<LinkKey>, DatapathError> {
        let inherits = self.inherits()?;
        let is_held =
            |key: &LinkKey| inherits && self.held.contains_key(&key.ifindex) && self.placed(key);
        Ok(keys.filter(is_held).collect())
    }

    /// Whether the maps are a former agent's, whose lease is not over.
    fn inherits(&self) -> Result<bool, DatapathError> {
        let control = self.feed.maps().control();
        let control = control.map_err(|error| failed("read the heartbeat", error))?;
        Ok(!self.feed.has_applied() && read::is_fresh(&control))
    }
}
