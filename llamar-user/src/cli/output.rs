//! Standard output that others read while it is written.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use tokio::io::Interest;
use tracing::info;

use crate::net::register;

/// Whether to go on: nobody may read any more.
pub type Read = anyhow::Result<ControlFlow<()>>;

/// What a tool prints: on standard output results, on standard error everything else.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// Says nothing but results
    #[arg(short, long)]
    pub quiet: bool,
    /// Prints JSON, an object on each line
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// Whether to tell people what goes on.
    pub fn tells(self) -> bool {
        !self.quiet && !self.json
    }

    /// Says something besides to people, a line for each of its lines.
    pub fn say(self, what: impl Display) {
        if self.tells() {
            for line in what.to_string().lines() {
                info!("{line}");
            }
        }
    }

    /// Shows a result, as an object or a line; breaks where nobody reads any more.
    pub fn show(
        self,
        object: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
        line: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> Read {
        write(|out| match self.json {
            true => object(out),
            false => line(out),
        })
    }

    /// Shows what others were told, as an object, or as a line unless nobody wants to read that; breaks with an error
    /// alone: what is to be told is told, whether or not anybody reads of it.
    pub fn show_told(
        self,
        object: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
        line: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> ControlFlow<anyhow::Result<()>> {
        let line = |out: &mut Vec<u8>| match self.quiet {
            true => Ok(()),
            false => line(out),
        };
        match self.show(object, line) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }
}

/// Writes something, and sees to it that it is out: nobody waits for a full buffer.
pub fn write(fill: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Read {
    let mut lines = Vec::new();
    fill(&mut lines).context("write")?;
    let mut out = io::stdout().lock();
    match out.write_all(&lines).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        // `llamar dnssd | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error).context("write to standard output"),
    }
}

/// Waits until nobody reads any more, which may be never.
pub async fn closed() {
    // What cannot be waited for, such as a file, is not closed by others.
    let Ok(out) = io::stdout().as_fd().try_clone_to_owned() else {
        return std::future::pending().await;
    };
    let Ok(out) = register(out, Interest::ERROR) else {
        return std::future::pending().await;
    };
    match out.ready(Interest::ERROR).await {
        Ok(_) => {}
        Err(_) => std::future::pending().await,
    }
}
