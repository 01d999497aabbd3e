//! What every datagram on the link keeps to, whoever sent it and why.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_proto::op::Message as Hickory;
use llamar_common::wire::dns::{RESPONSE, TRUNCATED};
use simple_dns::Packet as Simple;

use super::super::*;
use super::scene::{ms, secs};
use crate::dns::{Message, RawRecord, Rdata, Record, kind};
use crate::mdns::{Arrival, Family, PACKET_MAX, PORT, TTL_HOST, TTL_OTHER};

/// RFC 6762 18.2, 18.4: QR and AA.
const MULTICAST_RESPONSE: u16 = 0x8400;
/// RFC 6762 6: a record is not multicast again within this time.
const AGAIN: Duration = secs(1);
/// RFC 6762 6: unless a probe is answered.
const AGAIN_PROBED: Duration = ms(250);
/// How long after a probe or a question its answer may come: TC makes it wait for up to 500 ms after the last packet
/// (RFC 6762 7.2), and aggregation for as much again (6.4).
const ANSWERED: Duration = ms(1100);

/// An interface of a host.
type Place = (usize, u32);
/// The records of a name and type there, over a family.
type Set = (Place, Family, Name, u16);

/// The checker: what was said and asked lately, and the rules that were broken.
#[derive(Debug, Default)]
pub struct Wire {
    pub breaches: Vec<String>,
    said: BTreeMap<Set, Vec<(Rdata, Instant)>>,
    probed: BTreeMap<Place, Vec<(Instant, Name)>>,
    asked: BTreeMap<Place, Vec<Asked>>,
}

/// A query whose answer may be unicast.
#[derive(Debug)]
struct Asked {
    at: Instant,
    from: SocketAddr,
    query: Message,
}

impl Wire {
    /// A host begins anew: what it said before it cannot know.
    pub fn restarted(&mut self, host: usize) {
        self.said.retain(|((by, _), ..), _| *by != host);
    }

    /// A host gets a datagram.
    pub fn heard(&mut self, now: Instant, place: Place, arrival: &Arrival, bytes: &[u8]) {
        let is_query = bytes.get(2).is_some_and(|flags| flags & 0x80 == 0);
        let Some(query) = Message::read(bytes).ok().filter(|_| is_query) else {
            return;
        };
        let probed = self.probed.entry(place).or_default();
        probed.retain(|(at, _)| *at + ANSWERED >= now);
        if !query.authorities.is_empty() {
            probed.extend(
                query
                    .questions
                    .iter()
                    .map(|question| (now, question.name.clone())),
            );
        }
        let wants_unicast = |question: &Question| question.class & kind::CLASS_TOP != 0;
        let asked = self.asked.entry(place).or_default();
        asked.retain(|asked| asked.at + ANSWERED >= now);
        let unicast = !arrival.is_multicast() || arrival.is_legacy();
        if unicast || query.questions.iter().any(wants_unicast) {
            asked.push(Asked {
                at: now,
                from: arrival.from,
                query,
            });
        }
    }

    /// A host sends a datagram.
    pub fn sent(
        &mut self,
        now: Instant,
        host: usize,
        engine: &Engine,
        wanted: &Wanted,
        transmit: &Transmit,
    ) {
        let place = (host, transmit.device);
        let message = match parse(&transmit.message) {
            Ok(message) => message,
            Err(flaw) => return self.breach(place, transmit, &flaw),
        };
        let is_response = message.flags & RESPONSE != 0;
        let mut breaches: Vec<String> = size(&message, wanted, transmit).into_iter().collect();
        breaches.extend(match (is_response, transmit.to.port()) {
            (false, _) => query(&message, transmit),
            (true, PORT) => response(&message, engine, wanted, transmit),
            (true, _) => legacy(&message, transmit),
        });
        if is_response && !transmit.to.ip().is_multicast() {
            breaches.extend(self.unasked(now, place, transmit, &message));
        }
        if is_response && transmit.to.ip().is_multicast() {
            breaches.extend(self.too_soon(now, place, transmit, &message));
        }
        for breach in breaches {
            self.breach(place, transmit, &breach);
        }
    }

    fn breach(&mut self, place: Place, transmit: &Transmit, what: &str) {
        let message = Message::read(&transmit.message);
        let to = transmit.to;
        let breach = format!("{what}: host {place:?} to {to}: {message:?}");
        self.breaches.push(breach);
    }

