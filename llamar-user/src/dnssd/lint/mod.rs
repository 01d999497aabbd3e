//! Breaches of the rules of mDNS and DNS-SD (RFC 6762, 6763) in what is heard on a link, by who commits them.
//!
//! Messages go in as they came, with their times; breaches come out, each once for a sender, a rule and a name, and are
//! counted from then on. Nothing here answers or asks, and nothing has to be heard from the beginning: where a rule is
//! about what was said before, only what was heard counts. What can have an innocent reason is no breach.
//!
//! `message` judges a message by itself, `memory` by what was said before it.

mod breach;
mod memory;
mod message;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use breach::{Breach, Sender};
pub use rules::{Level, Rule};

use breach::{Finding, Findings};
use memory::Memory;
use message::Judged;

/// Most breaches that are told: who commits more with ever new names is told of by then.
const TOLD_MAX: usize = 4096;

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// When, since any moment that is the same for all messages.
    pub at: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// The sender's MAC address, if it is known.
    pub mac: Option<[u8; 6]>,
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// Its TTL or hop limit, if it is known.
    pub hop_limit: Option<u8>,
    /// The message.
    pub message: &'a [u8],
}

/// What is known of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its MTU in bytes.
    pub mtu: usize,
    /// Its prefixes; none if they are not known.
    pub prefixes: BTreeSet<(IpAddr, u8)>,
}

impl Default for Link {
    /// An Ethernet of unknown prefixes.
    fn default() -> Self {
        Self {
            mtu: 1500,
            prefixes: BTreeSet::new(),
        }
    }
}

/// Judges what is heard on one link.
#[derive(Debug, Default)]
pub struct Linter {
    link: Link,
    memory: Memory,
    /// Where in `told` a breach is.
    known: HashMap<(IpAddr, Rule, Option<String>), usize>,
    told: Vec<(Breach, u64)>,
    /// How many of them were polled.
    polled: usize,
}

impl Linter {
    /// One that has heard nothing yet.
    pub fn new(link: Link) -> Self {
        Self {
            link,
            ..Self::default()
        }
    }

    /// Takes a message. What neither comes from nor goes to port 5353 is none of mDNS.
    pub fn hear(&mut self, heard: &Heard<'_>) {
        if ![heard.from.port(), heard.to.port()].contains(&crate::mdns::PORT) {
            return;
        }
        if self.memory.is_copy(heard) {
            return;
        }
        let mut findings = Findings::default();
        if let Some(judged) = Judged::read(heard, &self.link, &mut findings) {
            message::check(&judged, &mut findings);
            self.memory.check(&judged, &mut findings);
        }
        for finding in findings.list {
            self.tell(heard, finding);
        }
    }

    /// The next breach that was not told before.
    pub fn poll_breach(&mut self) -> Option<Breach> {
        let (breach, _) = self.told.get(self.polled)?;
        self.polled += 1;
        Some(breach.clone())
    }

    /// All breaches and how often each was heard, in the order of their first times.
    pub fn breaches(&self) -> impl Iterator<Item = (&Breach, u64)> {
        self.told.iter().map(|(breach, count)| (breach, *count))
    }

    fn tell(&mut self, heard: &Heard<'_>, finding: Finding) {
        let address = heard.from.ip();
        let key = (address, finding.rule, finding.name);
        if let Some(&place) = self.known.get(&key) {
            if let Some((_, count)) = self.told.get_mut(place) {
                *count += 1;
            }
            return;
        }
        if self.told.len() == TOLD_MAX {
            return;
        }
        let breach = Breach {
            at: heard.at,
            sender: Sender {
                address,
                mac: heard.mac,
            },
            rule: finding.rule.id,
            section: finding.rule.section,
            level: finding.rule.level,
            text: finding.text,
            name: key.2.clone(),
            record: finding.record,
        };
        self.known.insert(key, self.told.len());
        self.told.push((breach, 1));
    }
}
