//! What asking for neighbours shows in both families.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::layout::json;
use crate::ether::{MacAddr, Statistics};

/// The end of asking.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "end")]
pub struct EndRow<A> {
    /// Addresses of which nothing was heard.
    pub silent: Vec<A>,
    /// What came of it all.
    pub statistics: Statistics,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl<A: Serialize> EndRow<A> {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }
}

/// What is unusual about an answer, at the end of its line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unusual {
    /// Whether the same question was answered by the same host before.
    pub repeated: bool,
    /// Who else has the address.
    pub duplicate_of: Option<MacAddr>,
    /// From whom the frame was, if that is another one.
    pub framed_by: Option<MacAddr>,
}

impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.repeated {
            f.write_str("  (again)")?;
        }
        if let Some(other) = self.duplicate_of {
            write!(f, "  (also at {other})")?;
        }
        if let Some(source) = self.framed_by {
            write!(f, "  (in a frame of {source})")?;
        }
        Ok(())
    }
}
