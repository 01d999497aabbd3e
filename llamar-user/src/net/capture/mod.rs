//! Captures: the UDP datagrams in pcap and pcapng files, by whatever link layer they came, or all frames, and writing of
//! pcap files. What frames and datagrams say is for others.
//!
//! A file is read as a stream, so that it may be a pipe whose writer is still at work; what is held of it is bounded.
//! Formats: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). Frames that hold no datagram which can
//! be read whole are skipped and counted.

mod error;
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

use std::fs::File;
use std::io::{Read, stdin};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use error::{CaptureError, Why};
pub use skip::{Skip, Skipped};
pub use whole::{CapturedFrame, CapturedFrames, frames};
pub use write::PcapWriter;

use fragments::Fragments;
use frames::{Frame, Frames};

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
    if path.as_os_str() == "-" {
        return Capture::new("standard input", stdin());
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Capture::new(&name, file),
        Err(error) => Capture {
            name,
            state: State::Failed(Why::Open(error)),
            fragments: Fragments::default(),
            skipped: Skipped::default(),
        },
    }
}

/// The datagrams of a capture file, in its order. After an error nothing more comes.
#[derive(Debug)]
pub struct Capture {
    name: String,
    state: State,
    fragments: Fragments,
    skipped: Skipped,
}

#[derive(Debug)]
enum State {
    Open(Frames),
    Failed(Why),
    Ended,
}

impl Capture {
    /// Reads a capture that errors call by this name.
    pub fn new(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Open(Frames::new(reader)),
            fragments: Fragments::default(),
            skipped: Skipped::default(),
        }
    }

    /// What was not read so far, and why. Datagrams whose fragments are yet to come are counted at the end.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.skipped
            .add(Skip::Fragment, self.fragments.give_up_all());
    }

    fn datagram(&mut self, frame: Frame) -> Option<Captured> {
        let read = packet::read(&frame, &mut self.fragments);
        self.skipped.add(Skip::Fragment, self.fragments.given_up());
        read.unwrap_or_else(|skip| {
            self.skipped.add(skip, 1);
            None
        })
    }
}

impl Iterator for Capture {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let frame = match &mut self.state {
                State::Open(frames) => frames.next(&mut self.skipped),
                State::Failed(_) => match std::mem::replace(&mut self.state, State::Ended) {
                    State::Failed(why) => Err(why),
                    _ => Ok(None),
                },
                State::Ended => return None,
            };
            match frame {
                Ok(Some(frame)) => {
                    if let Some(captured) = self.datagram(frame) {
                        return Some(Ok(captured));
                    }
                }
                Ok(None) => {
                    self.end();
                    return None;
                }
                Err(why) => {
                    self.end();
                    let file = self.name.clone();
                    return Some(Err(CaptureError { file, why }));
                }
            }
        }
    }
}
