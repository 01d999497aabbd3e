//! The maps that the kernel path and the agent share: names, keys, values and counters.
//!
//! Every type is `repr(C)` without padding, because a padding byte is part of a hash map's key. All fields of a
//! packet (addresses, labels) are in network byte order; plain integers are in the host's.

#![expect(
    unsafe_code,
    reason = "keys are built from words, and the kernel takes bytes"
)]

use core::mem::{align_of, size_of};

mod arp;
mod index;
mod limit;
mod links;
pub mod marks;
mod names;
mod outcome;

pub use arp::{ARP_ASSIGNED, ARP_DECLARED, ArpHost, ArpKey, Sender};
pub use index::{
    ADDRESS, ADDRESS_SHIFT, Bucket, Bucket6, ELSEWHERE, GENERATION, GENERATIONS, INDEX_INTERFACES,
    INDEX_SEEDS, INDEX_TTLS, KINDS, ONE_A, ONE_AAAA, SHORT, SLOTS, Short, Slot, TAG, TTL_SHIFT,
    is_long,
};
pub use limit::{BUCKETS_BITS, BUCKETS_MAX, Limit, SEEDS};
pub use links::{
    LINK_GENERIC, LINK_NATIVE, Link, LinkKey, NEAR, Near4, Near6, OWN4, Prefix4, Prefix6, link_slot,
};
pub use names::{Host, NameKey, NameState};
pub use outcome::{Counters, OUTCOME_PLACES, OUTCOMES, Outcome};

/// Version of everything in this module; part of the pin path, so that two layouts never meet in one map.
pub const LAYOUT_VERSION: u32 = 6;

/// Names of the maps as `bpftool map` shows them. The kernel keeps 15 bytes of a name.
pub mod map {
    /// Hash: [`NameKey`](super::NameKey) -> [`Host`](super::Host).
    pub const NAMES: &str = "llamar_names";
    /// Array of one value, which is [`Bucket`](super::Bucket)s: the index in front of the names, which userspace writes
    /// through a mapping, and which the programs reach through their [`marks`](super::marks).
    pub const INDEX: &str = "llamar_index";
    /// The same of [`Bucket6`](super::Bucket6)s: the IPv6 addresses of the index.
    pub const INDEX6: &str = "llamar_index6";
    /// Hash: [`ArpKey`](super::ArpKey) -> [`ArpHost`](super::ArpHost).
    pub const ARP: &str = "llamar_arp";
    /// [Global](super::GLOBALS): [`LINKS_MAX`](super::LINKS_MAX) times [`Link`](super::Link), placed by
    /// [`link_slot`](super::link_slot).
    pub const LINKS: &str = "llamar_links";
    /// [Global](super::GLOBALS): [`SENDERS_MAX`](super::SENDERS_MAX) times [`Sender`](super::Sender), who was passed up to
    /// the stack lately, and when.
    pub const SENDERS: &str = "llamar_senders";
    /// [Global](super::GLOBALS): [`BUCKETS_MAX`](super::BUCKETS_MAX) words, the buckets of the [limiter](crate::limit).
    pub const BUCKETS: &str = "llamar_buckets";
    /// [Global](super::GLOBALS): one [`Control`](super::Control).
    pub const CONTROL: &str = "llamar_control";
    /// Per-CPU array of [`Counters`](super::Counters), one for each link slot and one for frames of no link.
    pub const COUNTERS: &str = "llamar_counters";
    /// All of them, in the order in which they are created.
    pub const ALL: [&str; 9] = [
        NAMES, INDEX, INDEX6, ARP, LINKS, SENDERS, BUCKETS, CONTROL, COUNTERS,
    ];
}

/// A map of one value, which lies at an address that the loader writes into the programs: they reach it without a
/// look-up. In the object it is a section of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    /// Name of the map.
    pub map: &'static str,
    /// The section.
    pub section: &'static str,
    /// The variable that fills the section.
    pub symbol: &'static str,
}

/// The maps that are globals.
pub const GLOBALS: [Global; 4] = [
    Global {
        map: map::LINKS,
        section: ".bss.links",
        symbol: "LLAMAR_LINKS",
    },
    Global {
        map: map::SENDERS,
        section: ".bss.senders",
        symbol: "LLAMAR_SENDERS",
    },
    Global {
        map: map::BUCKETS,
        section: ".bss.buckets",
        symbol: "LLAMAR_BUCKETS",
    },
    Global {
        map: map::CONTROL,
        section: ".bss.control",
        symbol: "LLAMAR_CONTROL",
    },
];

