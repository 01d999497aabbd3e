//! Where the benchmark happens: pairs of network namespaces joined by a veth, all with the same addresses, so that
//! every contender gets the very same frames.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use llamar_common::testing::{Mac, Station};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};

use crate::step;

/// The interface of either side.
pub const INTERFACE: &str = "eth0";
/// Hardware address of the host that answers.
pub const HOST_MAC: Mac = [2, 0, 0, 0, 0, 1];
/// Hardware address of the side that asks.
pub const ASKER_MAC: Mac = [2, 0, 0, 0, 0, 2];
/// IPv4 address of the host that answers.
pub const HOST_V4: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
/// IPv4 address of the side that asks.
pub const ASKER_V4: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
/// IPv6 address of the host that answers.
pub const HOST_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 1);
/// IPv6 address of the side that asks.
pub const ASKER_V6: Ipv6Addr = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 2);

/// The host as a station of either family.
pub fn host(v6: bool) -> Station {
    let ip: IpAddr = if v6 { HOST_V6.into() } else { HOST_V4.into() };
    Station::new(HOST_MAC, ip)
}

/// The asker as a station of either family.
pub fn asker(v6: bool) -> Station {
    let ip: IpAddr = if v6 { ASKER_V6.into() } else { ASKER_V4.into() };
    Station::new(ASKER_MAC, ip)
}

/// A network namespace of the sandbox, which it ends with.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    ip: PathBuf,
}

impl Namespace {
    fn new(ip: PathBuf, name: String) -> Result<Self> {
        step::output(Command::new(&ip).args(["netns", "add", &name]))?;
        let namespace = Self { name, ip };
        namespace.inside(|| {
            for scope in ["all", "default"] {
                let file = format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad");
                fs::write(&file, "0").with_context(|| format!("write {file}"))?;
            }
            Ok(())
        })?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Runs `ip` in it.
    pub fn ip(&self, arguments: &str) -> Result<()> {
        let mut command = Command::new(&self.ip);
        command.args(["-n", &self.name]);
        step::output(command.args(arguments.split_whitespace())).map(drop)
    }

    /// Runs something on a thread that is in it.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let work = || {
            let path = format!("/run/netns/{}", self.name);
            let file = File::open(&path).with_context(|| format!("open {path}"))?;
            setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter {path}"))?;
            work()
        };
        let ended = thread::scope(|scope| scope.spawn(work).join());
        ended.map_err(|_| anyhow!("a thread in the namespace {} panicked", self.name))?
    }

    /// Starts a program in it.
    pub fn spawn(&self, command: &mut Command) -> Result<Process> {
        self.inside(|| {
            let child = command.stdin(Stdio::null()).spawn();
            let child = child.with_context(|| format!("start `{}`", step::line(command)))?;
            Ok(Process(child))
        })
    }
}

/// A program that is ended when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it.
    pub fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Whether it has ended, which no program here should on its own.
    pub fn ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Two namespaces and the link between them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Where the questions come from.
    pub near: Namespace,
    /// Where they are answered.
    pub far: Namespace,
    /// Index of the near interface.
    pub near_index: u32,
    /// Index of the far interface.
    pub far_index: u32,
}

impl Pair {
    /// A pair of namespaces; `label` tells it from others.
    pub fn new(ip: &std::path::Path, label: &str) -> Result<Self> {
        let near = Namespace::new(ip.to_owned(), format!("{label}-near"))?;
        let far = Namespace::new(ip.to_owned(), format!("{label}-far"))?;
        near.ip(&format!(
            "link add {INTERFACE} address {} type veth peer name {INTERFACE} address {} netns {}",
            text(ASKER_MAC),
            text(HOST_MAC),
            far.name
        ))?;
        for (side, v4, v6) in [(&near, ASKER_V4, ASKER_V6), (&far, HOST_V4, HOST_V6)] {
            side.ip(&format!("address add {v4}/24 dev {INTERFACE}"))?;
            side.ip(&format!("address add {v6}/64 dev {INTERFACE}"))?;
            side.ip(&format!("link set {INTERFACE} up"))?;
        }
        // What is measured is answers; neither side is to wait for the other's hardware address.
        for (side, mac, v4, v6) in [
            (&near, HOST_MAC, HOST_V4, HOST_V6),
            (&far, ASKER_MAC, ASKER_V4, ASKER_V6),
        ] {
            for address in [IpAddr::from(v4), IpAddr::from(v6)] {
                side.ip(&format!(
                    "neigh replace {address} lladdr {} dev {INTERFACE} nud permanent",
                    text(mac)
                ))?;
            }
        }
        let index = || Ok(if_nametoindex(INTERFACE)?);
        let (near_index, far_index) = (near.inside(index)?, far.inside(index)?);
        Ok(Self {
            near,
            far,
            near_index,
            far_index,
        })
    }
}

fn text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
