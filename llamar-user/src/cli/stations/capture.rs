//! Stations in a capture.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use tracing::warn;

use super::Speech;
use super::speech::Bare;
use super::teller::{Teller, UNNAMED};
use super::watch::WatchArgs;
use crate::net::capture;
use crate::stations::Place;

/// Reads a capture to its end.
pub fn read(args: &WatchArgs, speech: Speech, path: &Path) -> anyhow::Result<()> {
    let mut teller = Teller::new(args, speech, false)?;
    let mut frames = capture::frames(path);
    let (mut last, mut failure) = (Duration::ZERO, None);
    for frame in frames.by_ref() {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        last = frame.at;
        let interface = frame.interface.as_deref().unwrap_or(UNNAMED);
        let place = Place {
            link: teller.number(interface),
            vlan: frame.vlan,
        };
        if teller.hear(frame.at, place, Bare::from(&frame))? == ControlFlow::Break(()) {
            break;
        }
    }
    let skipped = frames.skipped();
    if skipped.lost() > 0 {
        warn!("frames that were not read: {skipped}");
    }
    // What comes before a damage has been shown, and is kept.
    teller.finish(last, 0)?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
