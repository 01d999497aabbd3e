//! The responder: one datagram in, one message or a reason for silence out (RFC 4795 2.3 to 2.9).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use llamar_common::abi::NameState;
use llamar_common::wire::{dns, ip};

use super::Query;
use super::query::{Additional, Error};
use crate::dns::edns::OPT_RECORD;
use crate::dns::name::NAME_MAX;
use crate::dns::{Composer, Name, Opt, Question};

/// Largest message without EDNS (RFC 4795 2.1, RFC 1035 4.2.1).
const UDP_MAX: usize = 512;
/// Largest message with EDNS, and the payload size that our own OPT record tells: what passes unfragmented wherever
/// IPv6 does (RFC 8200 5: 1280 bytes, less the headers of IPv6 and UDP).
const EDNS_MAX: u16 = 1232;

/// A message that came to port 5355 on a link.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its bytes; those that TCP puts in front of it are not among them.
    pub message: &'a [u8],
    /// Where it came from.
    pub from: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a UDP datagram.
    Udp {
        /// The address it was sent to, as IP_PKTINFO or IPV6_PKTINFO tells it.
        to: IpAddr,
    },
    /// On a TCP connection.
    Tcp {
        /// Our address on the connection.
        local: IpAddr,
    },
}

/// What is ours on one link.
pub trait Zone {
    /// The host that has exactly this name; `None` if it is not ours on the link.
    fn find(&self, name: &Name) -> Option<Found<'_>>;

    /// The names of an address, this host's first; none of an address that is ours without a name; `None` if the
    /// address is nobody's here. More than [`OWNERS_MAX`] may be left out.
    fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>>;

    /// Whether an address is assigned to us on the link.
    fn is_own(&self, address: IpAddr) -> bool;

    /// Our address from which to respond to an asker; `None` unless the asker is on the link.
    fn source_for(&self, asker: IpAddr) -> Option<IpAddr>;
}

/// Names of one address that the longest message holds at most: its length by that of a PTR record whose data is a
/// name of one byte.
pub const OWNERS_MAX: usize = u16::MAX as usize / 15;

/// A host of a [`Zone`].
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its IPv4 addresses that are valid on the link, in order of preference.
    pub a: &'a [Ipv4Addr],
    /// Its IPv6 addresses that are valid on the link, in order of preference.
    pub aaaa: &'a [Ipv6Addr],
    /// TTL of every record in seconds.
    pub ttl: u32,
    /// How far the name's uniqueness is known.
    pub state: NameState,
}

/// A name that an address has in a [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The name.
    pub name: &'a Name,
    /// TTL of its records in seconds.
    pub ttl: u32,
    /// How far its uniqueness is known.
    pub state: NameState,
}

/// A message to send from `source`, port 5355, to where the query came from; by TCP on the query's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The message.
    pub message: Vec<u8>,
    /// Our address to send it from.
    pub source: IpAddr,
    /// What was asked, for the log.
    pub question: Question,
    /// Whether to wait for a random time up to JITTER_INTERVAL before it is sent (RFC 4795 2.7).
    pub delay: bool,
}

/// Why a datagram gets no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ignored {
    /// Not sent to the group of LLMNR of its family.
    #[error("it was not sent to 224.0.0.252 or ff02::1:3 (RFC 4795 2.4, 2.5)")]
    Destination,
    /// Sent by TCP to an address that is not the link's.
    #[error("it came by TCP to an address that is not assigned on this link (RFC 4795 2.5)")]
    Local,
    /// Sent from an address or port that a response cannot go to.
    #[error("its source is not a unicast address and a port (RFC 4795 2.5)")]
    Source,
    /// Sent from an address that is not on the link.
    #[error("its source is not on the link (RFC 4795 2.5, 5.1)")]
    OffLink,
    /// Shorter than a header.
    #[error("its header is cut off (RFC 1035 4.1.1)")]
    Header,
    /// A response.
    #[error("it is a response (RFC 4795 2.1.1)")]
    Response,
    /// An OPCODE other than 0.
    #[error("its OPCODE is not 0 (RFC 4795 2.1.1)")]
    Opcode,
    /// A note of a conflict.
    #[error("its C bit is set: it tells of a conflict (RFC 4795 2.1.1, 4.2)")]
    Conflict,
    /// Not one question, or answer or authority records.
    #[error("it has not just one question (RFC 4795 2.1.1)")]
    Counts,
    /// A question that is cut off or whose name is broken.
    #[error("its question is malformed (RFC 1035 3.1, 4.1.2)")]
    Question,
    /// A class other than IN and ANY.
    #[error("its class is neither IN nor ANY (RFC 1035 3.2.4)")]
    Class,
    /// A name that is not ours on that link.
    #[error("the name is not ours on this link (RFC 4795 2.3 d)")]
    Name,
    /// A type other than A and AAAA.
    #[error("its type is neither A nor AAAA")]
    Type,
}

