//! What is due when, this host's own addresses before those of others.

use std::net::IpAddr;
use std::time::Instant;

use super::Origin;
use crate::ether::Agenda;

/// The addresses for which something is due, each once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    assigned: Agenda<IpAddr>,
    proxied: Agenda<IpAddr>,
}

impl Queue {
    /// Puts an address at another time than before.
    pub fn put(&mut self, origin: Origin, address: IpAddr, due: Option<Instant>) {
        let agenda = match origin {
            Origin::Assigned => &mut self.assigned,
            Origin::Proxied => &mut self.proxied,
        };
        agenda.put(address, due);
    }

    /// The next address whose time has come.
    pub fn next(&self, now: Instant) -> Option<IpAddr> {
        self.assigned.due(now).or_else(|| self.proxied.due(now))
    }

    /// When something is due.
    pub fn earliest(&self) -> Option<Instant> {
        let earliest = [self.assigned.earliest(), self.proxied.earliest()];
        earliest.into_iter().flatten().min()
    }
}
