//! Where frames arrive: two interfaces in a network namespace, and the eBPF object.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use llamar_common::testing::skip;
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};

/// Indices of the two interfaces, ends of one veth pair.
pub type Interfaces = [u32; 2];

/// A thread in a network namespace of its own, which ends with it.
///
/// The namespace is that of whoever runs a program by test-run, so all of it happens on that thread.
pub fn apart<T: Send + 'static>(
    test: impl FnOnce(Interfaces) -> T + Send + 'static,
) -> JoinHandle<Option<T>> {
    thread::spawn(move || match interfaces() {
        Ok(interfaces) => Some(test(interfaces)),
        Err(error) => {
            skip(&format!("no veth pair in a new network namespace: {error}"));
            None
        }
    })
}

/// Runs a test on such a thread; its panic is this thread's.
pub fn inside<T: Send + 'static>(test: impl FnOnce(Interfaces) -> T + Send + 'static) -> Option<T> {
    if object().is_none() || !root() {
        return None;
    }
    join(apart(test))
}

/// Waits for a thread; its panic is this thread's.
pub fn join<T>(thread: JoinHandle<T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Whether this is root; says so otherwise.
pub fn root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("loading a program needs root");
    }
    root
}

/// The eBPF object: the one that `LLAMAR_BPF_OBJECT` names now or named when this was built, or the
/// one that `cargo xtask build` leaves.
pub fn object() -> Option<&'static [u8]> {
    static OBJECT: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let object = OBJECT.get_or_init(|| match std::fs::read(path()) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            skip(&format!("no eBPF object {}: {error}", path().display()));
            None
        }
    });
    object.as_deref()
}

fn path() -> PathBuf {
    let named = std::env::var_os("LLAMAR_BPF_OBJECT").map(PathBuf::from);
    let built = option_env!("LLAMAR_BPF_OBJECT").map(PathBuf::from);
    named
        .or(built)
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(|| {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../target/llamar.bpf.o"
            ))
        })
}

fn interfaces() -> io::Result<Interfaces> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let made = Command::new("ip")
        .args(["link", "add", "left", "type", "veth"])
        .args(["peer", "name", "right"])
        .output()?;
    if !made.status.success() {
        return Err(io::Error::other(format!(
            "ip link add left type veth: {}",
            String::from_utf8_lossy(&made.stderr).trim()
        )));
    }
    Ok([if_nametoindex("left")?, if_nametoindex("right")?])
}
