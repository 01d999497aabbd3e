//! Addresses of ours that other hosts use too, as `llamar status` shows them.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::layout::{aligned, span, table};
use super::{LinkRow, vlan};
use crate::ether::MacAddr;

/// An address of ours that another host was found to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictRow {
    /// The address.
    pub address: IpAddr,
    /// The other host's hardware address.
    pub mac: MacAddr,
    /// How often it was seen.
    pub count: u64,
    /// How many seconds ago it was seen first.
    pub first: u64,
    /// How many seconds ago it was seen last.
    pub last: u64,
    /// What was done last: `noted`, `defended`, `withdrawn`, or `unannounced` for one on a `proxy-arp` list.
    pub outcome: String,
}

/// The conflicts of a link as a table; nothing if there are none.
pub(super) fn table_of(conflicts: &[ConflictRow], out: &mut impl Write) -> io::Result<()> {
    if conflicts.is_empty() {
        return Ok(());
    }
    let header = [
        "address",
        "also used by",
        "times",
        "since",
        "last seen",
        "then",
    ];
    let row = |row: &ConflictRow| {
        [
            row.address.to_string(),
            row.mac.to_string(),
            row.count.to_string(),
            format!("{} ago", span(row.first)),
            format!("{} ago", span(row.last)),
            row.outcome.clone(),
        ]
        .map(Cow::Owned)
    };
    table(&header, conflicts.iter().map(row), out)
}

/// The conflicts of all links, a line each.
pub(super) fn lines_of(links: &[LinkRow], out: &mut impl Write) -> io::Result<()> {
    let rows = links.iter().flat_map(|link| {
        link.conflicts.iter().map(|row| {
            [
                Cow::from("conflict"),
                Cow::from(&link.interface),
                vlan(link.vlan),
                row.address.to_string().into(),
                row.mac.to_string().into(),
                row.count.to_string().into(),
                row.first.to_string().into(),
                row.last.to_string().into(),
                Cow::from(&row.outcome),
            ]
        })
    });
    aligned(rows, out)
}
