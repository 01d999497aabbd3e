//! Where findings are told of, and how.

use super::place::Place;
use crate::ask::raw::Raw;
use crate::cli::output::OutputArgs;

/// Tells findings.
#[derive(Debug)]
pub struct Teller {
    /// How.
    pub output: OutputArgs,
    /// The interface.
    pub interface: String,
    /// VLAN id of the tag that frames have.
    pub vlan: Option<u16>,
}

impl Teller {
    /// Tells what is found there.
    pub fn new(output: OutputArgs, place: &Place, raw: &Raw) -> Self {
        Self {
            output,
            interface: raw.link().name.clone(),
            vlan: place.tag().map(|tag| tag.id()),
        }
    }

    /// Where it is: `eth0`, `VLAN 100 of eth0`.
    pub fn place(&self) -> String {
        match self.vlan {
            Some(vlan) => format!("VLAN {vlan} of {}", self.interface),
            None => self.interface.clone(),
        }
    }
}
