//! The maps, and the look-ups of `llamar_common::records` in them.

#![expect(
    unsafe_code,
    reason = "map elements are reached through pointers that the kernel hands out"
)]

use core::arch::asm;

use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::helpers::bpf_jiffies64;
use aya_ebpf::macros::btf_map;
use llamar_common::abi::{
    ARP_MAX, ArpHost, ArpKey, BUCKETS_MAX, Bucket, Bucket6, COUNTERS_MAX, Control, Counters, Host,
    LINK_PROBES, LINKS_MAX, Link, LinkKey, NAMES_MAX_DEFAULT, NameKey, OUTCOME_PLACES, Outcome,
    SENDERS_MAX, Sender, Slot, link_slot,
};
use llamar_common::frame::Frame;
use llamar_common::limit::{Source, bucket};
use llamar_common::records::{Records, World};

use crate::frame::XdpFrame;

/// Entries are allocated as they come, so that a large capacity costs nothing while it is not used.
const NO_PREALLOC: usize = aya_ebpf::bindings::BPF_F_NO_PREALLOC as usize;

/// Userspace writes it as memory; then it also begins at a line of cache.
const MMAPABLE: usize = aya_ebpf::bindings::BPF_F_MMAPABLE as usize;

#[btf_map(name = "llamar_names")]
static NAMES: HashMap<NameKey, Host, { NAMES_MAX_DEFAULT as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map(name = "llamar_index")]
static INDEX: Array<Bucket, 1, MMAPABLE> = Array::new();
#[btf_map(name = "llamar_index6")]
static INDEX6: Array<Bucket6, 1, MMAPABLE> = Array::new();
#[btf_map(name = "llamar_arp")]
static ARP: HashMap<ArpKey, ArpHost, { ARP_MAX as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map(name = "llamar_links")]
static LINKS: Array<Link, { LINKS_MAX as usize }> = Array::new();
#[btf_map(name = "llamar_senders")]
static SENDERS: Array<Sender, { SENDERS_MAX as usize }> = Array::new();
#[btf_map(name = "llamar_buckets")]
static BUCKETS: Array<u64, { BUCKETS_MAX as usize }> = Array::new();
/// What gates the answers; the heartbeat writes it.
#[btf_map(name = "llamar_control")]
pub static CONTROL: Array<Control, 1> = Array::new();
#[btf_map(name = "llamar_counters")]
static COUNTERS: PerCpuArray<Counters, { COUNTERS_MAX as usize }> = PerCpuArray::new();

/// Counts a frame on this CPU.
#[inline(always)]
pub fn count(slot: u32, outcome: Outcome) {
    if let Some(counters) = COUNTERS.get_ptr_mut(slot) {
        let place = (XdpFrame::opaque(outcome as u64) as usize) & (OUTCOME_PLACES - 1);
        // SAFETY: the element is this CPU's own, and the mask keeps the place in the array.
        unsafe { (*counters).frames[place] += 1 };
    }
}

/// The maps as seen by a frame of one interface.
pub struct KernelRecords {
    ifindex: u32,
}

impl KernelRecords {
    /// The records for frames that arrive on an interface.
    #[inline(always)]
    pub fn new(ifindex: u32) -> Self {
        Self { ifindex }
    }
}

impl Records for KernelRecords {
    const WORLD: World = World::Kernel;

    #[inline(always)]
    fn ifindex(&self) -> u32 {
        self.ifindex
    }

    #[inline(always)]
    fn link(&self, vlan: u16) -> Option<(u32, &Link)> {
        let key = LinkKey::new(self.ifindex, vlan);
        for probe in 0..LINK_PROBES {
            let slot = link_slot(key, probe);
            let link = LINKS.get(slot)?;
            if link.key() == key {
                return Some((slot, link));
            }
        }
        None
    }

    #[inline(always)]
    fn key(&self, _link: &Link, vlan: u16) -> LinkKey {
        LinkKey::new(self.ifindex, vlan)
    }

