//! The agent: keeps what is served true to the configuration and the interfaces, and answers what the kernel path
//! passes up. One loop owns every socket and timer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use llamar_common::abi::{LinkKey, Outcome};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, error, info, warn};

use crate::config::{self, Config, ConfigError, Defaults, Flags, Overlay};
use crate::datapath::{self, Instance, Lock};
use crate::dns::Question;
use crate::link::{Change, Watch, WatchError};
use crate::llmnr::{self, Asked, Ignored, Response, Transport};
use crate::net::{Datagram, Groups};
use crate::state::{Desired, desired};

pub mod control;
mod heartbeat;
mod kernel;
mod members;
mod proxy;
mod report;
mod start;
mod tagged;
mod voice;
mod zone;

use control::{Control, Request};
use heartbeat::Heartbeat;
use kernel::KernelPath;
use members::Members;
use proxy::Proxies;
use voice::Voice;

/// How often the agent tells the kernel path that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats between two passes over everything, events or not.
const BEATS_PER_PASS: u64 = 60;
/// Largest LLMNR message that is accepted (RFC 4795 2.1).
const MESSAGE_MAX: usize = 9194;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// Flags that count like a configuration.
    pub flags: Flags,
    /// What holds where they are silent.
    pub defaults: Defaults,
    /// The agent's place on the machine.
    pub instance: Instance,
    /// Whether to wait for interfaces that do not exist.
    pub wait: bool,
}

/// Why the agent did not start or could not go on.
#[derive(Debug)]
pub enum RunError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// Anything else.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Serves until SIGTERM or SIGINT, then leaves nothing behind.
pub async fn run(options: Options) -> Result<(), RunError> {
    let config = config::load(&options.flags, &options.defaults).map_err(RunError::Config)?;
    let mut signals = Signals::open()?;
    let mut agent = Agent::start(options, config).await?;
    let served = agent.serve(&mut signals).await;
    let stopped = agent.stop();
    if let (Err(_), Err(error)) = (&served, &stopped) {
        error!("{error:#}");
    }
    Ok(served.and(stopped)?)
}

struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn open() -> anyhow::Result<Self> {
        let open = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            reload: open(SignalKind::hangup())?,
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
        })
    }
}

/// What woke the agent.
enum Event {
    Links(Result<Change, WatchError>),
    Datagram(Datagram),
    Frame(proxy::Received),
    Asked(control::Asked),
    Beat,
    Reload,
    End,
}

struct Agent {
    options: Options,
    /// The configuration as it was read.
    read: Config,
    /// The names that came and went since.
    overlay: Overlay,
    /// What both come to, which is what counts.
    config: Config,
    watch: Watch,
    desired: Arc<Desired>,
    kernel: KernelPath,
    groups: Groups,
    members: Members,
    proxies: Proxies,
    control: Control,
    voice: Voice,
    counts: Counts,
    heartbeat: Heartbeat,
    beats: u64,
    started: Instant,
    /// Given up last: it is what makes this the only agent of its instance.
    _lock: Lock,
}

/// Messages and frames by what became of them in userspace.
type Counts = BTreeMap<LinkKey, BTreeMap<&'static str, u64>>;

impl Agent {
    /// Does everything that can fail before anything is answered; on failure nothing stays behind.
    async fn start(options: Options, config: Config) -> anyhow::Result<Self> {
        for note in &config.notes {
            info!("{note}");
        }
        // Before anything else: who lacks a right learns which, not where it showed first.
        if kernel::wants_any(&config) {
            datapath::check_privileges()?;
        }
        let lock = options.instance.lock()?;
        let (watch, links) = Watch::open().await?;
        start::check_interfaces(&config, &links, options.wait)?;
        let groups = Groups::bind()?;
        let desired = Arc::new(desired(&config, &links));
        let heartbeat = Heartbeat::every(HEARTBEAT).context("start the heartbeat")?;
        let control = Control::open(options.instance.socket())?;
        let mut kernel = KernelPath::open(&lock, &config)?;
        kernel.start(&config, &links, &desired)?;
        let mut agent = Self {
            options,
            read: config.clone(),
            overlay: Overlay::default(),
            config,
            watch,
            desired,
            kernel,
            groups,
            members: Members::default(),
            proxies: Proxies::new(),
            control,
            voice: Voice::default(),
            counts: Counts::new(),
            heartbeat,
            beats: 0,
            started: Instant::now(),
            _lock: lock,
        };
        agent.pass(false);
        Ok(agent)
    }