    /// RFC 6762 6: A14. Unicast responses are asked for.
    fn unasked(
        &self,
        now: Instant,
        place: Place,
        transmit: &Transmit,
        message: &Message,
    ) -> Option<String> {
        let mut asked = self.asked.get(&place).into_iter().flatten();
        let is_asked = asked.any(|asked| {
            let legacy = transmit.to.port() != PORT;
            let repeats = asked.query.id == message.id
                && asked.query.questions.len() == message.questions.len()
                && asked
                    .query
                    .questions
                    .iter()
                    .zip(&message.questions)
                    .all(|(a, b)| a.name == b.name && a.kind == b.kind);
            asked.from == transmit.to && asked.at + ANSWERED >= now && (!legacy || repeats)
        });
        (!is_asked).then(|| "A14, A20: a unicast that nobody asked for".to_owned())
    }

    /// RFC 6762 6: A13. No record twice within a second.
    fn too_soon(
        &mut self,
        now: Instant,
        place: Place,
        transmit: &Transmit,
        message: &Message,
    ) -> Vec<String> {
        let family = Family::of(transmit.to.ip());
        let probed = self.probed.get(&place).map_or(&[][..], Vec::as_slice);
        let mut breaches = Vec::new();
        // A goodbye is no answer that anybody could have had before.
        for record in message.records().filter(|record| record.ttl > 0) {
            let is_probed = probed.iter().any(|(_, name)| *name == record.owner);
            let least = if is_probed { AGAIN_PROBED } else { AGAIN };
            let key = (place, family, record.owner.clone(), record.kind);
            let said = self.said.entry(key).or_default();
            said.retain(|(_, at)| *at + AGAIN > now);
            if said
                .iter()
                .any(|(data, at)| *data == record.data && *at + least > now)
            {
                breaches.push(format!("A13: again within {least:?}: {record}"));
            }
            said.push((record.data.clone(), now));
        }
        breaches
    }
}

/// A message as we and others read it, of which nothing is broken.
fn parse(bytes: &[u8]) -> Result<Message, String> {
    Hickory::from_vec(bytes).map_err(|error| format!("hickory-proto: {error}"))?;
    Simple::parse(bytes).map_err(|error| format!("simple-dns: {error}"))?;
    let message = Message::read(bytes).map_err(|flaw| flaw.to_string())?;
    match message.flaws.first() {
        Some(flaw) => Err(flaw.to_string()),
        None => Ok(message),
    }
}

/// RFC 6762 17: A36. It fits in a packet, or is one record.
fn size(message: &Message, wanted: &Wanted, transmit: &Transmit) -> Option<String> {
    let length = transmit.message.len() + Family::of(transmit.to.ip()).headers();
    // RFC 6762 8.2: a probe holds all records of its name, however large they are.
    let probes = !message.authorities.is_empty() && message.questions.len() == 1;
    let alone = probes || message.records().count() + message.questions.len() <= 1;
    let fits = length <= wanted.mtu.min(1500) as usize || alone && length <= PACKET_MAX;
    (!fits).then(|| format!("A36: {length} bytes"))
}

/// RFC 6762 18.1 to 18.11, 10.2: A38, A31. What a query looks like.
fn query(message: &Message, transmit: &Transmit) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            breaches.push(what.to_owned());
        }
    };
    check(message.id == 0, "A10: a query's id");
    check(message.flags & !TRUNCATED == 0, "A38: a query's flags");
    check(transmit.to.port() == PORT, "A1: a query's port");
    let flushes = |record: &Record| record.class & kind::CLASS_TOP != 0;
    check(!message.records().any(flushes), "A31: flush bit in a query");
    // RFC 6762 8.1, 8.2: A24. A probe asks for any type, and proposes records of the names that it asks for.
    for record in &message.authorities {
        let asks =
            |question: &Question| question.name == record.owner && question.kind == kind::ANY;
        check(message.questions.iter().any(asks), "A24: not probed for");
    }
    check(
        message
            .questions
            .iter()
            .all(|question| question.class & !kind::CLASS_TOP == kind::IN),
        "A55: a question's class",
    );
    breaches
}

/// RFC 6762 6, 10, 10.2, 18: A9, A10, A17, A29, A31. What a response to full mDNS hosts looks like.
fn response(
    message: &Message,
    engine: &Engine,
    wanted: &Wanted,
    transmit: &Transmit,
) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            breaches.push(what.to_owned());
        }
    };
    check(message.id == 0, "A10: a response's id");
    check(
        message.flags == MULTICAST_RESPONSE,
        "A10: a response's flags",
    );
    check(message.questions.is_empty(), "A9: questions in a response");
    check(
        message.authorities.is_empty(),
        "authority records in a response",
    );
    let empty = message.answers.is_empty();
    check(!empty, "A9: a response without answers");
    for record in message.records() {
        let flush = record.class & kind::CLASS_TOP != 0;
        check(flush == is_unique(record), "A31, B11: flush bit");
        let ttl = if is_host(record) { TTL_HOST } else { TTL_OTHER };
        let either = record.kind == kind::NSEC && record.ttl == TTL_HOST;
        check(record.ttl == ttl || record.ttl == 0 || either, "A29: TTL");
        check(
            is_whole(record, message, engine, wanted, transmit.device),
            "A17: not all addresses",
        );
    }
    breaches
}

