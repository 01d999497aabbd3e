//! One frame from the kernel, with the tag that it had taken off.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, SystemTime};

use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, UnknownCmsg, recvmsg};
use nix::sys::time::TimeSpec;

use super::{Direction, Received};
use crate::ether::Tag;
use crate::net::filter::ETHERTYPE;
use llamar_common::wire::ethernet::{self, TAG};

/// Receives a frame with its tag, or its beginning; none if it cannot be one.
pub(super) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    // Room for a tag that is put back.
    let room = buffer.len().saturating_sub(TAG);
    let mut parts = [IoSliceMut::new(&mut buffer[..room])];
    let mut control = nix::cmsg_space!(libc::tpacket_auxdata, libc::timespec);
    let message = recvmsg::<LinkAddr>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        // The length is then the frame's own, not that of the part that fits.
        MsgFlags::MSG_TRUNC,
    )?;
    let whole = message.bytes;
    let direction = direction(message.address);
    let (tag, at) = controls(&message)?;
    let received = Received {
        length: whole.min(room),
        cut: whole.saturating_sub(room),
        vlan: None,
        direction,
        at,
    };
    Ok(match tag {
        Some(tag) => put_back(tag, buffer, received),
        None => Some(received),
    })
}

fn direction(from: Option<LinkAddr>) -> Direction {
    match from.map(|from| from.pkttype()) {
        Some(libc::PACKET_BROADCAST) => Direction::Broadcast,
        Some(libc::PACKET_MULTICAST) => Direction::Multicast,
        Some(libc::PACKET_OTHERHOST) => Direction::ToOthers,
        Some(libc::PACKET_OUTGOING) => Direction::Outgoing,
        _ => Direction::ToUs,
    }
}

/// The tag and the time that came beside the frame.
fn controls<S>(message: &RecvMsg<'_, '_, S>) -> io::Result<(Option<Tag>, Option<SystemTime>)> {
    let (mut found, mut at) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::Unknown(control) if is_auxdata(&control) => {
                found = tag(&control.data_bytes);
            }
            ControlMessageOwned::ScmTimestampns(time) => at = since_epoch(time),
            _ => {}
        }
    }
    Ok((found, at))
}

fn is_auxdata(control: &UnknownCmsg) -> bool {
    let header = control.cmsg_header;
    (header.cmsg_level, header.cmsg_type) == (libc::SOL_PACKET, libc::PACKET_AUXDATA)
}

fn since_epoch(time: TimeSpec) -> Option<SystemTime> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

/// The tag in a `tpacket_auxdata`, if the frame had one.
pub(super) fn tag(auxdata: &[u8]) -> Option<Tag> {
    let word = |at: usize| {
        Some(u32::from_ne_bytes(
            auxdata.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    let half = |at: usize| {
        Some(u16::from_ne_bytes(
            auxdata.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let status = word(std::mem::offset_of!(libc::tpacket_auxdata, tp_status))?;
    let control = half(std::mem::offset_of!(libc::tpacket_auxdata, tp_vlan_tci))?;
    let protocol = half(std::mem::offset_of!(libc::tpacket_auxdata, tp_vlan_tpid))?;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let protocol = if known { protocol } else { ethernet::VLAN };
    Some(Tag { protocol, control })
}

/// Puts a tag back behind the two addresses of a frame; none if that is no frame.
pub(super) fn put_back(tag: Tag, buffer: &mut [u8], received: Received) -> Option<Received> {
    let (at, length) = (ETHERTYPE as usize, received.length);
    if length < at || buffer.len() < length + TAG {
        return None;
    }
    buffer.copy_within(at..length, at + TAG);
    buffer[at..at + 2].copy_from_slice(&tag.protocol.to_be_bytes());
    buffer[at + 2..at + TAG].copy_from_slice(&tag.control.to_be_bytes());
    Some(Received {
        length: length + TAG,
        vlan: Some(tag.control),
        ..received
    })
}
