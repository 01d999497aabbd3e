//! The responder.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message as Hickory;
use llamar_common::testing::{LLMNR_V4, LLMNR_V6};
use llamar_user::dns::{Compression, Message, Name, Question, kind};
use llamar_user::llmnr::{Asked, Query, Response, Transport, respond, reverse};

use super::message::{SEEDS, captured};
use crate::damage;
use crate::dice::Dice;
use crate::messages;
use crate::run::{Target, outcome};
use crate::world::{NAMES, OWN, World};

/// The responder of a link with names. The first byte of an input says who asks and how.
pub struct Responder(World);

/// Who asks: most of them are on the link.
const ASKERS: [&str; 8] = [
    "192.168.1.77:50000",
    "169.254.9.9:5355",
    "[2001:db8:1::77]:50000",
    "[fe80::77]:50000",
    "192.168.1.10:50000",
    "8.8.8.8:50000",
    "[::1]:50000",
    "192.168.1.77:0",
];

impl Target for Responder {
    const NAME: &'static str = "respond";

    fn new() -> Self {
        Self(World::new())
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let by_hand = SEEDS.iter().map(|seed| seed.to_vec());
        let all = captured().into_iter().chain(by_hand);
        all.map(|message| [vec![0], message].concat()).collect()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let mut query = messages::query(dice);
        if dice.percent(90) {
            query.questions = vec![question(dice)];
        }
        let mut input = vec![dice.any() as u8];
        input.extend(query.write(Compression::Unicast).expect("a short message"));
        input
    }

    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        if let Some((first, message)) = input.split_first() {
            let mut message = message.to_vec();
            let first = if dice.percent(30) {
                dice.any() as u8
            } else {
                *first
            };
            damage::message(dice, &mut message);
            *input = [vec![first], message].concat();
        }
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((&how, message)) = input.split_first() else {
            return 0;
        };
        let from: SocketAddr = ASKERS[usize::from(how % 8)].parse().expect("an address");
        let group: IpAddr = if from.is_ipv4() {
            LLMNR_V4.into()
        } else {
            LLMNR_V6.into()
        };
        let transport = match how / 8 % 4 {
            0 | 1 => Transport::Udp { to: group },
            2 => Transport::Tcp {
                local: OWN[usize::from(how / 32 % 4)].0,
            },
            _ => Transport::Udp { to: OWN[0].0 },
        };
        let asked = Asked {
            message,
            from,
            transport,
        };
        let query = Query::read(message);
        if let Ok(query) = &query {
            same_as_codec(query, message);
        }
        match respond(&self.0, &asked) {
            Ok(response) => check(&response, &asked),
            Err(ignored) => outcome((ignored, query.is_ok())),
        }
    }
}

fn question(dice: &mut Dice) -> Question {
    let name = match dice.below(8) {
        0 => messages::name(dice),
        1 | 2 => reverse::name_of(dice.pick(&OWN).0),
        _ => {
            let (text, ..) = dice.pick(&NAMES);
            let name = Name::parse(text).expect("a name");
            let upper = name.wire().to_ascii_uppercase();
            let (upper, _) = Name::from_wire(&upper).expect("the same in other letters");
            if dice.percent(50) { name } else { upper }
        }
    };
    Question {
        name,
        kind: *dice.pick(&[
            kind::A,
            kind::AAAA,
            kind::PTR,
            kind::ANY,
            kind::SOA,
            kind::TXT,
            65,
        ]),
        class: *dice.pick(&[kind::IN, kind::IN, kind::IN, kind::CLASS_ANY, 3]),
    }
}

/// The walk through a query and the whole codec read the same in it.
fn same_as_codec(query: &Query<'_>, bytes: &[u8]) {
    let message = Message::read(bytes).expect("a query is a message");
    assert_eq!(message.id, query.id);
    let [question] = &message.questions[..] else {
        panic!("{} questions in a query", message.questions.len());
    };
    assert_eq!(question.name.wire(), query.question.name.wire());
    assert_eq!(
        (question.kind, question.class),
        (query.question.kind, query.question.class)
    );
    assert_eq!(&bytes[12..12 + query.echo.len()], query.echo);
}

/// What every response keeps to.
fn check(response: &Response, asked: &Asked<'_>) -> u64 {
    let bytes = &response.message;
    let message = Message::read(bytes).expect("a response is a message");
    assert!(message.flaws.is_empty(), "{:?}", message.flaws);
    let query = Query::read(asked.message).expect("what is answered is a query");
    // RFC 4795 2.1.1: R16, R20, R22, R54
    let (id, flags) = (message.id, message.flags);
    assert_eq!((id, flags & 0xf8f0), (query.id, 0x8000));
    assert!(bytes[12..].starts_with(query.echo));
    assert_eq!(message.questions.len(), 1);
    let udp = matches!(asked.transport, Transport::Udp { .. });
    assert!(
        if udp {
            flags & 0xf == 0
        } else {
            flags & 0xf != 3
        },
        "RCODE of {flags:x}"
    );
    // RFC 4795 2.1: R12, R56, R57
    let limit = if query.additional.edns.is_some() {
        1232
    } else {
        512
    };
    assert!(!udp || bytes.len() <= limit, "{} bytes", bytes.len());
    assert!(!response.delay || udp);
    // RFC 4795 2.9: R24, R34, R42
    let name = &query.question.name;
    for record in message.answers.iter().chain(&message.authorities) {
        assert_eq!(
            (&record.owner, record.class, record.ttl),
            (name, kind::IN, 30)
        );
    }
    assert!(
        message
            .authorities
            .iter()
            .all(|record| record.kind == kind::SOA)
    );
    assert_eq!(
        message.additionals.len(),
        usize::from(query.additional.edns.is_some())
    );
    assert!(
        message
            .additionals
            .iter()
            .all(|record| record.kind == kind::OPT)
    );
    assert!(OWN.iter().any(|(own, _)| *own == response.source));
    let theirs = Hickory::from_vec(bytes).expect("others read it");
    assert_eq!(theirs.answers.len(), message.answers.len());
    let kinds: Vec<u16> = message
        .records()
        .map(|record| record.kind)
        .take(4)
        .collect();
    outcome((
        kinds,
        flags,
        message.answers.len(),
        query.question.kind,
        udp,
    ))
}
