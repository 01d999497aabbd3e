//! The maps, and the look-ups of `llamar_common::records` in them.

#![expect(
    unsafe_code,
    reason = "map elements are reached through pointers that the kernel hands out"
)]

use core::arch::asm;
use core::mem::offset_of;

use aya_ebpf::btf_maps::{HashMap, PerCpuArray};
use aya_ebpf::helpers::bpf_jiffies64;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use llamar_common::abi::{
    ARP_MAX, ArpHost, ArpKey, Bucket, COUNTERS_MAX, Control, Counters, Host, LINK_PROBES, Link,
    LinkKey, NAMES_MAX_DEFAULT, NameKey, OUTCOME_PLACES, Outcome, SLOTS, Sender, Slot, link_slot,
};
use llamar_common::frame::Frame as _;
use llamar_common::limit::{Source, bucket};
use llamar_common::records::{Records, World};

use crate::frame::{XdpFrame, ctx_of};
use crate::globals;

/// Entries are allocated as they come, so that a large capacity costs nothing while it is not used.
const NO_PREALLOC: usize = aya_ebpf::bindings::BPF_F_NO_PREALLOC as usize;

#[btf_map(name = "llamar_names")]
static NAMES: HashMap<NameKey, Host, { NAMES_MAX_DEFAULT as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map(name = "llamar_arp")]
static ARP: HashMap<ArpKey, ArpHost, { ARP_MAX as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map(name = "llamar_counters")]
static COUNTERS: PerCpuArray<Counters, { COUNTERS_MAX as usize }> = PerCpuArray::new();

/// Counts a frame on this CPU.
#[inline(always)]
pub fn count(slot: u32, outcome: Outcome) {
    if let Some(counters) = COUNTERS.get_ptr_mut(slot) {
        let place = outcome as usize & (OUTCOME_PLACES - 1);
        // SAFETY: the element is this CPU's own, and the mask keeps the place in the array.
        unsafe { (*counters).frames[place] += 1 };
    }
}

/// A word that the agent writes as a whole at any time. What stands before this is read before it, and what follows
/// after it: the asm counts as using memory.
#[inline(always)]
fn word(from: &u32) -> u32 {
    let word;
    // SAFETY: reads what is borrowed.
    unsafe { asm!("{0} = *(u32 *)({1} + 0)", out(wreg) word, in(reg) from) };
    word
}

/// The same for the word of a slot.
#[inline(always)]
fn slot_word(slot: &Slot) -> u64 {
    XdpFrame::field64::<_, { offset_of!(Slot, word) }>(slot)
}

/// The maps as seen by a frame of one interface.
pub struct KernelRecords {
    ifindex: u32,
}

impl KernelRecords {
    /// The records for the frame of a context.
    #[inline(always)]
    pub fn of(context: &XdpContext) -> Self {
        // SAFETY: the context is the kernel's.
        let ifindex = unsafe { (*ctx_of(context)).ingress_ifindex };
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
            // SAFETY: the value lives as long as its map, and the place lies in it.
            let link = unsafe { &(*globals::links())[slot as usize] };
            if link.key() == key {
                return Some((slot, link));
            }
        }
        None
    }

    #[inline(always)]
    fn plain_link(&self) -> Option<(u32, &Link)> {
        let slot = link_slot(LinkKey::new(self.ifindex, 0), 0);
        // SAFETY: as in `link`.
        let link = unsafe { &(*globals::links())[slot as usize] };
        (XdpFrame::field32::<_, { offset_of!(Link, plain) }>(link) == self.ifindex)
            .then_some((slot, link))
    }

    #[inline(always)]
    fn key(&self, _link: &Link, vlan: u16) -> LinkKey {
        LinkKey::new(self.ifindex, vlan)
    }

    #[inline(always)]
    fn generation(&self, link: &Link) -> u32 {
        word(&link.generation)
    }

    #[inline(always)]
    fn settled(&self, link: &Link, _key: LinkKey, generation: u32) -> bool {
        // No two links that have a place one after the other have the same.
        word(&link.generation) == generation
    }

    #[inline(always)]
    fn host(&self, key: &NameKey) -> Option<&Host> {
        // SAFETY: the kernel keeps an element's memory mapped until the program has ended. It may give the memory of a
        // removed element to a new one meanwhile, of the same type: then the answer is that other host's.
        unsafe { NAMES.get(key) }
    }

    #[inline(always)]
    fn slot_of_names(&self, slot: u32) -> Option<&Slot> {
        let at = offset::<Slot>(slot, globals::index_last())?;
        // SAFETY: the value lives as long as its map, and the slot lies in it.
        Some(unsafe { &*globals::index().byte_add(at).cast() })
    }

    #[inline(always)]
    fn bucket_of_names(&self, slot: u32) -> Option<&Bucket> {
        let at = offset::<Bucket>(slot / SLOTS as u32, globals::index_last())?;
        // SAFETY: as in `slot_of_names`.
        Some(unsafe { &*globals::index().byte_add(at) })
    }

    #[inline(always)]
    fn address_of_names(&self, slot: u32) -> Option<&[u64; 2]> {
        let at = offset::<[u64; 2]>(slot, globals::index_last())?;
        // SAFETY: as in `slot_of_names`.
        Some(unsafe { &*globals::index6().byte_add(at).cast() })
    }

    #[inline(always)]
    fn began(&self, slot: &Slot) -> u64 {
        slot_word(slot)
    }

    #[inline(always)]
    fn ended(&self, slot: &Slot) -> u64 {
        slot_word(slot)
    }

    #[inline(always)]
    fn arp(&self, key: &ArpKey) -> Option<&ArpHost> {
        // SAFETY: as in `host`.
        unsafe { ARP.get(key) }
    }

    #[inline(always)]
    fn control(&self) -> Option<&Control> {
        // SAFETY: the value lives as long as its map.
        Some(unsafe { &*globals::control() })
    }

    #[inline(always)]
    fn jiffies(&self) -> u64 {
        // SAFETY: takes nothing and reads a counter.
        unsafe { bpf_jiffies64() }
    }

    #[inline(always)]
    fn sender(&self, slot: u32) -> Option<Sender> {
        // SAFETY: the value lives as long as its map. Two CPUs may mix its words; then the sender is either not
        // recognised and passed up once more, or recognised by words that are all its own.
        Some(unsafe { (&raw const (*globals::senders())[slot as usize]).read_volatile() })
    }

    #[inline(always)]
    fn remember(&self, slot: u32, sender: Sender) {
        // SAFETY: as in `sender`.
        unsafe { (&raw mut (*globals::senders())[slot as usize]).write_volatile(sender) };
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
        // SAFETY: the value lives as long as its map, and each bucket is one word: another CPU's write comes before or after.
        unsafe {
            let bucket = &raw mut (*globals::buckets())[place as usize];
            let (after, told) = change(bucket.read_volatile());
            bucket.write_volatile(after);
            Some(told)
        }
    }
}

/// Offset of a value with this number, if it is not behind the last one's. The verifier wants the comparison on the very
/// register that is added.
#[inline(always)]
fn offset<T>(number: u32, last: u64) -> Option<usize> {
    let mut at = u64::from(number);
    // SAFETY: arithmetic on registers only.
    unsafe { asm!("{0} *= {1}", inout(reg) at, const size_of::<T>(), options(pure, nomem)) };
    (at <= last).then_some(at as usize)
}
