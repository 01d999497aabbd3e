//! What the agent does when another host uses an address of ours, and what it says of it (RFC 5227 2.4).

use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::LinkKey;
use tracing::{debug, info, warn};

use crate::agent::Agent;
use crate::agent::culprits::Sentence;
use crate::agent::tap::Received;
use crate::config::{OnAddressConflict, Presence};
use crate::ether::MacAddr;
use crate::presence::{Event, Origin, Outcome, Transmit};

impl Agent {
    /// A frame by which an address of ours may be claimed.
    pub(in crate::agent) fn presence_frame(&mut self, received: &Received) {
        let heard = self.presence.frame(Instant::now(), received);
        if let Some((key, heard)) = heard {
            self.counts.add(key, heard.as_str());
        }
        self.presence_drain();
    }

    /// A deadline of the engine's has come.
    pub(in crate::agent) fn presence_timeout(&mut self) {
        self.presence.timeout(Instant::now());
        self.presence_drain();
    }

    /// Acts upon everything that the engine has to say: first what may be answered for, then what is to be sent.
    pub(in crate::agent) fn presence_drain(&mut self) {
        let mut changed = false;
        while let Some(event) = self.presence.poll_event() {
            changed |= match event {
                Event::Conflict { outcome, .. } => outcome == Outcome::Withdrawn,
                Event::Free { .. } => true,
                Event::Probed { .. } => false,
            };
            self.tell_presence_event(event);
        }
        if changed {
            self.settle();
        }
        while let Some(transmit) = self.presence.poll_transmit() {
            self.presence_transmit(&transmit);
        }
    }

    fn presence_transmit(&mut self, transmit: &Transmit) {
        let outcome = match self.presence.transmit(transmit) {
            Ok(()) => {
                let (what, address) = (transmit.sent.as_str(), transmit.address);
                debug!("{}: {what} for {address}", self.place(transmit.key));
                what
            }
            Err(error) => {
                let (what, address) = (transmit.sent.as_str(), transmit.address);
                debug!(
                    "{}: {what} for {address}: {error}",
                    self.place(transmit.key)
                );
                "announcement-failed"
            }
        };
        self.counts.add(transmit.key, outcome);
    }

    fn tell_presence_event(&mut self, event: Event) {
        match event {
            Event::Conflict {
                key,
                address,
                origin,
                culprit,
                outcome,
                news,
            } => {
                let then = becomes(address, origin, outcome, &self.presence_of(key));
                let text = conflict(&self.place(key), address, origin, &then);
                let text = text.with(&culprit.to_string());
                if news {
                    warn!("{text}");
                } else {
                    debug!("{text}");
                }
            }
            Event::Probed {
                key,
                address,
                by,
                news,
            } => {
                let mut withdrawn = self.presence.withdrawn(key);
                let is_ours = !withdrawn.any(|ours| IpAddr::V4(ours) == address);
                let text = probed(&self.place(key), address, by, is_ours);
                if news {
                    info!("{text}");
                } else {
                    debug!("{text}");
                }
            }
            Event::Free { key, address } => {
                let place = self.place(key);
                info!("{place}: no other host uses {address} any more: it is answered for");
            }
        }
    }

    /// What the configuration says of the addresses of a link.
    fn presence_of(&self, key: LinkKey) -> Presence {
        let served = self.bare.links.get(&key);
        let interface = served.and_then(|served| self.config.interfaces.get(&served.interface));
        interface.map_or_else(Presence::default, |interface| interface.presence)
    }
}

/// A conflict in a sentence.
fn conflict(place: &str, address: IpAddr, origin: Origin, then: &str) -> Sentence {
    let what = match origin {
        Origin::Assigned => "is used by another host too",
        Origin::Proxied => "on the proxy-arp list is used by its host on this link",
    };
    Sentence(format!("{place}: {address} {what}, "), format!(": {then}"))
}

fn becomes(address: IpAddr, origin: Origin, outcome: Outcome, presence: &Presence) -> String {
    match (outcome, origin) {
        (Outcome::Defended, _) if address.is_ipv6() => {
            "announced as ours once more (RFC 4862 5.4.4)".to_owned()
        }
        (Outcome::Defended, _) => "announced as ours once more (RFC 5227 2.4)".to_owned(),
        (Outcome::Withdrawn, Origin::Assigned) => {
            "llamar no longer answers for it or announces it, until that host is silent".to_owned()
        }
        (Outcome::Withdrawn, Origin::Proxied) => {
            "not answered for any more until that host is silent".to_owned()
        }
        (Outcome::Unannounced, _) => "answered for, but not announced".to_owned(),
        (Outcome::Noted, Origin::Proxied) => "answered for nevertheless".to_owned(),
        (Outcome::Noted, _) if presence.on_conflict == OnAddressConflict::Report => {
            "nothing is done, as on-address-conflict = \"report\" says".to_owned()
        }
        (Outcome::Noted, _) if !presence.announce => {
            "not announced as ours, as announce = false says".to_owned()
        }
        (Outcome::Noted, _) => "nothing is done, it was told a moment ago".to_owned(),
    }
}

fn probed(place: &str, address: IpAddr, by: MacAddr, is_ours: bool) -> String {
    let here = if is_ours {
        "it is in use here"
    } else {
        "it is not answered for here"
    };
    format!("{place}: {by} asks whether anybody has {address}, to use it; {here}")
}
