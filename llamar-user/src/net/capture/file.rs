//! A capture file that is read frame by frame, until its end or the first error.

use std::io::{Read, stdin};
use std::path::Path;

use super::frames::{Frame, Frames};
use super::{CaptureError, Skipped, Why};

/// A file, by the name that errors call it by.
#[derive(Debug)]
pub(super) struct File {
    name: String,
    state: State,
    /// What was not read so far, and why.
    pub skipped: Skipped,
}

#[derive(Debug)]
enum State {
    Open(Frames),
    Failed(Why),
    Ended,
}

impl File {
    /// Opens a file; `-` is standard input. That it cannot be opened is the first that comes out.
    pub fn open(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            return Self::new("standard input", stdin());
        }
        let name = path.display().to_string();
        match std::fs::File::open(path) {
            Ok(file) => Self::new(&name, file),
            Err(error) => Self {
                name,
                state: State::Failed(Why::Open(error)),
                skipped: Skipped::default(),
            },
        }
    }

    /// Reads what is no file.
    pub fn new(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Open(Frames::new(reader)),
            skipped: Skipped::default(),
        }
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

impl Iterator for File {
    type Item = Result<Frame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.advance().map_err(|why| CaptureError {
            file: self.name.clone(),
            why,
        });
        frame.transpose()
    }
}
