//! Interfaces for tests, written as text.

use super::{Address, AddressState, Link, Links};

/// An address as in `10.0.0.1/24`, `10.0.0.1>10.0.0.2/32`, with `!secondary`, `!tentative` and so on behind.
pub(crate) fn address(text: &str) -> Address {
    let (text, word) = text.split_once('!').unwrap_or((text, ""));
    let (ip, prefix) = text.split_once('/').unwrap();
    let (ip, peer) = ip.split_once('>').unwrap_or((ip, ""));
    Address {
        ip: ip.parse().unwrap(),
        peer: peer.parse().ok(),
        prefix: prefix.parse().unwrap(),
        state: match word {
            "tentative" => AddressState::Tentative,
            "dadfailed" => AddressState::DadFailed,
            "deprecated" => AddressState::Deprecated,
            _ => AddressState::Usable,
        },
        secondary: word == "secondary",
        scope_link: false,
    }
}

/// An Ethernet interface that is up and carries multicast, with these addresses; the last byte of its hardware address
/// is its index.
pub(crate) fn link(index: u32, name: &str, addresses: &str) -> Link {
    Link {
        index,
        name: name.to_owned(),
        mac: Some([2, 0, 0, 0, 0, index as u8]),
        ethernet: true,
        up: true,
        multicast: true,
        mtu: 1500,
        addresses: addresses.split_whitespace().map(address).collect(),
        ..Link::default()
    }
}

/// All interfaces.
pub(crate) fn links(links: impl IntoIterator<Item = Link>) -> Links {
    Links {
        by_index: links.into_iter().map(|link| (link.index, link)).collect(),
    }
}
