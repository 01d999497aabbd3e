//! The responder: one message in, one message or a reason for silence out (RFC 4795 2.3 to 2.9). It decides whether
//! there is a response and from where; what that says is put together in `answer`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use llamar_common::abi::NameState;
use llamar_common::wire::{dns, ip};

use super::Query;
use super::answer::{Subject, Way, compose};
use crate::config::is_link_local;
use crate::dns::{Name, Question};

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
    /// address is nobody's here. Those behind the first [`OWNERS_MAX`] may be left out.
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

/// Why a message gets no response.
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
}

impl Ignored {
    /// Whether the message is broken, and not merely none for us.
    pub const fn is_malformed(self) -> bool {
        matches!(self, Self::Header | Self::Counts | Self::Question)
    }
}

/// The response to a message, or why there is none.
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
    // RFC 4795 2.1.1, 2.3 d: only for a name that is ours, also if the query is in error and by TCP: RCODE 3 is never
    // sent.
    let subject = Subject::of(zone, &query.question.name).ok_or(Ignored::Name)?;
    // RFC 4795 2.5: the source of a response is assigned on the interface of the query. 5.1: askers off the link get
    // none, or a forged source would make us send to anybody.
    let source = zone.source_for(asker).ok_or(Ignored::OffLink)?;
    let (way, source) = match asked.transport {
        Transport::Udp { .. } => (Way::Udp, source),
        // RFC 4795 2.4: a TCP query is responded to on its connection.
        Transport::Tcp { local } => (Way::Tcp, local),
    };
    let message = compose(&query, &subject, way, is_link_local(asker));
    Ok(Response {
        message,
        source,
        question: query.question,
        // RFC 4795 2.7: the delay may be left out for names that are known to be unique. A TCP query was sent to us
        // alone, so that there is nobody to be synchronised with.
        delay: way == Way::Udp && subject.state() != NameState::Unique,
    })
}

/// Whether an address is the group of LLMNR in the asker's family (RFC 4795 2).
fn is_group(to: IpAddr, asker: IpAddr) -> bool {
    match (to, asker) {
        (IpAddr::V4(to), IpAddr::V4(_)) => to.octets() == ip::v4::LLMNR,
        (IpAddr::V6(to), IpAddr::V6(_)) => to.octets() == ip::v6::LLMNR,
        _ => false,
    }
}

