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
    /// Events since the kernel was asked. A dump is read without the lock under which events are made, so that one may
    /// come before a reply that does not yet know of it: the events are applied again when the dump is complete.
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
        let asked = self.is_asked();
        match &mut self.dump {
            // The kernel runs one dump for each socket, so this one must end first.
            Some(dump) if asked => dump.spoilt = true,
            Some(_) => {}
            None => self.begin_dump(),
        }
    }

    /// Whether there is a request to be sent, as soon as everything that is queued has been taken in: of what was lost
    /// the kernel tells only once until then, and what is queued may be older than what was lost.
    pub fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// The request to be sent to the kernel.
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
        let asked = self.is_asked();
        match &mut self.dump {
            Some(dump) if asked => dump.events.push(event),
            Some(_) => {}
            None if orphan => self.begin_dump(),
            None => {}
        }
    }

    /// Whether a dump is under way and the kernel knows of it.
    fn is_asked(&self) -> bool {
        self.dump
            .as_ref()
            .is_some_and(|dump| dump.stage == Stage::Addresses || self.request.is_none())
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

#[cfg(test)]
mod tests {
    use netlink_packet_core::{
        NLM_F_DUMP_INTR, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
    };
    use netlink_packet_route::AddressFamily;
    use netlink_packet_route::address::{AddressAttribute, AddressMessage};
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};

    use super::*;

    const PORT: u32 = 77;

    fn link(index: u32, name: &str) -> RouteNetlinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::IfName(name.into()));
        RouteNetlinkMessage::NewLink(message)
    }

    fn no_link(index: u32) -> RouteNetlinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        RouteNetlinkMessage::DelLink(message)
    }

    fn address(index: u32, ip: [u8; 4]) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.index = index;
        message.header.prefix_len = 24;
        message.attributes.push(AddressAttribute::Local(ip.into()));
        message
    }

    fn bytes<T: NetlinkSerializable>(
        payload: NetlinkPayload<T>,
        sequence: u32,
        port: u32,
        flags: u16,
    ) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        (header.sequence_number, header.port_number, header.flags) = (sequence, port, flags);
        let mut message = NetlinkMessage::new(header, payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    /// An error or a done message.
    fn number(message_type: u16, code: i32, sequence: u32, flags: u16) -> Vec<u8> {
        let mut bytes = vec![20, 0, 0, 0];
        bytes.extend(message_type.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(PORT.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes
    }

    /// A kernel's side of the conversation.
    struct Kernel {
        follower: Follower,
    }

    impl Kernel {
        fn new() -> Self {
            Self {
                follower: Follower::new(PORT),
            }
        }

        fn with_eth0() -> Self {
            let mut kernel = Self::new();
            kernel.answers_links(&[link(2, "eth0")]);
            kernel.answers_addresses(&[address(2, [10, 0, 0, 1])]);
            assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
            kernel
        }

        fn is_asked(&mut self) -> Option<u16> {
            let request = self.follower.poll_request()?;
            Some(u16::from_ne_bytes(request[4..6].try_into().unwrap()))
        }

        fn says(&mut self, event: RouteNetlinkMessage) {
            let datagram = bytes(NetlinkPayload::InnerMessage(event), 0, 0, 0);
            self.follower.handle_datagram(&datagram).unwrap();
        }

        fn replies(&mut self, message: RouteNetlinkMessage, flags: u16) {
            let datagram = bytes(
                NetlinkPayload::InnerMessage(message),
                self.follower.sequence,
                PORT,
                flags,
            );
            self.follower.handle_datagram(&datagram).unwrap();
        }

        fn is_done(&mut self, flags: u16) {
            self.follower
                .handle_datagram(&number(3, 0, self.follower.sequence, flags))
                .unwrap();
        }

        fn answers_links(&mut self, links: &[RouteNetlinkMessage]) {
            assert_eq!(self.is_asked(), Some(libc::RTM_GETLINK));
            for link in links {
                self.replies(link.clone(), 0);
            }
            self.is_done(0);
        }

        fn answers_addresses(&mut self, addresses: &[AddressMessage]) {
            assert_eq!(self.is_asked(), Some(libc::RTM_GETADDR));
            for address in addresses {
                self.replies(RouteNetlinkMessage::NewAddress(address.clone()), 0);
            }
            self.is_done(0);
        }

        fn knows(&self) -> Vec<String> {
            let links = self.follower.links().by_index.values();
            links
                .map(|link| {
                    let ips: Vec<_> = link
                        .addresses
                        .iter()
                        .map(|address| address.ip.to_string())
                        .collect();
                    format!("{} {}", link.name, ips.join(" "))
                })
                .collect()
        }
    }

    #[test]
    fn it_begins_with_a_dump_of_links_and_then_of_addresses() {
        let mut kernel = Kernel::with_eth0();
        assert_eq!(kernel.knows(), ["eth0 10.0.0.1"]);
        assert_eq!(
            (kernel.is_asked(), kernel.follower.poll_change()),
            (None, None)
        );
    }

    #[test]
    fn an_event_is_told_once_and_only_if_it_changes_something() {
        let mut kernel = Kernel::with_eth0();
        kernel.says(RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 1])));
        assert_eq!(kernel.follower.poll_change(), None);
        kernel.says(RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 2])));
        assert_eq!(kernel.follower.poll_change(), Some(Change::Links));
        assert_eq!(kernel.follower.poll_change(), None);
        assert_eq!(kernel.knows(), ["eth0 10.0.0.1 10.0.0.2"]);
    }

    #[test]
    fn what_happens_during_a_dump_is_not_lost_whether_the_dump_knows_of_it_or_not() {
        let mut kernel = Kernel::new();
        assert_eq!(kernel.is_asked(), Some(libc::RTM_GETLINK));
        kernel.says(link(3, "eth1"));
        kernel.replies(link(2, "eth0"), 0);
        kernel.replies(link(4, "old"), 0);
        kernel.is_done(0);
        assert_eq!(kernel.is_asked(), Some(libc::RTM_GETADDR));
        // Gone, and then in a reply that was read before.
        kernel.says(RouteNetlinkMessage::DelAddress(address(2, [10, 0, 0, 1])));
        kernel.replies(
            RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 1])),
            0,
        );
        kernel.replies(
            RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 2])),
            0,
        );
        kernel.says(RouteNetlinkMessage::NewAddress(address(3, [10, 1, 0, 1])));
        kernel.says(no_link(4));
        kernel.is_done(0);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
        assert_eq!(kernel.knows(), ["eth0 10.0.0.2", "eth1 10.1.0.1"]);
    }

    #[test]
    fn what_was_queued_before_a_dump_is_older_than_the_dump() {
        let mut kernel = Kernel::with_eth0();
        kernel.follower.resync();
        // Its removal is among the events that were lost.
        kernel.says(RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 9])));
        kernel.follower.resync();
        kernel.answers_links(&[link(2, "eth0")]);
        kernel.answers_addresses(&[address(2, [10, 0, 0, 1])]);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
        assert_eq!(kernel.knows(), ["eth0 10.0.0.1"]);
    }

    #[test]
    fn an_interrupted_dump_is_repeated() {
        for (in_message, in_done) in [(NLM_F_DUMP_INTR, 0), (0, NLM_F_DUMP_INTR)] {
            let mut kernel = Kernel::new();
            kernel.is_asked();
            kernel.replies(link(2, "stale"), in_message);
            kernel.is_done(in_done);
            assert_eq!(kernel.follower.poll_change(), None);
            kernel.answers_links(&[link(2, "eth0")]);
            kernel.answers_addresses(&[]);
            assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
            assert_eq!(kernel.knows(), ["eth0 "]);
        }
    }

    #[test]
    fn lost_events_are_made_good_by_a_dump_and_meanwhile_others_count() {
        let mut kernel = Kernel::with_eth0();
        kernel.follower.resync();
        assert_eq!(kernel.follower.poll_change(), None);
        kernel.says(RouteNetlinkMessage::NewAddress(address(2, [10, 0, 0, 2])));
        assert_eq!(kernel.follower.poll_change(), Some(Change::Links));
        kernel.answers_links(&[link(2, "eth0"), link(5, "eth5")]);
        kernel.answers_addresses(&[address(2, [10, 0, 0, 2])]);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
        assert_eq!(kernel.knows(), ["eth0 10.0.0.2", "eth5 "]);
    }

    #[test]
    fn events_lost_during_a_dump_cost_another_one_after_its_end() {
        let mut kernel = Kernel::with_eth0();
        kernel.follower.resync();
        assert_eq!(kernel.is_asked(), Some(libc::RTM_GETLINK));
        kernel.follower.resync();
        assert_eq!(kernel.is_asked(), None);
        kernel.is_done(0);
        kernel.answers_links(&[link(2, "eth0")]);
        kernel.answers_addresses(&[]);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
    }

    #[test]
    fn an_address_without_its_interface_shows_that_an_event_was_lost() {
        let mut kernel = Kernel::with_eth0();
        kernel.says(RouteNetlinkMessage::NewAddress(address(9, [10, 9, 0, 1])));
        kernel.answers_links(&[link(9, "eth9")]);
        kernel.answers_addresses(&[address(9, [10, 9, 0, 1])]);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Resynced));
        assert_eq!(kernel.knows(), ["eth9 10.9.0.1"]);
    }

    #[test]
    fn an_address_that_outlives_its_interface_is_no_reason_for_a_dump() {
        let mut kernel = Kernel::with_eth0();
        kernel.says(no_link(2));
        kernel.says(RouteNetlinkMessage::DelAddress(address(2, [10, 0, 0, 1])));
        assert_eq!(kernel.is_asked(), None);
        assert_eq!(kernel.follower.poll_change(), Some(Change::Links));
        assert!(kernel.knows().is_empty());
    }

    #[test]
    fn a_reply_to_an_older_request_is_no_part_of_the_dump() {
        let mut kernel = Kernel::new();
        kernel.is_asked();
        let late = number(3, 0, kernel.follower.sequence.wrapping_sub(1), 0);
        kernel.follower.handle_datagram(&late).unwrap();
        assert_eq!(kernel.is_asked(), None);
        kernel.is_done(0);
        assert_eq!(kernel.is_asked(), Some(libc::RTM_GETADDR));
    }

    #[test]
    fn a_refused_dump_says_what_was_asked_for() {
        let mut kernel = Kernel::new();
        kernel.is_asked();
        let datagram = number(2, -1, kernel.follower.sequence, 0);
        let error = kernel
            .follower
            .handle_datagram(&datagram)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("ask the kernel for its interfaces: Operation not permitted"),
            "{error}"
        );
    }
}
