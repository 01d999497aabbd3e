//! The maps of the index, whose addresses are written into the programs before they are loaded.

use std::io;

use llamar_common::abi::{Bucket, Bucket6, LAYOUT_VERSION, map, marks};

use super::bpf::{Access, Map, Shape};
use super::error::DatapathError;
use super::index::buckets_for;
use super::pins::Pins;

/// The maps of an instance's index, pinned.
pub struct Marked {
    buckets: Map,
    addresses: Map,
}

impl Marked {
    /// Makes and pins those that are not there, with room for so many names.
    pub fn prepare(pins: &Pins, names: u32) -> Result<Self, DatapathError> {
        let prepare = |name| {
            let pin = pins.map(name);
            let create = |shape| Map::create(name, shape, &pin);
            let (what, map) = match pin.exists() {
                true => ("open the pinned map", Map::open(&pin, Access::Write)),
                false => ("make the map", make(buckets_for(names), create)),
            };
            map.map_err(DatapathError::io(what, &pin))
        };
        Ok(Self {
            buckets: prepare(map::INDEX)?,
            addresses: prepare(map::INDEX6)?,
        })
    }

    /// Writes where they are, and how long, into an object: that is by their descriptors, which the kernel looks at
    /// whenever a program is loaded, and which are good for as long as this lives.
    pub fn write(&self, object: &mut [u8]) -> Result<(), DatapathError> {
        let last = u64::from(room(&self.buckets, &self.addresses)) * BUCKET as u64;
        let maps = [&self.buckets, &self.addresses].map(Map::descriptor);
        if !marks::write_index(object, maps, last) {
            let lacking = format!("it has no place for the index of layout {LAYOUT_VERSION}");
            return Err(DatapathError::OtherObject(lacking));
        }
        Ok(())
    }
}

/// Buckets that an index in these maps may use: all but the last one, as the programs compare where a slot begins with
/// where that one does.
pub fn room(buckets: &Map, addresses: &Map) -> u32 {
    usable(buckets.value_size().min(addresses.value_size()))
}

fn usable(bytes: usize) -> u32 {
    u32::try_from(bytes / BUCKET).map_or(MOST, |buckets| buckets.saturating_sub(1).min(MOST))
}

/// Most buckets that may be used: the verifier takes no offset of 2^29 (`BPF_MAX_VAR_OFF`) or beyond. Names without a
/// slot are looked for in their map.
const MOST: u32 = (1 << 29) / BUCKET as u32 - 1;

/// Bytes of a bucket in either map.
pub const BUCKET: usize = size_of::<Bucket>();
const _: () = assert!(BUCKET == size_of::<Bucket6>());

/// What `create` makes of the shape with room for so many buckets, or for about as many as the kernel takes.
fn make<M>(buckets: u32, create: impl Fn(Shape) -> io::Result<M>) -> io::Result<M> {
    let mut buckets = buckets.min(MOST);
    loop {
        match create(shape(buckets.saturating_add(1))) {
            // Before Linux 6.11 a value has 4 MB at most.
            Err(error) if error.raw_os_error() == Some(libc::E2BIG) && buckets > 1 => buckets /= 2,
            made => return made,
        }
    }
}

/// The shape of a map with so many buckets.
pub fn shape(buckets: u32) -> Shape {
    Shape {
        kind: Shape::ARRAY,
        key: size_of::<u32>() as u32,
        value: buckets.saturating_mul(BUCKET as u32),
        entries: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_takes_short_values_only_gets_fewer_buckets() {
        const MOST: u32 = 4 << 20;
        let create = |shape: Shape| match shape.value <= MOST {
            true => Ok(shape.value),
            false => Err(io::Error::from_raw_os_error(libc::E2BIG)),
        };
        assert_eq!(make(64, create).unwrap(), 65 * BUCKET as u32);
        let made = make(buckets_for(1_000_000), create).unwrap();
        assert!(made > MOST / 2, "{made}");
        let none = |_: Shape| Err::<(), _>(io::Error::from_raw_os_error(libc::E2BIG));
        assert!(make(u32::MAX, none).is_err());
    }

    #[test]
    fn no_offset_is_beyond_what_the_verifier_takes() {
        let value = |shape: Shape| Ok(shape.value);
        let made = make(buckets_for(1 << 24), value).unwrap() as usize;
        assert_eq!(made, 1 << 29);
        for pinned in [made - BUCKET, made, made + BUCKET, 1 << 30, usize::MAX] {
            let last = usable(pinned) as usize * BUCKET;
            assert!(last < 1 << 29 && last < pinned, "{pinned} bytes");
        }
        assert_eq!(usable(made) as usize * BUCKET, made - BUCKET);
    }
}
