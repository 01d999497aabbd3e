//! Which XDP program an interface runs, by whomever it was attached: rtnetlink says it, bpf(2) does not.

use std::io;

use nix::sys::socket::SockProtocol;

use super::bpf::XdpKind;
use crate::net::netlink::{self, Reply};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
/// `nlmsghdr`, then `ifinfomsg`.
const MESSAGE_HEADER: usize = 16;
const LINK_HEADER: usize = 16;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_XDP_DRV_PROG_ID: u16 = 5;
const IFLA_XDP_SKB_PROG_ID: u16 = 6;
const IFLA_XDP_HW_PROG_ID: u16 = 7;
const XDP_ATTACHED_SKB: u8 = 2;
/// Bits of an attribute's type that are flags.
const NLA_TYPE: u16 = 0x3fff;

/// An XDP program on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its id.
    pub id: u32,
    /// How it is run; a program in the hardware counts as native.
    pub kind: XdpKind,
}

/// The XDP program that an interface of this network namespace runs.
pub fn running(ifindex: u32) -> io::Result<Option<Running>> {
    // A `struct ifinfomsg`.
    let asked = [&[0; 4], &ifindex.to_ne_bytes()[..], &[0; 8]].concat();
    let request = netlink::request(RTM_GETLINK, NLM_F_REQUEST, &asked);
    let reply = Reply::to(SockProtocol::NetlinkRoute, &request)?;
    let mut buffer = vec![0; 64 * 1024];
    parse(reply.next(&mut buffer)?.unwrap_or_default())
}

fn parse(message: &[u8]) -> io::Result<Option<Running>> {
    let malformed = || io::Error::other("the kernel's answer about the interface is cut off");
    match u16_at(message, 4).ok_or_else(malformed)? {
        RTM_NEWLINK => {}
        NLMSG_ERROR => {
            let error = u32_at(message, MESSAGE_HEADER).ok_or_else(malformed)?;
            return Err(io::Error::from_raw_os_error((error as i32).wrapping_neg()));
        }
        other => return Err(io::Error::other(format!("netlink message of type {other}"))),
    }
    let attributes_of_link = message
        .get(MESSAGE_HEADER + LINK_HEADER..)
        .ok_or_else(malformed)?;
    let mut found = None;
    for (kind, nested) in attributes(attributes_of_link) {
        if kind == IFLA_XDP {
            found = program(nested);
        }
    }
    Ok(found)
}

/// The program in the contents of `IFLA_XDP`. Where there are several, the one that runs first.
fn program(nested: &[u8]) -> Option<Running> {
    let mut attached = 0;
    let (mut generic, mut native, mut any) = (None, None, None);
    for (kind, value) in attributes(nested) {
        let id = u32_at(value, 0).filter(|&id| id != 0);
        match kind {
            IFLA_XDP_ATTACHED => attached = value.first().copied().unwrap_or(0),
            IFLA_XDP_PROG_ID => any = id,
            IFLA_XDP_SKB_PROG_ID => generic = id,
            IFLA_XDP_DRV_PROG_ID | IFLA_XDP_HW_PROG_ID => native = id,
            _ => {}
        }
    }
    let in_driver = native.map(|id| Running {
        id,
        kind: XdpKind::Native,
    });
    let in_stack = generic.map(|id| Running {
        id,
        kind: XdpKind::Generic,
    });
    let kind = match attached {
        XDP_ATTACHED_SKB => XdpKind::Generic,
        _ => XdpKind::Native,
    };
    in_driver
        .or(in_stack)
        .or(any.map(|id| Running { id, kind }))
}

/// The attributes in a sequence of them; ends at one that is cut off.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & NLA_TYPE;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::netlink::nla as attribute;

    fn answer(xdp: &[Vec<u8>]) -> Vec<u8> {
        let mut message = vec![0; MESSAGE_HEADER + LINK_HEADER];
        message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        message.extend(attribute(3, b"eth0\0"));
        message.extend(attribute(IFLA_XDP | 0x8000, &xdp.concat()));
        message
    }

    #[test]
    fn a_program_in_the_stack_or_in_the_driver_is_found_with_its_id() {
        let generic = answer(&[
            attribute(IFLA_XDP_ATTACHED, &[2]),
            attribute(IFLA_XDP_PROG_ID, &7u32.to_ne_bytes()),
            attribute(IFLA_XDP_SKB_PROG_ID, &7u32.to_ne_bytes()),
        ]);
        assert_eq!(
            parse(&generic).unwrap(),
            Some(Running {
                id: 7,
                kind: XdpKind::Generic
            })
        );
        let native = answer(&[
            attribute(IFLA_XDP_ATTACHED, &[1]),
            attribute(IFLA_XDP_PROG_ID, &9u32.to_ne_bytes()),
        ]);
        assert_eq!(
            parse(&native).unwrap(),
            Some(Running {
                id: 9,
                kind: XdpKind::Native
            })
        );
        assert_eq!(
            parse(&answer(&[attribute(IFLA_XDP_ATTACHED, &[0])])).unwrap(),
            None
        );
    }

    #[test]
    fn an_answer_cut_off_anywhere_is_no_panic() {
        let whole = answer(&[attribute(IFLA_XDP_PROG_ID, &9u32.to_ne_bytes())]);
        for length in 0..whole.len() {
            let _ = parse(&whole[..length]);
        }
    }

    #[test]
    fn an_unknown_interface_is_an_error() {
        let error = running(u32::MAX >> 1).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn the_loopback_interface_runs_nothing() {
        assert_eq!(running(1).unwrap(), None);
    }
}
