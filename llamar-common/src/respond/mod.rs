//! Turns a frame into its answer, in place. The same code runs in the kernel and in the agent.
//!
//! Unsure means pass: a frame that is not fully understood, or that needs state over time, stays as it is and
//! goes on to the stack.

mod arp;
mod llmnr;
mod mdns;

use crate::abi::{Link, LinkKey, NO_LINK, Outcome};
use crate::frame::Frame;
use crate::limit::{self, Source};
use crate::records::{Records, World};
use crate::wire::{be16, ethernet, le48, put, put48};

pub use self::arp::sender_slot;

// Addresses are words here, not byte arrays: those would go through the kernel's stack byte by byte, or in words
// that are not aligned, which the verifier refuses there.
const GROUP_V4: u64 = ethernet::word(ethernet::LLMNR_V4);
const GROUP_V6: u64 = ethernet::word(ethernet::LLMNR_V6);
const MDNS_V4: u64 = ethernet::word(ethernet::MDNS_V4);
const MDNS_V6: u64 = ethernet::word(ethernet::MDNS_V6);

/// What is to become of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the frame is now an answer, to be sent out where it came in. Otherwise it is untouched.
    pub reply: bool,
    /// Whether the frame, untouched, is to go no further: its source asks too often.
    pub drop: bool,
    /// What to count; nothing for traffic that is none of ours.
    pub outcome: Option<Outcome>,
    /// Place of the counters.
    pub slot: u32,
}

/// A [`Verdict`] on its way out. Words only: a `bool` brings padding along, which the compiler moves over the
/// kernel's stack in pieces that are not aligned.
#[derive(Clone, Copy)]
struct Ending {
    act: Act,
    outcome: Option<Outcome>,
    slot: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Act {
    Pass,
    Reply,
    Drop,
}

impl Ending {
    const UNCOUNTED: Self = Self {
        act: Act::Pass,
        outcome: None,
        slot: NO_LINK,
    };

    #[inline(always)]
    const fn pass(outcome: Outcome, slot: u32) -> Self {
        Self {
            act: Act::Pass,
            outcome: Some(outcome),
            slot,
        }
    }

    #[inline(always)]
    const fn reply(outcome: Outcome, slot: u32) -> Self {
        Self {
            act: Act::Reply,
            outcome: Some(outcome),
            slot,
        }
    }

    #[inline(always)]
    const fn drop(outcome: Outcome, slot: u32) -> Self {
        Self {
            act: Act::Drop,
            outcome: Some(outcome),
            slot,
        }
    }
}

/// Answers a frame in place, or leaves it as it is.
#[inline(always)]
pub fn respond<F: Frame, R: Records>(frame: &mut F, records: &R) -> Verdict {
    let Ending { act, outcome, slot } = dispatch(frame, records);
    Verdict {
        reply: act == Act::Reply,
        drop: act == Act::Drop,
        outcome,
        slot,
    }
}

#[inline(always)]
fn dispatch<F: Frame, R: Records>(frame: &mut F, records: &R) -> Ending {
    let Some(header) = frame.window::<{ ethernet::HEADER }>(0) else {
        return Ending::UNCOUNTED;
    };
    let destination = le48(header, ethernet::DESTINATION);
    match be16(header, ethernet::ETHER_TYPE) {
        ethernet::ARP => arp::respond(frame, records, Tag::None),
        ethernet::IPV4 if destination == GROUP_V4 => {
            llmnr::respond::<llmnr::V4, _, _>(frame, records, Tag::None)
        }
        ethernet::IPV6 if destination == GROUP_V6 => {
            llmnr::respond::<llmnr::V6, _, _>(frame, records, Tag::None)
        }
        ethernet::IPV4 if destination == MDNS_V4 => mdns::count_v4(frame, records, Tag::None),
        ethernet::IPV6 if destination == MDNS_V6 => mdns::count_v6(frame, records, Tag::None),
        ethernet::VLAN => tagged(frame, records, destination),
        _ => Ending::UNCOUNTED,
    }
}

/// The same for a frame with one 802.1Q tag. Frames with two, and priority tags (VLAN id 0), go to the stack.
#[inline(always)]
fn tagged<F: Frame, R: Records>(frame: &mut F, records: &R, destination: u64) -> Ending {
    let Some(tag) = frame.window::<{ ethernet::TAG }>(ethernet::HEADER) else {
        return Ending::UNCOUNTED;
    };
    let control = be16(tag, 0);
    if control & ethernet::VLAN_ID == 0 || control & ethernet::VLAN_ID == ethernet::VLAN_ID {
        return Ending::UNCOUNTED;
    }
    let tag_control = Tag::Vlan(control);
    match be16(tag, 2) {
        ethernet::ARP => arp::respond(frame, records, tag_control),
        ethernet::IPV4 if destination == GROUP_V4 => {
            llmnr::respond::<llmnr::V4, _, _>(frame, records, tag_control)
        }
        ethernet::IPV6 if destination == GROUP_V6 => {
            llmnr::respond::<llmnr::V6, _, _>(frame, records, tag_control)
        }
        ethernet::IPV4 if destination == MDNS_V4 => mdns::count_v4(frame, records, tag_control),
        ethernet::IPV6 if destination == MDNS_V6 => mdns::count_v6(frame, records, tag_control),
        _ => Ending::UNCOUNTED,
    }
}

/// The 802.1Q tag of a frame.
#[derive(Clone, Copy)]
enum Tag {
    None,
    /// Priority, drop eligibility and VLAN id, as on the wire.
    Vlan(u16),
}

impl Tag {
    /// Offset of what the frame carries.
    #[inline(always)]
    const fn payload(self) -> usize {
        match self {
            Self::None => ethernet::HEADER,
            Self::Vlan(_) => ethernet::HEADER + ethernet::TAG,
        }
    }