/// Whether an address is one that a datagram on a link can come from.
pub(super) fn is_unicast(address: IpAddr) -> bool {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hickory_proto::op::Message;
    use hickory_proto::rr::{RData, Record, RecordType};
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::super::reverse::name_of;
    use super::*;
    use crate::dns::Opt;

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
    const PTR: u16 = 12;
    const ANY: u16 = 255;

    #[derive(Clone, Debug)]
    struct Host {
        a: Vec<Ipv4Addr>,
        aaaa: Vec<Ipv6Addr>,
        ttl: u32,
        state: NameState,
    }

    /// Names on a link; on it are those whose addresses begin as the peers' above do.
    #[derive(Debug)]
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

    /// What a client at [`PEER_LL4`] gets on a connection to another address than it would be answered from by UDP.
    fn by_tcp(zone: &Link, message: &[u8]) -> Result<Response, Ignored> {
        let asked = Asked {
            message,
            from: PEER_LL4.parse().unwrap(),
            transport: Transport::Tcp {
                local: "192.0.2.1".parse().unwrap(),
            },
        };
        respond(zone, &asked)
    }

    fn decoded(message: &[u8]) -> Message {
        Message::from_vec(message).unwrap()
    }

    /// The names in a response's PTR records, as hickory-proto reads them.
    fn names_in(message: &[u8]) -> Vec<String> {
        let records = decoded(message).answers;
        let name = |record: &Record| match &record.data {
            RData::PTR(name) => name.to_string(),
            other => panic!("{other} is no name"),
        };
        records.iter().map(name).collect()
    }

    /// Links with two names, each with some of a few addresses.
    fn zones() -> impl Strategy<Value = Link> {
        let addresses = || {
            let v4 = (0..40u8).prop_map(|last| match last {
                0..4 => Ipv4Addr::new(169, 254, 9, 9 + last),
                last => Ipv4Addr::new(192, 0, 2, last - 3),
            });
            let v6 = (0..20u16).prop_map(|last| match last {
                0..4 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last),
                last => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last),
            });
            let (v4, v6) = (btree_set(v4, 0..35), btree_set(v6, 0..18));
            (v4, v6)
        };
        let state = prop::sample::select(vec![
            NameState::Tentative,
            NameState::Unique,
            NameState::Shared,
        ]);
        let host = (addresses(), 1..100u32, state).prop_map(|((a, aaaa), ttl, state)| Host {
            a: a.into_iter().collect(),
            aaaa: aaaa.into_iter().collect(),
            ttl,
            state,
        });
        let names = ["a", "b"].map(|name| Name::parse(name).unwrap());
        (host.clone(), host)
            .prop_map(move |(a, b)| Link(names.clone().into_iter().zip([a, b]).collect()))
    }

    /// The data of all records that a name has of a type, and whether an SOA record tells that it has none but others;
    /// `None` if it is nobody's.
    fn expected(zone: &Link, name: &Name, kind: u16) -> Option<(Vec<String>, bool)> {
        let asks = |of: u16| kind == of || kind == ANY;
        let text = name.to_string();
        if let Some(host) = zone.0.get(name) {
            let a = host.a.iter().filter(|_| asks(A)).map(Ipv4Addr::to_string);
            let aaaa = host.aaaa.iter().filter(|_| asks(AAAA));
            let all: Vec<_> = a.chain(aaaa.map(Ipv6Addr::to_string)).collect();
            let some = !host.a.is_empty() || !host.aaaa.is_empty();
            let negative = all.is_empty() && some;
            return Some((all, negative));
        }
        let octets = text.strip_suffix(".in-addr.arpa")?.rsplit('.');
        let address = octets.collect::<Vec<_>>().join(".").parse().ok()?;
        let hosts = zone.0.iter().filter(|(_, host)| host.a.contains(&address));
        let settled = |host: &Host| host.state != NameState::Tentative;
        let any_settled = hosts.clone().any(|(_, host)| settled(host));
        if hosts.clone().next().is_none() && !zone.is_own(address.into()) {
            return None;
        }
        let usable = hosts.filter(|(_, host)| settled(host) || !any_settled);
        let names: Vec<_> = usable.map(|(name, _)| format!("{name}.")).collect();
        let told = if asks(PTR) { names.clone() } else { Vec::new() };
        let negative = told.is_empty() && !names.is_empty();
        Some((told, negative))
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
            let zone = Link([(Name::parse(&name).unwrap(), host(&[], &["fe80::1"]))].into());
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

    // RFC 4795 2.3 f, 2.9: R33, R34, R42, R64
    #[test]
    fn types_that_nobody_has_are_answered_empty_with_an_soa_record() {
        for kind in [0, 2, 5, 6, PTR, 15, 16, 33, 41, 65, 250, 252, 65535] {
            let mut expected = message(
                b"\x12\x34\x80\0\0\x01\0\0\0\x01\0\0",
                b"\x05media\0",
                0,
                &[SOA],
            );
            expected[19..21].copy_from_slice(&u16::to_be_bytes(kind));
            assert_eq!(answer(&link(), &query("media", kind), PEER_V4), expected);
        }
        let arpa = "1.2.0.192.in-addr.arpa";
        for kind in [A, AAAA, 2, 6] {
            let response = decoded(&answer(&link(), &query(arpa, kind), PEER_V4));
            let sections = (response.answers.len(), response.authorities.len());
            assert_eq!((sections, response.truncation), ((0, 1), false), "{kind}");
            let soa = &response.authorities[0];
            assert_eq!((soa.record_type(), soa.ttl), (RecordType::SOA, 30));
            assert_eq!(soa.name.to_string(), "1.2.0.192.in-addr.arpa.");
        }
    }

    // RFC 4795 2.3: R35
    #[test]
    fn soa_record_is_never_the_only_one_of_a_name() {
        let zone = link_of(host(&[], &[]));
        let nothing = [0, 1, 0, 0, 0, 0, 0, 0];
        for kind in [A, AAAA, ANY, PTR, 6] {
            let response = answer(&zone, &query("casa", kind), PEER_V4);
            assert_eq!((response.len(), &response[4..12]), (22, &nothing[..]));
        }
        // An address of ours whose names were all lost to others.
        for kind in [A, ANY, PTR, 6] {
            let response = answer(&zone, &query("1.2.0.192.in-addr.arpa", kind), PEER_V4);
            assert_eq!((response.len(), &response[4..12]), (40, &nothing[..]));
            assert_eq!(response[2..4], [0x80, 0]);
        }
    }

    // RFC 4795 4.1: R40
    #[test]
    fn type_any_is_answered_with_every_address_of_both_families() {
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\x06\0\0\0\0",
            b"\x04casa\0",
            255,
            &[
                &a([192, 0, 2, 1]),
                &a([192, 0, 2, 2]),
                &aaaa("2001:db8::1"),
                &a([169, 254, 0, 1]),
                &aaaa("fe80::1"),
                &aaaa("fe80::2"),
            ],
        );
        assert_eq!(answer(&link(), &query("casa", ANY), PEER_V4), expected);
        let one_family = answer(&link(), &query("casa.example", ANY), PEER_V4);
        assert_eq!(one_family[30..], aaaa("fe80::1"));
    }

    // RFC 4795 2.6 d, e: R37, R38
    #[test]
    fn type_any_has_an_address_of_the_askers_scope_in_front_whatever_its_family() {
        let first = |zone: &Link, from: &str| {
            let response = decoded(&answer(zone, &query("casa", ANY), from));
            let addresses = response
                .answers
                .iter()
                .map(|record| record.data.to_string());
            addresses.collect::<Vec<_>>()
        };
        let mixed = link_of(host(&["192.0.2.1"], &["fe80::1"]));
        for (from, expected) in [
            (PEER_LL4, ["fe80::1", "192.0.2.1"]),
            (PEER_LL6, ["fe80::1", "192.0.2.1"]),
            (PEER_V4, ["192.0.2.1", "fe80::1"]),
            (PEER_V6, ["192.0.2.1", "fe80::1"]),
        ] {
            assert_eq!(first(&mixed, from), expected, "{from}");
        }
        let mixed = link_of(host(&["169.254.0.1"], &["2001:db8::1"]));
        for (from, expected) in [
            (PEER_LL4, ["169.254.0.1", "2001:db8::1"]),
            (PEER_V4, ["2001:db8::1", "169.254.0.1"]),
        ] {
            assert_eq!(first(&mixed, from), expected, "{from}");
        }
    }

    // RFC 4795 2.3 c: R30
    #[test]
    fn addresses_of_ours_are_answered_with_their_name_over_both_transports() {
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\x01\0\0\0\0",
            b"\x012\x012\x010\x03192\x07in-addr\x04arpa\0",
            12,
            &[b"\xc0\x0c\0\x0c\0\x01\0\0\0\x1e\0\x06\x04casa\0"],
        );
        let asked = query("2.2.0.192.in-addr.arpa", PTR);
        assert_eq!(answer(&link(), &asked, PEER_V4), expected);
        assert_eq!(answer(&link(), &asked, PEER_LL6), expected);
        assert_eq!(by_tcp(&link(), &asked).unwrap().message, expected);
        for (address, name) in [("2001:db8::1", "casa."), ("fe80::2", "casa.")] {
            let arpa = name_of(address.parse().unwrap()).to_string();
            for asked in [query(&arpa, PTR), query(&arpa.to_uppercase(), PTR)] {
                let question = asked[12..].to_vec();
                for response in [ask(&link(), &asked, PEER_V6), by_tcp(&link(), &asked)] {
                    let message = response.unwrap().message;
                    // RFC 1035 2.3.3: the question goes back as it came.
                    assert_eq!(message[12..][..question.len()], question);
                    assert_eq!(names_in(&message), [name]);
                }
            }
        }
    }

    // RFC 4795 2.3: R40, R61
    #[test]
    fn address_with_several_names_is_answered_with_all_of_them() {
        let arpa = "1.2.0.192.in-addr.arpa";
        for kind in [PTR, ANY] {
            let response = answer(&link(), &query(arpa, kind), PEER_V4);
            assert_eq!(names_in(&response), ["casa.", "media."]);
        }
        let ip6 = name_of("fe80::1".parse().unwrap()).to_string();
        let response = answer(&link(), &query(&ip6, PTR), PEER_V4);
        assert_eq!(names_in(&response), ["casa.", "casa.example."]);
    }

    // RFC 4795 2.3 d: R31
    #[test]
    fn addresses_of_nobody_here_and_their_parents_get_silence() {
        for name in [
            "9.2.0.192.in-addr.arpa",
            "1.1.2.0.192.in-addr.arpa",
            "01.2.0.192.in-addr.arpa",
            "2.0.192.in-addr.arpa",
            "in-addr.arpa",
            "arpa",
            &name_of("2001:db8::99".parse().unwrap()).to_string(),
            &name_of("fe80::1".parse().unwrap()).to_string()[2..],
        ] {
            for kind in [PTR, ANY, A] {
                let asked = query(name, kind);
                assert_eq!(ask(&link(), &asked, PEER_V4), Err(Ignored::Name), "{name}");
                assert_eq!(by_tcp(&link(), &asked), Err(Ignored::Name), "{name}");
            }
        }
    }

    // RFC 4795 2.3 d: R31
    #[test]
    fn address_of_another_host_that_lost_its_names_gets_silence() {
        /// A link whose names were all lost to others.
        struct Lost;

        impl Zone for Lost {
            fn find(&self, _: &Name) -> Option<Found<'_>> {
                None
            }

            fn names_of(&self, _: IpAddr) -> Option<Vec<Owner<'_>>> {
                Some(Vec::new())
            }

            fn is_own(&self, address: IpAddr) -> bool {
                link().is_own(address)
            }

            fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
                link().source_for(asker)
            }
        }

        let silent = |name: &str| {
            let asked = Asked {
                message: &query(name, PTR),
                from: PEER_V4.parse().unwrap(),
                transport: Transport::Udp {
                    to: GROUP_V4.parse().unwrap(),
                },
            };
            respond(&Lost, &asked).err()
        };
        assert_eq!(silent("1.2.0.192.in-addr.arpa"), None);
        assert_eq!(silent("2.2.0.192.in-addr.arpa"), Some(Ignored::Name));
    }

    // RFC 4795 2.6 c, 4.1: R27, R28, R36
    #[test]
    fn address_is_answered_with_names_that_can_be_resolved() {
        use NameState::{Shared, Tentative, Unique};
        let arpa = query("1.2.0.192.in-addr.arpa", PTR);
        for (states, flags, names) in [
            (&[Unique, Tentative][..], 0x80, &["a."][..]),
            (&[Tentative, Unique], 0x80, &["b."]),
            (&[Unique, Shared, Tentative], 0x80, &["a.", "b."]),
            (&[Shared, Tentative], 0x84, &["a."]),
            (&[Tentative, Tentative], 0x81, &["a.", "b."]),
        ] {
            let hosts = ["a", "b", "c"].iter().zip(states);
            let zone = Link(
                hosts
                    .map(|(name, &state)| {
                        let host = host(&["192.0.2.1"], &[]);
                        (Name::parse(name).unwrap(), Host { state, ..host })
                    })
                    .collect(),
            );
            let response = ask(&zone, &arpa, PEER_V4).unwrap();
            assert_eq!(names_in(&response.message), names, "{states:?}");
            assert_eq!(response.message[2..4], [flags, 0], "{states:?}");
            assert_eq!(response.delay, flags != 0x80, "{states:?}");
        }
    }

    // RFC 4795 2.8: R41
    #[test]
    fn names_of_one_address_have_one_ttl() {
        let mut zone = link();
        zone.0.values_mut().next().unwrap().ttl = 7;
        let response = decoded(&answer(
            &zone,
            &query("1.2.0.192.in-addr.arpa", PTR),
            PEER_V4,
        ));
        assert!(response.answers.iter().all(|record| record.ttl == 7));
        assert_eq!(response.answers.len(), 2);
    }

    // RFC 4795 2.4: R2, R55
    #[test]
    fn message_by_tcp_is_answered_from_where_it_went_and_at_once() {
        let zone = link_of(Host {
            state: NameState::Shared,
            ..host(&["192.0.2.1"], &[])
        });
        let asked = query("casa", A);
        let response = by_tcp(&zone, &asked).unwrap();
        assert_eq!(response.source.to_string(), "192.0.2.1");
        assert_eq!(response.message, answer(&zone, &asked, PEER_V4));
        assert!(!response.delay);
    }

    // RFC 4795 2.5: R7, R8
    #[test]
    fn connection_of_a_strange_address_is_not_answered() {
        let asked = query("casa", A);
        let over = |from: &str, local: &str| {
            let (from, local) = (from.parse().unwrap(), local.parse().unwrap());
            let asked = Asked {
                message: &asked,
                from,
                transport: Transport::Tcp { local },
            };
            respond(&link(), &asked).err()
        };
        assert_eq!(over(PEER_V4, "192.0.2.1"), None);
        assert_eq!(over(PEER_LL6, "fe80::1"), None);
        for local in ["192.0.2.2", "198.51.100.1", GROUP_V4] {
            assert_eq!(over(PEER_V4, local), Some(Ignored::Local), "{local}");
        }
        let off_link = over("198.51.100.1:5", "192.0.2.1");
        assert_eq!(off_link, Some(Ignored::OffLink));
        assert_eq!(over("127.0.0.1:5", "192.0.2.1"), Some(Ignored::Source));
    }

    // RFC 4795 2.1.1, 2.4: R14, R15, R17, R18, R19, R20, R21, R23, R55
    #[test]
    fn rules_for_headers_are_the_same_by_tcp() {
        let plain = by_tcp(&link(), &query("casa", A)).unwrap();
        for (flags, expected) in [
            (0x8000, Err(Ignored::Response)),
            (0x2800, Err(Ignored::Opcode)),
            (0x0400, Err(Ignored::Conflict)),
            (0x03f3, Ok(plain)),
        ] {
            let mut asked = query("casa", A);
            asked[2..4].copy_from_slice(&u16::to_be_bytes(flags));
            assert_eq!(by_tcp(&link(), &asked), expected);
        }
        for at in [5, 7, 9] {
            let mut asked = query("casa", A);
            asked[at] = 2;
            assert_eq!(by_tcp(&link(), &asked), Err(Ignored::Counts));
        }
        assert_eq!(by_tcp(&link(), b"\x12\x34"), Err(Ignored::Header));
    }

    // RFC 4795 2.1.1: R21, R26, R55, R58
    #[test]
    fn format_error_is_told_by_its_rcode_over_tcp() {
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let two = with_opt(with_opt(query("casa", A), 1400), 1400);
        let expected = message(
            b"\x12\x34\x80\x01\0\x01\0\0\0\0\0\x01",
            b"\x04casa\0",
            1,
            &[opt],
        );
        assert_eq!(by_tcp(&link(), &two).unwrap().message, expected);
        let mut cut = query("casa", A);
        cut[11] = 1;
        let expected = message(b"\x12\x34\x80\x01\0\x01\0\0\0\0\0\0", b"\x04casa\0", 1, &[]);
        assert_eq!(by_tcp(&link(), &cut).unwrap().message, expected);
    }

    // RFC 6891 6.1.3: R25, R26, R55
    #[test]
    fn unknown_version_of_edns_is_told_by_its_extended_rcode_over_tcp() {
        let mut asked = with_opt(query("casa", A), 1400);
        let version = asked.len() - 5;
        asked[version] = 1;
        let opt = b"\0\0\x29\x04\xd0\x01\0\0\0\0\0";
        let expected = message(
            b"\x12\x34\x80\0\0\x01\0\0\0\0\0\x01",
            b"\x04casa\0",
            1,
            &[opt],
        );
        assert_eq!(by_tcp(&link(), &asked).unwrap().message, expected);
    }

    // RFC 4795 2.1.1: R22
    #[test]
    fn query_in_error_for_another_name_gets_silence_by_tcp_too() {
        let mut asked = query("other", A);
        asked[11] = 1;
        assert_eq!(by_tcp(&link(), &asked), Err(Ignored::Name));
    }

    // RFC 4795 2.1.1, 5.3, RFC 8945 5.1: R26, R59
    #[test]
    fn misplaced_signature_is_an_error_and_a_well_placed_one_is_not() {
        let tsig = b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x02xy";
        let mut last = query("casa", A);
        last[11] = 1;
        last.extend_from_slice(tsig);
        let plain = answer(&link(), &query("casa", A), PEER_V4);
        assert_eq!(answer(&link(), &last, PEER_V4), plain);
        let first = with_opt(last, 1400);
        let error = answer(&link(), &first, PEER_V4);
        assert_eq!(error[2..12], [0x82, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        let error = by_tcp(&link(), &first).unwrap().message;
        assert_eq!(error[2..12], [0x80, 1, 0, 1, 0, 0, 0, 0, 0, 1]);
    }

    // RFC 4795 2.7: R44
    #[test]
    fn only_names_that_are_known_to_be_unique_are_answered_at_once() {
        for (state, delay) in [
            (NameState::Tentative, true),
            (NameState::Unique, false),
            (NameState::Shared, true),
        ] {
            let zone = link_of(Host {
                state,
                ..host(&["192.0.2.1"], &[])
            });
            for kind in [A, AAAA, ANY, 16] {
                let response = ask(&zone, &query("casa", kind), PEER_V4).unwrap();
                assert_eq!(response.delay, delay);
            }
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

    // RFC 4795 2.1.1: R12, R40, R56
    #[test]
    fn answers_to_any_and_ptr_are_cut_between_records_and_only_if_they_do_not_fit() {
        // 22 bytes of header and question: 490 are left for A records of 16 and AAAA records of 28.
        for (v4, v6, cut_to) in [
            (6, 14, None),
            (7, 14, Some(20)),
            (30, 0, None),
            (31, 0, Some(30)),
            (30, 1, Some(30)),
            (0, 18, Some(17)),
        ] {
            let zone = link_of(Host {
                a: (1..=v4).map(|last| [192, 0, 2, last].into()).collect(),
                aaaa: (1..=v6)
                    .map(|last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into())
                    .collect(),
                ..host(&[], &[])
            });
            let all = usize::from(v4) + usize::from(v6);
            let response = decoded(&answer(&zone, &query("casa", ANY), PEER_V4));
            let seen = (response.answers.len(), response.truncation);
            assert_eq!(seen, (cut_to.unwrap_or(all), cut_to.is_some()));
            let whole = decoded(&by_tcp(&zone, &query("casa", ANY)).unwrap().message);
            assert_eq!((whole.answers.len(), whole.truncation), (all, false));
        }
    }

    // RFC 4795 2.1.1: R55, R56
    #[test]
    fn what_udp_cuts_tcp_tells_whole() {
        let names = (0..100).map(|number| format!("host-{number:03}"));
        let entry = |name: String| (Name::parse(&name).unwrap(), host(&["192.0.2.1"], &[]));
        let zone = Link(names.map(entry).collect());
        let asked = query("1.2.0.192.in-addr.arpa", PTR);
        // 40 bytes of header and question, 22 a record.
        let cut = answer(&zone, &asked, PEER_V4);
        assert_eq!(
            (cut[2..4].to_vec(), cut.len()),
            (vec![0x82, 0], 40 + 21 * 22)
        );
        let whole = by_tcp(&zone, &asked).unwrap().message;
        assert_eq!(whole[2..4], [0x80, 0]);
        assert_eq!(names_in(&whole).len(), 100);
        // An OPT record does not bound what goes over TCP.
        let whole = by_tcp(&zone, &with_opt(asked, 512)).unwrap().message;
        assert_eq!(
            (whole[2..4].to_vec(), whole.len()),
            (vec![0x80, 0], 40 + 100 * 22 + 11)
        );
    }

    // RFC 1035 4.2.2: R55
    #[test]
    fn what_tcp_cannot_frame_is_cut_too() {
        let names = (0..OWNERS_MAX).map(|number| format!("host-{number:05}.example"));
        let entry = |name: String| (Name::parse(&name).unwrap(), host(&["192.0.2.1"], &[]));
        let zone = Link(names.map(entry).collect());
        let asked = query("1.2.0.192.in-addr.arpa", PTR);
        let message = by_tcp(&zone, &asked).unwrap().message;
        assert_eq!(message[2..4], [0x82, 0]);
        assert!((65_500..=65_535).contains(&message.len()));
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

        // RFC 4795 2.1.1: R16, R20, R21, R22, R54
        #[test]
        fn damaged_queries_get_silence_or_a_message_that_others_can_read(
            base in prop::sample::select(vec![
                query("casa", A),
                query("casa", ANY),
                with_opt(query("casa.example", A), 600),
                with_opt(query("media", AAAA), 9000),
                query("1.2.0.192.in-addr.arpa", PTR),
            ]),
            damage in prop::collection::vec((0..70usize, any::<u8>()), 0..4),
            tail in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0..110usize,
        ) {
            let mut asked = base;
            asked.extend_from_slice(&tail);
            damage.iter().for_each(|&(at, byte)| if let Some(place) = asked.get_mut(at) { *place = byte });
            asked.truncate(cut);
            let (by_udp, by_tcp) = (ask(&link(), &asked, PEER_LL6), by_tcp(&link(), &asked));
            prop_assert_eq!(by_udp.as_ref().err(), by_tcp.as_ref().err());
            for (response, tcp) in [(by_udp, false), (by_tcp, true)] {
                let Ok(response) = response else { continue };
                let message = response.message;
                let decoded = decoded(&message);
                let question = 12 + response.question.name.wire().len() + 4;
                let error = message[2] & 2 != 0 || message[3] != 0 || matches!(message[question..], [0, 0, 41, _, _, 1, ..]);
                prop_assert_eq!(&message[..2], &asked[..2]);
                prop_assert_eq!(message[2] & !2, 0x80);
                prop_assert!(message[3] <= u8::from(tcp));
                prop_assert!(!(tcp && decoded.truncation));
                prop_assert_eq!(&message[12..question], &asked[12..question]);
                prop_assert_eq!(decoded.queries.len(), 1);
                prop_assert_eq!(decoded.answers.len() + decoded.authorities.len() > 0, !error);
                prop_assert_eq!(decoded.edns.is_some(), message[11] == 1);
                prop_assert!(tcp || message.len() <= 1232);
            }
        }

        // RFC 4795 2.1.1, 2.3 c, f, 2.6 d, e, 2.8, 2.9, 4.1: R30, R33, R35, R37, R38, R40, R41, R56
        #[test]
        fn responses_say_what_the_zone_has_in_the_words_of_another_implementation(
            zone in zones(),
            name in prop::sample::select(vec!["a", "b", "1.2.0.192.in-addr.arpa", "9.9.254.169.in-addr.arpa"]),
            kind in prop::sample::select(vec![A, AAAA, PTR, ANY, 16]),
            from in prop::sample::select(vec![PEER_V4, PEER_LL4, PEER_V6, PEER_LL6]),
            payload in prop::option::of(0..2000u16),
        ) {
            let mut asked = query(name, kind);
            if let Some(payload) = payload {
                asked = with_opt(asked, payload);
            }
            let expected = expected(&zone, &Name::parse(name).unwrap(), kind);
            let response = ask(&zone, &asked, from);
            let Some((mut expected, negative)) = expected else {
                prop_assert_eq!(response, Err(Ignored::Name));
                return Ok(());
            };
            let message = response.unwrap().message;
            let response = decoded(&message);
            let mut told: Vec<_> = response.answers.iter().map(|record| record.data.to_string()).collect();
            let limit = payload.map_or(512, |payload| payload.clamp(512, 1232));
            prop_assert!(message.len() <= limit.into());
            if let Some(first) = told.first() {
                let local = |text: &String| text.starts_with("169.254.") || text.starts_with("fe80:");
                let asker_is_local = from.contains("fe80") || from.contains("169.254");
                prop_assert!(kind == PTR || local(first) == asker_is_local || told.iter().all(|one| local(one) == local(first)));
            }
            prop_assert!(response.answers.windows(2).all(|pair| pair[0].ttl == pair[1].ttl));
            prop_assert_eq!(response.authorities.len(), usize::from(negative));
            if response.truncation {
                // The longest record has 28 bytes.
                prop_assert!(told.len() < expected.len() && message.len() + 28 > limit.into());
                prop_assert!(told.iter().all(|one| expected.contains(one)));
            } else {
                told.sort();
                expected.sort();
                prop_assert_eq!(told, expected);
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
