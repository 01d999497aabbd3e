//! pcap files, whole, odd and damaged.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::net::capture::{Why, open};

#[test]
fn packets_of_every_kind_of_pcap_are_read_with_their_times() {
    let frame = v4(b"hello");
    let length = frame.len() as u32;
    let little = |magic: u32, fraction: u32, more: &[u8]| {
        let mut file = words([magic, 0x0004_0002, 0, 0, 65_535, RAW]);
        file.extend(words([7, fraction, length, length]));
        file.extend_from_slice(more);
        file.extend_from_slice(&frame);
        file
    };
    let big = |magic: u32, fraction: u32| {
        let header = [magic, 0x0002_0004, 0, 0, 65_535, RAW];
        let record = [7, fraction, length, length];
        let words = header.into_iter().chain(record);
        let mut file: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
        file.extend_from_slice(&frame);
        file
    };
    for file in [
        little(0xa1b2_c3d4, 250_000, &[]),
        little(0xa1b2_3c4d, 250_000_000, &[]),
        little(0xa1b2_cd34, 250_000, &[0; 8]),
        big(0xa1b2_c3d4, 250_000),
        big(0xa1b2_3c4d, 250_000_000),
    ] {
        let read = read(file);
        assert_eq!(read.only(), &expected_v4(None, b"hello"));
        assert_eq!(read.datagrams[0].at, Duration::from_millis(7250));
        assert_eq!(read.datagrams[0].interface, None);
    }
}

#[test]
fn link_type_has_other_bits_above_it() {
    // The length of a frame check sequence of four bytes, in units of 16 bits, and that it is known.
    let mut frame = ethernet(0x0800, &v4(b"hello"));
    frame.extend([1, 2, 3, 4]);
    let read = read(pcap(0x2400_0000 | ETHERNET, &[&frame]));
    assert_eq!(read.only(), &expected_v4(Some(MAC), b"hello"));
}

#[test]
fn strange_fractions_of_seconds_do_no_harm() {
    let frame = v4(b"x");
    let mut file = header(RAW);
    file.extend(record([u32::MAX, u32::MAX], &frame, frame.len()));
    assert_eq!(read(file).datagrams.len(), 1);
}

#[test]
fn file_that_ends_in_a_packet_gives_all_before_and_says_where_it_ends() {
    let frame = v4(b"hello");
    let file = pcap(RAW, &[&frame, &frame, &frame]);
    let size = 16 + frame.len();
    for end in 0..file.len() {
        let read = read(file[..end].to_vec());
        let whole = end.saturating_sub(24) / size;
        assert_eq!(read.datagrams.len(), whole, "{end}");
        let said = read.error.map(|error| (error.is_cut(), error.to_string()));
        let expected = match end {
            0 => Some((false, "test.pcap: is empty".to_owned())),
            1..4 => Some((
                false,
                format!(
                    "test.pcap: is neither pcap nor pcapng: it begins with {}",
                    &"d4 c3 b2"[..end * 3 - 1]
                ),
            )),
            4..24 => Some((
                true,
                format!(
                    "test.pcap: ends at byte {end} in the middle of a block, which begins at byte 0"
                ),
            )),
            _ if (end - 24) % size == 0 => None,
            _ => Some((
                true,
                format!(
                    "test.pcap: ends at byte {end} in the middle of packet {}, which begins at byte {}",
                    whole + 1,
                    24 + whole * size
                ),
            )),
        };
        assert_eq!(said, expected);
    }
}

#[test]
fn length_that_no_packet_has_ends_the_file() {
    let mut file = pcap(RAW, &[&v4(b"hello")]);
    let offset = file.len();
    file.extend(words([0, 0, u32::MAX, u32::MAX]));
    file.extend(vec![0; 100]);
    let read = read(file);
    assert_eq!(read.datagrams.len(), 1);
    assert_eq!(
        read.error.unwrap().to_string(),
        format!(
            "test.pcap: packet 2 at byte {offset} claims to have 4294967295 bytes, which cannot be"
        )
    );
}

#[test]
fn files_that_are_no_captures_say_what_they_look_like() {
    let said = |bytes: &[u8]| read(bytes.to_vec()).error.unwrap().to_string();
    assert_eq!(said(b""), "test.pcap: is empty");
    assert_eq!(
        said(b"#!/bin/sh\n"),
        "test.pcap: is neither pcap nor pcapng: it begins with 23 21 2f 62"
    );
    assert_eq!(
        said(b"\x0a\x0d\x0d\x0a\x1c\0\0\0????"),
        "test.pcap: is neither pcap nor pcapng: it begins with 0a 0d 0d 0a 1c 00 00 00 3f 3f 3f 3f"
    );
    for (start, name) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
        (b"\x04\x22\x4d\x18", "lz4"),
    ] {
        assert_eq!(
            said(start),
            format!("test.pcap: is packed with {name}: unpack it first")
        );
    }
}

#[test]
fn files_are_opened_by_name_and_failure_is_the_first_that_comes() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&pcap(RAW, &[&v4(b"hello")])).unwrap();
    let items: Vec<_> = open(file.path()).map(Result::unwrap).collect();
    assert_eq!(items[0].packet, expected_v4(None, b"hello"));
    let mut missing = open(Path::new("/no/such/file"));
    let error = missing.next().unwrap().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/no/such/file: cannot be opened: No such file")
    );
    assert!(matches!(error.why, Why::Open(_)) && missing.next().is_none());
    let folder = open(Path::new("/")).next().unwrap().unwrap_err();
    assert!(
        matches!(folder.why, Why::Read { offset: 0, .. }),
        "{folder}"
    );
}

#[test]
fn packets_come_as_soon_as_they_are_there() {
    /// Gives one piece, then fails if more is wanted.
    struct Live(Option<Vec<u8>>);
    impl std::io::Read for Live {
        fn read(&mut self, place: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.take().ok_or(std::io::ErrorKind::WouldBlock)?;
            place[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }
    let file = pcap(RAW, &[&v4(b"one"), &v4(b"two")]);
    let mut capture = Capture::new("pipe", Live(Some(file)));
    for payload in [b"one", b"two"] {
        assert_eq!(capture.next().unwrap().unwrap().packet.payload, payload);
    }
    assert!(capture.next().unwrap().is_err());
}

#[test]
fn damaged_files_end_and_hold_no_more_than_they_may() {
    let frames: Vec<_> = (0..20)
        .map(|index| ethernet(0x0800, &v4(&[index; 40])))
        .collect();
    let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
    let file = pcap(ETHERNET, &frames);
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = file.clone();
            damaged[at] = value;
            let read = read(damaged);
            let counted: u64 = Skip::ALL.iter().map(|skip| read.skipped.count(*skip)).sum();
            assert!(read.datagrams.len() as u64 + counted <= 21);
        }
    }
}

#[test]
fn captures_can_be_read_elsewhere() {
    let capture = Capture::new("test", Cursor::new(pcap(RAW, &[&v4(b"x")])));
    let count = std::thread::spawn(move || capture.count()).join().unwrap();
    assert_eq!(count, 1);
}
