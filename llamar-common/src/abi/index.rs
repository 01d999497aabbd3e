//! The index in front of the map of names: arrays whose look-up is a few instructions, no call.
//!
//! It holds names of up to [`SHORT`] bytes on links without a tag. The map is the truth and the index a copy of it: a
//! name is in the map before it is here, and longer than it is here. So the index never answers for a name that the map
//! does not hold, and where it is closed, or full around a name, the map is asked.
//!
//! Of a million names what counts is how many lines of cache they lie in: a name of up to 8 bytes takes one slot of 16
//! bytes, a longer one two of them that lie side by side.

use super::{Control, Host, LinkKey, NameKey, NameState};
use crate::wire::le64;

/// Longest label that the index holds, in bytes.
pub const SHORT: usize = 15;
/// Slots that lie side by side.
pub const SLOTS: usize = 4;
/// Seeds of the index's hash.
pub const INDEX_SEEDS: usize = 3;
/// Interfaces whose names the index may hold: those with a smaller index.
pub const INDEX_INTERFACES: u32 = 1 << 15;
/// How many TTLs the entries may have.
pub const INDEX_TTLS: usize = 4;

/// [`Slot::word`]: the [tag](Short::tag) of the name: index of the interface, and length of the label. 0 in
/// an empty slot, and in the second one of a name.
pub const TAG: u64 = 0x0007_ffff;
/// [`Slot::word`] of the first slot of a bucket: a name that was to be in the bucket found no room.
pub const ELSEWHERE: u64 = 1 << 19;
/// [`Slot::word`]: where the TTL is in [`Control::index_ttls`].
pub const TTL_SHIFT: u32 = 20;
/// [`Slot::word`]: what is added to [all of them](GENERATIONS) when the slot has been written.
pub const GENERATION: u64 = 1 << 22;
/// [`Slot::word`]: how often the slot has been written, as far as it is counted.
pub const GENERATIONS: u64 = 0xff << 22;
/// [`Slot::word`]: the host has exactly one IPv6 address, and it is in the second array.
pub const ONE_AAAA: u64 = 1 << 30;
/// [`Slot::word`]: the host has exactly one IPv4 address, and it is here: the sign of the lower half, which is the
/// shortest thing to ask for.
pub const ONE_A: u64 = 1 << 31;
/// [`Slot::word`]: what of the host is here; with neither the map has to be asked.
pub const KINDS: u64 = ONE_A | ONE_AAAA;
/// [`Slot::word`]: the IPv4 address, as it lies in memory, and how far up that is.
pub const ADDRESS: u64 = 0xffff_ffff << ADDRESS_SHIFT;
/// Place of the address in a word.
pub const ADDRESS_SHIFT: u32 = 32;

/// Place of the length in a tag.
const LENGTH: u32 = 15;

/// A name in the index, or one half of it. With neither [`ONE_A`] nor [`ONE_AAAA`] it only says that the map holds the
/// name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Eight bytes of the label as they lie in memory, folded to lower case, zeros behind it.
    pub label: u64,
    /// All else, so that it changes at once. A reader that finds another one when it has read the label asks the map.
    pub word: u64,
}

/// Slots that lie side by side: a line of the processor's cache.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The slots.
    pub slots: [Slot; SLOTS],
}

/// The IPv6 addresses of the slots of a bucket, each as two words as they lie in memory, read little-endian.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket6 {
    /// The addresses.
    pub aaaa: [[u64; 2]; SLOTS],
}

/// A name as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Short {
    /// Interface and length, at the place of [`TAG`].
    pub tag: u64,
    /// The label as it lies in memory, zeros behind it; words read little-endian. In the index it is folded to lower case.
    pub label: [u64; 2],
}

impl Short {
    /// A label of 1 to [`SHORT`] bytes in words, on an interface below [`INDEX_INTERFACES`].
    #[inline(always)]
    pub const fn new(ifindex: u32, length: usize, label: [u64; 2]) -> Self {
        let tag = ifindex as u64 | (length as u64) << LENGTH;
        Self { tag, label }
    }

