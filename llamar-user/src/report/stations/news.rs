//! News of stations.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::{Heard, label, labelled, whole_seconds};
use crate::ether::MacAddr;
use crate::report::layout::{json, span};
use crate::stations::{News, What};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewsRow {
    /// What, by its name.
    pub event: &'static str,
    /// When and where.
    #[serde(flatten)]
    pub heard: Heard,
    /// The address that it is about.
    pub ip: Option<IpAddr>,
    /// Who has it, or says so.
    pub mac: MacAddr,
    /// The vendor, the group of routers, or `random/local`.
    pub vendor: Option<String>,
    /// How it was told.
    pub how: &'static str,
    /// Whether the address is a router's.
    pub router: bool,
    /// What there is to say of this kind of news.
    #[serde(flatten)]
    details: Details,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Details {
    None {},
    Changed {
        from: MacAddr,
        from_vendor: Option<String>,
        #[serde(serialize_with = "whole_seconds")]
        had_for: Duration,
        #[serde(serialize_with = "whole_seconds")]
        silent_for: Duration,
    },
    FlipFlop {
        from: MacAddr,
        from_vendor: Option<String>,
        times: u64,
    },
    Reused {
        from: MacAddr,
        from_vendor: Option<String>,
    },
    Duplicate {
        other: MacAddr,
        other_vendor: Option<String>,
        times: u64,
    },
    Back {
        #[serde(serialize_with = "whole_seconds")]
        silent_for: Duration,
    },
    Mismatch {
        ether_source: MacAddr,
        ether_source_vendor: Option<String>,
    },
    Bogon {
        why: String,
    },
    Many {
        addresses: u32,
    },
    Scan {
        addresses: u32,
        #[serde(serialize_with = "whole_seconds")]
        within: Duration,
    },
}

impl NewsRow {
    /// News of an interface; the caller knows vendors.
    pub fn new(
        news: &News,
        interface: Option<String>,
        mut vendor: impl FnMut(MacAddr) -> Option<String>,
    ) -> Self {
        let mut labelled = |mac| label(mac, vendor(mac));
        Self {
            event: news.what.name(),
            heard: Heard {
                at: news.at,
                interface,
                vlan: news.place.vlan,
            },
            ip: news.ip,
            mac: news.mac,
            vendor: labelled(news.mac),
            how: news.how.as_str(),
            router: news.router,
            details: details(&news.what, labelled),
        }
    }

    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line: the time, the interface, the kind of news, and a sentence.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let router = if self.router { " [router]" } else { "" };
        let (heard, event) = (self.heard.shown(), self.event);
        writeln!(out, "{heard} {event}: {}{router}", self.sentence())
    }

    fn sentence(&self) -> String {
        let mac = labelled(self.mac, self.vendor.as_ref());
        let ip = self
            .ip
            .map_or_else(|| String::from("?"), |ip| ip.to_string());
        match &self.details {
            Details::Many { addresses } => {
                format!("{mac} has {addresses} addresses within a day, the last {ip}")
            }
            Details::Scan { addresses, within } => {
                let from = self.ip.map_or_else(String::new, |ip| format!(" at {ip}"));
                let within = within.as_secs();
                format!("{mac}{from} asks for {addresses} addresses or more within {within} s")
            }
            Details::FlipFlop { .. } => format!("{ip} back at {mac}{}", self.details.rest()),
            details => format!("{ip} at {mac}{}", details.rest()),
        }
    }
}

