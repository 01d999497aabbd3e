//! What `llamar nd` shows of neighbours: a line or a JSON object for each finding.

use std::io::{self, Write};
use std::net::Ipv6Addr;

use serde::Serialize;

use super::json;
use crate::ether::{MacAddr, Milliseconds, Statistics};
use crate::ndp;

/// A finding, and where it was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NdReport<'a> {
    /// The interface.
    pub interface: &'a str,
    /// VLAN id of the tag that frames have.
    pub vlan: Option<u16>,
    /// The finding.
    #[serde(flatten)]
    pub finding: NdFinding,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum NdFinding {
    /// Somebody has an address.
    Answer(NdAnswer),
    /// Somebody checks whether an address can be had, and will have it.
    Claim {
        /// The address.
        address: Ipv6Addr,
        /// Who checks.
        mac: MacAddr,
    },
    /// Nobody has answered for an address.
    Silent {
        /// The address.
        address: Ipv6Addr,
    },
    /// What came of asking.
    Summary {
        /// Addresses that were asked for.
        addresses: usize,
        /// Those that somebody has.
        answered: usize,
        /// Solicitations and answers.
        #[serde(flatten)]
        statistics: Statistics,
    },
    /// An address was told of.
    Announced {
        /// The address.
        address: Ipv6Addr,
        /// The hardware address that was told.
        mac: MacAddr,
        /// Which time it was, from 1.
        number: u32,
    },
    /// Nobody has an address: it can be ours.
    Free {
        /// The address.
        address: Ipv6Addr,
        /// How often our own solicitations came back.
        looped_back: u64,
    },
    /// Our own solicitation came back (RFC 7527 4.2).
    LoopedBack {
        /// The address asked for.
        address: Ipv6Addr,
    },
    /// Somebody has an address: it cannot be ours.
    Duplicate {
        /// The address.
        address: Ipv6Addr,
        /// Who has it, or wants it as we do.
        mac: MacAddr,
        /// Whether it only wants it.
        tentative: bool,
    },
    /// Somebody has, or wants, an address that we keep.
    Conflict {
        /// The address.
        address: Ipv6Addr,
        /// Who.
        mac: MacAddr,
        /// Whether it only wants it.
        tentative: bool,
        /// How many conflicts with it there have been since the last that was told of.
        times: u64,
    },
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NdAnswer {
    /// The address.
    pub address: Ipv6Addr,
    /// Who has it.
    pub mac: MacAddr,
    /// Where the frame came from; another than `mac` if a proxy answers.
    pub ether_source: MacAddr,
    /// Source of the packet.
    pub from: Ipv6Addr,
    /// R: its holder is a router.
    pub router: bool,
    /// S: it answers a solicitation.
    pub solicited: bool,
    /// O: it replaces what is known.
    #[serde(rename = "override")]
    pub overriding: bool,
    /// Milliseconds since the last solicitation; none if it answers none.
    pub rtt_ms: Option<Milliseconds>,
    /// Another who answered before.
    pub rival: Option<MacAddr>,
}

impl NdReport<'_> {
    /// Writes one object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }
}

impl NdFinding {
    /// The line for people, for what belongs on standard output.
    pub fn line(&self) -> Option<String> {
        Some(match self {
            Self::Answer(answer) => answer.line(),
            Self::Claim { address, mac } => format!("{address} is being claimed by {mac}"),
            Self::Announced {
                address,
                mac,
                number: 1,
            } => format!("{address} is at {mac}"),
            Self::Free { address, .. } => format!("{address} is free"),
            Self::Duplicate {
                address,
                mac,
                tentative,
            } => match tentative {
                false => format!("{address} is a duplicate: {mac} has it"),
                true => format!("{address} is a duplicate: {mac} wants it too"),
            },
            Self::Conflict { address, mac, .. } => format!("{address} is claimed by {mac} too"),
            // What is repeated tells nothing new.
            Self::Announced { .. }
            | Self::Silent { .. }
            | Self::Summary { .. }
            | Self::LoopedBack { .. } => return None,
        })
    }
}

impl NdAnswer {
    /// `fe80::2 is at 02:00:00:00:00:02  0.123 ms`
    fn line(&self) -> String {
        let (address, mac) = (self.address, self.mac);
        match self.rtt_ms {
            Some(time) => format!("{address} is at {mac}  {time} ms"),
            None => format!("{address} is at {mac}"),
        }
    }

    /// The flags that are set, as `R S O`.
    pub fn flags(&self) -> String {
        let flags = [
            (self.router, "R"),
            (self.solicited, "S"),
            (self.overriding, "O"),
        ];
        let set: Vec<&str> = flags
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, flag)| *flag)
            .collect();
        match set.as_slice() {
            [] => "none".to_owned(),
            set => set.join(" "),
        }
    }
}

impl From<&ndp::Answer> for NdAnswer {
    fn from(answer: &ndp::Answer) -> Self {
        Self {
            address: answer.target,
            mac: answer.mac,
            ether_source: answer.ether_source,
            from: answer.source,
            router: answer.advertisement.router,
            solicited: answer.advertisement.solicited,
            overriding: answer.advertisement.overriding,
            rtt_ms: answer.rtt.map(Milliseconds),
            rival: answer.rival,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn answer() -> NdAnswer {
        NdAnswer {
            address: "fe80::2".parse().unwrap(),
            mac: MAC,
            ether_source: MAC,
            from: "fe80::2".parse().unwrap(),
            router: true,
            solicited: true,
            overriding: false,
            rtt_ms: Some(Milliseconds(Duration::from_micros(123))),
            rival: None,
        }
    }

    #[test]
    fn an_answer_is_a_line_with_its_time() {
        let line = NdFinding::Answer(answer()).line();
        assert_eq!(
            line.as_deref(),
            Some("fe80::2 is at 02:00:00:00:00:02  0.123 ms")
        );
        assert_eq!(answer().flags(), "R S");
        let unasked = NdAnswer {
            rtt_ms: None,
            router: false,
            solicited: false,
            ..answer()
        };
        assert_eq!(unasked.flags(), "none");
        assert_eq!(unasked.line(), "fe80::2 is at 02:00:00:00:00:02");
    }

    #[test]
    fn machines_read_an_object_for_each_finding() {
        let shown = |finding| {
            let report = NdReport {
                interface: "eth0",
                vlan: Some(7),
                finding,
            };
            let mut out = Vec::new();
            report.write_json(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let address = answer().address;
        let summary = NdFinding::Summary {
            addresses: 2,
            answered: 1,
            statistics: Statistics::default(),
        };
        for (finding, expected) in [
            (
                NdFinding::Answer(answer()),
                r#""event":"answer","address":"fe80::2","mac":"02:00:00:00:00:02","ether_source":"02:00:00:00:00:02","from":"fe80::2","router":true,"solicited":true,"override":false,"rtt_ms":0.123,"rival":null"#,
            ),
            (
                NdFinding::Free {
                    address,
                    looped_back: 1,
                },
                r#""event":"free","address":"fe80::2","looped_back":1"#,
            ),
            (
                NdFinding::Duplicate {
                    address,
                    mac: MAC,
                    tentative: true,
                },
                r#""event":"duplicate","address":"fe80::2","mac":"02:00:00:00:00:02","tentative":true"#,
            ),
            (
                summary,
                r#""event":"summary","addresses":2,"answered":1,"sent":0,"received":0,"duplicates":0,"loss_percent":null,"rtt_ms":null"#,
            ),
        ] {
            let expected = format!("{{\"interface\":\"eth0\",\"vlan\":7,{expected}}}\n");
            assert_eq!(shown(finding), expected);
        }
    }
}
