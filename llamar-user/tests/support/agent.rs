//! The agent as a child process, and the other subcommands beside it.

use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use llamar_common::testing::Query;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::counters::Counters;
use super::net::Namespace;
use super::reply::Reply;
use super::wire::Wire;
use super::{DEADLINE, wait_for, wait_until};

/// The binary under test.
pub const LLAMAR: &str = env!("CARGO_BIN_EXE_llamar");

/// How often something is tried that proves nothing on a machine that was busy elsewhere meanwhile.
pub const TRIES: usize = 4;

/// How long a command may run that ends by itself.
const FINISH: Duration = Duration::from_secs(120);

/// Numbers the instances of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name for an instance that no other test uses.
pub fn instance() -> String {
    format!(
        "test-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A config file, removed on drop.
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    _folder: tempfile::TempDir,
}

/// A TOML config file with this text.
pub fn config_file(text: &str) -> ConfigFile {
    config_file_named("llamar.toml", text.as_bytes())
}

/// A config file with this name and content.
pub fn config_file_named(name: &str, content: &[u8]) -> ConfigFile {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("write the config file");
    ConfigFile {
        path: path.to_string_lossy().into_owned(),
        _folder: folder,
    }
}

impl ConfigFile {
    /// Puts another text in its place.
    pub fn rewrite(&self, text: &str) {
        std::fs::write(&self.path, text).expect("write the config file");
    }
}

/// A running agent. On drop it is asked to end, and killed if it does not.
pub struct Agent<'a> {
    child: Child,
    namespace: &'a Namespace,
    instance: String,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
    _state: tempfile::TempDir,
}

impl<'a> Agent<'a> {
    /// Starts an agent with arguments for `llamar run`, and waits until every `--iface` is ready.
    #[track_caller]
    pub fn start(namespace: &'a Namespace, arguments: &[&str]) -> Self {
        Self::start_as(namespace, &instance(), arguments)
    }

    /// The same under a given name of the instance.
    #[track_caller]
    pub fn start_as(namespace: &'a Namespace, instance: &str, arguments: &[&str]) -> Self {
        let mut agent = Self::spawn_as(namespace, instance, arguments);
        agent.wait_until_ready(arguments);
        agent
    }

    #[track_caller]
    fn wait_until_ready(&mut self, arguments: &[&str]) {
        for pair in arguments.windows(2).filter(|pair| pair[0] == "--iface") {
            self.wait_for_words(&[&format!("{}: ready", pair[1])]);
        }
    }

    /// Starts an agent and waits for nothing.
    pub fn spawn(namespace: &'a Namespace, arguments: &[&str]) -> Self {
        Self::spawn_as(namespace, &instance(), arguments)
    }

    /// The same under a given name of the instance.
    pub fn spawn_as(namespace: &'a Namespace, instance: &str, arguments: &[&str]) -> Self {
        Self::from_command(namespace, instance, namespace.service(LLAMAR), arguments)
    }

    /// Starts an agent whose instance is that of its network namespace, and waits until every `--iface` is ready.
    #[track_caller]
    pub fn start_unnamed(namespace: &'a Namespace, arguments: &[&str]) -> Self {
        let mut command = namespace.service(LLAMAR);
        command.arg("run").args(arguments);
        let mut agent = Self::of_child(namespace, "", command);
        agent.wait_until_ready(arguments);
        agent
    }

    /// Starts an agent by a command that becomes `llamar`, and waits for nothing.
    pub fn from_command(
        namespace: &'a Namespace,
        instance: &str,
        mut command: Command,
        arguments: &[&str],
    ) -> Self {
        command
            .args(["run", "--instance", instance])
            .args(arguments);
        Self::of_child(namespace, instance, command)
    }

