//! Every frame of a capture file with what it carries, for those who look below datagrams.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;
use std::time::Duration;

use super::frames::{Frame, Frames};
use super::link::{self, Carried};
use super::{CaptureError, Skip, Skipped, Why};

/// The EtherTypes of a VLAN tag: a customer's, and a provider's old and new one.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Most tags that a frame is looked behind.
const TAGS_MAX: usize = 3;

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// When it was captured, since the epoch; where the file does not tell, that of the frame before.
    pub at: Duration,
    /// The interface by which it came, if the file names any: of Linux's cooked captures that is `#` and its index.
    pub interface: Option<String>,
    /// The sender's hardware address, if the link layer has any.
    pub source_mac: Option<[u8; 6]>,
    /// The outer VLAN id; the tags themselves are taken off.
    pub vlan: Option<u16>,
    /// What it carries.
    pub ether_type: u16,
    /// The bytes of that, padding included.
    pub payload: Vec<u8>,
    /// Whether the end is missing.
    pub truncated: bool,
}

/// Opens a capture file; `-` is standard input. That it cannot be opened is the first that comes out.
pub fn frames(path: &Path) -> CapturedFrames {
    if path.as_os_str() == "-" {
        return CapturedFrames::new("standard input", stdin());
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => CapturedFrames::new(&name, file),
        Err(error) => CapturedFrames {
            name,
            state: State::Failed(Why::Open(error)),
            skipped: Skipped::default(),
        },
    }
}

/// The frames of a capture file, in its order. After an error nothing more comes. Frames whose link layer cannot be read
/// are counted.
#[derive(Debug)]
pub struct CapturedFrames {
    name: String,
    state: State,
    skipped: Skipped,
}

#[derive(Debug)]
enum State {
    Open(Frames),
    Failed(Why),
    Ended,
}

impl CapturedFrames {
    /// Reads a capture that errors call by this name.
    pub fn new(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Open(Frames::new(reader)),
            skipped: Skipped::default(),
        }
    }

    /// What was not read so far, and why.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn advance(&mut self) -> Result<Option<Frame>, Why> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Open(mut frames) => {
                let frame = frames.next(&mut self.skipped)?;
                if frame.is_some() {
                    self.state = State::Open(frames);
                }
                Ok(frame)
            }
            State::Failed(why) => Err(why),
            State::Ended => Ok(None),
        }
    }
}

impl Iterator for CapturedFrames {
    type Item = Result<CapturedFrame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let frame = match self.advance() {
                Ok(frame) => frame?,
                Err(why) => {
                    let file = self.name.clone();
                    return Some(Err(CaptureError { file, why }));
                }
            };
            match read(&frame) {
                Ok(frame) => return Some(Ok(frame)),
                Err(skip) => self.skipped.add(skip, 1),
            }
        }
    }
}

fn read(frame: &Frame) -> Result<CapturedFrame, Skip> {
    let carried = link::open(frame).map_err(|skip| match skip {
        Skip::Malformed if frame.truncated => Skip::Truncated,
        skip => skip,
    })?;
    let (vlan, ether_type, payload) = untag(&carried).ok_or(Skip::Malformed)?;
    let device = carried.device.map(|index| format!("#{index}"));
    let interface = match (&frame.interface, device) {
        (Some(name), Some(device)) => Some(format!("{name}{device}")),
        (name, device) => device.or_else(|| name.clone()),
    };
    Ok(CapturedFrame {
        at: frame.at,
        interface,
        source_mac: carried.source_mac,
        vlan,
        ether_type,
        payload: payload.to_vec(),
        truncated: frame.truncated,
    })
}

/// Takes the tags off: the outer id, the EtherType behind them, and what it stands for. `None` if they are cut.
fn untag<'c>(carried: &Carried<'c>) -> Option<(Option<u16>, u16, &'c [u8])> {
    let (mut vlan, mut ether_type, mut rest) = (None, carried.ether_type.0, carried.packet);
    for _ in 0..TAGS_MAX {
        if !TAGS.contains(&ether_type) {
            break;
        }
        let (&[c0, c1, t0, t1], behind) = rest.split_first_chunk::<4>()?;
        vlan = vlan.or(Some(u16::from_be_bytes([c0, c1]) & 0x0fff));
        ether_type = u16::from_be_bytes([t0, t1]);
        rest = behind;
    }
    Some((vlan, ether_type, rest))
}