/// Names of the programs in the eBPF object.
pub mod program {
    /// The XDP program for frames in one buffer.
    pub const XDP: &str = "llamar_xdp";
    /// The XDP program for interfaces whose frames may span buffers.
    pub const XDP_FRAGS: &str = "llamar_xdp_frags";
    /// Stamps [`Control`](super::Control) with the kernel's clock; run by test-run, attached nowhere.
    pub const BEAT: &str = "llamar_beat";
}

/// Longest label in bytes (RFC 1035 2.3.4).
pub const LABEL_MAX: usize = 63;
/// Addresses of one family that one entry holds; a host with more is answered for from userspace.
pub const ADDRESSES_MAX: usize = 4;
/// On-link prefixes of one family that one link holds; an asker outside of them is left to userspace.
pub const PREFIXES_MAX: usize = 16;
/// Places in the array of links.
pub const LINKS_MAX: u32 = 256;
/// Places that a link may take, one after the other from its first.
pub const LINK_PROBES: u32 = 4;
/// Places in the array of ARP senders; a power of two.
pub const SENDERS_MAX: u32 = 4096;
/// Places in the array of counters: one for each link and one for frames that belong to none.
pub const COUNTERS_MAX: u32 = LINKS_MAX + 1;
/// Place of the counters for frames that belong to no link.
pub const NO_LINK: u32 = LINKS_MAX;
/// Capacity of the names map unless the agent asks for another.
pub const NAMES_MAX_DEFAULT: u32 = 65_536;
/// Capacity of the ARP map.
pub const ARP_MAX: u32 = 65_536;
/// How long the kernel path answers without a heartbeat, in seconds.
pub const LEASE_SECONDS: u32 = 3;
/// How long an ARP sender is answered before one of its requests is passed up again, in seconds.
pub const SENDER_SECONDS: u32 = 30;

/// What gates the kernel path, and how it hashes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `bpf_jiffies64()` from which on there are no answers: the agent's last heartbeat and its lease; 0 before the first.
    pub until: u64,
    /// Jiffies for which a heartbeat is good.
    pub lease: u64,
    /// `bpf_ktime_get_ns()` at the last heartbeat, for those who do not know the kernel's jiffies; 0 before the first.
    pub beat_ns: u64,
    /// Jiffies for which an ARP sender is answered before it is passed up again.
    pub sender_lease: u64,
    /// Seeds of the limiter's [hash](crate::limit::bucket), others for each agent.
    pub seeds: [u64; SEEDS],
    /// Slots of the index that are used; 0 while the index is closed.
    pub index_slots: u64,
    /// Seeds of the index's [hash](Short::hash), as odd numbers.
    pub index_seeds: [u64; INDEX_SEEDS],
    /// TTLs of the index's entries in seconds, big-endian.
    pub index_ttls: [[u8; 4]; INDEX_TTLS],
}

/// A type that is exactly its bytes: no padding, every bit pattern valid.
///
/// # Safety
/// Implemented only for the `repr(C)` types of this module whose sizes are asserted below.
pub unsafe trait Plain: Copy + 'static {
    /// The value's bytes, as the kernel sees them.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the implementor has no padding, so all of its bytes are initialised.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }

    /// The value with these bytes; `None` if their number is not the type's size.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SAFETY: the length is checked, any bytes are a value, and the read asks for no alignment.
        (bytes.len() == size_of::<Self>())
            .then(|| unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}

macro_rules! plain {
    ($($type:ty = $size:literal),* $(,)?) => { $(
        const _: () = assert!(size_of::<$type>() == $size && align_of::<$type>() <= 8);
        // SAFETY: `repr(C)`, integers and arrays of them only, and the size is the sum of the fields' sizes.
        unsafe impl Plain for $type {}
    )* };
}

plain! {
    LinkKey = 8,
    NameKey = 72,
    Host = 92,
    ArpKey = 12,
    ArpHost = 8,
    Prefix4 = 12,
    Prefix6 = 48,
    Near4 = 12,
    Near6 = 24,
    Limit = 16,
    Link = 1104,
    Sender = 24,
    Control = 112,
    Slot = 16,
    Bucket = 64,
    Bucket6 = 64,
    Counters = 256,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_names_fit_what_the_kernel_keeps() {
        assert!(
            map::ALL
                .iter()
                .all(|name| name.len() <= 15 && name.starts_with("llamar_"))
        );
    }
}
