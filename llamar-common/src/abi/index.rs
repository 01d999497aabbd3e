//! The index in front of the map of names: arrays whose look-up is a few instructions, no call.
//!
//! It holds names of up to [`SHORT`] bytes on links without a tag. The map is the truth and the index a copy of it: a
//! name is in the map before it is here, and longer than it is here. So the index never answers for a name that the map
//! does not hold, and where it is closed, or full around a name, the map is asked.

use super::{Control, Host, LinkKey, NameKey, NameState};
use crate::wire::le64;

/// Longest label that the index holds, in bytes.
pub const SHORT: usize = 15;
/// Entries that lie side by side.
pub const BUCKET: usize = 2;
/// Seeds of the index's hash.
pub const INDEX_SEEDS: usize = 4;

/// [`Entry::generation`]: the agent is writing the entry.
pub const WRITING: u32 = 1;
/// [`Entry::generation`]: the host has exactly one IPv4 address, and it is here.
pub const ONE_A: u32 = 2;
/// [`Entry::generation`]: the host has exactly one IPv6 address, and it is in the second array.
pub const ONE_AAAA: u32 = 4;
/// [`Entry::generation`] of the first entry of a bucket: a name that was to be in the bucket found no room.
pub const ELSEWHERE: u32 = 8;
/// [`Entry::generation`]: what is added to it when the entry has been written.
pub const GENERATION: u32 = 16;

/// A name in the index. One with neither [`ONE_A`] nor [`ONE_AAAA`] only says that the map holds it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Another one after each change, with what is known of the entry in its lowest bits. A reader that finds it
    /// [`WRITING`], or changed when it has read the entry, asks the map.
    pub generation: u32,
    /// Index of the interface; 0 in an empty place.
    pub ifindex: u32,
    /// See [`Short::label`].
    pub label: [u64; 2],
    /// TTL of the records in seconds, big-endian.
    pub ttl: [u8; 4],
    /// The IPv4 address.
    pub a: [u8; 4],
}

/// Entries that lie side by side: a line of the processor's cache.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The entries.
    pub entries: [Entry; BUCKET],
}

/// The IPv6 addresses of the entries of a bucket, each as two words as they lie in memory, read little-endian.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket6 {
    /// The addresses.
    pub aaaa: [[u64; 2]; BUCKET],
}

/// A name as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Short {
    /// Index of the interface.
    pub ifindex: u32,
    /// The label as it lies in memory, folded to lower case, zeros behind it and its length, 1 to [`SHORT`], as the
    /// last byte; words read little-endian.
    pub label: [u64; 2],
}

impl Short {
    /// A label of up to [`SHORT`] bytes in words.
    #[inline(always)]
    pub const fn new(ifindex: u32, length: usize, [first, second]: [u64; 2]) -> Self {
        Self {
            ifindex,
            label: [first, second | (length as u64) << 56],
        }
    }

    /// The name of a key; `None` if it is not one for the index.
    pub fn of(key: &NameKey) -> Option<Self> {
        if key.vlan != 0 || key.length == 0 || key.length as usize > SHORT {
            return None;
        }
        let mut label = [0; 2];
        for (place, byte) in key.label().enumerate() {
            label[place / 8] |= u64::from(byte) << (place % 8 * 8);
        }
        Some(Self::new(key.ifindex, key.length.into(), label))
    }

    /// The key in the map.
    pub fn key(&self) -> NameKey {
        let [first, second] = self.label;
        let words = [first, second << 8 >> 8, 0, 0, 0, 0, 0, 0];
        let link = LinkKey::new(self.ifindex, 0);
        NameKey::from_words(link, (second >> 56) as usize, words)
    }

    /// Hash of the name, of which the upper bits are the place of its first bucket (multiply-shift: each word has a
    /// secret factor of its own).
    #[inline(always)]
    pub const fn hash(&self, control: &Control) -> u64 {
        let seeds = &control.index_seeds;
        self.label[0]
            .wrapping_mul(seeds[0])
            .wrapping_add(self.label[1].wrapping_mul(seeds[1]))
            .wrapping_add((self.ifindex as u64).wrapping_mul(seeds[2]))
    }

    /// Place of the first bucket, by the hash.
    #[inline(always)]
    pub const fn first(hash: u64, control: &Control) -> u32 {
        (hash >> control.index_shift) as u32
    }

    /// Place of the second bucket, by the hash: where a name goes for which there is no room in the first.
    #[inline(always)]
    pub const fn second(hash: u64, control: &Control) -> u32 {
        let mixed = (hash ^ (hash >> 29)).wrapping_mul(control.index_seeds[3]);
        (mixed >> control.index_shift) as u32
    }
}

impl Entry {
    /// The entry of a name, with generation 0 but for what it says of its host, and the IPv6 address.
    pub fn new(short: &Short, host: &Host) -> (Self, [u64; 2]) {
        let mut entry = Self {
            ifindex: short.ifindex,
            label: short.label,
            ttl: host.ttl.to_be_bytes(),
            ..Self::default()
        };
        let mut aaaa = [0; 2];
        if host.state == NameState::Unique as u8 && host.a_count == 1 {
            entry.generation |= ONE_A;
            entry.a = host.a[0];
        }
        if host.state == NameState::Unique as u8 && host.aaaa_count == 1 {
            entry.generation |= ONE_AAAA;
            aaaa = [0, 8].map(|at| le64(&host.aaaa[0], at));
        }
        (entry, aaaa)
    }

    /// Whether it is a name's.
    #[inline(always)]
    pub const fn is(&self, short: &Short) -> bool {
        let other = (self.label[0] ^ short.label[0])
            | (self.label[1] ^ short.label[1])
            | (self.ifindex ^ short.ifindex) as u64;
        other == 0
    }
}
