//! Agents: llamar itself, as built for release, each in a namespace with a configuration of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::question::{address4, address6, name};
use super::scene::{INTERFACE, Namespace, Process};

/// The own name of each agent and of each other daemon.
pub const OWN: &str = "bench";
/// A name that is too long for the index, and one with two addresses.
pub const LONG: &str = "a-name-that-is-too-long-for-the-index";
/// See [`LONG`].
pub const TWO: &str = "two";
/// How long an agent may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an agent is given.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Names in its hosts file.
    pub names: u32,
    /// Where it attaches its program: the value of `xdp`.
    pub xdp: &'static str,
    /// Answers that a source may get: the value of `limit`, as it is written in the file.
    pub limit: &'static str,
}

impl Setup {
    /// So many names, and a limit that no source reaches.
    pub const fn new(names: u32, xdp: &'static str) -> Self {
        Self {
            names,
            xdp,
            limit: "\"100000000/s\"",
        }
    }

    fn text(&self) -> String {
        let Self { names, xdp, limit } = self;
        let names = names + 1_000;
        format!(
            "names = [\"{OWN}\"]\nmax-names = {names}\nhosts-file = \"hosts\"\nlimit = {limit}\nxdp = \"{xdp}\"\n\
             [interface.{INTERFACE}]\n"
        )
    }
}

/// A running agent.
pub struct Agent {
    /// The process.
    pub process: Process,
    /// When it was started.
    pub started: Instant,
    /// Its hosts file.
    pub hosts: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts an agent, in a directory for its files.
    pub fn start(program: &Path, at: &Namespace, directory: &Path, setup: &Setup) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        write_hosts(&directory.join("hosts"), setup.names)?;
        Self::with_config(program, at, directory, &setup.text())
    }

    /// Starts an agent with the text of a configuration.
    pub fn with_config(
        program: &Path,
        at: &Namespace,
        directory: &Path,
        text: &str,
    ) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        let config = directory.join("llamar.toml");
        fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        Self::launch(program, at, config)
    }

    fn launch(program: &Path, at: &Namespace, config: PathBuf) -> Result<Self> {
        let log = config.with_file_name("log");
        let file = fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&config);
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            started: Instant::now(),
            process: at.spawn(&mut command)?,
            hosts: config.with_file_name("hosts"),
            config,
            log,
        })
    }

    /// Ends it as a crash would, and starts it again with the same configuration: it takes over what the kernel has, and
    /// replaces the program by one that is loaded anew.
    pub fn start_again(&mut self, program: &Path, at: &Namespace) -> Result<()> {
        self.process.end();
        *self = Self::launch(program, at, self.config.clone())?;
        self.wait()
    }

    /// Waits until it says that it is ready.
    pub fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while !self.said(&format!("{INTERFACE}: ready")) {
            if self.process.ended() || began.elapsed() > PATIENCE {
                bail!(
                    "llamar is not ready after {:?}: {}",
                    began.elapsed(),
                    self.log()
                );
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn said(&self, words: &str) -> bool {
        self.log().contains(words)
    }
}

/// Writes a hosts file; few names have an IPv6 address too, and two others beside them.
pub fn write_hosts(path: &Path, names: u32) -> Result<()> {
    let context = || format!("write {}", path.display());
    let mut file = std::io::BufWriter::new(fs::File::create(path).with_context(context)?);
    for number in 0..names {
        writeln!(file, "{} {}", address4(number), name(number)).with_context(context)?;
        if names <= super::FEW {
            writeln!(file, "{} {}", address6(number), name(number)).with_context(context)?;
        }
    }
    if names <= super::FEW {
        for (number, name) in [(0, LONG), (0, TWO), (1, TWO)] {
            writeln!(file, "{} {name}", address4(number)).with_context(context)?;
        }
    }
    file.flush().with_context(context)
}
