//! `llamar query`: asks others.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::asked;
use super::family::FamilyArgs;
use super::host::Host;
use crate::ask::{AskError, Asker, Options, Query};
use crate::dns::{Name, Question, kind, kind_named};
use crate::llmnr::reverse;
use crate::llmnr::sender::{Answer, Collect};
use crate::report::{AskedReport, ResponseRow, print};

/// Longest patience that anybody may want: an hour.
const TIMEOUT_MAX: f64 = 3600.0;

/// Arguments of `llamar query`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each record, like `A: 192.168.0.121`. The interface is told behind `%` where the address is a link-local \
IPv6 one. Everything else is said on standard error.

Exit codes: 0 there are records; 1 nobody answered, or whoever did has no such record; 2 wrong usage, or nothing \
could be asked.")]
pub struct Args {
    /// Name or address to ask for; an address may have its interface behind it, as in fe80::1%eth0
    #[arg(value_name = "NAME|ADDRESS")]
    what: String,
    /// Type of record, as AAAA, ANY or TYPE65 [default: A and AAAA, for an address PTR]
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parse_kind)]
    kind: Option<u16>,
    /// Interface to ask on; may be given several times [default: all that are up and can carry multicast]
    #[arg(short, long, value_name = "IF")]
    iface: Vec<String>,
    #[command(flatten)]
    family: FamilyArgs,
    /// Asks this host alone, over TCP
    #[arg(long, value_name = "ADDRESS", value_parser = Host::parse)]
    server: Option<Host>,
    /// Waits for all who answer, and shows who they are
    #[arg(long)]
    all: bool,
    /// How long to wait for answers [default: three transmissions, up to 0.7 seconds; over TCP 2 seconds]
    #[arg(long, value_name = "SECONDS", value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Asks, and prints what was answered.
pub fn query(args: &Args) -> ExitCode {
    asked(run(args))
}

pub(super) fn parse_kind(text: &str) -> Result<u16, String> {
    let number = || text.parse().ok();
    kind_named(text)
        .or_else(number)
        .filter(|&kind| kind != 0 && kind != kind::OPT)
        .ok_or_else(|| String::from("no type of record"))
}

pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| String::from("no number of seconds"))?;
    if seconds > 0.0 && seconds <= TIMEOUT_MAX {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("not above 0 and up to {TIMEOUT_MAX} seconds"))
    }
}

