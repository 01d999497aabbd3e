//! Readable frames: ARP, and LLMNR queries over IPv4 and IPv6, with or without a VLAN tag.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hardware address.
pub type Mac = [u8; 6];
/// The Ethernet broadcast address.
pub const BROADCAST: Mac = [0xff; 6];
/// LLMNR's port and groups (RFC 4795 2).
pub const LLMNR_PORT: u16 = 5355;
/// See [`LLMNR_PORT`].
pub const LLMNR_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 252);
/// See [`LLMNR_PORT`].
pub const LLMNR_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 3);

/// Types of questions.
pub const A: u16 = 1;
/// Type of an SOA record.
pub const SOA: u16 = 6;
/// See [`A`].
pub const AAAA: u16 = 28;

/// A station that sends: its hardware address and the address it sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its hardware address.
    pub mac: Mac,
    /// The address it sends from.
    pub ip: IpAddr,
}

impl Station {
    /// A station that sends from an address.
    pub fn new(mac: Mac, ip: impl Into<IpAddr>) -> Self {
        Self { mac, ip: ip.into() }
    }

    fn v4(self) -> Ipv4Addr {
        match self.ip {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(ip) => panic!("{ip} does not speak ARP"),
        }
    }
}

/// An LLMNR query on its way to being a frame.
#[derive(Clone, Debug)]
pub struct Query {
    from: Station,
    port: u16,
    id: u16,
    flags: u16,
    questions: Vec<u8>,
    question_count: u16,
    vlan: Option<u16>,
    ttl: u8,
    destination: IpAddr,
    damage: u16,
    additional: Vec<u8>,
    trailer: usize,
}

/// The frames.
pub struct FrameBuilder;

impl FrameBuilder {
    /// An LLMNR query from a station to the group of its family.
    pub fn llmnr(from: Station) -> Query {
        let destination = if from.ip.is_ipv4() {
            LLMNR_V4.into()
        } else {
            LLMNR_V6.into()
        };
        Query {
            from,
            port: 40_000,
            id: 0x1234,
            flags: 0,
            questions: Vec::new(),
            question_count: 0,
            vlan: None,
            ttl: 1,
            destination,
            damage: 0,
            additional: Vec::new(),
            trailer: 0,
        }
    }

    /// An ARP request for an address.
    pub fn arp_request(from: Station, target: Ipv4Addr) -> Vec<u8> {
        arp(1, BROADCAST, from.mac, from.v4(), [0; 6], target)
    }

    /// An ARP probe (RFC 5227 1.1): a request that tells no sender address.
    pub fn arp_probe(mac: Mac, target: Ipv4Addr) -> Vec<u8> {
        arp(1, BROADCAST, mac, Ipv4Addr::UNSPECIFIED, [0; 6], target)
    }

    /// An ARP announcement (RFC 5227 1.1): a request for the sender's own address.
    pub fn arp_announcement(from: Station) -> Vec<u8> {
        arp(1, BROADCAST, from.mac, from.v4(), [0; 6], from.v4())
    }

    /// A frame with a VLAN tag put in.
    pub fn tagged(mut frame: Vec<u8>, vlan: u16) -> Vec<u8> {
        let [high, low] = vlan.to_be_bytes();
        frame.splice(12..12, [0x81, 0x00, high, low]);
        frame
    }
}

fn arp(
    operation: u8,
    to: Mac,
    mac: Mac,
    sender: Ipv4Addr,
    target_mac: Mac,
    target: Ipv4Addr,
) -> Vec<u8> {
    let mut frame = ethernet(to, mac, 0x0806);
    frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(mac);
    frame.extend(sender.octets());
    frame.extend(target_mac);
    frame.extend(target.octets());
    frame
}

impl Query {
    /// Adds a question of class IN; dots part the labels of the name.
    pub fn question(self, name: &str, kind: u16) -> Self {
        self.question_of_class(name, kind, 1)
    }

    /// Adds a question of any class.
    pub fn question_of_class(mut self, name: &str, kind: u16, class: u16) -> Self {
        self.questions.extend(wire_name(name));
        self.questions.extend(kind.to_be_bytes());
        self.questions.extend(class.to_be_bytes());
        self.question_count += 1;
        self
    }

    /// The query's id.
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// The second 16 bits of the header.
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// The UDP port it comes from.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The VLAN of its tag.
    pub fn vlan(self, id: u16) -> Self {
        Self {
            vlan: Some(id),
            ..self
        }
    }

    /// Its IP TTL or hop limit.
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Another destination than the group.
    pub fn to(self, destination: impl Into<IpAddr>) -> Self {
        Self {
            destination: destination.into(),
            ..self
        }
    }