/// RFC 6762 6.7, 18.14: A20. What a response to others looks like.
fn legacy(message: &Message, transmit: &Transmit) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            breaches.push(what.to_owned());
        }
    };
    check(
        message.flags & !TRUNCATED & !0x0100 == MULTICAST_RESPONSE,
        "A10: flags",
    );
    for record in message.records() {
        check(record.class & kind::CLASS_TOP == 0, "A20: flush bit");
        check(record.ttl <= 10, "A20: TTL");
    }
    check(
        whole_srvs(&transmit.message, message),
        "A20: compressed SRV",
    );
    breaches
}

/// Whether no SRV record's target is compressed.
fn whole_srvs(bytes: &[u8], message: &Message) -> bool {
    let mut offset = 12;
    for _ in &message.questions {
        let (_, behind) = Question::read(bytes, offset).unwrap();
        offset = behind;
    }
    for record in message.records() {
        let (raw, behind) = RawRecord::read(bytes, offset).unwrap();
        offset = behind;
        if let Rdata::Srv(srv) = &record.data
            && raw.data.len() != 6 + srv.target.wire().len()
        {
            return false;
        }
    }
    true
}

/// RFC 6763 4.1, 7.1, 9: B11. All PTR records are shared but those of addresses.
fn is_unique(record: &Record) -> bool {
    record.kind != kind::PTR || is_reverse(&record.owner)
}

fn is_reverse(name: &Name) -> bool {
    let text = name.to_string();
    [".in-addr.arpa", ".ip6.arpa"]
        .iter()
        .any(|end| text.trim_end_matches('.').ends_with(end))
}

/// RFC 6762 10: A29. Whether a record has a host's name as owner or in its data.
fn is_host(record: &Record) -> bool {
    match record.kind {
        kind::A | kind::AAAA | kind::SRV => true,
        kind::PTR => is_reverse(&record.owner),
        _ => false,
    }
}

