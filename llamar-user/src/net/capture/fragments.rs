//! Fragments of IP packets, put together again (RFC 791 3.2, RFC 8200 4.5).

use std::collections::VecDeque;
use std::mem::take;
use std::net::IpAddr;
use std::time::Duration;

use etherparse::defrag::IpDefragBuf;
use etherparse::{
    IpFragOffset, IpNumber, Ipv6ExtensionSlice, Ipv6FragmentHeader, LaxIpv4Slice, LaxIpv6Slice,
    LaxNetSlice,
};

use super::Skip;
use super::frames::Frame;

/// Most packets that are waited for at once. Each has 64 KiB at most.
const OPEN_MAX: usize = 64;
/// How long a packet's fragments are waited for. RFC 8200 4.5 has a minute, RFC 791 3.2 as much as a TTL allows.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most fragments of a packet: every frame of 1280 bytes, which IPv6 requires of a link, carries more than 1 KiB.
const PIECES_MAX: u32 = 128;

/// A fragment.
#[derive(Debug)]
pub(super) struct Fragment<'a> {
    key: Key,
    number: IpNumber,
    offset: IpFragOffset,
    more: bool,
    bytes: &'a [u8],
}

/// What fragments of a packet have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    packet: Packet,
    vlan: Option<u16>,
    device: Option<u32>,
}

/// By what a packet is told from others on its link.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    from: IpAddr,
    to: IpAddr,
    id: u32,
    /// RFC 791 3.2: protocols have identifications of their own. IPv6 has them all together.
    protocol: Option<u8>,
}

impl<'a> Fragment<'a> {
    /// The fragment that a packet is.
    pub(super) fn of(
        packet: &LaxNetSlice<'a>,
        vlan: Option<u16>,
        device: Option<u32>,
    ) -> Option<Self> {
        let payload = packet.ip_payload_ref()?;
        let (packet, offset, more) = match packet {
            LaxNetSlice::Ipv4(ip) => of_v4(ip),
            LaxNetSlice::Ipv6(ip) => of_v6(ip)?,
            LaxNetSlice::Arp(_) => return None,
        };
        Some(Self {
            key: Key {
                packet,
                vlan,
                device,
            },
            number: payload.ip_number,
            offset,
            more,
            bytes: payload.payload,
        })
    }
}

/// Of which packet an IPv4 packet is a fragment, its offset there, and whether more follow.
fn of_v4(ip: &LaxIpv4Slice<'_>) -> (Packet, IpFragOffset, bool) {
    let header = ip.header();
    let packet = Packet {
        from: header.source_addr().into(),
        to: header.destination_addr().into(),
        id: header.identification().into(),
        protocol: Some(header.protocol().0),
    };
    (packet, header.fragments_offset(), header.more_fragments())
}

/// The same of an IPv6 packet, if it has a fragment header.
fn of_v6(ip: &LaxIpv6Slice<'_>) -> Option<(Packet, IpFragOffset, bool)> {
    let (header, fragment) = (ip.header(), fragment_header(ip)?);
    let packet = Packet {
        from: header.source_addr().into(),
        to: header.destination_addr().into(),
        id: fragment.identification,
        protocol: None,
    };
    Some((packet, fragment.fragment_offset, fragment.more_fragments))
}

fn fragment_header(ip: &LaxIpv6Slice<'_>) -> Option<Ipv6FragmentHeader> {
    let mut extensions = ip.extensions().clone().into_iter();
    extensions.find_map(|extension| match extension {
        Ipv6ExtensionSlice::Fragment(fragment) => Some(fragment.to_header()),
        _ => None,
    })
}

/// Packets of which not all fragments have come.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// The oldest first.
    open: VecDeque<Open>,
    /// Frames of packets that were given up and not told yet.
    given_up: u64,
}

#[derive(Debug)]
struct Open {
    key: Key,
    since: Duration,
    pieces: u32,
    buffer: IpDefragBuf,
    /// What comes first says what the packet is; RFC 8200 4.5: later ones may say otherwise and do not matter.
    number: Option<IpNumber>,
}

impl Fragments {
    /// Adds a fragment. What the packet is, and its bytes, if it is whole now.
    pub(super) fn add(
        &mut self,
        frame: &Frame,
        fragment: Fragment<'_>,
    ) -> Result<Option<(IpNumber, Vec<u8>)>, Skip> {
        self.expire(frame.at);
        let place = self.open.iter().position(|open| open.key == fragment.key);
        let place = place.unwrap_or_else(|| self.begin(frame.at, &fragment));
        let Some(open) = self.open.get_mut(place) else {
            return Err(Skip::Fragment);
        };
        open.pieces += 1;
        // RFC 5722 4, RFC 8200 4.5: a packet whose fragments overlap is discarded whole. A copy of one does no harm.
        let added = agrees(&open.buffer, &fragment)
            && open.pieces <= PIECES_MAX
            && open
                .buffer
                .add(fragment.offset, fragment.more, fragment.bytes)
                .is_ok();
        if !added {
            let open = self.open.remove(place);
            self.given_up += open.map_or(0, |open| u64::from(open.pieces) - 1);
            return Err(Skip::Fragment);
        }
        if fragment.offset.byte_offset() == 0 {
            open.number = Some(fragment.number);
        }
        if !open.buffer.is_complete() {
            return Ok(None);
        }
        let done = self.open.remove(place);
        Ok(done.map(|open| {
            let number = open.number.unwrap_or(fragment.number);
            (number, open.buffer.take_bufs().0)
        }))
    }

    /// The number of frames given up since this was asked last.
    pub(super) fn given_up(&mut self) -> u64 {
        take(&mut self.given_up)
    }

    /// Gives up everything; the number of frames.
    pub(super) fn give_up_all(&mut self) -> u64 {
        let open = take(&mut self.open).into_iter();
        let frames: u64 = open.map(|open| u64::from(open.pieces)).sum();
        self.given_up() + frames
    }

    fn begin(&mut self, now: Duration, fragment: &Fragment<'_>) -> usize {
        if self.open.len() == OPEN_MAX {
            self.give_up_oldest();
        }
        self.open.push_back(Open {
            key: fragment.key.clone(),
            since: now,
            pieces: 0,
            buffer: IpDefragBuf::new(fragment.number, Vec::new(), Vec::new()),
            number: None,
        });
        self.open.len() - 1
    }

    fn expire(&mut self, now: Duration) {
        let old = |open: &Open| now.saturating_sub(open.since) > PATIENCE;
        while self.open.front().is_some_and(old) {
            self.give_up_oldest();
        }
    }

    fn give_up_oldest(&mut self) {
        let oldest = self.open.pop_front();
        self.given_up += oldest.map_or(0, |open| u64::from(open.pieces));
    }
}

/// Whether a fragment agrees with what has come of its packet: nothing has come yet for its place, or the same bytes,
/// and nothing from behind the end.
fn agrees(buffer: &IpDefragBuf, fragment: &Fragment<'_>) -> bool {
    let start = usize::from(fragment.offset.byte_offset());
    let end = start + fragment.bytes.len();
    let sections = || {
        let sections = buffer.sections().iter();
        sections.map(|section| (usize::from(section.start), usize::from(section.end)))
    };
    if !fragment.more && sections().any(|(_, theirs)| theirs > end) {
        return false;
    }
    let is_free = sections().all(|(first, last)| last <= start || end <= first);
    let is_there = sections().any(|(first, last)| first <= start && end <= last);
    is_free || is_there && buffer.data().get(start..end) == Some(fragment.bytes)
}
