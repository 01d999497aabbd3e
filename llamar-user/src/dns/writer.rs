//! Fields of a message, written one behind the other, and the compression of names (RFC 1035 4.1.4, RFC 6762 18.14).

use std::collections::HashMap;

use super::Name;

/// Which names of a message are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// None.
    Off,
    /// Those of questions and owners, and those in data of types that RFC 1035 defines: what every receiver decodes
    /// (RFC 3597 4). For LLMNR, and for mDNS responses to legacy queries (RFC 6762 18.14: no SRV there).
    Unicast,
    /// Those in data of DNAME, AFSDB, RT, KX, RP, PX, SRV and NSEC as well (RFC 6762 18.14).
    #[default]
    Multicast,
}

/// Where the pointers of RFC 1035 4.1.4 cannot point any more: they have 14 bits.
const POINTERS_END: usize = 0x4000;

/// The tail of a name that has been written: its number, and its offset if a pointer can reach it.
#[derive(Clone, Copy, Debug)]
struct Tail {
    number: u32,
    offset: Option<u16>,
}

/// The root, the tail of every name. It is one byte, shorter than a pointer to it.
const ROOT: Tail = Tail {
    number: 0,
    offset: None,
};

/// A message being written.
///
/// Compression finds the longest tail of a name that stands in the message already, at its first place. Labels are
/// looked up from the end of a name, each below the tail behind it, so that a name costs its own length, however many
/// there are.
///
/// RFC 1035 2.3.3, 4.1.4: a tail is the same only byte by byte. Names that differ in the case of letters are equal, but a
/// pointer from one to the other would change the case that a reader sees, and case is to be preserved whenever possible.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    bytes: Vec<u8>,
    compression: Compression,
    /// Tails by the tail behind them and their first label.
    tails: HashMap<(u32, &'a [u8]), Tail>,
}

impl<'a> Writer<'a> {
    /// An empty message.
    pub(super) fn new(compression: Compression) -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            compression,
            tails: HashMap::new(),
        }
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The message.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes 16 bits.
    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes 32 bits.
    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes 16 bits over those at an offset.
    pub(super) fn u16_at(&mut self, at: usize, value: u16) {
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Writes a name, compressed if this message's compression is at least `least`; `Off` says that it never is.
    pub(super) fn name(&mut self, name: &'a Name, least: Compression) {
        if self.compression == Compression::Off {
            return self.bytes(name.wire());
        }
        let allowed = least != Compression::Off && least <= self.compression;
        let labels: Vec<&'a [u8]> = name.labels().collect();
        // How many labels are still to be written, and what stands for those behind them.
        let (mut left, mut pointer) = (labels.len(), None);
        let (mut tail, mut known) = (ROOT, labels.len());
        for (index, &label) in labels.iter().enumerate().rev() {
            let Some(&found) = self.tails.get(&(tail.number, label)) else {
                break;
            };
            (tail, known) = (found, index);
            if let (true, Some(offset)) = (allowed, found.offset) {
                (left, pointer) = (index, Some(offset));
            }
        }
        let mut offset = self.len()
            + labels[..known]
                .iter()
                .map(|label| 1 + label.len())
                .sum::<usize>();
        for &label in labels[..known].iter().rev() {
            offset -= 1 + label.len();
            tail = self.learn(tail, label, offset);
        }
        for label in &labels[..left] {
            self.bytes.push(label.len() as u8);
            self.bytes(label);
        }
        match pointer {
            Some(offset) => self.u16(0xc000 | offset),
            None => self.bytes.push(0),
        }
    }

    /// Notes that a label stands at an offset, with a tail behind it.
    fn learn(&mut self, behind: Tail, label: &'a [u8], offset: usize) -> Tail {
        let offset = (offset < POINTERS_END).then_some(offset as u16);
        let number = self.tails.len() as u32 + 1;
        let tail = Tail { number, offset };
        self.tails.insert((behind.number, label), tail);
        tail
    }
}
