//! What comes out of each file, as it came out before. The files are not a part of the project, their results are.

use std::fmt::Write as _;
use std::path::Path;

use llamar_user::dns::Message;
use llamar_user::dnssd::lint::{Heard, Link, Linter};
use llamar_user::dnssd::snabb;
use llamar_user::net::capture::{Captured, Skip};

use super::pcap::files;
use super::{name, read};

const MDNS: u16 = 5353;

#[test]
fn counts_of_each_file_are_what_they_were() {
    let Some(files) = files() else { return };
    let mut text = String::new();
    for file in files {
        let (datagrams, capture) = read(&file);
        let mdns = datagrams
            .iter()
            .filter(|datagram| is_mdns(datagram))
            .count();
        let (count, name) = (datagrams.len(), name(&file));
        write!(text, "{name}: {count} UDP, {mdns} of it mDNS").expect("a string");
        for skip in Skip::ALL {
            let skipped = capture.skipped().count(skip);
            if skipped > 0 {
                write!(text, ", {skipped} {}", skip.as_str()).expect("a string");
            }
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

#[test]
fn breaches_in_each_file_are_what_they_were() {
    for_each_with_mdns(|name, datagrams| {
        let mut linter = Linter::new(Link::default());
        for datagram in datagrams {
            linter.hear(&heard(datagram));
        }
        let told = std::iter::from_fn(|| linter.poll_breach()).count();
        assert_eq!(told, linter.breaches().count());
        let mut text = String::new();
        for (breach, count) in linter.breaches() {
            writeln!(text, "{count} x {breach}").expect("a string");
        }
        insta::assert_snapshot!(format!("breaches_{name}"), text);
    });
}

#[test]
fn the_tutorials_lines_of_each_file_are_what_they_were() {
    for_each_with_mdns(|name, datagrams| {
        let mut text = String::new();
        for datagram in datagrams {
            let Ok(message) = Message::read(&datagram.packet.payload) else {
                continue;
            };
            for line in snabb::lines(&message) {
                writeln!(text, "{line}").expect("a string");
            }
        }
        insta::assert_snapshot!(format!("snabb_{name}"), text);
    });
}

fn heard(datagram: &Captured) -> Heard<'_> {
    let udp = &datagram.packet;
    Heard {
        at: datagram.at,
        from: udp.from,
        mac: udp.source_mac,
        to: udp.to,
        hop_limit: Some(udp.hop_limit),
        message: &udp.payload,
    }
}

fn is_mdns(datagram: &Captured) -> bool {
    let udp = &datagram.packet;
    [udp.from.port(), udp.to.port()].contains(&MDNS)
}

fn for_each_with_mdns(mut each: impl FnMut(&str, &[Captured])) {
    for file in files().unwrap_or_default() {
        let (mut datagrams, _) = read(&file);
        datagrams.retain(is_mdns);
        if !datagrams.is_empty() {
            each(&plain(&file), &datagrams);
        }
    }
}

/// A file's name as a part of another's.
fn plain(file: &Path) -> String {
    name(file).replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
