//! What `llamar ether ping` and `llamar ether respond` show.

use std::io::{self, Write};

use serde::Serialize;

use crate::ether::echo::{Pong, Responded};
use crate::ether::{MacAddr, Milliseconds, Statistics};
use crate::report::layout::json;

/// What became of a request, or of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum PongRow {
    /// Somebody replied.
    Reply {
        /// The request's number, from 1 on.
        sequence: u32,
        /// Who replied.
        from: MacAddr,
        /// Bytes that came back.
        bytes: u16,
        /// The round-trip time in milliseconds.
        rtt_ms: Milliseconds,
        /// Whether it had been replied to before.
        duplicate: bool,
        /// Whether it was given up already.
        late: bool,
        /// Offset of the first byte that is not what was sent.
        damaged_at: Option<usize>,
    },
    /// Somebody replied who was not asked.
    Foreign {
        /// The request's number.
        sequence: u32,
        /// Who replied.
        from: MacAddr,
    },
    /// Nobody replied in time.
    Lost {
        /// The request's number.
        sequence: u32,
    },
    /// All in all.
    Statistics {
        /// Who was asked.
        target: MacAddr,
        /// What came of it.
        #[serde(flatten)]
        statistics: Statistics,
    },
}

impl PongRow {
    /// The row of an event, if it has one.
    pub fn of(event: Pong) -> Option<Self> {
        Some(match event {
            Pong::Sent { .. } => return None,
            Pong::Reply {
                sequence,
                from,
                length,
                round_trip,
                duplicate,
                late,
                damage,
            } => Self::Reply {
                sequence,
                from,
                bytes: length,
                rtt_ms: Milliseconds(round_trip),
                duplicate,
                late,
                damaged_at: damage,
            },
            Pong::Foreign { sequence, from } => Self::Foreign { sequence, from },
            Pong::Lost { sequence } => Self::Lost { sequence },
        })
    }

    /// Whether it is a result, and not only something to know.
    pub const fn is_reply(&self) -> bool {
        matches!(self, Self::Reply { .. })
    }

    /// Writes an object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line: `46 bytes from 02:00:00:00:00:01: seq=1 time=0.123 ms`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Reply {
                sequence,
                from,
                bytes,
                rtt_ms,
                duplicate,
                late,
                damaged_at,
            } => {
                write!(
                    out,
                    "{bytes} bytes from {from}: seq={sequence} time={rtt_ms} ms"
                )?;
                if *duplicate {
                    write!(out, " (DUP!)")?;
                }
                if *late {
                    write!(out, " (late)")?;
                }
                if let Some(at) = damaged_at {
                    write!(out, " (damaged at byte {at})")?;
                }
                writeln!(out)
            }
            Self::Foreign { sequence, from } => {
                writeln!(out, "{from} replied to seq={sequence}, and was not asked")
            }
            Self::Lost { sequence } => writeln!(out, "no reply to seq={sequence}"),
            Self::Statistics { target, statistics } => {
                writeln!(out, "--- {target} ping statistics ---\n{statistics}")
            }
        }
    }
}

/// A request as the responder has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum RespondedRow {
    /// It was replied to.
    Reply {
        /// Who asked.
        to: MacAddr,
        /// In which VLAN.
        vlan: Option<u16>,
        /// Its number.
        sequence: u32,
        /// Bytes that were given back.
        bytes: u16,
    },
    /// It was not.
    Ignored {
        /// Who asked.
        from: MacAddr,
        /// Why there was no reply.
        reason: &'static str,
    },
}

impl RespondedRow {
    /// The row of an event.
    pub const fn of(event: Responded) -> Self {
        match event {
            Responded::Replied {
                to,
                vlan,
                sequence,
                length,
            } => Self::Reply {
                to,
                vlan,
                sequence,
                bytes: length,
            },
            Responded::Limited { from } => Self::Ignored {
                from,
                reason: "asks too often",
            },
            Responded::TooLong { from, .. } => Self::Ignored {
                from,
                reason: "asks for more bytes than the MTU here",
            },
        }
    }

