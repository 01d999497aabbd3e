//! The verification of one name on one link (RFC 4795 2.7, 4.1, 4.2): the queries it sends over each family, and what
//! a response to them means. Which names are verified when, and what becomes of one that is lost, is the engine's.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use llamar_common::wire::{dns, udp};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Ignored;
use super::rules::{Rule, Rules};
use super::timing::{JITTER_INTERVAL, LLMNR_TIMEOUT, TRANSMISSIONS_MAX, jitter};
use crate::dns::{Header, Question, RawRecord, kind};

/// The question that verifies a name.
pub fn question_of(name: &crate::dns::Name) -> Question {
    // RFC 4795 4.1: it is RECOMMENDED to verify uniqueness by a query with type ANY.
    Question {
        name: name.clone(),
        kind: kind::ANY,
        class: dns::IN,
    }
}

/// The verification of a name, over each family at once.
#[derive(Clone, Debug)]
pub struct Verification {
    question: Question,
    /// Whether the name is in use already and merely doubted.
    verified: bool,
    exchanges: Vec<Exchange>,
}

/// One family's query and how far it is.
#[derive(Clone, Debug)]
struct Exchange {
    id: u16,
    source: IpAddr,
    sent: u8,
    /// How many could not be sent.
    unsent: u8,
    /// When the next transmission is due, or the end of waiting; `None` when it is over.
    due: Option<Instant>,
}

/// What a response means for a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is our own response.
    Ours,
    /// Another host has the name too, and has to give in.
    Defended {
        /// The address that our query came from.
        ours: IpAddr,
    },
    /// The name is another's.
    Lost {
        /// The address that our query came from.
        ours: IpAddr,
    },
}

impl Verification {
    /// A verification that begins now, with a query from each of these sources, one per family. `verified` tells
    /// whether the name is in use already.
    pub fn new(
        now: Instant,
        rng: &mut StdRng,
        question: Question,
        verified: bool,
        sources: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        // RFC 4795 4.1: over all protocols on which we respond. 2.7: each query is delayed by jitter, also for all
        // that heard one query with C set not to ask at once.
        let exchanges = sources.into_iter().map(|source| Exchange {
            id: rng.random(),
            source,
            sent: 0,
            unsent: 0,
            due: Some(now + jitter(rng)),
        });
        Self {
            question,
            verified,
            exchanges: exchanges.collect(),
        }
    }

    /// What is asked.
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// The addresses that its queries come from.
    pub fn sources(&self) -> impl Iterator<Item = IpAddr> {
        self.exchanges.iter().map(|exchange| exchange.source)
    }

