//! `-4` and `-6`.

use crate::ask::Family;

/// The IP version that is asked over.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct FamilyArgs {
    /// Asks over IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Asks over IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl FamilyArgs {
    /// The version, if only one is wanted.
    pub fn family(self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::Ipv4),
            (_, true) => Some(Family::Ipv6),
            _ => None,
        }
    }
}