    /// Writes an object.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line: `46 bytes to 02:00:00:00:00:02: seq=1, vlan 100`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Reply {
                to,
                vlan,
                sequence,
                bytes,
            } => {
                write!(out, "{bytes} bytes to {to}: seq={sequence}")?;
                if let Some(vlan) = vlan {
                    write!(out, ", vlan {vlan}")?;
                }
                writeln!(out)
            }
            Self::Ignored { from, reason } => writeln!(out, "no reply to {from}: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn both(
        lines: impl Fn(&mut Vec<u8>) -> io::Result<()>,
        objects: impl Fn(&mut Vec<u8>) -> io::Result<()>,
    ) -> String {
        let mut out = Vec::new();
        lines(&mut out).and_then(|()| objects(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_became_of_requests_is_told_as_ping_does() {
        let reply = |duplicate, late, damage| Pong::Reply {
            sequence: 1,
            from: STATION,
            length: 46,
            round_trip: Duration::from_micros(1234),
            duplicate,
            late,
            damage,
        };
        let foreign = Pong::Foreign {
            sequence: 2,
            from: STATION,
        };
        let mut statistics = Statistics::default();
        statistics.sent();
        statistics.received(Duration::from_micros(1234));
        let events = [
            reply(false, false, None),
            reply(true, false, Some(30)),
            reply(false, true, None),
            foreign,
            Pong::Lost { sequence: 3 },
            Pong::Sent { sequence: 4 },
        ];
        let mut rows: Vec<_> = events.into_iter().filter_map(PongRow::of).collect();
        rows.push(PongRow::Statistics {
            target: STATION,
            statistics,
        });
        let text = both(
            |out| rows.iter().try_for_each(|row| row.write_line(out)),
            |out| rows.iter().try_for_each(|row| row.write_json(out)),
        );
        insta::assert_snapshot!(text, @r#"
        46 bytes from 02:00:00:00:00:01: seq=1 time=1.234 ms
        46 bytes from 02:00:00:00:00:01: seq=1 time=1.234 ms (DUP!) (damaged at byte 30)
        46 bytes from 02:00:00:00:00:01: seq=1 time=1.234 ms (late)
        02:00:00:00:00:01 replied to seq=2, and was not asked
        no reply to seq=3
        --- 02:00:00:00:00:01 ping statistics ---
        1 sent, 1 received, 0% loss
        rtt min/avg/max/mdev = 1.234/1.234/1.234/0.000 ms
        {"event":"reply","sequence":1,"from":"02:00:00:00:00:01","bytes":46,"rtt_ms":1.234,"duplicate":false,"late":false,"damaged_at":null}
        {"event":"reply","sequence":1,"from":"02:00:00:00:00:01","bytes":46,"rtt_ms":1.234,"duplicate":true,"late":false,"damaged_at":30}
        {"event":"reply","sequence":1,"from":"02:00:00:00:00:01","bytes":46,"rtt_ms":1.234,"duplicate":false,"late":true,"damaged_at":null}
        {"event":"foreign","sequence":2,"from":"02:00:00:00:00:01"}
        {"event":"lost","sequence":3}
        {"event":"statistics","target":"02:00:00:00:00:01","sent":1,"received":1,"duplicates":0,"loss_percent":0,"rtt_ms":{"min":1.234,"avg":1.234,"max":1.234,"mdev":0.0}}
        "#);
        assert!(rows[0].is_reply() && !rows[3].is_reply());
    }

    #[test]
    fn a_responder_tells_whom_it_replied_to_and_whom_not() {
        let replied = |vlan| Responded::Replied {
            to: STATION,
            vlan,
            sequence: 1,
            length: 46,
        };
        let too_long = Responded::TooLong {
            from: STATION,
            length: 9000,
        };
        let limited = Responded::Limited { from: STATION };
        let rows = [replied(None), replied(Some(100)), limited, too_long].map(RespondedRow::of);
        let text = both(
            |out| rows.iter().try_for_each(|row| row.write_line(out)),
            |out| rows.iter().try_for_each(|row| row.write_json(out)),
        );
        insta::assert_snapshot!(text, @r#"
        46 bytes to 02:00:00:00:00:01: seq=1
        46 bytes to 02:00:00:00:00:01: seq=1, vlan 100
        no reply to 02:00:00:00:00:01: asks too often
        no reply to 02:00:00:00:00:01: asks for more bytes than the MTU here
        {"event":"reply","to":"02:00:00:00:00:01","vlan":null,"sequence":1,"bytes":46}
        {"event":"reply","to":"02:00:00:00:00:01","vlan":100,"sequence":1,"bytes":46}
        {"event":"ignored","from":"02:00:00:00:00:01","reason":"asks too often"}
        {"event":"ignored","from":"02:00:00:00:00:01","reason":"asks for more bytes than the MTU here"}
        "#);
    }
}