impl Details {
    /// What there is to say behind who has the address.
    fn rest(&self) -> String {
        match self {
            Self::None {} | Self::Many { .. } | Self::Scan { .. } => String::new(),
            Self::Changed {
                from,
                from_vendor,
                had_for,
                silent_for,
            } => {
                let from = labelled(*from, from_vendor.as_ref());
                let [had, silent] = [had_for, silent_for].map(|time| span(time.as_secs()));
                format!(", was at {from} for {had}, silent for {silent}")
            }
            Self::FlipFlop {
                from,
                from_vendor,
                times,
            } => {
                let from = labelled(*from, from_vendor.as_ref());
                format!(", was at {from}{}", repeated(*times))
            }
            Self::Reused { from, from_vendor } => {
                let from = labelled(*from, from_vendor.as_ref());
                format!(" as long ago, was at {from}")
            }
            Self::Duplicate {
                other,
                other_vendor,
                times,
            } => {
                let other = labelled(*other, other_vendor.as_ref());
                format!(" and at {other}{}", repeated(*times))
            }
            Self::Back { silent_for } => format!(" after {}", span(silent_for.as_secs())),
            Self::Mismatch {
                ether_source,
                ether_source_vendor,
            } => {
                let source = labelled(*ether_source, ether_source_vendor.as_ref());
                format!(" in a frame of {source}")
            }
            Self::Bogon { why } => format!(": {why}"),
        }
    }
}

fn repeated(times: u64) -> String {
    match times {
        0 | 1 => String::new(),
        times => format!(", {times} changes"),
    }
}

fn details(what: &What, mut vendor: impl FnMut(MacAddr) -> Option<String>) -> Details {
    match *what {
        What::New | What::NewAddress | What::NoStation => Details::None {},
        What::Changed {
            from,
            had_for,
            silent_for,
        } => Details::Changed {
            from,
            from_vendor: vendor(from),
            had_for,
            silent_for,
        },
        What::FlipFlop { from, times } => Details::FlipFlop {
            from,
            from_vendor: vendor(from),
            times,
        },
        What::Reused { from } => Details::Reused {
            from,
            from_vendor: vendor(from),
        },
        What::Duplicate { other, times } => Details::Duplicate {
            other,
            other_vendor: vendor(other),
            times,
        },
        What::Back { after } => Details::Back { silent_for: after },
        What::Mismatch { source } => Details::Mismatch {
            ether_source: source,
            ether_source_vendor: vendor(source),
        },
        What::Bogon(strange) => Details::Bogon {
            why: strange.to_string(),
        },
        What::Many { addresses } => Details::Many { addresses },
        What::Scan { addresses, within } => Details::Scan { addresses, within },
    }
}

/// Lines that were left out because there were too many.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename = "omitted")]
pub struct OmittedRow {
    /// When that is told, in seconds since the epoch.
    #[serde(serialize_with = "super::seconds", rename = "time")]
    pub at: Duration,
    /// How many of each kind.
    pub events: BTreeMap<&'static str, u64>,
}

