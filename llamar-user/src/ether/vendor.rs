//! Vendors by the prefixes of hardware addresses (IEEE's OUI, and the longer prefixes of smaller blocks), as lists that are
//! installed on many hosts tell them. Understood are IEEE's `oui.txt`, `oui28.txt` and `oui36.txt` and their `.csv`,
//! arp-scan's `ieee-oui.txt` and `mac-vendor.txt`, Wireshark's `manuf`, and nmap's `nmap-mac-prefixes`.
//!
//! Of a list only the prefixes are held, with the places of their lines in the file: 24 bytes for each.

use std::borrow::Cow;

use super::MacAddr;

/// Prefixes of a list at most: ten times those that IEEE has assigned.
pub const PREFIXES_MAX: usize = 500_000;
/// Longest line that is looked at.
pub const LINE_MAX: usize = 1024;
/// Longest name that is given: what is longer breaks tables.
const NAME_MAX: usize = 64;

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'l> {
    /// The prefix, in the upper of 48 bits.
    prefix: u64,
    /// How many bits it has.
    bits: u8,
    /// The vendor.
    pub name: Cow<'l, str>,
}

/// Reads a list line by line: some lines continue the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    /// The block of which smaller ones follow, in the formats of IEEE.
    block: u64,
}

impl Lines {
    /// What a line says; none if that is nothing about a vendor.
    pub fn read<'l>(&mut self, line: &'l str) -> Option<Entry<'l>> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.len() > LINE_MAX {
            return None;
        }
        let (prefix, bits, name) = if let Some((prefix, name)) = line.split_once("(hex)") {
            let (prefix, bits) = digits(prefix.trim())?;
            self.block = prefix;
            (prefix, bits, name)
        } else if let Some((range, name)) = line.split_once("(base 16)") {
            let (prefix, bits) = self.part(range.trim())?;
            (prefix, bits, name)
        } else if let Some(line) = csv(line) {
            let (prefix, name) = line.split_once(',')?;
            let (prefix, bits) = digits(prefix)?;
            return entry(prefix, bits, quoted(name));
        } else {
            let (prefix, name) = line.split_once(char::is_whitespace)?;
            let (prefix, bits) = digits(prefix)?;
            // Wireshark's short name stands before the long one.
            (prefix, bits, name.rsplit('\t').next().unwrap_or(name))
        };
        entry(prefix, bits, name.trim().trim_start_matches("# ").into())
    }

    /// A part of a block, as `800000-8FFFFF`; none if that is all of it, which was told before.
    fn part(&self, range: &str) -> Option<(u64, u8)> {
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let is_hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex.then(|| u64::from_str_radix(text, 16).ok())?
        };
        let (first, last) = (number(first)?, number(last)?);
        let size = last.checked_sub(first)?.checked_add(1)?;
        let fits = size.is_power_of_two() && first % size == 0;
        // At most 2^24.
        fits.then(|| (self.block | first, 48 - size.trailing_zeros() as u8))
    }
}

fn entry(prefix: u64, bits: u8, name: Cow<'_, str>) -> Option<Entry<'_>> {
    (!name.is_empty()).then_some(Entry { prefix, bits, name })
}

/// The fields behind the registry's name in IEEE's tables.
fn csv(line: &str) -> Option<&str> {
    let (registry, rest) = line.split_once(',')?;
    ["MA-L", "MA-M", "MA-S", "IAB", "CID"]
        .contains(&registry)
        .then_some(rest)
}

/// The first field, in quotes where it holds a comma.
fn quoted(text: &str) -> Cow<'_, str> {
    let Some(text) = text.strip_prefix('"') else {
        return text.split(',').next().unwrap_or_default().trim().into();
    };
    let mut name = String::new();
    let mut parts = text.split('"').peekable();
    while let Some(part) = parts.next() {
        name.push_str(part);
        // Two quotes stand for one.
        match parts.peek() {
            Some(&"") => name.push('"'),
            _ => break,
        }
        parts.next();
    }
    name.trim().to_owned().into()
}