    fn of_child(namespace: &'a Namespace, instance: &str, mut command: Command) -> Self {
        // What an agent keeps is for its own test alone.
        let state = tempfile::tempdir().expect("make a folder");
        let mut child = command
            .env("STATE_DIRECTORY", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start llamar");
        let said = Arc::new(Mutex::new(String::new()));
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let listener = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                for line in errors.lines().map_while(Result::ok) {
                    let mut said = said.lock().expect("nobody panics with the lock");
                    said.push_str(&line);
                    said.push('\n');
                }
            }
        });
        Self {
            child,
            namespace,
            instance: instance.into(),
            said,
            listener: Some(listener),
            _state: state,
        }
    }

    /// What the agent has said on standard error so far.
    pub fn said(&self) -> String {
        self.said
            .lock()
            .expect("nobody panics with the lock")
            .clone()
    }

    /// Waits for a line on standard error that holds all of these words, and gives it back. Panics if the agent
    /// ends without.
    #[track_caller]
    pub fn wait_for_words(&mut self, words: &[&str]) -> String {
        self.wait_for_words_after(0, words)
    }

    /// The same, without regard to the first bytes it said.
    #[track_caller]
    pub fn wait_for_words_after(&mut self, start: usize, words: &[&str]) -> String {
        wait_for(
            &format!("{words:?} from llamar, which said:\n{}", self.said()),
            || {
                let ended = self.child.try_wait().expect("state of the agent");
                if ended.is_some() {
                    self.listen_to_the_end();
                }
                let said = self.said();
                let line = said[start..]
                    .lines()
                    .find(|line| words.iter().all(|word| line.contains(word)));
                assert!(
                    line.is_some() || ended.is_none(),
                    "llamar ended ({ended:?}) without {words:?}:\n{said}"
                );
                line.map(String::from)
            },
        )
    }

    /// Waits for the agent's end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of llamar, which said:\n{}", self.said());
        let status = wait_for(&what, || self.child.try_wait().expect("state of the agent"));
        self.listen_to_the_end();
        status
    }

    /// Asserts that the agent has not ended.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        let ended = self.child.try_wait().expect("state of the agent");
        assert!(
            ended.is_none(),
            "llamar ended ({ended:?}), after it said:\n{}",
            self.said()
        );
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Its instance's name.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("signal the agent");
    }

    /// Stops the agent where it stands, as long as the guard lives: what is answered meanwhile, the kernel answers.
    pub fn stopped(&self) -> Stopped<'_, 'a> {
        self.signal(Signal::SIGSTOP);
        let stat = format!("/proc/{}/stat", self.pid());
        wait_until("the agent to stand still", || {
            let text = std::fs::read_to_string(&stat).expect("state of the agent");
            text.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        });
        Stopped(self)
    }

    /// Ends the agent without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the agent");
        self.child.wait().expect("end of the agent");
    }

    /// Asks the agent to end and waits until it has.
    #[track_caller]
    pub fn terminate(mut self) -> (ExitStatus, String) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        (status, self.said())
    }

    /// Runs another subcommand for this agent's instance.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        llamar(self.namespace, arguments, Some(&self.instance))
    }

    /// What a subcommand for this agent's instance prints; panics if it fails.
    #[track_caller]
    pub fn printed(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(
            output.status.success(),
            "llamar {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The names that the agent answers for, each with its state.
    #[track_caller]
    pub fn names(&self) -> Vec<(String, String)> {
        let report = self.printed(&["names", "--json"]);
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let rows = report["names"].as_array().expect("names").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        rows.map(|row| (text(&row["name"]), text(&row["state"])))
            .collect()
    }

    /// Waits until the agent has verified that nobody else has its names.
    #[track_caller]
    pub fn wait_until_verified(&self) {
        wait_until("the names to be verified", || {
            !self.printed(&["names"]).contains("tentative")
        });
    }

    /// The counters of the kernel path.
    #[track_caller]
    pub fn counters(&self) -> Counters {
        Counters::parse(&self.printed(&["status", "--json"]))
    }

    /// Does something and says what came of it, with what the kernel path counted meanwhile. Does it again if the last
    /// heartbeat grew stale.
    #[track_caller]
    pub fn counted<T>(&self, act: impl FnMut() -> T) -> (T, Counters) {
        with_heartbeat(|| self.counters(), act)
    }

    /// Asks while the agent stands still and says what came back, with what the kernel path counted meanwhile.
    /// Does it again if the agent stood still so long that its last heartbeat grew stale.
    #[track_caller]
    pub fn asked_while_stopped<T>(&self, mut ask: impl FnMut() -> T) -> (T, Counters) {
        self.counted(|| {
            let _stopped = self.stopped();
            ask()
        })
    }

    /// Asks while the agent stands still, so that only the kernel path can answer.
    #[track_caller]
    pub fn asked_in_kernel(&self, wire: &Wire, query: &Query) -> Reply {
        self.wait_until_verified();
        let (reply, counted) = self.asked_while_stopped(|| {
            // What was asked in vain before is answered when the agent goes on.
            wire.drain();
            wire.ask(query)
        });
        assert_eq!(counted.of("llmnr-answered"), 1, "{counted:?}");
        reply
    }

    fn listen_to_the_end(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.join().expect("what the agent says is read");
        }
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::SIGTERM);
            // One that is killed leaves its program on the interface.
            let end = Instant::now() + DEADLINE;
            while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Harmless to one that has ended: its id is ours until it is waited for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            println!("llamar said:\n{}", self.said());
        }
    }
}

/// An agent that stands still; it goes on when this is dropped.
pub struct Stopped<'s, 'a>(&'s Agent<'a>);

impl Drop for Stopped<'_, '_> {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

/// Does something and says what came of it, with what was counted meanwhile. Again if the agent's last heartbeat
/// grew stale: the kernel path passed what it would have answered, and who waited for that has failed in vain.
#[track_caller]
pub fn with_heartbeat<T>(
    counters: impl Fn() -> Counters,
    mut act: impl FnMut() -> T,
) -> (T, Counters) {
    let mut tries = 1..TRIES;
    loop {
        let before = counters();
        let result = catch_unwind(AssertUnwindSafe(&mut act));
        let counted = counters().since(&before);
        if counted.of("no-heartbeat") > 0 && tries.next().is_some() {
            continue;
        }
        let result = result.unwrap_or_else(|panic| resume_unwind(panic));
        assert_eq!(counted.of("no-heartbeat"), 0, "the heartbeat was fresh");
        return (result, counted);
    }
}

/// Runs a subcommand of llamar to its end, in a namespace.
pub fn llamar(namespace: &Namespace, arguments: &[&str], instance: Option<&str>) -> Output {
    let mut command = namespace.service(LLAMAR);
    command.args(arguments);
    if let Some(instance) = instance {
        command.args(["--instance", instance]);
    }
    finish(command)
}

/// Runs a command to its end with nothing on standard input.
pub fn finish(mut command: Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("run {command:?}: {error}"));
    let id = Pid::from_raw(child.id().try_into().expect("a process id"));
    let (ended, waiting) = mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        let late = waiting.recv_timeout(FINISH) == Err(mpsc::RecvTimeoutError::Timeout);
        late && kill(id, Signal::SIGKILL).is_ok()
    });
    let output = child.wait_with_output().expect("the output of a child");
    drop(ended);
    let killed = killer.join().expect("the thread that kills it");
    assert!(!killed, "{command:?} did not end: {output:?}");
    output
}

/// What a command came to: its exit code, standard output, and standard error.
#[track_caller]
pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}