impl OmittedRow {
    /// Writes an object on a line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json(self, out)
    }

    /// Writes a line.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        let each = self.events.iter();
        let each: Vec<_> = each
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let time = super::utc(self.at);
        writeln!(out, "{time} - omitted: {}", each.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stations::{How, Place, Strange};

    const ONE: MacAddr = MacAddr([0x00, 0x1b, 0x21, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn all() -> Vec<NewsRow> {
        let seconds = Duration::from_secs;
        let whats = [
            What::New,
            What::NewAddress,
            What::Changed {
                from: OTHER,
                had_for: seconds(4000),
                silent_for: seconds(61),
            },
            What::FlipFlop {
                from: OTHER,
                times: 1,
            },
            What::FlipFlop {
                from: OTHER,
                times: 30,
            },
            What::Reused { from: OTHER },
            What::Duplicate {
                other: OTHER,
                times: 1,
            },
            What::Back {
                after: seconds(40 * 86_400),
            },
            What::Mismatch { source: OTHER },
            What::Bogon(Strange::OffLink),
            What::NoStation,
            What::Many { addresses: 33 },
            What::Scan {
                addresses: 64,
                within: seconds(10),
            },
        ];
        let row = |(index, what)| {
            let news = News {
                at: Duration::from_millis(1_700_000_000_250),
                place: Place {
                    link: 1,
                    vlan: (index == 1).then_some(100),
                },
                mac: ONE,
                ip: Some([10, 0, 0, 1].into()),
                how: How::Request,
                router: index == 2,
                what,
            };
            let vendor = |mac| (mac == ONE).then(|| String::from("Intel Corporate"));
            NewsRow::new(&news, Some("eth0".into()), vendor)
        };
        whats.into_iter().enumerate().map(row).collect()
    }

    fn written(write: impl Fn(&NewsRow, &mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        for row in all() {
            write(&row, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn news_are_sentences_for_people() {
        insta::assert_snapshot!(written(|row, out| row.write_line(out)), @r#"
        2023-11-14T22:13:20.250Z eth0 new: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate)
        2023-11-14T22:13:20.250Z eth0 vlan 100 new-address: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate)
        2023-11-14T22:13:20.250Z eth0 changed: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate), was at 02:00:00:00:00:02 (random/local) for 1 h 6 min, silent for 1 min 1 s [router]
        2023-11-14T22:13:20.250Z eth0 flip-flop: 10.0.0.1 back at 00:1b:21:00:00:01 (Intel Corporate), was at 02:00:00:00:00:02 (random/local)
        2023-11-14T22:13:20.250Z eth0 flip-flop: 10.0.0.1 back at 00:1b:21:00:00:01 (Intel Corporate), was at 02:00:00:00:00:02 (random/local), 30 changes
        2023-11-14T22:13:20.250Z eth0 reused: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate) as long ago, was at 02:00:00:00:00:02 (random/local)
        2023-11-14T22:13:20.250Z eth0 duplicate: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate) and at 02:00:00:00:00:02 (random/local)
        2023-11-14T22:13:20.250Z eth0 back: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate) after 40 d 0 h
        2023-11-14T22:13:20.250Z eth0 mismatch: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate) in a frame of 02:00:00:00:00:02 (random/local)
        2023-11-14T22:13:20.250Z eth0 bogon: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate): not of this link's prefixes
        2023-11-14T22:13:20.250Z eth0 no-station: 10.0.0.1 at 00:1b:21:00:00:01 (Intel Corporate)
        2023-11-14T22:13:20.250Z eth0 many: 00:1b:21:00:00:01 (Intel Corporate) has 33 addresses within a day, the last 10.0.0.1
        2023-11-14T22:13:20.250Z eth0 scan: 00:1b:21:00:00:01 (Intel Corporate) at 10.0.0.1 asks for 64 addresses or more within 10 s
        "#);
    }

    #[test]
    fn news_are_objects_for_machines() {
        insta::assert_snapshot!(written(|row, out| row.write_json(out)), @r#"
        {"event":"new","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false}
        {"event":"new-address","time":1700000000.25,"interface":"eth0","vlan":100,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false}
        {"event":"changed","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":true,"from":"02:00:00:00:00:02","from_vendor":"random/local","had_for":4000,"silent_for":61}
        {"event":"flip-flop","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"from":"02:00:00:00:00:02","from_vendor":"random/local","times":1}
        {"event":"flip-flop","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"from":"02:00:00:00:00:02","from_vendor":"random/local","times":30}
        {"event":"reused","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"from":"02:00:00:00:00:02","from_vendor":"random/local"}
        {"event":"duplicate","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"other":"02:00:00:00:00:02","other_vendor":"random/local","times":1}
        {"event":"back","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"silent_for":3456000}
        {"event":"mismatch","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"ether_source":"02:00:00:00:00:02","ether_source_vendor":"random/local"}
        {"event":"bogon","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"why":"not of this link's prefixes"}
        {"event":"no-station","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false}
        {"event":"many","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"addresses":33}
        {"event":"scan","time":1700000000.25,"interface":"eth0","vlan":null,"ip":"10.0.0.1","mac":"00:1b:21:00:00:01","vendor":"Intel Corporate","how":"request","router":false,"addresses":64,"within":10}
        "#);
    }

    #[test]
    fn what_was_left_out_is_counted_by_its_kind() {
        let row = OmittedRow {
            at: Duration::from_secs(1_700_000_000),
            events: BTreeMap::from([("new", 950), ("bogon", 1)]),
        };
        let mut out = Vec::new();
        row.write_line(&mut out).unwrap();
        row.write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2023-11-14T22:13:20.000Z - omitted: 1 bogon, 950 new\n\
             {\"event\":\"omitted\",\"time\":1700000000.0,\"events\":{\"bogon\":1,\"new\":950}}\n"
        );
    }
}
