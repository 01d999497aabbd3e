//! Other people's daemons that answer names, each started without touching the machine, and what they cost.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::sys::{Stats, enable_stats};

use super::agent::OWN;
use super::ask::Asker;
use super::figure::PeerFigures;
use super::load;
use super::scene::{INTERFACE, Pair, Process};
use crate::step;

/// Where LLMNR is asked.
pub const LLMNR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(224, 0, 0, 252)), 5355);
/// Where mDNS is asked.
pub const MDNS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353);
/// Questions under way at a time when as many as possible are to be answered.
const WINDOW: usize = 64;
/// How long a daemon may take to answer for the first time: it verifies its name.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes systemd-resolved's surroundings, then becomes it.
const RESOLVED: &str = r"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d
for file in passwd group; do grep -v '^systemd-resolve:' /etc/$file > /run/$file; done
echo 'systemd-resolve:x:0:0::/:/usr/sbin/nologin' >> /run/passwd
echo 'systemd-resolve:x:0:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
printf '[Resolve]\nLLMNR=yes\nMulticastDNS=no\nDNSStubListener=no\nFallbackDNS=\nDNSSEC=no\n' > /run/systemd/resolved.conf.d/x.conf
hostname $1
exec $0
";
/// The same for avahi-daemon.
const AVAHI: &str = r"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/avahi-daemon
for file in passwd group; do grep -v '^avahi:' /etc/$file > /run/$file; done
echo 'avahi:x:0:0::/:/usr/sbin/nologin' >> /run/passwd
echo 'avahi:x:0:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
printf '[server]\nhost-name=%s\nuse-ipv4=yes\nuse-ipv6=no\nallow-interfaces=%s\nenable-dbus=no\n[publish]\npublish-hinfo=no\npublish-workstation=no\n' $1 $2 > /run/avahi.conf
exec $0 --file /run/avahi.conf --no-drop-root --no-chroot --no-rlimits
";

/// A daemon of other people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// llmnrd, LLMNR only.
    Llmnrd,
    /// systemd-resolved, asked by LLMNR.
    Resolved,
    /// avahi-daemon, asked by mDNS from a port that is not mDNS's (RFC 6762 6.7).
    Avahi,
}

impl Daemon {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Llmnrd, Self::Resolved, Self::Avahi];

    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Llmnrd => "llmnrd",
            Self::Resolved => "systemd-resolved",
            Self::Avahi => "avahi-daemon",
        }
    }

    /// Its version, in its own words.
    pub fn version(self, bin: &Path) -> Result<String> {
        let text = step::output(Command::new(bin.join(self.program())).arg("--version"))?;
        let line = text.lines().next().unwrap_or_default();
        let digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let mut words = line
            .split_whitespace()
            .map(|word| word.trim_start_matches('v'));
        Ok(format!(
            "{} {}",
            self.program(),
            words.find(digit).unwrap_or(line)
        ))
    }

    /// Its key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Llmnrd => "llmnrd",
            Self::Resolved => "systemd-resolved",
            Self::Avahi => "avahi",
        }
    }

    /// Where it is asked, for which name, and for which that is nobody's.
    pub fn asked(self) -> (SocketAddr, String, String) {
        match self {
            Self::Avahi => (MDNS, format!("{OWN}.local"), "nobody.local".to_owned()),
            _ => (LLMNR, OWN.to_owned(), "nobody".to_owned()),
        }
    }

    /// Starts it at the far end of a pair.
    pub fn start(self, bin: &Path, pair: &Pair) -> Result<Process> {
        let program = bin.join(self.program());
        let mut command;
        match self {
            Self::Llmnrd => {
                command = Command::new(program);
                command.args(["-H", OWN, "-i", INTERFACE]);
            }
            Self::Resolved | Self::Avahi => {
                let script = if self == Self::Avahi { AVAHI } else { RESOLVED };
                command = Command::new("unshare");
                command.args([
                    "--mount",
                    "--uts",
                    "--propagation",
                    "private",
                    "sh",
                    "-c",
                    script,
                ]);
                command.arg(program).args([OWN, INTERFACE]);
            }
        }
        pair.far
            .spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }
}

