//! The packet sockets by which addresses are announced and others that use them are heard, one for each interface. The
//! kernel lets in only what may be a conflict, so that the agent sleeps through the ARP traffic of others.

use std::collections::BTreeMap;
use std::io;

use libc::sock_filter;
use tokio::sync::mpsc;
use tracing::warn;

use crate::agent::tap::{Received, Tap};
use crate::net::filter::address_conflict_filter;
use crate::presence::Watched;

/// Frames that wait for the agent; more are dropped. Of a host that uses an address of ours there are more to come.
const WAITING_MAX: usize = 256;

/// The sockets by the index of their interface.
pub struct Watches {
    watches: BTreeMap<u32, Watch>,
    /// What failed on which interface.
    failed: BTreeMap<u32, String>,
    sender: mpsc::Sender<Received>,
    receiver: mpsc::Receiver<Received>,
}

struct Watch {
    tap: Tap,
    watched: Watched,
}

impl Watches {
    /// No sockets yet.
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self {
            watches: BTreeMap::new(),
            failed: BTreeMap::new(),
            sender,
            receiver,
        }
    }

    /// Opens the sockets that are needed, has the others listen for what is ours now, and closes those that are not
    /// needed. `again` tries once more what failed before.
    pub fn follow(&mut self, needed: BTreeMap<u32, Watched>, again: bool) {
        // What is still so at the next attempt is not said again.
        let mut before = std::mem::take(&mut self.failed);
        before.retain(|device, _| needed.contains_key(device));
        self.watches
            .retain(|device, watch| needed.contains_key(device) && !watch.tap.is_lost());
        for (device, watched) in needed {
            let result = match self.watches.get_mut(&device) {
                Some(watch) => watch.follow(watched),
                None if !again && before.contains_key(&device) => continue,
                None => self.open(device, watched),
            };
            let Err(error) = result else {
                before.remove(&device);
                continue;
            };
            self.watches.remove(&device);
            let reason = error.to_string();
            if before.insert(device, reason.clone()).as_ref() != Some(&reason) {
                warn!(
                    "{reason}; addresses on it are neither announced nor watched over; tried again every minute"
                );
            }
        }
        self.failed = before;
    }

    fn open(&mut self, device: u32, watched: Watched) -> io::Result<()> {
        let tap = Tap::open(device, &filter(&watched), self.sender.clone())?;
        self.watches.insert(device, Watch { tap, watched });
        Ok(())
    }

    /// The next frame. Cancelling loses none.
    pub async fn receive(&mut self) -> Received {
        match self.receiver.recv().await {
            Some(received) => received,
            // The sender above keeps the channel open.
            None => std::future::pending().await,
        }
    }

    /// Sends a frame on an interface.
    pub fn send(&self, device: u32, frame: &[u8]) -> io::Result<()> {
        let lost = || io::Error::from(io::ErrorKind::NotConnected);
        self.watches.get(&device).ok_or_else(lost)?.tap.send(frame)
    }
}

impl Watch {
    fn follow(&mut self, watched: Watched) -> io::Result<()> {
        if self.watched != watched {
            self.tap.refilter(&filter(&watched))?;
            self.watched = watched;
        }
        Ok(())
    }
}

fn filter(watched: &Watched) -> Vec<sock_filter> {
    address_conflict_filter(watched.mac, &watched.v4, &watched.v6)
}
