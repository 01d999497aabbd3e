//! An interface that is listened to whatever becomes of it.

use libc::sock_filter;

use super::raw::{Raw, RawError};
use crate::net::{Options, Received};

/// Longest frame that is received whole: the longest that programs read from a capture file.
pub const FRAME_MAX: usize = 262_144;
/// Room for it, and for a tag that is put back.
pub const BUFFER: usize = FRAME_MAX + 4;

/// An open interface.
#[derive(Debug)]
pub struct Tap {
    raw: Raw,
    is_up: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A frame came.
    Frame(Received),
    /// The interface went down; frames come again when it is up.
    Down,
    /// It is up again.
    Up,
}

impl Tap {
    /// Opens the interface of this name, or the only one that can carry frames, for those that pass a filter.
    pub async fn open(
        name: Option<&str>,
        filter: &[sock_filter],
        options: Options,
    ) -> Result<Self, RawError> {
        let raw = Raw::with(name, filter, options).await?;
        Ok(Self { raw, is_up: true })
    }

    /// The interface.
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Waits for what happens next. Of a frame that is longer than the buffer its beginning is received. Nothing is lost if
    /// the future is dropped before it is ready.
    pub async fn next(&mut self, buffer: &mut [u8]) -> Result<Heard, RawError> {
        loop {
            let interface = self.raw.link().name.clone();
            let (socket, watch) = self.raw.split();
            tokio::select! {
                biased;
                received = socket.recv_cut(buffer) => {
                    return received
                        .map(Heard::Frame)
                        .map_err(|source| RawError::Receive { interface, source });
                }
                changed = watch.changed() => changed?,
            };
            if let Some(heard) = self.state()? {
                return Ok(heard);
            }
        }
    }

    /// Whether the interface went down or came up.
    fn state(&mut self) -> Result<Option<Heard>, RawError> {
        let (index, interface) = (self.raw.link().index, self.raw.link().name.clone());
        let links = self.raw.watch().links();
        let link = links.by_index.get(&index);
        let is_up = link.ok_or(RawError::Gone { interface })?.up;
        let was_up = std::mem::replace(&mut self.is_up, is_up);
        Ok(match (was_up, is_up) {
            (true, false) => Some(Heard::Down),
            (false, true) => Some(Heard::Up),
            _ => None,
        })
    }
}
