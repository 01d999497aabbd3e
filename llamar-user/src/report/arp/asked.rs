//! What `llamar arp detect` and `llamar arp request` show.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::arp::{Answer, How};
use crate::ether::{MacAddr, Milliseconds};
use crate::report::layout::json;
use crate::report::neighbours::AnswerLine;

/// Somebody who has an address, or wants it too.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "answer")]
pub struct AnswerRow {
    /// The address.
    pub target: Ipv4Addr,
    /// Who has it.
    pub mac: MacAddr,
    /// How long the answer took; none of a packet that is no answer to us.
    pub rtt_ms: Option<Milliseconds>,
    /// What kind of packet tells it: `reply`, `overheard`, `request`, `announcement`, `probe`, `other`.
    pub how: &'static str,
    /// Whether the same question was answered by the same host before.
    pub repeated: bool,
    /// Who else has the address.
    pub duplicate_of: Option<MacAddr>,
    /// From whom the frame was, which may be another one than its packet says.
    pub ether_source: MacAddr,
    /// The interface.
    pub interface: String,
    /// The VLAN.
    pub vlan: Option<u16>,
}

impl AnswerRow {
    /// What was found on an interface, in a VLAN or none.
    pub fn new(answer: &Answer, interface: &str, vlan: Option<u16>) -> Self {
        Self {
            target: answer.target,
            mac: answer.mac,
            rtt_ms: answer.rtt.map(Milliseconds),
            how: name(answer.how),
            repeated: answer.repeated,
            duplicate_of: answer.duplicate_of,
            ether_source: answer.arrival.source,
            interface: interface.to_owned(),
            vlan,
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line like `10.0.0.1 is at 02:00:00:00:00:01  0.123 ms`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let line = AnswerLine {
            target: self.target,
            mac: self.mac,
            is_wanted: self.how == "probe",
            rtt: self.rtt_ms,
            how: match self.how {
                "reply" => None,
                "overheard" => Some("reply to another host"),
                how => Some(how),
            },
            repeated: self.repeated,
            duplicate_of: self.duplicate_of,
            ether_source: self.ether_source,
        };
        writeln!(out, "{line}")
    }
}

const fn name(how: How) -> &'static str {
    match how {
        How::Reply => "reply",
        How::Overheard => "overheard",
        How::Request => "request",
        How::Announcement => "announcement",
        How::Probe => "probe",
        How::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arp::{Arrival, Packet, Station};
    use crate::ether::Statistics;
    use crate::report::EndRow;

    const HOLDER: Station = Station {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        ip: Ipv4Addr::new(10, 0, 0, 1),
    };

    fn answer() -> Answer {
        Answer {
            target: HOLDER.ip,
            mac: HOLDER.mac,
            how: How::Reply,
            rtt: Some(Duration::from_micros(123)),
            repeated: false,
            duplicate_of: None,
            arrival: Arrival {
                destination: MacAddr::BROADCAST,
                source: HOLDER.mac,
                packet: Packet::announcement(HOLDER),
            },
        }
    }

    fn line(answer: &Answer) -> String {
        let mut out = Vec::new();
        let row = AnswerRow::new(answer, "eth0", None);
        row.write_line(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_is_a_line_that_tells_what_is_unusual() {
        let plain = "10.0.0.1 is at 02:00:00:00:00:01  0.123 ms\n";
        assert_eq!(line(&answer()), plain);
        let mut unusual = Answer {
            repeated: true,
            duplicate_of: Some(MacAddr([2, 0, 0, 0, 0, 9])),
            ..answer()
        };
        unusual.arrival.source = MacAddr([2, 0, 0, 0, 0, 8]);
        assert_eq!(
            line(&unusual),
            "10.0.0.1 is at 02:00:00:00:00:01  0.123 ms  (again)  (also at 02:00:00:00:00:09)  \
             (in a frame of 02:00:00:00:00:08)\n"
        );
        for (how, text) in [
            (
                How::Probe,
                "10.0.0.1 is wanted by 02:00:00:00:00:01  (probe)\n",
            ),
            (
                How::Overheard,
                "10.0.0.1 is at 02:00:00:00:00:01  (reply to another host)\n",
            ),
            (
                How::Announcement,
                "10.0.0.1 is at 02:00:00:00:00:01  (announcement)\n",
            ),
            (
                How::Request,
                "10.0.0.1 is at 02:00:00:00:00:01  (request)\n",
            ),
        ] {
            let heard = Answer {
                how,
                rtt: None,
                ..answer()
            };
            assert_eq!(line(&heard), text);
        }
    }

    #[test]
    fn machines_read_objects() {
        let mut out = Vec::new();
        let row = AnswerRow::new(&answer(), "eth0", Some(7));
        row.write_json(&mut out).unwrap();
        let end = EndRow::<Ipv4Addr> {
            silent: vec![[10, 0, 0, 9].into()],
            statistics: Statistics::default(),
            interface: "eth0".into(),
            vlan: None,
        };
        end.write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"event":"answer","target":"10.0.0.1","mac":"02:00:00:00:00:01","rtt_ms":0.123,"how":"reply","repeated":false,"duplicate_of":null,"ether_source":"02:00:00:00:00:01","interface":"eth0","vlan":7}
{"event":"end","silent":["10.0.0.9"],"statistics":{"sent":0,"received":0,"duplicates":0,"loss_percent":null,"rtt_ms":null},"interface":"eth0","vlan":null}
"#
        );
    }
}
