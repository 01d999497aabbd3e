//! What others say of the address, and what of it is our own voice.

use std::time::Instant;

use super::{After, Event, State};
use super::{Dad, LOOP_REPORTS, Step};
use crate::ndp::Message;
use crate::ndp::defence::conflict;
use crate::ndp::port::Heard;
use crate::ndp::rules::Rule;

impl Dad {
    /// Takes a valid message.
    pub(super) fn hear(&mut self, now: Instant, heard: &Heard) {
        if heard.target() != self.check.address {
            return;
        }
        match self.state {
            State::Tentative => self.judge(now, heard),
            State::Ours if self.check.after != After::Leave => self.defend(now, heard),
            State::Ours | State::Lost => {}
        }
    }

    /// Whether what is heard takes the tentative address away.
    fn judge(&mut self, now: Instant, heard: &Heard) {
        // RFC 4862 5.4: what is sent to the tentative address itself is discarded, whatever it tells.
        if heard.packet.destination == self.check.address {
            return;
        }
        if self.is_echo(heard) {
            return self.notice_loop(now, heard);
        }
        // RFC 4862 5.4.3: D2, D7, D19. Whoever resolves the address is ignored; another node's detection, also before
        // the first of ours, means a duplicate, as does any advertisement (5.4.4).
        let counts = match &heard.packet.message {
            Message::Advertisement(_) => self.rules.hold(Rule::HeedAdvertisements),
            Message::Solicitation(_) => {
                let detects = !heard.resolves() || !self.rules.hold(Rule::IgnoreResolution);
                let early = self.sent.number == 0 && !self.rules.hold(Rule::ListenFromStart);
                detects && !early && self.rules.hold(Rule::HeedSolicitations)
            }
        };
        if counts {
            self.state = State::Lost;
            self.step = Step::Over;
            self.outbox.tell(Event::Duplicate(conflict(heard)));
        }
    }

    /// Whether a message is one of ours that came back.
    fn is_echo(&self, heard: &Heard) -> bool {
        let own = self.check.port.mac;
        match &heard.packet.message {
            // RFC 4862 5.4.4 knows no exception, but what was announced before the link went down may come back late.
            Message::Advertisement(advertisement) => {
                let ours = heard.source == own && advertisement.target_mac == Some(own);
                ours && (self.sent.advertised || self.state == State::Ours)
            }
            Message::Solicitation(solicitation) if heard.packet.source.is_unspecified() => {
                match &solicitation.nonce {
                    // RFC 7527 4.2: D8, D10. A nonce of ours; from a twin with our hardware address it is another.
                    Some(nonce) => {
                        let known = self.sent.nonces.iter().any(|ours| ours == nonce.as_slice());
                        known && self.rules.hold(Rule::KnowOwnNonces)
                    }
                    // RFC 4862 5.4.3: D10, D19. As many as went out, but not more.
                    None => heard.source == own && self.sent.plain_back < self.sent.plain,
                }
            }
            Message::Solicitation(_) => heard.source == own,
        }
    }

    /// RFC 7527 4.2: the message is dropped and told of, and more follow.
    fn notice_loop(&mut self, now: Instant, heard: &Heard) {
        let solicitation = match &heard.packet.message {
            Message::Solicitation(solicitation) if !heard.resolves() => solicitation,
            _ => return,
        };
        self.sent.plain_back += u64::from(solicitation.nonce.is_none());
        // RFC 4862 knows no further solicitations: without nonces a loop is expected.
        self.round.looped |= solicitation.nonce.is_some();
        self.loops.total = self.loops.total.saturating_add(1);
        let quiet = |last: Instant| now.saturating_duration_since(last) >= LOOP_REPORTS;
        if self.loops.reported.is_none_or(quiet) || !self.rules.hold(Rule::Pace) {
            self.loops.reported = Some(now);
            let total = self.loops.total;
            self.outbox.tell(Event::Looped { total });
        }
    }

    /// What is heard of an address that is ours.
    fn defend(&mut self, now: Instant, heard: &Heard) {
        if self.is_echo(heard) {
            return;
        }
        if self.check.after == After::Hold
            && let Some(frame) = self.hold.answer(now, &self.check, heard)
        {
            self.sent.advertised = true;
            self.outbox.send(frame);
        }
        let late = conflict(heard);
        // RFC 4862 5.4.4: D14. What the kernel sends for an address that it has too is no conflict.
        let own = self.check.port.mac;
        let is_foreign = late.mac != own || late.ether_source != own;
        if is_foreign
            && !heard.resolves()
            && let Some(late) = self.reports.admit(now, late)
        {
            self.outbox.tell(Event::Late(late));
        }
    }
}
