//! The configuration: what the administrator asks for, by files and by the command line, parsed and judged once.
//!
//! Nothing is checked again behind this module, and nothing here knows which interfaces there are: what is to be
//! served on them is worked out in `state`.

mod addresses;
mod error;
mod few;
mod file;
mod hosts;
mod ini;
mod load;
mod offers;
mod overlay;
mod presence;
mod service;
mod syntax;
mod table;
mod toml;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use llamar_common::limit::Rate;

use crate::dns::Name;

pub use addresses::{Addresses, Unusable, is_link_local, share_prefix};
pub use error::{ConfigError, Place, Problem};
pub use few::Few;
pub use load::{Loader, judge};
pub use overlay::{Overlay, judge_addition, judge_removal};
pub use presence::{ANNOUNCE_EVERY_MAX, ANNOUNCE_EVERY_MIN, OnAddressConflict, Presence};
pub use service::{Provider, Service, ServiceName};
pub use table::{Hosts, join};

/// TTL of LLMNR answers in seconds unless another is asked for (RFC 4795 2.8).
pub const TTL_DEFAULT: u32 = 30;

/// How often one source is answered unless another rate is asked for: far more often than anybody asks who means it
/// (RFC 4795 2.7 has askers wait for up to 100 ms before each query), and too seldom to do harm to one whose address
/// was forged.
pub const LIMIT_DEFAULT: Rate = Rate {
    per_second: 10_000,
    burst: 10_000,
};

/// What becomes of a name that another host has in mDNS too, unless something else is asked for (RFC 6762 9).
pub const MDNS_ON_CONFLICT_DEFAULT: OnConflict = OnConflict::Rename;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What the administrator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// The interfaces to be served, by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Names of `[hosts]`: held for others on every link, and so among the hosts of every interface and VLAN.
    pub everywhere: BTreeMap<Name, Vec<IpAddr>>,
    /// Names of the hosts file, with the default TTL: held for others on every link, and vouched for by who wrote it.
    pub hosts: Arc<Hosts>,
    /// Capacity of the kernel path's map of names.
    pub max_names: u32,
    /// What should be logged once, one sentence each.
    pub notes: Vec<String>,
}

/// An interface to be served; everything is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// This host's names on the interface.
    pub names: Vec<Name>,
    /// TTL of LLMNR answers in seconds.
    pub ttl: u32,
    /// How the kernel path is attached.
    pub xdp: XdpMode,
    /// How often one source is answered.
    pub limit: Rate,
    /// What becomes of a name that another host has too, in LLMNR.
    pub on_conflict: OnConflict,
    /// Whether mDNS is spoken.
    pub mdns: bool,
    /// What becomes of a name that another host has too, in mDNS.
    pub mdns_on_conflict: OnConflict,
    /// How its addresses are told of and watched over.
    pub presence: Presence,
    /// Services that are offered by mDNS; none where that is not spoken.
    pub services: Vec<Service>,
    /// Names held for others here: those of this interface and those of `[hosts]`.
    pub hosts: BTreeMap<Name, Vec<IpAddr>>,
    /// Names of the hosts file: [`Config::hosts`], with this interface's TTL.
    pub shared: Arc<Hosts>,
    /// Names of the hosts file that are not answered for here.
    pub hidden: BTreeSet<Name>,
    /// Addresses of others for which ARP requests are answered.
    pub proxy_arp: BTreeSet<Ipv4Addr>,
    /// VLANs whose tagged frames are answered, by id.
    pub vlans: BTreeMap<u16, Vlan>,
}

#[cfg(test)]
impl Interface {
    /// What tests begin with: names of this host, and what holds where nothing is said, but for the limit.
    pub fn named(names: Vec<Name>) -> Self {
        Self {
            names,
            ttl: 30,
            xdp: XdpMode::Auto,
            limit: Rate::OFF,
            on_conflict: OnConflict::Withdraw,
            mdns: true,
            mdns_on_conflict: OnConflict::Rename,
            presence: Presence::default(),
            services: Vec::new(),
            hosts: BTreeMap::new(),
            shared: Arc::default(),
            hidden: BTreeSet::new(),
            proxy_arp: BTreeSet::new(),
            vlans: BTreeMap::new(),
        }
    }
}

/// A VLAN of an interface. TTL, kernel path, limit, conflicts, announcements and the names of the hosts file are the
/// interface's matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// This host's names on the VLAN: the interface's, unless it has its own.
    pub names: Vec<Name>,
    /// Whether they are the interface's, so that a name that the interface gets is one of the VLAN too.
    pub inherits: bool,
    /// This host's addresses there, with the lengths of their prefixes, if it has no interface for the VLAN.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Names held for others here: those of this VLAN and those of `[hosts]`.
    pub hosts: BTreeMap<Name, Vec<IpAddr>>,
    /// Addresses of others for which ARP requests are answered.
    pub proxy_arp: BTreeSet<Ipv4Addr>,
}

/// How the kernel path is attached to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum XdpMode {
    /// Native where that is good for the interface, else generic.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the stack, with any driver.
    Generic,
    /// Not at all: everything is answered from userspace.
    Off,
}

impl XdpMode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Native, Self::Generic, Self::Off];

    /// The mode as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Off => "off",
        }
    }
}

impl FromStr for XdpMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mode = Self::ALL.into_iter().find(|mode| mode.as_str() == text);
        mode.ok_or_else(|| {
            format!("{text:?} is no mode of XDP, expected auto, native, generic or off")
        })
    }
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What becomes of a name of ours that another host on the link has too (RFC 4795 4.2, RFC 6762 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// It is answered for nevertheless.
    Keep,
    /// It is answered for no more on that link, until a later look finds it free.
    #[default]
    Withdraw,
    /// Another name made from it takes its place on that link.
    Rename,
}

impl OnConflict {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Withdraw, Self::Rename];

    /// The way as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Withdraw => "withdraw",
            Self::Rename => "rename",
        }
    }
}

impl FromStr for OnConflict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let way = Self::ALL.into_iter().find(|way| way.as_str() == text);
        way.ok_or_else(|| {
            format!("{text:?} is no way out of a conflict, expected withdraw, keep or rename")
        })
    }
}

impl fmt::Display for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the command line says; it wins over files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--iface`: interfaces to be served besides those of the file.
    pub ifaces: Vec<String>,
    /// `--config`: the file to be read instead of those in /etc.
    pub config: Option<PathBuf>,
    /// `--name`: this host's names on the interfaces of `--iface`, or without such on those that have none of their
    /// own.
    pub names: Vec<String>,
    /// `--xdp`, for every interface.
    pub xdp: Option<XdpMode>,
    /// `--ttl`, for every interface.
    pub ttl: Option<u32>,
    /// `--max-names`.
    pub max_names: Option<u32>,
    /// `--no-mdns`: on no interface.
    pub no_mdns: bool,
    /// `--no-announce`: on no interface.
    pub no_announce: bool,
}

/// What holds where the command line says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The TOML file that is read if it exists.
    pub toml: PathBuf,
    /// LLamar's INI file, read if it exists and the TOML file does not.
    pub ini: PathBuf,
    /// The host's name, whose first label is used where no name is given.
    pub hostname: String,
}

impl Defaults {
    /// Those of this machine.
    pub fn system() -> Self {
        let hostname = nix::unistd::gethostname().unwrap_or_default();
        Self {
            toml: "/etc/llamar.toml".into(),
            ini: "/etc/llmnr.conf".into(),
            hostname: hostname.to_string_lossy().into_owned(),
        }
    }
}
