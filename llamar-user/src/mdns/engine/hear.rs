//! What becomes of a datagram.

use std::time::Instant;

use llamar_common::wire::dns;

use super::check::check;
use super::{Engine, Handled, Ignored, key};
use crate::dns::{Message, Record, kind};
use crate::mdns::Arrival;

impl Engine {
    /// Checks a datagram and gives it to the parts of its interface.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        device: u32,
        arrival: &Arrival,
        bytes: &[u8],
    ) -> Result<Handled, Ignored> {
        let interface = self.interfaces.get(&device).ok_or(Ignored::Interface)?;
        let header = check(interface, arrival, bytes)?;
        let sender = self.echo_sender(now, device, arrival, bytes);
        if let Some(sent_by) = sender.filter(|sender| *sender == device) {
            return Ok(Handled::Echo { sent_by });
        }
        let message = Message::read(bytes).map_err(|_| Ignored::Question)?;
        if header.flags & dns::RESPONSE == 0 {
            match sender {
                Some(sent_by) => Ok(Handled::Echo { sent_by }),
                None => self.hear_query(now, device, arrival, message),
            }
        } else {
            let handled = self.hear_response(now, device, arrival, message)?;
            Ok(sender.map_or(handled, |sent_by| Handled::Echo { sent_by }))
        }
    }

    /// The interface by which we sent a message ourselves, if it is one of ours that came back.
    fn echo_sender(
        &mut self,
        now: Instant,
        device: u32,
        arrival: &Arrival,
        bytes: &[u8],
    ) -> Option<u32> {
        let ours = self.own.contains(&arrival.from.ip());
        if !ours || arrival.is_legacy() || !arrival.is_multicast() {
            return None;
        }
        let group = arrival.family().everybody();
        self.echoes.sender(now, device, group, bytes)
    }

    fn hear_query(
        &mut self,
        now: Instant,
        device: u32,
        arrival: &Arrival,
        mut message: Message,
    ) -> Result<Handled, Ignored> {
        let asker = arrival.from.ip();
        // A forged source makes us send to somebody else.
        let is_limited = !self.limiter.has_room(now, key(device), self.rate, asker);
        if is_limited && (arrival.is_legacy() || !arrival.is_multicast()) {
            return Err(Ignored::Limited);
        }
        // RFC 6762 15.1: unicast to this host's port 5353 reaches only one of the programs that share it, not
        // necessarily the one that asks. RFC 6762 5.4: a multicast answers as well, which is limited by itself.
        let is_neighbour = self.own.contains(&asker) && !arrival.is_legacy();
        self.spare(device, &mut message.authorities);
        let interface = self.interfaces.get(&device).ok_or(Ignored::Interface)?;
        let on_link = interface.is_near(asker) || self.own.contains(&asker);
        let answered = self.act(now, device, |responder, querier, turn| {
            // The querier sees it as it came: others answer by unicast, which is not heard here.
            querier.handle_query(turn, &message, arrival);
            if is_limited || is_neighbour {
                for question in &mut message.questions {
                    question.class &= !kind::CLASS_TOP;
                }
            }
            responder.handle_query(turn, &message, arrival, on_link)
        });
        let answered = answered.ok_or(Ignored::Interface)?;
        Ok(Handled::Query { answered })
    }

    fn hear_response(
        &mut self,
        now: Instant,
        device: u32,
        arrival: &Arrival,
        mut message: Message,
    ) -> Result<Handled, Ignored> {
        // RFC 6762 6: unicast responses are accepted only for what was asked lately, and with that wish.
        let is_asked = |engine: &mut Self| {
            let asked = &mut engine.asked;
            asked.is_answered(now, device, arrival.to, &message)
        };
        if !arrival.is_multicast() && !is_asked(self) {
            return Err(Ignored::Unasked);
        }
        // RFC 6762 6: questions in a response are silently ignored.
        message.questions.clear();
        let mut spared = self.spare(device, &mut message.answers);
        spared.extend(self.spare(device, &mut message.additionals));
        spared.extend(self.spare(device, &mut message.authorities));
        self.act(now, device, |responder, querier, turn| {
            responder.reinstate(turn, &spared, arrival);
            responder.handle_response(turn, &message, arrival);
            querier.handle_response(turn, &message, arrival);
        });
        Ok(Handled::Response)
    }

    /// Takes out of what came by an interface what is ours on another one, and not on this: two interfaces are on one
    /// link, or somebody carries messages between theirs. RFC 6762 14: that is no conflict.
    fn spare(&self, device: u32, records: &mut Vec<Record>) -> Vec<Record> {
        if self.interfaces.len() < 2 {
            return Vec::new();
        }
        let has = |by: u32, record: &Record| {
            let interface = self.interfaces.get(&by);
            interface.is_some_and(|interface| interface.responder.has(record))
        };
        let is_elsewhere = |record: &mut Record| {
            let mut others = self.interfaces.keys().filter(|other| **other != device);
            !has(device, record) && others.any(|other| has(*other, record))
        };
        records.extract_if(.., is_elsewhere).collect()
    }
}
