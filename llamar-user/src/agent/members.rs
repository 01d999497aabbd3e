//! Membership in the LLMNR groups, interface by interface (RFC 4795 2).

use std::collections::BTreeMap;

use tracing::{debug, warn};

use crate::net::Groups;
use crate::state::Desired;

/// The interfaces that were told to join, and whether they were up.
#[derive(Debug, Default)]
pub struct Members {
    joined: BTreeMap<u32, bool>,
}

impl Members {
    /// Joins on every interface that is served, anew when one comes up again, and leaves on the others.
    pub fn follow(&mut self, groups: &Groups, desired: &Desired) {
        let served = desired
            .links
            .values()
            .filter_map(|served| Some((served.device?, served.up)));
        let served: BTreeMap<u32, bool> = served.collect();
        for device in self
            .joined
            .keys()
            .filter(|device| !served.contains_key(device))
        {
            // Gone interfaces too: the socket counts their memberships until they are left.
            groups.leave(*device);
        }
        self.joined.retain(|device, _| served.contains_key(device));
        for (device, up) in served {
            let was_up = self.joined.insert(device, up);
            // RFC 4795 2: a switch that snoops forgets a group while the link is down.
            if was_up != Some(up) && up {
                match groups.join(device) {
                    Ok(()) => debug!("joined 224.0.0.252 and ff02::1:3 on interface {device}"),
                    Err(error) => {
                        self.joined.remove(&device);
                        warn!(
                            "join 224.0.0.252 and ff02::1:3 on interface {device}: {error}; tried again at the next change"
                        );
                    }
                }
            }
        }
    }
}
