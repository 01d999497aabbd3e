//! The agent: keeps what is served true to the configuration and the interfaces, and answers what the kernel path
//! passes up. One loop owns every socket and timer; threads of their own answer what is plain (`hearing`).

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use llamar_common::abi::Outcome;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use tokio::task::yield_now;
use tracing::{debug, error, info, warn};

use crate::config::{Config, ConfigError, Defaults, Flags, Loader, Overlay};
use crate::datapath::{self, Instance, Lock};
use crate::link::{Change, Links, Watch, WatchError};
use crate::llmnr::Ignored;
use crate::llmnr::engine::Engine;
use crate::mdns::PACKET_MAX;
use crate::net::{Datagram, Groups, Listeners, StreamMessage, until};
use crate::state::{Desired, desired};

mod beats;
mod claims;
pub mod control;
mod counts;
mod culprits;
mod events;
mod exchange;
mod hearing;
mod heartbeat;
mod kernel;
mod mdns;
mod members;
mod memory;
mod offload;
mod presence;
mod proxy;
mod reload;
mod report;
mod signals;
mod sleep;
mod start;
mod stations;
mod tagged;
mod tap;
mod tell;
mod voice;
mod why;
mod zone;

use beats::{Check, HEARTBEAT};
use control::Control;
use counts::Counts;
use culprits::Culprits;
use hearing::Hearing;
use heartbeat::Heartbeat;
use kernel::KernelPath;
use mdns::Mdns;
use members::Members;
use presence::{Presence, settled};
use proxy::Proxies;
use reload::{Read, Reader};
use signals::Signals;
use sleep::Sleep;
use voice::Voice;

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
    /// The file of the names that outlive the agent.
    pub kept: PathBuf,
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
    memory::give_back();
    let mut loader = Loader::default();
    let config = loader.load(&options.flags, &options.defaults);
    let config = config.map_err(RunError::Config)?;
    let mut signals = Signals::open()?;
    let mut agent = Agent::start(options, config, loader).await?;
    let served = agent.serve(&mut signals).await;
    let stopped = agent.stop();
    if let (Err(_), Err(error)) = (&served, &stopped) {
        error!("{error:#}");
    }
    Ok(served.and(stopped)?)
}

/// What woke the agent.
enum Event {
    Links(Result<Change, WatchError>),
    Heard(hearing::Heard),
    Mdns(io::Result<Datagram>),
    MdnsTimeout,
    Frame(tap::Received),
    Watched(tap::Received),
    PresenceTimeout,
    Stream(StreamMessage),
    Culprit(culprits::Found),
    Timeout,
    Asked(control::Asked),
    Beat,
    Check,
    Slept,
    Reload,
    Reloaded(Option<Read>),
    End,
}

struct Agent {
    options: Options,
    reader: Reader,
    /// The configuration as it was read.
    read: Config,
    /// The names that came and went since.
    overlay: Overlay,
    /// What both come to, which is what counts.
    config: Config,
    watch: Watch,
    /// What the configuration and the interfaces come to, whatever others do.
    bare: Desired,
    /// The same as the claims on its names stand, which is what is answered.
    desired: Arc<Desired>,
    engine: Engine,
    mdns: Mdns,
    culprits: Culprits,
    kernel: KernelPath,
    groups: Groups<Arc<OwnedFd>>,
    hearing: Hearing,
    listeners: Listeners,
    members: Members,
    proxies: Proxies,
    presence: Presence,
    control: Control,
    voice: Voice,
    counts: Arc<Counts>,
    heartbeat: Heartbeat,
    sleep: Sleep,
    check: Check,
    /// Time since the last pass over everything, as the heartbeat counts it.
    beaten: Duration,
    started: Instant,
    /// Given up last: it is what makes this the only agent of its instance.
    _lock: Lock,
}

impl Agent {
    /// Does everything that can fail before anything is answered; on failure nothing stays behind.
    async fn start(options: Options, config: Config, loader: Loader) -> anyhow::Result<Self> {
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
        debug!("Initializing LLMNR Responder.");
        let groups = Groups::bind()?;
        let heartbeat = Heartbeat::every(HEARTBEAT).context("start the heartbeat")?;
        let control = Control::open(options.instance.socket())?;
        let kernel = KernelPath::open(&lock, &config)?;
        let bare = desired(&config, &links);
        let random = || StdRng::try_from_rng(&mut SysRng).context("draw randomness");
        let engine = Engine::new(random()?);
        let counts = Arc::new(Counts::default());
        // Until the first pass there is nothing to be answered.
        let hearing = Hearing::open(&groups, Arc::default(), engine.limiter(), &counts);
        let hearing = hearing.context("start a thread that hears LLMNR")?;
        let mut agent = Self {
            reader: Reader::new(loader),
            read: config.clone(),
            overlay: Overlay::default(),
            config,
            watch,
            desired: Arc::default(),
            engine,
            mdns: Mdns::new(random()?, options.kept.clone()),
            culprits: Culprits::new(),
            presence: Presence::new(random()?, kernel.inherited_links(&bare)),
            bare,
            kernel,
            groups,
            hearing,
            listeners: Listeners::new(),
            members: Members::default(),
            proxies: Proxies::new(),
            control,
            voice: Voice::default(),
            counts,
            heartbeat,
            check: Check::default(),
            sleep: Sleep::new().context("follow the clock")?,
            beaten: Duration::ZERO,
            started: Instant::now(),
            options,
            _lock: lock,
        };
        agent.begin(&links)?;
        Ok(agent)
    }