impl Ignored {
    /// Whether the message is broken, and not merely none for us.
    pub const fn is_malformed(self) -> bool {
        matches!(self, Self::Header | Self::Counts | Self::Question)
    }
}

/// The response to a datagram, or why there is none.
pub fn respond(zone: &impl Zone, asked: &Asked<'_>) -> Result<Response, Ignored> {
    let asker = asked.from.ip();
    match asked.transport {
        // RFC 4795 2.4, 2.5: what was sent to a unicast address or another group is silently discarded.
        Transport::Udp { to } if !is_group(to, asker) => return Err(Ignored::Destination),
        // RFC 4795 2.5: a response comes from an address that is assigned on the interface of the query.
        Transport::Tcp { local } if !zone.is_own(local) => return Err(Ignored::Local),
        _ => {}
    }
    // RFC 4795 2.5: the destination of a response is a unicast address.
    if !is_unicast(asker) || asked.from.port() == 0 {
        return Err(Ignored::Source);
    }
    let query = Query::read(asked.message)?;
    // RFC 1035 3.2.5: class ANY matches IN, the only one there is here.
    if !matches!(query.question.class, dns::IN | dns::CLASS_ANY) {
        return Err(Ignored::Class);
    }
    // RFC 4795 2.1.1, 2.3 d: only for a name that is ours, also if the query is in error.
    let found = zone.find(&query.question.name).ok_or(Ignored::Name)?;
    if !matches!(query.question.kind, dns::A | dns::AAAA) {
        return Err(Ignored::Type);
    }
    // RFC 4795 2.5: the source of a response is assigned on the interface of the query. 5.1: askers off the link get
    // none, or a forged source would make us send to anybody.
    let source = zone.source_for(asker).ok_or(Ignored::OffLink)?;
    let message = compose(&query, &found, is_link_local(asker));
    Ok(Response {
        message,
        source,
        question: query.question,
        // RFC 4795 2.7: the delay may be left out for names that are known to be unique.
        delay: found.state != NameState::Unique,
    })
}

/// The response's message, link-local addresses in front if `link_scope`.
fn compose(query: &Query<'_>, found: &Found<'_>, link_scope: bool) -> Vec<u8> {
    let Additional { edns, error } = query.additional;
    // RFC 6891 6.1.1, 7: an OPT record for those who sent one, and for nobody else.
    let opt = edns.map(|_| {
        // RFC 6891 6.1.3: BADVERS is 16, of which the upper part is here and the lower, 0, in the header.
        let extended_rcode = u8::from(error == Some(Error::Version));
        Opt {
            payload: EDNS_MAX,
            extended_rcode,
            version: 0,
        }
        .bytes()
    });
    // RFC 6891 6.2.3: sizes below 512 count as 512. RFC 4795 2.1: no more than passes without fragmentation.
    let limit = edns.map_or(UDP_MAX, |payload| {
        usize::from(payload.min(EDNS_MAX)).max(UDP_MAX)
    });
    // RFC 4795 2.1.1: T while uniqueness is not verified, C for a name that is not unique. Nothing of the query's
    // flags but QR and OPCODE, which is 0, goes into a response, and RCODE is 0 in any to a multicast query.
    let mut flags = dns::RESPONSE
        | match found.state {
            NameState::Tentative => dns::TENTATIVE,
            NameState::Unique => 0,
            NameState::Shared => dns::CONFLICT,
        };
    if error.is_some() {
        // RFC 4795 2.1.1: an error is told by TC and an empty answer section; the query by TCP then learns its RCODE.
        flags |= dns::TRUNCATED;
    }
    let kept = if opt.is_some() { OPT_RECORD } else { 0 };
    let mut composer = Composer::new(query.id, flags, query.echo, limit, kept);
    if error.is_none() {
        records(&mut composer, query, found, link_scope);
    }
    composer.finish(opt.as_ref().map(<[u8; OPT_RECORD]>::as_slice))
}

