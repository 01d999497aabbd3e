//! bpf(2) where aya 0.14 has no interface for it: many map entries in one call, and XDP links of which one can tell
//! the interface, which never become netlink attachments, and which are detached at once.
//!
//! The crate's only unsafe code for BPF. Everything handed to the kernel is a slice whose length was compared with
//! the map's own sizes.

#![expect(unsafe_code, reason = "bpf(2) takes pointers")]

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Commands of bpf(2), from linux/bpf.h.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    ObjectPin = 6,
    ObjectGet = 7,
    ObjectInfo = 15,
    MapLookupBatch = 24,
    MapUpdateBatch = 26,
    MapDeleteBatch = 27,
    LinkCreate = 28,
    LinkUpdate = 29,
    LinkDetach = 34,
}

/// `BPF_F_RDONLY`
const READ_ONLY: u32 = 1 << 3;
/// `BPF_XDP` of `enum bpf_attach_type`
const ATTACH_XDP: u32 = 37;
/// `BPF_LINK_TYPE_XDP`
const LINK_XDP: u32 = 6;
/// `XDP_FLAGS_SKB_MODE`
const XDP_GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`
const XDP_NATIVE: u32 = 1 << 2;
/// Longest key of a map that is read by batches.
const KEY_MAX: usize = 128;

/// Whether a pinned map is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look-ups only.
    Read,
    /// Everything.
    Write,
}

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
}

/// An open map.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    shape: Shape,
    /// Bytes of a value as look-ups and updates move it: of all CPUs in a per-CPU map.
    value: usize,
}

impl Map {
    /// Opens a pinned map.
    pub fn open(pin: &Path, access: Access) -> io::Result<Self> {
        let fd = open_pin(pin, access, "map")?;
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

    /// Bytes of a value in [`lookup`](Self::lookup) and [`update`](Self::update).
    pub fn value_size(&self) -> usize {
        self.value
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

/// Where the next batch begins.
pub struct Cursor([u8; KEY_MAX]);

/// How an XDP program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpKind {
    /// In the driver.
    Native,
    /// By the network stack, for any driver.
    Generic,
}

/// A BPF link that holds an XDP program on an interface. Dropping it detaches unless it is pinned.
#[derive(Debug)]
pub struct XdpLink(OwnedFd);

/// What the kernel tells about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpLinkInfo {
    /// Id of the link.
    pub id: u32,
    /// Id of the program it holds.
    pub program: u32,
    /// Index of the interface, in the interface's own network namespace; 0 if the interface is gone or the link was
    /// detached.
    pub ifindex: u32,
}

impl XdpLink {
    /// Attaches a program to an interface of this network namespace; never replaces one.
    pub fn create(program: BorrowedFd<'_>, ifindex: u32, kind: XdpKind) -> io::Result<Self> {
        let mut attr = LinkCreateAttr {
            prog_fd: program.as_raw_fd(),
            target_ifindex: ifindex,
            attach_type: ATTACH_XDP,
            flags: match kind {
                XdpKind::Native => XDP_NATIVE,
                XdpKind::Generic => XDP_GENERIC,
            },
        };
        // SAFETY: no pointers; the descriptor that comes back is nobody else's.
        unsafe { Ok(Self(owned(bpf(Command::LinkCreate, &mut attr)?)?)) }
    }

    /// Opens a pinned link.
    pub fn open(pin: &Path) -> io::Result<Self> {
        open_pin(pin, Access::Write, "link").map(Self)
    }

    /// What it holds, and where.
    pub fn info(&self) -> io::Result<XdpLinkInfo> {
        let mut info = LinkInfo::default();
        object_info(self.0.as_fd(), &mut info)?;
        if info.kind != LINK_XDP {
            return Err(io::Error::other(format!(
                "a bpf link of type {}, not of XDP",
                info.kind
            )));
        }
        Ok(XdpLinkInfo {
            id: info.id,
            program: info.prog_id,
            ifindex: info.ifindex,
        })
    }

    /// Replaces the program without a gap.
    pub fn replace(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        let mut attr = LinkUpdateAttr {
            link_fd: self.0.as_raw_fd(),
            new_prog_fd: program.as_raw_fd(),
            ..LinkUpdateAttr::default()
        };
        // SAFETY: no pointers.
        unsafe { bpf(Command::LinkUpdate, &mut attr) }.map(drop)
    }

    /// Takes the program off the interface now. Removing the pin would do it too, but at a time of the kernel's
    /// choice.
    pub fn detach(&self) -> io::Result<()> {
        let mut attr = LinkDetachAttr {
            link_fd: self.0.as_raw_fd(),
        };
        // SAFETY: no pointers.
        unsafe { bpf(Command::LinkDetach, &mut attr) }.map(drop)
    }

    /// Pins it, so that it outlives this process.
    pub fn pin(&self, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        let mut attr = ObjectAttr {
            pathname: path.as_ptr() as u64,
            bpf_fd: self.0.as_raw_fd(),
            file_flags: 0,
        };
        // SAFETY: `path` ends with a zero and lives until the call is over.
        unsafe { bpf(Command::ObjectPin, &mut attr) }.map(drop)
    }
}

/// Opens a pin and checks what it is a pin of, by the name that the kernel gives the descriptor.
fn open_pin(pin: &Path, access: Access, kind: &str) -> io::Result<OwnedFd> {
    let path = c_path(pin)?;
    let mut attr = ObjectAttr {
        pathname: path.as_ptr() as u64,
        bpf_fd: 0,
        file_flags: match access {
            Access::Read => READ_ONLY,
            Access::Write => 0,
        },
    };
    // SAFETY: `path` ends with a zero and lives until the call is over; the descriptor is nobody else's.
    let fd = unsafe { owned(bpf(Command::ObjectGet, &mut attr)?)? };
    let what = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    // "anon_inode:bpf-map"; a link's name is spelt with '-' or '_', as the kernel's version has it.
    if !what.to_string_lossy().ends_with(kind) {
        return Err(io::Error::other(format!(
            "no BPF {kind} but {}",
            what.display()
        )));
    }
    Ok(fd)
}

fn object_info<I>(fd: BorrowedFd<'_>, info: &mut I) -> io::Result<()> {
    let mut attr = InfoAttr {
        bpf_fd: fd.as_raw_fd(),
        info_len: size_of::<I>() as u32,
        info: ptr::from_mut(info) as u64,
    };
    // SAFETY: `info` is a struct of plain integers with room for the length given.
    unsafe { bpf(Command::ObjectInfo, &mut attr) }.map(drop)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

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

/// # Safety
/// `result` is a descriptor that nothing else owns.
unsafe fn owned(result: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// # Safety
/// `attr` is the structure that the command takes, its pointers good for what the command does with them.
unsafe fn bpf<A>(command: Command, attr: &mut A) -> io::Result<RawFd> {
    let size = size_of::<A>();
    // SAFETY: `attr` has `size` bytes; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            ptr::from_mut(attr),
            size,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as RawFd)
}

// Parts of `union bpf_attr` (linux/bpf.h), and the beginnings of two `info` structures. No implicit padding.

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
struct ObjectAttr {
    pathname: u64,
    bpf_fd: RawFd,
    file_flags: u32,
}

#[repr(C)]
struct InfoAttr {
    bpf_fd: RawFd,
    info_len: u32,
    info: u64,
}

#[repr(C)]
struct LinkCreateAttr {
    prog_fd: RawFd,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct LinkUpdateAttr {
    link_fd: RawFd,
    new_prog_fd: RawFd,
    flags: u32,
    old_prog_fd: RawFd,
}

#[repr(C)]
struct LinkDetachAttr {
    link_fd: RawFd,
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

#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    reserved: u32,
    ifindex: u32,
    rest: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_kernels_offsets() {
        use std::mem::offset_of;
        assert_eq!(size_of::<ElementAttr>(), 32);
        assert_eq!(size_of::<BatchAttr>(), 56);
        assert_eq!(offset_of!(BatchAttr, map_fd), 36);
        assert_eq!(offset_of!(LinkInfo, ifindex), 16);
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
