//! Descriptions of interfaces (draft-ietf-opsawg-pcapng 4.2).

use std::time::Duration;

use pcap_parser::{
    InterfaceDescriptionBlock, OptionCode, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le,
};

use super::Order;

/// Most bytes of a name that are held: thousands of interfaces may have one.
const NAME_MAX: usize = 255;

/// What a file says of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// `if_name`.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: u32,
    /// Most bytes of a frame that were captured, 0 for all.
    pub snaplen: u32,
    /// Units of time in a second, a power of 10 or 2.
    units: u128,
    /// Seconds to be added.
    offset: i64,
}

impl Interface {
    /// The description that a whole block is.
    pub(super) fn read(order: Order, bytes: &[u8]) -> Option<Self> {
        let parse = match order {
            Order::Little => parse_interfacedescriptionblock_le,
            Order::Big => parse_interfacedescriptionblock_be,
        };
        let (_, block) = parse(bytes).ok()?;
        let option = |code| option(&block, code);
        let offset = option(OptionCode::IfTsoffset).and_then(|value| {
            let &value = value.first_chunk()?;
            Some(match order {
                Order::Little => i64::from_le_bytes(value),
                Order::Big => i64::from_be_bytes(value),
            })
        });
        Some(Self {
            name: option(OptionCode::IfName).and_then(name),
            link: block.linktype.0 as u32,
            snaplen: block.snaplen,
            units: units(block.if_tsresol),
            offset: offset.unwrap_or(0),
        })
    }

    /// The time that a packet's timestamp is, since the epoch.
    pub(super) fn time(&self, timestamp: u64) -> Duration {
        let timestamp = u128::from(timestamp);
        let seconds = u64::try_from(timestamp / self.units).unwrap_or(u64::MAX);
        // Of 64 bits at most and multiplied by 30 bits, if there is more than one unit in a second at all.
        let nanoseconds = match timestamp % self.units {
            rest if rest <= u128::from(u64::MAX) => rest * 1_000_000_000 / self.units,
            _ => 0,
        };
        let seconds = seconds.saturating_add_signed(self.offset);
        Duration::new(seconds, nanoseconds as u32)
    }
}

fn option<'a>(block: &'a InterfaceDescriptionBlock<'_>, code: OptionCode) -> Option<&'a [u8]> {
    let mut options = block.options.iter();
    let option = options.find(|option| option.code == code)?;
    option.as_bytes().ok()
}

/// A name that a terminal can show, without the zeros that some writers put behind it; `None` if it is empty.
fn name(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|&byte| byte == 0);
    let value = &value[..end.unwrap_or(value.len()).min(NAME_MAX)];
    let shown = |char: char| match char.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => char,
    };
    let text: String = String::from_utf8_lossy(value).chars().map(shown).collect();
    (!text.is_empty()).then_some(text)
}

/// Units in a second. What fits in no integer has no use either: all times are the epoch then.
fn units(resolution: u8) -> u128 {
    let exponent = u32::from(resolution & 0x7f);
    let units = match resolution & 0x80 {
        0 => 10_u128.checked_pow(exponent),
        _ => 2_u128.checked_pow(exponent),
    };
    units.unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(resolution: u8, offset: i64) -> Interface {
        Interface {
            name: None,
            link: 1,
            snaplen: 0,
            units: units(resolution),
            offset,
        }
    }

    #[test]
    fn time_has_the_units_of_its_interface() {
        let time = |resolution, timestamp| interface(resolution, 0).time(timestamp);
        for (resolution, timestamp) in [
            (0, 1_700_000_001),
            (6, 1_700_000_001_000_000),
            (9, 1_700_000_001_000_000_000),
            (0x80, 1_700_000_001),
            (0x80 | 20, 1_700_000_001 << 20),
        ] {
            let expected = Duration::from_secs(1_700_000_001);
            assert_eq!(time(resolution, timestamp), expected, "{resolution}");
        }
        assert_eq!(time(3, 1500), Duration::from_millis(1500));
        assert_eq!(time(0x81, 3), Duration::from_millis(1500));
        assert_eq!(time(12, 1_500_000_000_000), Duration::from_millis(1500));
        assert_eq!(time(9, u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn no_resolution_and_no_offset_does_harm() {
        for resolution in 0..=u8::MAX {
            for timestamp in [0, 1, u64::MAX] {
                for offset in [i64::MIN, -1, 0, i64::MAX] {
                    interface(resolution, offset).time(timestamp);
                }
            }
        }
        assert_eq!(interface(0, -5).time(7), Duration::from_secs(2));
        assert_eq!(interface(0, -9).time(7), Duration::ZERO);
    }

    #[test]
    fn names_are_text_of_bounded_length() {
        assert_eq!(name(b"eth0\0\0"), Some("eth0".into()));
        assert_eq!(name(b"\0x"), None);
        assert_eq!(name(b"a\xff\x1b[2J"), Some("a\u{fffd}\u{fffd}[2J".into()));
        assert_eq!(name(&[b'x'; 300]).unwrap().len(), 255);
    }
}