/// How long and how much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// For each run.
    pub time: Duration,
    /// How long nothing is asked before a run.
    pub pause: Duration,
    /// Questions for a name of nobody.
    pub foreign: u32,
    /// Time between two of them.
    pub pace: Duration,
}

impl Effort {
    /// For whoever answers as fast as it can.
    pub fn new(time: Duration, foreign: u32) -> Self {
        Self {
            time,
            foreign,
            pause: Duration::from_millis(10),
            pace: Duration::from_micros(200),
        }
    }

    /// For a daemon: systemd-resolved deals with a thousand messages a second, and with the next after that second.
    pub fn of(self, daemon: Daemon) -> Self {
        if daemon != Daemon::Resolved {
            return self;
        }
        Self {
            time: self.time.max(Duration::from_secs(1)),
            pause: Duration::from_millis(1_100),
            foreign: self.foreign.min(1_000),
            pace: Duration::from_millis(2),
        }
    }
}

/// Measures whoever answers at the far end of a pair, whose process has this id; with an XDP program, that too.
pub fn measure(
    pair: &Pair,
    asked: &(SocketAddr, String, String),
    process: u32,
    program: Option<u32>,
    effort: Effort,
) -> Result<PeerFigures> {
    let (to, name, foreign) = asked;
    let asker = || {
        sleep(effort.pause);
        Asker::new(&pair.near, *to)
    };
    asker()?.first(name, PATIENCE, Duration::from_millis(5))?;
    let single = asker()?.answers(name, 1, effort.time)?;
    let many = asker()?.answers(name, WINDOW, effort.time)?;
    // Counting a program's time slows it down, so that it is done apart from what is timed.
    let stats = program.map(|_| enable_stats(Stats::RunTime)).transpose()?;
    let patient = asker()?;
    let before = spent(process, program)?;
    let counted = patient.answers(name, WINDOW, effort.time)?;
    let after = spent(process, program)?;
    let patient = asker()?;
    let begin = spent(process, program)?;
    patient.pace(foreign, effort.foreign, effort.pace)?;
    let end = spent(process, program)?;
    drop(stats);
    ensure!(
        single.count > 0 && many.count > 0 && counted.count > 0,
        "no answers"
    );
    Ok(PeerFigures {
        answers_per_second: many.count as f64 / many.time.as_secs_f64(),
        p50_us: single.percentile(50),
        p99_us: single.percentile(99),
        cpu_us_per_answer: (after - before) / 1e3 / counted.count as f64,
        cpu_us_per_foreign_query: (end - begin) / 1e3 / f64::from(effort.foreign),
        ..PeerFigures::default()
    })
}

/// Nanoseconds of CPU time that a process, and a program in the kernel, have used.
pub fn spent(process: u32, program: Option<u32>) -> Result<f64> {
    let directory = format!("/proc/{process}/task");
    let mut sum = 0.0;
    for task in fs::read_dir(&directory).with_context(|| format!("read {directory}"))? {
        let file = task?.path().join("schedstat");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let first = text.split_whitespace().next();
        sum += first
            .and_then(|word| word.parse::<f64>().ok())
            .context("no CPU time in schedstat")?;
    }
    match program {
        Some(id) => {
            let fd = load::info(id)?.fd()?;
            Ok(sum + field(fd.as_fd().as_raw_fd(), "run_time_ns:")?)
        }
        None => Ok(sum),
    }
}

/// A number that the kernel tells about a descriptor.
pub fn field(fd: i32, name: &str) -> Result<f64> {
    let file = format!("/proc/self/fdinfo/{fd}");
    let text = fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.with_context(|| format!("{file} has no {name}"))
}
