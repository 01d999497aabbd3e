//! What senders owe to a message: the rest of the known answers (RFC 6762 7.2), a question that asked for unicast
//! (RFC 6762 6), the id of a simple resolver's query (RFC 6762 6.7).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use llamar_common::wire::dns;

use super::super::breach::Findings;
use super::super::message::{Judged, Purpose, wants_unicast};
use super::super::rules;

/// Most hosts that are remembered.
const KEPT_MAX: usize = 4096;
/// Most queries of simple resolvers that are remembered.
const LEGACY_MAX: usize = 256;
/// RFC 6762 7.2: the rest follows at once, and others wait half a second for it.
const REST: Duration = Duration::from_millis(500);
/// How long an answer may be on its way.
const ANSWERED: Duration = Duration::from_secs(3);
/// Who asked for unicast may get it for that long, however slow the responder is.
const UNICAST: Duration = Duration::from_secs(10);

/// The hosts of a link.
#[derive(Debug, Default)]
pub(super) struct Senders {
    hosts: HashMap<IpAddr, Host>,
    /// Simple resolvers and the ids of their queries, the oldest first.
    legacy: VecDeque<(SocketAddr, u16, Duration)>,
}

/// What is known of a host.
#[derive(Debug, Default)]
struct Host {
    /// When it sent a query with TC set that no other has followed yet.
    more: Option<Duration>,
    /// When its last known answers came.
    known: Option<Duration>,
    /// When it asked everybody and wanted everybody to hear the answer.
    asked: Option<Duration>,
    /// When it asked for an answer by unicast.
    asked_unicast: Option<Duration>,
}

impl Senders {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hosts.len() + self.legacy.len()
    }

    /// Judges a query. `heard_for`: how long one has been listening.
    pub(super) fn query(
        &mut self,
        judged: &Judged<'_>,
        heard_for: Duration,
        findings: &mut Findings,
    ) {
        let (from, now) = (judged.heard.from, judged.heard.at);
        let message = &judged.message;
        if judged.purpose == Purpose::LegacyQuery {
            if self.legacy.len() == LEGACY_MAX {
                self.legacy.pop_front();
            }
            self.legacy.push_back((from, message.id, now));
        }
        let host = self.host(from.ip());
        let unicast = message.questions.iter().any(wants_unicast);
        if unicast || !judged.is_multicast() || judged.purpose == Purpose::LegacyQuery {
            host.asked_unicast = Some(now);
        } else if !message.questions.is_empty() {
            host.asked = Some(now);
        }
        if judged.purpose == Purpose::Query {
            host.known_answers(judged, heard_for, findings);
        }
    }

    /// Judges a response.
    pub(super) fn response(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        if judged.is_multicast() {
            return;
        }
        let (to, now) = (judged.heard.to, judged.heard.at);
        let lately =
            |at: Option<Duration>, time| at.is_some_and(|at| now.saturating_sub(at) <= time);
        if judged.purpose == Purpose::LegacyResponse {
            return self.legacy_response(judged, findings);
        }
        let Some(host) = self.hosts.get(&to.ip()) else {
            return;
        };
        if lately(host.asked, ANSWERED) && !lately(host.asked_unicast, UNICAST) {
            findings.message(
                rules::UNICAST,
                format!(
                    "a response goes to {} alone, which asked everybody and did not ask for unicast",
                    to.ip()
                ),
            );
        }
    }

    fn legacy_response(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        let (to, now) = (judged.heard.to, judged.heard.at);
        let recent = |at: Duration| now.saturating_sub(at) <= ANSWERED;
        let asked = || {
            let asked = self.legacy.iter();
            asked.filter(|(by, _, at)| *by == to && recent(*at))
        };
        let id = judged.message.id;
        if asked().next().is_some() && !asked().any(|(_, theirs, _)| *theirs == id) {
            findings.message(
                rules::LEGACY,
                format!(
                    "a response to a simple resolver has id {id}, which is not that of its query"
                ),
            );
        }
    }

    fn host(&mut self, address: IpAddr) -> &mut Host {
        if self.hosts.len() == KEPT_MAX && !self.hosts.contains_key(&address) {
            self.hosts.clear();
        }
        self.hosts.entry(address).or_default()
    }
}

impl Host {
    /// Judges known answers in several packets.
    fn known_answers(&mut self, judged: &Judged<'_>, heard_for: Duration, findings: &mut Findings) {
        let (message, now) = (&judged.message, judged.heard.at);
        let late = |at: Duration| now.saturating_sub(at) > REST;
        if self.more.take().is_some_and(late) {
            findings.message(
                rules::MORE_ANSWERS,
                "a query had the TC bit set, and no more known answers followed",
            );
        }
        let is_rest = message.questions.is_empty() && !message.answers.is_empty();
        // The query that they belong to may have come before one began to listen.
        if is_rest && heard_for > REST && self.known.is_none_or(late) {
            findings.message(
                rules::MORE_ANSWERS,
                "known answers come without a question and without a query whose TC bit says that they will",
            );
        }
        if message.flags & dns::TRUNCATED != 0 {
            self.more = Some(now);
            self.known = Some(now);
        }
    }
}
