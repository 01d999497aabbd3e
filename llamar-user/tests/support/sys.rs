//! System calls without a safe wrapper: packet sockets, and an XDP program of two instructions.

#![expect(
    unsafe_code,
    reason = "packet sockets and bpf(2) have no safe interface in the crates we use"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;

/// What a call returned, or why it failed.
fn checked(result: libc::c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// A raw packet socket on an interface of the calling thread's network namespace. It sees every frame that
/// arrives, none that leaves.
pub fn packet_socket(interface: &str) -> io::Result<OwnedFd> {
    let index = if_nametoindex(interface)?;
    let every = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: no pointers; the result is checked before it is owned, and nobody else has it.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        checked(fd.into())?;
        OwnedFd::from_raw_fd(fd)
    };
    for option in [libc::PACKET_IGNORE_OUTGOING, libc::PACKET_AUXDATA] {
        set_option(&socket, libc::SOL_PACKET, option, &1_i32)?;
    }
    let wait = libc::timeval {
        tv_sec: 0,
        tv_usec: 10_000,
    };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &wait)?;
    // SAFETY: every field of the address may be zero.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every;
    address.sll_ifindex = index as i32;
    // SAFETY: the pointer and the size are those of `address`.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as u32,
        )
    };
    checked(bound.into())?;
    Ok(socket)
}

fn set_option<T>(socket: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the size are those of `value`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const *value).cast(),
            size_of::<T>() as u32,
        )
    };
    checked(result.into()).map(drop)
}

/// Has a packet socket take in also what its own host sends.
pub fn hear_outgoing(socket: &OwnedFd) -> io::Result<()> {
    set_option(
        socket,
        libc::SOL_PACKET,
        libc::PACKET_IGNORE_OUTGOING,
        &0_i32,
    )
}

/// Sends a frame.
pub fn send_frame(socket: &OwnedFd, frame: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of `frame`.
    let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
    checked(sent as libc::c_long).map(drop)
}

/// A frame as it was on the wire.
pub struct Received {
    /// Its bytes.
    pub frame: Vec<u8>,
    /// Whether its sender left its checksum to a device: then only the sum of the pseudo header is there.
    pub checksum_is_partial: bool,
}

/// Receives a frame: the kernel takes an outer VLAN tag off and tells it aside, here it is put back. `None` when none
/// has come within some milliseconds.
pub fn receive_frame(socket: &OwnedFd) -> io::Result<Option<Received>> {
    let mut frame = vec![0; 65_536];
    let mut control = [0_u64; 16];
    let mut part = libc::iovec {
        iov_base: frame.as_mut_ptr().cast(),
        iov_len: frame.len(),
    };
    // SAFETY: every field of the header may be zero.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    // SAFETY: the header points to buffers that live until the call returns, with their lengths.
    let length = match checked(
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) } as libc::c_long,
    ) {
        Ok(length) => length,
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN)
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    frame.truncate(length);
    let mut checksum_is_partial = false;
    if let Some(auxdata) = auxdata(&header) {
        checksum_is_partial = auxdata.tp_status & libc::TP_STATUS_CSUMNOTREADY != 0;
        if auxdata.tp_status & libc::TP_STATUS_VLAN_VALID != 0 {
            let [tpid, tci] = [auxdata.tp_vlan_tpid, auxdata.tp_vlan_tci].map(u16::to_be_bytes);
            frame.splice(12..12, [tpid, tci].concat());
        }
    }
    Ok(Some(Received {
        frame,
        checksum_is_partial,
    }))
}

/// What the kernel told aside about a frame.
fn auxdata(header: &libc::msghdr) -> Option<libc::tpacket_auxdata> {
    // SAFETY: the kernel filled the control buffer of `header`, and its macros stay inside; the payload of this
    // type of message is a `tpacket_auxdata`.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header).as_ref()?;
        let wanted = (libc::SOL_PACKET, libc::PACKET_AUXDATA);
        ((message.cmsg_level, message.cmsg_type) == wanted).then(|| {
            libc::CMSG_DATA(message)
                .cast::<libc::tpacket_auxdata>()
                .read_unaligned()
        })
    }
}

/// An XDP program that passes everything, attached to an interface as long as it lives.
pub struct PassAll {
    _program: OwnedFd,
    _link: OwnedFd,
}

/// The head of `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct ProgramLoad {
    kind: u32,
    instructions_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    expected_attach: u32,
}

/// The head of `union bpf_attr` for BPF_LINK_CREATE.
#[repr(C)]
struct LinkCreate {
    program: u32,
    target_ifindex: u32,
    attach: u32,
    flags: u32,
}

impl PassAll {
    /// Attaches the program, under a name, to an interface of the calling thread's network namespace; in the
    /// driver if `native`.
    pub fn attach(interface: &str, name: &str, native: bool) -> io::Result<Self> {
        const PROG_LOAD: i32 = 5;
        const LINK_CREATE: i32 = 28;
        const TYPE_XDP: u32 = 6;
        const ATTACH_XDP: u32 = 37;
        const FLAGS_GENERIC: u32 = 2;
        const FLAGS_NATIVE: u32 = 4;
        /// The program takes frames that span buffers, so that any MTU will do.
        const HAS_FRAGS: u32 = 1 << 5;
        // r0 = 2 (XDP_PASS); exit
        let instructions: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];
        let mut load = ProgramLoad {
            kind: TYPE_XDP,
            instructions_count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: HAS_FRAGS,
            name: [0; 16],
            ifindex: 0,
            expected_attach: ATTACH_XDP,
        };
        for (to, from) in load.name.iter_mut().take(15).zip(name.as_bytes()) {
            *to = *from;
        }
        // SAFETY: the attributes' pointers are to values that outlive the call.
        let program = unsafe { bpf(PROG_LOAD, &load) }?;
        let link = LinkCreate {
            program: program.as_raw_fd() as u32,
            target_ifindex: if_nametoindex(interface)?,
            attach: ATTACH_XDP,
            flags: if native { FLAGS_NATIVE } else { FLAGS_GENERIC },
        };
        // SAFETY: the attributes hold no pointers.
        let link = unsafe { bpf(LINK_CREATE, &link) }?;
        Ok(Self {
            _program: program,
            _link: link,
        })
    }
}

/// Calls bpf(2) with a command that returns a file descriptor.
///
/// # Safety
/// `attributes` are those of the command, and what they point to is valid.
unsafe fn bpf<T>(command: i32, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the pointer and the size are those of `attributes`; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            &raw const *attributes,
            size_of::<T>(),
        )
    };
    let fd = checked(result)?;
    // SAFETY: the kernel just made this file descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
