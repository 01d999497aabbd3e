//! Whole frames on one interface: finds it, says why it cannot be used, and drives an engine over a packet socket.

use std::io;
use std::ops::ControlFlow;
use std::time::Instant;

use libc::sock_filter;

use crate::ether::{Engine, MacAddr};
use crate::link::{Link, Links, Watch, WatchError};
use crate::net::{Options, PacketSocket, until};

/// Room for the largest frame of any interface: 64 KiB of payload, a header and tags.
const FRAME_MAX: usize = (64 << 10) + 64;

/// Why frames cannot be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The interfaces are not known.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// There is none of this name.
    #[error("{name}: no such interface; there {known}")]
    NoSuchInterface {
        /// The name.
        name: String,
        /// Which there are.
        known: String,
    },
    /// None was named, and it is not clear which one is meant.
    #[error("which interface? {0}: name one with --iface")]
    Which(String),
    /// It cannot carry what is to be sent.
    #[error("{interface}: {reason}")]
    Unfit {
        /// Its name.
        interface: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// The socket cannot be opened.
    #[error("{interface}: {source}")]
    Open {
        /// The interface.
        interface: String,
        /// Why not.
        source: io::Error,
    },
    /// A frame was not sent.
    #[error("send a frame of {length} bytes on {interface}: {source}")]
    Send {
        /// The interface.
        interface: String,
        /// The frame's length.
        length: usize,
        /// Why not.
        source: io::Error,
    },
    /// It was deleted.
    #[error("{interface} is gone: it was deleted, or moved to another namespace")]
    Gone {
        /// The interface.
        interface: String,
    },
    /// The socket failed.
    #[error("receive on {interface}: {source}")]
    Receive {
        /// The interface.
        interface: String,
        /// Why.
        source: io::Error,
    },
}

/// What an interface has to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Carry Ethernet frames.
    Ethernet,
    /// Have neighbours that are found by ARP.
    Arp,
    /// Have neighbours that are found by Neighbor Discovery: carry multicast.
    Multicast,
}

/// An interface and a socket for its frames.
#[derive(Debug)]
pub struct Raw {
    link: Link,
    watch: Watch,
    socket: PacketSocket,
}

impl Raw {
    /// Opens the interface of this name, for frames that pass a filter; see [`choose`](Self::choose) for how to do
    /// without a name.
    pub async fn open(name: &str, need: Need, filter: &[sock_filter]) -> Result<Self, RawError> {
        Self::choose(need, filter, |links| named(links, name)).await
    }

    /// Opens the interface that is chosen among all by its index.
    pub async fn choose(
        need: Need,
        filter: &[sock_filter],
        choice: impl FnOnce(&Links) -> Result<u32, RawError>,
    ) -> Result<Self, RawError> {
        Self::choose_with(need, filter, Options::default(), choice).await
    }

    /// Opens the interface of this name, or the only one that can carry frames, and receives more of them.
    pub async fn with(
        name: Option<&str>,
        filter: &[sock_filter],
        options: Options,
    ) -> Result<Self, RawError> {
        Self::choose_with(Need::Ethernet, filter, options, |links| match name {
            Some(name) => named(links, name),
            None => only(links),
        })
        .await
    }

    async fn choose_with(
        need: Need,
        filter: &[sock_filter],
        options: Options,
        choice: impl FnOnce(&Links) -> Result<u32, RawError>,
    ) -> Result<Self, RawError> {
        let (watch, links) = Watch::open().await?;
        let index = choice(&links)?;
        let link = links.by_index.get(&index).cloned().unwrap_or_default();
        check(&link, need)?;
        let socket = PacketSocket::with(link.index, filter, options);
        let socket = socket.map_err(|source| RawError::Open {
            interface: link.name.clone(),
            source,
        })?;
        Ok(Self {
            link,
            watch,
            socket,
        })
    }

