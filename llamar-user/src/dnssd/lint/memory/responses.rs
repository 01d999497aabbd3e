//! What hosts say: how often (RFC 6762 6, 8.3), whether whole (RFC 6762 10.2), with a TXT record for each SRV record
//! (RFC 6763 6), and what others say that they know of it (RFC 6762 7.1).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::super::breach::Findings;
use super::super::message::{Judged, flushes};
use super::super::rules;
use super::EARLY;
use super::print::Print;
use super::questions::Questions;
use crate::dns::{Name, Rdata, Record, kind};
use crate::dnssd::Instance;

/// Most names with types that are remembered, and most records of all of them: some megabytes.
const NAMES_MAX: usize = 8192;
const KEPT_MAX: usize = 32_768;
/// Most records of one name and type: more than a host has addresses, and than most links have printers.
const SAID_MAX: usize = 64;
/// RFC 6762 6: between two multicasts of a record.
const GAP: Duration = Duration::from_secs(1);
/// RFC 6762 6: the same if somebody probes for its name.
const PROBE_GAP: Duration = Duration::from_millis(250);
/// RFC 6762 8.3: most announcements. With gaps that double, they are done after about two minutes.
const ANNOUNCED_MAX: usize = 8;
/// In that time they count: a host may come back to the link and announce everything anew.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(900);
/// RFC 6762 10.2: what belongs to an RRset comes within that time of its first record.
const BURST: Duration = Duration::from_secs(1);
/// A record that was left out and comes again so soon was not gone.
const BACK: Duration = Duration::from_secs(30);

/// What the hosts of a link say.
#[derive(Debug, Default)]
pub(super) struct Responses {
    said: HashMap<(Name, u16), Vec<Said>>,
    /// How many there are of all names.
    count: usize,
    /// Names of which somebody has said or known a TXT record.
    with_txt: HashSet<Name>,
}

/// A record that a host has said.
#[derive(Debug)]
struct Said {
    by: IpAddr,
    data: Print,
    ttl: u32,
    /// When it was said last.
    at: Duration,
    /// When it was an answer to all last.
    multicast: Option<Duration>,
    /// Whether that was its goodbye.
    gone: bool,
    /// When it was said without being asked for, the oldest first.
    announced: VecDeque<Duration>,
    /// When others of its RRset were said and it was not.
    left_out: Option<Duration>,
}

impl Responses {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.said.values().map(Vec::len).sum::<usize>() + self.with_txt.len()
    }

    /// Judges a response, and remembers it. `heard_for`: how long one has been listening.
    pub(super) fn check(
        &mut self,
        judged: &Judged<'_>,
        questions: &Questions,
        heard_for: Duration,
        findings: &mut Findings,
    ) {
        self.learn_txt(judged);
        self.without_txt(judged, findings);
        let all = judged.message.records();
        for record in all.filter(|record| record.kind != kind::OPT) {
            if let Some(said) = self.said(judged, record) {
                said.whole(judged, record, findings);
                said.at = judged.heard.at;
                said.ttl = record.ttl;
            }
        }
        self.leave_out(judged);
        if !judged.is_multicast() {
            return;
        }
        // RFC 6762 6: additional records go by the same rule, but save the asker a question, and nobody asked for them.
        let now = judged.heard.at;
        let mut answers = judged.message.answers.iter();
        let unasked = heard_for > BURST * 3 && !answers.any(|record| questions.wanted(record, now));
        for record in &judged.message.answers {
            let Some(said) = self.said(judged, record) else {
                continue;
            };
            said.pace(judged, record, questions, findings);
            if unasked && record.ttl > 0 {
                said.announce(judged, record, findings);
            }
            (said.multicast, said.gone) = (Some(now), record.ttl == 0);
        }
    }

    /// Judges the known answers of a query.
    pub(super) fn known_answers(&mut self, judged: &Judged<'_>, findings: &mut Findings) {
        self.learn_txt(judged);
        for known in &judged.message.answers {
            let said = self.said.get(&(known.owner.clone(), known.kind));
            let mut said = said.into_iter().flatten();
            let data = Print::of(&known.data);
            let Some(true_ttl) = said
                .find(|said| said.data == data && said.ttl > 0)
                .map(|said| said.ttl)
            else {
                continue;
            };
            if u64::from(known.ttl) * 2 + 1 < u64::from(true_ttl) {
                findings.record(
                    rules::KNOWN_ANSWER,
                    known,
                    format!("a known answer has less than half of its TTL of {true_ttl} s left"),
                );
            }
        }
    }

    /// What is remembered of a record, which is made if it is not there and there is room.
    fn said(&mut self, judged: &Judged<'_>, record: &Record) -> Option<&mut Said> {
        let key = (record.owner.clone(), record.kind);
        let is_new = !self.said.contains_key(&key);
        if self.count == KEPT_MAX || self.said.len() == NAMES_MAX && is_new {
            self.said.clear();
            self.count = 0;
        }
        let (by, at) = (judged.heard.from.ip(), judged.heard.at);
        let data = Print::of(&record.data);
        let list = self.said.entry(key).or_default();
        let place = list
            .iter()
            .position(|said| said.by == by && said.data == data);
        let place = match place {
            Some(place) => place,
            None => {
                if list.len() == SAID_MAX {
                    let oldest = (0..list.len()).min_by_key(|&place| list[place].at)?;
                    list.swap_remove(oldest);
                    self.count -= 1;
                }
                self.count += 1;
                list.push(Said {
                    by,
                    data,
                    ttl: record.ttl,
                    at,
                    multicast: None,
                    gone: false,
                    announced: VecDeque::new(),
                    left_out: None,
                });
                list.len() - 1
            }
        };
        list.get_mut(place)
    }

    /// Notes which records of unique RRsets are not in a message that has others of them.
    fn leave_out(&mut self, judged: &Judged<'_>) {
        let (by, now) = (judged.heard.from.ip(), judged.heard.at);
        for record in judged.message.records() {
            if !flushes(record) || record.ttl == 0 {
                continue;
            }
            let key = (record.owner.clone(), record.kind);
            let list = self.said.get_mut(&key).into_iter().flatten();
            for said in list.filter(|said| said.by == by && said.at < now) {
                // RFC 6762 8.4: data that changes is announced anew, whenever it does.
                said.announced.clear();
                let lives = said.ttl > 0 && now.saturating_sub(said.at) > BURST;
                if lives && said.left_out.is_none() {
                    said.left_out = Some(now);
                }
            }
        }
    }

    fn learn_txt(&mut self, judged: &Judged<'_>) {
        let all = judged.message.records();
        for record in all.filter(|record| record.kind == kind::TXT) {
            if self.with_txt.len() == NAMES_MAX {
                self.with_txt.clear();
            }
            self.with_txt.insert(record.owner.clone());
        }
    }

    /// RFC 6763 6: a TXT record exists beside each SRV record; RFC 6763 12.1: with the PTR record come both.
    fn without_txt(&self, judged: &Judged<'_>, findings: &mut Findings) {
        let records = || judged.message.records();
        let srvs = records().filter(|record| record.kind == kind::SRV && record.ttl > 0);
        for srv in srvs.filter(|srv| Instance::of(&srv.owner).is_some()) {
            let is_offered = records()
                .any(|other| matches!(&other.data, Rdata::Ptr(target) if *target == srv.owner));
            if is_offered && !self.with_txt.contains(&srv.owner) {
                findings.record(
                    rules::TXT_MISSING,
                    srv,
                    "an instance is told with its PTR and SRV records, and no TXT record of it was heard",
                );
            }
        }
    }
}

