//! Services on the link as they come and go.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use tokio::signal::ctrl_c;
use tracing::info;

use super::lint::Linters;
use super::{Plan, Print};
use crate::ask::session::{Happened, Message, Session, Where};
use crate::cli::output::{self, Read};
use crate::dns::{self, Name, kind};
use crate::dnssd::browse::{Browser, Found, Scope, Wish};
use crate::dnssd::{lint, snabb};
use crate::mdns::{AskId, Event};
use crate::report::{BrowseReport, Heard};

/// How long answers to a question are waited for before nothing new is expected: RFC 6762 5.2 has it asked three times
/// in the first 3.12 seconds, and 6 has it answered within 120 ms; twice that, and some for the hosts.
pub const PATIENCE: Duration = Duration::from_millis(4_000);
/// The same after something new: what belongs to it comes with it, or is asked for at once.
const MORE: Duration = Duration::from_millis(1_000);

/// Browses until it is enough; whether something was found.
pub async fn browse(plan: &Plan, place: Where) -> anyhow::Result<bool> {
    let interfaces = place.interfaces.clone();
    let session = Session::open(place).await?;
    let mut live = Live::new(plan, session);
    live.begin(&interfaces)?;
    let interrupted = ctrl_c();
    let closed = output::closed();
    tokio::pin!(interrupted, closed);
    while live.work()?.is_continue() && !live.is_over() {
        let due = live.due();
        tokio::select! {
            result = &mut interrupted => {
                result.context("wait for Ctrl-C")?;
                break;
            }
            () = &mut closed => return Ok(live.found()),
            () = sleep_until(due) => {}
            happened = live.session.next() => live.take(happened?)?,
        }
    }
    live.end()?;
    let found = live.found();
    if plan.once && !found && matches!(plan.print, Print::Found(_)) {
        info!("no services found");
    }
    Ok(found)
}

/// The report of what is looked for.
pub fn report(plan: &Plan) -> BrowseReport {
    let form = match plan.print {
        Print::Found(form) => form,
        Print::Snabb | Print::Lint(_) => crate::report::BrowseForm::Lines,
    };
    BrowseReport::new(form, matches!(plan.scope, Scope::Types(_)))
}

struct Live<'a> {
    plan: &'a Plan,
    session: Session,
    browser: Browser,
    asks: BTreeMap<(u32, Name, u16), AskId>,
    report: BrowseReport,
    linters: Linters,
    /// Whether a record was printed.
    printed: bool,
    /// Whether anybody still reads what is printed.
    read: ControlFlow<()>,
    begin: Instant,
    /// When something that shared records answer was asked last, and when something was found last.
    asked: Instant,
    news: Instant,
}

impl<'a> Live<'a> {
    fn new(plan: &'a Plan, session: Session) -> Self {
        let now = Instant::now();
        let mut browser = Browser::new(now, plan.scope.clone());
        if !plan.resolves {
            browser.leave_unresolved();
        }
        browser.follow(now, &session.devices());
        Self {
            plan,
            session,
            browser,
            asks: BTreeMap::new(),
            report: report(plan),
            linters: Linters::default(),
            printed: false,
            read: ControlFlow::Continue(()),
            begin: now,
            asked: now,
            news: now,
        }
    }

    fn begin(&mut self, interfaces: &[String]) -> anyhow::Result<()> {
        match self.plan.print {
            Print::Snabb => {
                for interface in interfaces {
                    self.read = output::write(|out| {
                        writeln!(out, "Capturing packets from interface '{interface}'")
                    })?;
                }
            }
            Print::Lint(_) if !self.plan.once && self.plan.timeout.is_none() => {
                info!("listening; Ctrl-C ends it, and shows who does not keep which rule");
            }
            _ => {}
        }
        Ok(())
    }

    fn found(&self) -> bool {
        match self.plan.print {
            Print::Found(_) => self.report.found(),
            Print::Snabb => self.printed,
            Print::Lint(_) => self.linters.found(),
        }
    }

    /// Does what there is to do now.
    fn work(&mut self) -> Read {
        loop {
            self.browser.handle_timeout(Instant::now());
            self.ask();
            while let Some(happened) = self.session.poll() {
                self.take(happened)?;
            }
            let mut is_idle = true;
            while let Some(found) = self.browser.poll_event() {
                is_idle = false;
                self.tell(&found)?;
            }
            if is_idle || self.read.is_break() {
                return Ok(self.read);
            }
        }
    }

