//! Asking others: the sockets and the clocks of engines, for tools and as a library. By LLMNR that is [`ask`], by mDNS
//! [`session`], by whole frames [`raw`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use llamar_user::ask::{Options, ask};
//! use llamar_user::dns::{Name, Question, kind};
//!
//! let question = Question { name: Name::parse("casa")?, kind: kind::A, class: kind::IN };
//! let answer = ask(question, &Options::default()).await?;
//! for (device, record) in answer.records() {
//!     println!("{device}: {:?}", record.data);
//! }
//! # Ok(())
//! # }
//! ```

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::dns::Question;
use crate::link::{Links, Watch, WatchError};
use crate::llmnr::sender::{Answer, Ask, Collect, Path};

mod paths;
mod query;
pub mod raw;
pub mod session;
mod socket;
pub mod tap;

pub use query::{Query, Unusable};

/// How something is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the interfaces; none means all that are up, can carry multicast, and are not loopback.
    pub interfaces: Vec<String>,
    /// The IP version; both by default.
    pub family: Option<Family>,
    /// Asks this host alone, over TCP.
    pub server: Option<IpAddr>,
    /// Whose answers are wanted.
    pub collect: Collect,
    /// How long answers are waited for; `None` is what RFC 4795 2.7 asks for.
    pub patience: Option<Duration>,
    /// Sends an OPT record with this UDP payload size.
    pub payload: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            family: None,
            server: None,
            collect: Collect::First,
            patience: None,
            payload: None,
        }
    }
}

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The version of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The interfaces are not known.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// There is none of this name.
    #[error("{0}: no such interface")]
    NoSuchInterface(String),
    /// The interface cannot be used.
    #[error("{interface}: {reason}")]
    Interface {
        /// Its name.
        interface: String,
        /// Why not.
        reason: &'static str,
    },
    /// The interface has no address from which to ask.
    #[error("{interface}: no usable {family} address")]
    NoAddress {
        /// Its name.
        interface: String,
        /// The IP version.
        family: &'static str,
    },
    /// No interface will do.
    #[error("no interface is up, can carry multicast and has an address")]
    NoInterface,
    /// A host to ask is not on any link.
    #[error("{0} is on no link of those to ask on: LLMNR reaches hosts on the link only")]
    OffLink(IpAddr),
    /// No socket could be had.
    #[error("open a socket on {interface}: {source}")]
    Open {
        /// The interface's name.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nothing could be sent.
    #[error("ask on {interface} from {from}: {source}")]
    Send {
        /// The interface's name.
        interface: String,
        /// Our address.
        from: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The ways to ask that some options leave, as the interfaces were when it was made.
#[derive(Clone, Debug)]
pub struct Asker {
    links: Links,
    paths: Vec<Path>,
    options: Options,
}

impl Asker {
    /// Reads the interfaces.
    pub async fn open(options: &Options) -> Result<Self, AskError> {
        let (_, links) = Watch::open().await?;
        let paths = paths::paths(&links, options)?;
        Ok(Self {
            links,
            paths,
            options: options.clone(),
        })
    }

    /// Starts to ask a question.
    pub fn ask(&self, question: Question) -> Query {
        let ask = Ask {
            question,
            collect: self.options.collect,
            patience: self.options.patience,
            server: self.options.server,
            payload: self.options.payload,
        };
        Query::new(ask, self.paths.clone(), &self.links)
    }

    /// The links and our addresses on them by which is asked.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The name of an interface.
    pub fn interface(&self, device: u32) -> String {
        name(&self.links, device)
    }
}

fn name(links: &Links, device: u32) -> String {
    match links.by_index.get(&device) {
        Some(link) => link.name.clone(),
        None => device.to_string(),
    }
}

/// Asks a question; the answer is empty if nobody gives one. What comes later is heard by a task of the runtime, for
/// the sake of conflicts.
pub async fn ask(question: Question, options: &Options) -> Result<Answer, AskError> {
    let mut query = Asker::open(options).await?.ask(question);
    let answer = query.answer().await?;
    tokio::spawn(async move { query.finish().await });
    Ok(answer)
}