    #[inline(always)]
    fn generation(&self, link: &Link) -> u32 {
        // SAFETY: the entry lives as long as its map; the agent writes the word as a whole.
        let generation = unsafe { (&raw const link.generation).read_volatile() };
        let mut generation = generation;
        // What is read of the entry after this is read after the generation: the asm counts as using memory.
        // SAFETY: adds nothing to a register.
        unsafe { asm!("{0} += 0", inout(reg) generation) };
        generation
    }

    #[inline(always)]
    fn settled(&self, link: &Link, _key: LinkKey, generation: u32) -> bool {
        let mut link = &raw const *link;
        // What was read of the entry before this has been read: as above.
        // SAFETY: adds nothing to a register.
        unsafe { asm!("{0} += 0", inout(reg) link) };
        // No two links that have a place one after the other have the same.
        // SAFETY: as in `generation`.
        unsafe { (&raw const (*link).generation).read_volatile() == generation }
    }

    #[inline(always)]
    fn host(&self, key: &NameKey) -> Option<&Host> {
        // SAFETY: the kernel keeps an element's memory mapped until the program has ended. It may give the memory of a
        // removed element to a new one meanwhile, of the same type: then the answer is that other host's.
        unsafe { NAMES.get(key) }
    }

    #[inline(always)]
    fn bucket_of_names(&self, place: u32) -> Option<&Bucket> {
        INDEX.get(place)
    }

    #[inline(always)]
    fn bucket_of_names6(&self, place: u32) -> Option<&Bucket6> {
        INDEX6.get(place)
    }

    #[inline(always)]
    fn began(&self, slot: &Slot) -> u64 {
        // SAFETY: the slot lives as long as its map; the agent writes the word as a whole.
        let mut word = unsafe { (&raw const slot.word).read_volatile() };
        // As in `generation`.
        // SAFETY: adds nothing to a register.
        unsafe { asm!("{0} += 0", inout(reg) word) };
        word
    }

    #[inline(always)]
    fn ended(&self, slot: &Slot) -> u64 {
        let mut slot = &raw const *slot;
        // As in `settled`.
        // SAFETY: adds nothing to a register.
        unsafe { asm!("{0} += 0", inout(reg) slot) };
        // SAFETY: as in `began`.
        unsafe { (&raw const (*slot).word).read_volatile() }
    }

    #[inline(always)]
    fn arp(&self, key: &ArpKey) -> Option<&ArpHost> {
        // SAFETY: as in `host`.
        unsafe { ARP.get(key) }
    }

    #[inline(always)]
    fn control(&self) -> Option<&Control> {
        CONTROL.get(0)
    }

    #[inline(always)]
    fn jiffies(&self) -> u64 {
        // SAFETY: takes nothing and reads a counter.
        unsafe { bpf_jiffies64() }
    }

    #[inline(always)]
    fn sender(&self, slot: u32) -> Option<Sender> {
        // SAFETY: the element lives as long as its map. Two CPUs may mix its words; then the sender is either not
        // recognised and passed up once more, or recognised by words that are all its own.
        SENDERS
            .get_ptr(slot)
            .map(|sender| unsafe { sender.read_volatile() })
    }

    #[inline(always)]
    fn remember(&self, slot: u32, sender: Sender) {
        if let Some(place) = SENDERS.get_ptr_mut(slot) {
            // SAFETY: as in `sender`.
            unsafe { place.write_volatile(sender) };
        }
    }

    #[inline(always)]
    fn bucket<T>(
        &self,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T> {
        self.bucket_by(self.control()?, link, source, change)
    }

    #[inline(always)]
    fn bucket_by<T>(
        &self,
        control: &Control,
        link: LinkKey,
        source: Source,
        change: impl FnOnce(u64) -> (u64, T),
    ) -> Option<T> {
        let place = bucket(&control.seeds, link, source);
        let bucket = BUCKETS.get_ptr_mut(place)?;
        // SAFETY: the element lives as long as its map, and is one word: another CPU's write comes before or after.
        unsafe {
            let (after, told) = change(bucket.read_volatile());
            bucket.write_volatile(after);
            Some(told)
        }
    }
}
