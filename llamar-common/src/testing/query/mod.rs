//! LLMNR queries over IPv4 and IPv6: plain ones by default, and wrong in any one way when asked to be.

mod build;

use std::net::{IpAddr, Ipv4Addr};
use std::vec::Vec;

use super::{Arp, LLMNR_PORT, LLMNR_V4, LLMNR_V6, Mac, Reply, Station};

/// What stands in the UDP checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The right sum.
    Complete,
    /// The sum of the pseudo-header alone, as behind veth and virtio (CHECKSUM_PARTIAL).
    Partial,
    /// Zero.
    Absent,
    /// The right sum, with bits of it flipped.
    Wrong(u16),
}

/// An LLMNR query on its way to being a frame.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) from: Station,
    pub(super) to: IpAddr,
    to_mac: Option<Mac>,
    pub(super) tags: Vec<(u16, u16)>,
    pub(super) port: u16,
    to_port: u16,
    pub(super) id: u16,
    flags: u16,
    counts: [u16; 4],
    pub(super) questions: Vec<u8>,
    records: Vec<u8>,
    ttl: u8,
    fragment: u16,
    options: Vec<u8>,
    extension: Option<(u8, Vec<u8>)>,
    udp_length: i16,
    ip_length: i16,
    checksum: Checksum,
    trailer: Vec<u8>,
}

/// The frames.
pub struct FrameBuilder;

impl FrameBuilder {
    /// An LLMNR query from a station to the group of its family.
    pub fn llmnr(from: Station) -> Query {
        Query {
            from,
            to: if from.ip.is_ipv4() {
                LLMNR_V4.into()
            } else {
                LLMNR_V6.into()
            },
            to_mac: None,
            tags: Vec::new(),
            port: 40_000,
            to_port: LLMNR_PORT,
            id: 0x1234,
            flags: 0,
            counts: [0; 4],
            questions: Vec::new(),
            records: Vec::new(),
            ttl: 1,
            fragment: 0x4000,
            options: Vec::new(),
            extension: None,
            udp_length: 0,
            ip_length: 0,
            checksum: Checksum::Complete,
            trailer: Vec::new(),
        }
    }

    /// An ARP request for an address.
    ///
    /// # Panics
    /// If the station has no IPv4 address.
    #[track_caller]
    pub fn arp_request(from: Station, target: Ipv4Addr) -> Vec<u8> {
        Arp::request(from, target).build()
    }

    /// An ARP probe (RFC 5227 1.1).
    pub fn arp_probe(mac: Mac, target: Ipv4Addr) -> Vec<u8> {
        Arp::probe(mac, target).build()
    }

    /// An ARP announcement (RFC 5227 1.1).
    ///
    /// # Panics
    /// If the station has no IPv4 address.
    #[track_caller]
    pub fn arp_announcement(from: Station) -> Vec<u8> {
        Arp::announcement(from).build()
    }

    /// A frame with a VLAN tag put in before all others.
    pub fn tagged(mut frame: Vec<u8>, control: u16) -> Vec<u8> {
        let [high, low] = control.to_be_bytes();
        frame.splice(12..12, [0x81, 0x00, high, low]);
        frame
    }
}

/// A name in wire form; dots part its labels.
pub fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

impl Query {
    /// Adds a question of class IN; dots part the labels of the name.
    #[must_use]
    pub fn question(self, name: &str, kind: u16) -> Self {
        self.question_of_class(name, kind, 1)
    }

    /// Adds a question of any class.
    #[must_use]
    pub fn question_of_class(self, name: &str, kind: u16, class: u16) -> Self {
        self.question_wire(&wire_name(name), kind, class)
    }

    /// Adds a question of class IN for a label of any bytes.
    #[must_use]
    pub fn question_label(self, label: &[u8], kind: u16) -> Self {
        let mut name = Vec::from([label.len() as u8]);
        name.extend(label);
        name.push(0);
        self.question_wire(&name, kind, 1)
    }

    /// Adds a question whose name is given as it is on the wire.
    #[must_use]
    pub fn question_wire(mut self, name: &[u8], kind: u16, class: u16) -> Self {
        self.questions.extend(name);
        self.questions.extend(kind.to_be_bytes());
        self.questions.extend(class.to_be_bytes());
        self.counts[0] += 1;
        self
    }

