//! The signals that an agent listens to.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Each of them as it arrives.
pub struct Signals {
    /// To read the configuration again: SIGHUP.
    pub reload: Signal,
    /// To end: SIGTERM.
    pub terminate: Signal,
    /// The same from a terminal: SIGINT.
    pub interrupt: Signal,
}

impl Signals {
    /// From now on they do not end the process.
    pub fn open() -> anyhow::Result<Self> {
        let open = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            reload: open(SignalKind::hangup())?,
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
        })
    }
}
