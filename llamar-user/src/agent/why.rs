//! Why a name is answered for on a link, or is not: the first rule in the way of a query, as the responder would meet
//! them.

use std::net::IpAddr;
use std::time::Instant;

use llamar_common::abi::{LinkKey, NameState};

use super::culprits::Culprits;
use super::kernel::KernelPath;
use super::members::Members;
use super::report::is_held;
use crate::config::Config;
use crate::dns::Name;
use crate::link::{Link, Links};
use crate::llmnr::Zone as _;
use crate::llmnr::engine::Engine;
use crate::report::{Reason, WhyReport, WhyRow};
use crate::state::{Desired, Served};

/// Names that are listed to one who asked for another.
const LISTED_MAX: usize = 5;

/// What the answer is made of.
pub struct Seen<'a> {
    /// The configuration as it is in force.
    pub config: &'a Config,
    /// The interfaces.
    pub links: &'a Links,
    /// What is to be claimed.
    pub bare: &'a Desired,
    /// What is answered for.
    pub desired: &'a Desired,
    /// The claims.
    pub engine: &'a Engine,
    /// The groups.
    pub members: &'a Members,
    /// What may keep queries or answers from coming through, one sentence each.
    pub notes: Vec<String>,
    /// The kernel path.
    pub kernel: &'a KernelPath,
    /// MAC addresses of hosts that have names of ours.
    pub culprits: &'a Culprits,
    /// The time now.
    pub now: Instant,
}

/// What is asked about.
enum Subject {
    Name(Name),
    Address(IpAddr),
}

/// How a name, or the name of an address, stands on every link.
pub fn why(seen: &Seen<'_>, text: &str) -> Result<WhyReport, String> {
    let subject = match text.parse() {
        Ok(address) => Subject::Address(address),
        Err(_) => Subject::Name(Name::parse(text).map_err(|error| error.to_string())?),
    };
    let mut links = Vec::new();
    for (name, interface) in &seen.config.interfaces {
        let link = seen.links.by_name(name);
        let vlans = interface.vlans.keys().copied();
        for vlan in std::iter::once(0).chain(vlans) {
            let (reason, text) = match absent(link) {
                Some(absent) => absent,
                None => seen.on_link(
                    LinkKey::new(link.map_or(0, |link| link.index), vlan),
                    &subject,
                ),
            };
            links.push(WhyRow {
                interface: name.clone(),
                vlan,
                reason,
                text,
            });
        }
    }
    links.extend(seen.not_served());
    Ok(WhyReport {
        name: text.to_owned(),
        agent: true,
        links,
        notes: seen.notes.clone(),
    })
}

/// Why nothing at all is answered on an interface.
fn absent(link: Option<&Link>) -> Option<(Reason, String)> {
    match link {
        None => Some((Reason::Missing, "the interface does not exist".to_owned())),
        Some(link) if !link.ethernet => Some((
            Reason::NotEthernet,
            "it is not an Ethernet interface".to_owned(),
        )),
        Some(link) if !link.up => Some((
            Reason::Down,
            "the interface is down or has no carrier".to_owned(),
        )),
        Some(_) => None,
    }
}

