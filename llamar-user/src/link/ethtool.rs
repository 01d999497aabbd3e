//! What only the ethtool ioctl tells of an interface.

#![expect(unsafe_code, reason = "the ioctl takes a pointer in a union")]

use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const GET_DRIVER: u32 = 3;
const GET_FLAGS: u32 = 0x25;
const FLAG_RX_VLAN: u32 = 1 << 8;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct Driver {
    command: u32,
    name: [u8; 32],
    others: [[u8; 32]; 4],
    reserved: [u8; 12],
    counts: [u32; 5],
}

const _: () = assert!(size_of::<Driver>() == 196);

/// Whether the interface takes VLAN tags off before an XDP program sees the frame; none if it does not say.
pub fn rx_vlan_offload(name: &str) -> Option<bool> {
    let mut value = Value {
        command: GET_FLAGS,
        data: 0,
    };
    ask(name, &mut value)?;
    Some(value.data & FLAG_RX_VLAN != 0)
}

/// The name of the interface's driver; none if it does not say.
pub fn driver(name: &str) -> Option<String> {
    let mut driver = Driver {
        command: GET_DRIVER,
        name: [0; 32],
        others: [[0; 32]; 4],
        reserved: [0; 12],
        counts: [0; 5],
    };
    ask(name, &mut driver)?;
    let end = driver.name.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&driver.name[..end]).into_owned()).filter(|name| !name.is_empty())
}

/// Has the kernel fill in an ethtool structure, whose first field says which.
fn ask<T: Structure>(interface: &str, structure: &mut T) -> Option<()> {
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
    let data = (&raw mut *structure).cast();
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data },
    };
    // SAFETY: the request is whole and zero-terminated, and `data` points to a `Structure`: the kernel writes no more
    // than the size of the one that its first field names.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    (result == 0).then_some(())
}

/// A structure of ethtool whose first field names the command that fills it.
trait Structure {}
impl Structure for Value {}
impl Structure for Driver {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::space::{in_namespace, ip};

    #[test]
    fn a_veth_names_its_driver_and_its_offload() {
        in_namespace(async || {
            ip("link add v0 type veth peer name v1");
            assert_eq!(driver("v0").as_deref(), Some("veth"));
            assert!(rx_vlan_offload("v0").is_some());
        });
    }

    #[test]
    fn an_interface_that_is_not_there_says_nothing() {
        in_namespace(async || {
            for name in ["v0", "", "a-name-longer-than-any-interface's"] {
                assert_eq!(
                    (driver(name), rx_vlan_offload(name)),
                    (None, None),
                    "{name:?}"
                );
            }
        });
    }
}
