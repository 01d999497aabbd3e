//! Runs the tours of README.md: what it shows is what happens.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use llamar_common::abi::LAYOUT_VERSION;
use nix::sys::signal::Signal;

use crate::support::agent::{Agent, LLAMAR, TRIES, config_file, config_file_named};
use crate::support::counters::Counters;
use crate::support::net::{Namespace, Net, private_etc, run};
use crate::support::peers::{Peer, path};
use crate::support::{DEADLINE, wait_until};

/// A section of README.md, and the two machines of its story: name, interface and IPv4 address of each.
struct Tour<'a> {
    heading: &'static str,
    machines: [(&'static str, &'static str, &'static str); 2],
    /// What runs on the first machine when the story begins.
    running: Option<&'a [&'a str]>,
}

const CASA_AND_DESK: [(&str, &str, &str); 2] =
    [("casa", "eth0", "192.0.2.1"), ("desk", "eth0", "192.0.2.2")];
const CASA_RUNS: Option<&[&str]> = Some(&["--iface", "eth0", "--name", "casa"]);

/// What happens in a tour, in its order.
enum Step {
    /// A command in a machine's terminal, and what it prints.
    Command {
        machine: String,
        command: String,
        output: String,
    },
    /// What the agent that was started last goes on to say, until Ctrl-C where that is shown.
    Log(String),
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

impl Tour<'_> {
    /// The steps between the tour's heading and the next.
    fn steps(&self) -> Vec<Step> {
        let readme = readme();
        let (_, tour) = readme
            .split_once(&format!("\n## {}\n", self.heading))
            .unwrap_or_else(|| panic!("README.md has no section {}", self.heading));
        let tour = tour.split("\n## ").next().unwrap_or(tour);
        // Every second piece is a block: its info string, and what is in it.
        let blocks = tour.split("```").skip(1).step_by(2);
        let blocks = blocks.filter_map(|block| block.split_once('\n'));
        blocks
            .flat_map(|(info, text)| match info {
                "console" => self.commands(text),
                "text" => vec![Step::Log(text.to_owned())],
                _ => Vec::new(),
            })
            .collect()
    }

    fn commands(&self, block: &str) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in block.lines() {
            let prompt = line.split_once("# ");
            let prompt = prompt.filter(|(name, _)| self.machines.iter().any(|(n, ..)| n == name));
            if let Some((machine, command)) = prompt {
                steps.push(Step::Command {
                    machine: machine.to_owned(),
                    command: command.to_owned(),
                    output: String::new(),
                });
                continue;
            }
            let Some(Step::Command { output, .. }) = steps.last_mut() else {
                panic!("a block begins with a command, not with {line:?}");
            };
            output.push_str(line);
            output.push('\n');
        }
        steps
    }

    /// The machines, joined and with their addresses.
    fn machines(&self, net: &Net) -> [Namespace; 2] {
        let [(one, its, address), (other, others, other_address)] = self.machines;
        let namespaces = [net.namespace(one), net.namespace(other)];
        let [first, second] = &namespaces;
        first.veth((its, 1), second, (others, 2));
        first.ip(&format!("address add {address}/24 dev {its}"));
        second.ip(&format!("address add {other_address}/24 dev {others}"));
        second.ip(&format!("route add 224.0.0.0/4 dev {others}"));
        for (namespace, interface) in [(first, its), (second, others)] {
            namespace.wait_for_addresses(interface);
        }
        namespaces
    }

    /// Does everything that the section shows, and compares; again if the kernel path left to userspace what it is to
    /// count.
    fn take(&self, net: &Net) {
        let mut tries = 1..TRIES;
        loop {
            let namespaces = self.machines(net);
            let mut story = Story {
                agents: BTreeMap::new(),
                last: String::new(),
                shown: 0,
            };
            let told = AssertUnwindSafe(|| self.tell(&mut story, &namespaces));
            let Err(panic) = catch_unwind(told) else {
                return;
            };
            let machines = self.machines.iter().zip(&namespaces);
            let mut running = machines.filter(|((name, ..), _)| story.agents.contains_key(*name));
            if !running.any(|(_, on)| is_stale(on)) || tries.next().is_none() {
                resume_unwind(panic);
            }
        }
    }

    /// Does everything that the section shows on these machines, and compares.
    fn tell<'n>(&self, story: &mut Story<'n>, [first, second]: &'n [Namespace; 2]) {
        if let Some(arguments) = self.running {
            story.run(self.machines[0].0, first, arguments, "");
        }
        let steps = self.steps();
        let shown = steps.len();
        for step in steps {
            match step {
                Step::Command {
                    machine,
                    command,
                    output,
                } => {
                    let is_first = machine == self.machines[0].0;
                    let on = if is_first { first } else { second };
                    story.command(&machine, on, &command, &output);
                }
                Step::Log(text) => story.log(&text),
            }
        }
        assert!(shown > 2, "{} has become short: {shown}", self.heading);
    }
}

/// A tour as far as it has gone: the agents that run, by machine.
struct Story<'a> {
    agents: BTreeMap<String, Agent<'a>>,
    /// The machine whose agent was started last.
    last: String,
    /// Lines that one had said when it was ready.
    shown: usize,
}

