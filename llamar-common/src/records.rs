//! The look-ups that an answer needs, in the kernel's maps or in memory.

use core::cell::Cell;

use crate::abi::{
    ArpHost, ArpKey, Bucket, Bucket6, Control, GENERATION, Host, Link, LinkKey, NameKey, SLOTS,
    Sender, Slot,
};
use crate::limit::{Source, bucket};

/// Where [`respond`](crate::respond::respond) runs, which decides what is left to the next instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Before the network stack: what the stack or the agent has to see is passed.
    Kernel,
    /// In the agent, behind the stack: answers what only llamar can answer.
    Agent,
}

/// What is known about links, names and addresses.
pub trait Records {
    /// Where this is.
    const WORLD: World;

    /// Index of the interface on which the frame arrived; 0 where there is no index of names.
    #[inline(always)]
    fn ifindex(&self) -> u32 {
        0
    }

    /// The link of a frame with this VLAN id (0: none) and its place in the array of counters.
    fn link(&self, vlan: u16) -> Option<(u32, &Link)>;

    /// The link of a frame without a tag that arrived in the driver, if it is found at once.
    #[inline(always)]
    fn plain_link(&self) -> Option<(u32, &Link)> {
        None
    }

    /// The key of a link with this VLAN id.
    #[inline(always)]
    fn key(&self, link: &Link, _vlan: u16) -> LinkKey {
        link.key()
    }

    /// The generation of a link's entry, read before anything else of it.
    fn generation(&self, link: &Link) -> u32;

    /// Whether the entry is still this link's, with this generation: nothing was written since that was read.
    fn settled(&self, link: &Link, key: LinkKey, generation: u32) -> bool;

    /// The host that holds a name.
    fn host(&self, key: &NameKey) -> Option<&Host>;

    /// A slot of the index in front of the names; `None` behind its end.
    #[inline(always)]
    fn slot_of_names(&self, _slot: u32) -> Option<&Slot> {
        None
    }

    /// The bucket with this slot.
    #[inline(always)]
    fn bucket_of_names(&self, _slot: u32) -> Option<&Bucket> {
        None
    }

    /// The IPv6 address of a slot.
    #[inline(always)]
    fn address_of_names(&self, _slot: u32) -> Option<&[u64; 2]> {
        None
    }

    /// The word of a slot of the index, read before its label.
    #[inline(always)]
    fn began(&self, slot: &Slot) -> u64 {
        slot.word
    }

    /// The same, read after everything else of it.
    #[inline(always)]
    fn ended(&self, slot: &Slot) -> u64 {
        slot.word
    }

    /// The host that answers for an address.
    fn arp(&self, key: &ArpKey) -> Option<&ArpHost>;

    /// The heartbeat.
    fn control(&self) -> Option<&Control>;

    /// The clock in ticks: the kernel's in jiffies, the agent's in those of its links' limits.
    fn jiffies(&self) -> u64;

    /// The sender remembered in a place of the array of senders.
    fn sender(&self, slot: u32) -> Option<Sender>;

    /// Remembers a sender.
    fn remember(&self, slot: u32, sender: Sender);

