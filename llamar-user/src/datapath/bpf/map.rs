//! Maps: look-ups and updates of one entry and of many.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::{Access, Command, Words, bpf, object_info, open_pin, owned, pin};

/// Longest key of a map that is read by batches.
const KEY_MAX: usize = 128;

/// What a map was created as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `enum bpf_map_type`
    pub kind: u32,
    /// Size of a key in bytes.
    pub key: u32,
    /// Size of a value in bytes; of one CPU's value in a per-CPU map.
    pub value: u32,
    /// Capacity.
    pub entries: u32,
}

impl Shape {
    /// `BPF_MAP_TYPE_HASH`
    pub const HASH: u32 = 1;
    /// `BPF_MAP_TYPE_ARRAY`
    pub const ARRAY: u32 = 2;
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`
    pub const PERCPU_ARRAY: u32 = 6;
    /// `BPF_MAP_TYPE_ARRAY_OF_MAPS`
    const ARRAY_OF_MAPS: u32 = 12;
}

/// An open map.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    shape: Shape,
    /// Bytes of a value as look-ups and updates move it: of all CPUs in a per-CPU map.
    value: usize,
}

/// `BPF_F_MMAPABLE`
const MMAPABLE: u32 = 1 << 10;
/// Room for a map's name, with the zero behind it.
const NAME_MAX: usize = 16;

impl Map {
    /// Makes an array that can be written as memory, and pins it.
    pub fn create(name: &str, shape: Shape, path: &Path) -> io::Result<Self> {
        let fd = create(name, shape, MMAPABLE, None)?;
        pin(fd.as_fd(), path)?;
        Self::of(fd)
    }

    /// Makes an array of one map, and that one.
    pub fn create_outer(name: &str) -> io::Result<(Self, Self)> {
        let shape = |kind| Shape {
            kind,
            key: size_of::<u32>() as u32,
            value: size_of::<u32>() as u32,
            entries: 1,
        };
        let inner = Self::of(create(name, shape(Shape::ARRAY), 0, None)?)?;
        let outer = create(name, shape(Shape::ARRAY_OF_MAPS), 0, Some(&inner))?;
        Ok((Self::of(outer)?, inner))
    }

    /// Opens a pinned map.
    pub fn open(pin: &Path, access: Access) -> io::Result<Self> {
        open_pin(pin, access, "map").and_then(Self::of)
    }

    fn of(fd: OwnedFd) -> io::Result<Self> {
        let mut info = MapInfo::default();
        object_info(fd.as_fd(), &mut info)?;
        let shape = Shape {
            kind: info.kind,
            key: info.key_size,
            value: info.value_size,
            entries: info.max_entries,
        };
        let value = match shape.kind {
            Shape::PERCPU_ARRAY => {
                let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
                (shape.value as usize).next_multiple_of(8) * cpus
            }
            _ => shape.value as usize,
        };
        Ok(Self { fd, shape, value })
    }

    /// What it was created as.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its descriptor, good for as long as this lives.
    pub fn descriptor(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Bytes of a value in [`lookup`](Self::lookup) and [`update`](Self::update).
    pub fn value_size(&self) -> usize {
        self.value
    }

    /// An array that was made for it, as memory that the kernel path reads.
    pub fn words(&self) -> io::Result<Words> {
        if self.shape.kind != Shape::ARRAY || !self.value.is_multiple_of(8) {
            return Err(io::Error::other("the map is no array of whole words"));
        }
        Words::of(self.fd.as_fd(), self.value * self.shape.entries as usize)
    }

    /// Copies the value of a key; false if there is none.
    pub fn lookup(&self, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
        self.check(key.len(), 1, Some(value.len()))?;
        let mut attr = self.element(key);
        attr.value = value.as_mut_ptr() as u64;
        // SAFETY: the key has the map's key size and `value` room for its value size, both checked above.
        found(unsafe { bpf(Command::MapLookup, &mut attr) })
    }

    /// Inserts or replaces one entry.
    pub fn update(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.check(key.len(), 1, Some(value.len()))?;
        let mut attr = self.element(key);
        attr.value = value.as_ptr() as u64;
        // SAFETY: key and value have the map's sizes, checked above; the kernel only reads them.
        unsafe { bpf(Command::MapUpdate, &mut attr) }.map(drop)
    }

    /// Removes one entry; false if there was none.
    pub fn delete(&self, key: &[u8]) -> io::Result<bool> {
        self.check(key.len(), 1, None)?;
        let mut attr = self.element(key);
        // SAFETY: the key has the map's key size, checked above; the kernel only reads it.
        found(unsafe { bpf(Command::MapDelete, &mut attr) })
    }

    /// Inserts or replaces entries, `count` keys and values one behind the other. An error comes with the number of
    /// entries that were written before it.
    pub fn update_batch(
        &self,
        count: usize,
        keys: &[u8],
        values: &[u8],
    ) -> Result<(), (usize, io::Error)> {
        self.check(keys.len(), count, Some(values.len()))
            .map_err(|error| (0, error))?;
        let mut attr = self.batch(count);
        attr.keys = keys.as_ptr() as u64;
        attr.values = values.as_ptr() as u64;
        // SAFETY: `count` keys and values of the map's sizes, checked above; the kernel only reads them.
        match unsafe { bpf(Command::MapUpdateBatch, &mut attr) } {
            Ok(_) => Ok(()),
            Err(error) if unknown(&error) => {
                let keys = keys.chunks_exact(self.shape.key as usize);
                let values = values.chunks_exact(self.value);
                one_by_one(keys.zip(values), |(key, value)| self.update(key, value))
            }
            Err(error) => Err(((attr.count as usize).min(count), error)),
        }
    }

    /// Removes entries, `count` keys one behind the other. An error, which a missing key is too, comes with the
    /// number of entries that were removed before it.
    pub fn delete_batch(&self, count: usize, keys: &[u8]) -> Result<(), (usize, io::Error)> {
        self.check(keys.len(), count, None)
            .map_err(|error| (0, error))?;
        let mut attr = self.batch(count);
        attr.keys = keys.as_ptr() as u64;
        // SAFETY: `count` keys of the map's key size, checked above; the kernel only reads them.
        match unsafe { bpf(Command::MapDeleteBatch, &mut attr) } {
            Ok(_) => Ok(()),
            Err(error) if unknown(&error) => {
                let keys = keys.chunks_exact(self.shape.key as usize);
                one_by_one(keys, |key| self.delete(key).map(drop))
            }
            Err(error) => Err(((attr.count as usize).min(count), error)),
        }
    }

    /// Reads about `at_most` entries from `cursor` on into `keys` and `values` and moves the cursor; `None` behind
    /// the last entry.
    pub fn lookup_batch(
        &self,
        cursor: Option<Cursor>,
        at_most: usize,
        keys: &mut Vec<u8>,
        values: &mut Vec<u8>,
    ) -> io::Result<Option<Cursor>> {
        if self.shape.key as usize > KEY_MAX {
            return Err(io::Error::other(
                "the map's keys are too long to be read by batches",
            ));
        }
        let mut next = Cursor([0; KEY_MAX]);
        let mut room = at_most.max(1);
        loop {
            keys.resize(room * self.shape.key as usize, 0);
            values.resize(room * self.value, 0);
            let mut attr = self.batch(room);
            attr.in_batch = cursor.as_ref().map_or(0, |cursor| cursor.0.as_ptr() as u64);
            attr.out_batch = next.0.as_mut_ptr() as u64;
            attr.keys = keys.as_mut_ptr() as u64;
            attr.values = values.as_mut_ptr() as u64;
            // SAFETY: keys and values have room for `count` of them, both batch positions for a whole key, of which
            // a hash map uses four bytes.
            let result = unsafe { bpf(Command::MapLookupBatch, &mut attr) };
            let end = match result {
                Ok(_) => false,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
                // A bucket holds more entries than there was room for.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    room *= 2;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let read = (attr.count as usize).min(room);
            keys.truncate(read * self.shape.key as usize);
            values.truncate(read * self.value);
            return Ok((!end).then_some(next));
        }
    }

    fn element(&self, key: &[u8]) -> ElementAttr {
        ElementAttr {
            map_fd: self.fd.as_raw_fd(),
            key: key.as_ptr() as u64,
            ..ElementAttr::default()
        }
    }

    fn batch(&self, count: usize) -> BatchAttr {
        BatchAttr {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            map_fd: self.fd.as_raw_fd(),
            ..BatchAttr::default()
        }
    }

    /// Whether `keys` and `values` bytes are `count` keys and values of this map.
    fn check(&self, keys: usize, count: usize, values: Option<usize>) -> io::Result<()> {
        let fits = |bytes: usize, size: usize| size.checked_mul(count) == Some(bytes);
        if fits(keys, self.shape.key as usize) && values.is_none_or(|bytes| fits(bytes, self.value))
        {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{keys} bytes of keys and {values:?} of values are not {count} of {:?}",
                self.shape
            ),
        ))
    }
}

/// Makes a map; one of maps with one of those that it is to hold.
fn create(name: &str, shape: Shape, flags: u32, inner: Option<&Map>) -> io::Result<OwnedFd> {
    let mut attr = CreateAttr {
        kind: shape.kind,
        key_size: shape.key,
        value_size: shape.value,
        max_entries: shape.entries,
        map_flags: flags,
        inner_map_fd: inner.map_or(0, |inner| inner.descriptor() as u32),
        ..CreateAttr::default()
    };
    for (to, from) in attr.name[..NAME_MAX - 1].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: the attributes hold no pointers; the descriptor is nobody else's.
    unsafe { owned(bpf(Command::MapCreate, &mut attr)?) }
}

/// Where the next batch begins.
pub struct Cursor([u8; KEY_MAX]);

fn found(result: io::Result<RawFd>) -> io::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the kernel does not know the command for this kind of map. Such a call has done nothing.
fn unknown(error: &io::Error) -> bool {
    /// The kernel's own `ENOTSUPP`, which has no name in userspace.
    const ENOTSUPP: i32 = 524;
    matches!(error.raw_os_error(), Some(libc::EINVAL | ENOTSUPP))
}

/// Does single calls; an error comes with the number of those before it.
fn one_by_one<T>(
    calls: impl Iterator<Item = T>,
    mut call: impl FnMut(T) -> io::Result<()>,
) -> Result<(), (usize, io::Error)> {
    for (done, item) in calls.enumerate() {
        call(item).map_err(|error| (done, error))?;
    }
    Ok(())
}

// Parts of `union bpf_attr` (linux/bpf.h), and the beginning of `struct bpf_map_info`. No implicit padding.

#[repr(C)]
#[derive(Default)]
struct CreateAttr {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    name: [u8; NAME_MAX],
}

#[repr(C)]
#[derive(Default)]
struct ElementAttr {
    map_fd: RawFd,
    reserved: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: RawFd,
    element_flags: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_kernels_offsets() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(CreateAttr, name), 28);
        assert_eq!(size_of::<ElementAttr>(), 32);
        assert_eq!(size_of::<BatchAttr>(), 56);
        assert_eq!(offset_of!(BatchAttr, map_fd), 36);
        assert_eq!(offset_of!(MapInfo, max_entries), 16);
    }

    #[test]
    fn a_pin_that_does_not_exist_is_not_found() {
        let error = Map::open(Path::new("/nonexistent/llamar"), Access::Read).unwrap_err();
        // bpf(2) may be closed to this user altogether.
        assert!(
            matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EPERM)),
            "{error}"
        );
    }
}
