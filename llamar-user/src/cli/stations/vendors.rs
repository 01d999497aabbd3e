//! The list of vendors that is installed, or named.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tracing::debug;

use crate::ether::MacAddr;
use crate::ether::vendor::{self, LINE_MAX, Lines, Vendors};

/// Where lists are installed, those with the prefixes of small blocks first: Wireshark, arp-scan, IEEE's own by Debian's
/// and Fedora's packages, nmap.
const PLACES: [&str; 7] = [
    "/usr/share/wireshark/manuf",
    "/usr/share/arp-scan/ieee-oui.txt",
    "/usr/share/ieee-data/oui.txt",
    "/var/lib/ieee-data/oui.txt",
    "/usr/share/hwdata/oui.txt",
    "/usr/share/misc/oui.txt",
    "/usr/share/nmap/nmap-mac-prefixes",
];
/// Bytes of a list that are read: IEEE's has 7 MB.
const BYTES_MAX: u64 = 64 << 20;

/// The option that names a list.
#[derive(Clone, Debug, clap::Args)]
pub struct VendorArgs {
    /// List of vendors: IEEE's oui.txt, arp-scan's ieee-oui.txt, Wireshark's manuf or nmap's nmap-mac-prefixes [default:
    /// the one that is installed]
    #[arg(long, value_name = "FILE")]
    oui: Option<PathBuf>,
}

/// Vendors by hardware addresses. An installed list is looked for when the first is asked for.
#[derive(Debug, Default)]
pub struct VendorList {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unread,
    Open(BufReader<File>, Vendors),
    Missing,
}

impl VendorList {
    /// The list that is named, or the one that is installed.
    pub fn open(args: &VendorArgs) -> anyhow::Result<Self> {
        let Some(path) = &args.oui else {
            return Ok(Self::default());
        };
        let (file, vendors) =
            read(path).with_context(|| format!("read vendors from {}", path.display()))?;
        ensure!(
            !vendors.is_empty(),
            "{}: no list of vendors, as oui.txt of IEEE or manuf of Wireshark",
            path.display()
        );
        Ok(Self {
            state: State::Open(file, vendors),
        })
    }

    /// The vendor that a hardware address is from.
    pub fn name(&mut self, mac: MacAddr) -> Option<String> {
        if matches!(self.state, State::Unread) {
            self.state = installed();
        }
        let State::Open(file, vendors) = &mut self.state else {
            return None;
        };
        let at = vendors.find(mac)?;
        let line = line_at(file, at);
        let line = line.inspect_err(|error| debug!("read a vendor's name: {error}"));
        vendor::name(&line.ok()?, mac)
    }
}

fn installed() -> State {
    for place in PLACES {
        match read(Path::new(place)) {
            Ok((file, vendors)) if !vendors.is_empty() => {
                debug!("{} prefixes of vendors in {place}", vendors.len());
                return State::Open(file, vendors);
            }
            Ok(_) => debug!("{place}: no vendors"),
            Err(error) => debug!("{place}: {error}"),
        }
    }
    State::Missing
}

fn read(path: &Path) -> io::Result<(BufReader<File>, Vendors)> {
    let mut reader = BufReader::new(File::open(path)?.take(BYTES_MAX));
    let (mut entries, mut lines) = (Vec::new(), Lines::default());
    let (mut at, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(entry) = lines.read(&text) {
            entries.push((at, entry.without_name()));
        }
        at += length as u64;
    }
    let file = reader.into_inner().into_inner();
    Ok((BufReader::new(file), Vendors::new(entries)))
}

fn line_at(file: &mut BufReader<File>, at: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(at))?;
    let mut line = Vec::new();
    file.take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn list(content: &[u8]) -> anyhow::Result<VendorList> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        VendorList::open(&VendorArgs {
            oui: Some(file.path().to_owned()),
        })
    }

    #[test]
    fn a_vendor_is_read_from_its_line() {
        let mut text = b"# list\n".to_vec();
        for number in 0..5000_u32 {
            text.extend(format!("{number:06X}\tVendor {number}\n").into_bytes());
        }
        text.extend(b"00AABB\tLast");
        let mut list = list(&text).unwrap();
        let mac = |text: &str| text.parse::<MacAddr>().unwrap();
        for (address, vendor) in [
            ("00:00:07:01:02:03", Some("Vendor 7")),
            ("00:13:87:01:02:03", Some("Vendor 4999")),
            ("00:aa:bb:01:02:03", Some("Last")),
            ("00:aa:bc:01:02:03", None),
        ] {
            assert_eq!(list.name(mac(address)).as_deref(), vendor);
        }
    }

    #[test]
    fn a_file_that_is_no_list_is_refused() {
        for content in [&b""[..], b"\n\n", b"\0\xff\0", b"hello world\n"] {
            let error = list(content).unwrap_err().to_string();
            assert!(error.contains("no list of vendors"), "{error}");
        }
        let missing = VendorArgs {
            oui: Some("/nowhere/oui.txt".into()),
        };
        let error = format!("{:#}", VendorList::open(&missing).unwrap_err());
        assert_eq!(
            error,
            "read vendors from /nowhere/oui.txt: No such file or directory (os error 2)"
        );
    }
}
