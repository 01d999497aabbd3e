//! bpf(2) where aya 0.14 has no interface for it: many map entries in one call, and XDP links of which one can tell
//! the interface, which never become netlink attachments, and which are detached at once.
//!
//! The crate's only unsafe code for BPF. Everything handed to the kernel is a slice whose length was compared with
//! the map's own sizes.

#![expect(unsafe_code, reason = "bpf(2) takes pointers")]

mod grace;
mod link;
mod map;
mod words;

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

pub use grace::Grace;
pub use link::{XdpKind, XdpLink};
pub use map::{Cursor, Map, Shape};
pub use words::Words;

/// Commands of bpf(2), from linux/bpf.h.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    MapCreate = 0,
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

/// Whether a pinned map is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look-ups only.
    Read,
    /// Everything.
    Write,
}

/// `BPF_F_RDONLY`
const READ_ONLY: u32 = 1 << 3;
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

fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let mut attr = ObjectAttr {
        pathname: path.as_ptr() as u64,
        bpf_fd: object.as_raw_fd(),
        file_flags: 0,
    };
    // SAFETY: `path` ends with a zero and lives until the call is over.
    unsafe { bpf(Command::ObjectPin, &mut attr) }.map(drop)
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

// Parts of `union bpf_attr` (linux/bpf.h), without implicit padding.

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
