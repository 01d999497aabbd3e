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

/// Frames that come before a deadline that has passed: an answer that waits in the socket counts, and this is more than wait
/// in any; a flood is not to put off for ever what is due.
const LATE_MAX: u32 = 1024;

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
    #[error("{interface}: {error}")]
    Open {
        /// The interface.
        interface: String,
        /// Why not.
        error: io::Error,
    },
    /// A frame was not sent.
    #[error("send a frame of {length} bytes on {interface}: {error}")]
    Send {
        /// The interface.
        interface: String,
        /// The frame's length.
        length: usize,
        /// Why not.
        error: io::Error,
    },
    /// It was deleted.
    #[error("{interface} is gone: it was deleted, or moved to another namespace")]
    Gone {
        /// The interface.
        interface: String,
    },
    /// The socket failed.
    #[error("receive on {interface}: {error}")]
    Receive {
        /// The interface.
        interface: String,
        /// Why.
        error: io::Error,
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
        let socket = socket.map_err(|error| RawError::Open {
            interface: link.name.clone(),
            error,
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
        self.socket.send(frame).map_err(|error| RawError::Send {
            interface: self.link.name.clone(),
            length: frame.len(),
            error,
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
        let mut late = 0;
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
                frame = self.receive(&mut buffer) => {
                    let now = Instant::now();
                    engine.handle_frame(now, frame?);
                    late = match deadline {
                        Some(deadline) if deadline <= now => late + 1,
                        _ => 0,
                    };
                    if late >= LATE_MAX {
                        engine.handle_timeout(now);
                        late = 0;
                    }
                }
                () = until(deadline) => engine.handle_timeout(Instant::now()),
            }
        }
    }

    async fn receive<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RawError> {
        let received = self.socket.recv(buffer).await;
        let received = received.map_err(|error| RawError::Receive {
            interface: self.link.name.clone(),
            error,
        })?;
        Ok(buffer.get(..received.length).unwrap_or_default())
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
    match links.by_index.len() {
        0 => "is none".to_owned(),
        1 => format!("is {}", links.names()),
        _ => format!("are {}", links.names()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::space::in_namespace;
    use crate::net::all_filter;
    use crate::net::pair::bare_pair;

    /// Something is due at once; each frame that it takes brings another.
    struct Flooded {
        peer: PacketSocket,
        frames: u32,
        due: Option<Instant>,
    }

    impl Engine for Flooded {
        type Event = u32;

        fn handle_frame(&mut self, _: Instant, frame: &[u8]) {
            self.frames += 1;
            if self.frames < 5 * LATE_MAX {
                self.peer.send(frame).unwrap();
            }
        }

        fn handle_timeout(&mut self, _: Instant) {
            self.due = None;
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.due
        }

        fn poll_transmit(&mut self) -> Option<Vec<u8>> {
            None
        }

        fn poll_event(&mut self) -> Option<u32> {
            self.due.is_none().then_some(self.frames)
        }
    }

    #[test]
    fn a_flood_does_not_put_off_for_ever_what_is_due() {
        in_namespace(async || {
            let (_, theirs) = bare_pair().await;
            let raw = Raw::open("v0", Need::Ethernet, &all_filter())
                .await
                .unwrap();
            let peer = PacketSocket::open(theirs, &all_filter()).unwrap();
            peer.send(&[[0xff; 6], [2, 0, 0, 0, 0, 9], [0x88, 0xb5, 0, 0, 0, 0]].concat())
                .unwrap();
            let mut engine = Flooded {
                peer,
                frames: 0,
                due: Some(Instant::now()),
            };
            let heed = ControlFlow::Break;
            let frames = raw.drive(&mut engine, false, heed).await.unwrap();
            // Where the flood pauses for a moment it is done even sooner.
            assert!(
                frames.is_some_and(|frames| frames <= LATE_MAX),
                "{frames:?}"
            );
        });
    }
}
