//! One frame in parts: addresses, tags, type, payload.

use llamar_common::wire::ethernet;

use super::MacAddr;

/// Shortest frame on a real wire, without its checksum (IEEE 802.3 4.4.2): what is shorter is padded by the hardware.
/// Virtual interfaces do not pad.
pub const FRAME_MIN: usize = 60;
/// Tag protocols: a customer's (802.1Q) and a provider's (802.1ad).
const TAGS: [u16; 2] = [ethernet::VLAN, 0x88a8];
/// How far the priority stands from the VLAN id.
const PRIORITY_SHIFT: u16 = 13;

/// An 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// What stands where the EtherType would: 0x8100, or 0x88a8 for a provider's tag.
    pub protocol: u16,
    /// Priority (3 bits), drop eligibility (1 bit), VLAN id (12 bits).
    pub control: u16,
}

impl Tag {
    /// The tag of a VLAN, with priority 0.
    pub const fn vlan(id: u16) -> Self {
        Self {
            protocol: ethernet::VLAN,
            control: id & ethernet::VLAN_ID,
        }
    }

    /// The same with a priority, 0 to 7 (IEEE 802.1Q 6.9.3).
    pub const fn with_priority(self, priority: u16) -> Self {
        Self {
            control: self.control & !(7 << PRIORITY_SHIFT) | priority << PRIORITY_SHIFT,
            ..self
        }
    }

    /// The priority, 0 to 7 (IEEE 802.1Q 6.9.3).
    pub const fn priority(self) -> u16 {
        self.control >> PRIORITY_SHIFT
    }

    /// The VLAN id; 0 says that only the priority counts.
    pub const fn id(self) -> u16 {
        self.control & ethernet::VLAN_ID
    }
}

/// A frame; two tags at most are seen as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'f> {
    /// To whom.
    pub destination: MacAddr,
    /// From whom.
    pub source: MacAddr,
    /// The outer tag.
    pub tag: Option<Tag>,
    /// The inner one, if there are two.
    pub inner_tag: Option<Tag>,
    /// The EtherType; below 0x0600 it is the length of an 802.3 frame.
    pub ether_type: u16,
    /// What follows, padding included.
    pub payload: &'f [u8],
}

impl<'f> Frame<'f> {
    /// Reads a frame; `None` if it ends within its header.
    pub fn read(bytes: &'f [u8]) -> Option<Self> {
        let (destination, rest) = bytes.split_first_chunk::<6>()?;
        let (source, rest) = rest.split_first_chunk::<6>()?;
        let (tag, rest) = untag(rest)?;
        let (inner_tag, rest) = match tag {
            Some(_) => untag(rest)?,
            None => (None, rest),
        };
        let (ether_type, payload) = rest.split_first_chunk::<2>()?;
        Some(Self {
            destination: MacAddr(*destination),
            source: MacAddr(*source),
            tag,
            inner_tag,
            ether_type: u16::from_be_bytes(*ether_type),
            payload,
        })
    }

    /// Its bytes, not padded.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ethernet::HEADER + self.payload.len());
        bytes.extend(self.destination.0);
        bytes.extend(self.source.0);
        for tag in self.tag.iter().chain(&self.inner_tag) {
            bytes.extend(tag.protocol.to_be_bytes());
            bytes.extend(tag.control.to_be_bytes());
        }
        bytes.extend(self.ether_type.to_be_bytes());
        bytes.extend(self.payload);
        bytes
    }

    /// The VLAN id of the outer tag.
    pub fn vlan(&self) -> Option<u16> {
        self.tag.map(Tag::id)
    }
}

/// Takes a tag off what stands behind the addresses; `None` if it is cut.
fn untag(bytes: &[u8]) -> Option<(Option<Tag>, &[u8])> {
    let (protocol, rest) = bytes.split_first_chunk::<2>()?;
    let protocol = u16::from_be_bytes(*protocol);
    if !TAGS.contains(&protocol) {
        return Some((None, bytes));
    }
    let (control, rest) = rest.split_first_chunk::<2>()?;
    let control = u16::from_be_bytes(*control);
    Some((Some(Tag { protocol, control }), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Frame<'_> = Frame {
        destination: MacAddr([2, 0, 0, 0, 0, 1]),
        source: MacAddr([2, 0, 0, 0, 0, 2]),
        tag: None,
        inner_tag: None,
        ether_type: 0x88b5,
        payload: b"Hi",
    };

    #[test]
    fn a_frame_is_read_as_it_was_written_with_up_to_two_tags() {
        let inner = Tag {
            protocol: 0x8100,
            control: 0xe007,
        };
        let outer = Tag {
            protocol: 0x88a8,
            control: 100,
        };
        for (tag, inner_tag) in [
            (None, None),
            (Some(inner), None),
            (Some(outer), Some(inner)),
        ] {
            let frame = Frame {
                tag,
                inner_tag,
                ..FRAME
            };
            let bytes = frame.to_bytes();
            assert_eq!(Frame::read(&bytes), Some(frame));
            for length in 0..bytes.len() - 2 {
                assert_eq!(Frame::read(&bytes[..length]), None, "{length}");
            }
        }
        assert_eq!(
            FRAME.to_bytes(),
            *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xb5Hi"
        );
        assert_eq!((inner.id(), inner.priority()), (7, 7));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_written_as_they_were(
            bytes in prop::collection::vec(any::<u8>(), 0..80)
        ) {
            if let Some(frame) = Frame::read(&bytes) {
                prop_assert_eq!(frame.to_bytes(), bytes);
            }
        }
    }
}
