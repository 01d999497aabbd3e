//! `llamar mdns query`: asks by multicast DNS.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tracing::{debug, info};

use crate::ask::Options;
use crate::ask::session::{Happened, Legacy, Reply, Session, Where};
use crate::cli::asked;
use crate::cli::dnssd::PATIENCE;
use crate::cli::family::FamilyArgs;
use crate::cli::host::Host;
use crate::cli::query::{parse_kind, parse_timeout};
use crate::dns::{Name, Question, Rdata, Record, kind, kind_name};
use crate::dnssd::browse::is_of_link;
use crate::dnssd::in_local;
use crate::llmnr::reverse;
use crate::mdns::{Change, Event};
use crate::report::{MdnsReport, print};

/// How long more answers are waited for after one: those of other hosts come within 120 ms (RFC 6762 6), those about
/// the other family a question later.
const MORE: Duration = Duration::from_millis(500);
/// The same where every question was answered by records that one host has: another that has them too answers as fast.
const MORE_OF_UNIQUE: Duration = Duration::from_millis(150);

/// Arguments of `llamar mdns query`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each record, like `A: 192.168.0.121`. The interface is told behind `%` where the address is a link-local \
IPv6 one. Everything else is said on standard error.

Exit codes: 0 there are records; 1 nobody answered, or whoever did has no such record; 2 wrong usage, or nothing \
could be asked.")]
pub struct Args {
    /// Name or address to ask for: casa and casa.local are the same; an address may have its interface behind it, as in
    /// fe80::1%eth0
    #[arg(value_name = "NAME|ADDRESS")]
    what: String,
    /// Type of record, as SRV, ANY or TYPE65 [default: A and AAAA, for an address PTR]
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parse_kind)]
    kind: Option<u16>,
    /// Interface to ask on; may be given several times [default: all that are up and can carry multicast]
    #[arg(short, long, alias = "iface", value_name = "IF")]
    interface: Vec<String>,
    #[command(flatten)]
    family: FamilyArgs,
    /// How long to wait for a first answer [default: until it was asked three times, 4 seconds]
    #[arg(long, value_name = "SECONDS", value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// Asks as one asks a DNS server, from a port other than 5353, and is answered there
    #[arg(long)]
    legacy: bool,
    /// Asks also for a name that is not one of the link
    #[arg(long)]
    global: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Asks, and prints what was answered.
pub fn query(args: &Args) -> ExitCode {
    asked(run(args))
}

/// Whether there are records.
fn run(query: &Args) -> anyhow::Result<bool> {
    let (questions, place) = plan(query)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    let patience = query.timeout.unwrap_or(PATIENCE);
    let mut gathered = Gathered::new(&questions, patience);
    runtime.block_on(async {
        match query.legacy {
            true => gathered.ask_as_dns_does(&place).await,
            false => gathered.ask(place).await,
        }
    })?;
    let report = gathered.report;
    if query.json {
        print(|out| report.write_json(out))?;
    } else {
        print(|out| report.write_records(out))?;
        explain(&query.what, &report);
    }
    Ok(report.found)
}

/// What is asked, and where.
fn plan(query: &Args) -> anyhow::Result<(Vec<Question>, Where)> {
    let host = match Host::parse(&query.what) {
        Ok(host) => Some(host),
        Err(reason) if query.what.contains('%') => bail!("{}: {reason}", query.what),
        Err(_) => None,
    };
    let (name, kinds) = match &host {
        Some(host) => (reverse::name_of(host.address), vec![kind::PTR]),
        None => (name(&query.what)?, vec![kind::A, kind::AAAA]),
    };
    if !query.global && !is_of_link(&name) {
        bail!(
            "{name} is not a name of the link, as those in .local are; --global asks nevertheless"
        );
    }
    let kinds = query.kind.map_or(kinds, |kind| vec![kind]);
    let question = |kind| Question {
        name: name.clone(),
        kind,
        class: kind::IN,
    };
    let mut options = Options {
        interfaces: query.interface.clone(),
        ..Options::default()
    };
    if let Some(host) = &host {
        host.narrow(&mut options)?;
    }
    let place = Where {
        interfaces: options.interfaces,
        family: query.family.family(),
    };
    Ok((kinds.into_iter().map(question).collect(), place))
}

