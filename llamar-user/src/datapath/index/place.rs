//! Where a slot is: its bucket, its neighbours in there, and its words in the memory of the index.

use llamar_common::abi::SLOTS;

/// Words of a slot: its label, and all else.
pub const SLOT: usize = 2;
/// Words of an IPv6 address.
pub const ADDRESS: usize = 2;

/// The place of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its bucket.
    pub bucket: u32,
    /// Its number in there.
    pub slot: usize,
}

impl Place {
    /// The place with this number.
    pub fn of(slot: u32) -> Self {
        Self {
            bucket: slot / SLOTS as u32,
            slot: slot as usize % SLOTS,
        }
    }

    /// Where in its bucket a name may be whose home is here, in the order in which it is looked for.
    pub fn neighbours(self, long: bool) -> impl Iterator<Item = Self> {
        let (home, step) = if long {
            (self.slot & !1, 2)
        } else {
            (self.slot, 1)
        };
        let bucket = self.bucket;
        let slots = (0..SLOTS).step_by(step).map(move |other| home ^ other);
        slots.map(move |slot| Self { bucket, slot })
    }

    /// Number of its label among the words of the buckets.
    pub fn label(self) -> usize {
        (self.bucket as usize * SLOTS + self.slot) * SLOT
    }

    /// The same of the word behind that.
    pub fn word(self) -> usize {
        self.label() + 1
    }

    /// Number of its first word among those of the addresses.
    pub fn address(self) -> usize {
        (self.bucket as usize * SLOTS + self.slot) * ADDRESS
    }
}
