//! The pcap format (draft-ietf-opsawg-pcap): a header, then packets.

use std::time::Duration;

use pcap_parser::{PcapHeader, parse_pcap_header};

use super::Why;
use super::frames::Frame;
use super::source::{HELD_MAX, Source};

/// Bytes of the file's header.
const HEADER: usize = 24;
/// Bytes in front of a packet.
const PACKET: usize = 16;
/// The same in files of Kuznetzov's libpcap, which has more fields.
const PACKET_MODIFIED: usize = 24;
/// The bits of the header's last field that are the link type; above them is the length of the frame check sequence.
const LINK: u32 = 0x03ff_ffff;

/// A pcap file behind its header.
#[derive(Debug)]
pub(super) struct Pcap {
    header: PcapHeader,
}

impl Pcap {
    /// Reads the header of a file that begins as one does.
    pub(super) fn begin(source: &mut Source) -> Result<Self, Why> {
        let bytes = source.peek(HEADER)?;
        let (end, start) = (bytes.len(), bytes.iter().take(4).copied().collect());
        let header = match parse_pcap_header(bytes) {
            Ok((_, header)) => header,
            Err(error) if error.is_incomplete() => {
                return Err(Why::Cut {
                    offset: 0,
                    end: end as u64,
                    packet: None,
                });
            }
            Err(_) => return Err(Why::Unknown(start)),
        };
        source.pass(HEADER as u64)?;
        Ok(Self { header })
    }

    /// The next packet, which has this number; none at the end.
    pub(super) fn next(&self, source: &mut Source, number: u64) -> Result<Option<Frame>, Why> {
        let (offset, packet) = (source.offset(), Some(number));
        let head = self.head();
        let bytes = source.peek(head)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let cut = |there: usize| Why::Cut {
            offset,
            end: offset + there as u64,
            packet,
        };
        let there = bytes.len();
        let Some([seconds, fraction, captured, original]) = self.fields(bytes) else {
            return Err(cut(there));
        };
        let length = captured as usize;
        if length > HELD_MAX - head {
            let length = u64::from(captured);
            return Err(Why::Length {
                offset,
                length,
                packet,
            });
        }
        let bytes = source.peek(head + length)?;
        let there = bytes.len();
        let data = bytes.get(head..head + length).ok_or_else(|| cut(there))?;
        let frame = Frame {
            at: self.time(seconds, fraction),
            interface: None,
            link: self.header.network.0 as u32 & LINK,
            truncated: captured < original,
            data: data.to_vec(),
        };
        source.pass((head + length) as u64)?;
        Ok(Some(frame))
    }

    /// Seconds, their fraction, the captured and the original length of a packet; none if they are cut off.
    fn fields(&self, bytes: &[u8]) -> Option<[u32; 4]> {
        if bytes.len() < self.head() {
            return None;
        }
        let read = match self.header.is_bigendian() {
            true => u32::from_be_bytes,
            false => u32::from_le_bytes,
        };
        let (words, _) = bytes.as_chunks::<4>();
        words.first_chunk::<4>().map(|words| words.map(read))
    }

    fn head(&self) -> usize {
        match self.header.is_modified_format() {
            true => PACKET_MODIFIED,
            false => PACKET,
        }
    }

    fn time(&self, seconds: u32, fraction: u32) -> Duration {
        let fraction = match self.header.is_nanosecond_precision() {
            true => Duration::from_nanos(fraction.into()),
            false => Duration::from_micros(fraction.into()),
        };
        Duration::from_secs(seconds.into()) + fraction
    }
}
