//! Captures: the UDP datagrams in pcap and pcapng files, by whatever link layer they came, or all frames, and writing of
//! pcap files. What frames and datagrams say is for others.
//!
//! A file is read as a stream, so that it may be a pipe whose writer is still at work; what is held of it is bounded.
//! Formats: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). Frames that hold no datagram which can
//! be read whole are skipped and counted.

mod error;
mod file;
mod fragments;
mod frames;
mod link;
mod packet;
mod pcap;
mod pcapng;
mod skip;
mod source;
#[cfg(test)]
mod tests;
mod whole;
mod wireless;
mod write;

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use error::{CaptureError, Why};
pub use skip::{Skip, Skipped};
pub use whole::{CapturedFrame, CapturedFrames, frames};
pub use write::PcapWriter;

use file::File;
use fragments::Fragments;
use frames::Frame;

/// A datagram of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it was captured, since the epoch; where the file does not tell, that of the packet before.
    pub at: Duration,
    /// The interface by which it came, if the file names any: of Linux's cooked captures that is `#` and its index.
    pub interface: Option<String>,
    /// The datagram.
    pub packet: Udp,
}

/// A UDP datagram and how it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Its sender.
    pub from: SocketAddr,
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// TTL of IPv4, hop limit of IPv6.
    pub hop_limit: u8,
    /// The innermost VLAN id.
    pub vlan: Option<u16>,
    /// The sender's MAC address, if the link layer has any.
    pub source_mac: Option<[u8; 6]>,
    /// What the datagram holds.
    pub payload: Vec<u8>,
}

/// Opens a capture file; `-` is standard input. That it cannot be opened is the first that comes out.
pub fn open(path: &Path) -> Capture {
    Capture::of(File::open(path))
}

/// The datagrams of a capture file, in its order. After an error nothing more comes.
#[derive(Debug)]
pub struct Capture {
    file: File,
    fragments: Fragments,
}

impl Capture {
    /// Reads a capture that errors call by this name.
    pub fn new(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self::of(File::new(name, reader))
    }

    fn of(file: File) -> Self {
        Self {
            file,
            fragments: Fragments::default(),
        }
    }

    /// What was not read so far, and why. Datagrams whose fragments are yet to come are counted at the end.
    pub fn skipped(&self) -> &Skipped {
        &self.file.skipped
    }

    /// Counts the fragments whose others do not come any more.
    fn give_up(&mut self) {
        let given_up = self.fragments.give_up_all();
        self.file.skipped.add(Skip::Fragment, given_up);
    }

    fn datagram(&mut self, frame: Frame) -> Option<Captured> {
        let read = packet::read(&frame, &mut self.fragments);
        let skipped = &mut self.file.skipped;
        skipped.add(Skip::Fragment, self.fragments.given_up());
        read.unwrap_or_else(|skip| {
            skipped.add(skip, 1);
            None
        })
    }
}

impl Iterator for Capture {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(frame) = self.file.next() {
            match frame.map(|frame| self.datagram(frame)) {
                Ok(Some(captured)) => return Some(Ok(captured)),
                Ok(None) => {}
                Err(error) => {
                    self.give_up();
                    return Some(Err(error));
                }
            }
        }
        self.give_up();
        None
    }
}
