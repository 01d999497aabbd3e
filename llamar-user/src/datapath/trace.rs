//! Shows what the kernel path of a `trace` build logs: one line for every frame that it counts.

use std::io;
use std::os::fd::AsFd as _;

use aya_log::EbpfLogger;
use tokio::io::Interest;
use tracing::warn;

use crate::net::register;

/// Reads the kernel path's log for as long as the agent lives.
pub fn start(ebpf: &mut aya::Ebpf) {
    let logger = EbpfLogger::init(ebpf).map_err(io::Error::other);
    let waited = logger.and_then(|logger| {
        let ready = logger.as_fd().try_clone_to_owned()?;
        Ok((logger, register(ready, Interest::READABLE)?))
    });
    match waited {
        Ok((mut logger, ready)) => {
            tokio::spawn(async move {
                while let Ok(mut guard) = ready.readable().await {
                    logger.flush();
                    guard.clear_ready();
                }
            });
        }
        Err(error) => warn!("read the kernel path's log: {error}; is its object a trace build?"),
    }
}