impl Said {
    /// RFC 6762 10.2: a unique RRset goes whole, at least in one burst.
    fn whole(&mut self, judged: &Judged<'_>, record: &Record, findings: &mut Findings) {
        let Some(left_out) = self.left_out.take() else {
            return;
        };
        let since = judged.heard.at.saturating_sub(left_out);
        let is_back = flushes(record) && record.ttl > 0 && since > BURST && since < BACK;
        // Data that replaces other data is another set, not the rest of the same.
        let is_other = |other: &&Record| {
            other.kind == record.kind && other.owner == record.owner && other.data != record.data
        };
        let mut others = judged.message.records().filter(is_other);
        if is_back && others.any(|other| other.ttl > 0) {
            findings.record(
                rules::WHOLE,
                record,
                format!(
                    "a record was left out when others of its set were sent, which deletes it from caches, \
                     and is there again after {since:.1?}"
                ),
            );
        }
    }

    /// RFC 6762 6: a record is multicast once in a second.
    fn pace(
        &self,
        judged: &Judged<'_>,
        record: &Record,
        questions: &Questions,
        findings: &mut Findings,
    ) {
        let now = judged.heard.at;
        let Some(gap) = self.multicast.and_then(|last| now.checked_sub(last)) else {
            return;
        };
        let least = match questions.is_probed(&record.owner, now) {
            true => PROBE_GAP,
            false => GAP,
        };
        // That a record is gone, or is there again, is worth telling at once.
        let is_news = self.gone != (record.ttl == 0);
        // What is in a message twice is not said twice.
        if !is_news && !gap.is_zero() && gap + EARLY < least {
            findings.record(
                rules::ONCE_A_SECOND,
                record,
                format!(
                    "a record is multicast again after {gap:.0?}, before {least:?} have passed"
                ),
            );
        }
    }

    /// RFC 6762 8.3: a record is announced a few times, and not for ever.
    fn announce(&mut self, judged: &Judged<'_>, record: &Record, findings: &mut Findings) {
        let now = judged.heard.at;
        let is_old = |at: &Duration| now.saturating_sub(*at) > ANNOUNCED_WITHIN;
        while self.announced.front().is_some_and(is_old) || self.announced.len() > ANNOUNCED_MAX {
            self.announced.pop_front();
        }
        self.announced.push_back(now);
        if self.announced.len() > ANNOUNCED_MAX {
            let first = self.announced.front().copied().unwrap_or(now);
            let count = self.announced.len();
            let time = now.saturating_sub(first);
            findings.record(
                rules::UNASKED,
                record,
                format!(
                    "a record is multicast {count} times in {time:.0?} without being asked for"
                ),
            );
        }
    }
}