    /// Asks what the browser wants to be asked.
    fn ask(&mut self) {
        while let Some(wish) = self.browser.poll_wish() {
            match wish {
                Wish::Ask(device, question) => {
                    if question.kind == kind::PTR {
                        self.asked = Instant::now();
                    }
                    let key = (device, question.name.clone(), question.kind);
                    let id = self.session.ask(device, question);
                    self.asks.insert(key, id);
                }
                Wish::Cease(device, question) => {
                    let key = (device, question.name, question.kind);
                    if let Some(id) = self.asks.remove(&key) {
                        self.session.cease(id);
                    }
                }
            }
        }
    }

    fn take(&mut self, happened: Happened) -> anyhow::Result<()> {
        let now = Instant::now();
        match happened {
            Happened::Event(Event::Record(held)) => self.browser.handle(now, &held),
            Happened::Event(_) => {}
            Happened::Interfaces => {
                self.browser.follow(now, &self.session.devices());
                self.asked = now;
            }
            Happened::Heard(message) => match self.plan.print {
                Print::Found(_) => {}
                Print::Snabb => self.print_records(&message)?,
                Print::Lint(_) => self.lint(&message),
            },
        }
        Ok(())
    }

    fn tell(&mut self, found: &Found) -> anyhow::Result<()> {
        self.news = Instant::now();
        if !matches!(self.plan.print, Print::Found(_)) || self.read.is_break() {
            return Ok(());
        }
        let heard = self.heard(found.device);
        let report = &mut self.report;
        self.read = output::write(|out| report.write(found, &heard, out))?;
        Ok(())
    }

    fn heard(&self, device: u32) -> Heard {
        Heard {
            interface: Some(self.session.interface(device)),
            vlan: None,
            time: since_1970(),
        }
    }

    fn print_records(&mut self, message: &Message) -> anyhow::Result<()> {
        let lines = dns::Message::read(&message.bytes).map(|message| snabb::lines(&message));
        let lines = lines.unwrap_or_default();
        if !lines.is_empty() && self.read.is_continue() {
            self.printed = true;
            self.read =
                output::write(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?;
        }
        Ok(())
    }

    fn lint(&mut self, message: &Message) {
        if message.is_own {
            return;
        }
        let arrival = &message.arrival;
        let heard = lint::Heard {
            at: since_1970(),
            from: arrival.from,
            mac: None,
            to: (arrival.to, crate::mdns::PORT).into(),
            hop_limit: None,
            message: &message.bytes,
        };
        let wanted = self.session.wanted(message.device);
        let link = || {
            wanted.map_or_else(lint::Link::default, |wanted| lint::Link {
                mtu: wanted.mtu as usize,
                prefixes: wanted.addresses.clone(),
            })
        };
        self.linters.hear(message.device, link, &heard);
    }

    /// When there is something to do by itself.
    fn due(&self) -> Option<Instant> {
        let all = [self.browser.poll_timeout(), self.over()];
        all.into_iter().flatten().min()
    }

    /// When it is enough.
    fn over(&self) -> Option<Instant> {
        let timeout = self.plan.timeout.map(|timeout| self.begin + timeout);
        let quiet = (self.asked + PATIENCE).max(self.news + MORE);
        // What is waited for is told first.
        let quiet = self
            .browser
            .poll_timeout()
            .map_or(quiet, |due| due.max(quiet));
        let once = self.plan.once.then_some(quiet);
        timeout.into_iter().chain(once).min()
    }

    fn is_over(&self) -> bool {
        self.over().is_some_and(|over| over <= Instant::now())
    }

    /// Shows what is shown in the end.
    fn end(&mut self) -> anyhow::Result<()> {
        self.browser.finish();
        while let Some(found) = self.browser.poll_event() {
            self.tell(&found)?;
        }
        if self.read.is_break() {
            return Ok(());
        }
        let written = match self.plan.print {
            Print::Found(_) => output::write(|out| self.report.finish(out)),
            Print::Snabb => return Ok(()),
            Print::Lint(form) => {
                let report = self.linters.report(|device| self.heard(device));
                output::write(|out| report.write(form, out))
            }
        };
        // Whether anybody still reads makes no difference any more.
        written.map(drop)
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock that is before 1970 is at its beginning.
    now.unwrap_or_default()
}
