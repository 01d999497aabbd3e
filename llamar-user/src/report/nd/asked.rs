//! What `llamar nd detect` shows.

use std::io::{self, Write};
use std::net::Ipv6Addr;

use serde::Serialize;

use crate::ether::{MacAddr, Milliseconds};
use crate::ndp::Answer;
use crate::report::layout::json;
use crate::report::neighbours::AnswerLine;

/// Somebody who has an address, or wants it too.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "answer")]
pub struct AnswerRow {
    /// The address.
    pub target: Ipv6Addr,
    /// Who has it.
    pub mac: MacAddr,
    /// How long the answer took; none of a message that is no answer to us.
    pub rtt_ms: Option<Milliseconds>,
    /// What kind of message tells it: `solicited` or `unsolicited` advertisement, or `probe`.
    pub how: &'static str,
    /// R: its holder is a router.
    pub router: bool,
    /// O: it replaces what is known.
    #[serde(rename = "override")]
    pub overriding: bool,
    /// Whether the same question was answered by the same host before.
    pub repeated: bool,
    /// Who else has the address.
    pub duplicate_of: Option<MacAddr>,
    /// The source of the packet: another address than the target if a proxy answers.
    pub source: Ipv6Addr,
    /// From whom the frame was, which may be another one than its message says.
    pub ether_source: MacAddr,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl AnswerRow {
    /// What was found on an interface, in a VLAN or none.
    pub fn new(answer: &Answer, repeated: bool, interface: &str, vlan: Option<u16>) -> Self {
        Self {
            target: answer.target,
            mac: answer.mac,
            rtt_ms: answer.rtt.map(Milliseconds),
            how: match answer.advertisement.solicited {
                true => "solicited",
                false => "unsolicited",
            },
            router: answer.advertisement.router,
            overriding: answer.advertisement.overriding,
            repeated,
            duplicate_of: answer.rival,
            source: answer.source,
            ether_source: answer.ether_source,
            interface: interface.to_owned(),
            vlan,
        }
    }

    /// Somebody who checks whether an address can be had.
    pub fn probe(target: Ipv6Addr, mac: MacAddr, interface: &str, vlan: Option<u16>) -> Self {
        Self {
            target,
            mac,
            rtt_ms: None,
            how: "probe",
            router: false,
            overriding: false,
            repeated: false,
            duplicate_of: None,
            source: Ipv6Addr::UNSPECIFIED,
            ether_source: mac,
            interface: interface.to_owned(),
            vlan,
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `fe80::2 is at 02:00:00:00:00:02  0.123 ms`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let line = AnswerLine {
            target: self.target,
            mac: self.mac,
            is_wanted: self.how == "probe",
            rtt: self.rtt_ms,
            how: Some(self.how).filter(|_| self.rtt_ms.is_none()),
            repeated: self.repeated,
            duplicate_of: self.duplicate_of,
            ether_source: self.ether_source,
        };
        writeln!(out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ether::Statistics;
    use crate::ndp::Advertisement;
    use crate::report::EndRow;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn answer() -> Answer {
        let target = "fe80::2".parse().unwrap();
        Answer {
            target,
            mac: MAC,
            ether_source: MAC,
            source: target,
            advertisement: Advertisement {
                target,
                router: false,
                solicited: true,
                overriding: true,
                target_mac: Some(MAC),
            },
            rtt: Some(Duration::from_micros(123)),
            rival: None,
        }
    }

    fn line(row: &AnswerRow) -> String {
        let mut out = Vec::new();
        row.write_line(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_is_a_line_that_tells_what_is_unusual() {
        let plain = AnswerRow::new(&answer(), false, "eth0", None);
        assert_eq!(line(&plain), "fe80::2 is at 02:00:00:00:00:02  0.123 ms\n");
        let unusual = Answer {
            ether_source: MacAddr([2, 0, 0, 0, 0, 8]),
            rival: Some(MacAddr([2, 0, 0, 0, 0, 9])),
            rtt: None,
            advertisement: Advertisement {
                solicited: false,
                ..answer().advertisement
            },
            ..answer()
        };
        assert_eq!(
            line(&AnswerRow::new(&unusual, true, "eth0", None)),
            "fe80::2 is at 02:00:00:00:00:02  (unsolicited)  (again)  (also at 02:00:00:00:00:09)  \
             (in a frame of 02:00:00:00:00:08)\n"
        );
        let probe = AnswerRow::probe(answer().target, MAC, "eth0", None);
        assert_eq!(
            line(&probe),
            "fe80::2 is wanted by 02:00:00:00:00:02  (probe)\n"
        );
    }

    #[test]
    fn machines_read_objects() {
        let mut out = Vec::new();
        let row = AnswerRow::new(&answer(), false, "eth0", Some(7));
        row.write_json(&mut out).unwrap();
        let end = EndRow::<Ipv6Addr> {
            silent: vec!["fe80::9".parse().unwrap()],
            statistics: Statistics::default(),
            interface: "eth0".into(),
            vlan: None,
        };
        end.write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"event":"answer","target":"fe80::2","mac":"02:00:00:00:00:02","rtt_ms":0.123,"how":"solicited","router":false,"override":true,"repeated":false,"duplicate_of":null,"source":"fe80::2","ether_source":"02:00:00:00:00:02","interface":"eth0","vlan":7}
{"event":"end","silent":["fe80::9"],"statistics":{"sent":0,"received":0,"duplicates":0,"loss_percent":null,"rtt_ms":null},"interface":"eth0","vlan":null}
"#
        );
    }
}
