//! systemd-resolved as an mDNS host, on a bus of its own, asked by resolvectl.

use std::net::IpAddr;
use std::process::Stdio;

use tempfile::TempDir;

use super::bus::Bus;
use super::net::Namespace;
use super::peers::Peer;
use super::process::Process;
use super::resolved::{Found, Named, Resolved};
use super::wait_for;

/// A service that the daemon offers: the name of its file, and what its section `[Service]` says.
pub type Offered<'a> = (&'a str, &'a str);

/// A running daemon that speaks mDNS, and only that, by its links.
pub struct MdnsResolved<'a> {
    namespace: &'a Namespace,
    // Ends before its bus.
    resolved: Resolved,
    bus: Bus,
    resolvectl: Peer,
    _services: TempDir,
}

impl<'a> MdnsResolved<'a> {
    /// Starts the daemon on a host with a name, that offers services by its interface `eth0`.
    #[track_caller]
    pub fn start(namespace: &'a Namespace, name: &str, offered: &[Offered<'_>]) -> Option<Self> {
        let (daemon, resolvectl) = (Peer::find("systemd-resolved")?, Peer::find("resolvectl")?);
        let services = tempfile::tempdir().expect("make a folder for services");
        for (file, section) in offered {
            let path = services.path().join(format!("{file}.dnssd"));
            std::fs::write(path, format!("[Service]\n{section}\n")).expect("write a service");
        }
        let bus = Bus::start(namespace)?;
        let config = "LLMNR=no\nMulticastDNS=yes";
        let folder = services.path().to_string_lossy();
        let command = Resolved::command(&daemon, namespace, name, config, &folder);
        let resolved = Self {
            namespace,
            resolved: Resolved::from_command(bus.lead(command)),
            bus,
            resolvectl,
            _services: services,
        };
        // On until it is on: at first the daemon does not know its links.
        wait_for("the daemon to speak mDNS", || {
            let mut command = resolved.bus.lead(resolved.resolvectl.command_in(namespace));
            let done = command.args(["mdns", "eth0", "yes"]).output();
            done.is_ok_and(|output| output.status.success())
                .then_some(())
        });
        Some(resolved)
    }

    /// The daemon's process.
    pub fn process(&mut self) -> &mut Process {
        self.resolved.process()
    }

    /// Asks for a name's IPv4 (2) or IPv6 (10) addresses until the deadline.
    #[track_caller]
    pub fn resolve(&self, name: &str, family: u8) -> Found {
        self.resolved.resolve(name, family)
    }

    /// Asks once.
    pub fn try_resolve(&self, name: &str, family: u8) -> Option<Found> {
        self.resolved.try_resolve(name, family)
    }

    /// Asks for the names of an address until the deadline.
    #[track_caller]
    pub fn names_of(&self, address: impl Into<IpAddr>) -> Named {
        self.resolved.names_of(address.into())
    }

    /// What resolvectl prints; `None` if it fails.
    pub fn ctl(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.bus.lead(self.resolvectl.command_in(self.namespace));
        let output = command.args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("run resolvectl");
        (output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What resolvectl prints that holds all of these words, asked again until it does.
    #[track_caller]
    pub fn ctl_until(&self, arguments: &[&str], words: &[&str]) -> String {
        wait_for(&format!("{words:?} from resolvectl {arguments:?}"), || {
            self.ctl(arguments)
                .filter(|text| words.iter().all(|word| text.contains(word)))
        })
    }
}
