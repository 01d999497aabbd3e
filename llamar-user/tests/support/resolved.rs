//! systemd-resolved as an asker: started without a bus in a mount namespace of its own, asked over varlink.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::net::Namespace;
use super::peers::Peer;
use super::wait_for;

/// Its answer came by LLMNR over IPv4.
pub const LLMNR_IPV4: u64 = 1 << 1;
/// Its answer came by LLMNR over IPv6.
pub const LLMNR_IPV6: u64 = 1 << 2;
/// Its answer came from its cache.
pub const FROM_CACHE: u64 = 1 << 20;
/// Its answer came from the network.
pub const FROM_NETWORK: u64 = 1 << 23;

/// Makes the daemon's surroundings, then becomes the daemon, whose path is the first argument. The second is the host's
/// name.
const SCRIPT: &str = r"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d
for file in passwd group; do grep -v '^systemd-resolve:' /etc/$file > /run/$file; done
echo 'systemd-resolve:x:0:0::/:/usr/sbin/nologin' >> /run/passwd
echo 'systemd-resolve:x:0:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
printf '[Resolve]\nLLMNR=yes\nMulticastDNS=no\nDNSStubListener=no\nFallbackDNS=\nDNSSEC=no\n' > /run/systemd/resolved.conf.d/x.conf
hostname $1
exec $0
";

/// A running daemon.
pub struct Resolved {
    child: Child,
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
        let mut command = namespace.service("unshare");
        command.args([
            "--mount",
            "--uts",
            "--propagation",
            "private",
            "sh",
            "-c",
            SCRIPT,
            &peer.text(),
            name,
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let resolved = Self {
            child: command.spawn().expect("start systemd-resolved"),
        };
        wait_for("systemd-resolved", || {
            UnixStream::connect(resolved.socket()).ok()
        });
        resolved
    }

    fn socket(&self) -> String {
        format!(
            "/proc/{}/root/run/systemd/resolve/io.systemd.Resolve",
            self.child.id()
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

impl Drop for Resolved {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
