//! Runs the tour of README.md: what it shows is what happens.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::agent::{Agent, config_file_named};
use crate::support::net::{Namespace, Net};
use crate::support::peers::{Peer, path};
use crate::support::{DEADLINE, wait_until};

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
    let (_, tour) = readme
        .split_once("\n## A tour\n")
        .expect("README.md has a tour");
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

/// Text without what no two runs have in common: ids, times, and how many blanks align it.
fn essence(text: &str) -> String {
    // A hash map has no order.
    if let Ok(serde_json::Value::Array(entries)) = serde_json::from_str(text) {
        let mut entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        entries.sort();
        return entries.join("\n");
    }
    let lines = text.lines().map(|line| {
        let words = line.split_whitespace().map(|word| {
            let id = word.parse::<u32>().is_ok_and(|number| number > 99);
            let time = word
                .strip_suffix("ms")
                .is_some_and(|number| number.parse::<f64>().is_ok());
            if id || time { "N" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a step's command prints on its host, with llamar and the peers on the path.
fn printed(host: &Namespace, command: &str) -> String {
    let llamar = Path::new(env!("CARGO_BIN_EXE_llamar"))
        .parent()
        .expect("a folder");
    let peers = path("llmnr-query").and_then(|tool| Some(tool.parent()?.to_owned()));
    let mut folders = vec![llamar.to_owned()];
    folders.extend(peers);
    let system = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&system));
    // By its name bpftool finds the maps of every agent on the machine, those of tests beside this one too.
    let pinned = "pinned /sys/fs/bpf/llamar/*/v1/llamar_names";
    let command = command.replace("name llamar_names", pinned);
    let mut shell = host.command("sh");
    shell.args(["-c", &command]);
    shell.env(
        "PATH",
        std::env::join_paths(folders).expect("folders without colons"),
    );
    let output = shell.output().expect("start sh");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_tour_shows_what_happens() {
    let net = or_skip!(Net::new());
    for tool in ["llmnr-query", "iputils-arping", "bpftool"] {
        or_skip!(Peer::find(tool));
    }
    let (casa, desk) = (net.namespace("casa"), net.namespace("desk"));
    casa.veth(("eth0", 1), &desk, ("eth0", 2));
    casa.ip("address add 192.0.2.1/24 dev eth0");
    desk.ip("address add 192.0.2.2/24 dev eth0");
    desk.ip("route add 224.0.0.0/4 dev eth0");
    wait_until("the link-local address", || {
        let addresses = casa.ip("-6 address show dev eth0");
        addresses.contains("fe80::") && !addresses.contains("tentative")
    });
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
            // Duplicate address detection and the counters take their time.
            let expected = essence(&step.output);
            let end = Instant::now() + DEADLINE;
            loop {
                let output = printed(host(&step), &step.command);
                if essence(&output) == expected {
                    break;
                }
                let (command, said) = (&step.command, &step.output);
                assert!(
                    Instant::now() < end,
                    "{command}\nprints\n{output}\nREADME.md says\n{said}"
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        seen += 1;
    }
    assert!(
        seen > 5 && agent.is_some(),
        "the tour has become short: {seen} steps"
    );
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
