use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(line: &str) -> Args {
    let words = line.split_whitespace();
    Cli::try_parse_from(["dnssd"].into_iter().chain(words))
        .unwrap_or_else(|error| panic!("{error}"))
        .args
}

fn told(line: &str) -> String {
    let args = args(line);
    let planned = source(&args).and_then(|(source, query)| Ok((source, scope(&args, query)?)));
    match planned {
        Ok((Source::Capture(path), scope)) => format!("file {} {scope:?}", path.display()),
        Ok((Source::Live(place), scope)) => format!("{:?} {scope:?}", place.interfaces),
        Err(error) => error.to_string(),
    }
}

// Seed 001: D2, D3, D4, D5
#[test]
fn positional_is_a_capture_or_an_interface_or_a_query() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let all = "All(Name(local))";
    assert_eq!(told(""), format!("[] {all}"));
    assert_eq!(told(&path), format!("file {path} {all}"));
    assert_eq!(told("-"), format!("file - {all}"));
    assert_eq!(told(&format!("-p {path}")), format!("file {path} {all}"));
    assert_eq!(told("lo"), format!(r#"["lo"] {all}"#));
    assert_eq!(told("-i lo"), format!(r#"["lo"] {all}"#));
    let http = "Instances([Name(_http._tcp.local)])";
    assert_eq!(told("_http._tcp"), format!("[] {http}"));
    assert_eq!(told("lo _http._tcp.local"), format!(r#"["lo"] {http}"#));
    assert_eq!(
        told(&format!("{path} _http._tcp")),
        format!("file {path} {http}")
    );
    assert_eq!(
        told("-i lo _services._dns-sd._udp.local"),
        r#"["lo"] Types(Name(local))"#
    );
    assert_eq!(
        told("nothing0 _http._tcp"),
        "nothing0: no such file or interface"
    );
    assert_eq!(
        told("-i lo a.local b.local"),
        "a.local and b.local: there is one query at a time"
    );
}

// RFC 6762 21: A49
#[test]
fn domain_is_added_to_single_labels_and_bare_types_only() {
    for (text, whole) in [
        ("casa", "casa.local"),
        ("casa.home", "casa.home"),
        ("_http._tcp", "_http._tcp.local"),
        ("_http._tcp.", "_http._tcp.local"),
        ("_printer._sub._http._tcp", "_printer._sub._http._tcp.local"),
        ("_http._tcp.example.com", "_http._tcp.example.com"),
    ] {
        assert_eq!(name(text).unwrap(), Name::parse(whole).unwrap(), "{text}");
    }
}

#[test]
fn types_are_types() {
    assert!(parse_type("_http._tcp").is_ok() && parse_type("_x._sub._http._udp.local").is_ok());
    for wrong in ["http", "_http", "casa.local", "Web._http._tcp.local", ""] {
        assert!(parse_type(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        told("-t _http._tcp --type _ipp._tcp"),
        "[] Instances([Name(_http._tcp.local), Name(_ipp._tcp.local)])"
    );
    assert_eq!(
        told("-t _http._tcp casa"),
        "casa: neither --all nor --type goes with a query"
    );
}

#[test]
fn format_follows_from_where_it_goes_and_whether_it_ends() {
    let print_of = |line: &str| {
        let args = args(line);
        let (source, _) = source(&args).unwrap();
        print(&args, &source).map_err(|error| error.to_string())
    };
    let found = |form| Ok(Print::Found(form));
    assert_eq!(print_of("--json"), found(BrowseForm::Json));
    assert_eq!(print_of("--format lines"), found(BrowseForm::Lines));
    assert_eq!(print_of("--parsable"), found(BrowseForm::Parsable));
    assert_eq!(print_of("--format table"), found(BrowseForm::Screen));
    assert_eq!(print_of("--format table --once"), found(BrowseForm::Table));
    assert_eq!(print_of("--format table -p x"), found(BrowseForm::Table));
    assert_eq!(print_of("--format table -p -"), found(BrowseForm::Screen));
    assert_eq!(print_of("--format snabb"), Ok(Print::Snabb));
    assert_eq!(print_of("--lint --json"), Ok(Print::Lint(Form::Json)));
    assert!(print_of("--lint --parsable").is_err());
}

#[test]
fn instance_is_resolved_or_not_looked_for() {
    assert!(told("Web._http._tcp.local --no-resolve").contains("no --no-resolve"));
}

#[test]
fn capture_is_not_asked() {
    for wrong in ["--once", "--timeout 1", "-4", "-6"] {
        assert!(
            told(&format!("- {wrong}")).starts_with("a capture is read"),
            "{wrong}"
        );
    }
}
