//! Turns a frame into its answer, in place. The same code runs in the kernel and in the agent.
//!
//! Unsure means pass: a frame that is not fully understood, or that needs state over time, stays as it is and
//! goes on to the stack.

mod arp;
mod arrival;
mod llmnr;
mod mdns;

use crate::abi::{NO_LINK, Outcome};
use crate::frame::Frame;
use crate::records::Records;
use crate::wire::{be16, ethernet, le16, le48, le64, put, put48};

pub use self::arp::sender_slot;

// Addresses are words here, not byte arrays: those would go through the kernel's stack byte by byte, or in words
// that are not aligned, which the verifier refuses there.
const GROUP_V4: u64 = ethernet::word(ethernet::LLMNR_V4);
const GROUP_V6: u64 = ethernet::word(ethernet::LLMNR_V6);
const MDNS_V4: u64 = ethernet::word(ethernet::MDNS_V4);
const MDNS_V6: u64 = ethernet::word(ethernet::MDNS_V6);

const IPV4: u16 = ethernet::IPV4.swap_bytes();
const IPV6: u16 = ethernet::IPV6.swap_bytes();
const ARP: u16 = ethernet::ARP.swap_bytes();
const VLAN: u16 = ethernet::VLAN.swap_bytes();

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
    match Kind::of(frame) {
        Kind::Other => Ending::UNCOUNTED.into(),
        kind => {
            let decided = at_once(frame, records, kind);
            decided.unwrap_or_else(|| thorough(frame, records))
        }
    }
}

/// All of [`respond`] for a frame of this kind but the last part: `None` is for [`thorough`] to decide.
#[inline(always)]
pub fn at_once<F: Frame, R: Records>(frame: &mut F, records: &R, kind: Kind) -> Option<Verdict> {
    match kind {
        Kind::Llmnr4 => match quick4(frame, records)? {
            Step::Ended(verdict) => Some(verdict),
            Step::Elsewhere => elsewhere4(frame, records),
        },
        Kind::Llmnr6 => match quick6(frame, records)? {
            Step::Ended(verdict) => Some(verdict),
            Step::Elsewhere => elsewhere6(frame, records),
        },
        Kind::Arp => quick_arp(frame, records),
        Kind::Other | Kind::Rest => None,
    }
}

/// What kind of frame one is, as far as it decides who answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Nothing of ours: passed, and not counted.
    Other,
    /// LLMNR over IPv4, without a tag.
    Llmnr4,
    /// LLMNR over IPv6, without a tag.
    Llmnr6,
    /// ARP, without a tag.
    Arp,
    /// Whatever else may be of ours.
    Rest,
}

impl Kind {
    /// The kind of a frame.
    #[inline(always)]
    pub fn of<F: Frame>(frame: &F) -> Self {
        let Some(header) = frame.window::<{ ethernet::HEADER }>(0) else {
            return Self::Other;
        };
        // The upper bytes of a word whose lower ones belong to the source: shorter to write than to cut off.
        let destination = le64(header, ethernet::DESTINATION) << 16;
        let to = |llmnr: u64, mdns: u64, kind| {
            if destination == llmnr << 16 {
                kind
            } else if F::opaque(destination) == mdns << 16 {
                Self::Rest
            } else {
                Self::Other
            }
        };
        // As it lies in memory, so that it is compared and not turned; the most frequent first.
        let ether_type = le16(header, ethernet::ETHER_TYPE);
        if ether_type == IPV4 {
            to(GROUP_V4, MDNS_V4, Self::Llmnr4)
        } else if ether_type == IPV6 {
            to(GROUP_V6, MDNS_V6, Self::Llmnr6)
        } else if ether_type == ARP {
            Self::Arp
        } else if ether_type == VLAN {
            Self::Rest
        } else {
            Self::Other
        }
    }
}

/// How far the first part of [`respond`] comes with an LLMNR query.
pub enum Step<T> {
    /// To its end.
    Ended(T),
    /// To where [`elsewhere4`] or [`elsewhere6`] goes on: nothing has happened yet.
    Elsewhere,
}

/// The first part of [`respond`] for [`Kind::Llmnr4`]: what comes most often, in few steps. `None` is for
/// [`thorough`] to decide, and nothing has happened yet.
#[inline(always)]
pub fn quick4<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Step<Verdict>> {
    quick::<llmnr::V4, F, R>(frame, records)
}

/// The same for [`Kind::Llmnr6`].
#[inline(always)]
pub fn quick6<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Step<Verdict>> {
    quick::<llmnr::V6, F, R>(frame, records)
}

#[inline(always)]
fn quick<I: llmnr::Quick, F: Frame, R: Records>(
    frame: &mut F,
    records: &R,
) -> Option<Step<Verdict>> {
    match llmnr::quick::<I, F, R>(frame, records) {
        Some(Step::Ended(ending)) => Some(Step::Ended(ending.into())),
        Some(Step::Elsewhere) => Some(Step::Elsewhere),
        None => None,
    }
}

/// The second part of [`respond`] for what [`quick4`] leaves to it: looks at everything itself.
#[inline(always)]
pub fn elsewhere4<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Verdict> {
    llmnr::elsewhere::<llmnr::V4, F, R>(frame, records).map(Verdict::from)
}

/// The same for [`quick6`].
#[inline(always)]
pub fn elsewhere6<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Verdict> {
    llmnr::elsewhere::<llmnr::V6, F, R>(frame, records).map(Verdict::from)
}

/// The same for [`Kind::Arp`].
#[inline(always)]
pub fn quick_arp<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Verdict> {
    arp::quick(frame, records).map(Verdict::from)
}

/// The last part of [`respond`]: every frame that is answered, and every reason for which one is not.
#[inline(always)]
pub fn thorough<F: Frame, R: Records>(frame: &mut F, records: &R) -> Verdict {
    dispatch(frame, records).into()
}

impl From<Ending> for Verdict {
    #[inline(always)]
    fn from(Ending { act, outcome, slot }: Ending) -> Self {
        Self {
            reply: act == Act::Reply,
            drop: act == Act::Drop,
            outcome,
            slot,
        }
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
