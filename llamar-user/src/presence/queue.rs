//! What is due when, this host's own addresses before those of others.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use super::Origin;

/// The addresses for which something is due, each once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    assigned: BTreeSet<(Instant, IpAddr)>,
    proxied: BTreeSet<(Instant, IpAddr)>,
}

impl Queue {
    /// Puts an address at its time; `from` is where it was.
    pub fn put(
        &mut self,
        origin: Origin,
        address: IpAddr,
        from: Option<Instant>,
        to: Option<Instant>,
    ) {
        let queue = match origin {
            Origin::Assigned => &mut self.assigned,
            Origin::Proxied => &mut self.proxied,
        };
        if let Some(from) = from {
            queue.remove(&(from, address));
        }
        if let Some(to) = to {
            queue.insert((to, address));
        }
    }

    /// The next address whose time has come.
    pub fn next(&self, now: Instant) -> Option<IpAddr> {
        let mut first = [&self.assigned, &self.proxied].into_iter();
        first.find_map(|queue| {
            queue
                .first()
                .filter(|(due, _)| *due <= now)
                .map(|(_, address)| *address)
        })
    }

    /// When something is due.
    pub fn earliest(&self) -> Option<Instant> {
        let first = [&self.assigned, &self.proxied].into_iter();
        first.filter_map(|queue| Some(queue.first()?.0)).min()
    }
}
