//! systemd-resolved as an asker, and as an mDNS host: in a mount namespace of its own, without a bus or with one of its
//! own, asked over varlink.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::net::Namespace;
use super::peers::Peer;
use super::process::Process;
use super::wait_for;

/// Its answer came by LLMNR over IPv4.
pub const LLMNR_IPV4: u64 = 1 << 1;
/// Its answer came by LLMNR over IPv6.
pub const LLMNR_IPV6: u64 = 1 << 2;
/// Its answer came by mDNS over IPv4.
pub const MDNS_IPV4: u64 = 1 << 3;
/// Its answer came by mDNS over IPv6.
pub const MDNS_IPV6: u64 = 1 << 4;
/// Its answer came from its cache.
pub const FROM_CACHE: u64 = 1 << 20;
/// Its answer came from the network.
pub const FROM_NETWORK: u64 = 1 << 23;

/// Makes the daemon's surroundings, then becomes the daemon, whose path is the first argument. The others are the host's
/// name, the daemon's config, and a folder of services it offers by mDNS.
const SCRIPT: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d
for file in passwd group; do grep -v '^systemd-resolve:' /etc/$file > /run/$file; done
echo 'systemd-resolve:x:0:0::/:/usr/sbin/nologin' >> /run/passwd
echo 'systemd-resolve:x:0:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
printf '[Resolve]\nDNSStubListener=no\nFallbackDNS=\nDNSSEC=no\n%s\n' "$2" > /run/systemd/resolved.conf.d/x.conf
: > /run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf || true
test -z "$3" || cp -r "$3" /run/systemd/dnssd
hostname $1
exec $0
"#;

/// A running daemon.
pub struct Resolved {
    process: Process,
}

/// What the daemon found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// How they were found: [`LLMNR_IPV4`] and so on.
    pub flags: u64,
}

/// The names that the daemon found for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The names.
    pub names: Vec<String>,
    /// How they were found.
    pub flags: u64,
}

impl Resolved {
    /// Starts the daemon on a host named `asker` and waits until it can be asked.
    pub fn start(peer: &Peer, namespace: &Namespace) -> Self {
        Self::start_as(peer, namespace, "asker")
    }

    /// Starts the daemon on a host with a name and waits until it can be asked.
    pub fn start_as(peer: &Peer, namespace: &Namespace, name: &str) -> Self {
        let command = Self::command(peer, namespace, name, "LLMNR=yes\nMulticastDNS=no", "");
        Self::from_command(command)
    }

    /// The command that starts the daemon on a host with a name, with lines of its config, and a folder with services
    /// or none.
    pub fn command(
        peer: &Peer,
        namespace: &Namespace,
        name: &str,
        config: &str,
        services: &str,
    ) -> Command {
        let mut command = namespace.service("unshare");
        command
            .args(["--mount", "--uts", "--propagation", "private"])
            .args(["sh", "-c", SCRIPT, &peer.text(), name, config, services]);
        command
    }

    /// Starts the daemon by a command and waits until it can be asked.
    pub fn from_command(command: Command) -> Self {
        let resolved = Self {
            process: Process::start("systemd-resolved", command),
        };
        wait_for("systemd-resolved", || {
            UnixStream::connect(resolved.socket()).ok()
        });
        resolved
    }

    /// The daemon's process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn socket(&self) -> String {
        format!(
            "/proc/{}/root/run/systemd/resolve/io.systemd.Resolve",
            self.process.pid()
        )
    }

    /// Asks for a name's IPv4 (2) or IPv6 (10) addresses. The daemon needs a moment to see its links, so that a
    /// failure is asked again until the deadline.
    #[track_caller]
    pub fn resolve(&self, name: &str, family: u8) -> Found {
        wait_for(&format!("systemd-resolved to find {name}"), || {
            self.try_resolve(name, family)
        })
    }

    /// Asks once; `None` if the daemon found nothing.
    pub fn try_resolve(&self, name: &str, family: u8) -> Option<Found> {
        let parameters = self.call("ResolveHostname", &json!({"name": name, "family": family}))?;
        let address = |entry: &Value| {
            let bytes: Vec<u8> = entry["address"]
                .as_array()?
                .iter()
                .filter_map(|byte| Some(byte.as_u64()? as u8))
                .collect();
            match <[u8; 4]>::try_from(&bytes[..]) {
                Ok(four) => Some(IpAddr::from(four)),
                Err(_) => <[u8; 16]>::try_from(&bytes[..]).ok().map(IpAddr::from),
            }
        };
        let addresses = parameters.get("addresses")?.as_array()?.iter();
        Some(Found {
            addresses: addresses.filter_map(address).collect(),
            flags: parameters.get("flags")?.as_u64()?,
        })
    }

    /// Asks for the names of an address until the deadline.
    #[track_caller]
    pub fn names_of(&self, address: IpAddr) -> Named {
        wait_for(&format!("systemd-resolved to find {address}"), || {
            self.try_names_of(address)
        })
    }

    /// Asks once for the names of an address; `None` if the daemon found nothing.
    pub fn try_names_of(&self, address: IpAddr) -> Option<Named> {
        let (family, bytes) = match address {
            IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
            IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
        };
        let parameters = self.call(
            "ResolveAddress",
            &json!({"family": family, "address": bytes}),
        )?;
        let name = |entry: &Value| entry["name"].as_str().map(String::from);
        Some(Named {
            names: parameters
                .get("names")?
                .as_array()?
                .iter()
                .filter_map(name)
                .collect(),
            flags: parameters.get("flags")?.as_u64()?,
        })
    }

    /// What a method gives; `None` if that is an error.
    fn call(&self, method: &str, parameters: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(self.socket()).expect("systemd-resolved listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        let method = format!("io.systemd.Resolve.{method}");
        let call = json!({"method": method, "parameters": parameters});
        stream
            .write_all(format!("{call}\0").as_bytes())
            .expect("ask systemd-resolved");
        let mut answer = Vec::new();
        BufReader::new(stream)
            .read_until(0, &mut answer)
            .expect("an answer of systemd-resolved");
        answer.pop();
        let mut answer: Value = serde_json::from_slice(&answer).expect("an answer in JSON");
        let failed = answer.get("error").is_some();
        (!failed).then(|| answer["parameters"].take())
    }
}
