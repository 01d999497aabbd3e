//! What arpsend is told to do: its options, and the addresses as it reads them.

use std::net::Ipv4Addr;
use std::time::Duration;

use llamar_common::wire::ethernet::Mac;

use super::getopt::{Known, Options};
use crate::ether::MacAddr;

/// Most addresses that `-e` may name.
const TARGETS_MAX: usize = 1024;
/// Longest interval, a day: nobody waits longer for an answer that comes within a second.
const INTERVAL_MAX: f64 = 86_400.0;

const fn known(letter: char, name: &'static str, has_value: bool) -> Known {
    Known {
        letter,
        name,
        has_value,
    }
}

const KNOWN: [Known; 15] = [
    known('U', "update", false),
    known('D', "detect", false),
    known('Q', "request", false),
    known('P', "reply", false),
    known('c', "count", true),
    known('w', "timeout", true),
    known('s', "src-hw", true),
    known('t', "trg-hw", true),
    known('S', "src-arp", true),
    known('T', "trg-arp", true),
    known('i', "src-ip", true),
    known('e', "trg-ip", true),
    known('o', "at-once", false),
    known('v', "", false),
    // Of OpenVZ's arpsend: for an interface without an address; here also for what would hurt the link.
    known('f', "force", false),
];

/// What is to be sent, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Others learn where an address is.
    Update,
    /// Whether another computer has an address.
    Detect,
    /// Who has an address.
    Request,
    /// An answer that nobody asked for.
    Reply,
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is to be done.
    pub command: Command,
    /// Where.
    pub interface: String,
    /// How many rounds; `None` is for ever.
    pub count: Option<u32>,
    /// Between rounds, and after the last.
    pub interval: Duration,
    /// The Ethernet source.
    pub source: Option<MacAddr>,
    /// The Ethernet destination.
    pub destination: Option<MacAddr>,
    /// The sender's hardware address in the packet.
    pub sender_mac: Option<MacAddr>,
    /// The target's.
    pub target_mac: Option<MacAddr>,
    /// The sender's address.
    pub sender: Option<Ipv4Addr>,
    /// The addresses that are asked for, or told.
    pub targets: Vec<Ipv4Addr>,
    /// An address with a colon.
    pub ipv6: Option<String>,
    /// Whether the first answer ends it.
    pub at_once: bool,
    /// Whether each packet is told.
    pub is_verbose: bool,
    /// Whether to go on where that is unusual, or would hurt the link.
    pub force: bool,
}

/// Why a command line is none; what is to be said before the usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong(pub Option<String>);

impl Plan {
    /// Reads the arguments behind the program's name.
    pub fn read(program: &str, arguments: impl IntoIterator<Item = String>) -> Result<Self, Wrong> {
        let mut options = Options::new(program, &KNOWN, arguments);
        let mut plan = Self::default();
        let mut command = None;
        for option in options.by_ref() {
            let (letter, value) = option.map_err(|said| Wrong(Some(said)))?;
            match (letter, command_of(letter)) {
                (_, Some(_)) if command.is_some() => return Err(Wrong(None)),
                (_, Some(named)) => command = Some(named),
                (letter, None) => plan.set(letter, &value)?,
            }
        }
        plan.command = command.ok_or(Wrong(None))?;
        plan.interface = match <[String; 1]>::try_from(options.operands()) {
            Ok([interface]) => interface,
            Err(_) => return Err(Wrong(None)),
        };
        plan.check()
    }

    fn set(&mut self, letter: char, value: &str) -> Result<(), Wrong> {
        match letter {
            'c' => self.count = count(value)?,
            'w' => self.interval = interval(value)?,
            's' => self.source = Some(mac(value)?),
            't' => self.destination = Some(mac(value)?),
            'S' => self.sender_mac = Some(mac(value)?),
            'T' => self.target_mac = Some(mac(value)?),
            'i' | 'e' if value.contains(':') => self.ipv6 = Some(value.to_owned()),
            'i' => self.sender = Some(ip(value)?),
            'e' if self.targets.len() == TARGETS_MAX => return Err(Wrong(None)),
            'e' => self.targets.push(ip(value)?),
            'o' => self.at_once = true,
            'f' => self.force = true,
            _ => self.is_verbose = true,
        }
        Ok(())
    }

