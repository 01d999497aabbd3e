//! What is heard goes through here to whoever reads: packets into the table, news out of it into lines.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use tracing::{debug, info, warn};

use super::Speech;
use super::keep::KeepFile;
use super::speech::{Bare, damaged};
use super::vendors::VendorList;
use super::watch::WatchArgs;
use crate::cli::dnssd::output::{self, Read};
use crate::report::stations::{Heard, NewsRow, OmittedRow};
use crate::stations::{Facts, News, Place, Table, Throttle};

/// Names of interfaces that are told apart: more than any host has; those of a capture may be made up.
const NAMES_MAX: usize = 4096;
/// How often what is known is kept while it changes.
const SAVE: Duration = Duration::from_secs(60);

/// Numbers for the names of interfaces.
#[derive(Debug, Default)]
struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // All that come after so many are one.
        if self.names.len() >= NAMES_MAX {
            return self.names.len() as u32 - 1;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or(UNNAMED, |name| name)
    }
}

/// What stands for the interface of a capture that names none.
pub const UNNAMED: &str = "-";

/// How much there was.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    packets: u64,
    damaged: u64,
    told: u64,
    omitted: u64,
}

/// Tells news.
pub struct Teller<'a> {
    args: &'a WatchArgs,
    speech: Speech,
    table: Table,
    vendors: VendorList,
    throttle: Throttle,
    names: Names,
    counts: Counts,
    keep: Option<KeepFile>,
    /// When what is known is to be kept; none if nothing has changed.
    save_at: Option<Duration>,
}

impl<'a> Teller<'a> {
    /// Begins with what was kept. `limited` is for what comes from a link, where others decide how much that is.
    pub fn new(args: &'a WatchArgs, speech: Speech, limited: bool) -> anyhow::Result<Self> {
        let vendors = VendorList::open(&args.vendors)?;
        let (mut names, mut table) = (Names::default(), Table::default());
        let mut keep = None;
        if let Some(path) = &args.state {
            let (file, known) = KeepFile::open(path, |name| names.number(name))?;
            for known in &known {
                table.remember(known);
            }
            debug!("{} addresses are known", table.len());
            keep = Some(file);
        }
        Ok(Self {
            args,
            speech,
            table,
            vendors,
            throttle: Throttle::new(limited.then_some(args.rate)),
            names,
            counts: Counts::default(),
            keep,
            save_at: None,
        })
    }

    /// The number of an interface's name.
    pub fn number(&mut self, name: &str) -> u32 {
        self.names.number(name)
    }

    /// What is known of the links now.
    pub fn learn(&mut self, facts: BTreeMap<Place, Facts>) {
        self.table.learn(facts);
    }

    /// Takes a frame; breaks when nobody reads any more, or enough was told.
    pub fn hear(&mut self, at: Duration, place: Place, frame: Bare<'_>) -> Read {
        let vlan = place.vlan.filter(|vlan| *vlan != 0);
        let place = Place { vlan, ..place };
        let source = frame.source;
        match self.speech.read(frame) {
            None => Ok(ControlFlow::Continue(())),
            Some(Err(why)) => {
                self.counts.damaged += 1;
                debug!("{}: {why}", self.names.name(place.link));
                if !self.args.all || !self.may_tell(at, "damaged") {
                    return Ok(ControlFlow::Continue(()));
                }
                let row = damaged(self.heard(at, place), source, why);
                self.write(|json, out| match json {
                    true => row.write_json(out),
                    false => row.write_line(out),
                })
            }
            Some(Ok(packet)) => {
                self.counts.packets += 1;
                if self.args.all && self.may_tell(at, "packet") {
                    let row = packet.row(self.heard(at, place), source);
                    let flow = self.write(|json, out| match json {
                        true => row.write_json(out),
                        false => row.write_line(out),
                    })?;
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                let Some(sighting) = packet.sighting(place, source) else {
                    return Ok(ControlFlow::Continue(()));
                };
                let news = self.table.hear(at, &sighting);
                // Also who was heard when is kept, so any packet may change that.
                self.save_at.get_or_insert(at.saturating_add(SAVE));
                self.tell(&news)
            }
        }
    }

    fn tell(&mut self, news: &[News]) -> Read {
        for news in news {
            if !self.may_tell(news.at, news.what.name()) {
                continue;
            }
            let interface = self.heard(news.at, news.place).interface;
            let row = NewsRow::new(news, interface, |mac| self.vendors.name(mac));
            let flow = self.write(|json, out| match json {
                true => row.write_json(out),
                false => row.write_line(out),
            })?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn may_tell(&mut self, at: Duration, name: &'static str) -> bool {
        let admitted = self.throttle.admits(at, name);
        self.counts.omitted += u64::from(!admitted);
        admitted
    }

    fn heard(&self, at: Duration, place: Place) -> Heard {
        let name = self.names.name(place.link);
        Heard {
            at,
            interface: (name != UNNAMED).then(|| name.to_owned()),
            vlan: place.vlan,
        }
    }

    fn write(&mut self, line: impl FnOnce(bool, &mut Vec<u8>) -> std::io::Result<()>) -> Read {
        let json = self.args.json;
        let flow = output::write(|out| line(json, out))?;
        self.counts.told += 1;
        let enough = self
            .args
            .count
            .is_some_and(|count| self.counts.told >= count);
        Ok(match enough {
            true => ControlFlow::Break(()),
            false => flow,
        })
    }

    /// When there is something to do by itself.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let save = self.save_at.filter(|_| self.keep.is_some());
        [self.throttle.poll_timeout(), save]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does it: tells what was left out, and keeps what is known.
    pub fn handle_timeout(&mut self, now: Duration) -> Read {
        if self.save_at.is_some_and(|save| save <= now) && self.keep.is_some() {
            // It is tried again, and at the end a failure is one.
            if let Err(error) = self.save() {
                warn!("{error:#}");
            }
        }
        match self.throttle.poll(now) {
            Some(events) => self.tell_omitted(now, events),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn tell_omitted(&mut self, at: Duration, events: BTreeMap<&'static str, u64>) -> Read {
        let row = OmittedRow { at, events };
        output::write(|out| match self.args.json {
            true => row.write_json(out),
            false => row.write_line(out),
        })
    }

    fn save(&mut self) -> anyhow::Result<()> {
        self.save_at = None;
        let Some(keep) = &mut self.keep else {
            return Ok(());
        };
        keep.save(self.table.known(), |number| self.names.name(number))
    }

    /// Tells and keeps what is left; `lost` frames were never seen.
    pub fn finish(mut self, now: Duration, lost: u64) -> anyhow::Result<()> {
        if let Some(events) = self.throttle.finish() {
            // Whether anybody still reads makes no difference any more.
            let _ = self.tell_omitted(now, events)?;
        }
        self.save().context("the stations are not kept")?;
        if lost > 0 {
            warn!("{lost} frames came too fast and were lost");
        }
        if !self.args.quiet {
            info!("{}", self.summary());
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let Counts {
            packets,
            damaged,
            told,
            omitted,
        } = self.counts;
        let known = self.table.len();
        let mut text = format!("{packets} packets, {known} addresses known, {told} lines");
        for (count, what) in [(damaged, "damaged packets"), (omitted, "lines left out")] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }
}
