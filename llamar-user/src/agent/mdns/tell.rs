//! What the agent does with mDNS messages and says of what the engine finds out (RFC 6762 9).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use llamar_common::abi::LinkKey;
use tracing::{Level, debug, enabled, error};

use crate::agent::Agent;
use crate::agent::culprits::Sentence;
use crate::dns::Message;
use crate::mdns::{Event, Handled, Lost, Outcome};
use crate::net::Datagram;

impl Agent {
    /// A datagram that came to mDNS's sockets.
    pub(in crate::agent) fn mdns_datagram(&mut self, datagram: &Datagram, message: &[u8]) {
        let result = self.mdns.datagram(Instant::now(), datagram, message);
        let from = datagram.from;
        let outcome = match &result {
            Ok(handled) => {
                tell_handled(from, *handled, message);
                handled.as_str()
            }
            Err(ignored) => {
                debug!("Ignored an mDNS message from {from}: {ignored}.");
                ignored.as_str()
            }
        };
        self.mdns_count(datagram.device, outcome);
        self.mdns_drain();
    }

    /// A deadline of the engine's has come.
    pub(in crate::agent) fn mdns_timeout(&mut self) {
        self.mdns.timeout(Instant::now());
        self.mdns_drain();
    }

    /// Acts upon everything that the engine has to say, and sends what it wants sent.
    pub(in crate::agent) fn mdns_drain(&mut self) {
        let mut renamed = false;
        while let Some(event) = self.mdns.poll_event() {
            renamed |= matches!(event, Event::Conflict(_) | Event::Verified { .. });
            self.tell_mdns_event(event);
        }
        if renamed {
            self.mdns.keep();
        }
        while let Some(transmit) = self.mdns.poll_transmit() {
            let sent = self.mdns.transmit(&transmit);
            let outcome = match sent {
                Ok(()) => "mdns-sent",
                Err(error) => {
                    debug!("send to {}: {error}", transmit.to);
                    "mdns-send-failed"
                }
            };
            self.mdns_count(transmit.device, outcome);
        }
    }

    fn mdns_count(&mut self, device: u32, what: &'static str) {
        self.counts.add(self.mdns_key(device), what);
    }

    fn tell_mdns_event(&mut self, event: Event) {
        match event {
            Event::Verified { device, name } => {
                let place = self.device(device);
                debug!("{name} is ours on {place} (mDNS)");
            }
            Event::Conflict(lost) => self.tell_lost(&lost),
            Event::Defended {
                device,
                name,
                culprit,
            } => {
                let text = Sentence(
                    format!(
                        "{}: {name} was claimed by another host, ",
                        self.device(device)
                    ),
                    ", which was told that it is ours (RFC 6762 8.1)".to_owned(),
                );
                self.mdns_culprit(device, culprit, text);
            }
            Event::Nameless { device, wanted } => error!(
                "{}: no free name in place of {wanted} was found within a minute; tried on (RFC 6762 9)",
                self.device(device)
            ),
            // The agent asks for nothing.
            Event::Record(_) => {}
        }
    }

    fn tell_lost(&mut self, lost: &Lost) {
        let text = Sentence(
            format!(
                "{}: {} is the name of another host too, ",
                self.device(lost.device),
                lost.name
            ),
            format!(": {}", becomes(&lost.outcome)),
        );
        if lost.news {
            self.mdns_culprit(lost.device, lost.culprit, text);
        } else {
            debug!("{}", text.with(&lost.culprit.to_string()));
        }
    }

    /// Says who else has a name, with the hardware address where that can be found out.
    fn mdns_culprit(&mut self, device: u32, culprit: IpAddr, text: Sentence) {
        self.look_up(self.mdns_key(device), culprit, text);
    }

    fn mdns_key(&self, device: u32) -> LinkKey {
        let link = self.desired.link_of(device);
        link.map_or(LinkKey::new(device, 0), |(key, _)| key)
    }

    /// An interface's name for people.
    fn device(&self, device: u32) -> String {
        self.place(self.mdns_key(device))
    }
}

/// What was heard, in a line; what came back of our own is no news.
fn tell_handled(from: SocketAddr, handled: Handled, message: &[u8]) {
    // Others decide how often and how much is read here.
    if !enabled!(Level::DEBUG) || matches!(handled, Handled::Echo { .. }) {
        return;
    }
    let Ok(message) = Message::read(message) else {
        return;
    };
    match handled {
        Handled::Query { answered } => {
            let questions: Vec<_> = message.questions.iter().map(ToString::to_string).collect();
            let then = if answered { "answered" } else { "not for us" };
            debug!(
                "Received mDNS query from {from} for {}: {then}.",
                questions.join(", ")
            );
        }
        _ => {
            let count = message.records().count();
            debug!("Received mDNS response from {from}, {count} records.");
        }
    }
}

fn becomes(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Kept => "still used there, as mdns-on-conflict = \"keep\" says".to_owned(),
        Outcome::Withdrawn { retry } => {
            let pause = retry.saturating_duration_since(Instant::now());
            // Rounded up: it was some microseconds longer when it was decided.
            let seconds = (pause + Duration::from_millis(999)).as_secs();
            format!("not used there any more, tried again in {seconds} s")
        }
        Outcome::Renamed { to } => format!("{to} is used in its place"),
    }
}