    async fn serve(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let mut buffer = vec![0; MESSAGE_MAX];
        loop {
            let event = tokio::select! {
                _ = signals.terminate.recv() => Event::End,
                _ = signals.interrupt.recv() => Event::End,
                tick = self.heartbeat.tick() => {
                    tick.context("wait for the heartbeat")?;
                    Event::Beat
                }
                change = self.watch.changed() => Event::Links(change),
                _ = signals.reload.recv() => Event::Reload,
                asked = self.control.next() => Event::Asked(asked),
                received = self.proxies.receive() => Event::Frame(received),
                datagram = self.groups.recv(&mut buffer) => match datagram {
                    Ok(datagram) => Event::Datagram(datagram),
                    // An ICMP error of an earlier answer, or a shortage that passes.
                    Err(error) => {
                        debug!("receive on the LLMNR sockets: {error}");
                        continue;
                    }
                },
            };
            match event {
                Event::End => return Ok(()),
                Event::Beat => self.beat().await?,
                Event::Links(Ok(change)) => self.pass(change == Change::Resynced),
                Event::Links(Err(error)) => self.watch_anew(&error).await?,
                Event::Reload => self.reload(),
                Event::Asked(asked) => self.tell(asked),
                Event::Frame(frame) => self.frame(frame),
                Event::Datagram(datagram) => {
                    let message = buffer.get(..datagram.length).unwrap_or_default();
                    self.datagram(&datagram, message);
                }
            }
        }
    }

    /// Takes everything off the interfaces and out of the file system.
    fn stop(self) -> anyhow::Result<()> {
        self.kernel.close()
    }

    async fn beat(&mut self) -> anyhow::Result<()> {
        self.kernel.beat();
        self.beats += 1;
        if self.beats.is_multiple_of(BEATS_PER_PASS) {
            match self.watch.refresh().await {
                Ok(()) => self.pass(true),
                Err(error) => self.watch_anew(&error).await?,
            }
        }
        Ok(())
    }

    /// Goes on with another netlink socket; without one nothing that is served can be kept true.
    async fn watch_anew(&mut self, error: &WatchError) -> anyhow::Result<()> {
        warn!("follow interfaces and addresses: {error}; starting over");
        self.watch = Watch::open().await?.0;
        self.pass(true);
        Ok(())
    }

    /// Makes everything follow the configuration and the interfaces; `full` tries again what failed before.
    fn pass(&mut self, full: bool) {
        let links = self.watch.links();
        self.desired = Arc::new(desired(&self.config, links));
        self.kernel.follow(&self.config, links, &self.desired, full);
        self.members.follow(&self.groups, &self.desired, full);
        self.proxies.follow(&self.desired, full);
        let desired = &self.desired;
        self.counts.retain(|key, _| desired.links.contains_key(key));
        self.voice
            .tell(&self.config, links, &self.desired, &self.kernel);
    }

    /// Reads the configuration again. A broken one changes nothing.
    fn reload(&mut self) {
        match config::load(&self.options.flags, &self.options.defaults) {
            Ok(config) => {
                // A million names take their time; the lease goes on.
                self.kernel.beat();
                info!("configuration read again");
                for note in &config.notes {
                    info!("{note}");
                }
                if config.max_names != self.config.max_names {
                    warn!(
                        "max-names: {} stays until llamar is started anew",
                        self.config.max_names
                    );
                }
                self.config = self.overlay.apply(&config);
                self.read = config;
                self.pass(true);
                self.kernel.beat();
            }
            Err(reason) => {
                for line in reason.to_string().lines() {
                    error!("{line}");
                }
                error!("the configuration has errors; what was read before stays in force");
            }
        }
    }

