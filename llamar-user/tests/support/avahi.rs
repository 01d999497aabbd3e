//! avahi-daemon with its tools, on a bus of its own.

use std::net::IpAddr;
use std::process::Stdio;

use super::bus::Bus;
use super::net::Namespace;
use super::peers::Peer;
use super::process::Process;
use super::wait_for;

/// Makes the daemon's surroundings, then becomes the daemon, whose path is the first argument. The second is its config.
const SCRIPT: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/avahi-daemon
for file in passwd group; do grep -v '^avahi:' /etc/$file > /run/$file; done
echo 'avahi:x:0:0::/:/usr/sbin/nologin' >> /run/passwd
echo 'avahi:x:0:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
printf '%s' "$1" > /run/avahi.conf
exec $0 --file /run/avahi.conf --no-drop-root --no-chroot --no-rlimits
"#;

/// A running daemon.
pub struct Avahi<'a> {
    namespace: &'a Namespace,
    // Ends before its bus.
    daemon: Process,
    bus: Bus,
    tools: [Peer; 3],
}

impl<'a> Avahi<'a> {
    /// Starts the daemon under a host name and waits until it has claimed that or another.
    #[track_caller]
    pub fn start(namespace: &'a Namespace, name: &str) -> Option<Self> {
        let mut avahi = Self::spawn(namespace, name)?;
        avahi.wait_for_words(&["Server startup complete"]);
        Some(avahi)
    }

    /// Starts the daemon and waits for nothing.
    #[track_caller]
    pub fn spawn(namespace: &'a Namespace, name: &str) -> Option<Self> {
        let program = Peer::find("avahi-daemon")?;
        let tools = [
            Peer::find("avahi-browse")?,
            Peer::find("avahi-resolve")?,
            Peer::find("avahi-publish")?,
        ];
        let bus = Bus::start(namespace)?;
        let config = format!(
            "[server]\nhost-name={name}\nuse-ipv4=yes\nuse-ipv6=yes\ndeny-interfaces=lo\nenable-dbus=yes\n\
             [wide-area]\nenable-wide-area=no\n\
             [publish]\npublish-hinfo=no\npublish-workstation=no\n"
        );
        let mut command = namespace.service("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT]);
        command.arg(program.text()).arg(config);
        Some(Self {
            namespace,
            daemon: Process::start("avahi-daemon", bus.lead(command)),
            bus,
            tools,
        })
    }

    /// What the daemon has said so far.
    pub fn said(&self) -> String {
        self.daemon.said()
    }

    /// Waits for a line of the daemon's that holds all of these words.
    #[track_caller]
    pub fn wait_for_words(&mut self, words: &[&str]) -> String {
        self.daemon.wait_for_words(words)
    }

    /// The address of a name over one family, if avahi-resolve finds one within its 5 seconds.
    pub fn try_resolve(&self, name: &str, family: u8) -> Option<IpAddr> {
        let family = format!("-{family}");
        self.resolved(&[&family, "--name", name])?.parse().ok()
    }

    /// The address of a name over IPv4 (4) or IPv6 (6); asks again until there is one.
    #[track_caller]
    pub fn resolve(&self, name: &str, family: u8) -> IpAddr {
        wait_for(&format!("avahi-resolve to find {name}"), || {
            self.try_resolve(name, family)
        })
    }

    /// The name of an address; asks again until there is one.
    #[track_caller]
    pub fn name_of(&self, address: impl Into<IpAddr>) -> String {
        let address = address.into().to_string();
        wait_for(&format!("avahi-resolve to find {address}"), || {
            self.resolved(&["--address", &address])
        })
    }

    /// The second column of what avahi-resolve prints.
    fn resolved(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.bus.lead(self.tools[1].command_in(self.namespace));
        let output = command.args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("run avahi-resolve");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(text.trim_end().split_once('\t')?.1.to_owned())
    }

    /// What is offered of a type, as avahi-browse goes on telling it.
    pub fn browse(&self, kind: &str) -> Browse {
        let mut command = self.bus.lead(self.tools[0].command_in(self.namespace));
        command.args(["--parsable", "--resolve", "--no-db-lookup", kind]);
        Browse(Process::start("avahi-browse", command))
    }

    /// Offers a service as long as the process lives. `more`: TXT strings, or options like `--subtype=`.
    #[track_caller]
    pub fn publish(&self, name: &str, kind: &str, port: u16, more: &[&str]) -> Process {
        let (options, txt): (Vec<&str>, Vec<&str>) =
            more.iter().partition(|word| word.starts_with("--"));
        let port = port.to_string();
        let arguments = [&options[..], &["--service", name, kind, &port], &txt].concat();
        self.published(&arguments)
    }

    #[track_caller]
    fn published(&self, arguments: &[&str]) -> Process {
        let mut command = self.bus.lead(self.tools[2].command_in(self.namespace));
        command.args(arguments);
        let mut process = Process::start("avahi-publish", command);
        process.wait_for_words(&["Established"]);
        process
    }
}

/// A running avahi-browse.
pub struct Browse(Process);

/// A line of avahi-browse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// `+` for an instance that came, `=` for one that was resolved, `-` for one that went.
    pub event: String,
    /// The interface.
    pub interface: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// The instance's name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its host.
    pub host: String,
    /// Its host's address.
    pub address: String,
    /// Its port.
    pub port: String,
    /// Its TXT strings, each in quotes.
    pub txt: String,
}

impl Browse {
    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.said().lines().filter_map(Line::parse).collect()
    }

    /// What it printed so far.
    pub fn raw(&self) -> String {
        self.0.said()
    }

    /// Waits for a line.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Line) -> bool) -> Line {
        self.0
            .wait_for_line(what, |line| Line::parse(line).filter(&wanted))
    }

    /// Waits until an instance was resolved over IPv4 with a TXT string.
    #[track_caller]
    pub fn resolved(&mut self, name: &str, txt: &str) -> Line {
        self.wait_for(&format!("{name:?} with {txt:?}"), |line| {
            line.event == "="
                && line.family == "IPv4"
                && line.name == name
                && line.txt.contains(txt)
        })
    }

    /// Waits until an instance went.
    #[track_caller]
    pub fn removed(&mut self, name: &str) -> Line {
        self.wait_for(&format!("the end of {name:?}"), |line| {
            line.event == "-" && line.name == name
        })
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(10, ';').map(unescape);
        let mut line = Self {
            event: fields.next()?,
            interface: fields.next()?,
            family: fields.next()?,
            name: fields.next()?,
            kind: fields.next()?,
            ..Self::default()
        };
        let _domain = fields.next()?;
        let mut next = || fields.next().unwrap_or_default();
        (line.host, line.address, line.port, line.txt) = (next(), next(), next(), next());
        Some(line)
    }
}

/// Turns `\032` and `\.` back into what they stand for.
fn unescape(text: &str) -> String {
    let (mut bytes, mut plain) = (text.as_bytes().iter(), Vec::new());
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice()) {
            (b'\\', [a, b, c, ..]) if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
                let digits = [a, b, c].map(|digit| u16::from(digit - b'0'));
                plain.push((digits[0] * 100 + digits[1] * 10 + digits[2]) as u8);
                bytes.nth(2);
            }
            (b'\\', [next, ..]) => {
                plain.push(*next);
                bytes.next();
            }
            _ => plain.push(byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
