//! The frames of a capture file, whichever format it has.

use std::io::Read;
use std::time::Duration;

use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::source::Source;
use super::{Skipped, Why};

/// A frame as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// When, since the epoch.
    pub at: Duration,
    /// The interface's name, if the file tells.
    pub interface: Option<String>,
    /// What it begins with (LINKTYPE_ values, as tcpdump.org lists them).
    pub link: u32,
    /// Whether the end is missing.
    pub truncated: bool,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A capture file being read.
#[derive(Debug)]
pub(super) struct Frames {
    source: Source,
    format: Option<Format>,
    /// Number of the frame that came last.
    number: u64,
    /// When it was captured.
    last: Duration,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Frames {
    pub(super) fn new(reader: impl Read + Send + 'static) -> Self {
        Self {
            source: Source::new(reader),
            format: None,
            number: 0,
            last: Duration::ZERO,
        }
    }

    /// The next frame; none at the end.
    pub(super) fn next(&mut self, skipped: &mut Skipped) -> Result<Option<Frame>, Why> {
        let format = match &mut self.format {
            Some(format) => format,
            none => none.insert(begin(&mut self.source)?),
        };
        self.number += 1;
        let frame = match format {
            Format::Pcap(pcap) => pcap.next(&mut self.source, self.number)?,
            Format::Pcapng(pcapng) => {
                let mut turn = Turn {
                    number: &mut self.number,
                    last: self.last,
                    skipped,
                };
                pcapng.next(&mut self.source, &mut turn)?
            }
        };
        if let Some(frame) = &frame {
            self.last = frame.at;
        }
        Ok(frame)
    }
}

/// What pcapng's reader has at hand while it looks for the next frame.
pub(super) struct Turn<'a> {
    /// The number that the next frame has.
    pub number: &'a mut u64,
    /// When the frame before was captured.
    pub last: Duration,
    /// Where frames that cannot be read are counted.
    pub skipped: &'a mut Skipped,
}

/// Finds out what format a file has, and reads its header.
fn begin(source: &mut Source) -> Result<Format, Why> {
    let magic = source.peek(4)?;
    match *magic {
        [] => Err(Why::Empty),
        [0x0a, 0x0d, 0x0d, 0x0a] => Ok(Format::Pcapng(Pcapng::default())),
        [0xd4, 0xc3, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0xc3, 0xd4]
        | [0x4d, 0x3c, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0x3c, 0x4d]
        | [0x34, 0xcd, 0xb2, 0xa1] => Pcap::begin(source).map(Format::Pcap),
        [0x1f, 0x8b, ..] => Err(Why::Packed("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(Why::Packed("zstd")),
        [0xfd, b'7', b'z', b'X'] => Err(Why::Packed("xz")),
        [b'B', b'Z', b'h', _] => Err(Why::Packed("bzip2")),
        [0x04, 0x22, 0x4d, 0x18] => Err(Why::Packed("lz4")),
        _ => Err(Why::Unknown(magic.to_vec())),
    }
}
