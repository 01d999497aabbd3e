//! `llamar dnssd`: shows what services there are on the link, or were in a capture.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::asked;
use super::family::FamilyArgs;
use super::query::parse_timeout;
use crate::ask::session::Where;
use crate::dns::Name;
use crate::dnssd::browse::Scope;
use crate::dnssd::{ServiceType, in_local, local};
use crate::report::{BrowseForm, Form};

mod capture;
mod lint;
mod live;
pub(super) mod output;

pub(super) use live::PATIENCE;

/// Arguments of `llamar dnssd`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without QUERY and --type all services of all types are looked for. At a terminal there is a line for each thing that comes \
(+), is resolved (=), changes (~) or goes (-); in a pipe the same in fields between blanks, text as RFC 1035 escapes it. \
--json: an object for each, with `event` (add, resolve, update, remove), `what` (service, type, pointer), `time`, \
`interface`, `vlan` if there is one, `family` and `from` of who said it, `name`, `type`, `domain`, `full_name`, \
`subtypes`, `host`, `port`, `priority`, `weight`, `addresses`, `txt` (an object for each TXT record), `alternatives` if \
there are more places, and the `target` of a pointer.

Exit codes: 0 something was found; 1 nothing was; 2 wrong usage, or nothing could be asked or read. Ctrl-C ends it with \
0 or 1.")]
pub struct Args {
    /// A capture file or an interface, as -p and -i, and then a name whose PTR records are looked for: a type such as
    /// _http._tcp, an instance, or _services._dns-sd._udp.local for all types
    #[arg(value_name = "FILE|IF|QUERY", num_args = 0..=2)]
    what: Vec<String>,
    /// Interface to ask on; may be given several times [default: all that are up and can carry multicast]
    #[arg(
        short,
        long,
        alias = "iface",
        value_name = "IF",
        conflicts_with = "pcap"
    )]
    interface: Vec<String>,
    /// Reads a capture, pcap or pcapng, `-` from standard input, and asks nothing
    #[arg(short, long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Type of service, as _http._tcp, or subtype, as _printer._sub._http._tcp; may be given several times
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parse_type)]
    kind: Vec<Name>,
    /// Looks for all types, as without QUERY and --type
    #[arg(short, long, conflicts_with = "kind")]
    all: bool,
    /// Ends when nothing new has come for some seconds
    #[arg(long, conflicts_with = "pcap")]
    once: bool,
    /// Ends after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_timeout, conflicts_with = "pcap")]
    timeout: Option<Duration>,
    /// Does not ask where services are, only which there are
    #[arg(long)]
    no_resolve: bool,
    #[command(flatten)]
    family: FamilyArgs,
    /// Prints objects of JSON, one a line
    #[arg(long, conflicts_with_all = ["parsable", "format"])]
    json: bool,
    /// Prints what avahi-browse --parsable --resolve prints
    #[arg(long, conflicts_with = "format")]
    parsable: bool,
    /// How to print: snabb is a line for each record of each response, as that program's dnssd printed it
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatName>,
    /// Names who does not keep which rule of mDNS and DNS-SD, in the end
    #[arg(long)]
    lint: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormatName {
    Table,
    Lines,
    Json,
    Parsable,
    Snabb,
}

/// Looks for services, and prints what is found.
pub fn dnssd(args: &Args) -> ExitCode {
    asked(run(args))
}

fn run(args: &Args) -> anyhow::Result<bool> {
    let (source, query) = source(args)?;
    let scope = scope(args, query)?;
    if let (Source::Live(_), Some(name)) = (&source, scope.foreign_name()) {
        bail!("{name} is not a name of the link, as those in .local are");
    }
    let plan = Plan {
        scope,
        print: print(args, &source)?,
        once: args.once,
        timeout: args.timeout,
        resolves: !args.no_resolve,
    };
    match source {
        Source::Capture(path) => capture::read(&plan, &path),
        Source::Live(place) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("start")?;
            runtime.block_on(live::browse(&plan, place))
        }
    }
}

/// What is to be done.
struct Plan {
    scope: Scope,
    print: Print,
    once: bool,
    timeout: Option<Duration>,
    resolves: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Print {
    /// What is found.
    Found(BrowseForm),
    /// Records, as the tutorial's program did.
    Snabb,
    /// Breaches of rules.
    Lint(Form),
}

/// Where what is found comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Capture(PathBuf),
    Live(Where),
}