/// RFC 6762 3, 21: a single label is a name on the link; nothing is added to others.
fn name(text: &str) -> anyhow::Result<Name> {
    let name = Name::parse(text)?;
    match name.single_label() {
        Some(_) => Ok(in_local(&name)?),
        None => Ok(name),
    }
}

/// What was answered so far.
struct Gathered {
    questions: Vec<Question>,
    report: MdnsReport,
    /// Questions that were answered, or whose name is known not to have such a record.
    settled: BTreeSet<(u32, u16)>,
    until: Instant,
}

impl Gathered {
    fn new(questions: &[Question], patience: Duration) -> Self {
        Self {
            questions: questions.to_vec(),
            report: MdnsReport::new(questions),
            settled: BTreeSet::new(),
            until: Instant::now() + patience,
        }
    }

    /// Asks as a host that speaks mDNS does (RFC 6762 5.2).
    async fn ask(&mut self, place: Where) -> anyhow::Result<()> {
        let mut session = Session::open(place).await?;
        let devices = session.devices();
        for &device in &devices {
            self.report.asked.push(session.interface(device));
            for question in &self.questions {
                session.ask(device, question.clone());
            }
        }
        while Instant::now() < self.until {
            let happened = tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.until.into()) => break,
                happened = session.next() => happened?,
            };
            match happened {
                Happened::Event(Event::Record(held)) if held.change == Change::Added => {
                    let interface = session.interface(held.device);
                    self.take(held.device, &interface, held.from, &held.record);
                }
                Happened::Heard(_) => self.note_denials(&session),
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks as one asks a DNS server (RFC 6762 5.1).
    async fn ask_as_dns_does(&mut self, place: &Where) -> anyhow::Result<()> {
        let mut legacy = Legacy::ask(place, &self.questions).await?;
        self.report.asked.extend(legacy.interfaces().cloned());
        while Instant::now() < self.until {
            let reply = tokio::select! {
                () = tokio::time::sleep_until(self.until.into()) => break,
                reply = legacy.next() => reply,
            };
            let interface = legacy.interface(reply.device);
            self.take_reply(&interface, &reply);
        }
        Ok(())
    }

    fn take_reply(&mut self, interface: &str, reply: &Reply) {
        let asked = reply.question.kind;
        for record in &reply.answers {
            match &record.data {
                // RFC 6762 6.1: it denies the types that it does not list.
                Rdata::Nsec(nsec) if ![kind::NSEC, kind::ANY].contains(&asked) => {
                    if !nsec.has(asked) {
                        self.deny(reply.device, interface, reply.from, asked);
                    }
                }
                _ => self.take(reply.device, interface, reply.from, record),
            }
        }
    }

    fn take(&mut self, device: u32, interface: &str, from: IpAddr, record: &Record) {
        self.report.add(record, interface, from);
        for question in &self.questions {
            let kinds = [question.kind, kind::CNAME];
            if question.kind == kind::ANY || kinds.contains(&record.kind) {
                self.settled.insert((device, question.kind));
            }
        }
        self.hurry(device);
    }

    /// RFC 6762 6.1: a name that exists may say that it has no record of a type.
    fn note_denials(&mut self, session: &Session) {
        for device in session.devices() {
            let Some(cache) = session.cache(device) else {
                continue;
            };
            for question in self.questions.clone() {
                if cache.denies(&question.name, question.kind) {
                    let entry = cache.find(&question.name, kind::NSEC).next();
                    if let Some(from) = entry.map(|entry| entry.from) {
                        let interface = session.interface(device);
                        self.deny(device, &interface, from, question.kind);
                    }
                }
            }
        }
    }

    fn deny(&mut self, device: u32, interface: &str, from: IpAddr, kind: u16) {
        if self.settled.insert((device, kind)) {
            self.report.deny(&kind_name(kind), interface, from);
            self.hurry(device);
        }
    }

    /// There is an answer on a link: others come soon, or not at all.
    fn hurry(&mut self, device: u32) {
        let is_settled = |question: &Question| {
            let is_unique = ![kind::PTR, kind::ANY].contains(&question.kind);
            is_unique && self.settled.contains(&(device, question.kind))
        };
        let more = match self.questions.iter().all(is_settled) {
            true => MORE_OF_UNIQUE,
            false => MORE,
        };
        self.until = self.until.min(Instant::now() + more);
    }
}

/// Says why there are no records, or not all.
fn explain(what: &str, report: &MdnsReport) {
    for denial in &report.denied {
        let (kind, from, on) = (&denial.kind, denial.from, &denial.interface);
        let said = format!("{what} exists but has no {kind} record: so says {from} on {on}");
        match report.found {
            true => debug!("{said}"),
            false => info!("{said}"),
        }
    }
    if !report.found && report.denied.is_empty() {
        let types = report.types.join(", ");
        let asked = report.asked.join(", ");
        info!("no response for {what} ({types}); asked on {asked}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::dns::Nsec;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        query: Args,
    }

    fn planned(line: &str) -> String {
        let words = line.split_whitespace();
        let cli = Cli::try_parse_from(["query"].into_iter().chain(words)).unwrap();
        match plan(&cli.query) {
            Ok((questions, place)) => {
                let shown =
                    |question: &Question| format!("{} {}", question.name, kind_name(question.kind));
                let questions: Vec<String> = questions.iter().map(shown).collect();
                format!("{} {:?}", questions.join(", "), place.interfaces)
            }
            Err(error) => error.to_string(),
        }
    }

    // RFC 6762 21: A49
    #[test]
    fn single_label_is_a_name_on_the_link_and_nothing_is_added_to_others() {
        for (line, asked) in [
            ("casa", "casa.local A, casa.local AAAA []"),
            ("Casa.local.", "Casa.local A, Casa.local AAAA []"),
            ("-t srv a.b.local -i eth0", r#"a.b.local SRV ["eth0"]"#),
            ("192.0.2.1", "1.2.0.192.in-addr.arpa PTR []"),
            ("-t any 192.0.2.1", "1.2.0.192.in-addr.arpa ANY []"),
            ("--global a.b", "a.b A, a.b AAAA []"),
        ] {
            assert_eq!(planned(line), asked);
        }
        assert!(planned("fe80::1%eth0").ends_with(r#"ip6.arpa PTR ["eth0"]"#));
    }

    // RFC 6762 3, 13: A1
    #[test]
    fn names_that_are_not_of_the_link_are_not_asked_by_default() {
        for name in ["casa.home", "example.com", "local.example", "a.arpa"] {
            assert!(planned(name).contains("--global"), "{name}");
        }
    }

    #[test]
    fn name_that_is_none_is_an_error() {
        for wrong in ["a..b", ".local", "\\"] {
            assert!(!planned(wrong).ends_with(']'), "{wrong}");
        }
    }

    // RFC 6762 6.1: A45
    #[test]
    fn negative_answer_denies_only_the_types_that_it_does_not_list() {
        let casa = Name::parse("casa.local").unwrap();
        let told = |asked: u16| {
            let question = Question {
                name: casa.clone(),
                kind: asked,
                class: kind::IN,
            };
            let nsec = Record {
                owner: casa.clone(),
                kind: kind::NSEC,
                class: kind::IN,
                ttl: 120,
                data: Rdata::Nsec(Nsec::new(casa.clone(), [kind::A])),
            };
            let mut gathered = Gathered::new(std::slice::from_ref(&question), PATIENCE);
            let reply = Reply {
                device: 2,
                from: [192, 0, 2, 1].into(),
                question,
                answers: vec![nsec],
            };
            gathered.take_reply("eth0", &reply);
            (gathered.report.found, gathered.report.denied.len())
        };
        assert_eq!(told(kind::AAAA), (false, 1));
        assert_eq!(told(kind::A), (false, 0));
        assert_eq!((told(kind::NSEC), told(kind::ANY)), ((true, 0), (true, 0)));
    }
}