    /// When the next step is due; `None` when it is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.exchanges.iter().filter_map(|exchange| exchange.due);
        due.min()
    }

    /// Does what is due, and hands the queries to be sent to `send`, each with its source.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        rules: Rules,
        mut send: impl FnMut(IpAddr, Vec<u8>),
    ) {
        let most = if rules.hold(Rule::Retransmit) {
            TRANSMISSIONS_MAX
        } else {
            1
        };
        for exchange in &mut self.exchanges {
            if exchange.due.is_none_or(|due| due > now) {
                continue;
            }
            if exchange.sent >= most || exchange.unsent >= TRANSMISSIONS_MAX {
                exchange.due = None;
                continue;
            }
            exchange.sent += 1;
            // RFC 4795 2.7: the timeout is waited for in full, and jitter before the next query. After the last one
            // as much longer as a responder with a tentative name may delay its response. All are sent, whatever is
            // heard: one response does not tell that no other host has the name.
            let delay = if exchange.sent == most {
                JITTER_INTERVAL
            } else {
                jitter(rng)
            };
            exchange.due = Some(now + LLMNR_TIMEOUT + delay);
            // RFC 4795 2.1.1, 4.1: C, TC, T, Z and RCODE are clear, and there is nothing but one question.
            send(exchange.source, self.question.query(exchange.id, 0));
        }
    }

    /// A query could not be sent: it does not count. A family over which none can be is given up after as many
    /// failures, for then nobody is answered over it either.
    pub fn unsent(&mut self, id: u16, source: IpAddr) {
        let is_it = |exchange: &&mut Exchange| exchange.id == id && exchange.source == source;
        if let Some(exchange) = self.exchanges.iter_mut().find(is_it) {
            exchange.sent = exchange.sent.saturating_sub(1);
            exchange.unsent += 1;
        }
    }

    /// Whether anybody was asked.
    pub fn was_sent(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.sent > 0)
    }

    /// It is over, and the name ours: what still comes in is heeded as for any name in use.
    pub fn into_verified(self) -> Self {
        Self {
            verified: true,
            ..self
        }
    }

    /// What a response from an address means; `None` if it is none to a query of this verification.
    pub fn judge(
        &self,
        heard: &Heard,
        from: IpAddr,
        own: &BTreeSet<IpAddr>,
        rules: Rules,
    ) -> Option<Verdict> {
        let exchange = self.exchange(heard.id, &heard.question, |source| {
            source.is_ipv4() == from.is_ipv4()
        })?;
        // RFC 4795 4.1, 4.2: what comes from an address of any of our interfaces is no conflict.
        if rules.hold(Rule::OwnAddresses) && own.contains(&from) {
            return Some(Verdict::Ours);
        }
        // RFC 4795 4.1: with T clear, the name must not be used. With T set, and 4.2: for a name in use whatever T
        // says, only if the response's source address is smaller than the query's.
        let holder = rules.hold(Rule::HolderKeeps) && !self.verified && !heard.tentative;
        let smaller = from < exchange.source || !rules.hold(Rule::CompareAddresses);
        let ours = exchange.source;
        Some(if holder || smaller {
            Verdict::Lost { ours }
        } else {
            Verdict::Defended { ours }
        })
    }

    /// Whether a query is one of this verification's.
    pub fn asked(&self, id: u16, question: &Question, from: IpAddr) -> bool {
        self.exchange(id, question, |source| source == from)
            .is_some()
    }

    fn exchange(
        &self,
        id: u16,
        question: &Question,
        is_source: impl Fn(IpAddr) -> bool,
    ) -> Option<&Exchange> {
        let mut exchanges = self.exchanges.iter().filter(|exchange| exchange.sent > 0);
        exchanges
            .find(|exchange| exchange.id == id && is_source(exchange.source))
            .filter(|_| self.question == *question)
    }
}

/// A response, as far as verification heeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// ID.
    pub id: u16,
    /// The question it repeats.
    pub question: Question,
    /// T: its sender has not verified the name.
    pub tentative: bool,
    /// TTL in seconds of the first answer, or of the SOA record of a response without.
    pub ttl: Option<u32>,
}

impl Heard {
    /// The response that a message from a port is; why it is ignored otherwise.
    pub fn read(message: &[u8], port: u16) -> Result<Self, Ignored> {
        let header = Header::read(message).ok_or(Ignored::Header)?;
        if header.flags & dns::OPCODE != 0 {
            return Err(Ignored::Opcode);
        }
        // RFC 4795 2.3 b, 2.1.1: responses come from the port that the query went to, and those to a multicast query
        // have RCODE 0. TC, C and Z change nothing here.
        if port != udp::LLMNR || header.flags & dns::RESPONSE == 0 || header.flags & dns::RCODE != 0
        {
            return Err(Ignored::Response);
        }
        // RFC 4795 2.1.1: responses with other than one question are discarded.
        if header.questions != 1 {
            return Err(Ignored::Counts);
        }
        let (question, end) = Question::read(message, dns::HEADER).ok_or(Ignored::Question)?;
        Ok(Self {
            id: header.id,
            question,
            tentative: header.flags & dns::TENTATIVE != 0,
            ttl: ttl(message, end, &header),
        })
    }
}

