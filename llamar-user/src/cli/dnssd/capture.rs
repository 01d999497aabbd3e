//! Services in a capture: what was said, by the time at which it was.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use llamar_common::wire::dns;
use tracing::{info, warn};

use super::lint::Linters;
use super::{Plan, Print};
use crate::cli::output::{self, Read};
use crate::dns::Message;
use crate::dnssd::browse::Browser;
use crate::dnssd::{lint, snabb};
use crate::mdns::{Cache, Held, PORT, Rules};
use crate::net::capture::{self, Captured};
use crate::report::{BrowseReport, Heard};

/// Interfaces and VLANs that are told apart; files have a few.
const PLACES_MAX: usize = 4096;
/// How long a capture can be: a hundred years. Times of broken files are anything.
const LENGTH_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a capture to its end; whether something was found.
pub fn read(plan: &Plan, path: &Path) -> anyhow::Result<bool> {
    let mut reader = Reader::new(plan);
    let mut captured = capture::open(path);
    let mut flow = reader.begin(path)?;
    let mut failure = None;
    while flow.is_continue() {
        match captured.next() {
            Some(Ok(datagram)) => flow = reader.hear(&datagram)?,
            Some(Err(error)) => {
                failure = Some(error);
                break;
            }
            None => break,
        }
    }
    if flow.is_continue() {
        // Whether anybody still reads makes no difference any more.
        let _ = reader.end()?;
    }
    let skipped = captured.skipped();
    if skipped.lost() > 0 {
        warn!("frames that were not read: {skipped}");
    }
    match failure {
        // What comes before a damage has been shown.
        Some(error) => Err(error.into()),
        None => {
            reader.explain();
            Ok(reader.found())
        }
    }
}

/// Where a datagram was captured.
type Key = (Option<String>, Option<u16>);

/// An interface or a VLAN of the capture.
struct Place {
    device: u32,
    cache: Cache,
}

struct Reader {
    print: Print,
    /// What `now` was when the capture began, and when that was.
    begin: (Instant, Option<Duration>),
    now: Instant,
    places: BTreeMap<Key, Place>,
    heard: BTreeMap<u32, Key>,
    browser: Browser,
    report: BrowseReport,
    linters: Linters,
    /// Whether a record was printed.
    printed: bool,
    messages: u64,
    responses: u64,
}

impl Reader {
    fn new(plan: &Plan) -> Self {
        let now = Instant::now();
        let mut browser = Browser::passive(now, plan.scope.clone());
        if !plan.resolves {
            browser.leave_unresolved();
        }
        Self {
            print: plan.print,
            begin: (now, None),
            now,
            places: BTreeMap::new(),
            heard: BTreeMap::new(),
            browser,
            report: super::live::report(plan),
            linters: Linters::default(),
            printed: false,
            messages: 0,
            responses: 0,
        }
    }

    fn found(&self) -> bool {
        match self.print {
            Print::Found(_) => self.report.found(),
            Print::Snabb => self.printed,
            Print::Lint(_) => self.linters.found(),
        }
    }