/// Composes the answer section, or the authority section of a response that has none.
fn records(composer: &mut Composer, query: &Query<'_>, found: &Found<'_>, link_scope: bool) {
    match query.question.kind {
        dns::A => ordered(found.a, Ipv4Addr::is_link_local, link_scope)
            .for_each(|address| composer.answer(&dns::a_record(found.ttl, address.octets()))),
        _ => ordered(found.aaaa, Ipv6Addr::is_unicast_link_local, link_scope)
            .for_each(|address| composer.answer(&dns::aaaa_record(found.ttl, address.octets()))),
    }
    let empty = if query.question.kind == dns::A {
        found.a.is_empty()
    } else {
        found.aaaa.is_empty()
    };
    if empty {
        // RFC 4795 2.3 f, 2.9: a type that the name does not have: no answer, and an SOA record to keep that by.
        composer.authority(&soa_record(&query.question.name, found.ttl));
    }
}

/// Addresses in the order that RFC 4795 2.6 d and e want: link-local ones first if the asker's is one, else behind the
/// routable ones; their own order is kept.
fn ordered<T: Copy>(
    addresses: &[T],
    is_link_local: fn(&T) -> bool,
    link_scope: bool,
) -> impl Iterator<Item = T> {
    let of = move |scope| {
        addresses
            .iter()
            .copied()
            .filter(move |address| is_link_local(address) == scope)
    };
    of(link_scope).chain(of(!link_scope))
}

/// The SOA record of a name: the kernel path's, unless `root` in front would make the name too long. Then RNAME,
/// which senders ignore (RFC 4795 2.9), is the name itself.
fn soa_record(name: &Name, ttl: u32) -> Vec<u8> {
    let mut record = dns::soa_record(ttl).to_vec();
    if name.wire().len() + b"\x04root".len() > NAME_MAX {
        record.drain(RNAME..RNAME + b"\x04root".len());
        record[RDLENGTH + 1] -= b"\x04root".len() as u8;
    }
    record
}

/// Offset of RDLENGTH in a record whose owner is a pointer.
const RDLENGTH: usize = 10;
/// Offset of RNAME in an SOA record whose owner and MNAME are pointers.
const RNAME: usize = 14;

/// Whether an address is the group of LLMNR in the asker's family (RFC 4795 2).
fn is_group(to: IpAddr, asker: IpAddr) -> bool {
    match (to, asker) {
        (IpAddr::V4(to), IpAddr::V4(_)) => to.octets() == ip::v4::LLMNR,
        (IpAddr::V6(to), IpAddr::V6(_)) => to.octets() == ip::v6::LLMNR,
        _ => false,
    }
}

