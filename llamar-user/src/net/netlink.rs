//! One request to the kernel over netlink, and what it replies. The kernel does what it is asked, and replies, before
//! sending returns, and makes the rest of a dump while the part before is taken: nothing is waited for.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use netlink_packet_core::{NlaBuffer, NlasIterator};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// Length of `struct nlmsghdr`, in front of what a message says.
const HEADER: usize = 16;

/// What the kernel replies to one request.
#[derive(Debug)]
pub struct Reply(OwnedFd);

impl Reply {
    /// Sends a request by a socket of its own.
    pub fn to(protocol: SockProtocol, request: &[u8]) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            protocol,
        )?;
        let kernel = NetlinkAddr::new(0, 0);
        sendto(socket.as_raw_fd(), request, &kernel, MsgFlags::empty())?;
        Ok(Self(socket))
    }

    /// Its next datagram; none if there is no more.
    pub fn next<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
        loop {
            return match recv(self.0.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(length) => Ok(buffer.get(..length)),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => Ok(None),
                Err(errno) => Err(errno.into()),
            };
        }
    }
}

/// A request of a kind with these flags; what it says is in the form of that kind.
pub fn request(kind: u16, flags: u16, says: &[u8]) -> Vec<u8> {
    let length = (HEADER + says.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // Sequence number and port: there is one request, and the kernel knows from where it came.
    bytes.extend([0; 8]);
    bytes.extend(says);
    bytes
}

/// What a message of type `NLMSG_ERROR` or `NLMSG_DONE` says: whether the kernel did what it was asked.
pub fn outcome(says: &[u8]) -> io::Result<()> {
    let code = says
        .first_chunk::<4>()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    match code.saturating_neg() {
        error if error > 0 => Err(io::Error::from_raw_os_error(error)),
        _ => Ok(()),
    }
}

/// The first attribute of a kind.
pub fn attribute(attributes: &[u8], kind: u16) -> Option<NlaBuffer<&[u8]>> {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == kind)
}

/// An attribute as it is sent.
#[cfg(test)]
pub(crate) fn nla(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer};

    use super::*;
    use crate::link::space::in_namespace;

    #[test]
    fn the_kernel_has_replied_when_a_request_is_sent_and_says_no_more() {
        in_namespace(async || {
            let loopback = [&[0; 4], &1u32.to_ne_bytes()[..], &[0; 8]].concat();
            for (index, kind, error) in [
                (1, libc::RTM_NEWLINK, None),
                (99, NLMSG_ERROR, Some(libc::ENODEV)),
            ] {
                let mut says = loopback.clone();
                says[4] = index;
                let request = request(libc::RTM_GETLINK, NLM_F_REQUEST, &says);
                let reply = Reply::to(SockProtocol::NetlinkRoute, &request).unwrap();
                let mut buffer = vec![0; 64 << 10];
                let datagram = reply.next(&mut buffer).unwrap().expect("a reply");
                let message = NetlinkBuffer::new_checked(datagram).unwrap();
                assert_eq!(message.message_type(), kind);
                if let Some(error) = error {
                    let refused = outcome(message.payload()).unwrap_err();
                    assert_eq!(refused.raw_os_error(), Some(error));
                }
                assert!(reply.next(&mut buffer).unwrap().is_none());
            }
        });
    }

    #[test]
    fn an_outcome_is_an_error_only_below_zero() {
        for (says, error) in [
            (&(-libc::EPERM).to_ne_bytes()[..], Some(libc::EPERM)),
            (&i32::MIN.to_ne_bytes(), Some(i32::MAX)),
            (&[0; 4], None),
            (&7i32.to_ne_bytes(), None),
            (&[1], None),
        ] {
            let found = outcome(says).err().and_then(|error| error.raw_os_error());
            assert_eq!(found, error);
        }
    }

    #[test]
    fn the_first_attribute_of_a_kind_is_found_and_none_behind_a_broken_one() {
        let attributes = [
            nla(1, b"a"),
            nla(2, b"bcdef"),
            nla(2, b"g"),
            vec![1, 0, 3, 0],
            nla(3, b"h"),
        ]
        .concat();
        let value = |kind| attribute(&attributes, kind).map(|found| found.value().to_vec());
        assert_eq!(value(2).as_deref(), Some(&b"bcdef"[..]));
        assert_eq!((value(3), value(4)), (None, None));
    }
}
