//! Membership in a protocol's groups, interface by interface (RFC 4795 2, RFC 6762 3).

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use tracing::{debug, warn};

use crate::net::Groups;
use crate::state::Desired;

/// The interfaces that were told to join.
#[derive(Debug, Default)]
pub struct Members {
    told: BTreeMap<u32, Member>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Member {
    up: bool,
    /// Joining has failed since it came up; that was said.
    failed: bool,
}

impl Members {
    /// Joins on every interface that is served, anew when one comes up again, and leaves on the others. `served` are
    /// the names of the interfaces by their index, and whether they are up. `again` tries once more where joining failed
    /// before.
    pub fn follow(
        &mut self,
        groups: &Groups<impl AsFd>,
        served: &BTreeMap<u32, (String, bool)>,
        again: bool,
    ) {
        let up = served.iter().map(|(&device, &(_, up))| (device, up));
        let up: BTreeMap<u32, bool> = up.collect();
        for device in self.gone(&up) {
            // Gone interfaces too: the socket counts their memberships until they are left.
            groups.leave(device);
        }
        for device in self.due(&up, again) {
            let interface = served.get(&device).map_or("", |(interface, _)| interface);
            let result = groups.join(device);
            let first = self.joined(device, result.is_ok());
            match result {
                Ok(()) => debug!("{interface}: joined {}", groups.protocol()),
                Err(error) if first => warn!("{interface}: {error}; tried again every minute"),
                Err(error) => debug!("{interface}: {error}"),
            }
        }
    }

    /// Whether joining has failed on an interface.
    pub fn failed(&self, device: u32) -> bool {
        self.told.get(&device).is_some_and(|member| member.failed)
    }

    /// Forgets the interfaces that are served no more, and gives them.
    fn gone(&mut self, served: &BTreeMap<u32, bool>) -> Vec<u32> {
        let told = self.told.keys().copied();
        let gone: Vec<u32> = told.filter(|device| !served.contains_key(device)).collect();
        self.told.retain(|device, _| served.contains_key(device));
        gone
    }

    /// The interfaces on which to join now.
    fn due(&mut self, served: &BTreeMap<u32, bool>, again: bool) -> Vec<u32> {
        let mut due = Vec::new();
        for (&device, &up) in served {
            let member = self.told.entry(device).or_default();
            // RFC 4795 2: a switch that snoops forgets a group while the link is down.
            if member.up != up {
                *member = Member { up, failed: false };
                if up {
                    due.push(device);
                }
            } else if member.failed && again {
                due.push(device);
            }
        }
        due
    }

    /// Notes how joining went; whether it is the first failure since the interface came up.
    fn joined(&mut self, device: u32, well: bool) -> bool {
        let member = self.told.entry(device).or_default();
        let first = !well && !member.failed;
        member.failed = !well;
        first
    }
}

/// The interfaces on which LLMNR's groups are joined, and whether they are up.
pub fn of(desired: &Desired) -> BTreeMap<u32, (String, bool)> {
    let served = desired.links.values();
    let served = served.filter_map(|served| {
        let interface = served.interface.clone();
        Some((served.device?, (interface, served.up)))
    });
    served.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_joins_whenever_it_comes_up() {
        let mut members = Members::default();
        for (up, due) in [
            (false, false),
            (true, true),
            (true, false),
            (false, false),
            (true, true),
        ] {
            let served = BTreeMap::from([(2, up)]);
            assert_eq!(members.due(&served, true), Vec::from_iter(due.then_some(2)));
            assert!(!due || !members.joined(2, true));
        }
        assert_eq!(members.gone(&BTreeMap::new()), [2]);
        assert!(members.gone(&BTreeMap::new()).is_empty());
    }

    #[test]
    fn a_failure_is_said_once_and_tried_again_at_full_passes() {
        let mut members = Members::default();
        let up = BTreeMap::from([(2, true)]);
        assert_eq!(members.due(&up, false), [2]);
        assert!(members.joined(2, false));
        assert!(members.due(&up, false).is_empty());
        assert_eq!(members.due(&up, true), [2]);
        assert!(!members.joined(2, false));
        // It went down and came up: that is news.
        assert!(members.due(&BTreeMap::from([(2, false)]), true).is_empty());
        assert_eq!(members.due(&up, false), [2]);
        assert!(members.joined(2, false));
        // It succeeded, so another failure would be news.
        assert!(!members.joined(2, true));
        assert!(members.due(&up, true).is_empty());
    }
}
