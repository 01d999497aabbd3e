//! XDP links.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use super::{Access, Command, bpf, object_info, open_pin, owned, pin};

/// `BPF_XDP` of `enum bpf_attach_type`
const ATTACH_XDP: u32 = 37;
/// `BPF_LINK_TYPE_XDP`
const LINK_XDP: u32 = 6;
/// `XDP_FLAGS_SKB_MODE`
const XDP_GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`
const XDP_NATIVE: u32 = 1 << 2;
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
        pin(self.0.as_fd(), path)
    }
}

// Parts of `union bpf_attr` (linux/bpf.h), and the beginning of `struct bpf_link_info`. No implicit padding.

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
struct LinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    reserved: u32,
    ifindex: u32,
    rest: u32,
}

const _: () = assert!(std::mem::offset_of!(LinkInfo, ifindex) == 16);