/// RFC 6762 6.2, 10.2: A17, A31. An address comes with all others of its family that its host has, and is one of them.
fn is_whole(
    record: &Record,
    message: &Message,
    engine: &Engine,
    wanted: &Wanted,
    device: u32,
) -> bool {
    if !matches!(record.kind, kind::A | kind::AAAA) || record.ttl == 0 {
        return true;
    }
    let mut standings = engine.standings(device);
    let standing = standings.find(|standing| standing.used == record.owner);
    let name = standing.map(|standing| standing.wanted);
    let host = wanted
        .hosts
        .iter()
        .find(|host| Some(&host.name) == name.as_ref());
    let Some(host) = host else {
        return false;
    };
    let address = |record: &Record| match record.data {
        Rdata::A(address) => Some(IpAddr::V4(address)),
        Rdata::Aaaa(address) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let same = |other: &&Record| other.owner == record.owner && other.kind == record.kind;
    let told: Vec<_> = message.records().filter(same).filter_map(address).collect();
    let is_v4 = record.kind == kind::A;
    let mut all = host
        .addresses
        .iter()
        .filter(|address| address.is_ipv4() == is_v4);
    all.all(|address| told.contains(address))
        && told.iter().all(|address| host.addresses.contains(address))
}

/// A checker that notices nothing proves nothing.
mod checks {
    use super::super::scene::{self, Scene, name, service};
    use super::super::view::{query, response, unique};
    use super::{Message, Rdata, Record, Transmit, kind, ms, secs, whole_srvs};
    use crate::dns::{Compression, Nsec, Srv};

    /// What the checker says of a message that a host with a service sends, in few words.
    fn judged(to: &str, compression: Compression, message: &Message) -> Vec<String> {
        let mut scene = Scene::new(1, None);
        scene.host(1, "casa.local");
        scene.wanted(0).services.push(service("Web", "casa.local"));
        scene.follow(0);
        scene.run(secs(5));
        assert_eq!(scene.wire.breaches, Vec::<String>::new());
        let transmit = Transmit {
            device: scene::ETH,
            to: to.parse().unwrap(),
            from: None,
            message: message.write(compression).unwrap(),
        };
        let host = &scene.hosts[0];
        let wanted = &host.wanted[&scene::ETH];
        scene
            .wire
            .sent(scene.now, 0, &host.engine, wanted, &transmit);
        let first = |breach: &String| breach.split(':').next().unwrap().to_owned();
        scene.wire.breaches.iter().map(first).collect()
    }

    const GROUP: &str = "224.0.0.251:5353";

    fn multicast(message: &Message) -> Vec<String> {
        judged(GROUP, Compression::Multicast, message)
    }

    fn a() -> Record {
        unique("casa.local", 120, Rdata::A([10, 0, 0, 1].into()))
    }

    #[test]
    fn good_messages_pass() {
        assert!(multicast(&response(vec![a()])).is_empty());
        assert!(multicast(&query("casa.local", kind::A)).is_empty());
    }

    #[test]
    fn breaches_are_noticed() {
        let with = |change: &dyn Fn(&mut Message)| {
            let mut message = response(vec![a()]);
            change(&mut message);
            multicast(&message)
        };
        assert_eq!(with(&|m| m.id = 7), ["A10"]);
        assert_eq!(with(&|m| m.flags = 0x8000), ["A10"]);
        assert_eq!(with(&|m| m.flags = 0x8600), ["A10"]);
        assert_eq!(
            with(&|m| m.questions = query("casa.local", kind::A).questions),
            ["A9"]
        );
        assert_eq!(with(&|m| m.answers[0].class = kind::IN), ["A31, B11"]);
        assert_eq!(with(&|m| m.answers[0].ttl = 60), ["A29"]);
        assert_eq!(with(&|m| m.answers.clear()), ["A9"]);
        assert_eq!(with(&|m| m.authorities = vec![a()]).len(), 2);
        let other = Rdata::A([10, 0, 0, 2].into());
        assert_eq!(with(&|m| m.answers[0].data = other.clone()), ["A17"]);
        let shared = unique(
            "_http._tcp.local",
            4500,
            Rdata::Ptr(name("Web._http._tcp.local")),
        );
        assert_eq!(with(&|m| m.answers.push(shared.clone())), ["A31, B11"]);
        let nsec = unique(
            "casa.local",
            120,
            Rdata::Nsec(Nsec::new(name("casa.local"), [1, 28])),
        );
        assert!(with(&|m| m.additionals.push(nsec.clone())).is_empty());
    }

    #[test]
    fn breaches_of_queries_are_noticed() {
        let with = |change: &dyn Fn(&mut Message)| {
            let mut message = query("casa.local", kind::ANY);
            change(&mut message);
            multicast(&message)
        };
        assert_eq!(with(&|m| m.id = 7), ["A10"]);
        assert_eq!(with(&|m| m.flags = 0x0100), ["A38"]);
        assert_eq!(with(&|m| m.answers = vec![a()]), ["A31"]);
        let mut proposed = a();
        proposed.class = kind::IN;
        assert!(with(&|m| m.authorities = vec![proposed.clone()]).is_empty());
        proposed.owner = name("other.local");
        assert_eq!(with(&|m| m.authorities = vec![proposed.clone()]), ["A24"]);
    }

    #[test]
    fn unicasts_that_nobody_asked_for_and_haste_are_noticed() {
        let mut message = response(vec![a()]);
        let to = "10.0.0.9:5353";
        assert_eq!(judged(to, Compression::Multicast, &message), ["A14, A20"]);
        let long = |number: u8| unique("casa.local", 120, Rdata::A([10, 0, 0, number].into()));
        message.answers.extend((0..100).map(long));
        assert!(multicast(&message).contains(&"A36".to_owned()));
        let mut scene = Scene::new(1, Some(crate::mdns::Rule::OncePerSecond));
        scene.host(1, "casa.local");
        scene.follow(0);
        scene.run(secs(5));
        for _ in 0..3 {
            scene.say(
                0,
                "10.0.0.9:5353".parse().unwrap(),
                &query("casa.local", kind::A),
            );
            scene.run(ms(100));
        }
        assert!(
            scene.wire.breaches[0].starts_with("A13"),
            "{:?}",
            scene.wire.breaches
        );
    }

    #[test]
    fn breaches_of_legacy_responses_are_noticed() {
        let srv = Rdata::Srv(Srv {
            priority: 0,
            weight: 0,
            port: 80,
            target: name("casa.local"),
        });
        let mut message = response(vec![unique("Web.casa.local", 120, srv)]);
        let judged = judged("10.0.0.9:40000", Compression::Multicast, &message);
        assert_eq!(judged, ["A20", "A20", "A20", "A14, A20"]);
        message.answers[0].class = kind::IN;
        message.answers[0].ttl = 10;
        let bytes = message.write(Compression::Unicast).unwrap();
        assert!(whole_srvs(&bytes, &message));
    }
}
