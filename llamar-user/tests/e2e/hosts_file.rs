//! A large hosts file that changes while the agent runs: what changes is followed, nothing is answered wrongly meanwhile.

use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path as FilePath, PathBuf};

use nix::sys::signal::Signal;

use super::lifecycle::{casa, query};
use crate::support::agent::{Agent, config_file};
use crate::support::scene::{Path, Scene};
use crate::support::wait_until;
use crate::support::wire::Wire;

const COUNT: u32 = 20_000;
/// A name that no test changes, and its number.
const STEADY: (&str, u32) = ("n12345", 12_345);

/// The address of a name, and another one for it.
fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a20_0000 + number))
}

fn other(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a30_0000 + number))
}

fn name(number: u32) -> String {
    format!("n{number:05}")
}

fn line(address: IpAddr, name: &str) -> String {
    format!("{address} {name}")
}

/// An agent, its hosts file, and the wire to it.
struct Served<'a> {
    agent: Agent<'a>,
    wire: Wire,
    path: PathBuf,
    lines: Vec<String>,
    id: Cell<u16>,
}

impl Served<'_> {
    fn asked(&self, name: &str) -> Vec<IpAddr> {
        self.id.set(self.id.get().wrapping_add(1));
        let reply = self.wire.ask(&query(name).id(self.id.get()));
        reply.message.addresses()
    }

    fn assert_silent(&self, name: &str) {
        let id = self.id.get().wrapping_add(2);
        self.id.set(id);
        self.wire
            .assert_unanswered(&query(name).id(id.wrapping_sub(1)), &casa().id(id));
    }

    /// Puts the lines as they are now in the place of the file and has it read.
    fn reload(&self) {
        let next = self.path.with_extension("next");
        fs::write(&next, self.lines.join("\n") + "\n").expect("write a hosts file");
        fs::rename(&next, &self.path).expect("replace the hosts file");
        self.agent.signal(Signal::SIGHUP);
    }

    /// Has the file read until a name has the addresses `now`, and meanwhile has those that it had, while others have
    /// theirs. A name that had none is asked for by `llamar names`, as nobody answers for it before.
    #[track_caller]
    fn follow(&self, changed: &str, before: &[IpAddr], now: &[IpAddr]) {
        self.reload();
        wait_until(&format!("{changed} to change"), || {
            assert_eq!(self.asked(STEADY.0), [address(STEADY.1)]);
            if before.is_empty() && !self.agent.printed(&["names"]).contains(changed) {
                return false;
            }
            let found = self.asked(changed);
            assert!(found == before || found == now, "{found:?}");
            found == now
        });
        assert_eq!(self.asked(changed), now);
    }
}

fn a_large_hosts_file_is_followed_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file("names = [\"casa\"]\nhosts-file = \"hosts\"\nmax-names = 30000\n");
    let lines = (0..COUNT).map(|number| line(address(number), &name(number)));
    let lines: Vec<String> = lines.collect();
    let hosts = FilePath::new(&config.path).with_file_name("hosts");
    fs::write(&hosts, lines.join("\n") + "\n").expect("write a hosts file");
    let agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    let mut served = Served {
        agent,
        wire: scene.wire(),
        path: hosts,
        lines,
        id: Cell::new(0),
    };
    names_come_go_and_change(&mut served);
    several_lines_for_a_name_keep_their_order(&mut served);
    a_broken_file_changes_nothing(&mut served);
    everything_changes(&mut served);
}

fn names_come_go_and_change(served: &mut Served<'_>) {
    served.lines[10_000] = line(other(10_000), &name(10_000));
    served.follow("n10000", &[address(10_000)], &[other(10_000)]);
    served.lines[5000] = line(address(5000), "newcomer");
    served.follow("newcomer", &[], &[address(5000)]);
    served.assert_silent("n05000");
    served.lines.remove(7000);
    served.lines.insert(9000, line(other(1), "inserted"));
    served.lines.push(line(other(2), "appended"));
    served.follow("appended", &[], &[other(2)]);
    assert_eq!(served.asked("inserted"), [other(1)]);
    served.assert_silent("n07000");
    served.lines.insert(7000, line(address(7000), &name(7000)));
    served.follow("n07000", &[], &[address(7000)]);
}

fn several_lines_for_a_name_keep_their_order(served: &mut Served<'_>) {
    served.lines.insert(15_000, line(other(7), &name(7)));
    served.follow("n00007", &[address(7)], &[address(7), other(7)]);
    served.lines[7] = line(other(8), &name(7));
    served.follow("n00007", &[address(7), other(7)], &[other(8), other(7)]);
    // Twice the same is there once, until neither line is.
    served.lines.push(line(other(8), &name(7)));
    served.lines[15_000] = line(other(9), &name(7));
    served.follow("n00007", &[other(8), other(7)], &[other(8), other(9)]);
    served.lines[7] = "# nobody".to_owned();
    served.follow("n00007", &[other(8), other(9)], &[other(9), other(8)]);
}

fn a_broken_file_changes_nothing(served: &mut Served<'_>) {
    let said = served.agent.said().len();
    let good = served.lines.clone();
    served.lines[3000] = line(other(3000), &name(3000));
    served.lines[12_000] = "10.0.0.1 a..b".to_owned();
    served.reload();
    served.agent.wait_for_words_after(said, &["stays in force"]);
    assert!(served.agent.said()[said..].contains("hosts:12001:10: "));
    assert_eq!(served.asked("n03000"), [address(3000)]);
    assert_eq!(served.asked("n10000"), [other(10_000)]);
    served.lines[12_000] = good[12_000].clone();
    served.follow("n03000", &[address(3000)], &[other(3000)]);
}

fn everything_changes(served: &mut Served<'_>) {
    let changed = (0..COUNT).map(|number| line(other(number), &name(number)));
    served.lines = changed.collect();
    served.lines[STEADY.1 as usize] = line(address(STEADY.1), STEADY.0);
    // In another order, so that no part of the file is where it was.
    served.lines.reverse();
    // Changes are made in the order of the names.
    let last = served.asked("n19999");
    served.follow("n19999", &last, &[other(19_999)]);
    assert_eq!(served.asked("n00001"), [other(1)]);
    assert_eq!(served.asked("n00007"), [other(7)]);
    served.assert_silent("newcomer");
}

#[test]
fn a_large_hosts_file_that_changes_is_followed_in_the_kernel() {
    a_large_hosts_file_is_followed_on(Path::GenericVeth);
}

#[test]
fn a_large_hosts_file_that_changes_is_followed_in_userspace() {
    a_large_hosts_file_is_followed_on(Path::Userspace);
}