impl<'a> Story<'a> {
    fn command(&mut self, machine: &str, on: &'a Namespace, command: &str, output: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        if let ["llamar", "run", arguments @ ..] = words.as_slice() {
            return self.run(machine, on, arguments, output);
        }
        // Names are verified, duplicate addresses detected and frames counted in their own time.
        // Who answers first of several is chance.
        let essence = |text: &str| {
            let text = essence(text);
            let mut lines: Vec<&str> = text.lines().collect();
            if command.contains("--all") {
                lines.sort_unstable();
            }
            lines.join("\n")
        };
        let expected = essence(output);
        let end = Instant::now() + DEADLINE;
        loop {
            let printed = printed(on, command);
            if essence(&printed) == expected {
                break;
            }
            assert!(
                Instant::now() < end,
                "{machine}# {command}\nprints\n{printed}\nREADME.md says\n{output}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Starts an agent, after Ctrl-C for the one that ran there, and waits for the lines that it is to say: until it has
    /// said them it says no others, but in which order is chance in part.
    fn run(&mut self, machine: &str, on: &'a Namespace, arguments: &[&str], output: &str) {
        self.interrupt(machine);
        let agent = Agent::start_unnamed(on, arguments);
        let expected: Vec<String> = output.lines().map(essence).collect();
        let is_shown = |line: &String| expected.contains(line) || expected.is_empty();
        wait_for_lines(&agent, output, |said| {
            let complete = expected.iter().all(|line| said.contains(line));
            let other = said.iter().find(|line| !is_shown(line));
            assert!(!complete || other.is_none(), "not shown: {other:?}");
            complete
        });
        // Who starts another machine has seen this one ready a while ago: its names in mDNS are its own by then.
        wait_until("the names of mDNS", || {
            !printed(on, "llamar mdns names").contains(" probing ")
        });
        self.shown = agent.said().lines().count();
        self.agents.insert(machine.to_owned(), agent);
        machine.clone_into(&mut self.last);
    }

    /// Waits until the agent that was started last has said the lines in this order, and ends it if they end so.
    fn log(&mut self, text: &str) {
        let (lines, end) = match text.strip_suffix("^C\n") {
            Some(lines) => (lines, true),
            None => (text, false),
        };
        let shown = self.shown;
        wait_for_lines(&self.agents[&self.last], lines, |said| {
            let mut said = said.iter().skip(shown);
            lines
                .lines()
                .all(|line| said.any(|said| *said == essence(line)))
        });
        if end {
            let last = self.last.clone();
            self.interrupt(&last);
        }
    }

    /// Ctrl-C for the agent of a machine, if one runs there.
    fn interrupt(&mut self, machine: &str) {
        if let Some(mut agent) = self.agents.remove(machine) {
            agent.signal(Signal::SIGINT);
            let status = agent.wait();
            assert!(status.success(), "after Ctrl-C: {status}");
        }
    }
}

/// Waits until what an agent has said, line by line and without what varies, is as README.md shows it.
#[track_caller]
fn wait_for_lines(agent: &Agent<'_>, shown: &str, is_so: impl Fn(&[String]) -> bool) {
    let end = Instant::now() + DEADLINE;
    loop {
        let said = agent.said();
        let lines: Vec<String> = said.lines().map(essence).collect();
        if is_so(&lines) {
            return;
        }
        assert!(
            Instant::now() < end,
            "llamar said\n{said}\nREADME.md says\n{shown}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Text without what no two runs have in common: ids, ports, times, and the family by which a conflict was found.
fn essence(text: &str) -> String {
    // A hash map has no order.
    if let Ok(serde_json::Value::Array(entries)) = serde_json::from_str(text) {
        let mut entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        entries.sort();
        return entries.join("\n");
    }
    let lines = text.lines().map(|line| {
        let conflict = line.contains("has the name") || line.contains("another host too");
        let mut words: Vec<String> = Vec::new();
        // Blanks that align columns make empty words.
        for word in line.trim_end().split(' ') {
            if let (Some(number), "s" | "ms") = (words.last_mut(), word)
                && number.split('/').all(|part| part.parse::<f64>().is_ok())
            {
                *number = "N".to_owned();
            }
            words.push(match conflict {
                true => host_of(word).unwrap_or_else(|| essence_of_word(word)),
                false => essence_of_word(word),
            });
        }
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn essence_of_word(word: &str) -> String {
    let id = word.parse::<u32>().is_ok_and(|number| number > 99);
    let time = word
        .strip_suffix("ms")
        .is_some_and(|number| number.parse::<f64>().is_ok());
    let port = word
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 1023));
    match port {
        Some((address, _)) => format!("{address}:N"),
        None if id || time => "N".to_owned(),
        None => word.to_owned(),
    }
}

/// The machine that an address is of, for casa and desk.
fn host_of(word: &str) -> Option<String> {
    let (address, rest) = match word.strip_suffix(':') {
        Some(address) => (address, ":"),
        None => (word, ""),
    };
    let host = match address {
        "192.0.2.1" | "fe80::ff:fe00:1" => "casa",
        "192.0.2.2" | "fe80::ff:fe00:2" => "desk",
        _ => return None,
    };
    Some(format!("{host}{rest}"))
}

/// Whether the heartbeat of a machine's agent was too old once for the kernel path to answer.
fn is_stale(host: &Namespace) -> bool {
    let report = printed(host, "llamar status --json");
    report.starts_with('{') && Counters::parse(&report).of("no-heartbeat") > 0
}

/// What a step's command prints on its machine, with llamar, busco and the peers on the path.
fn printed(host: &Namespace, command: &str) -> String {
    let links = tempfile::tempdir().expect("make a folder");
    run(Command::new(LLAMAR).arg("links").arg(links.path()));
    let llamar = Path::new(LLAMAR).parent().expect("a folder");
    let peers = path("llmnr-query").and_then(|tool| Some(tool.parent()?.to_owned()));
    let mut folders = vec![llamar.to_owned(), links.path().to_owned()];
    folders.extend(peers);
    let system = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&system));
    // By its name bpftool finds the maps of every agent on the machine, those of tests beside this one too.
    let pinned = format!("pinned /sys/fs/bpf/llamar/*/v{LAYOUT_VERSION}/llamar_names");
    let command = command.replace("name llamar_names", &pinned);
    let mut shell = host.command("sh");
    // What is said on standard error is on the terminal too.
    shell.args(["-c", &format!("exec 2>&1; {command}")]);
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
    let tour = Tour {
        heading: "A tour",
        machines: CASA_AND_DESK,
        running: None,
    };
    tour.take(&net);
}

#[test]
fn a_seed_users_day_ends_as_it_did_then() {
    let net = or_skip!(Net::new());
    private_etc();
    let _ = std::fs::remove_file("/etc/llamar.toml");
    std::fs::write("/etc/llmnr.conf", file_of_readme("ini")).expect("write /etc/llmnr.conf");
    let tour = Tour {
        heading: "A seed user's day",
        machines: [
            ("odroid", "wlan0", "192.168.0.121"),
            ("desk", "eth0", "192.168.0.2"),
        ],
        running: None,
    };
    tour.take(&net);
}

#[test]
fn mdns_and_services_are_as_readme_tells() {
    let net = or_skip!(Net::new());
    or_skip!(Peer::find("dig"));
    private_etc();
    std::fs::write("/etc/casa.toml", file_of_readme("toml casa")).expect("write /etc/casa.toml");
    let tour = Tour {
        heading: "mDNS and services",
        machines: CASA_AND_DESK,
        running: None,
    };
    tour.take(&net);
}

#[test]
fn one_name_is_asked_for_by_mdns_as_readme_tells() {
    let net = or_skip!(Net::new());
    or_skip!(Peer::find("dig"));
    let casa = config_file(&file_of_readme("toml casa"));
    let tour = Tour {
        heading: "llamar mdns query",
        machines: CASA_AND_DESK,
        running: Some(&["--config", &casa.path]),
    };
    tour.take(&net);
}

#[test]
fn uniqueness_is_as_readme_tells() {
    let net = or_skip!(Net::new());
    let tour = Tour {
        heading: "Uniqueness",
        machines: CASA_AND_DESK,
        running: None,
    };
    tour.take(&net);
}

#[test]
fn address_conflicts_are_as_readme_tells() {
    let net = or_skip!(Net::new());
    or_skip!(Peer::find("iputils-arping"));
    let tour = Tour {
        heading: "Addresses",
        machines: CASA_AND_DESK,
        running: None,
    };
    tour.take(&net);
}

#[test]
fn arp_and_nd_do_as_readme_tells() {
    for heading in ["llamar arp", "llamar nd"] {
        let tour = Tour {
            heading,
            machines: CASA_AND_DESK,
            running: None,
        };
        tour.take(&or_skip!(Net::new()));
    }
}

#[test]
fn names_come_and_go_as_readme_tells() {
    let net = or_skip!(Net::new());
    let tour = Tour {
        heading: "llamar run",
        machines: CASA_AND_DESK,
        running: CASA_RUNS,
    };
    tour.take(&net);
}

#[test]
fn others_are_asked_as_readme_tells() {
    let net = or_skip!(Net::new());
    let tour = Tour {
        heading: "llamar query",
        machines: CASA_AND_DESK,
        running: CASA_RUNS,
    };
    tour.take(&net);
}

#[test]
fn the_configurations_that_readme_shows_are_valid() {
    let net = or_skip!(Net::new());
    let host = net.namespace("check");
    for (info, name) in [
        ("toml", "llamar.toml"),
        ("toml casa", "casa.toml"),
        ("ini", "llmnr.conf"),
    ] {
        let file = config_file_named(name, file_of_readme(info).as_bytes());
        let hosts = Path::new(&file.path).with_file_name("llamar.hosts");
        std::fs::write(hosts, "192.0.2.7 lamp\n").expect("write a hosts file");
        let mut check = host.command(LLAMAR);
        let output = check.args(["check", "--config", &file.path]).output();
        let output = output.expect("start llamar");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{info}: {errors}");
    }
}
