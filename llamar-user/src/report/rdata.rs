//! What a record says, for people: the presentation format of RFC 1035 5.1 and its successors, names without the dot at
//! their end.

use std::fmt::Write as _;

use crate::dns::{Compression, Message, Name, Rdata, Record};

/// The data of a record that was heard on an interface, which belongs to link-local addresses (RFC 4795 4.4).
pub(super) fn text(record: &Record, interface: &str) -> String {
    match &record.data {
        Rdata::A(address) => address.to_string(),
        Rdata::Aaaa(address) if address.is_unicast_link_local() => {
            format!("{address}%{interface}")
        }
        Rdata::Aaaa(address) => address.to_string(),
        Rdata::Ptr(name) | Rdata::Cname(name) | Rdata::Ns(name) | Rdata::Dname(name) => {
            name.to_string()
        }
        Rdata::Mx(mx) => format!("{} {}", mx.preference, mx.exchange),
        Rdata::Srv(srv) => format!(
            "{} {} {} {}",
            srv.priority, srv.weight, srv.port, srv.target
        ),
        Rdata::Soa(soa) => format!(
            "{} {} {} {} {} {} {}",
            soa.mname, soa.rname, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum
        ),
        Rdata::Txt(txt) => strings(txt.strings()),
        Rdata::Hinfo(hinfo) => strings([&*hinfo.cpu, &*hinfo.os].into_iter()),
        Rdata::Unknown(data) => generic(data),
        Rdata::Nsec(_) | Rdata::Opt(_) | Rdata::Mixed(_) => generic(&wire(record)),
    }
}

/// Character strings in quotes.
fn strings<'a>(strings: impl Iterator<Item = &'a [u8]>) -> String {
    let quoted = |string: &[u8]| {
        let mut text = String::from('"');
        for &byte in string {
            match byte {
                b'"' | b'\\' => text.extend(['\\', byte.into()]),
                b' '..=b'~' => text.push(byte.into()),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('"');
        text
    };
    strings.map(quoted).collect::<Vec<_>>().join(" ")
}

/// Data of no known form (RFC 3597 5).
fn generic(data: &[u8]) -> String {
    let mut text = format!("\\# {}", data.len());
    if !data.is_empty() {
        text.push(' ');
    }
    for byte in data {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A record's data as a message without compression has it.
fn wire(record: &Record) -> Vec<u8> {
    let root = Name::from_wire(&[0]).map(|(root, _)| root);
    let message = Message {
        answers: root
            .map(|owner| Record {
                owner,
                ..record.clone()
            })
            .into_iter()
            .collect(),
        ..Message::default()
    };
    /// The header, the root, type, class, TTL and length.
    const BEFORE: usize = 12 + 1 + 10;
    let bytes = message.write(Compression::Off).unwrap_or_default();
    bytes.get(BEFORE..).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dns::{Hinfo, Mx, Soa, Srv, Txt};

    fn shown(kind: u16, data: Rdata) -> String {
        let record = Record {
            owner: Name::parse("casa").unwrap(),
            kind,
            class: 1,
            ttl: 30,
            data,
        };
        text(&record, "eth0")
    }

    fn name() -> Name {
        Name::parse("casa.home").unwrap()
    }

    #[test]
    fn data_is_shown_as_people_write_it() {
        let mx = Rdata::Mx(Mx {
            preference: 10,
            exchange: name(),
        });
        let srv = Rdata::Srv(Srv {
            priority: 1,
            weight: 2,
            port: 80,
            target: name(),
        });
        let (mname, rname) = (name(), Name::parse("root").unwrap());
        let soa = Rdata::Soa(Soa {
            mname,
            rname,
            serial: 1,
            refresh: 2,
            retry: 3,
            expire: 4,
            minimum: 5,
        });
        let txt = Txt::new([&b"a=\"b\" \\"[..], b"", b"\xff\n"]).unwrap();
        let hinfo = Rdata::Hinfo(Hinfo {
            cpu: (*b"arm").into(),
            os: (*b"linux 6").into(),
        });
        let shown = [
            shown(1, Rdata::A([192, 168, 0, 121].into())),
            shown(28, Rdata::Aaaa("fe80::1".parse().unwrap())),
            shown(28, Rdata::Aaaa("2001:db8::1".parse().unwrap())),
            shown(12, Rdata::Ptr(name())),
            shown(15, mx),
            shown(33, srv),
            shown(6, soa),
            shown(16, Rdata::Txt(txt)),
            shown(13, hinfo),
            shown(65, Rdata::Unknown((*b"\x01\xab").into())),
            shown(65, Rdata::Unknown((*b"").into())),
            shown(41, Rdata::Opt((*b"\0\x0a\0\x01x").into())),
        ];
        assert_eq!(
            shown,
            [
                "192.168.0.121",
                "fe80::1%eth0",
                "2001:db8::1",
                "casa.home",
                "10 casa.home",
                "1 2 80 casa.home",
                "casa.home root 1 2 3 4 5",
                r#""a=\"b\" \\" "" "\255\010""#,
                r#""arm" "linux 6""#,
                r"\# 2 01ab",
                r"\# 0",
                r"\# 5 000a000178",
            ]
        );
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len());
    }
}
