//! What the log says of the claims on our names: who has one too, and what becomes of it (RFC 4795 4.2).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use tracing::{Level, debug, enabled, info, warn};

use super::culprits::Sentence;
use super::{Agent, culprits};
use crate::dns::{Message, Name, Question};
use crate::llmnr::engine::{Event, Outcome};

impl Agent {
    /// Says what the engine has found out.
    pub(super) fn tell_event(&mut self, event: Event) {
        match event {
            Event::Verified { key, name } => debug!("{name} is unique on {}", self.place(key)),
            Event::Retried { key, name } => {
                debug!("{name} on {}: verified once more", self.place(key));
            }
            Event::Conflict {
                key,
                name,
                ours,
                culprit,
                outcome,
                news,
            } => {
                let text = conflict(&name, &self.place(key), ours, &outcome);
                if news {
                    self.look_up(key, culprit, text);
                } else {
                    debug!("{}", text.with(&self.culprits.shown(key, culprit)));
                }
            }
            Event::Defended {
                key,
                name,
                ours,
                culprit,
            } => {
                let then = "that host has to give it up (RFC 4795 4.2)";
                let text = too(&name, &self.place(key), ours, then);
                self.look_up(key, culprit, text);
            }
            Event::Doubted {
                key,
                question,
                by,
                message,
            } => tell_doubt(&self.place(key), &question, by, &message),
            Event::SameLink { key, other, same } => {
                let (one, other) = (self.place(key), self.place(other));
                if same {
                    info!(
                        "{one} and {other} are on the same link: names of both are answered with the C bit set"
                    );
                } else {
                    info!("{one} and {other} are no longer on the same link");
                }
            }
        }
    }

    /// A link's name for people.
    pub(super) fn place(&self, key: LinkKey) -> String {
        let served = self.bare.links.get(&key);
        let interface = served.map_or_else(
            || format!("interface {}", key.ifindex),
            |served| served.interface.clone(),
        );
        match key.vlan {
            0 => interface,
            vlan => format!("{interface} VLAN {vlan}"),
        }
    }

    /// Finds out a culprit's hardware address, then says who it is.
    pub(super) fn look_up(&mut self, key: LinkKey, culprit: IpAddr, text: Sentence) {
        let device = self.bare.links.get(&key).and_then(|served| served.device);
        let Some(device) = device else {
            let mac = self.proxies.mac(key, culprit);
            return self.culprit(&culprits::Found {
                key,
                culprit,
                mac,
                text,
            });
        };
        if let Err(text) = self.culprits.look_up(key, device, culprit, text) {
            let mac = None;
            self.culprit(&culprits::Found {
                key,
                culprit,
                mac,
                text,
            });
        }
    }

    /// Says who has a name of ours.
    pub(super) fn culprit(&mut self, found: &culprits::Found) {
        if let Some(mac) = found.mac {
            self.culprits.learn(found.key, found.culprit, mac);
        }
        let shown = self.culprits.shown(found.key, found.culprit);
        warn!("{}", found.text.with(&shown));
    }
}

/// A conflict in a sentence.
fn conflict(name: &Name, place: &str, ours: IpAddr, outcome: &Outcome) -> Sentence {
    let then = match outcome {
        Outcome::Kept => "still answered for there, as on-conflict = \"keep\" says".to_owned(),
        Outcome::Withdrawn { retry } => {
            let pause = retry.saturating_duration_since(Instant::now());
            // Rounded up: it was some microseconds longer when it was decided.
            let seconds = (pause + Duration::from_millis(999)).as_secs();
            format!("not answered for there any more, tried again in {seconds} s")
        }
        Outcome::Renamed { to } => format!("{to} is used there in its place"),
    };
    too(name, place, ours, &then)
}

fn too(name: &Name, place: &str, ours: IpAddr, then: &str) -> Sentence {
    Sentence(
        format!("{place}: {name} is the name of another host too, "),
        format!(", which answered {ours}: {then}"),
    )
}

/// RFC 4795 4.2: what a query with C set says in its additional section should be logged, and is otherwise ignored.
fn tell_doubt(place: &str, question: &Question, by: IpAddr, message: &[u8]) {
    // Others decide how often and how much is read here.
    if !enabled!(Level::DEBUG) {
        return;
    }
    let (kind, name) = (question.kind_name(), &question.name);
    let records = Message::read(message).map_or_else(|_| Vec::new(), |read| read.additionals);
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    let said = if records.is_empty() {
        String::new()
    } else {
        format!(": {}", records.join("; "))
    };
    debug!("{place}: {by} says that {name} ({kind}) is not unique{said}");
}
