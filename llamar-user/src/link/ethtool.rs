//! What only the ethtool ioctl tells of an interface.

#![expect(unsafe_code, reason = "the ioctl takes a pointer in a union")]

use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const GET_FLAGS: u32 = 0x25;
const FLAG_RX_VLAN: u32 = 1 << 8;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Whether the interface takes VLAN tags off before an XDP program sees the frame; none if it does not say.
pub fn rx_vlan_offload(name: &str) -> Option<bool> {
    let mut value = Value {
        command: GET_FLAGS,
        data: 0,
    };
    ask(name, &mut value)?;
    Some(value.data & FLAG_RX_VLAN != 0)
}

/// Has the kernel fill in a value, whose first field says which.
fn ask(interface: &str, value: &mut Value) -> Option<()> {
    let mut name = [0; libc::IFNAMSIZ];
    if interface.len() >= name.len() {
        return None;
    }
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .ok()?;
    let data = (&raw mut *value).cast();
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data },
    };
    // SAFETY: the request is whole and zero-terminated, and `data` points to a `Value`, of which the kernel writes no
    // more than it has for the commands that get one.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    (result == 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::space::{in_namespace, ip};

    #[test]
    fn a_veth_tells_its_offload() {
        in_namespace(async || {
            ip("link add v0 type veth peer name v1");
            assert!(rx_vlan_offload("v0").is_some());
        });
    }

    #[test]
    fn an_interface_that_is_not_there_says_nothing() {
        in_namespace(async || {
            for name in ["v0", "", "a-name-longer-than-any-interface's"] {
                assert_eq!(rx_vlan_offload(name), None, "{name:?}");
            }
        });
    }
}
