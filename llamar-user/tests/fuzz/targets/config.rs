//! What an administrator writes: configuration files and hosts files.

use std::fs;
use std::path::Path;

use llamar_user::config::{Config, ConfigError, Defaults, Flags, Loader};
use tempfile::TempDir;

use crate::dice::Dice;
use crate::run::{Target, outcome};

/// The TOML file.
pub struct Toml(TempDir);
/// LLamar's INI file.
pub struct Ini(TempDir);
/// A hosts file.
pub struct HostsFile(TempDir);

/// Words of all these files, so that some of what is made up means something.
const WORDS: [&str; 79] = [
    "\n",
    "\n",
    "\n",
    " ",
    "=",
    " = ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    ",",
    ".",
    "#",
    ";",
    ":",
    "\t",
    "\\",
    "interfaces",
    "interface",
    "vlan",
    "hosts",
    "hosts-file",
    "names",
    "name",
    "ttl",
    "xdp",
    "max-names",
    "proxy-arp",
    "addresses",
    "on-conflict",
    "limit",
    "rate",
    "burst",
    "1000/s",
    "withdraw",
    "rename",
    "auto",
    "native",
    "off",
    "eth0",
    "wlan0",
    "100",
    "0",
    "30",
    "4294967296",
    "-1",
    "casa",
    "casa.example",
    "größe",
    "a\\.b",
    "192.0.2.1",
    "192.0.2.1/24",
    "fe80::1",
    "2001:db8::1/64",
    "255.255.255.255",
    "127.0.0.1",
    "true",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    "[[",
    "]]",
    "[[service]]\n",
    "services-dir",
    "mdns",
    "mdns-on-conflict",
    "announce",
    "announce-every",
    "on-address-conflict",
    "type",
    "_http._tcp",
    "port",
    "txt",
    "subtypes",
    "host",
    "%h",
    "%",
];

fn words(dice: &mut Dice) -> Vec<u8> {
    let words: Vec<&str> = (0..dice.below(40)).map(|_| *dice.pick(&WORDS)).collect();
    words.concat().into_bytes()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Reads a configuration file with this content.
fn read(folder: &Path, name: &str, content: &[u8]) -> u64 {
    shape(read_by(&mut Loader::default(), folder, name, content))
}

fn read_by(
    loader: &mut Loader,
    folder: &Path,
    name: &str,
    content: &[u8],
) -> Result<Config, ConfigError> {
    let file = folder.join(name);
    fs::write(&file, content).expect("write a file");
    let flags = Flags {
        config: Some(file),
        ..Flags::default()
    };
    let defaults = Defaults {
        toml: folder.join("none.toml"),
        ini: folder.join("none.conf"),
        hostname: "casa".to_owned(),
    };
    loader.load(&flags, &defaults)
}

/// What was read, in short.
fn shape(read: Result<Config, ConfigError>) -> u64 {
    match read {
        Ok(config) => {
            let notes = config
                .notes
                .iter()
                .all(|note| !note.contains(char::is_control));
            assert!(notes, "{:?}", config.notes);
            let names = config
                .interfaces
                .values()
                .map(|interface| interface.names.len());
            outcome((
                config.interfaces.len(),
                names.sum::<usize>(),
                config.notes.len(),
            ))
        }
        Err(error) => {
            let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
            assert!(!problems.is_empty(), "an error without a problem");
            for problem in &problems {
                // An error is shown on a terminal: nothing in it may command that.
                let command =
                    |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
                assert!(!problem.contains(command), "{problem:?}");
            }
            let shape = problems.iter().take(3).map(|problem| {
                let letters = problem.chars().filter(|letter| letter.is_alphabetic());
                letters.take(60).collect::<String>()
            });
            outcome(shape.collect::<Vec<_>>())
        }
    }
}

impl Target for Toml {
    const NAME: &'static str = "toml";

    fn new() -> Self {
        Self(folder())
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let all = [
            "[interfaces.eth0]\n",
            "ttl = 30\nmax-names = 100\nxdp = \"auto\"\nnames = [\"casa\"]\n[hosts]\nmedia = \"192.0.2.1\"\n\
             [interfaces.eth0]\nname = \"casa\"\nproxy-arp = [\"192.0.2.7\"]\n[interfaces.eth0.hosts]\n\
             tv = [\"192.0.2.1\", \"2001:db8::1\"]\n[interfaces.eth0.vlan.100]\naddresses = [\"192.0.2.9/24\"]\n",
            "hosts-file = \"hosts\"\n[interfaces.wlan0]\n",
        ];
        all.map(|text| text.as_bytes().to_vec()).into()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        words(dice)
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        read(self.0.path(), "llamar.toml", input)
    }
}

impl Target for Ini {
    const NAME: &'static str = "ini";

    fn new() -> Self {
        Self(folder())
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let all = [
            "[wlan0]\nname = odroid\n",
            "[DEFAULT]\nname=a\n;x\n[eth0]\nname: b\n",
            "[eth0\nname",
        ];
        all.map(|text| text.as_bytes().to_vec()).into()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        words(dice)
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        read(self.0.path(), "llmnr.conf", input)
    }
}

impl Target for HostsFile {
    const NAME: &'static str = "hosts";

    fn new() -> Self {
        Self(folder())
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let all = [
            "192.0.2.1 casa casa.example # both\n2001:db8::1\tcasa\n",
            "127.0.0.1 localhost\n::1 localhost\nfe80::1%eth0 x\n",
            "\u{feff}192.0.2.1 a\r\n192.0.2.2\n",
        ];
        all.map(|text| text.as_bytes().to_vec()).into()
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        words(dice)
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let folder = self.0.path();
        let hosts = folder.join("hosts");
        let config = format!("hosts-file = {hosts:?}\n[interface.eth0]\n");
        let read_with = |loader: &mut Loader, input: &[u8]| {
            fs::write(&hosts, input).expect("write a file");
            read_by(loader, folder, "llamar.toml", config.as_bytes())
        };
        // What is read when a file has changed is what it says.
        let third = input.len() / 3;
        let before = [&input[..third], &input[2 * third..]].concat();
        let mut loader = Loader::default();
        let _ = read_with(&mut loader, &before);
        let changed = read_with(&mut loader, input);
        let anew = read_with(&mut Loader::default(), input);
        assert_eq!(changed, anew);
        shape(anew)
    }
}