    /// The name of a key; `None` if it is not one for the index.
    pub fn of(key: &NameKey) -> Option<Self> {
        let length = key.length as usize;
        if key.vlan != 0 || key.ifindex >= INDEX_INTERFACES || length == 0 || length > SHORT {
            return None;
        }
        let mut label = [0; 2];
        for (place, byte) in key.label().enumerate() {
            label[place / 8] |= u64::from(byte) << (place % 8 * 8);
        }
        Some(Self::new(key.ifindex, length, label))
    }

    /// Whether it takes two slots.
    #[inline(always)]
    pub const fn is_long(&self) -> bool {
        is_long(self.tag)
    }

    /// The key in the map.
    pub fn key(&self) -> NameKey {
        let [first, second] = self.label;
        let link = LinkKey::new(self.tag as u32 & (INDEX_INTERFACES - 1), 0);
        let length = (self.tag >> LENGTH) as usize;
        NameKey::from_words(link, length, [first, second, 0, 0, 0, 0, 0, 0])
    }

    /// Hash of the name: each word has a secret factor of its own, and the sum is mixed.
    ///
    /// With every seed a name has the hash of one other for each tag that there is; nobody can choose more than these.
    #[inline(always)]
    pub const fn hash(&self, control: &Control) -> u64 {
        let sum = self.first_term(control);
        if self.is_long() {
            let second = self.label[1].wrapping_mul(control.index_seeds[1]);
            return mixed(sum.wrapping_add(second), control);
        }
        mixed(sum, control)
    }

    /// The same of a name that is known to take one slot.
    #[inline(always)]
    pub const fn hash_of_word(&self, control: &Control) -> u64 {
        mixed(self.first_term(control), control)
    }

    #[inline(always)]
    const fn first_term(&self, control: &Control) -> u64 {
        (self.label[0] ^ self.tag).wrapping_mul(control.index_seeds[0])
    }

    /// The slot in which the name is looked for first, by the hash.
    #[inline(always)]
    pub const fn first(hash: u64, control: &Control) -> u32 {
        place(hash, control)
    }

    /// The slot of its second bucket, by the hash: there a name goes for which there is no room in the first.
    #[inline(always)]
    pub const fn second(hash: u64, control: &Control) -> u32 {
        place(
            (hash ^ (hash >> 29)).wrapping_mul(control.index_seeds[2]),
            control,
        )
    }
}

/// Whether a slot with this word has the first half of a name of two slots.
#[inline(always)]
pub const fn is_long(word: u64) -> bool {
    word & TAG >= 9 << LENGTH
}

/// A sum of products mixed, to a number for each: names that are numbered have sums at regular distances, which by themselves
/// would fall on the same slots again and again with a third of all seeds.
#[inline(always)]
const fn mixed(sum: u64, control: &Control) -> u64 {
    (sum ^ (sum >> 32)).wrapping_mul(control.index_seeds[0])
}

/// The slot for a hash: its upper half as a fraction of the slots that are used.
#[inline(always)]
const fn place(hash: u64, control: &Control) -> u32 {
    ((hash >> 32).wrapping_mul(control.index_slots) >> 32) as u32
}

impl Slot {
    /// The generation that follows a word's, at its place.
    pub const fn next_generation(word: u64) -> u64 {
        word.wrapping_add(GENERATION) & GENERATIONS
    }

    /// The slot of a name, with generation 0 but for what it says of its host, and the IPv6 address.
    pub fn new(short: &Short, host: &Host, ttl: Option<usize>) -> (Self, [u64; 2]) {
        let mut word = short.tag;
        let mut aaaa = [0; 2];
        if let Some(ttl) = ttl.filter(|_| host.state == NameState::Unique as u8) {
            word |= (ttl as u64) << TTL_SHIFT;
            if host.a_count == 1 {
                word |= ONE_A | u64::from(u32::from_le_bytes(host.a[0])) << ADDRESS_SHIFT;
            }
            if host.aaaa_count == 1 {
                word |= ONE_AAAA;
                aaaa = [0, 8].map(|at| le64(&host.aaaa[0], at));
            }
        }
        let label = short.label[0];
        (Self { label, word }, aaaa)
    }
}
