//! A packet filter in a namespace, put there as `nft` would.

use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::net::Namespace;

const SUBSYSTEM: u16 = 10 << 8;
const BATCH: [u16; 2] = [0x10, 0x11];
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const CREATE: u16 = 0x400;
const NESTED: u16 = 0x8000;
const INET: u8 = 1;

/// Makes what `nft add table inet filter` and `nft add chain inet filter input { type filter hook input priority 0; policy
/// drop; }` make. False if the kernel has no nftables.
pub fn drop_all_input(namespace: &Namespace) -> bool {
    const INPUT: u32 = 1;
    let table = [attribute(1, b"filter\0"), attribute(2, &[0; 4])];
    let hook = [attribute(1, &INPUT.to_be_bytes()), attribute(2, &[0; 4])];
    let chain = [
        attribute(1, b"filter\0"),
        attribute(3, b"input\0"),
        attribute(4 | NESTED, &hook.concat()),
        // NF_DROP.
        attribute(5, &[0; 4]),
        attribute(7, b"filter\0"),
    ];
    namespace.inside(|| change(SUBSYSTEM, &table) && change(SUBSYSTEM | 3, &chain))
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(kind: u16, flags: u16, head: [u8; 4], attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut bytes = (20 + attributes.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(head);
    bytes.extend(attributes);
    bytes
}

/// Has nftables do something; false if there are none.
fn change(kind: u16, attributes: &[Vec<u8>]) -> bool {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    );
    let Ok(socket) = socket else {
        return false;
    };
    let flags = CREATE | ACKNOWLEDGE;
    let batch = [0, 0, 0, 10];
    let bytes = [
        message(BATCH[0], 0, batch, &[]),
        message(kind, flags, [INET, 0, 0, 0], attributes),
        message(BATCH[1], 0, batch, &[]),
    ];
    let kernel = NetlinkAddr::new(0, 0);
    let none = MsgFlags::empty();
    sendto(socket.as_raw_fd(), &bytes.concat(), &kernel, none).expect("ask the kernel");
    let mut reply = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut reply, none).expect("an answer of the kernel");
    // An acknowledgement is an error message whose number is 0.
    length >= 20 && reply[16..20] == [0; 4]
}