    fn check(mut self) -> Result<Self, Wrong> {
        let is_complete = match self.command {
            Command::Detect => !self.targets.is_empty() || self.ipv6.is_some(),
            Command::Update => self.sender.is_some() || self.ipv6.is_some(),
            Command::Request | Command::Reply => true,
        };
        if !is_complete {
            return Err(Wrong(None));
        }
        // One address is had by one computer.
        self.at_once |= self.command == Command::Detect && self.targets.len() == 1;
        Ok(self)
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            command: Command::Request,
            interface: String::new(),
            count: None,
            interval: Duration::from_secs(1),
            source: None,
            destination: None,
            sender_mac: None,
            target_mac: None,
            sender: None,
            targets: Vec::new(),
            ipv6: None,
            at_once: false,
            is_verbose: false,
            force: false,
        }
    }
}

const fn command_of(letter: char) -> Option<Command> {
    match letter {
        'U' => Some(Command::Update),
        'D' => Some(Command::Detect),
        'Q' => Some(Command::Request),
        'P' => Some(Command::Reply),
        _ => None,
    }
}

/// A count below zero is for ever.
fn count(text: &str) -> Result<Option<u32>, Wrong> {
    match text.parse::<i64>() {
        Ok(0) | Err(_) => Err(Wrong(None)),
        Ok(count) if count < 0 => Ok(None),
        Ok(count) => u32::try_from(count).map(Some).map_err(|_| Wrong(None)),
    }
}

/// With 0 arpsend waited for ever, whatever the count; that is nothing to keep.
fn interval(text: &str) -> Result<Duration, Wrong> {
    let seconds: f64 = text.parse().map_err(|_| Wrong(None))?;
    if seconds > 0.0 && seconds <= INTERVAL_MAX {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(Wrong(Some(format!(
        "arpsend: a timeout of {text} seconds: it has to be above 0, as 0.1, and at most {INTERVAL_MAX}"
    ))))
}

/// Six pairs of digits, each but the last with a colon behind it or none; or a word.
fn mac(text: &str) -> Result<MacAddr, Wrong> {
    if text == "broadcast" {
        return Ok(MacAddr::BROADCAST);
    }
    let mut mac = Mac::default();
    let mut rest = text;
    for (index, byte) in mac.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(':').unwrap_or(rest);
        }
        let (pair, behind) = rest.split_at_checked(2).ok_or(Wrong(None))?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Wrong(None));
        }
        *byte = u8::from_str_radix(pair, 16).map_err(|_| Wrong(None))?;
        rest = behind;
    }
    match rest {
        "" => Ok(MacAddr(mac)),
        _ => Err(Wrong(None)),
    }
}

