//! The engines over captures of real networks, damaged ones among them.

use std::collections::BTreeMap;

use pcap_parser::Linktype;

use super::*;

#[path = "../../../tests/support/pcap.rs"]
mod pcap;

/// A capture of damaged ARP frames, and how many there are.
const DAMAGED: (&str, usize) = ("tcpdump__arp-oobr.pcap", 2282);

/// The Ethernet frames of all captures.
fn frames() -> Vec<Vec<u8>> {
    let files = pcap::files().unwrap_or_default();
    for file in files.iter().filter(|file| file.ends_with(DAMAGED.0)) {
        assert_eq!(pcap::frames(file).len(), DAMAGED.1);
    }
    let frames = files.iter().flat_map(|file| pcap::frames(file));
    let ethernet = frames.filter(|(link, _)| *link == Linktype::ETHERNET);
    ethernet.map(|(_, frame)| frame).collect()
}

/// The address that most of the frames tell.
fn commonest(frames: &[Vec<u8>]) -> Option<Ipv4Addr> {
    let mut counts: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
    for arrival in frames.iter().filter_map(|frame| Arrival::read(frame, None)) {
        *counts.entry(arrival.packet.sender.ip).or_default() += 1;
    }
    let common = counts.into_iter().filter(|(ip, _)| !ip.is_unspecified());
    common.max_by_key(|(_, count)| *count).map(|(ip, _)| ip)
}

#[test]
fn damaged_frames_of_real_networks_do_no_harm_to_any_engine() {
    let frames = frames();
    let Some(ip) = commonest(&frames) else {
        return;
    };
    let mut all = All::about(ip);
    all.pass(seconds(20));
    let before = said(&all.keeper);
    for frame in &frames {
        all.hear(frame);
        all.pass(millis(1));
    }
    // Whoever keeps an address says no more than one word in 10 seconds to whatever comes.
    assert!(said(&all.keeper) > before, "no frame was about {ip}");
    let announced = all.keeper.packets().into_iter().skip(5);
    let announced = announced.filter(Packet::is_announcement).count();
    assert!(announced <= 1 + frames.len() / 10_000, "{announced}");
}

#[test]
fn any_part_of_any_captured_frame_is_read_without_harm() {
    let frames = frames();
    let mut all = All::about(OWN.ip);
    for frame in frames.iter().step_by(17) {
        for at in 0..frame.len().min(60) {
            all.hear(&frame[at..]);
            all.hear(&frame[..at]);
        }
    }
}
