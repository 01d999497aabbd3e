//! What the agent tells of its mDNS over the control socket.

use std::collections::BTreeMap;

use super::Mdns;
use crate::dns::Name;
use crate::link::Links;
use crate::mdns::{Standing, State};
use crate::report::{ClaimedReport, ClaimedRow, ClaimedState};

impl Mdns {
    /// Every host and service, interface by interface.
    pub fn report(&self, links: &Links) -> ClaimedReport {
        let mut names = Vec::new();
        for (&device, wanted) in &self.wanted {
            let interface = name_of(links, device);
            // Where nothing can be said nothing is verified either, whatever stands in wait for it.
            let speaks = wanted.up && (wanted.v4.is_some() || wanted.v6.is_some());
            let standings = self.engine.standings(device).filter(|_| speaks);
            let standings: BTreeMap<Name, Standing> = standings
                .map(|standing| (standing.wanted.clone(), standing))
                .collect();
            let row = |name: &Name| row(device, &interface, name, standings.get(name));
            names.extend(wanted.hosts.iter().map(|host| ClaimedRow {
                addresses: host.addresses.iter().copied().collect(),
                ..row(&host.name)
            }));
            names.extend(wanted.services.iter().map(|service| {
                let own = row(&service.name);
                // A service is not told before its host is.
                let host = state(standings.get(&service.host));
                let state = if own.state == ClaimedState::Unique {
                    host
                } else {
                    own.state
                };
                ClaimedRow {
                    state,
                    host: Some(used(&standings, &service.host)),
                    port: Some(service.port),
                    ..own
                }
            }));
        }
        ClaimedReport {
            agent: true,
            names,
            notes: self.notes(links),
        }
    }

    /// What keeps mDNS from working, or limits it.
    fn notes(&self, links: &Links) -> Vec<String> {
        let off = self.groups.is_none() && self.failure.is_none();
        let off =
            off.then(|| "mDNS is spoken on no interface (mdns = false, or --no-mdns)".to_owned());
        let failure = self
            .failure
            .iter()
            .map(|failure| format!("{failure}; nothing is told"));
        let shared = self.others.iter().map(|others| {
            format!("udp port 5353 is shared with {others}; each answers for its own names")
        });
        let failed = self
            .wanted
            .iter()
            .filter(|(device, _)| self.members.failed(**device));
        let failed = failed.map(|(device, _)| {
            let interface = name_of(links, *device);
            format!("{interface}: the groups of mDNS could not be joined")
        });
        off.into_iter()
            .chain(failure)
            .chain(shared)
            .chain(failed)
            .collect()
    }
}

/// An interface's name; none if it has just gone.
pub(super) fn name_of(links: &Links, device: u32) -> String {
    let link = links.by_index.get(&device);
    link.map_or_else(String::new, |link| link.name.clone())
}

fn row(device: u32, interface: &str, name: &Name, standing: Option<&Standing>) -> ClaimedRow {
    let other = standing.filter(|standing| standing.used != standing.wanted);
    ClaimedRow {
        name: standing.map_or(name, |standing| &standing.used).to_string(),
        instead_of: other.map(|standing| standing.wanted.to_string()),
        interface: interface.to_owned(),
        ifindex: device,
        state: state(standing),
        addresses: Vec::new(),
        host: None,
        port: None,
        culprit: standing.and_then(|standing| standing.culprit),
    }
}

fn state(standing: Option<&Standing>) -> ClaimedState {
    standing.map_or(ClaimedState::Down, |standing| match standing.state {
        State::Probing => ClaimedState::Probing,
        State::Verified => ClaimedState::Unique,
        State::Withdrawn { .. } => ClaimedState::Withdrawn,
    })
}

fn used(standings: &BTreeMap<Name, Standing>, host: &Name) -> String {
    let standing = standings.get(host);
    standing.map_or(host, |standing| &standing.used).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::config::OnConflict;
    use crate::mdns::{Host, Wanted};

    fn host(name: &str) -> Host {
        Host {
            name: Name::parse(name).unwrap(),
            kept: None,
            addresses: [[192, 0, 2, 1].into()].into(),
            reverse: true,
        }
    }

    fn states(up: bool, v4: bool) -> Vec<ClaimedState> {
        let folder = tempfile::tempdir().unwrap();
        let mut mdns = Mdns::new(StdRng::seed_from_u64(1), folder.path().join("names.json"));
        let wanted = Wanted {
            up,
            mtu: 1500,
            v4: v4.then(|| [192, 0, 2, 1].into()),
            v6: None,
            addresses: BTreeSet::new(),
            unicast: true,
            hosts: vec![host("casa.local")],
            services: Vec::new(),
            on_conflict: OnConflict::Rename,
        };
        mdns.wanted.insert(2, wanted);
        mdns.engine
            .follow(Instant::now(), mdns.wanted.clone(), BTreeSet::new());
        let report = mdns.report(&Links::default());
        report.names.iter().map(|row| row.state).collect()
    }

    #[test]
    fn a_name_is_down_where_nothing_can_be_said() {
        assert_eq!(states(true, true), [ClaimedState::Probing]);
        assert_eq!(states(false, true), [ClaimedState::Down]);
        assert_eq!(states(true, false), [ClaimedState::Down]);
    }

    #[test]
    fn that_mdns_is_switched_off_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mdns = Mdns::new(StdRng::seed_from_u64(1), folder.path().join("names.json"));
        let report = mdns.report(&Links::default());
        assert_eq!(
            report.notes,
            ["mDNS is spoken on no interface (mdns = false, or --no-mdns)"]
        );
    }
}