    fn tell(&mut self, asked: control::Asked) {
        let json = |error: serde_json::Error| error.to_string();
        let answer = match asked.request {
            Request::Names => {
                serde_json::to_string(&report::names(&self.desired, &self.kernel)).map_err(json)
            }
            Request::Status => serde_json::to_string(&self.status()).map_err(json),
            Request::Add {
                name,
                interface,
                addresses,
            } => {
                let interface = interface.as_deref();
                let added = self.overlay.add(&self.read, &name, interface, &addresses);
                self.changed("added", &name, interface, added)
            }
            Request::Remove { name, interface } => {
                let interface = interface.as_deref();
                let removed = self.overlay.remove(&self.read, &name, interface);
                self.changed("removed", &name, interface, removed)
            }
        };
        // A client that has gone away wants no answer.
        let _ = asked.answer.send(answer);
    }

    /// Makes everything follow a change to the names; what was done is answered with nothing.
    fn changed(
        &mut self,
        what: &str,
        name: &str,
        interface: Option<&str>,
        result: Result<(), String>,
    ) -> Result<String, String> {
        result?;
        let place = interface.map_or(String::new(), |interface| format!(" on {interface}"));
        info!("{name} {what}{place}");
        self.config = self.overlay.apply(&self.read);
        self.pass(false);
        Ok("null".to_owned())
    }

    fn status(&self) -> crate::report::StatusReport {
        report::status(&report::Seen {
            instance: &self.options.instance.name,
            started: self.started,
            links: self.watch.links(),
            desired: &self.desired,
            kernel: &self.kernel,
            counts: &self.counts,
        })
    }

    fn frame(&mut self, received: proxy::Received) {
        if let Some((key, outcome)) = self.proxies.answer(&self.desired, received) {
            self.count(key, outcome);
        }
    }

    fn datagram(&mut self, datagram: &Datagram, message: &[u8]) {
        let Some((key, served)) = zone::link_of(&self.desired, datagram.device) else {
            return;
        };
        debug!("Received datagram.");
        let asked = Asked {
            message,
            from: datagram.from,
            transport: Transport::Udp { to: datagram.to },
        };
        let outcome = match llmnr::respond(served, &asked) {
            Ok(response) => self.send(datagram, &response),
            Err(reason) => {
                if reason == Ignored::Destination {
                    debug!("Ignored unicast UDP query from {}.", datagram.from);
                } else {
                    debug!("Ignored a message from {}: {reason}.", datagram.from);
                }
                count_of(reason)
            }
        };
        self.count(key, outcome);
    }

    /// Sends a response and says what to count.
    fn send(&self, datagram: &Datagram, response: &Response) -> &'static str {
        let Question { name, .. } = &response.question;
        let (kind, asker) = (response.question.kind_name(), datagram.from);
        debug!("Received {kind} query from {asker} for {name}.");
        let sent = self
            .groups
            .send(&response.message, asker, response.source, datagram.device);
        match sent {
            Ok(()) => {
                debug!("Responding.");
                Outcome::LlmnrAnswered.as_str()
            }
            Err(error) => {
                debug!("respond to {asker} from {}: {error}", response.source);
                "llmnr-send-failed"
            }
        }
    }

    fn count(&mut self, key: LinkKey, what: &'static str) {
        *self.counts.entry(key).or_default().entry(what).or_default() += 1;
    }
}

/// What an unanswered message is counted as: the same as in the kernel where that has a word for it.
fn count_of(reason: Ignored) -> &'static str {
    match reason {
        Ignored::Name => Outcome::LlmnrForeign.as_str(),
        Ignored::OffLink => Outcome::LlmnrOffLink.as_str(),
        reason if reason.is_malformed() => Outcome::LlmnrMalformed.as_str(),
        _ => "llmnr-ignored",
    }
}