/// Where to look, and the query that was given.
fn source(args: &Args) -> anyhow::Result<(Source, Option<&str>)> {
    let mut words = args.what.iter().map(|word| &word[..]);
    let mut interfaces = args.interface.clone();
    let mut pcap = args.pcap.clone();
    if pcap.is_none()
        && interfaces.is_empty()
        && let Some(first) = args.what.first()
    {
        // Seed 001: a file that can be opened is a capture, anything else an interface.
        if is_capture(Path::new(first)) {
            pcap = words.next().map(PathBuf::from);
        } else if is_interface(first) {
            interfaces.extend(words.next().map(String::from));
        } else if args.what.len() > 1 {
            bail!("{first}: no such file or interface");
        }
    }
    let query = words.next();
    if let (Some(query), Some(other)) = (query, words.next()) {
        bail!("{query} and {other}: there is one query at a time");
    }
    let family = args.family.family();
    let Some(path) = pcap else {
        return Ok((Source::Live(Where { interfaces, family }), query));
    };
    if args.once || args.timeout.is_some() || family.is_some() {
        bail!("a capture is read to its end, of both IP versions: no --once, --timeout, -4, -6");
    }
    Ok((Source::Capture(path), query))
}

fn is_capture(path: &Path) -> bool {
    path.as_os_str() == "-" || path.metadata().is_ok_and(|meta| !meta.is_dir())
}

fn is_interface(name: &str) -> bool {
    nix::net::if_::if_nametoindex(name).is_ok()
}

/// What to look for.
fn scope(args: &Args, query: Option<&str>) -> anyhow::Result<Scope> {
    match query {
        Some(query) if args.all || !args.kind.is_empty() => {
            bail!("{query}: neither --all nor --type goes with a query")
        }
        Some(query) => match Scope::of_query(name(query)?) {
            Scope::Instance(_) if args.no_resolve => {
                bail!("{query}: there is nothing to an instance but where it is, no --no-resolve")
            }
            scope => Ok(scope),
        },
        None if args.kind.is_empty() => Ok(Scope::All(local())),
        None => Ok(Scope::Instances(args.kind.clone())),
    }
}

/// The name that a query is for. One label, or a type of service without a domain, is on the link.
fn name(text: &str) -> anyhow::Result<Name> {
    let name = Name::parse(text)?;
    // RFC 6762 21: .local is not appended to relative names of two or more labels; a type alone is no such name.
    let is_bare = name.single_label().is_some() || bare_type(&name);
    match is_bare {
        true => Ok(in_local(&name)?),
        false => Ok(name),
    }
}

fn bare_type(name: &Name) -> bool {
    let domain = match ServiceType::split_subtype(name) {
        Some((_, _, domain)) => Some(domain),
        None => ServiceType::split(name).map(|(_, domain)| domain),
    };
    domain == Some(Name::root())
}

fn parse_type(text: &str) -> Result<Name, String> {
    let name = name(text).map_err(|error| error.to_string())?;
    let is_type = ServiceType::split(&name).is_some();
    match is_type || ServiceType::split_subtype(&name).is_some() {
        true => Ok(name),
        false => Err("no type of service, expected one such as _http._tcp".into()),
    }
}

/// What to print.
fn print(args: &Args, source: &Source) -> anyhow::Result<Print> {
    let name = match (args.json, args.parsable) {
        (true, _) => Some(FormatName::Json),
        (_, true) => Some(FormatName::Parsable),
        _ => args.format,
    };
    let form = Form::of_stdout(name == Some(FormatName::Json));
    if args.lint {
        return Ok(Print::Lint(match name {
            None | Some(FormatName::Json) => form,
            Some(FormatName::Table) => Form::Table,
            Some(FormatName::Lines) => Form::Plain,
            Some(FormatName::Parsable | FormatName::Snabb) => {
                bail!("--lint prints a table, lines or JSON")
            }
        }));
    }
    // What has an end is a table then; what has none, as a pipe may, is told as it comes.
    let has_end =
        |source: &Source| matches!(source, Source::Capture(path) if path.as_os_str() != "-");
    let ends = args.once || args.timeout.is_some() || has_end(source);
    let table = if ends {
        BrowseForm::Table
    } else {
        BrowseForm::Screen
    };
    Ok(match name {
        Some(FormatName::Snabb) => Print::Snabb,
        Some(FormatName::Parsable) => Print::Found(BrowseForm::Parsable),
        Some(FormatName::Json) => Print::Found(BrowseForm::Json),
        Some(FormatName::Lines) => Print::Found(BrowseForm::Lines),
        Some(FormatName::Table) => Print::Found(table),
        None if form == Form::Table => Print::Found(table),
        None => Print::Found(BrowseForm::Lines),
    })
}

#[cfg(test)]
mod tests;
