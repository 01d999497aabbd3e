//! What the agent says of each interface on stderr: one line whenever its standing changes.

use std::collections::{BTreeMap, BTreeSet};

use llamar_common::abi::LinkKey;
use tracing::{info, warn};

use super::kernel::KernelPath;
use crate::config::Config;
use crate::dns::Name;
use crate::link::{Link, Links};
use crate::state::Desired;

/// What was said last.
#[derive(Debug, Default)]
pub struct Voice {
    standings: BTreeMap<String, Standing>,
    warnings: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Missing,
    Unfit,
    Down,
    Ready { mode: String, names: Vec<String> },
}

impl Voice {
    /// Says what has changed.
    pub fn tell(&mut self, config: &Config, links: &Links, desired: &Desired, kernel: &KernelPath) {
        for name in config.interfaces.keys() {
            let standing = standing(links.by_name(name), desired, kernel);
            // What is being verified is ready in a moment.
            let Some(standing) = standing else { continue };
            if self.standings.get(name) != Some(&standing) {
                say(name, &standing);
                self.standings.insert(name.clone(), standing);
            }
        }
        self.standings
            .retain(|name, _| config.interfaces.contains_key(name));
        for warning in desired
            .warnings
            .iter()
            .filter(|warning| !self.warnings.contains(*warning))
        {
            warn!("{warning}");
        }
        self.warnings = desired.warnings.iter().cloned().collect();
    }
}

/// How an interface stands; `None` while its names are being verified.
fn standing(link: Option<&Link>, desired: &Desired, kernel: &KernelPath) -> Option<Standing> {
    let link = match link {
        None => return Some(Standing::Missing),
        Some(link) if !link.ethernet => return Some(Standing::Unfit),
        Some(link) if !link.up => return Some(Standing::Down),
        Some(link) => link,
    };
    let served = desired.links.get(&LinkKey::new(link.index, 0))?;
    let with_vlans = LinkKey::new(link.index, 0)..=LinkKey::new(link.index, u16::MAX);
    let mut links = desired.links.range(with_vlans);
    let verified = links.all(|(_, served)| !served.is_verifying());
    verified.then(|| Standing::Ready {
        mode: kernel.mode(link.index).to_owned(),
        names: served.names.host().iter().map(Name::to_string).collect(),
    })
}

fn say(name: &str, standing: &Standing) {
    match standing {
        Standing::Missing => warn!("{name}: does not exist; served when it appears"),
        Standing::Unfit => warn!("{name}: is not an Ethernet interface; not served"),
        Standing::Down => warn!("{name}: is down or has no carrier; served when it comes up"),
        Standing::Ready { mode, names } if names.is_empty() => {
            info!("{name}: ready, xdp {mode}, without a name");
        }
        Standing::Ready { mode, names } => {
            info!("{name}: ready, xdp {mode}, names {}", names.join(", "));
        }
    }
}