    /// The first pass: names that a former agent had verified are answered for from the beginning.
    fn begin(&mut self, links: &Links) -> anyhow::Result<()> {
        let (config, bare) = (&self.config, &self.bare);
        let inherited = self.kernel.inherited_names(bare);
        let now = Instant::now();
        claims::follow(&mut self.engine, now, config, links, bare, &inherited);
        self.desired = Arc::new(claims::settle(&self.engine, bare));
        self.kernel.start(config, links, &self.desired)?;
        self.pass(false);
        Ok(())
    }

    async fn serve(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let mut other = vec![0; PACKET_MAX];
        loop {
            match self.next(signals, &mut other).await? {
                Event::End => return Ok(()),
                Event::Beat => self.beat().await?,
                Event::Check => self.check_maps(),
                Event::Slept => self.slept(),
                Event::Links(Ok(change)) => self.pass(change == Change::Resynced),
                Event::Links(Err(error)) => self.watch_anew(&error).await?,
                Event::Reload => self.reload(),
                Event::Reloaded(read) => self.reloaded(read),
                Event::Asked(asked) => self.tell(asked),
                Event::Frame(frame) => self.frame(&frame),
                Event::Watched(frame) => self.presence_frame(&frame),
                Event::PresenceTimeout => self.presence_timeout(),
                Event::Stream(stream) => self.stream(stream),
                Event::Culprit(found) => self.culprit(&found),
                Event::Timeout => self.timeout(),
                Event::Heard(heard) => self.heard(heard)?,
                Event::MdnsTimeout => self.mdns_timeout(),
                Event::Mdns(Err(error)) => debug!("receive on the mDNS sockets: {error}"),
                Event::Mdns(Ok(datagram)) => {
                    let message = other.get(..datagram.length).unwrap_or_default();
                    self.mdns_datagram(&datagram, message);
                }
            }
        }
    }

    /// Waits for what is to be done next.
    async fn next(&mut self, signals: &mut Signals, other: &mut [u8]) -> anyhow::Result<Event> {
        let presence_due = self.presence.poll_timeout();
        let (due, mdns_due) = (self.engine.poll_timeout(), self.mdns.poll_timeout());
        Ok(tokio::select! {
            _ = signals.terminate.recv() => Event::End,
            _ = signals.interrupt.recv() => Event::End,
            tick = self.heartbeat.tick() => {
                tick.context("wait for the heartbeat")?;
                Event::Beat
            }
            // Whoever waits is served between two steps.
            () = yield_now(), if self.check.is_due() => Event::Check,
            woken = self.sleep.may_have_been() => {
                woken.context("follow the clock")?;
                Event::Slept
            }
            change = self.watch.changed() => Event::Links(change),
            _ = signals.reload.recv() => Event::Reload,
            read = self.reader.next() => Event::Reloaded(read),
            asked = self.control.next() => Event::Asked(asked),
            heard = self.hearing.next() => Event::Heard(heard),
            received = self.proxies.receive() => Event::Frame(received),
            received = self.presence.receive() => Event::Watched(received),
            () = until(presence_due) => Event::PresenceTimeout,
            stream = self.listeners.next() => Event::Stream(stream),
            found = self.culprits.next() => Event::Culprit(found),
            () = until(due) => Event::Timeout,
            () = until(mdns_due) => Event::MdnsTimeout,
            datagram = self.mdns.recv(other) => Event::Mdns(datagram),
        })
    }

    /// Takes everything off the interfaces and out of the file system.
    fn stop(mut self) -> anyhow::Result<()> {
        self.mdns.stop(Instant::now());
        self.mdns_drain();
        self.kernel.close()
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
        let (now, links) = (Instant::now(), self.watch.links());
        self.bare = desired(&self.config, links);
        let (config, bare) = (&self.config, &self.bare);
        claims::follow(&mut self.engine, now, config, links, bare, &BTreeSet::new());
        self.presence.follow(now, config, links, bare, full);
        self.desired = Arc::new(settled(&self.engine, &self.presence, bare));
        self.hearing.tell(&self.desired);
        self.kernel.follow(config, links, &self.desired, full);
        self.pace();
        // Not by what may be answered for now: what is withdrawn comes back between two passes.
        self.proxies.follow(&self.bare, full);
        // What is announced is answered for by now (RFC 5227 2.5).
        self.presence_drain();
        self.members
            .follow(&self.groups, &members::of(&self.desired), full);
        self.listen(full);
        let desired = &self.desired;
        self.counts.retain(|key| desired.links.contains_key(key));
        self.tell_standings();
        self.drain();
        self.mdns
            .follow(now, &self.config, self.watch.links(), full);
        self.mdns_drain();
    }

    /// Listens for TCP where sockets see a link that is up (RFC 4795 2.3, 2.4).
    fn listen(&mut self, again: bool) {
        let links = self.desired.links.values().filter(|served| served.up);
        let devices = links.filter_map(|served| served.device).collect();
        for error in self.listeners.follow(&devices, again) {
            warn!("{error}; tried again every minute");
        }
    }

    fn tell_standings(&mut self) {
        let links = self.watch.links();
        self.voice
            .tell(&self.config, links, &self.desired, &self.kernel);
    }
}

/// What an unanswered message is counted as: the same as in the kernel where that has a word for it.
fn count_of(reason: Ignored) -> &'static str {
    match reason {
        Ignored::Name => Outcome::LlmnrForeign.as_str(),
        Ignored::OffLink => Outcome::LlmnrOffLink.as_str(),
        Ignored::Limited => Outcome::LlmnrLimited.as_str(),
        reason if reason.is_malformed() => Outcome::LlmnrMalformed.as_str(),
        _ => "llmnr-ignored",
    }
}
