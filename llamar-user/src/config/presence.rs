//! How this host's addresses are told of and watched over on an interface.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Config;
use super::file::PresenceKeys;
use crate::presence::PROXIED_MAX;

/// Least seconds between two periodic announcements of an address: DEFEND_INTERVAL of RFC 5227 1.1, within which even
/// one who defends an address must not announce it twice. Each is a broadcast that every station has to look at.
pub const ANNOUNCE_EVERY_MIN: u32 = 10;
/// Most seconds between them: a day. Whoever wants fewer wants none.
pub const ANNOUNCE_EVERY_MAX: u32 = 24 * 60 * 60;

/// How this host's addresses are told of and watched over on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whether addresses are announced when they appear.
    pub announce: bool,
    /// How often they are announced once more.
    pub every: Option<Duration>,
    /// What becomes of an address that another host uses too.
    pub on_conflict: OnAddressConflict,
}

impl Default for Presence {
    // RFC 826, Related issue: periodic broadcasting is "definitely not desired".
    fn default() -> Self {
        Self {
            announce: true,
            every: None,
            on_conflict: OnAddressConflict::default(),
        }
    }
}

/// What becomes of an address of ours that another host on the link uses too (RFC 5227 2.4, RFC 4862 5.4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnAddressConflict {
    /// It is announced once more, so that others come back to us, at most once in ten seconds.
    #[default]
    Defend,
    /// It is told to the administrator, and nothing else.
    Report,
    /// It is defended once; at the second conflict within ten seconds it is answered for and announced no more, until it
    /// is found free.
    Withdraw,
}

impl OnAddressConflict {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Defend, Self::Report, Self::Withdraw];

    /// The way as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Defend => "defend",
            Self::Report => "report",
            Self::Withdraw => "withdraw",
        }
    }
}

impl FromStr for OnAddressConflict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let way = Self::ALL.into_iter().find(|way| way.as_str() == text);
        way.ok_or_else(|| {
            format!(
                "{text:?} is no way out of an address conflict, expected defend, report or withdraw"
            )
        })
    }
}

impl fmt::Display for OnAddressConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an interface's own table leaves open is what the file says for all, and after that ours.
pub(super) fn complete(own: PresenceKeys, all: PresenceKeys) -> Presence {
    let default = Presence::default();
    let every = own.every.or(all.every).flatten();
    Presence {
        announce: own.announce.or(all.announce).unwrap_or(default.announce),
        every: every.map(|seconds| Duration::from_secs(seconds.into())),
        on_conflict: own.on_conflict.or(all.on_conflict).unwrap_or_default(),
    }
}

/// What should be logged of what will not be announced though it may seem to be.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, interface) in &config.interfaces {
        let presence = interface.presence;
        if !presence.announce {
            if presence.every.is_some() {
                notes.push(format!(
                    "{name}: announce-every is not used: nothing is announced there"
                ));
            }
            continue;
        }
        let vlans = interface.vlans.iter();
        let vlans = vlans.map(|(id, vlan)| (format!("{name} VLAN {id}"), vlan.proxy_arp.len()));
        let own = (name.clone(), interface.proxy_arp.len());
        for (place, count) in [own].into_iter().chain(vlans) {
            if count > PROXIED_MAX {
                notes.push(format!(
                    "{place}: {count} addresses on proxy-arp are answered for but not announced: of more than {PROXIED_MAX} \
                     others would hear for too long"
                ));
            }
        }
    }
    notes
}
