//! Network namespaces joined by veth pairs and bridges, in a mount namespace of the test's own: `/run` and the bpf
//! file system in it are private, so nothing that a test makes is seen outside or stays when it ends.

use std::fs::{self, File};
use std::io;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use llamar_common::testing::skip;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::{peers, wait_until};

/// Numbers the namespaces of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The private mount namespace of the calling thread, in which namespaces are made.
pub struct Net {
    _made_by_new: (),
}

impl Net {
    /// Gives the calling thread, and so every process it starts, its own `/run` and bpf file system.
    pub fn new() -> Option<Self> {
        if peers::path("ip").is_none() {
            skip("network namespaces need ip of iproute2: cargo xtask setup --peers");
            return None;
        }
        if !nix::unistd::geteuid().is_root() {
            skip("network namespaces need root");
            return None;
        }
        match private_mounts() {
            Ok(()) => Some(Self { _made_by_new: () }),
            Err(error) => {
                skip(&format!(
                    "cannot make a private mount namespace with a bpf file system: {error}"
                ));
                None
            }
        }
    }

    /// A new network namespace with `lo` up and IPv6 duplicate address detection off.
    pub fn namespace(&self, label: &str) -> Namespace {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = Namespace {
            name: format!("llamar-{}-{number}-{label}", std::process::id()),
        };
        run(ip().args(["netns", "add", &namespace.name]));
        for scope in ["all", "default"] {
            namespace.set(&format!("net/ipv6/conf/{scope}/accept_dad"), "0");
        }
        namespace.ip("link set lo up");
        namespace
    }
}

/// Replaces `/etc` by a copy that the test may write to. For a thread that has made a [`Net`].
pub fn private_etc() {
    let copy = "/run/etc";
    run(Command::new("cp").args(["-a", "/etc", copy]));
    let none = None::<&str>;
    mount(Some(copy), "/etc", none, MsFlags::MS_BIND, none).expect("mount a copy of /etc");
}

/// A mount namespace of this thread with an empty `/run` and an empty bpf file system.
fn private_mounts() -> io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(
        Some("tmpfs"),
        "/run",
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )?;
    fs::create_dir("/run/netns")?;
    Ok(mount(
        Some("bpf"),
        "/sys/fs/bpf",
        Some("bpf"),
        MsFlags::empty(),
        Some("mode=700"),
    )?)
}

/// A network namespace, deleted on drop.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A command that will run in the namespace, with the test's mounts.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program);
        command
    }

    /// A command in the namespace that the kernel kills when the test's thread ends, however it ends.
    pub fn service(&self, program: &str) -> Command {
        let mut command = self.command("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command
    }

    /// Runs a closure in a thread that has entered the namespace. Sockets it opens stay there.
    pub fn inside<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        let file = File::open(self.path()).expect("open the namespace");
        let thread = || {
            setns(file, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            run()
        };
        std::thread::scope(|scope| {
            scope
                .spawn(thread)
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip` in the namespace; panics if it fails.
    #[track_caller]
    pub fn ip(&self, arguments: &str) -> String {
        let output = run(ip()
            .args(["-n", &self.name])
            .args(arguments.split_whitespace()));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Writes a sysctl, named by its path below `/proc/sys`.
    pub fn set(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{name}");
        self.inside(|| {
            fs::write(&path, value)
                .unwrap_or_else(|error| panic!("write {value} to {path}: {error}"))
        });
    }

    /// Joins this namespace's new interface to a new one in another namespace; both are up on return. Each name
    /// comes with the last byte of its MAC 02:00:00:00:00:xx.
    pub fn veth(
        &self,
        (name, last): (&str, u8),
        other: &Namespace,
        (other_name, other_last): (&str, u8),
    ) {
        self.ip(&format!(
            "link add {name} address 02:00:00:00:00:{last:02x} type veth \
             peer name {other_name} address 02:00:00:00:00:{other_last:02x} netns {}",
            other.name
        ));
        self.ip(&format!("link set {name} up"));
        other.ip(&format!("link set {other_name} up"));
        self.wait_for_carrier(name);
        other.wait_for_carrier(other_name);
    }

    /// Makes a bridge, named with the last byte of its MAC, out of interfaces; it is up on return.
    pub fn bridge(&self, (name, last): (&str, u8), ports: &[&str]) {
        self.ip(&format!(
            "link add {name} address 02:00:00:00:00:{last:02x} type bridge"
        ));
        for port in ports {
            self.ip(&format!("link set {port} master {name}"));
        }
        self.ip(&format!("link set {name} up"));
        self.wait_for_carrier(name);
    }

    /// Waits until the kernel holds an interface for running.
    pub fn wait_for_carrier(&self, name: &str) {
        wait_until(&format!("the carrier of {name}"), || {
            self.ip(&format!("link show dev {name}"))
                .contains("state UP")
        });
    }

    /// Waits until the kernel lets an interface's IPv6 addresses be used, and has made the link-local one: without
    /// duplicate detection that takes a moment too.
    pub fn wait_for_addresses(&self, name: &str) {
        wait_until(&format!("the IPv6 addresses of {name}"), || {
            let addresses = self.ip(&format!("-6 address show dev {name}"));
            addresses.contains("fe80::") && !addresses.contains("tentative")
        });
    }

    /// The index of an interface.
    pub fn index(&self, name: &str) -> u32 {
        self.inside(|| nix::net::if_::if_nametoindex(name))
            .expect("index of the interface")
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let deleted = ip().args(["netns", "del", &self.name]).status();
        if !deleted.is_ok_and(|status| status.success()) {
            eprintln!("cannot delete the namespace {}", self.name);
        }
    }
}

/// A command that runs `ip`.
fn ip() -> Command {
    Command::new(peers::path("ip").unwrap_or("ip".into()))
}

/// Runs a command to its end; panics with what it said if it fails.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("run {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed ({}): {said}",
        output.status
    );
    output
}