/// A prefix of two to twelve digits, with separators or without, and the number of its bits where that is told.
fn digits(text: &str) -> Option<(u64, u8)> {
    let (text, told) = match text.split_once('/') {
        Some((text, bits)) => (text, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let (mut prefix, mut count) = (0_u64, 0_u8);
    for char in text.chars() {
        match char.to_digit(16) {
            Some(digit) if count < 12 => {
                prefix = prefix << 4 | u64::from(digit);
                count += 1;
            }
            None if matches!(char, ':' | '-' | '.') => {}
            _ => return None,
        }
    }
    if count < 2 {
        return None;
    }
    let bits = told.unwrap_or(count * 4);
    let prefix = prefix << (48 - u32::from(count) * 4);
    (1..=48)
        .contains(&bits)
        .then(|| (prefix & mask(bits), bits))
}

/// The upper bits of 48.
const fn mask(bits: u8) -> u64 {
    (u64::MAX << (48 - bits)) & 0xffff_ffff_ffff
}

const fn number(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

impl Entry<'_> {
    /// Whether a hardware address has this prefix.
    pub const fn holds(&self, mac: MacAddr) -> bool {
        number(mac) & mask(self.bits) == self.prefix
    }

    /// The prefix alone, which outlives its line.
    pub fn without_name(&self) -> Entry<'static> {
        Entry {
            prefix: self.prefix,
            bits: self.bits,
            name: Cow::Borrowed(""),
        }
    }

    /// The vendor's name as a terminal can show it, not too long.
    pub fn shown(&self) -> String {
        let shown = |char: char| match char.is_control() {
            true => char::REPLACEMENT_CHARACTER,
            false => char,
        };
        self.name.chars().map(shown).take(NAME_MAX).collect()
    }
}

/// The prefixes of a list, and where each stands.
#[derive(Clone, Debug, Default)]
pub struct Vendors {
    /// Prefix, bits, offset of the line.
    prefixes: Vec<(u64, u8, u64)>,
    /// The numbers of bits that there are, the largest first.
    lengths: Vec<u8>,
}

impl Vendors {
    /// Takes in entries with the offsets of their lines. Of a prefix that is there twice the first counts.
    pub fn new<'l>(entries: impl IntoIterator<Item = (u64, Entry<'l>)>) -> Self {
        let entries = entries.into_iter().take(PREFIXES_MAX);
        let mut prefixes: Vec<_> = entries
            .map(|(at, entry)| (entry.prefix, entry.bits, at))
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup_by_key(|(prefix, bits, _)| (*prefix, *bits));
        prefixes.shrink_to_fit();
        let mut lengths: Vec<u8> = prefixes.iter().map(|(_, bits, _)| *bits).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        lengths.dedup();
        Self { prefixes, lengths }
    }

    /// Where the line for a hardware address begins: that of its longest prefix.
    pub fn find(&self, mac: MacAddr) -> Option<u64> {
        self.lengths.iter().find_map(|bits| {
            let wanted = (number(mac) & mask(*bits), *bits);
            let found = self
                .prefixes
                .binary_search_by_key(&wanted, |(prefix, bits, _)| (*prefix, *bits));
            Some(self.prefixes.get(found.ok()?)?.2)
        })
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }
}

