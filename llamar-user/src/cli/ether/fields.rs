//! Options that the commands of `llamar ether` have in common.

use crate::cli::values;
use crate::ether::Tag;

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
    #[arg(short = 'V', long, value_name = "ID", value_parser = values::vlan())]
    vlan: Option<u16>,
    /// 802.1p priority, 0 to 7; without a VLAN the tag has only that
    #[arg(long, value_name = "PRIORITY", value_parser = values::priority())]
    priority: Option<u16>,
}

impl TagArgs {
    /// The tag, if there is to be one.
    pub fn tag(&self) -> Option<Tag> {
        if self.vlan.is_none() && self.priority.is_none() {
            return None;
        }
        let tag = Tag::vlan(self.vlan.unwrap_or_default());
        Some(tag.with_priority(self.priority.unwrap_or_default()))
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
}
