//! The link on which a frame arrives, and what has to hold before it is answered.

use super::Ending;
use crate::abi::{Control, Link, LinkKey, NO_LINK, Outcome};
use crate::limit::{self, Source};
use crate::records::{Records, World};

/// The link on which a frame arrived: what an answer needs of it, read once.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) slot: u32,
    pub(super) key: LinkKey,
    pub(super) mac: u64,
    generation: u32,
    pub(super) link: &'a Link,
}

impl<'a> Arrival<'a> {
    #[inline(always)]
    pub(super) fn find<R: Records>(records: &'a R, vlan: u16) -> Result<Self, Ending> {
        let Some((slot, link)) = records.link(vlan) else {
            return Err(Ending::pass(Outcome::NoLink, NO_LINK));
        };
        let generation = records.generation(link);
        if generation & 1 != 0 {
            return Err(Ending::pass(Outcome::NoLink, slot));
        }
        Ok(Self {
            slot,
            key: records.key(link, vlan),
            mac: link.station(),
            generation,
            link,
        })
    }

    /// The last check before a frame is touched: the agent lives, and the link is still what was read.
    #[inline(always)]
    pub(super) fn vouch<R: Records>(&self, records: &R) -> Result<(), Ending> {
        match (R::WORLD, records.control()) {
            (World::Kernel, Some(control)) => self.vouch_at(records, control, records.jiffies()),
            (World::Kernel, None) => Err(Ending::pass(Outcome::NoHeartbeat, self.slot)),
            (World::Agent, _) => self.settled(records),
        }
    }

    /// The same in the kernel, at a time.
    #[inline(always)]
    pub(super) fn vouch_at<R: Records>(
        &self,
        records: &R,
        control: &Control,
        now: u64,
    ) -> Result<(), Ending> {
        if now >= control.until {
            return Err(Ending::pass(Outcome::NoHeartbeat, self.slot));
        }
        self.settled(records)
    }

    #[inline(always)]
    fn settled<R: Records>(&self, records: &R) -> Result<(), Ending> {
        if records.settled(self.link, self.key, self.generation) {
            Ok(())
        } else {
            Err(Ending::pass(Outcome::NoLink, self.slot))
        }
    }

    /// What would be answered is dropped if its source was answered too often of late: the one thing that is dropped.
    #[inline(always)]
    pub(super) fn admit<R: Records>(&self, records: &R, source: Source) -> Result<(), Ending> {
        let limit = self.link.limit;
        let now = limit::time(records.jiffies());
        match records.bucket(self.key, source, |bucket| limit.spend(bucket, now)) {
            Some(false) => Err(Ending::drop(Outcome::LlmnrLimited, self.slot)),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) const fn pass(&self, outcome: Outcome) -> Ending {
        Ending::pass(outcome, self.slot)
    }
}
