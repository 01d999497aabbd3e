//! Options that the commands of `llamar ether` have in common.

use std::time::Duration;

use crate::ether::{MacAddr, Tag};

/// Largest VLAN id (IEEE 802.1Q 9.6: 4095 is reserved).
const VLAN_MAX: i64 = 4094;
/// Longest time that an option may name, a day: what is to last longer is not told how long.
const SECONDS_MAX: f64 = 86_400.0;
/// Shortest one: what is shorter only floods the link.
const SECONDS_MIN: f64 = 0.001;

/// The interface.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlaceArgs {
    /// Interface [default: the only Ethernet interface that is up]
    #[arg(
        short = 'I',
        long,
        alias = "interface",
        short_alias = 'i',
        value_name = "IF"
    )]
    pub iface: Option<String>,
}

/// The tag of frames.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TagArgs {
    /// Sends in this VLAN
    #[arg(short = 'V', long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..=VLAN_MAX))]
    vlan: Option<u16>,
    /// 802.1p priority, 0 to 7; without a VLAN the tag has only that
    #[arg(long, value_name = "PRIORITY", value_parser = clap::value_parser!(u16).range(0..8))]
    priority: Option<u16>,
}

impl TagArgs {
    /// The tag, if there is to be one.
    pub fn tag(&self) -> Option<Tag> {
        if self.vlan.is_none() && self.priority.is_none() {
            return None;
        }
        let tag = Tag::vlan(self.vlan.unwrap_or_default());
        Some(Tag {
            control: tag.control | self.priority.unwrap_or_default() << 13,
            ..tag
        })
    }
}

/// What is printed.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// Prints results only: neither a heading nor statistics
    #[arg(short, long)]
    pub quiet: bool,
    /// Prints JSON, an object on each line
    #[arg(long)]
    pub json: bool,
}

/// A hardware address, or the word for that of all.
pub fn mac(text: &str) -> Result<MacAddr, String> {
    match text {
        "broadcast" => Ok(MacAddr::BROADCAST),
        _ => text.parse().map_err(|_| {
            String::from("no hardware address, as 02:00:00:00:00:01, nor the word broadcast")
        }),
    }
}

/// The id of a VLAN.
pub fn vlan() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=VLAN_MAX)
}

/// A time in seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| String::from("no number of seconds"))?;
    if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("not from {SECONDS_MIN} to {SECONDS_MAX} seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_made_of_vlan_and_priority_and_of_either() {
        for (vlan, priority, control) in [
            (None, None, None),
            (Some(100), None, Some(100)),
            (Some(4094), Some(7), Some(0xeffe)),
            (None, Some(5), Some(0xa000)),
        ] {
            let tag = TagArgs { vlan, priority }.tag();
            assert_eq!(tag.map(|tag| tag.control), control);
            assert!(tag.is_none_or(|tag| tag.protocol == 0x8100));
        }
    }

    #[test]
    fn times_have_bounds_that_are_told() {
        assert_eq!(seconds("0.1"), Ok(Duration::from_millis(100)));
        for wrong in ["0", "-1", "nan", "inf", "86401", "1e300"] {
            let why = "not from 0.001 to 86400 seconds";
            assert_eq!(seconds(wrong), Err(why.into()), "{wrong}");
        }
        assert_eq!(seconds("soon"), Err("no number of seconds".into()));
    }

    #[test]
    fn hardware_addresses_have_a_word_for_all() {
        assert_eq!(mac("broadcast"), Ok(MacAddr::BROADCAST));
        assert_eq!(mac("020000000001"), Ok(MacAddr([2, 0, 0, 0, 0, 1])));
        assert!(mac("all").unwrap_err().contains("nor the word broadcast"));
    }
}
