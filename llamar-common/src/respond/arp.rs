//! ARP requests (RFC 826) for addresses held on the link, as RFC 5227 and RFC 3927 want them answered.

use super::arrival::Arrival;
use super::{Ending, Tag, put_ethernet};
use crate::abi::{ARP_ASSIGNED, ArpKey, LinkKey, Outcome, SENDERS_MAX, Sender};
use crate::frame::Frame;
use crate::records::{Records, World};
use crate::wire::arp::{
    ETHERNET_IPV4, LENGTH, OPERATION, REPLY, REQUEST, SENDER_HARDWARE, SENDER_PROTOCOL,
    TARGET_HARDWARE, TARGET_PROTOCOL,
};
use crate::wire::{be16, ethernet, ip, le32, le48, le64, put, put48};

const BROADCAST: u64 = ethernet::word(ethernet::BROADCAST);

/// A request, in the words of RFC 826; all fields as they lie in memory, read little-endian.
#[derive(Clone, Copy)]
struct Request {
    sender_hardware: u64,
    sender_protocol: u32,
    target_protocol: u32,
}

#[inline(always)]
pub(super) fn respond<F: Frame, R: Records>(frame: &mut F, records: &R, tag: Tag) -> Ending {
    match answer(frame, records, tag) {
        Ok(verdict) | Err(verdict) => verdict,
    }
}

/// What most requests are: plain ones, from a sender that the stack has learnt, for an address of the link itself.
/// `None` is for [`respond`] to decide, which would decide what is decided here likewise; nothing has happened yet.
#[inline(always)]
pub(super) fn quick<F: Frame, R: Records>(frame: &mut F, records: &R) -> Option<Ending> {
    if R::WORLD != World::Kernel {
        return None;
    }
    let now = records.jiffies();
    let whole = frame.window::<{ ethernet::HEADER + LENGTH }>(0)?;
    let request = plain(whole)?;
    let destination = le64(whole, ethernet::DESTINATION) << 16;
    let arrival = Arrival::find(records, 0).ok()?;
    if destination != BROADCAST << 16 && destination != arrival.mac << 16 {
        return None;
    }
    let target = request.target_protocol;
    let [first, second] = arrival.link.own4.map(u32::from_le_bytes);
    if target != first && target != second {
        return None;
    }
    // RFC 5227 1.1: an announcement asks for the sender's own address.
    let asks = target != request.sender_protocol;
    let sincere = request.sender_hardware != arrival.mac;
    if !asks || !sincere || target == 0 || ip::v4::is_link_local(target.to_le_bytes()) {
        return None;
    }
    let control = records.control()?;
    let slot = sender_slot(arrival.key, request.sender_protocol.to_le_bytes());
    let known = records.sender(slot)?;
    let sender = identity(arrival.key, &request, now);
    let met = known.who == sender.who && known.mac == sender.mac;
    if !met || now.wrapping_sub(known.at) >= control.sender_lease {
        return None;
    }
    arrival.vouch_at(records, control, now).ok()?;
    let whole = frame.window_mut::<{ ethernet::HEADER + LENGTH }>(0)?;
    turn(whole, &request, arrival.mac);
    Some(Ending::reply(Outcome::ArpAnswered, arrival.slot))
}

/// The form of a packet with its operation, as its first eight bytes lie in memory.
const fn form(operation: u16) -> u64 {
    ethernet::word(ETHERNET_IPV4) | (operation.swap_bytes() as u64) << 48
}

/// A request of the plain form from the station that sent the frame, in whole words. That it is a station, by both of
/// its addresses, was found when it was remembered.
#[inline(always)]
fn plain(frame: &[u8; ethernet::HEADER + LENGTH]) -> Option<Request> {
    const AT: usize = ethernet::HEADER;
    let request = Request {
        sender_hardware: le64(frame, AT + SENDER_HARDWARE) << 16 >> 16,
        sender_protocol: le32(frame, AT + SENDER_PROTOCOL),
        target_protocol: le32(frame, AT + TARGET_PROTOCOL),
    };
    let sincere = request.sender_hardware << 16 == le64(frame, ethernet::SOURCE) << 16;
    (le64(frame, AT) == form(REQUEST) && sincere).then_some(request)
}

/// Makes a request its reply; what follows it stays. Hardware addresses are written with two bytes too many, as words,
/// and before what they overlap.
#[inline(always)]
fn turn(frame: &mut [u8; ethernet::HEADER + LENGTH], request: &Request, mac: u64) {
    const AT: usize = ethernet::HEADER;
    let (ours, theirs) = (mac.to_le_bytes(), request.sender_hardware.to_le_bytes());
    put(frame, ethernet::DESTINATION, theirs);
    put(frame, ethernet::SOURCE, ours);
    put(frame, ethernet::ETHER_TYPE, ethernet::ARP.to_be_bytes());
    put(frame, AT + OPERATION, REPLY.to_be_bytes());
    put(frame, AT + SENDER_HARDWARE, ours);
    let (target, sender) = (request.target_protocol, request.sender_protocol);
    put(frame, AT + SENDER_PROTOCOL, target.to_le_bytes());
    put(frame, AT + TARGET_HARDWARE, theirs);
    put(frame, AT + TARGET_PROTOCOL, sender.to_le_bytes());
}

