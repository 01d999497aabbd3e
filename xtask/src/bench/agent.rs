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
/// How long an agent may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent.
pub struct Agent {
    /// The process.
    pub process: Process,
    /// When it was started.
    pub started: Instant,
    /// Its hosts file.
    pub hosts: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts an agent that holds the first `names` names in a hosts file, in a directory for its files.
    pub fn start(
        program: &Path,
        namespace: &Namespace,
        directory: &Path,
        names: u32,
        xdp: &str,
    ) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        let (config, hosts) = (directory.join("llamar.toml"), directory.join("hosts"));
        let text = format!(
            "names = [\"{OWN}\"]\nmax-names = {}\nhosts-file = \"hosts\"\nlimit = \"100000000/s\"\nxdp = \"{xdp}\"\n[interface.{INTERFACE}]\n",
            names + 1_000
        );
        fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        write_hosts(&hosts, names)?;
        let log = directory.join("log");
        let file = fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&config);
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            started: Instant::now(),
            process: namespace.spawn(&mut command)?,
            hosts,
            log,
        })
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

/// Writes a hosts file; the first few names have an IPv6 address too.
pub fn write_hosts(path: &Path, names: u32) -> Result<()> {
    let context = || format!("write {}", path.display());
    let mut file = std::io::BufWriter::new(fs::File::create(path).with_context(context)?);
    for number in 0..names {
        writeln!(file, "{} {}", address4(number), name(number)).with_context(context)?;
        if names <= super::FEW {
            writeln!(file, "{} {}", address6(number), name(number)).with_context(context)?;
        }
    }
    file.flush().with_context(context)
}