    /// Replaces the bucket of a source by what `change` makes of it, and gives back what that tells; `None` if there
    /// is none.
    fn bucket<T>(
        &self,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T>;

    /// The same for who has [`control`](Self::control) at hand.
    #[inline(always)]
    fn bucket_by<T>(
        &self,
        _control: &Control,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T> {
        self.bucket(link, source, change)
    }
}

/// Records in memory, for hosts: what the maps hold, in slices that are searched from front to back.
///
/// They are those of [`World::Kernel`], or of [`World::Agent`] if `AGENT`.
#[derive(Clone, Copy, Debug)]
pub struct SliceRecords<'a, const AGENT: bool = false> {
    /// Index of the interface on which the frame arrived.
    pub ifindex: u32,
    /// Links and their places in the array of counters.
    pub links: &'a [(u32, Link)],
    /// Hosts by name.
    pub names: &'a [(NameKey, Host)],
    /// The index in front of the names; a place behind its end does not exist.
    pub index: &'a [Bucket],
    /// The IPv6 addresses of the index.
    pub index6: &'a [Bucket6],
    /// Hosts by IPv4 address.
    pub arp: &'a [(ArpKey, ArpHost)],
    /// The array of senders; a place behind its end does not exist.
    pub senders: &'a [Cell<Sender>],
    /// The array of buckets; a place behind its end does not exist.
    pub buckets: &'a [Cell<u64>],
    /// The heartbeat.
    pub control: Control,
    /// The clock.
    pub jiffies: u64,
    /// Whether links stay what they were while a frame is answered; `false` is a write at the wrong moment.
    pub settled: bool,
    /// The same of the index's entries.
    pub index_settled: bool,
}

impl<const AGENT: bool> Records for SliceRecords<'_, AGENT> {
    const WORLD: World = if AGENT { World::Agent } else { World::Kernel };

    fn ifindex(&self) -> u32 {
        self.ifindex
    }

    fn link(&self, vlan: u16) -> Option<(u32, &Link)> {
        let key = LinkKey::new(self.ifindex, vlan);
        self.links
            .iter()
            .find(|(_, link)| link.key() == key)
            .map(|(slot, link)| (*slot, link))
    }

    fn plain_link(&self) -> Option<(u32, &Link)> {
        // What is written meanwhile is not plain.
        let (slot, link) = self.link(0).filter(|_| self.settled)?;
        (link.plain == self.ifindex && link.generation & 1 == 0).then_some((slot, link))
    }

    fn generation(&self, link: &Link) -> u32 {
        link.generation
    }

    fn settled(&self, link: &Link, key: LinkKey, generation: u32) -> bool {
        self.settled && link.key() == key && link.generation == generation
    }

    fn host(&self, key: &NameKey) -> Option<&Host> {
        find(self.names, key)
    }

    fn slot_of_names(&self, slot: u32) -> Option<&Slot> {
        let bucket = self.bucket_of_names(slot)?;
        bucket.slots.get(slot as usize % SLOTS)
    }

    fn bucket_of_names(&self, slot: u32) -> Option<&Bucket> {
        self.index.get(slot as usize / SLOTS)
    }

    fn address_of_names(&self, slot: u32) -> Option<&[u64; 2]> {
        let bucket = self.index6.get(slot as usize / SLOTS)?;
        bucket.aaaa.get(slot as usize % SLOTS)
    }

    fn began(&self, slot: &Slot) -> u64 {
        slot.word
    }

    fn ended(&self, slot: &Slot) -> u64 {
        match self.index_settled {
            true => slot.word,
            false => slot.word.wrapping_add(GENERATION),
        }
    }

    fn arp(&self, key: &ArpKey) -> Option<&ArpHost> {
        find(self.arp, key)
    }

    fn control(&self) -> Option<&Control> {
        Some(&self.control)
    }

    fn jiffies(&self) -> u64 {
        self.jiffies
    }

    fn sender(&self, slot: u32) -> Option<Sender> {
        self.senders.get(slot as usize).map(Cell::get)
    }

    fn remember(&self, slot: u32, sender: Sender) {
        if let Some(place) = self.senders.get(slot as usize) {
            place.set(sender);
        }
    }

    fn bucket<T>(
        &self,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T> {
        let place = bucket(&self.control.seeds, link, source);
        let bucket = self.buckets.get(place as usize)?;
        let (after, told) = change(bucket.get());
        bucket.set(after);
        Some(told)
    }
}

fn find<'a, K: PartialEq, V>(entries: &'a [(K, V)], key: &K) -> Option<&'a V> {
    entries
        .iter()
        .find(|(other, _)| other == key)
        .map(|(_, value)| value)
}
