//! The maps for ARP: addresses that are answered for, and senders that the stack knows.

use super::LinkKey;

/// Key of an address for which ARP requests are answered on a link.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArpKey {
    /// See [`LinkKey::ifindex`].
    pub ifindex: u32,
    /// See [`LinkKey::vlan`].
    pub vlan: u16,
    /// Always 0.
    pub reserved: u16,
    /// The IPv4 address.
    pub address: [u8; 4],
}

impl ArpKey {
    /// The key of an address on a link.
    #[inline(always)]
    pub const fn new(link: LinkKey, address: [u8; 4]) -> Self {
        Self {
            ifindex: link.ifindex,
            vlan: link.vlan,
            reserved: 0,
            address,
        }
    }

    /// The link on which the address is answered for.
    pub const fn link(&self) -> LinkKey {
        LinkKey::new(self.ifindex, self.vlan)
    }
}

/// [`ArpHost::origin`]: the address is assigned to the interface, so the stack answers what is passed up.
pub const ARP_ASSIGNED: u16 = 1;
/// [`ArpHost::origin`]: the address is on the `proxy-arp` list or declared for a VLAN, so only llamar answers.
pub const ARP_DECLARED: u16 = 2;

/// Value of an address for which ARP requests are answered.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArpHost {
    /// The hardware address that answers name.
    pub mac: [u8; 6],
    /// [`ARP_ASSIGNED`] or [`ARP_DECLARED`].
    pub origin: u16,
}

/// An ARP sender whose request was passed up to the stack, which learns its address from it (RFC 826).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Hash-free identity: the sender's IPv4 address in the upper and the interface's index in the lower half.
    pub who: u64,
    /// The sender's MAC in the lower 48 bits (as read little-endian), the VLAN id in the upper 16.
    pub mac: u64,
    /// `bpf_jiffies64()` when it was last passed up.
    pub at: u64,
}
