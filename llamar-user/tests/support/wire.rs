//! A raw wire: frames out of an interface as they are given, and what comes back, as it came.

use std::os::fd::OwnedFd;
use std::time::Instant;

use etherparse::{SlicedPacket, TransportSlice};
use llamar_common::testing::{Query, complete_checksum};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;

use super::DEADLINE;
use super::net::Namespace;
use super::reply::{Arp, Reply};
use super::sys::{hear_outgoing, packet_socket, receive_frame, send_frame};

/// A packet socket on an interface in a namespace.
pub struct Wire {
    socket: OwnedFd,
}

impl Wire {
    /// Opens the wire behind an interface.
    pub fn open(namespace: &Namespace, interface: &str) -> Self {
        let socket = namespace
            .inside(|| packet_socket(interface))
            .expect("open a packet socket");
        Self { socket }
    }

    /// The same where what the host itself sends is heard too, in the order in which it all went by.
    pub fn tap(namespace: &Namespace, interface: &str) -> Self {
        let wire = Self::open(namespace, interface);
        hear_outgoing(&wire.socket).expect("hear what the host sends");
        wire.hold(1 << 20);
        wire
    }

    /// Sends a frame.
    #[track_caller]
    pub fn send(&self, frame: &[u8]) {
        assert!(self.offer(frame), "the link has no room for a frame");
    }

    /// Sends a frame unless the link has no room for it: whether it was sent.
    #[track_caller]
    pub fn offer(&self, frame: &[u8]) -> bool {
        match send_frame(&self.socket, frame) {
            Ok(()) => true,
            Err(why) if why.raw_os_error() == Some(libc::ENOBUFS) => false,
            Err(why) => panic!("send a frame: {why}"),
        }
    }

    /// Sends an LLMNR query and waits for the response to its id.
    #[track_caller]
    pub fn ask(&self, query: &Query) -> Reply {
        self.send(&query.build());
        self.reply_to(query)
    }

    /// Waits for the response to a query's id.
    #[track_caller]
    pub fn reply_to(&self, query: &Query) -> Reply {
        let wanted =
            |frame: &[u8]| Reply::decode(frame).filter(|reply| reply.message.id == query.sent_id());
        self.next(wanted)
            .unwrap_or_else(|| panic!("no answer to {query:?}"))
    }

    /// Sends a query that has no answer and then one that has: nothing but the second is answered.
    #[track_caller]
    pub fn assert_unanswered(&self, query: &Query, answered: &Query) {
        assert_ne!(
            query.sent_id(),
            answered.sent_id(),
            "the ids tell the queries apart"
        );
        self.send(&query.build());
        self.send(&answered.build());
        let reply = self
            .next(Reply::decode)
            .expect("an answer to the second query");
        assert_eq!(
            reply.message.id,
            answered.sent_id(),
            "an answer to {query:?}: {reply:?}"
        );
    }

    /// Sends an ARP request and waits for the reply from the address asked for.
    #[track_caller]
    pub fn ask_arp(&self, request: &[u8]) -> Arp {
        let asked = Arp::decode(request).expect("an ARP request");
        self.send(request);
        self.next(|frame| {
            Arp::decode(frame).filter(|arp| arp.operation == 2 && arp.sender.1 == asked.target.1)
        })
        .unwrap_or_else(|| panic!("no answer to {asked:?}"))
    }

    /// The next frame of which a test can make something, or `None` after the deadline.
    pub fn next<T>(&self, mut wanted: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if let Some(found) = self.receive().and_then(|frame| wanted(&frame)) {
                return Some(found);
            }
        }
        None
    }

    /// Everything that has arrived and was not taken.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// Has the kernel hold so many bytes of what arrives until it is taken.
    pub fn hold(&self, bytes: usize) {
        setsockopt(&self.socket, RcvBufForce, &bytes).expect("a larger buffer");
    }

    /// Everything that arrives until a condition holds and nothing comes any more, and when it was taken.
    pub fn listen(&self, ended: impl Fn() -> bool) -> Vec<(Instant, Vec<u8>)> {
        let mut heard = Vec::new();
        loop {
            let over = ended();
            match self.receive() {
                Some(frame) => heard.push((Instant::now(), frame)),
                None if over => return heard,
                None => {}
            }
        }
    }

    /// A frame, if one comes within some milliseconds.
    fn receive(&self) -> Option<Vec<u8>> {
        let mut received = receive_frame(&self.socket).expect("receive a frame")?;
        if received.checksum_is_partial && is_udp(&received.frame) {
            complete_checksum(&mut received.frame);
        }
        Some(received.frame)
    }
}

fn is_udp(frame: &[u8]) -> bool {
    let packet = SlicedPacket::from_ethernet(frame);
    packet.is_ok_and(|packet| matches!(packet.transport, Some(TransportSlice::Udp(_))))
}
