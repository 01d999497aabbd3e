//! The look-ups that an answer needs, in the kernel's maps or in memory.

use crate::abi::{ArpHost, ArpKey, Control, Host, Link, NameKey, Sender};

/// Where [`respond`](crate::respond::respond) runs, which decides what is left to the next instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Before the network stack: what the stack or the agent has to see is passed.
    Kernel,
    /// In the agent, behind the stack: answers what only llamar can answer.
    Agent,
}

/// What is known about links, names and addresses.
pub trait Records {
    /// Where this is.
    const WORLD: World;

    /// The link of a frame with this VLAN id (0: none) and its place in the array of counters.
    fn link(&self, vlan: u16) -> Option<(u32, &Link)>;

    /// Whether the link's entry is still the one that had this generation: nothing was written meanwhile.
    fn settled(&self, link: &Link, generation: u32) -> bool;

    /// The host that holds a name.
    fn host(&self, key: &NameKey) -> Option<&Host>;

    /// The host that answers for an address.
    fn arp(&self, key: &ArpKey) -> Option<&ArpHost>;

    /// The heartbeat.
    fn control(&self) -> Option<&Control>;

    /// The kernel's clock in jiffies.
    fn jiffies(&self) -> u64;

    /// The sender remembered in a place of the array of senders.
    fn sender(&self, slot: u32) -> Option<Sender>;

    /// Remembers a sender.
    fn remember(&self, slot: u32, sender: Sender);
}