/// As inet_addr(3) reads it: one to four numbers, each decimal, octal (0) or hexadecimal (0x), the last of which fills
/// what is left. 255.255.255.255 is what it returns for errors.
fn ip(text: &str) -> Result<Ipv4Addr, Wrong> {
    let wrong = Wrong(None);
    let numbers: Vec<u32> = text
        .split('.')
        .map(number)
        .collect::<Option<_>>()
        .ok_or(Wrong(None))?;
    let (&last, bytes) = numbers.split_last().ok_or(Wrong(None))?;
    if bytes.len() > 3 || bytes.iter().any(|&byte| byte > 255) {
        return Err(wrong);
    }
    let left = 32 - 8 * bytes.len();
    if u64::from(last) >= 1 << left {
        return Err(wrong);
    }
    let high = bytes
        .iter()
        .fold(0, |high, &byte| high << 8 | u64::from(byte));
    match u32::try_from(high << left | u64::from(last)) {
        Ok(address) if address != u32::MAX => Ok(Ipv4Addr::from(address)),
        _ => Err(wrong),
    }
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    // A sign is none of a number's digits.
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all_digits.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Plan, Wrong> {
        Plan::read("arpsend", arguments.split_whitespace().map(String::from))
    }

    #[test]
    fn options_may_be_short_and_clustered_long_and_cut_and_behind_the_interface() {
        let plan = Plan {
            command: Command::Detect,
            interface: "eth0".into(),
            count: Some(2),
            targets: vec![[10, 0, 0, 1].into()],
            at_once: true,
            is_verbose: true,
            ..Plan::default()
        };
        for line in [
            "-D -e 10.0.0.1 -c 2 -v eth0",
            "eth0 -Dve10.0.0.1 -c2",
            "--detect --trg-ip 10.0.0.1 --co=2 -v -- eth0",
            "--det --trg-ip=10.0.0.1 eth0 -vvv --count 2 --at",
        ] {
            assert_eq!(read(line), Ok(plan.clone()), "{line}");
        }
    }

    #[test]
    fn every_option_is_heeded() {
        let plan = read(
            "-P -i 10.0.0.1 -e 10.0.0.2 -e 10.0.0.3 -s 020000000001 -t broadcast -S 02:00:00:00:00:03 \
             -T 0200:0000:0004 -w 0.5 -c -1 -o -f eth0",
        );
        let mac = |last| Some(MacAddr([2, 0, 0, 0, 0, last]));
        let expected = Plan {
            command: Command::Reply,
            interface: "eth0".into(),
            interval: Duration::from_millis(500),
            source: mac(1),
            destination: Some(MacAddr::BROADCAST),
            sender_mac: mac(3),
            target_mac: mac(4),
            sender: Some([10, 0, 0, 1].into()),
            targets: vec![[10, 0, 0, 2].into(), [10, 0, 0, 3].into()],
            at_once: true,
            force: true,
            ..Plan::default()
        };
        assert_eq!(plan, Ok(expected));
        assert!(!read("-D -e 10.0.0.1 -e 10.0.0.2 eth0").unwrap().at_once);
        assert_eq!(read("-U -i fe80::1 eth0").unwrap().ipv6.unwrap(), "fe80::1");
        assert_eq!(read("-D -e fe80::1 eth0").unwrap().ipv6.unwrap(), "fe80::1");
    }

    #[test]
    fn what_is_incomplete_or_contradicts_itself_shows_the_usage() {
        let many = "-e 10.0.0.1 ".repeat(1025);
        for line in [
            "",
            "eth0",
            "-D eth0",
            "-D -e 10.0.0.1",
            "-D -e 10.0.0.1 eth0 eth1",
            "-U eth0",
            "-U -e 10.0.0.1 eth0",
            "-U -D -i 10.0.0.1 -e 10.0.0.1 eth0",
            "-Q -Q eth0",
            "-Q -c 0 eth0",
            "-Q -c x eth0",
            "-Q -c 4294967296 eth0",
            "-Q -w x eth0",
            "-Q -i 255.255.255.255 eth0",
            "-Q -s 02:00 eth0",
            &format!("-Q {many} eth0"),
        ] {
            assert_eq!(read(line), Err(Wrong(None)), "{line}");
        }
        assert!(read(&format!("-Q {} eth0", "-e 10.0.0.1 ".repeat(1024))).is_ok());
    }

    #[test]
    fn a_timeout_of_zero_is_refused_with_a_reason() {
        for zero in ["0", "0.0", "-1", "nan", "1e9"] {
            let Wrong(said) = read(&format!("-Q -w {zero} eth0")).unwrap_err();
            assert!(said.unwrap().contains("has to be above 0"), "{zero}");
        }
        let Wrong(said) = read("-Q -x eth0").unwrap_err();
        assert_eq!(said.as_deref(), Some("arpsend: invalid option -- 'x'"));
    }

    #[test]
    fn addresses_are_read_as_inet_addr_reads_them() {
        for (text, address) in [
            ("10.0.0.1", [10, 0, 0, 1]),
            ("0", [0, 0, 0, 0]),
            ("10.1", [10, 0, 0, 1]),
            ("10.1.258", [10, 1, 1, 2]),
            ("0x7f.1", [127, 0, 0, 1]),
            ("012.0XA.0.1", [10, 10, 0, 1]),
            ("4294967294", [255, 255, 255, 254]),
        ] {
            assert_eq!(ip(text), Ok(address.into()), "{text}");
        }
        for wrong in [
            "",
            ".",
            "10.",
            "1.2.3.4.5",
            "256.1",
            "1.2.3.256",
            "08",
            "0x",
            "+1",
            "-1",
            "10.0.0.1 ",
            "casa",
            "255.255.255.255",
            "4294967295",
            "4294967296",
        ] {
            assert!(ip(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hardware_addresses_have_colons_or_none() {
        let expected = Ok(MacAddr([0x0a, 0xbc, 0xde, 0xf0, 0x12, 0x34]));
        for text in ["0a:bc:de:f0:12:34", "0ABCDEF01234", "0abc:def0:1234"] {
            assert_eq!(mac(text), expected, "{text}");
        }
        for wrong in [
            "",
            "0a:bc:de:f0:12",
            "0a-bc-de-f0-12-34",
            "0a:bc:de:f0:12:3",
            "0a:bc:de:f0:12:345",
            "a:bc:de:f0:12:34",
            "Broadcast",
            "0a:bc:de:f0:12:34:",
            "+a:bc:de:f0:12:34",
            "0\u{e9}bcdef01234",
        ] {
            assert!(mac(wrong).is_err(), "{wrong}");
        }
    }
}