/// The TTL by which a response can be kept. RFC 4795 4.1: nothing else of its sections is relevant.
fn ttl(message: &[u8], offset: usize, header: &Header) -> Option<u32> {
    if header.answers > 0 {
        return Some(RawRecord::read(message, offset).ok()?.0.ttl);
    }
    let mut at = offset;
    let mut authorities = (0..header.authorities).map_while(|_| {
        let (record, end) = RawRecord::read(message, at).ok()?;
        at = end;
        Some(record)
    });
    let soa = authorities.find(|record| record.kind == dns::SOA)?;
    Some(soa.ttl)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;
    use crate::dns::Name;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 200));

    /// A verification whose query was sent, and that query.
    fn asked(verified: bool) -> (Verification, Vec<u8>) {
        let mut rng = StdRng::seed_from_u64(1);
        let now = Instant::now();
        let question = question_of(&Name::parse("casa").unwrap());
        let mut verification = Verification::new(now, &mut rng, question, verified, [SOURCE]);
        let mut query = Vec::new();
        let send = |_, message| query = message;
        verification.handle_timeout(now + JITTER_INTERVAL, &mut rng, Rules::default(), send);
        (verification, query)
    }

    fn heard(query: &[u8], flags: u8) -> Heard {
        let mut message = query.to_vec();
        message[2] = 0x80 | flags;
        Heard::read(&message, 5355).unwrap()
    }

    // RFC 4795 4.1, 4.2: R50. Bytes are compared from the front, and the same address is not a smaller one.
    #[test]
    fn smaller_is_what_differs_first() {
        for (from, smaller) in [
            ("9.255.255.255", true),
            ("10.0.0.199", true),
            ("10.0.0.200", false),
            ("10.0.0.201", false),
            ("10.0.1.0", false),
            ("192.168.0.1", false),
        ] {
            for verified in [false, true] {
                let (verification, query) = asked(verified);
                let from = from.parse().unwrap();
                let verdict =
                    verification.judge(&heard(&query, 1), from, &BTreeSet::new(), Rules::default());
                let expected = if smaller {
                    Verdict::Lost { ours: SOURCE }
                } else {
                    Verdict::Defended { ours: SOURCE }
                };
                assert_eq!(verdict, Some(expected), "{from}");
            }
        }
    }

    // RFC 4795 2.1.1, 2.3 b: R14, S4
    #[test]
    fn only_a_response_from_the_port_of_llmnr_is_heard() {
        let (_, query) = asked(false);
        let read = |flags: u16, port| {
            let mut message = query.clone();
            message[2..4].copy_from_slice(&flags.to_be_bytes());
            Heard::read(&message, port).map(|heard| heard.tentative)
        };
        assert_eq!(read(0x8000, 5355), Ok(false));
        assert_eq!(read(0x8170, 5355), Ok(true));
        assert_eq!(read(0x8000, 5353), Err(Ignored::Response));
        assert_eq!(read(0x8800, 5355), Err(Ignored::Opcode));
        for flags in [0x0000, 0x0170, 0x0400, 0x8001, 0x800f] {
            assert_eq!(read(flags, 5355), Err(Ignored::Response), "{flags:04x}");
        }
    }

    #[test]
    fn nothing_is_heard_before_the_query_was_sent() {
        let mut rng = StdRng::seed_from_u64(1);
        let question = question_of(&Name::parse("casa").unwrap());
        let now = Instant::now();
        let verification = Verification::new(now, &mut rng, question, false, [SOURCE]);
        let (_, query) = asked(false);
        let from = "10.0.0.1".parse().unwrap();
        let own = BTreeSet::new();
        let verdict = verification.judge(&heard(&query, 0), from, &own, Rules::default());
        assert_eq!(verdict, None);
    }

    // RFC 4795 2.1.1, 2.9: S3
    #[test]
    fn query_is_a_header_with_an_id_and_one_question() {
        let (_, query) = asked(false);
        assert_eq!(query[2..], *b"\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\xff\0\x01");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_response_or_a_reason(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            counts in any::<[u8; 3]>(),
        ) {
            let _ = Heard::read(&bytes, 5355);
            let (_, mut message) = asked(false);
            (message[2], message[7], message[9], message[11]) = (0x80, counts[0], counts[1], counts[2]);
            message.extend_from_slice(&bytes);
            let heard = Heard::read(&message, 5355).unwrap();
            prop_assert!(heard.ttl.is_none() || counts[0] > 0 || counts[1] > 0);
        }
    }
}
