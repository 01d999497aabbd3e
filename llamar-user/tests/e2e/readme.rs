//! Runs the tour of README.md: what it shows is what happens.

use std::path::Path;

use crate::or_skip;
use crate::support::agent::{Agent, config_file_named};
use crate::support::net::{Namespace, Net};
use crate::support::peers::Peer;
use crate::support::{skip, wait_for};

/// A `console` block of the tour: a command behind its prompt, and what it prints.
struct Step {
    /// Whose terminal: `casa#` or `desk#`.
    host: String,
    command: String,
    output: String,
}

/// The file that README shows in the block with this info string.
fn file_of_readme(info: &str) -> String {
    let readme = readme();
    let (_, block) = readme
        .split_once(&format!("```{info}\n"))
        .unwrap_or_else(|| panic!("README.md has no block ```{info}"));
    let (text, _) = block.split_once("```").expect("the block ends");
    text.to_owned()
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    std::fs::read_to_string(path).expect("README.md")
}

/// The steps between the headings "A tour" and the next.
fn steps() -> Vec<Step> {
    let readme = readme();
    let (_, tour) = readme.split_once("\n## A tour\n").expect("README.md has a tour");
    let tour = tour.split("\n## ").next().unwrap_or(tour);
    let blocks = tour.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().expect("the block ends"));
    blocks.flat_map(steps_of).collect()
}

fn steps_of(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match line.split_once("# ") {
            Some((host @ ("casa" | "desk"), command)) => steps.push(Step {
                host: host.to_owned(),
                command: command.to_owned(),
                output: String::new(),
            }),
            _ => {
                let step = steps.last_mut().expect("a block begins with a command");
                step.output.push_str(line);
                step.output.push('\n');
            }
        }
    }
    steps
}

/// Text without what no two runs have in common: ids, times and how many blanks align it.
fn essence(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split_whitespace().map(|word| {
            let volatile = word.trim_end_matches(',').parse::<f64>().is_ok_and(|number| number > 99.0)
                || word.ends_with("usec");
            if volatile { "N" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a step's command prints on its host.
fn printed(host: &Namespace, words: &[&str]) -> Option<String> {
    let (program, arguments) = words.split_first().expect("a command");
    let output = if *program == "llamar" {
        host.command(env!("CARGO_BIN_EXE_llamar")).args(arguments).output()
    } else {
        Peer::find(program)?.command_in(host).args(arguments).output()
    };
    let output = output.unwrap_or_else(|error| panic!("start {program}: {error}"));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_tour_shows_what_happens() {
    let net = or_skip!(Net::new());
    let (casa, desk) = (net.namespace("casa"), net.namespace("desk"));
    casa.veth(("eth0", 1), &desk, ("eth0", 2));
    casa.ip("address add 192.0.2.1/24 dev eth0");
    desk.ip("address add 192.0.2.2/24 dev eth0");
    desk.ip("route add 224.0.0.0/4 dev eth0");
    let host = |step: &Step| if step.host == "casa" { &casa } else { &desk };

    let mut agent: Option<Agent<'_>> = None;
    let mut seen = 0;
    for step in steps() {
        let words: Vec<&str> = step.command.split_whitespace().collect();
        if let ["llamar", "run", arguments @ ..] = words.as_slice() {
            let mut started = Agent::start_unnamed(host(&step), arguments);
            for line in step.output.lines() {
                started.wait_for_words(&[line]);
            }
            agent = Some(started);
        } else {
            // The neighbour's duplicate address detection and the first answers take their time.
            let mut last = String::new();
            let expected = essence(&step.output);
            let matched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                wait_for("the output that README shows", || {
                    last = printed(host(&step), &words)?;
                    (essence(&last) == expected).then_some(())
                });
            }));
            if Peer::find(words[0]).is_none() && words[0] != "llamar" {
                skip(&format!("{} is not here: cargo xtask setup --peers", words[0]));
                return;
            }
            assert!(matched.is_ok(), "{}\nprints\n{last}\nREADME.md says\n{}", step.command, step.output);
        }
        seen += 1;
    }
    assert!(seen > 5 && agent.is_some(), "the tour has become short: {seen} steps");
}

#[test]
fn the_configurations_that_readme_shows_are_valid() {
    let net = or_skip!(Net::new());
    let host = net.namespace("check");
    for (info, name) in [("toml", "llamar.toml"), ("ini", "llmnr.conf")] {
        let file = config_file_named(name, file_of_readme(info).as_bytes());
        let hosts = Path::new(&file.path).with_file_name("llamar.hosts");
        std::fs::write(hosts, "192.0.2.7 lamp\n").expect("write a hosts file");
        let mut check = host.command(env!("CARGO_BIN_EXE_llamar"));
        let output = check.args(["check", "--config", &file.path]).output();
        let output = output.expect("start llamar");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{info}: {errors}");
    }
}