/// The line of a list from which [`Vendors::find`] gave the offset: the vendor, if the line still is about that address.
pub fn name(line: &str, mac: MacAddr) -> Option<String> {
    let block = number(mac) & mask(24);
    let entry = Lines { block }.read(line)?;
    entry.holds(mac).then(|| entry.shown())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IEEE: &str = "\
OUI/MA-L                                                    Organization
company_id                                                  Organization
                                                            Address

00-22-72   (hex)\t\tAmerican Micro-Fuel Device Corp.
002272     (base 16)\t\tAmerican Micro-Fuel Device Corp.
\t\t\t\t2181 Buchanan Loop
\t\t\t\tFerndale  WA  98248

C0-D3-91   (hex)\t\tSAMSARA NETWORKS INC
800000-8FFFFF     (base 16)\t\tSAMSARA NETWORKS INC
";
    const CSV: &str = "\
Registry,Assignment,Organization Name,Organization Address
MA-L,002272,American Micro-Fuel Device Corp.,2181 Buchanan Loop Ferndale WA US 98248
MA-M,C0D3918,\"SAMSARA \"\"NETWORKS\"\", INC\",\"x, y\"
";
    const ARP_SCAN: &str = "\
# ieee-oui.txt
002272\tAmerican Micro-Fuel Device Corp.
C0D3918\tSAMSARA NETWORKS INC
00:00:5e:00:01\tVRRP (last octet is VRID)
ff:ff:ff:ff:ff:ff\tBroadcast
";
    const MANUF: &str = "\
# Wireshark
00:22:72\tAmerican\tAmerican Micro-Fuel Device Corp.
C0:D3:91\tIEEERegi\tIEEE Registration Authority
C0:D3:91:80:00:00/28\tSamsara\tSamsara Networks Inc
00-00-0C\tCisco
";
    const NMAP: &str = "002272 American Micro-Fuel Device\nC0D3918 Samsara\n";

    fn find(list: &str, mac: &str) -> Option<String> {
        let mac = mac.parse().unwrap();
        let mut lines = Lines::default();
        let mut at = 0;
        let entries = list.split_inclusive('\n').filter_map(|line| {
            let begins = at;
            at += line.len() as u64;
            Some((begins, lines.read(line)?))
        });
        let vendors = Vendors::new(entries.collect::<Vec<_>>());
        let at = vendors.find(mac)? as usize;
        name(list[at..].lines().next().unwrap(), mac)
    }

    #[test]
    fn each_kind_of_list_names_the_vendor_by_the_longest_prefix() {
        for (list, first, second) in [
            (
                IEEE,
                "American Micro-Fuel Device Corp.",
                "SAMSARA NETWORKS INC",
            ),
            (
                CSV,
                "American Micro-Fuel Device Corp.",
                "SAMSARA \"NETWORKS\", INC",
            ),
            (
                ARP_SCAN,
                "American Micro-Fuel Device Corp.",
                "SAMSARA NETWORKS INC",
            ),
            (
                MANUF,
                "American Micro-Fuel Device Corp.",
                "Samsara Networks Inc",
            ),
            (NMAP, "American Micro-Fuel Device", "Samsara"),
        ] {
            assert_eq!(find(list, "00:22:72:01:02:03").as_deref(), Some(first));
            assert_eq!(find(list, "c0:d3:91:8f:00:01").as_deref(), Some(second));
            assert_eq!(find(list, "00:22:73:01:02:03"), None);
        }
        let other = find(MANUF, "c0:d3:91:70:00:01");
        assert_eq!(other.as_deref(), Some("IEEE Registration Authority"));
        assert_eq!(find(MANUF, "00:00:0c:01:02:03").as_deref(), Some("Cisco"));
        let vrrp = find(ARP_SCAN, "00:00:5e:00:01:07");
        assert_eq!(vrrp.as_deref(), Some("VRRP (last octet is VRID)"));
        let all = find(ARP_SCAN, "ff:ff:ff:ff:ff:ff");
        assert_eq!(all.as_deref(), Some("Broadcast"));
    }

    #[test]
    fn a_line_that_has_become_another_names_nobody() {
        let mac = "00:22:72:01:02:03".parse().unwrap();
        assert_eq!(name("002273\tSomebody else", mac), None);
        assert_eq!(name("2\tAmerican", mac), None);
        assert_eq!(name("", mac), None);
        let control = name("002272\tA\u{1b}[2Jx", mac);
        assert_eq!(control.as_deref(), Some("A\u{fffd}[2Jx"));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_harm(list in "([0-9A-F:/\t\\-, \"#a-z()]{0,40}\n){0,8}", mac: [u8; 6]) {
            let mut lines = Lines::default();
            let entries: Vec<_> = list.lines().filter_map(|line| lines.read(line)).collect();
            let held = entries.iter().any(|entry| entry.holds(MacAddr(mac)));
            let numbered = entries.into_iter().enumerate().map(|(at, entry)| (at as u64, entry));
            prop_assert_eq!(Vendors::new(numbered).find(MacAddr(mac)).is_some(), held);
        }
    }
}
