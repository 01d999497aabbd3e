use super::*;
use crate::net::capture::{CapturedFrame, CapturedFrames};

const ARP: [u8; 4] = [0, 1, 8, 0];
const SLL: u32 = 113;
const SLL_2: u32 = 276;

fn all(link: u32, frames: &[&[u8]]) -> (Vec<CapturedFrame>, Skipped) {
    let mut captured = CapturedFrames::new("test.pcap", Cursor::new(pcap(link, frames)));
    let frames = captured.by_ref().map(|frame| frame.expect("a frame"));
    (frames.collect(), *captured.skipped())
}

fn only(link: u32, frame: &[u8]) -> CapturedFrame {
    let (frames, skipped) = all(link, &[frame]);
    assert_eq!(skipped, Skipped::default());
    let [frame] = &frames[..] else {
        panic!("{frames:?}");
    };
    frame.clone()
}

fn ethernet(tags: &[u8]) -> Vec<u8> {
    [&GROUP_MAC[..], &MAC, tags, &[8, 6], &ARP].concat()
}

#[test]
fn every_link_layer_tells_what_it_carries_and_from_whom() {
    let cooked = [&[0, 1, 0, 1, 0, 6][..], &MAC, &[0, 0, 8, 6], &ARP].concat();
    let head = [8, 6, 0, 0, 0, 0, 0, 3, 0, 1, 1, 6];
    let cooked_2 = [&head[..], &MAC, &[0, 0], &ARP].concat();
    let tagged = ethernet(&[0x81, 0, 0xe0, 100]);
    let twice = ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 100]);
    for (link, frame, vlan, interface) in [
        (ETHERNET, ethernet(&[]), None, None),
        (ETHERNET, tagged, Some(100), None),
        (ETHERNET, twice, Some(7), None),
        (SLL, cooked, None, None),
        (SLL_2, cooked_2, None, Some("#3")),
    ] {
        let read = only(link, &frame);
        assert_eq!(
            (read.vlan, read.interface.as_deref()),
            (vlan, interface),
            "{frame:x?}"
        );
        assert_eq!(
            (read.ether_type, &read.payload[..], read.source_mac),
            (0x0806, &ARP[..], Some(MAC))
        );
    }
}

#[test]
fn a_frame_that_ends_within_its_link_layer_is_counted() {
    let tagged = ethernet(&[0x81, 0, 0, 100]);
    for length in (0..14).chain(15..18) {
        let (frames, skipped) = all(ETHERNET, &[&tagged[..length]]);
        assert!(frames.is_empty());
        assert_eq!(skipped.count(Skip::Malformed), 1, "{length}");
    }
    let (frames, skipped) = all(7, &[&tagged, &tagged]);
    assert_eq!((frames.len(), skipped.count(Skip::LinkType)), (0, 2));
}

#[test]
fn a_file_that_ends_too_early_gives_what_came_before_and_then_an_error() {
    let frame = ethernet(&[]);
    let mut file = pcap(ETHERNET, &[&frame, &frame]);
    file.truncate(file.len() - 1);
    let mut captured = CapturedFrames::new("test.pcap", Cursor::new(file));
    assert!(captured.next().unwrap().is_ok());
    assert!(captured.next().unwrap().unwrap_err().is_cut());
    assert!(captured.next().is_none());
    let missing = crate::net::capture::frames("/nowhere/x.pcap".as_ref()).next();
    let error = missing.unwrap().unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}
