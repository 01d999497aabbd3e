//! Options that several commands of `llamar arp` have.

use crate::cli::force::Force;
use crate::cli::values;
use crate::ether::{MacAddr, Tag};

/// Where packets go out.
#[derive(Clone, Debug, clap::Args)]
pub struct PlaceArgs {
    /// Interface [default: the one on whose network the address is, or the only one there is]
    #[arg(short = 'I', long, alias = "interface", value_name = "IF")]
    pub iface: Option<String>,
    /// VLAN in which frames are sent and received
    #[arg(short = 'V', long, value_name = "ID", value_parser = values::vlan())]
    pub vlan: Option<u16>,
    /// 802.1p priority of the frames of the VLAN, 0 to 7
    #[arg(long, value_name = "PRIORITY", requires = "vlan", value_parser = values::priority())]
    pub priority: Option<u16>,
    #[command(flatten)]
    pub force: Force,
}

impl PlaceArgs {
    /// The tag of the frames.
    pub fn tag(&self) -> Option<Tag> {
        let priority = self.priority.unwrap_or_default();
        self.vlan.map(|id| Tag::vlan(id).with_priority(priority))
    }
}

/// Who the frames and packets say they are from.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    /// Ethernet source [default: the interface's address]
    #[arg(short = 's', long, value_name = "MAC", value_parser = values::mac)]
    pub src_hw: Option<MacAddr>,
    /// Hardware address of the sender in the packet [default: the Ethernet source]
    #[arg(short = 'S', long, value_name = "MAC", value_parser = values::mac)]
    pub src_arp: Option<MacAddr>,
    /// Pads frames to 60 bytes, as hardware does
    #[arg(long)]
    pub pad: bool,
}

impl SourceArgs {
    /// The Ethernet source; `own` is the interface's address.
    pub fn ether(&self, own: MacAddr) -> MacAddr {
        self.src_hw.unwrap_or(own)
    }

    /// The sender in the packet.
    pub fn packet(&self, own: MacAddr) -> MacAddr {
        self.src_arp.unwrap_or(self.ether(own))
    }
}

/// To whom the frames and packets say they go.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    /// Ethernet destination; broadcast is a word for all [default: all]
    #[arg(short = 't', long, value_name = "MAC", value_parser = values::mac)]
    pub trg_hw: Option<MacAddr>,
    /// Hardware address of the target in the packet
    #[arg(short = 'T', long, value_name = "MAC", value_parser = values::mac)]
    pub trg_arp: Option<MacAddr>,
}
