//! Fragments of IP packets.

use super::*;

/// Fragments of a packet, with at most so many bytes of data in each, a multiple of eight.
fn cut_v4(packet: &[u8], id: u16, most: usize) -> Vec<Vec<u8>> {
    let (header, data) = packet.split_at(20);
    let pieces = data.chunks(most).enumerate();
    let count = data.len().div_ceil(most);
    let fragment = |(index, piece): (usize, &[u8])| {
        let more = if index + 1 < count { 0x2000 } else { 0 };
        let mut fragment = header.to_vec();
        fragment[2..4].copy_from_slice(&((20 + piece.len()) as u16).to_be_bytes());
        fragment[4..6].copy_from_slice(&id.to_be_bytes());
        let place = more | (index * most / 8) as u16;
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fragment.extend_from_slice(piece);
        fragment
    };
    pieces.map(fragment).collect()
}

fn cut_v6(packet: &[u8], id: u32, most: usize) -> Vec<Vec<u8>> {
    let (header, data) = packet.split_at(40);
    let pieces = data.chunks(most).enumerate();
    let count = data.len().div_ceil(most);
    let fragment = |(index, piece): (usize, &[u8])| {
        let more = u16::from(index + 1 < count);
        let mut fragment = header.to_vec();
        fragment[4..6].copy_from_slice(&((8 + piece.len()) as u16).to_be_bytes());
        fragment[6] = 44;
        let place = (index * most) as u16 | more;
        fragment.extend([17, 0]);
        fragment.extend(place.to_be_bytes());
        fragment.extend(id.to_be_bytes());
        fragment.extend_from_slice(piece);
        fragment
    };
    pieces.map(fragment).collect()
}

fn read_frames(frames: &[Vec<u8>]) -> Read {
    let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
    read(pcap(RAW, &frames))
}

fn long() -> Vec<u8> {
    (0..8000_u32).map(|index| (index / 7) as u8).collect()
}

#[test]
fn fragments_in_any_order_are_one_datagram() {
    let payload = long();
    for mut frames in [
        cut_v4(&v4(&payload), 7, 1480),
        cut_v6(&v6(&payload), 7, 1448),
    ] {
        let expected = read_frames(&frames).only().clone();
        assert_eq!(expected.payload, payload);
        frames.reverse();
        assert_eq!(read_frames(&frames).only(), &expected);
        frames.swap(1, 3);
        // A copy of one does no harm while the others are waited for.
        frames.insert(2, frames[1].clone());
        assert_eq!(read_frames(&frames).only(), &expected);
    }
}

#[test]
fn fragments_of_different_packets_are_kept_apart() {
    let (a, b) = (vec![1; 3000], vec![2; 3000]);
    let mut frames = Vec::new();
    for (a, b) in cut_v4(&v4(&a), 7, 1480)
        .into_iter()
        .zip(cut_v4(&v4(&b), 8, 1480))
    {
        frames.extend([a, b]);
    }
    let read = read_frames(&frames);
    let payloads: Vec<_> = read
        .packets()
        .iter()
        .map(|udp| udp.payload.clone())
        .collect();
    assert_eq!(payloads, [a, b]);
}

#[test]
fn packets_with_missing_fragments_are_counted_with_all_that_came() {
    let mut frames = cut_v4(&v4(&long()), 7, 1480);
    frames.remove(2);
    let read = read_frames(&frames);
    assert_eq!(
        (read.datagrams.len(), read.skipped.count(Skip::Fragment)),
        (0, 5)
    );
}

#[test]
fn fragments_are_not_waited_for_for_ever() {
    let mut frames = cut_v4(&v4(&[1; 2000]), 7, 1480);
    let last = frames.pop().unwrap();
    let mut file = pcap(RAW, &[&frames[0]]);
    file.extend(record([61, 0], &last, last.len()));
    let read = read(file);
    assert_eq!(
        (read.datagrams.len(), read.skipped.count(Skip::Fragment)),
        (0, 2)
    );
}

#[test]
fn no_more_packets_are_waited_for_than_there_is_room_for() {
    let packet = v4(&[1; 2000]);
    let all: Vec<_> = (0..70).map(|id| cut_v4(&packet, id, 1480)).collect();
    let mut frames: Vec<_> = all.iter().map(|frames| frames[0].clone()).collect();
    frames.extend(all.iter().map(|frames| frames[1].clone()));
    let read = read(pcap_at_once(&frames));
    // Second fragments of packets that were given up push out others in their turn.
    assert!(read.datagrams.len() <= 64);
    let counted = read.skipped.count(Skip::Fragment);
    assert_eq!(read.datagrams.len() as u64 * 2 + counted, 140);
}

/// All frames at the same time.
fn pcap_at_once(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = header(RAW);
    for frame in frames {
        file.extend(record([0, 0], frame, frame.len()));
    }
    file
}

#[test]
fn fragments_that_contradict_each_other_are_given_up() {
    let frames = cut_v4(&v4(&long()), 7, 1480);
    let mut other = frames[1].clone();
    *other.last_mut().unwrap() ^= 1;
    let both = [frames[0].clone(), frames[1].clone(), other];
    let read = read_frames(&both);
    assert_eq!(
        (read.datagrams.len(), read.skipped.count(Skip::Fragment)),
        (0, 3)
    );
    // An end in front of what has come already.
    let mut early = frames[1].clone();
    early[6] = 0;
    let both = [frames[2].clone(), early];
    assert_eq!(read_frames(&both).skipped.count(Skip::Fragment), 2);
}

#[test]
fn packets_in_too_many_pieces_are_given_up() {
    let frames = cut_v4(&v4(&vec![0; 8 * 200]), 7, 8);
    let read = read_frames(&frames);
    assert_eq!(read.datagrams.len(), 0);
    assert_eq!(read.skipped.count(Skip::Fragment), frames.len() as u64);
}
