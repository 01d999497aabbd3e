//! What the agent does for those who ask over its control socket.

use std::time::Instant;

use llamar_common::abi::Outcome;
use tracing::info;

use super::control::{self, Request};
use super::{Agent, report, why};
use crate::net::firewall;

impl Agent {
    pub(super) fn tell(&mut self, asked: control::Asked) {
        let json = |error: serde_json::Error| error.to_string();
        let control::Asked {
            request,
            answer: to,
        } = asked;
        let answer = match request {
            Request::Why { name } => {
                let why = self.why(&name);
                // Reading the packet filters may wait for the kernel.
                tokio::task::spawn_blocking(move || {
                    let answer = why.and_then(|mut report| {
                        report.notes.splice(0..0, firewall::note());
                        serde_json::to_string(&report).map_err(json)
                    });
                    let _ = to.send(answer);
                });
                return;
            }
            Request::Names => {
                serde_json::to_string(&report::names(&self.desired, &self.kernel)).map_err(json)
            }
            Request::Mdns => {
                serde_json::to_string(&self.mdns.report(self.watch.links())).map_err(json)
            }
            Request::Status => serde_json::to_string(&self.status()).map_err(json),
            Request::Add {
                name,
                interface,
                addresses,
            } => {
                let interface = interface.as_deref();
                let added = self.overlay.add(&self.read, &name, interface, &addresses);
                self.changed("added", &name, interface, added)
            }
            Request::Remove { name, interface } => {
                let interface = interface.as_deref();
                let removed = self.overlay.remove(&self.read, &name, interface);
                self.changed("removed", &name, interface, removed)
            }
        };
        // A client that has gone away wants no answer.
        let _ = to.send(answer);
    }

    /// Makes everything follow a change to the names; what was done is answered with nothing.
    fn changed(
        &mut self,
        what: &str,
        name: &str,
        interface: Option<&str>,
        result: Result<(), String>,
    ) -> Result<String, String> {
        result?;
        let place = interface.map_or(String::new(), |interface| format!(" on {interface}"));
        info!("{name} {what}{place}");
        self.config = self.overlay.apply(&self.read);
        self.pass(false);
        Ok("null".to_owned())
    }

    fn why(&self, name: &str) -> Result<crate::report::WhyReport, String> {
        let seen = why::Seen {
            config: &self.config,
            links: self.watch.links(),
            bare: &self.bare,
            desired: &self.desired,
            engine: &self.engine,
            members: &self.members,
            notes: self
                .listeners
                .failures()
                .map(String::from)
                .chain(self.limited())
                .collect(),
            kernel: &self.kernel,
            culprits: &self.culprits,
            now: Instant::now(),
        };
        why::why(&seen, name)
    }

    /// What the limiter has dropped, link by link.
    fn limited(&self) -> impl Iterator<Item = String> {
        let outcome = Outcome::LlmnrLimited;
        let counters = self.kernel.counters();
        let links = self.desired.links.iter();
        links.filter_map(move |(key, served)| {
            let kernel = counters.get(&Some(*key));
            let kernel = kernel.map_or(0, |counters| counters.frames[outcome as usize]);
            let dropped = kernel + self.counts.of(*key, outcome.as_str());
            let vlan = match key.vlan {
                0 => String::new(),
                id => format!(" VLAN {id}"),
            };
            (dropped > 0).then(|| {
                format!(
                    "{}{vlan}: {dropped} queries were dropped, of sources that asked more often than the limit allows ({})",
                    served.interface, served.limit
                )
            })
        })
    }

    fn status(&self) -> crate::report::StatusReport {
        report::status(&report::Seen {
            instance: &self.options.instance.name,
            started: self.started,
            links: self.watch.links(),
            desired: &self.desired,
            kernel: &self.kernel,
            counts: &self.counts,
            presence: &self.presence,
        })
    }
}