    #[inline(always)]
    const fn vlan(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Vlan(control) => control & ethernet::VLAN_ID,
        }
    }
}

/// The link on which a frame arrived: what an answer needs of it, read once.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    slot: u32,
    key: LinkKey,
    mac: u64,
    generation: u32,
    link: &'a Link,
}

impl<'a> Arrival<'a> {
    #[inline(always)]
    fn find<R: Records>(records: &'a R, vlan: u16) -> Result<Self, Ending> {
        let Some((slot, link)) = records.link(vlan) else {
            return Err(Ending::pass(Outcome::NoLink, NO_LINK));
        };
        let generation = records.generation(link);
        if generation & 1 != 0 {
            return Err(Ending::pass(Outcome::NoLink, slot));
        }
        Ok(Self {
            slot,
            key: link.key(),
            mac: ethernet::word(link.mac),
            generation,
            link,
        })
    }

    /// The last check before a frame is touched: the agent lives, and the link is still what was read.
    #[inline(always)]
    fn vouch<R: Records>(&self, records: &R) -> Result<(), Ending> {
        if R::WORLD == World::Kernel {
            let alive = match records.control() {
                Some(control) => records.jiffies().wrapping_sub(control.beat) < control.lease,
                None => false,
            };
            if !alive {
                return Err(Ending::pass(Outcome::NoHeartbeat, self.slot));
            }
        }
        if records.settled(self.link, self.key, self.generation) {
            Ok(())
        } else {
            Err(Ending::pass(Outcome::NoLink, self.slot))
        }
    }

    /// What would be answered is dropped if its source was answered too often of late: the one thing that is dropped.
    #[inline(always)]
    fn admit<R: Records>(&self, records: &R, source: Source) -> Result<(), Ending> {
        // Of an entry that is being written these may not belong together; then one query is judged wrongly.
        let limit = self.link.limit;
        if limit.interval == 0 {
            return Ok(());
        }
        let now = limit::time(records.jiffies());
        match records.bucket(self.key, source, |bucket| limit.spend(bucket, now)) {
            Some(false) => Err(Ending::drop(Outcome::LlmnrLimited, self.slot)),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    const fn pass(&self, outcome: Outcome) -> Ending {
        Ending::pass(outcome, self.slot)
    }
}

/// Writes an Ethernet header for an answer: to `destination` from `source`, the tag as it came.
#[inline(always)]
fn put_ethernet<F: Frame>(
    frame: &mut F,
    tag: Tag,
    destination: u64,
    source: u64,
    ether_type: u16,
) -> Option<()> {
    let addresses = frame.window_mut::<{ ethernet::HEADER }>(0)?;
    put48(addresses, ethernet::DESTINATION, destination);
    put48(addresses, ethernet::SOURCE, source);
    let outer = if let Tag::Vlan(_) = tag {
        ethernet::VLAN
    } else {
        ether_type
    };
    put(addresses, ethernet::ETHER_TYPE, outer.to_be_bytes());
    if let Tag::Vlan(control) = tag {
        let inner = frame.window_mut::<{ ethernet::TAG }>(ethernet::HEADER)?;
        put(inner, 0, control.to_be_bytes());
        put(inner, 2, ether_type.to_be_bytes());
    }
    Some(())
}
