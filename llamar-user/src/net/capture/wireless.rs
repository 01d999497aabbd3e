//! Frames of 802.11, with radiotap's header (radiotap.org) in front of them or without.

use super::Skip;
use super::link::{Carried, llc};

/// Presence bits of radiotap: a timestamp of eight bytes, a byte of flags, another word of presence bits.
const TSFT: u32 = 1;
const FLAGS: u32 = 1 << 1;
const MORE: u32 = 1 << 31;
/// Radiotap's flags: bytes between header and data so that they begin at a multiple of four; a bad check sequence.
const DATA_PAD: u8 = 0x20;
const BAD_FCS: u8 = 0x40;

/// What a frame behind a radiotap header carries.
pub(super) fn radiotap(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    let &[version, _, l0, l1, ..] = bytes else {
        return Err(Skip::Malformed);
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 {
        return Err(Skip::LinkType);
    }
    let (header, frame) = bytes.split_at_checked(length).ok_or(Skip::Malformed)?;
    let flags = radiotap_flags(header).ok_or(Skip::Malformed)?;
    if flags & BAD_FCS != 0 {
        return Err(Skip::Malformed);
    }
    data(frame, flags & DATA_PAD != 0)
}

/// What a frame carries.
pub(super) fn open(bytes: &[u8]) -> Result<Carried<'_>, Skip> {
    data(bytes, false)
}

/// The flags of a radiotap header, 0 if it has none.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let word = |index: usize| {
        let &bytes = header.get(4 + index * 4..)?.first_chunk()?;
        Some(u32::from_le_bytes(bytes))
    };
    let present = word(0)?;
    let mut words = 1;
    while word(words - 1)? & MORE != 0 {
        words += 1;
    }
    if present & FLAGS == 0 {
        return Some(0);
    }
    let mut at = 4 + words * 4;
    if present & TSFT != 0 {
        // Fields begin at multiples of their length, counted from the header's first byte.
        at = at.next_multiple_of(8) + 8;
    }
    header.get(at).copied()
}

/// Bits of the first byte of a frame.
const VERSION: u8 = 3;
const TYPE: u8 = 0x0c;
const TYPE_DATA: u8 = 0x08;
const NO_DATA: u8 = 0x40;
const QOS: u8 = 0x80;
/// Bits of the second.
const TO_DS: u8 = 1;
const FROM_DS: u8 = 2;
const MORE_FRAGMENTS: u8 = 4;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// Bit of the QoS field's first byte: several packets in one frame.
const AGGREGATE: u8 = 0x80;

/// What a data frame carries (IEEE 802.11 9.3.2.1).
fn data(frame: &[u8], padded: bool) -> Result<Carried<'_>, Skip> {
    let &[first, second, ..] = frame else {
        return Err(Skip::Malformed);
    };
    if first & VERSION != 0 {
        return Err(Skip::Malformed);
    }
    if first & TYPE != TYPE_DATA || first & NO_DATA != 0 {
        return Err(Skip::NotUdp);
    }
    if second & PROTECTED != 0 {
        return Err(Skip::Protected);
    }
    let header = Header::of(first, second);
    let (header_bytes, rest) = frame
        .split_at_checked(header.length)
        .ok_or(Skip::Malformed)?;
    let number = header_bytes[22] & 0x0f;
    if second & MORE_FRAGMENTS != 0 || number != 0 {
        return Err(Skip::Fragment);
    }
    if header
        .qos
        .is_some_and(|at| header_bytes[at] & AGGREGATE != 0)
    {
        return Err(Skip::Fragment);
    }
    let pad = match padded {
        true => header.length.next_multiple_of(4) - header.length,
        false => 0,
    };
    let carried = llc(rest.get(pad..).ok_or(Skip::Malformed)?)?;
    Ok(Carried {
        source_mac: header_bytes[header.source..].first_chunk().copied(),
        ..carried
    })
}

/// Where the fields of a data frame's header are.
struct Header {
    length: usize,
    /// The sender's address.
    source: usize,
    /// The QoS field, if it has one.
    qos: Option<usize>,
}

impl Header {
    fn of(first: u8, second: u8) -> Self {
        /// Up to the sequence control field: frame control, duration, three addresses, sequence control.
        const SHORTEST: usize = 24;
        let (to, from) = (second & TO_DS != 0, second & FROM_DS != 0);
        // IEEE 802.11, table 9-30: the second address is the sender's unless an access point relays.
        let source = match (to, from) {
            (_, false) => 10,
            (false, true) => 16,
            (true, true) => SHORTEST,
        };
        let mut length = SHORTEST;
        if to && from {
            length += 6;
        }
        let qos = (first & QOS != 0).then_some(length);
        if qos.is_some() {
            length += 2;
            if second & ORDER != 0 {
                length += 4;
            }
        }
        Self {
            length,
            source,
            qos,
        }
    }
}
