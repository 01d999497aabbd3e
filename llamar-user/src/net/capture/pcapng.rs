//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, among which are descriptions of interfaces, and
//! packets that name one of them.

use std::time::Duration;

use super::frames::{Frame, Turn};
use super::source::{HELD_MAX, Source};
use super::{Skip, Why};

mod interface;

use interface::Interface;

/// Most interfaces of a section: more than any host has, and few enough to be held.
pub(super) const INTERFACES_MAX: usize = 4096;

/// Bytes of the shortest block: type, length, length.
const BLOCK: usize = 12;

/// Types of blocks.
mod block {
    pub const INTERFACE: u32 = 1;
    /// The predecessor of [`ENHANCED`].
    pub const PACKET: u32 = 2;
    pub const SIMPLE: u32 = 3;
    pub const ENHANCED: u32 = 6;
    /// The same in either byte order.
    pub const SECTION: u32 = 0x0a0d_0d0a;
}

/// A pcapng file.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
}

/// The byte order of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let &bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let &bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }
}

impl Pcapng {
    /// The next packet; none at the end.
    pub(super) fn next(
        &mut self,
        source: &mut Source,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Frame>, Why> {
        loop {
            let offset = source.offset();
            let Some((kind, length)) = self.begin_block(source, *turn.number)? else {
                return Ok(None);
            };
            let packet = is_packet(kind).then_some(*turn.number);
            let is_ours = packet.is_some() || matches!(kind, block::SECTION | block::INTERFACE);
            let (size, rest) = (length as usize, length % 4);
            if rest != 0 || size < BLOCK || is_ours && size > HELD_MAX {
                let length = length.into();
                return Err(Why::Length {
                    offset,
                    length,
                    packet,
                });
            }
            let bytes = if is_ours { source.peek(size)? } else { &[] };
            let frame = match bytes.len() == size {
                true => self.take(kind, bytes, offset, turn)?,
                false => None,
            };
            if !source.pass(length.into())? {
                let end = source.offset();
                return Err(Why::Cut {
                    offset,
                    end,
                    packet,
                });
            }
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }

    /// Type and length of the next block; none at the end. A new section may have another byte order.
    fn begin_block(&mut self, source: &mut Source, number: u64) -> Result<Option<(u32, u32)>, Why> {
        let offset = source.offset();
        let bytes = source.peek(BLOCK)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let end = offset + bytes.len() as u64;
        let cut = || Why::Cut {
            offset,
            end,
            packet: None,
        };
        let magic = bytes.get(8..BLOCK).ok_or_else(cut)?;
        let kind = self.order.u32(bytes, 0).ok_or_else(cut)?;
        if kind == block::SECTION {
            self.order = match magic {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                _ if number <= 1 && offset == 0 => return Err(Why::Unknown(bytes.to_vec())),
                _ => return Err(Why::Block(offset)),
            };
        }
        let length = self.order.u32(bytes, 4).ok_or_else(cut)?;
        Ok(Some((kind, length)))
    }

    /// Takes in a whole block; the frame, if it is a packet.
    fn take(
        &mut self,
        kind: u32,
        bytes: &[u8],
        offset: u64,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Frame>, Why> {
        let [first, last] = [4, bytes.len() - 4].map(|at| self.order.u32(bytes, at));
        if first != last {
            return Err(Why::Block(offset));
        }
        let body = &bytes[8..bytes.len() - 4];
        match kind {
            block::SECTION => {
                let version = self.order.u16(body, 4).ok_or(Why::Block(offset))?;
                if version != 1 {
                    return Err(Why::Version(version));
                }
                self.interfaces.clear();
            }
            block::INTERFACE => {
                let interface = Interface::read(self.order, bytes).ok_or(Why::Block(offset))?;
                if self.interfaces.len() == INTERFACES_MAX {
                    return Err(Why::Interfaces(INTERFACES_MAX));
                }
                self.interfaces.push(interface);
            }
            kind => return Ok(self.frame(kind, body, turn)),
        }
        Ok(None)
    }

    /// The frame that a packet's block holds; what holds none is counted.
    fn frame(&self, kind: u32, body: &[u8], turn: &mut Turn<'_>) -> Option<Frame> {
        let frame = match kind {
            block::SIMPLE => self.simple(body, turn.last),
            _ => self.packet(kind, body),
        };
        if frame.is_none() {
            turn.skipped.add(Skip::Malformed, 1);
            *turn.number += 1;
        }
        frame
    }

    /// An enhanced packet, or one of the older kind, which has half the bits for the interface. `None` if it names an
    /// interface that is not described, or more bytes than it has.
    fn packet(&self, kind: u32, body: &[u8]) -> Option<Frame> {
        let word = |at| self.order.u32(body, at);
        let interface = match kind {
            block::PACKET => self.order.u16(body, 0)?.into(),
            _ => word(0)?,
        };
        let interface = self.interfaces.get(interface as usize)?;
        let time = u64::from(word(4)?) << 32 | u64::from(word(8)?);
        let (captured, original) = (word(12)?, word(16)?);
        let data = body.get(20..)?.get(..captured as usize)?;
        Some(Frame {
            at: interface.time(time),
            interface: interface.name.clone(),
            link: interface.link,
            truncated: captured < original,
            data: data.to_vec(),
        })
    }

    /// A simple packet: it came by the first interface, at some time, and is as long as that interface's limit allows.
    fn simple(&self, body: &[u8], at: Duration) -> Option<Frame> {
        let interface = self.interfaces.first()?;
        let original = self.order.u32(body, 0)?;
        let padded = body.get(4..)?;
        let limit = match interface.snaplen {
            0 => u32::MAX,
            limit => limit,
        };
        let captured = (original.min(limit) as usize).min(padded.len());
        Some(Frame {
            at,
            interface: interface.name.clone(),
            link: interface.link,
            truncated: captured < original as usize,
            data: padded[..captured].to_vec(),
        })
    }
}

fn is_packet(kind: u32) -> bool {
    matches!(kind, block::PACKET | block::SIMPLE | block::ENHANCED)
}
