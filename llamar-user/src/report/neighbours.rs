//! What asking for neighbours shows in both families.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::layout::json;
use crate::ether::{MacAddr, Milliseconds, Statistics};

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

/// A line like `10.0.0.1 is at 02:00:00:00:00:01  0.123 ms`, and what is unusual about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerLine<'r, A> {
    /// The address.
    pub target: A,
    /// Who has it, or wants it.
    pub mac: MacAddr,
    /// Whether it is only wanted.
    pub is_wanted: bool,
    /// How long the answer took.
    pub rtt: Option<Milliseconds>,
    /// How it was heard of, where that is worth a word.
    pub how: Option<&'r str>,
    /// Whether the same question was answered by the same host before.
    pub repeated: bool,
    /// Who else has the address.
    pub duplicate_of: Option<MacAddr>,
    /// From whom the frame was.
    pub ether_source: MacAddr,
}

impl<A: fmt::Display> fmt::Display for AnswerLine<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, mac, .. } = self;
        let verb = match self.is_wanted {
            true => "is wanted by",
            false => "is at",
        };
        write!(f, "{target} {verb} {mac}")?;
        if let Some(rtt) = self.rtt {
            write!(f, "  {rtt} ms")?;
        }
        if let Some(how) = self.how {
            write!(f, "  ({how})")?;
        }
        if self.repeated {
            f.write_str("  (again)")?;
        }
        if let Some(other) = self.duplicate_of {
            write!(f, "  (also at {other})")?;
        }
        if self.ether_source != self.mac {
            write!(f, "  (in a frame of {})", self.ether_source)?;
        }
        Ok(())
    }
}