    /// A UDP checksum that is not right.
    pub fn with_wrong_checksum(self) -> Self {
        Self {
            damage: 0x0101,
            ..self
        }
    }

    /// An OPT record in the additional section (RFC 6891 6.1.2) that offers a UDP size of 1232.
    pub fn with_opt(self) -> Self {
        let additional = vec![0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
        Self { additional, ..self }
    }

    /// Zeros behind the IP packet, as a network card pads short frames.
    pub fn padded(self, trailer: usize) -> Self {
        Self { trailer, ..self }
    }

    /// The id as sent.
    pub fn sent_id(&self) -> u16 {
        self.id
    }

    /// The VLAN of its tag.
    pub fn sent_vlan(&self) -> Option<u16> {
        self.vlan
    }

    /// The station that asks.
    pub fn sender(&self) -> Station {
        self.from
    }

    /// The UDP port it comes from.
    pub fn sent_port(&self) -> u16 {
        self.port
    }

    /// The DNS message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        let additional = u16::from(!self.additional.is_empty());
        for word in [self.id, self.flags, self.question_count, 0, 0, additional] {
            message.extend(word.to_be_bytes());
        }
        message.extend(&self.questions);
        message.extend(&self.additional);
        message
    }

    /// The frame.
    pub fn build(&self) -> Vec<u8> {
        let message = self.message();
        let mut udp = Vec::new();
        for word in [self.port, LLMNR_PORT, message.len() as u16 + 8, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(message);
        let sum = match (self.from.ip, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                pseudo_sum(&from.octets(), &to.octets(), udp.len())
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                pseudo_sum(&from.octets(), &to.octets(), udp.len())
            }
            mixed => panic!("both addresses are of one family: {mixed:?}"),
        };
        let checksum = match checksum(&udp, sum) ^ self.damage {
            0 => 0xffff,
            checksum => checksum,
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        let mut frame = self.headers(udp.len());
        frame.extend(udp);
        frame.resize(frame.len() + self.trailer, 0);
        match self.vlan {
            Some(id) => FrameBuilder::tagged(frame, id),
            None => frame,
        }
    }

    fn headers(&self, length: usize) -> Vec<u8> {
        match (self.from.ip, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let [_, b, c, d] = to.octets();
                let mac = if to.is_multicast() {
                    [1, 0, 0x5e, b & 0x7f, c, d]
                } else {
                    BROADCAST
                };
                let mut frame = ethernet(mac, self.from.mac, 0x0800);
                let mut ip = vec![0x45, 0];
                ip.extend((length as u16 + 20).to_be_bytes());
                ip.extend([0, 1, 0x40, 0, self.ttl, 17, 0, 0]);
                ip.extend(from.octets());
                ip.extend(to.octets());
                let sum = checksum(&ip, 0);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(ip);
                frame
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let octets = to.octets();
                let mac = [0x33, 0x33, octets[12], octets[13], octets[14], octets[15]];
                let mut frame = ethernet(mac, self.from.mac, 0x86dd);
                frame.extend([0x60, 0, 0, 0]);
                frame.extend((length as u16).to_be_bytes());
                frame.extend([17, self.ttl]);
                frame.extend(from.octets());
                frame.extend(octets);
                frame
            }
            mixed => panic!("both addresses are of one family: {mixed:?}"),
        }
    }
}

fn ethernet(to: Mac, from: Mac, ethertype: u16) -> Vec<u8> {
    let mut frame = Vec::from(to);
    frame.extend(from);
    frame.extend(ethertype.to_be_bytes());
    frame
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

/// Does what a device would do to a UDP packet with the sum of its pseudo header alone.
pub fn complete_checksum(frame: &mut [u8]) {
    let ip = if frame[12..14] == [0x81, 0x00] {
        18
    } else {
        14
    };
    let udp = match frame[ip] >> 4 {
        4 => ip + usize::from(frame[ip] & 0xf) * 4,
        _ => ip + 40,
    };
    let length = usize::from(u16::from_be_bytes([frame[udp + 4], frame[udp + 5]]));
    let sum = match checksum(&frame[udp..udp + length], 0) {
        0 => 0xffff,
        sum => sum,
    };
    frame[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
}

/// The sum of the pseudo header (RFC 768, RFC 8200 8.1).
fn pseudo_sum(from: &[u8], to: &[u8], length: usize) -> u32 {
    words(from) + words(to) + 17 + length as u32
}

fn words(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum()
}

fn checksum(bytes: &[u8], seed: u32) -> u16 {
    let mut sum = words(bytes) + seed;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
