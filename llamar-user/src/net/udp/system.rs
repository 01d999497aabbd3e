//! The calls that take several datagrams at once. No crate wraps them so that each datagram has control messages of its
//! own.

#![expect(
    unsafe_code,
    reason = "several datagrams at a time are received and sent by calls that no crate wraps"
)]

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use libc::{c_int, c_uint};

use super::Datagram;

/// Most datagrams that one call receives, and most parcels that one sends.
pub const MANY: usize = 32;

/// A datagram to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it goes.
    pub to: SocketAddr,
    /// Our address to send it from, of the same family.
    pub source: IpAddr,
    /// Index of the interface by which it leaves.
    pub device: u32,
}

/// Waits for a datagram and receives it together with those that are there already, at most [`MANY`], one into each
/// `each` bytes of `buffers`. `told` gets the number of each and what it is: none if it was cut, or if the kernel did not
/// say where it was sent to. Gives their count.
pub fn receive(
    socket: BorrowedFd<'_>,
    buffers: &mut [u8],
    each: usize,
    mut told: impl FnMut(usize, Option<Datagram>),
) -> io::Result<usize> {
    let mut places = [const { MaybeUninit::<Place>::uninit() }; MANY];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MANY];
    let mut count = 0;
    for ((buffer, place), header) in buffers
        .chunks_exact_mut(each)
        .zip(&mut places)
        .zip(&mut headers)
    {
        let place = place.write(Place::new(buffer.as_mut_ptr(), each));
        header.write(place.header(size_of::<Name>(), size_of::<Control<Info>>()));
        count += 1;
    }
    // SAFETY: the first `count` headers were written; they name buffers of the lengths that they tell, which outlive the
    // call and are used by nobody else meanwhile.
    let received = checked(unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count,
            libc::MSG_WAITFORONE as _,
            std::ptr::null_mut(),
        )
    })?;
    for (number, (place, header)) in places.iter().zip(&headers).take(received).enumerate() {
        // SAFETY: both were written above, for no more are received than there was room for.
        let (place, header) = unsafe { (place.assume_init_ref(), header.assume_init_ref()) };
        told(number, place.datagram(header));
    }
    Ok(received)
}

/// Sends at most [`MANY`] parcels, in their order and without waiting. Gives the number of those that were sent, which are
/// at least one of one or more; an error is that of the first.
pub fn send<'a>(
    socket: BorrowedFd<'_>,
    parcels: impl Iterator<Item = Parcel<'a>>,
) -> io::Result<usize> {
    let mut places = [const { MaybeUninit::<Place>::uninit() }; MANY];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MANY];
    let mut count = 0;
    for ((parcel, place), header) in parcels.zip(&mut places).zip(&mut headers) {
        // The kernel only reads what is sent.
        let bytes = parcel.bytes.as_ptr().cast_mut();
        let place = place.write(Place::new(bytes, parcel.bytes.len()));
        let (name, controls) = match place.address(&parcel) {
            Ok(lengths) => lengths,
            Err(error) if count == 0 => return Err(error),
            // It will be the first of another call.
            Err(_) => break,
        };
        header.write(place.header(name, controls));
        count += 1;
    }
    let (socket, headers) = (socket.as_raw_fd(), headers.as_mut_ptr());
    let flags = libc::MSG_DONTWAIT;
    if count == 1 {
        // SAFETY: the first header was written; it names bytes of the length that it tells, which outlive the call.
        let sent = unsafe {
            libc::sendmsg(
                socket,
                &raw const (*headers.cast::<libc::mmsghdr>()).msg_hdr,
                flags,
            )
        };
        return checked(sent).map(|_| 1);
    }
    // SAFETY: the first `count` headers were written; they name bytes of the lengths that they tell, which outlive the
    // call.
    checked(unsafe { libc::sendmmsg(socket, headers.cast(), count, flags as _) })
}

// SAFETY: CMSG_SPACE reckons with its argument and touches no memory.
const _: () = unsafe {
    let space = libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as c_uint);
    assert!(size_of::<Control<libc::in_pktinfo>>() == space as usize);
    let space = libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as c_uint);
    assert!(size_of::<Control<libc::in6_pktinfo>>() == space as usize);
    assert!(size_of::<Control<Info>>() == space as usize);
};

/// What a header points to.
struct Place {
    bytes: libc::iovec,
    name: Name,
    control: Control<Info>,
}

/// An address and a port. Whatever bits there are, they are a value of either.
#[repr(C)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// IP_PKTINFO or IPV6_PKTINFO. Whatever bits there are, they are a value of either.
#[derive(Clone, Copy)]
#[repr(C)]
union Info {
    v4: libc::in_pktinfo,
    v6: libc::in6_pktinfo,
}

/// A control message as the kernel lays it out.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control<T> {
    aligned: [usize; 0],
    header: libc::cmsghdr,
    value: T,
}

impl Place {
    fn new(bytes: *mut u8, length: usize) -> Self {
        Self {
            bytes: libc::iovec {
                iov_base: bytes.cast(),
                iov_len: length,
            },
            // SAFETY: all of these are plain numbers.
            name: unsafe { zeroed() },
            // SAFETY: as above.
            control: unsafe { zeroed() },
        }
    }