    /// The interface as it was when it was opened.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Its hardware address.
    pub fn mac(&self) -> MacAddr {
        MacAddr(self.link.mac.unwrap_or_default())
    }

    /// All interfaces, followed as they change.
    pub fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// The socket.
    pub fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// Both, to wait for either.
    pub fn split(&mut self) -> (&PacketSocket, &mut Watch) {
        (&self.socket, &mut self.watch)
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) -> Result<(), RawError> {
        self.socket.send(frame).map_err(|source| RawError::Send {
            interface: self.link.name.clone(),
            length: frame.len(),
            source,
        })
    }

    /// Drives an engine until `heed` breaks with what is wanted of it. Gives `None` where the engine waits for nothing any
    /// more: no deadline is set; an engine that listens for ever has to be given `endless`. Nothing is lost if the
    /// future is dropped: it can be driven on.
    pub async fn drive<E: Engine, T>(
        &self,
        engine: &mut E,
        endless: bool,
        mut heed: impl FnMut(E::Event) -> ControlFlow<T>,
    ) -> Result<Option<T>, RawError> {
        let mut buffer = vec![0; FRAME_MAX];
        loop {
            // An engine may ask and be answered in one turn: what it says comes before what it found.
            while let Some(frame) = engine.poll_transmit() {
                self.send(&frame)?;
            }
            while let Some(event) = engine.poll_event() {
                if let ControlFlow::Break(found) = heed(event) {
                    return Ok(Some(found));
                }
            }
            let deadline = engine.poll_timeout();
            if deadline.is_none() && !endless {
                return Ok(None);
            }
            tokio::select! {
                biased;
                received = self.socket.recv(&mut buffer) => {
                    let received = received.map_err(|source| RawError::Receive {
                        interface: self.link.name.clone(),
                        source,
                    })?;
                    let frame = buffer.get(..received.length).unwrap_or_default();
                    engine.handle_frame(Instant::now(), frame);
                }
                () = until(deadline) => engine.handle_timeout(Instant::now()),
            }
        }
    }
}

/// The interface of this name, or number, as it may stand behind an address (RFC 4007 11.2).
fn named(links: &Links, name: &str) -> Result<u32, RawError> {
    let numbered = || links.by_index.get(&name.parse().ok()?);
    let link = links.by_name(name).or_else(numbered);
    link.map(|link| link.index)
        .ok_or_else(|| RawError::NoSuchInterface {
            name: name.to_owned(),
            known: known(links),
        })
}

/// The only interface that can carry frames.
fn only(links: &Links) -> Result<u32, RawError> {
    let fit = links.by_index.values();
    let fit: Vec<_> = fit
        .filter(|link| check(link, Need::Ethernet).is_ok())
        .collect();
    match fit.as_slice() {
        [one] => Ok(one.index),
        [] => Err(RawError::Which("no Ethernet interface is up".to_owned())),
        several => {
            let names: Vec<_> = several.iter().map(|link| link.name.as_str()).collect();
            Err(RawError::Which(format!("it may be {}", names.join(" or "))))
        }
    }
}

/// Whether an interface can do what is needed.
fn check(link: &Link, need: Need) -> Result<(), RawError> {
    let reason = if !link.ethernet || link.mac.is_none() {
        "not an Ethernet interface"
    } else if !link.up {
        "down, or without a carrier: set it up first"
    } else if need == Need::Arp && link.noarp {
        "does not use ARP (NOARP): ip link set arp on"
    } else if need == Need::Multicast && !link.multicast {
        "cannot carry multicast, which Neighbor Discovery needs: ip link set multicast on"
    } else {
        return Ok(());
    };
    Err(RawError::Unfit {
        interface: link.name.clone(),
        reason,
    })
}

/// The interfaces there are, in a sentence.
fn known(links: &Links) -> String {
    let names: Vec<&str> = links
        .by_index
        .values()
        .map(|link| link.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "is none".to_owned(),
        [one] => format!("is {one}"),
        many => format!("are {}", many.join(", ")),
    }
}