    /// Bytes behind the questions, which the counts may or may not speak of.
    #[must_use]
    pub fn records(self, records: &[u8]) -> Self {
        Self {
            records: records.into(),
            ..self
        }
    }

    /// Adds an OPT record (RFC 6891 6.1.2) that offers a UDP size of 1232 to the additional section.
    #[must_use]
    pub fn with_opt(mut self) -> Self {
        self.records.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
        self.counts[3] += 1;
        self
    }

    /// Numbers of questions, answers, authority and additional records, whatever there is of them.
    #[must_use]
    pub fn counts(self, counts: [u16; 4]) -> Self {
        Self { counts, ..self }
    }

    /// The query's id.
    #[must_use]
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// The second 16 bits of the header.
    #[must_use]
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// The UDP port it comes from.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The UDP port it goes to.
    #[must_use]
    pub fn to_port(self, to_port: u16) -> Self {
        Self { to_port, ..self }
    }

    /// A VLAN tag (priority, drop eligibility and id), behind those it has.
    #[must_use]
    pub fn vlan(self, control: u16) -> Self {
        self.tag(0x8100, control)
    }

    /// A tag of any type.
    #[must_use]
    pub fn tag(mut self, kind: u16, control: u16) -> Self {
        self.tags.push((kind, control));
        self
    }

    /// Its IP TTL or hop limit.
    #[must_use]
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Another destination than the group.
    #[must_use]
    pub fn to(self, destination: impl Into<IpAddr>) -> Self {
        Self {
            to: destination.into(),
            ..self
        }
    }

    /// Another Ethernet destination than that of the IP destination.
    #[must_use]
    pub fn to_mac(self, mac: Mac) -> Self {
        Self {
            to_mac: Some(mac),
            ..self
        }
    }

    /// IPv4 options, a multiple of four bytes.
    #[must_use]
    pub fn options(self, options: &[u8]) -> Self {
        Self {
            options: options.into(),
            ..self
        }
    }

    /// IPv4 flags and fragment offset.
    #[must_use]
    pub fn fragment(self, fragment: u16) -> Self {
        Self { fragment, ..self }
    }

    /// An IPv6 extension header: its number and its bytes, of which the first is the next header's number.
    #[must_use]
    pub fn extension(self, number: u8, bytes: &[u8]) -> Self {
        Self {
            extension: Some((number, bytes.into())),
            ..self
        }
    }

    /// A UDP length that is off by so much.
    #[must_use]
    pub fn udp_length_off_by(self, udp_length: i16) -> Self {
        Self { udp_length, ..self }
    }

    /// An IP length that is off by so much.
    #[must_use]
    pub fn ip_length_off_by(self, ip_length: i16) -> Self {
        Self { ip_length, ..self }
    }

    /// Another UDP checksum than the right one.
    #[must_use]
    pub fn checksum(self, checksum: Checksum) -> Self {
        Self { checksum, ..self }
    }

    /// A UDP checksum that is not right.
    #[must_use]
    pub fn with_wrong_checksum(self) -> Self {
        self.checksum(Checksum::Wrong(0x0101))
    }

    /// Bytes behind the IP packet.
    #[must_use]
    pub fn trailer(self, trailer: &[u8]) -> Self {
        Self {
            trailer: trailer.into(),
            ..self
        }
    }

    /// The id as sent.
    pub fn sent_id(&self) -> u16 {
        self.id
    }

    /// The UDP port it comes from.
    pub fn sent_port(&self) -> u16 {
        self.port
    }

    /// The VLAN id of its first tag.
    pub fn sent_vlan(&self) -> Option<u16> {
        self.tags.first().map(|(_, control)| control & 0x0fff)
    }

    /// The station that asks.
    pub fn sender(&self) -> Station {
        self.from
    }

    /// The reply that is expected from a station; records are still to be added.
    pub fn reply(&self, from: Station) -> Reply {
        Reply::to(self, from)
    }

    /// The DNS message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for word in [self.id, self.flags].into_iter().chain(self.counts) {
            message.extend(word.to_be_bytes());
        }
        message.extend(&self.questions);
        message.extend(&self.records);
        message
    }
}

/// A UDP checksum as it is sent: 0 would mean that there is none (RFC 768).
pub(super) fn sent(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}