    fn begin(&self, path: &Path) -> Read {
        match self.print {
            Print::Snabb => output::write(|out| {
                use std::io::Write as _;
                writeln!(out, "Reading from file: {}", path.display())
            }),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    fn hear(&mut self, captured: &Captured) -> Read {
        let (now, packet) = (self.time(captured.at), &captured.packet);
        let ports = [packet.from.port(), packet.to.port()];
        if !ports.contains(&PORT) {
            return Ok(ControlFlow::Continue(()));
        }
        self.messages += 1;
        match self.print {
            Print::Snabb => self.print_records(&packet.payload),
            Print::Lint(_) => {
                if let Some(device) = self.place(captured).map(|place| place.device) {
                    self.lint(captured, device);
                }
                Ok(ControlFlow::Continue(()))
            }
            Print::Found(_) => {
                let flow = self.pass(now)?;
                if flow.is_break() {
                    return Ok(flow);
                }
                self.take(captured);
                self.write()
            }
        }
    }

    /// The time of a datagram on the clock that everything here goes by. It does not go back.
    fn time(&mut self, at: Duration) -> Instant {
        let (begin, first) = self.begin;
        let first = *self.begin.1.get_or_insert(first.unwrap_or(at));
        let passed = at.saturating_sub(first).min(LENGTH_MAX);
        self.now.max(begin + passed)
    }

    /// When a moment of that clock was.
    fn when(&self) -> Duration {
        let (begin, first) = self.begin;
        first.unwrap_or_default() + self.now.duration_since(begin)
    }

    /// Lets time pass: records end and what was waited for is told, each at its time.
    fn pass(&mut self, now: Instant) -> Read {
        loop {
            let ends = self
                .places
                .values()
                .filter_map(|place| place.cache.poll_timeout());
            let due = ends.chain(self.browser.poll_timeout()).min();
            let Some(due) = due.filter(|due| *due <= now) else {
                self.now = now;
                return Ok(ControlFlow::Continue(()));
            };
            self.now = self.now.max(due);
            for place in self.places.values_mut() {
                place.cache.handle_timeout(self.now);
            }
            self.browser.handle_timeout(self.now);
            self.digest();
            if self.write()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// The place of a datagram; `None` if there are too many.
    fn place(&mut self, captured: &Captured) -> Option<&mut Place> {
        let key = (captured.interface.clone(), captured.packet.vlan);
        if !self.places.contains_key(&key) {
            if self.places.len() >= PLACES_MAX {
                return None;
            }
            let device = self.places.len() as u32 + 1;
            self.heard.insert(device, key.clone());
            let cache = Cache::new();
            self.places.insert(key.clone(), Place { device, cache });
        }
        self.places.get_mut(&key)
    }

    /// Takes in a response.
    fn take(&mut self, captured: &Captured) {
        let (now, packet) = (self.now, &captured.packet);
        let Ok(message) = Message::read(&packet.payload) else {
            return;
        };
        let is_response = message.flags & dns::RESPONSE != 0;
        // RFC 6762 6, 18.3, 18.11: responses come from port 5353, and none with an OPCODE or RCODE counts.
        let is_good = message.flags & (dns::OPCODE | dns::RCODE) == 0;
        if !(is_response && is_good && packet.from.port() == PORT) {
            return;
        }
        self.responses += 1;
        let from = packet.from.ip();
        if let Some(place) = self.place(captured) {
            let cache = &mut place.cache;
            cache.hear(now, Rules::default(), &message, from, &|_| true);
        }
        self.digest();
    }

    fn digest(&mut self) {
        for place in self.places.values_mut() {
            while let Some((record, from, change)) = place.cache.poll_change() {
                let held = Held {
                    device: place.device,
                    record,
                    from,
                    change,
                };
                self.browser.handle(self.now, &held);
            }
        }
    }

    fn lint(&mut self, captured: &Captured, device: u32) {
        let packet = &captured.packet;
        let heard = lint::Heard {
            at: captured.at,
            from: packet.from,
            mac: packet.source_mac,
            to: packet.to,
            hop_limit: Some(packet.hop_limit),
            message: &packet.payload,
        };
        self.linters.hear(device, lint::Link::default, &heard);
    }

    fn print_records(&mut self, payload: &[u8]) -> Read {
        let lines = Message::read(payload).map(|message| snabb::lines(&message));
        let lines = lines.unwrap_or_default();
        self.printed |= !lines.is_empty();
        output::write(|out| {
            use std::io::Write as _;
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        })
    }

    /// Writes what there is to tell.
    fn write(&mut self) -> Read {
        while let Some(found) = self.browser.poll_event() {
            let heard = self.heard(found.device);
            let report = &mut self.report;
            if output::write(|out| report.write(&found, &heard, out))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn heard(&self, device: u32) -> Heard {
        let (interface, vlan) = self.heard.get(&device).cloned().unwrap_or_default();
        Heard {
            interface,
            vlan,
            time: self.when(),
        }
    }

    /// Says why there is nothing to show.
    fn explain(&self) {
        let (messages, responses) = (self.messages, self.responses);
        if self.found() {
            return;
        }
        match self.print {
            Print::Found(_) => {
                info!(
                    "nothing found; messages of mDNS: {messages}, responses among them: {responses}"
                );
            }
            Print::Lint(_) => info!("no breach found; messages of mDNS: {messages}"),
            Print::Snabb => {}
        }
    }

    fn end(&mut self) -> Read {
        if let Print::Lint(form) = self.print {
            let name = |device| {
                let (interface, vlan) = self.heard.get(&device).cloned().unwrap_or_default();
                Heard {
                    interface,
                    vlan,
                    time: Duration::ZERO,
                }
            };
            let report = self.linters.report(name);
            return output::write(|out| report.write(form, out));
        }
        self.browser.finish();
        if self.write()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        output::write(|out| self.report.finish(out))
    }
}
