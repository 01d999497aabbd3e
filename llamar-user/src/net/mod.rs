//! Sockets: the UDP groups of LLMNR and mDNS, LLMNR's TCP connections, and raw frames; and files of captured ones. Nothing
//! here knows what the bytes mean.

pub mod capture;
pub mod filter;
pub mod firewall;
pub mod groups;
pub mod holder;
pub mod netlink;
pub mod packet;
#[cfg(test)]
pub(crate) mod pair;
pub mod tcp;
pub mod udp;

pub use capture::CapturedFrame;
pub use filter::{
    Wanted, address_conflict_filter, all_filter, arp_and_llmnr_filter, arp_filter,
    ether_type_filter, neighbour_discovery_filter, wanted_filter,
};
pub use groups::Membership;
pub use holder::{Holder, Holders};
pub(crate) use packet::register;
pub use packet::{Direction, Options, PacketSocket, Received};
pub use tcp::{ListenError, Listeners, StreamMessage};
pub use udp::{BindError, Datagram, Ears, Groups, Inbox, Letter, MDNS, Outbox, Take};

/// Waits until a deadline; for ever without one.
pub async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