impl Seen<'_> {
    fn on_link(&self, key: LinkKey, subject: &Subject) -> (Reason, String) {
        let (Some(bare), Some(served)) = (self.bare.links.get(&key), self.desired.links.get(&key))
        else {
            return (Reason::NotServed, "nothing is served there".to_owned());
        };
        let found = match subject {
            Subject::Name(name) => self.name(key, bare, served, name),
            Subject::Address(address) => address_on(served, *address),
        };
        let how = match found {
            // Without an address nothing is verified either: that is the reason then.
            Err((Reason::Tentative, _)) if served.own.is_empty() => None,
            Err(silent) => return silent,
            Ok(how) => Some(how),
        };
        let Some(how) = how.filter(|_| !served.own.is_empty()) else {
            let text = "it has no address from which to answer (RFC 4795 2.5)".to_owned();
            return (Reason::NoAddress, text);
        };
        if served
            .device
            .is_some_and(|device| self.members.failed(device))
        {
            let text = "224.0.0.252 or ff02::1:3 could not be joined; tried again every minute, see the log";
            return (Reason::NotJoined, text.to_owned());
        }
        how
    }

    /// How a name is answered for on a link that is up, or why not.
    fn name(
        &self,
        key: LinkKey,
        bare: &Served,
        served: &Served,
        name: &Name,
    ) -> Result<(Reason, String), (Reason, String)> {
        if let Some(addresses) = served.names.get(name) {
            if addresses.state == NameState::Tentative {
                return Err(tentative());
            }
            let told: Vec<String> = addresses
                .iter()
                .map(|address| address.to_string())
                .collect();
            let told = told.join(", ");
            let too = self.held_too(key, name);
            let serves = self.kernel.serves(&key);
            if serves && is_held(key, name, addresses, self.kernel.held_names().as_ref()) {
                return Ok((
                    Reason::Kernel,
                    format!("answered in the kernel: {told}{too}"),
                ));
            }
            let text = format!("answered by the agent: {told}{too}");
            return Ok((Reason::Userspace, text));
        }
        if bare.names.get(name).is_some() {
            return Err((Reason::Conflict, self.lost(key, name)));
        }
        let mut others: Vec<String> = bare.names.own().keys().map(Name::to_string).collect();
        let count = others.len();
        others.sort_unstable();
        others.truncate(LISTED_MAX);
        let more = if count > LISTED_MAX { ", ..." } else { "" };
        let text = format!(
            "the name is not ours here (RFC 4795 2.3 d); ours are {}{more}",
            others.join(", ")
        );
        Err((Reason::NotConfigured, text))
    }

    /// Who has a name too that is kept nevertheless.
    fn held_too(&self, key: LinkKey, name: &Name) -> String {
        let on = self.bare.claimed_on(key);
        let standing = self.engine.standing(on, name);
        let culprit = standing.and_then(|standing| standing.culprit);
        culprit.map_or_else(String::new, |culprit| {
            let culprit = self.culprits.shown(on, culprit);
            format!("; {culprit} has the name too (on-conflict = \"keep\")")
        })
    }

    /// Whom a name was lost to.
    fn lost(&self, key: LinkKey, name: &Name) -> String {
        let on = self.bare.claimed_on(key);
        let Some(standing) = self.engine.standing(on, name) else {
            return "another host has the name (RFC 4795 4.1)".to_owned();
        };
        let culprit = standing.culprit.map_or_else(
            || "another host".to_owned(),
            |culprit| self.culprits.shown(on, culprit),
        );
        let next = if standing.used != *name {
            format!("{} is used in its place", standing.used)
        } else {
            match standing.retry {
                Some(retry) => {
                    let seconds = retry.saturating_duration_since(self.now).as_secs() + 1;
                    format!("tried again within {seconds} s")
                }
                None => "tried again when the link changes".to_owned(),
            }
        };
        format!("{culprit} has the name (RFC 4795 4.1, 4.2); {next}")
    }

    /// The Ethernet interfaces that could be served.
    fn not_served(&self) -> impl Iterator<Item = WhyRow> {
        let links = self.links.by_index.values();
        let others = links.filter(|link| {
            link.ethernet && link.up && !self.config.interfaces.contains_key(&link.name)
        });
        others.map(|link| WhyRow {
            interface: link.name.clone(),
            vlan: 0,
            reason: Reason::NotServed,
            text: format!("llamar does not serve it: --iface {} does", link.name),
        })
    }
}

fn tentative() -> (Reason, String) {
    let text = "it is being verified that nobody else has the name; until then answers have the T bit set and do not count (RFC 4795 4.1)";
    (Reason::Tentative, text.to_owned())
}

fn address_on(served: &Served, address: IpAddr) -> Result<(Reason, String), (Reason, String)> {
    let owners = served.names_of(address).unwrap_or_default();
    let names: Vec<String> = owners
        .iter()
        .filter(|owner| owner.state != NameState::Tentative)
        .map(|owner| owner.name.to_string())
        .collect();
    if !names.is_empty() {
        let text = format!("answered by the agent: {}", names.join(", "));
        return Ok((Reason::Userspace, text));
    }
    if owners.is_empty() {
        let text = "the address has no name of ours here (RFC 4795 2.3 d)".to_owned();
        return Err((Reason::NotConfigured, text));
    }
    Err(tentative())
}
