//! Keeps the table true to what the kernel says: dumps, the events between them, and what to do when some were lost.
//! Bytes in, requests out; the socket is `watch`'s.

use std::io;

use netlink_packet_route::RouteNetlinkMessage;

use super::decode::{self, Body, Received};
use super::{Change, Links, WatchError};

/// The table, and the dump that is under way.
#[derive(Debug, Default)]
pub(super) struct Follower {
    links: Links,
    /// Our port, to tell replies from events.
    port: u32,
    sequence: u32,
    dump: Option<Dump>,
    request: Option<Vec<u8>>,
    changed: bool,
    resynced: bool,
}

/// A dump that is under way.
#[derive(Debug)]
struct Dump {
    stage: Stage,
    fresh: Links,
    /// Events since its begin. A dump is read without the lock under which events are made, so that one may come
    /// before a reply that does not yet know of it: the events are applied again when the dump is complete.
    events: Vec<RouteNetlinkMessage>,
    /// Whether it is worth nothing, because the kernel's table changed under it or events were lost.
    spoilt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Links,
    Addresses,
}

impl Follower {
    /// Begins with a dump. `port` is the socket's, which must have joined its groups already.
    pub fn new(port: u32) -> Self {
        let mut follower = Self {
            port,
            ..Self::default()
        };
        follower.begin_dump();
        follower
    }

    /// The table as far as it is known.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Asks for everything anew.
    pub fn resync(&mut self) {
        match &mut self.dump {
            // The kernel runs one dump for each socket, so this one must end first.
            Some(dump) => dump.spoilt = true,
            None => self.begin_dump(),
        }
    }

    /// The request to be sent to the kernel now.
    pub fn poll_request(&mut self) -> Option<Vec<u8>> {
        self.request.take()
    }

    /// What has changed since the last call.
    pub fn poll_change(&mut self) -> Option<Change> {
        let changed = std::mem::take(&mut self.changed);
        if std::mem::take(&mut self.resynced) {
            Some(Change::Resynced)
        } else {
            changed.then_some(Change::Links)
        }
    }

    /// Takes in a datagram from the kernel.
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Result<(), WatchError> {
        for message in decode::messages(datagram) {
            let reply = message.port == self.port && message.sequence == self.sequence;
            if reply && self.dump.is_some() {
                self.handle_reply(message)?;
            } else if let Body::Route(event) = message.body {
                self.handle_event(event);
            }
        }
        Ok(())
    }

    fn handle_event(&mut self, event: RouteNetlinkMessage) {
        // Events of an interface come before those of its addresses; if not, one was lost.
        let orphan = matches!(&event, RouteNetlinkMessage::NewAddress(message)
            if !self.links.by_index.contains_key(&message.header.index));
        self.changed |= self.links.apply(&event);
        match &mut self.dump {
            Some(dump) => dump.events.push(event),
            None if orphan => self.begin_dump(),
            None => {}
        }
    }

    fn handle_reply(&mut self, reply: Received) -> Result<(), WatchError> {
        let Some(dump) = &mut self.dump else {
            return Ok(());
        };
        dump.spoilt |= reply.interrupted;
        match reply.body {
            Body::Route(message) => {
                dump.fresh.apply_dumped(&message);
            }
            Body::Done(None) => self.end_stage(),
            // What the kernel reports of a dump that it could not finish consistently.
            Body::Done(Some(libc::EINTR | libc::EAGAIN)) => {
                dump.spoilt = true;
                self.end_stage();
            }
            Body::Done(Some(code)) | Body::Refused(code) => {
                let what = dump.stage.what();
                return Err(WatchError::Dump {
                    what,
                    source: io::Error::from_raw_os_error(code),
                });
            }
            Body::Other => {}
        }
        Ok(())
    }

    fn end_stage(&mut self) {
        let Some(mut dump) = self.dump.take() else {
            return;
        };
        if dump.spoilt {
            self.begin_dump();
        } else if dump.stage == Stage::Links {
            dump.stage = Stage::Addresses;
            self.dump = Some(dump);
            self.ask(Stage::Addresses);
        } else {
            for event in &dump.events {
                dump.fresh.apply(event);
            }
            self.links = dump.fresh;
            self.resynced = true;
        }
    }

    fn begin_dump(&mut self) {
        self.dump = Some(Dump {
            stage: Stage::Links,
            fresh: Links::default(),
            events: Vec::new(),
            spoilt: false,
        });
        self.ask(Stage::Links);
    }

    fn ask(&mut self, stage: Stage) {
        // Never 0, which events have.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.request = Some(match stage {
            Stage::Links => decode::dump_links(self.sequence),
            Stage::Addresses => decode::dump_addresses(self.sequence),
        });
    }
}

impl Stage {
    fn what(self) -> &'static str {
        match self {
            Self::Links => "interfaces",
            Self::Addresses => "addresses",
        }
    }
}