/// Whether there are records.
fn run(args: &Args) -> anyhow::Result<bool> {
    let (questions, host) = questions(&args.what, args.kind)?;
    let mut options = Options {
        interfaces: args.iface.clone(),
        family: args.family.family(),
        server: args.server.as_ref().map(|server| server.address),
        collect: if args.all {
            Collect::All
        } else {
            Collect::First
        },
        patience: args.timeout,
        payload: None,
    };
    for host in host.iter().chain(&args.server) {
        host.narrow(&mut options)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    runtime.block_on(ask(args, &options, &questions))
}

/// What a name or an address asks for.
pub(super) fn questions(
    what: &str,
    kind: Option<u16>,
) -> anyhow::Result<(Vec<Question>, Option<Host>)> {
    let host = Host::parse(what).ok();
    let (name, kinds) = match &host {
        Some(host) => (reverse::name_of(host.address), vec![kind::PTR]),
        // RFC 4795 3: the name that was asked for and no other; no search list.
        None => (Name::parse(what)?, vec![kind::A, kind::AAAA]),
    };
    let kinds = kind.map_or(kinds, |kind| vec![kind]);
    let question = |kind| Question {
        name: name.clone(),
        kind,
        class: kind::IN,
    };
    Ok((kinds.into_iter().map(question).collect(), host))
}

async fn ask(args: &Args, options: &Options, questions: &[Question]) -> anyhow::Result<bool> {
    let asker = Asker::open(options).await?;
    let mut asked = Asked::ask(&asker, questions).await?;
    let mut report = AskedReport::new(&asker, questions);
    for (question, answer) in questions.iter().zip(&asked.answers) {
        report.add(&asker, question, answer);
    }
    asked.warn_of_unusable();
    if !args.json {
        print(|out| match args.all {
            true => report.write_responders(out),
            false => report.write_records(out),
        })?;
        explain(&args.what, &report);
    }
    let conflicts = asked.finish().await;
    report.add_conflicts(&asker, &conflicts);
    if args.json {
        print(|out| report.write_json(out))?;
    } else {
        warn_of_conflicts(&args.what, &report);
    }
    Ok(report.found)
}

/// Questions that were answered, and are still listened for.
pub(super) struct Asked {
    pub answers: Vec<Answer>,
    queries: Vec<Query>,
}

impl Asked {
    /// Asks all questions at once.
    pub async fn ask(asker: &Asker, questions: &[Question]) -> Result<Self, AskError> {
        let mut waiting = JoinSet::new();
        for (index, question) in questions.iter().enumerate() {
            let mut query = asker.ask(question.clone());
            waiting.spawn(async move {
                let answer = query.answer().await;
                (index, query, answer)
            });
        }
        let mut done = waiting.join_all().await;
        done.sort_by_key(|(index, ..)| *index);
        let mut asked = Self {
            answers: Vec::new(),
            queries: Vec::new(),
        };
        for (_, query, answer) in done {
            asked.answers.push(answer?);
            asked.queries.push(query);
        }
        Ok(asked)
    }

    /// Hears what comes late; the conflicts.
    pub async fn finish(self) -> Vec<crate::llmnr::sender::Conflict> {
        let mut waiting = JoinSet::new();
        for mut query in self.queries {
            waiting.spawn(async move { query.finish().await });
        }
        waiting.join_all().await.into_iter().flatten().collect()
    }

    /// Says on which links could not be asked.
    pub fn warn_of_unusable(&mut self) {
        // Each question finds the same links unusable.
        for failed in self.queries.iter().take(1).flat_map(Query::unusable) {
            let (interface, source) = (&failed.interface, failed.source);
            warn!("cannot ask on {interface} from {source}: {}", failed.error);
        }
    }
}

/// Says why there are no records, or not all.
pub(super) fn explain(what: &str, report: &AskedReport) {
    for response in &report.responses {
        let said = comment(what, response);
        match said {
            Some(said) if report.found => debug!("{said}"),
            Some(said) => info!("{said}"),
            None => {}
        }
    }
    if report.responses.is_empty() {
        let types = report.types.join(", ");
        info!(
            "no response for {what} ({types}); asked on {}",
            places(report)
        );
    }
}

/// What is to be said of a response without records.
fn comment(what: &str, response: &ResponseRow) -> Option<String> {
    if !response.records.is_empty() {
        return None;
    }
    let (kind, from, on) = (&response.kind, response.from, &response.interface);
    Some(if response.rcode != 0 {
        let rcode = response.rcode;
        format!("{from} on {on} answers for {what} ({kind}) with error {rcode}")
    } else if response.truncated {
        format!("{from} on {on} knows {what}, but cannot answer ({kind})")
    } else {
        format!("{what} exists but has no {kind} record: so says {from} on {on}")
    })
}

/// `eth0 (10.0.0.2, fe80::2), wlan0 (10.0.1.2)`
fn places(report: &AskedReport) -> String {
    let mut places: Vec<(&str, Vec<IpAddr>)> = Vec::new();
    for path in &report.asked {
        match places.last_mut() {
            Some((interface, sources)) if *interface == path.interface => sources.push(path.source),
            _ => places.push((&path.interface, vec![path.source])),
        }
    }
    let place = |(interface, sources): (&str, Vec<IpAddr>)| {
        let sources: Vec<_> = sources.iter().map(IpAddr::to_string).collect();
        format!("{interface} ({})", sources.join(", "))
    };
    let places: Vec<_> = places.into_iter().map(place).collect();
    places.join(", ")
}

/// Tells of several holders of a name.
pub(super) fn warn_of_conflicts(what: &str, report: &AskedReport) {
    for conflict in &report.conflicts {
        let responders: Vec<_> = conflict.responders.iter().map(IpAddr::to_string).collect();
        let (responders, on) = (responders.join(" and "), &conflict.interface);
        warn!("{responders} answer for {what} on {on}, and not all of them share it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(what: &str, kind: Option<u16>) -> Vec<(String, u16)> {
        let (questions, _) = questions(what, kind).unwrap();
        let shown = |question: Question| (question.name.to_string(), question.kind);
        questions.into_iter().map(shown).collect()
    }

    // RFC 4795 3: S12
    #[test]
    fn name_is_asked_for_as_it_is_and_nothing_is_added() {
        for name in ["casa", "casa.home", "b\u{fc}cher", "Casa"] {
            let expected = [(name.into(), kind::A), (name.into(), kind::AAAA)];
            assert_eq!(asked(name, None), expected);
        }
        assert_eq!(asked("casa.", Some(65)), [("casa".into(), 65)]);
    }

    #[test]
    fn address_is_asked_for_its_names() {
        let reverse = "121.0.168.192.in-addr.arpa";
        assert_eq!(asked("192.168.0.121", None), [(reverse.into(), kind::PTR)]);
        assert_eq!(
            asked("192.168.0.121", Some(kind::ANY)),
            [(reverse.into(), kind::ANY)]
        );
        let (_, host) = questions("fe80::1%eth0", None).unwrap();
        assert_eq!(host.unwrap().interface.as_deref(), Some("eth0"));
    }

    #[test]
    fn types_have_names_and_numbers() {
        for (text, kind) in [("aaaa", 28), ("TYPE65", 65), ("65280", 65280), ("any", 255)] {
            assert_eq!(parse_kind(text), Ok(kind));
        }
        for wrong in ["", "0", "B", "opt", "65536", "-1"] {
            assert!(parse_kind(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn timeouts_are_numbers_of_seconds() {
        assert_eq!(parse_timeout("0.3"), Ok(Duration::from_millis(300)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e300", "3601", "1s"] {
            assert!(parse_timeout(wrong).is_err(), "{wrong}");
        }
    }
}