/// Whether an address is one that a datagram on a link can come from.
fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            // RFC 1122 3.2.1.3: 0/8 is this network, 127/8 this host; RFC 1112 4: 240/4 is reserved.
            !matches!(address.octets()[0], 0 | 127 | 224..)
        }
        IpAddr::V6(address) => {
            let special =
                address.is_unspecified() || address.is_loopback() || address.is_multicast();
            !special && address.to_ipv4_mapped().is_none()
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => ip::v4::is_link_local(address.octets()),
        IpAddr::V6(address) => ip::v6::is_link_local(address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hickory_proto::op::Message;
    use proptest::prelude::*;

    use super::*;

    /// Our addresses on the link.
    const OWN: [&str; 4] = ["192.0.2.1", "169.254.0.1", "2001:db8::1", "fe80::1"];
    const PEER_V4: &str = "192.0.2.9:50001";
    const PEER_LL4: &str = "169.254.9.9:50001";
    const PEER_V6: &str = "[2001:db8::9]:50001";
    const PEER_LL6: &str = "[fe80::9]:50001";
    const GROUP_V4: &str = "224.0.0.252";
    const GROUP_V6: &str = "ff02::1:3";
    const A: u16 = 1;
    const AAAA: u16 = 28;

    struct Host {
        a: Vec<Ipv4Addr>,
        aaaa: Vec<Ipv6Addr>,
        ttl: u32,
        state: NameState,
    }

    /// Names on a link; on it are those whose addresses begin as the peers' above do.
    struct Link(BTreeMap<Name, Host>);

    impl Zone for Link {
        fn find(&self, name: &Name) -> Option<Found<'_>> {
            let host = self.0.get(name)?;
            Some(Found {
                a: &host.a,
                aaaa: &host.aaaa,
                ttl: host.ttl,
                state: host.state,
            })
        }

        fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
            let has = |host: &Host| match address {
                IpAddr::V4(address) => host.a.contains(&address),
                IpAddr::V6(address) => host.aaaa.contains(&address),
            };
            let hosts = self.0.iter().filter(|(_, host)| has(host));
            let owners: Vec<_> = hosts
                .map(|(name, host)| Owner {
                    name,
                    ttl: host.ttl,
                    state: host.state,
                })
                .collect();
            (!owners.is_empty() || self.is_own(address)).then_some(owners)
        }

        fn is_own(&self, address: IpAddr) -> bool {
            OWN.iter().any(|own| own.parse() == Ok(address))
        }

        fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
            let text = asker.to_string();
            let sources = [
                ("192.0.2.", "192.0.2.1"),
                ("169.254.", "169.254.0.1"),
                ("2001:db8::", "2001:db8::1"),
            ];
            let mut sources = sources.into_iter().chain([("fe80::", "fe80::1")]);
            let (_, source) = sources.find(|(prefix, _)| text.starts_with(prefix))?;
            source.parse().ok()
        }
    }

    fn host(a: &[&str], aaaa: &[&str]) -> Host {
        let a = a.iter().map(|text| text.parse().unwrap()).collect();
        let aaaa = aaaa.iter().map(|text| text.parse().unwrap()).collect();
        Host {
            a,
            aaaa,
            ttl: 30,
            state: NameState::Unique,
        }
    }

    fn link() -> Link {
        let casa = host(
            &["192.0.2.1", "192.0.2.2", "169.254.0.1"],
            &["2001:db8::1", "fe80::1", "fe80::2"],
        );
        let hosts = [
            ("casa", casa),
            ("media", host(&["192.0.2.1"], &[])),
            ("casa.example", host(&[], &["fe80::1"])),
        ];
        Link(
            hosts
                .into_iter()
                .map(|(name, host)| (Name::parse(name).unwrap(), host))
                .collect(),
        )
    }

    fn link_of(host: Host) -> Link {
        Link([(Name::parse("casa").unwrap(), host)].into())
    }

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut message = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0".to_vec();
        message.extend_from_slice(Name::parse(name).unwrap().wire());
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        message
    }

    fn with_opt(mut message: Vec<u8>, payload: u16) -> Vec<u8> {
        message[11] += 1;
        message.extend_from_slice(
            &Opt {
                payload,
                extended_rcode: 0,
                version: 0,
            }
            .bytes(),
        );
        message
    }

    fn ask(zone: &Link, message: &[u8], from: &str) -> Result<Response, Ignored> {
        let from: SocketAddr = from.parse().unwrap();
        let to = if from.is_ipv4() { GROUP_V4 } else { GROUP_V6 };
        respond(
            zone,
            &Asked {
                message,
                from,
                transport: Transport::Udp {
                    to: to.parse().unwrap(),
                },
            },
        )
    }

    fn answer(zone: &Link, message: &[u8], from: &str) -> Vec<u8> {
        ask(zone, message, from).unwrap().message
    }

    /// Header, question and records, as one.
    fn message(head: &[u8], name: &[u8], kind: u8, records: &[&[u8]]) -> Vec<u8> {
        [head, name, &[0, kind, 0, 1], &records.concat()].concat()
    }

    fn a(address: [u8; 4]) -> Vec<u8> {
        [&b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04"[..], &address].concat()
    }

    fn aaaa(address: &str) -> Vec<u8> {
        let address: Ipv6Addr = address.parse().unwrap();
        [
            &b"\xc0\x0c\0\x1c\0\x01\0\0\0\x1e\0\x10"[..],
            &address.octets(),
        ]
        .concat()
    }

    const SOA: &[u8] = b"\xc0\x0c\0\x06\0\x01\0\0\0\x1e\0\x1d\xc0\x0c\x04root\xc0\x0c\
        \0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x1e";

    // RFC 4795 2.1.1, 2.3 c: R16, R30, R54
    #[test]
    fn name_of_ours_is_answered_with_every_address_of_the_type() {
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\x03\0\0\0\0",
            b"\x04casa\0",
            1,
            &[&a([192, 0, 2, 1]), &a([192, 0, 2, 2]), &a([169, 254, 0, 1])],
        );
        let response = ask(&link(), &query("casa", A), PEER_V4).unwrap();
        assert_eq!(response.message, expected);
        assert_eq!(response.source.to_string(), "192.0.2.1");
        assert_eq!(response.question.name.to_string(), "casa");
    }

    // RFC 4795 1, 2.2: R39
    #[test]
    fn both_types_are_answered_over_both_protocols() {
        for (kind, from, source) in [
            (A, PEER_V6, "2001:db8::1"),
            (AAAA, PEER_V4, "192.0.2.1"),
            (A, PEER_LL6, "fe80::1"),
            (AAAA, PEER_LL4, "169.254.0.1"),
        ] {
            let response = ask(&link(), &query("casa", kind), from).unwrap();
            assert_eq!(
                (response.message[7], response.source.to_string().as_str()),
                (3, source)
            );
        }
    }

    // RFC 4795 2.6 d, e: R37, R38
    #[test]
    fn link_scope_askers_get_link_scope_addresses_first_and_others_last() {
        let v4 = [a([192, 0, 2, 1]), a([192, 0, 2, 2]), a([169, 254, 0, 1])];
        let v6 = [aaaa("2001:db8::1"), aaaa("fe80::1"), aaaa("fe80::2")];
        for (from, first) in [(PEER_V4, 0), (PEER_V6, 0), (PEER_LL4, 1), (PEER_LL6, 1)] {
            let [mut a, mut aaaa] = [v4.clone(), v6.clone()];
            a.rotate_left(first * 2);
            aaaa.rotate_left(first);
            assert_eq!(answer(&link(), &query("casa", A), from)[22..], a.concat());
            assert_eq!(
                answer(&link(), &query("casa", AAAA), from)[22..],
                aaaa.concat()
            );
        }
    }

    // RFC 4795 2.3 f, 2.9: R33, R34, R42
    #[test]
    fn type_that_a_name_does_not_have_is_answered_empty_with_an_soa_record() {
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\0\0\x01\0\0",
            b"\x05media\0",
            28,
            &[SOA],
        );
        assert_eq!(answer(&link(), &query("media", AAAA), PEER_V4), expected);
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\0\0\x01\0\0",
            b"\x04casa\x07example\0",
            1,
            &[SOA],
        );
        assert_eq!(
            answer(&link(), &query("casa.example", A), PEER_LL6),
            expected
        );
    }

    // RFC 4795 2.9: R34
    #[test]
    fn soa_record_of_the_longest_name_is_still_a_record() {
        for length in [250, 251, 252, 255] {
            let label = "x".repeat(63);
            let name = format!(
                "{label}.{label}.{label}.{}",
                "y".repeat(length - 3 * 64 - 2)
            );
            let zone = Link([(Name::parse(&name).unwrap(), host(&[], &[]))].into());
            let message = answer(&zone, &query(&name, A), PEER_V4);
            assert_eq!(
                message.len(),
                12 + length + 4 + if length > 250 { 36 } else { 41 }
            );
            let decoded = Message::from_vec(&message).unwrap();
            assert_eq!((decoded.answers.len(), decoded.authorities.len()), (0, 1));
            let soa = decoded.authorities[0].to_string();
            assert!(soa.ends_with(" 1 1 1 1 30"), "{soa}");
        }
    }

    // RFC 1035 2.3.3: R29
    #[test]
    fn case_of_the_query_is_ignored_and_echoed() {
        let response = answer(&link(), &query("cAsA", A), PEER_V4);
        assert_eq!(response[12..18], *b"\x04cAsA\0");
        assert_eq!(response.len(), 22 + 3 * 16);
    }

    // RFC 4795 2.1.1, 2.3 d, e, 5.1: R22, R31, R32, R62
    #[test]
    fn names_of_others_get_silence() {
        let mut hosts = link();
        hosts
            .0
            .insert(Name::parse("*").unwrap(), host(&["192.0.2.1"], &[]));
        for name in [
            "cas",
            "casab",
            "child.casa",
            "casa.example.org",
            "example",
            "anything",
        ] {
            assert_eq!(
                ask(&hosts, &query(name, A), PEER_V4),
                Err(Ignored::Name),
                "{name}"
            );
        }
        let root = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x01";
        assert_eq!(ask(&hosts, root, PEER_V4), Err(Ignored::Name));
        assert!(ask(&hosts, &query("*", A), PEER_V4).is_ok());
    }

    // RFC 4795 2.1.1: R22
    #[test]
    fn query_in_error_for_another_name_gets_silence_too() {
        let mut message = with_opt(query("other", A), 1400);
        message[29] = 1;
        assert_eq!(ask(&link(), &message, PEER_V4), Err(Ignored::Name));
    }

    // RFC 1035 3.2.5: R43
    #[test]
    fn class_any_is_answered_in_class_in_and_others_get_silence() {
        for (class, answered) in [
            (1, true),
            (255, true),
            (0, false),
            (3, false),
            (254, false),
            (0x8001, false),
        ] {
            let mut message = query("casa", A);
            message[20..22].copy_from_slice(&u16::to_be_bytes(class));
            let response = ask(&link(), &message, PEER_V4);
            assert_eq!(
                response.as_ref().err(),
                (!answered).then_some(&Ignored::Class),
                "{class}"
            );
            if let Ok(response) = response {
                assert_eq!(response.message[20..22], class.to_be_bytes());
                assert_eq!(response.message[22..38], a([192, 0, 2, 1]));
            }
        }
    }

    #[test]
    fn other_types_get_silence() {
        for kind in [0, 2, 6, 12, 41, 65, 255] {
            assert_eq!(
                ask(&link(), &query("casa", kind), PEER_V4),
                Err(Ignored::Type)
            );
        }
    }

    // RFC 4795 2.4, 2.5: R3, R4
    #[test]
    fn only_what_was_sent_to_the_group_is_answered() {
        let message = query("casa", A);
        for (from, to, answered) in [
            (PEER_V4, GROUP_V4, true),
            (PEER_LL6, GROUP_V6, true),
            (PEER_V4, "192.0.2.1", false),
            (PEER_V4, "192.0.2.255", false),
            (PEER_V4, "255.255.255.255", false),
            (PEER_V4, "224.0.0.1", false),
            (PEER_V4, "224.0.0.251", false),
            (PEER_LL6, "fe80::1", false),
            (PEER_LL6, "ff02::1", false),
            (PEER_LL6, "ff05::1:3", false),
            (PEER_V4, GROUP_V6, false),
            (PEER_LL6, GROUP_V4, false),
        ] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let response = respond(
                &link(),
                &Asked {
                    message: &message,
                    from,
                    transport: Transport::Udp { to },
                },
            );
            assert_eq!(
                response.err(),
                (!answered).then_some(Ignored::Destination),
                "{from} -> {to}"
            );
        }
    }

    // RFC 4795 2.5, 5.1: R7, R8
    #[test]
    fn only_unicast_askers_on_the_link_are_answered() {
        for from in [
            "0.0.0.0:5",
            "0.1.2.3:5",
            "127.0.0.1:5",
            "224.0.0.252:5",
            "240.0.0.1:5",
            "255.255.255.255:5",
            "[::]:5",
            "[::1]:5",
            "[ff02::1:3]:5",
            "[::ffff:192.0.2.9]:5",
            "192.0.2.9:0",
            "[fe80::9]:0",
        ] {
            assert_eq!(
                ask(&link(), &query("casa", A), from),
                Err(Ignored::Source),
                "{from}"
            );
        }
        for from in ["198.51.100.1:5", "[2001:db9::1]:5"] {
            assert_eq!(
                ask(&link(), &query("casa", A), from),
                Err(Ignored::OffLink),
                "{from}"
            );
        }
        // RFC 4795 2.3 b: R6. The asker's port may be our own.
        assert!(ask(&link(), &query("casa", A), "192.0.2.9:5355").is_ok());
    }

    // RFC 4795 2.1.1: R14, R15, R17, R18, R19, R20, R21
    #[test]
    fn flags_of_a_query_silence_or_change_nothing() {
        let plain = answer(&link(), &query("casa", A), PEER_V4);
        for flags in 0..=u16::MAX {
            let mut message = query("casa", A);
            message[2..4].copy_from_slice(&flags.to_be_bytes());
            let expected = match flags {
                0x8000.. => Err(Ignored::Response),
                0x0800.. => Err(Ignored::Opcode),
                0x0400.. => Err(Ignored::Conflict),
                _ => Ok(&plain),
            };
            let response = ask(&link(), &message, PEER_V4);
            assert_eq!(
                response.as_ref().map(|response| &response.message),
                expected.as_ref().copied()
            );
        }
    }

    // RFC 4795 2.1.1, 4.1: R27, R28
    #[test]
    fn state_of_a_name_shows_in_the_flags_of_every_response() {
        for (state, flags) in [
            (NameState::Tentative, 0x81),
            (NameState::Unique, 0x80),
            (NameState::Shared, 0x84),
        ] {
            let zone = link_of(Host {
                state,
                ..host(&["192.0.2.1"], &[])
            });
            assert_eq!(answer(&zone, &query("casa", A), PEER_V4)[2..4], [flags, 0]);
            assert_eq!(
                answer(&zone, &query("casa", AAAA), PEER_V4)[2..4],
                [flags, 0]
            );
            let mut error = query("casa", A);
            error[11] = 1;
            assert_eq!(answer(&zone, &error, PEER_V4)[2..4], [flags | 2, 0]);
        }
    }

    // RFC 4795 2.8: R41
    #[test]
    fn every_record_has_the_ttl_of_the_host() {
        let zone = link_of(Host {
            ttl: 0x0001_0203,
            ..host(&["192.0.2.1", "169.254.0.1"], &[])
        });
        let response = answer(&zone, &query("casa", A), PEER_V4);
        assert!(
            response[22..]
                .chunks(16)
                .all(|record| record[6..10] == [0, 1, 2, 3])
        );
        let negative = answer(&zone, &query("casa", AAAA), PEER_V4);
        assert_eq!(
            (&negative[28..32], &negative[59..63]),
            (&[0, 1, 2, 3][..], &[0, 1, 2, 3][..])
        );
    }

    // RFC 4795 2.9: R24
    #[test]
    fn nothing_behind_the_question_is_echoed() {
        let plain = answer(&link(), &query("casa", A), PEER_V4);
        let foreign = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x63";
        let mut trailing = query("casa", A);
        trailing.extend_from_slice(foreign);
        assert_eq!(answer(&link(), &trailing, PEER_V4), plain);
        trailing[11] = 1;
        assert_eq!(answer(&link(), &trailing, PEER_V4), plain);
        assert_eq!(answer(&link(), &with_opt(trailing, 1400), PEER_V4), plain);
    }

    // RFC 4795 2.1.1, RFC 6891 6.1.1, 7: R25
    #[test]
    fn opt_record_is_answered_with_one() {
        let response = answer(&link(), &with_opt(query("media", A), 1400), PEER_V4);
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\x01\0\0\0\x01",
            b"\x05media\0",
            1,
            &[&a([192, 0, 2, 1]), opt],
        );
        assert_eq!(response, expected);
        let negative = answer(&link(), &with_opt(query("media", AAAA), 1400), PEER_V4);
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\0\0\x01\0\x01",
            b"\x05media\0",
            28,
            &[SOA, opt],
        );
        assert_eq!(negative, expected);
    }

    // RFC 4795 2.1.1, RFC 6891 6.1.3, 7: R25, R26
    #[test]
    fn unknown_version_of_edns_is_told_by_tc_and_an_extended_rcode() {
        let mut asked = with_opt(query("casa", A), 1400);
        let version = asked.len() - 5;
        asked[version] = 1;
        let opt = b"\0\0\x29\x04\xd0\x01\0\0\0\0\0";
        let expected = message(
            b"\x12\x34\x82\0\0\x01\0\0\0\0\0\x01",
            b"\x04casa\0",
            1,
            &[opt],
        );
        assert_eq!(answer(&link(), &asked, PEER_V4), expected);
    }

    // RFC 4795 2.1.1, RFC 6891 6.1.1, 7: R26, R58
    #[test]
    fn format_error_is_told_by_tc_and_an_empty_answer() {
        let two = with_opt(with_opt(query("casa", A), 1400), 1400);
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let expected = message(
            b"\x12\x34\x82\0\0\x01\0\0\0\0\0\x01",
            b"\x04casa\0",
            1,
            &[opt],
        );
        assert_eq!(answer(&link(), &two, PEER_V4), expected);
        let mut cut = query("casa", A);
        cut[11] = 1;
        let expected = message(b"\x12\x34\x82\0\0\x01\0\0\0\0\0\0", b"\x04casa\0", 1, &[]);
        assert_eq!(answer(&link(), &cut, PEER_V4), expected);
    }

    // RFC 4795 2.1, 2.1.1, RFC 6891 6.2.3, 7: R12, R56, R57
    #[test]
    fn answer_is_cut_at_the_size_that_the_asker_takes() {
        let addresses: Vec<String> = (1..=100).map(|last| format!("192.0.2.{last}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        // 22 bytes of header and question, 11 of OPT, 16 a record.
        for (payload, count, fits) in [
            (None, 30, true),
            (None, 31, false),
            (Some(0), 29, true),
            (Some(511), 30, false),
            (Some(512), 30, false),
            (Some(513), 30, true),
            (Some(1232), 74, true),
            (Some(1232), 75, false),
            (Some(65535), 75, false),
        ] {
            let zone = link_of(host(&addresses[..count], &[]));
            let plain = query("casa", A);
            let asked = payload.map_or(plain.clone(), |payload| with_opt(plain, payload));
            let response = answer(&zone, &asked, PEER_V4);
            let records = if fits { count } else { count - 1 };
            assert_eq!(
                response[2..4],
                [if fits { 0x80 } else { 0x82 }, 0],
                "{payload:?} {count}"
            );
            assert_eq!(usize::from(response[7]), records);
            assert_eq!(
                response.len(),
                22 + 16 * records + payload.map_or(0, |_| 11)
            );
            assert_eq!(usize::from(response[11]), usize::from(payload.is_some()));
        }
    }

    #[test]
    fn reasons_name_their_rule() {
        assert_eq!(
            Ignored::Counts.to_string(),
            "it has not just one question (RFC 4795 2.1.1)"
        );
        assert!(Ignored::Counts.is_malformed() && !Ignored::Name.is_malformed());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_get_silence_or_a_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ask(&link(), &bytes, PEER_V4).is_err());
        }

        // RFC 4795 2.1.1: R16, R20, R21, R54
        #[test]
        fn damaged_queries_get_silence_or_a_message_that_others_can_read(
            base in prop::sample::select(vec![query("casa", A), with_opt(query("casa.example", A), 600), with_opt(query("media", AAAA), 9000)]),
            damage in prop::collection::vec((0..60usize, any::<u8>()), 0..4),
            tail in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0..100usize,
        ) {
            let mut asked = base;
            asked.extend_from_slice(&tail);
            damage.iter().for_each(|&(at, byte)| if let Some(place) = asked.get_mut(at) { *place = byte });
            asked.truncate(cut);
            if let Ok(response) = ask(&link(), &asked, PEER_LL6) {
                let message = response.message;
                let decoded = Message::from_vec(&message).unwrap();
                let question = 12 + response.question.name.wire().len() + 4;
                prop_assert_eq!(&message[..2], &asked[..2]);
                prop_assert_eq!(message[2] & !2, 0x80);
                prop_assert_eq!(message[3], 0);
                prop_assert_eq!(&message[12..question], &asked[12..question]);
                prop_assert_eq!(decoded.queries.len(), 1);
                prop_assert_eq!(decoded.answers.len() + decoded.authorities.len() > 0, !decoded.truncation);
                prop_assert_eq!(decoded.edns.is_some(), message[11] == 1);
                prop_assert!(message.len() <= 1232);
            }
        }

        // RFC 1035 4.1: what we read in a query is what another implementation reads.
        #[test]
        fn queries_are_read_as_hickory_reads_them(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 1..4),
            kind in any::<u16>(),
            class in any::<u16>(),
            payload in prop::option::of(any::<u16>()),
        ) {
            let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            let mut asked = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0".to_vec();
            asked.extend_from_slice(name.wire());
            asked.extend_from_slice(&kind.to_be_bytes());
            asked.extend_from_slice(&class.to_be_bytes());
            if let Some(payload) = payload {
                asked = with_opt(asked, payload);
            }
            let mine = Query::read(&asked).unwrap();
            let theirs = Message::from_vec(&asked).unwrap();
            let question = &theirs.queries[0];
            prop_assert_eq!(mine.id, theirs.id);
            prop_assert!(mine.question.name.labels().eq(question.name().iter()));
            prop_assert_eq!(mine.question.kind, u16::from(question.query_type()));
            prop_assert_eq!(mine.question.class, u16::from(question.query_class()));
            prop_assert_eq!(mine.additional.edns.map(|size| size.max(512)), theirs.edns.map(|edns| edns.max_payload()));
        }
    }
}
