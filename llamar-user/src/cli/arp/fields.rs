//! Options that several commands of `llamar arp` have.

use anyhow::bail;

use super::values;
use crate::arp::refusal::{self, Refusal};
use crate::ether::{MacAddr, Tag};

/// Highest VLAN id; 4095 is reserved (802.1Q 9.6).
const VLAN_MAX: i64 = 4094;
/// How far the priority stands from the VLAN id.
const PRIORITY_SHIFT: u16 = 13;

/// Where packets go out.
#[derive(Clone, Debug, clap::Args)]
pub struct PlaceArgs {
    /// Interface [default: the one on whose network the address is, or the only one there is]
    #[arg(short = 'I', long, alias = "interface", value_name = "IF")]
    pub iface: Option<String>,
    /// VLAN in which frames are sent and received
    #[arg(short = 'V', long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..=VLAN_MAX))]
    pub vlan: Option<u16>,
    /// 802.1p priority of the frames of the VLAN, 0 to 7
    #[arg(long, value_name = "PRIORITY", requires = "vlan", value_parser = clap::value_parser!(u16).range(0..8))]
    pub priority: Option<u16>,
    /// Does what would hurt a network, too
    #[arg(long)]
    pub force: bool,
}

impl PlaceArgs {
    /// The tag of the frames.
    pub fn tag(&self) -> Option<Tag> {
        let priority = self.priority.unwrap_or_default();
        self.vlan.map(|id| Tag {
            control: priority << PRIORITY_SHIFT | Tag::vlan(id).control,
            ..Tag::vlan(id)
        })
    }

    /// Refuses what is refused, unless it is forced.
    pub fn unless_forced(&self, judged: Result<(), Refusal>) -> anyhow::Result<()> {
        match judged {
            Err(refusal) if !self.force => bail!("{refusal}; --force does it nevertheless"),
            _ => Ok(()),
        }
    }
}

/// Fields of the frames and packets that are not as usual.
#[derive(Clone, Debug, clap::Args)]
pub struct FieldArgs {
    /// Ethernet source [default: the interface's address]
    #[arg(short = 's', long, value_name = "MAC", value_parser = values::mac)]
    pub src_hw: Option<MacAddr>,
    /// Ethernet destination; broadcast is a word for all [default: all]
    #[arg(short = 't', long, value_name = "MAC", value_parser = values::mac)]
    pub trg_hw: Option<MacAddr>,
    /// Hardware address of the sender in the packet [default: the Ethernet source]
    #[arg(short = 'S', long, value_name = "MAC", value_parser = values::mac)]
    pub src_arp: Option<MacAddr>,
    /// Hardware address of the target in the packet [default: zeros]
    #[arg(short = 'T', long, value_name = "MAC", value_parser = values::mac)]
    pub trg_arp: Option<MacAddr>,
    /// Pads frames to 60 bytes, as hardware does
    #[arg(long)]
    pub pad: bool,
}

impl FieldArgs {
    /// Refuses addresses that no frame may have.
    pub fn check(&self, place: &PlaceArgs) -> anyhow::Result<()> {
        for source in [self.src_hw, self.src_arp].into_iter().flatten() {
            place.unless_forced(refusal::source(source))?;
        }
        let destination = self.trg_hw.map_or(Ok(()), refusal::destination);
        place.unless_forced(destination)
    }
}

/// What is printed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputArgs {
    /// Says nothing but results
    #[arg(short, long)]
    pub quiet: bool,
    /// Prints JSON, an object on each line
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// Whether to tell people what goes on.
    pub fn tells(self) -> bool {
        !self.quiet && !self.json
    }
}
