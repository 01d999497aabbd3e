//! Solicitations and advertisements (RFC 4861 4.3, 4.4) and their options (4.6).

use std::net::Ipv6Addr;

use llamar_common::wire::ndp::{
    ADVERTISEMENT, CODE, FLAGS, LENGTH, NONCE, OPTION_UNIT, OVERRIDE, ROUTER, SOLICITATION,
    SOLICITED, SOURCE_LINK_LAYER, TARGET, TARGET_LINK_LAYER,
};
use llamar_common::wire::{chunk, put};

use super::Flaw;
use crate::ether::MacAddr;

/// A message of Neighbor Discovery that llamar speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks who has an address, or whether anybody has it.
    Solicitation(Solicitation),
    /// Says who has an address.
    Advertisement(Advertisement),
}

/// A Neighbor Solicitation (RFC 4861 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// The address asked for.
    pub target: Ipv6Addr,
    /// The sender's hardware address.
    pub source_mac: Option<MacAddr>,
    /// A nonce (RFC 7527 4.1): 6 bytes where it is of ours, `8n - 2` bytes in general.
    pub nonce: Option<Vec<u8>>,
}

/// A Neighbor Advertisement (RFC 4861 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The address told of.
    pub target: Ipv6Addr,
    /// R: its holder is a router.
    pub router: bool,
    /// S: it answers a solicitation.
    pub solicited: bool,
    /// O: it replaces what is known.
    pub overriding: bool,
    /// The holder's hardware address.
    pub target_mac: Option<MacAddr>,
}

impl Message {
    /// Reads an ICMPv6 message whose checksum is right.
    // RFC 4861 7.1.1, 7.1.2: reserved fields and unknown options are ignored; code, length, target and the options'
    // lengths are checked.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let kind = *bytes.first().ok_or(Flaw::Short)?;
        if kind != SOLICITATION && kind != ADVERTISEMENT {
            return Err(Flaw::Other);
        }
        let (fixed, options) = bytes.split_at_checked(LENGTH).ok_or(Flaw::Short)?;
        let target = Ipv6Addr::from(chunk::<16>(fixed, TARGET));
        if fixed[CODE] != 0 {
            return Err(Flaw::Code(fixed[CODE]));
        }
        if target.is_multicast() {
            return Err(Flaw::Target);
        }
        let options = Options::read(options)?;
        let has = |flag| fixed[FLAGS] & flag != 0;
        Ok(match kind {
            SOLICITATION => Self::Solicitation(Solicitation {
                target,
                source_mac: options.source,
                nonce: options.nonce,
            }),
            _ => Self::Advertisement(Advertisement {
                target,
                router: has(ROUTER),
                solicited: has(SOLICITED),
                overriding: has(OVERRIDE),
                target_mac: options.target,
            }),
        })
    }

    /// Its bytes, the checksum 0.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        match self {
            Self::Solicitation(solicitation) => {
                bytes[0] = SOLICITATION;
                put(&mut bytes, TARGET, solicitation.target.octets());
                append_mac(&mut bytes, SOURCE_LINK_LAYER, solicitation.source_mac);
                if let Some(nonce) = &solicitation.nonce {
                    append(&mut bytes, NONCE, nonce);
                }
            }
            Self::Advertisement(advertisement) => {
                bytes[0] = ADVERTISEMENT;
                bytes[FLAGS] = [
                    (advertisement.router, ROUTER),
                    (advertisement.solicited, SOLICITED),
                    (advertisement.overriding, OVERRIDE),
                ]
                .iter()
                .filter(|(set, _)| *set)
                .fold(0, |flags, (_, flag)| flags | flag);
                put(&mut bytes, TARGET, advertisement.target.octets());
                append_mac(&mut bytes, TARGET_LINK_LAYER, advertisement.target_mac);
            }
        }
        bytes
    }
}

fn append_mac(bytes: &mut Vec<u8>, kind: u8, mac: Option<MacAddr>) {
    if let Some(mac) = mac {
        append(bytes, kind, &mac.0);
    }
}

/// Appends an option, filled up with zeros to a whole number of units.
fn append(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let units = (2 + value.len()).div_ceil(OPTION_UNIT);
    let end = bytes.len() + units * OPTION_UNIT;
    // A nonce of ours has 6 bytes, one that is passed on came from an option.
    bytes.extend([kind, units.min(255) as u8]);
    bytes.extend(value);
    bytes.resize(end, 0);
}

/// The options that matter here; the first of each.
#[derive(Default)]
struct Options {
    source: Option<MacAddr>,
    target: Option<MacAddr>,
    nonce: Option<Vec<u8>>,
}

impl Options {
    fn read(mut bytes: &[u8]) -> Result<Self, Flaw> {
        let mut options = Self::default();
        while let Some(&kind) = bytes.first() {
            let units = usize::from(*bytes.get(1).ok_or(Flaw::Option)?);
            let (option, rest) = bytes
                .split_at_checked(units * OPTION_UNIT)
                .filter(|_| units > 0)
                .ok_or(Flaw::Option)?;
            bytes = rest;
            let value = &option[2..];
            let mac = value.first_chunk().copied().map(MacAddr);
            match kind {
                SOURCE_LINK_LAYER if units == 1 => options.source = options.source.or(mac),
                TARGET_LINK_LAYER if units == 1 => options.target = options.target.or(mac),
                NONCE if options.nonce.is_none() => options.nonce = Some(value.to_vec()),
                _ => {}
            }
        }
        Ok(options)
    }
}
