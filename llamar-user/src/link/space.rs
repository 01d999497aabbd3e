//! Network namespaces for tests: each belongs to a thread, has no name, and vanishes with the thread and its sockets.

use std::net::IpAddr;
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use llamar_common::testing::skip;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;
use tokio::time::timeout;

use super::Watch;

/// Runs a test in a namespace of its own, with a tokio runtime; skips it where that is not allowed.
pub(crate) fn in_namespace(test: impl AsyncFnOnce() + Send) {
    let run = || {
        if !enter_new() {
            return;
        }
        block_on(async { timeout(Duration::from_secs(60), test()).await.unwrap() });
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| resume_unwind(panic));
}

/// Another namespace, whose thread does what it is told.
pub(crate) struct Peer {
    id: i32,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Peer {
    /// Makes a namespace. To be called by a test that is in one itself.
    pub(crate) fn new() -> Self {
        let (jobs, todo): (_, Receiver<Job>) = channel();
        let (told, id) = channel();
        let thread = thread::spawn(move || {
            assert!(enter_new());
            told.send(gettid().as_raw()).unwrap();
            for job in todo {
                job();
            }
        });
        Self {
            id: id.recv().unwrap(),
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// Runs something in the namespace and waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        let job = Box::new(move || done.send(job()).unwrap());
        self.jobs.as_ref().unwrap().send(job).unwrap();
        result.recv().expect("the peer's job panicked")
    }

    /// Moves an interface of the caller's namespace there.
    pub(crate) fn takes(&self, interface: &str) {
        ip(&format!("link set {interface} netns {}", self.id));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let _ = self.thread.take().unwrap().join();
    }
}

/// Waits for something with a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Waits until an interface of the calling thread's namespace takes frames; its index.
pub(crate) async fn until_up(name: &str) -> u32 {
    let (mut watch, _) = Watch::open().await.unwrap();
    loop {
        if let Some(link) = watch.links().by_name(name).filter(|link| link.up) {
            return link.index;
        }
        let changed = timeout(Duration::from_secs(10), watch.changed()).await;
        changed
            .unwrap_or_else(|_| panic!("{name} does not come up"))
            .unwrap();
    }
}

/// Runs `ip` in the namespace of the calling thread.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("iproute2 is installed");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Writes a file below `/proc/sys/net` of the calling thread's namespace.
pub(crate) fn sysctl(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{name}"), value)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// An address in a test.
pub(crate) fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Whether the thread is in a new namespace now.
fn enter_new() -> bool {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => true,
        Err(errno) => {
            skip(&format!("a network namespace cannot be made: {errno}"));
            false
        }
    }
}
