//! What the engine has to say.

use std::net::IpAddr;

use llamar_common::abi::LinkKey;

use super::Origin;
use crate::ether::MacAddr;

/// Something that was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another host uses an address.
    Conflict {
        /// The link.
        key: LinkKey,
        /// The address.
        address: IpAddr,
        /// Whose address it is.
        origin: Origin,
        /// The other host's hardware address.
        culprit: MacAddr,
        /// What is done about it.
        outcome: Outcome,
        /// Whether it was not told of for some time (RFC 5227 2.4: reports are rate-limited).
        news: bool,
    },
    /// Another host asks whether anybody has an address, because it wants it (RFC 5227 2.1.1, RFC 4862 5.4). It was
    /// answered by whoever answers for the address.
    Probed {
        /// The link.
        key: LinkKey,
        /// The address.
        address: IpAddr,
        /// The other host's hardware address.
        by: MacAddr,
        /// Whether it was not told of for some time.
        news: bool,
    },
    /// No other host uses an address any more that one had: it is answered for, and announced if it ever is.
    Free {
        /// The link.
        key: LinkKey,
        /// The address.
        address: IpAddr,
    },
}

/// What is done about a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing: it was told of, or met a short while ago.
    Noted,
    /// The address is announced once more.
    Defended,
    /// The address is answered for and announced no more.
    Withdrawn,
    /// The address is another host's, so it is not announced; it is answered for as the configuration wants.
    Unannounced,
}

impl Outcome {
    /// The outcome in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Noted => "noted",
            Self::Defended => "defended",
            Self::Withdrawn => "withdrawn",
            Self::Unannounced => "unannounced",
        }
    }
}

/// A frame to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The link.
    pub key: LinkKey,
    /// Index of the interface.
    pub device: u32,
    /// The address that it is about.
    pub address: IpAddr,
    /// The frame.
    pub frame: Vec<u8>,
    /// What it says.
    pub sent: Sent,
}

/// What a frame says, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// An ARP announcement.
    ArpAnnouncement,
    /// An ARP probe.
    ArpProbe,
    /// An unsolicited Neighbor Advertisement.
    NdAnnouncement,
    /// A Neighbor Solicitation of duplicate address detection.
    NdProbe,
}

impl Sent {
    /// What it is counted as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArpAnnouncement => "arp-announcement",
            Self::ArpProbe => "arp-probe",
            Self::NdAnnouncement => "nd-announcement",
            Self::NdProbe => "nd-probe",
        }
    }
}