#[inline(always)]
fn answer<F: Frame, R: Records>(frame: &mut F, records: &R, tag: Tag) -> Result<Ending, Ending> {
    let arrival = Arrival::find(records, tag.vlan())?;
    let other = arrival.pass(Outcome::ArpOther);
    let request = parse(frame, tag, &arrival).ok_or(other)?;
    let key = ArpKey::new(arrival.key, request.target_protocol.to_le_bytes());
    let host = records.arp(&key).ok_or(arrival.pass(Outcome::ArpForeign))?;
    let hardware = ethernet::word(host.mac);
    let link_local = ip::v4::is_link_local(request.target_protocol.to_le_bytes());

    // RFC 3927 2.5: what concerns 169.254/16 is answered by broadcast, which the stack does not do. So those
    // requests are never left to it, not even probes.
    match R::WORLD {
        World::Kernel if request.sender_protocol == 0 => {
            if !link_local {
                return Err(other);
            }
        }
        World::Kernel => meet(records, &arrival, &request, link_local)?,
        World::Agent if host.origin == ARP_ASSIGNED && !link_local => return Err(other),
        World::Agent => {
            let claimed = ArpKey::new(arrival.key, request.sender_protocol.to_le_bytes());
            if records.arp(&claimed).is_some() {
                return Err(arrival.pass(Outcome::ArpConflict));
            }
        }
    }
    arrival.vouch(records)?;
    write(frame, tag, &request, hardware, link_local).ok_or(other)?;
    Ok(Ending::reply(Outcome::ArpAnswered, arrival.slot))
}

/// A plain request from another station to us or to everybody that asks for somebody else's address.
#[inline(always)]
fn parse<F: Frame>(frame: &F, tag: Tag, arrival: &Arrival<'_>) -> Option<Request> {
    let header = frame.window::<{ ethernet::HEADER }>(0)?;
    let packet = frame.window::<LENGTH>(tag.payload())?;
    let destination = le48(header, ethernet::DESTINATION);
    let request = Request {
        sender_hardware: le48(packet, SENDER_HARDWARE),
        sender_protocol: le32(packet, SENDER_PROTOCOL),
        target_protocol: le32(packet, TARGET_PROTOCOL),
    };
    let plain =
        le48(packet, 0) == ethernet::word(ETHERNET_IPV4) && be16(packet, OPERATION) == REQUEST;
    let for_us = destination == BROADCAST || destination == arrival.mac;
    // The answer goes to the sender's hardware address, so it has to be the station that sent the frame.
    let sender = request.sender_hardware;
    let sincere = sender == le48(header, ethernet::SOURCE)
        && !ethernet::is_group(sender)
        && sender != 0
        && sender != arrival.mac;
    // RFC 5227 1.1: an announcement asks for the sender's own address.
    let asks = request.sender_protocol != request.target_protocol;
    // Nobody has an address in 127/8 or above 223 (RFC 1122 3.2.1.3); the stack ignores such senders too.
    let [first, ..] = request.sender_protocol.to_le_bytes();
    let station = first != 127 && first < 224;
    (plain && for_us && sincere && asks && station).then_some(request)
}

/// Lets the stack see a sender from time to time, so that it learns the address as RFC 826 asks.
///
/// A sender is passed up when it is new, when its hardware address changed, and when it was last passed up
/// longer ago than the lease. A link-local target is answered all the same.
#[inline(always)]
fn meet<R: Records>(
    records: &R,
    arrival: &Arrival<'_>,
    request: &Request,
    link_local: bool,
) -> Result<(), Ending> {
    let slot = sender_slot(arrival.key, request.sender_protocol.to_le_bytes());
    let now = records.jiffies();
    let lease = records.control().map_or(0, |control| control.sender_lease);
    let sender = identity(arrival.key, request, now);
    let known = records
        .sender(slot)
        .ok_or(arrival.pass(Outcome::ArpOther))?;
    if known.who == sender.who && known.mac == sender.mac && now.wrapping_sub(known.at) < lease {
        return Ok(());
    }
    // RFC 5227 2.4: a sender that uses our address is a conflict. It is never remembered, so each of its
    // requests comes here and is passed up.
    if records
        .arp(&ArpKey::new(
            arrival.key,
            request.sender_protocol.to_le_bytes(),
        ))
        .is_some()
    {
        return Err(arrival.pass(Outcome::ArpConflict));
    }
    records.remember(slot, sender);
    if link_local {
        Ok(())
    } else {
        Err(arrival.pass(Outcome::ArpLearn))
    }
}

/// Place of a sender in the array of senders.
#[inline(always)]
pub const fn sender_slot(link: LinkKey, address: [u8; 4]) -> u32 {
    let hash = u32::from_le_bytes(address)
        ^ link.ifindex.wrapping_mul(0x85eb_ca6b)
        ^ ((link.vlan as u32) << 16);
    (hash.wrapping_mul(0x9e37_79b1) >> 16) % SENDERS_MAX
}

#[inline(always)]
const fn identity(link: LinkKey, request: &Request, now: u64) -> Sender {
    Sender {
        who: (request.sender_protocol as u64) << 32 | link.ifindex as u64,
        mac: request.sender_hardware | (link.vlan as u64) << 48,
        at: now,
    }
}

/// Turns the request into its reply; what follows the packet (padding) stays.
#[inline(always)]
fn write<F: Frame>(
    frame: &mut F,
    tag: Tag,
    request: &Request,
    hardware: u64,
    link_local: bool,
) -> Option<()> {
    // RFC 3927 2.5: ARP packets with a link-local sender address are sent by broadcast, replies too.
    let destination = if link_local {
        BROADCAST
    } else {
        request.sender_hardware
    };
    let packet = frame.window_mut::<LENGTH>(tag.payload())?;
    put(packet, OPERATION, REPLY.to_be_bytes());
    put48(packet, SENDER_HARDWARE, hardware);
    put(
        packet,
        SENDER_PROTOCOL,
        request.target_protocol.to_le_bytes(),
    );
    put48(packet, TARGET_HARDWARE, request.sender_hardware);
    put(
        packet,
        TARGET_PROTOCOL,
        request.sender_protocol.to_le_bytes(),
    );
    put_ethernet(frame, tag, destination, hardware, ethernet::ARP)
}