    /// A header that points here: the place stays where it is as long as the header is used.
    fn header(&mut self, name: usize, control: usize) -> libc::mmsghdr {
        // SAFETY: all of these are plain numbers and pointers that may be null.
        let mut header: libc::mmsghdr = unsafe { zeroed() };
        header.msg_hdr.msg_name = (&raw mut self.name).cast();
        header.msg_hdr.msg_namelen = name as _;
        header.msg_hdr.msg_iov = &raw mut self.bytes;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = (&raw mut self.control).cast();
        header.msg_hdr.msg_controllen = control as _;
        header
    }

    /// Takes where a parcel goes, from where and by which interface. The lengths of the name and of the control message.
    fn address(&mut self, parcel: &Parcel<'_>) -> io::Result<(usize, usize)> {
        match (parcel.to, parcel.source) {
            (SocketAddr::V4(to), IpAddr::V4(source)) => {
                self.name.v4 = name_v4(to);
                let v4 = info_v4(source, parcel.device)?;
                let length = size_of::<libc::in_pktinfo>();
                self.control = control((libc::IPPROTO_IP, libc::IP_PKTINFO), length, Info { v4 });
                let control = size_of::<Control<libc::in_pktinfo>>();
                Ok((size_of::<libc::sockaddr_in>(), control))
            }
            (SocketAddr::V6(to), IpAddr::V6(source)) => {
                self.name.v6 = name_v6(to, parcel.device);
                let v6 = info_v6(source, parcel.device);
                let length = size_of::<libc::in6_pktinfo>();
                self.control = control(
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO),
                    length,
                    Info { v6 },
                );
                let control = size_of::<Control<libc::in6_pktinfo>>();
                Ok((size_of::<libc::sockaddr_in6>(), control))
            }
            (to, source) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("send to {to} from {source}"),
            )),
        }
    }

    /// The datagram that was received here.
    fn datagram(&self, header: &libc::mmsghdr) -> Option<Datagram> {
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            tracing::debug!("datagram longer than the buffer: dropped");
            return None;
        }
        #[allow(clippy::unnecessary_cast, reason = "with musl it has another type")]
        let info = header.msg_hdr.msg_controllen as usize;
        let (control, name) = (&self.control, &self.name);
        // SAFETY: the family is at the same place in both.
        let family = c_int::from(unsafe { name.v4.sin_family });
        let (from, to, device) = match (family, control.header.cmsg_level, control.header.cmsg_type)
        {
            (libc::AF_INET, libc::IPPROTO_IP, libc::IP_PKTINFO)
                if info >= size_of::<Control<libc::in_pktinfo>>() =>
            {
                // SAFETY: whatever bits there are, they are a value.
                let (name, info) = unsafe { (name.v4, control.value.v4) };
                let from = SocketAddrV4::new(ipv4(name.sin_addr), u16::from_be(name.sin_port));
                let device = u32::try_from(info.ipi_ifindex).ok()?;
                (from.into(), ipv4(info.ipi_addr).into(), device)
            }
            (libc::AF_INET6, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                if info >= size_of::<Control<libc::in6_pktinfo>>() =>
            {
                // SAFETY: whatever bits there are, they are a value.
                let (name, info) = unsafe { (name.v6, control.value.v6) };
                let (ip, port) = (ipv6(name.sin6_addr), u16::from_be(name.sin6_port));
                let from = SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id);
                (from.into(), ipv6(info.ipi6_addr).into(), info.ipi6_ifindex)
            }
            _ => return None,
        };
        Some(Datagram {
            length: header.msg_len as usize,
            from,
            to,
            device,
        })
    }
}

/// A control message whose value has a length.
fn control((level, kind): (c_int, c_int), length: usize, value: Info) -> Control<Info> {
    // SAFETY: all of these are plain numbers.
    let mut header: libc::cmsghdr = unsafe { zeroed() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + length) as _;
    header.cmsg_level = level;
    header.cmsg_type = kind;
    Control {
        aligned: [],
        header,
        value,
    }
}

fn name_v4(to: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: to.port().to_be(),
        sin_addr: addr_v4(*to.ip()),
        sin_zero: [0; 8],
    }
}

fn name_v6(to: SocketAddrV6, device: u32) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as _,
        sin6_port: to.port().to_be(),
        sin6_flowinfo: to.flowinfo(),
        sin6_addr: addr_v6(*to.ip()),
        // A scope other than the interface's is refused by the kernel.
        sin6_scope_id: device,
    }
}

fn info_v4(source: Ipv4Addr, device: u32) -> io::Result<libc::in_pktinfo> {
    let index = c_int::try_from(device);
    let index = index
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("interface {device}")))?;
    Ok(libc::in_pktinfo {
        ipi_ifindex: index,
        ipi_spec_dst: addr_v4(source),
        ipi_addr: libc::in_addr { s_addr: 0 },
    })
}

fn info_v6(source: Ipv6Addr, device: c_uint) -> libc::in6_pktinfo {
    libc::in6_pktinfo {
        ipi6_addr: addr_v6(source),
        ipi6_ifindex: device,
    }
}

fn addr_v4(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(ip.octets()),
    }
}

fn addr_v6(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr {
        s6_addr: ip.octets(),
    }
}

fn ipv4(address: libc::in_addr) -> Ipv4Addr {
    address.s_addr.to_ne_bytes().into()
}

fn ipv6(address: libc::in6_addr) -> Ipv6Addr {
    address.s6_addr.into()
}

fn checked(result: impl TryInto<usize>) -> io::Result<usize> {
    result.try_into().map_err(|_| io::Error::last_os_error())
}
