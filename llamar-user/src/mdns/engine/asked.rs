//! Questions of ours that asked for unicast responses: nobody else may send us any (RFC 6762 6).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use llamar_common::wire::dns;

use crate::dns::{Header, Message, Question, Record, kind};
use crate::mdns::{Family, Transmit};

/// RFC 6762 6: a recently sent query, for example within the last two seconds.
const RECENT: Duration = Duration::from_secs(2);
/// How many questions are remembered: those of a host that probes for hundreds of names on several interfaces. What goes
/// beyond is answered by multicast too, for it is asked again.
const ASKED_MAX: usize = 1024;

/// What was asked lately.
#[derive(Debug, Default)]
pub struct Asked {
    questions: VecDeque<(Instant, u32, Family, Question)>,
}

impl Asked {
    /// Takes note of the questions of a message of ours that ask for unicast responses.
    pub fn sent(&mut self, now: Instant, transmit: &Transmit) {
        self.forget(now);
        let message = &transmit.message;
        let header = Header::read(message).filter(|header| header.flags & dns::RESPONSE == 0);
        let mut offset = dns::HEADER;
        for _ in 0..header.map_or(0, |header| header.questions) {
            let Some((mut question, behind)) = Question::read(message, offset) else {
                return;
            };
            offset = behind;
            if question.class & kind::CLASS_TOP == 0 {
                continue;
            }
            question.class &= !kind::CLASS_TOP;
            if self.questions.len() >= ASKED_MAX {
                self.questions.pop_front();
            }
            let family = Family::of(transmit.to.ip());
            let asked = (now, transmit.device, family, question);
            self.questions.push_back(asked);
        }
    }

    /// Whether a unicast response answers one of them.
    pub fn is_answered(
        &mut self,
        now: Instant,
        device: u32,
        to: IpAddr,
        response: &Message,
    ) -> bool {
        self.forget(now);
        let family = Family::of(to);
        let mut asked = self.questions.iter();
        asked.any(|(_, by, over, question)| {
            (*by, *over) == (device, family)
                && response
                    .answers
                    .iter()
                    .any(|record| answers(record, question))
        })
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |(at, ..): &(Instant, u32, Family, Question)| *at + RECENT < now;
        while self.questions.front().is_some_and(is_old) {
            self.questions.pop_front();
        }
    }
}

/// Whether a record answers a question. RFC 6762 6: the type is equal or asked for as ANY, or it is a CNAME; 6.1: one
/// that does not exist is answered by NSEC.
fn answers(record: &Record, question: &Question) -> bool {
    let class = record.class & !kind::CLASS_TOP;
    record.owner == question.name
        && (question.class == class || question.class == kind::CLASS_ANY)
        && (question.kind == record.kind
            || question.kind == kind::ANY
            || matches!(record.kind, kind::CNAME | kind::NSEC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Compression, Name, Rdata};

    fn query(kind: u16, class: u16) -> Transmit {
        let name = Name::parse("casa.local").unwrap();
        let questions = vec![Question { name, kind, class }];
        let message = Message {
            questions,
            ..Message::default()
        };
        Transmit {
            device: 2,
            to: Family::V4.everybody(),
            from: None,
            message: message.write(Compression::Multicast).unwrap(),
        }
    }

    fn response(name: &str, data: Rdata) -> Message {
        let record = Record::new(Name::parse(name).unwrap(), 120, data).unwrap();
        Message {
            answers: vec![record],
            ..Message::default()
        }
    }

    // RFC 6762 6: A15
    #[test]
    fn unicast_response_is_asked_for_within_the_last_two_seconds() {
        let now = Instant::now();
        let ours: IpAddr = "10.0.0.1".parse().unwrap();
        let a = Rdata::A([10, 0, 0, 9].into());
        let mut asked = Asked::default();
        asked.sent(now, &query(kind::ANY, 0x8001));
        let answer = response("CASA.local", a.clone());
        let other = response("other.local", a);
        for later in [0, 2000] {
            let at = now + Duration::from_millis(later);
            assert!(asked.is_answered(at, 2, ours, &answer));
            assert!(!asked.is_answered(at, 2, ours, &other));
            assert!(!asked.is_answered(at, 3, ours, &answer));
            assert!(!asked.is_answered(at, 2, "fe80::1".parse().unwrap(), &answer));
        }
        let later = now + Duration::from_millis(2001);
        assert!(!asked.is_answered(later, 2, ours, &answer));
    }

    // RFC 6762 6: A15
    #[test]
    fn question_for_multicast_asks_for_no_unicast() {
        let now = Instant::now();
        let ours = "10.0.0.1".parse().unwrap();
        let answer = response("casa.local", Rdata::A([10, 0, 0, 9].into()));
        let mut asked = Asked::default();
        asked.sent(now, &query(kind::A, 0x0001));
        asked.sent(now, &query(kind::AAAA, 0x8001));
        assert!(!asked.is_answered(now, 2, ours, &answer));
        asked.sent(now, &query(kind::A, 0x8001));
        assert!(asked.is_answered(now, 2, ours, &answer));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut asked = Asked::default();
        for _ in 0..2 * ASKED_MAX {
            asked.sent(now, &query(kind::A, 0x8001));
        }
        assert_eq!(asked.questions.len(), ASKED_MAX);
    }
}
