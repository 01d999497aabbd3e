//! Standard output that others read while it is written.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use tokio::io::Interest;

use crate::net::register;

/// Whether to go on: nobody may read any more.
pub type Read = anyhow::Result<ControlFlow<()>>;

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
