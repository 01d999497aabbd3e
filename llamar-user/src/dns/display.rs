//! Questions and records for people, close to master files (RFC 1035 5.1, RFC 3597 5): `casa. 30 IN A 192.0.2.1`.
//! Names, strings and bytes are escaped, so that nothing in them can mislead a reader or a terminal.

use std::fmt::{self, Write as _};

use super::escape::escape;
use super::{Name, Part, Question, Rdata, Record, class_name, kind, kind_name};

impl fmt::Display for Question {
    /// Name, class and type; a class whose top bit is set is marked, for mDNS means QU by it (RFC 6762 5.4).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = marked(self.class, "qu");
        write!(f, "{} {class} {}", Absolute(&self.name), self.kind_name())
    }
}

impl fmt::Display for Record {
    /// Owner, TTL, class, type and data; a class whose top bit is set is marked, for mDNS flushes caches by it
    /// (RFC 6762 10.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = Absolute(&self.owner);
        if let Rdata::Opt(options) = &self.data {
            // RFC 6891 6.1.3: class and TTL of an OPT record are other fields.
            let [rcode, version, f0, f1] = self.ttl.to_be_bytes();
            let (payload, flags) = (self.class, u16::from_be_bytes([f0, f1]));
            write!(
                f,
                "{owner} OPT version {version} payload {payload} rcode {rcode} flags {flags:#06x} "
            )?;
            return bytes(f, options);
        }
        let class = marked(self.class, "flush");
        let kind = kind_name(self.kind);
        write!(f, "{owner} {} {class} {kind} {}", self.ttl, self.data)
    }
}

/// As a master file has it (RFC 1035 5.1); the alternate form is that of people, whose names end without a dot.
impl fmt::Display for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alternate = f.alternate();
        let shown = |name| Shown { name, alternate };
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Ptr(name) | Self::Cname(name) | Self::Ns(name) | Self::Dname(name) => {
                shown(name).fmt(f)
            }
            Self::Soa(soa) => {
                write!(f, "{} {}", shown(&soa.mname), shown(&soa.rname))?;
                [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum]
                    .iter()
                    .try_for_each(|field| write!(f, " {field}"))
            }
            Self::Mx(mx) => write!(f, "{} {}", mx.preference, shown(&mx.exchange)),
            Self::Txt(txt) => list(f, txt.strings()),
            Self::Srv(srv) => write!(
                f,
                "{} {} {} {}",
                srv.priority,
                srv.weight,
                srv.port,
                shown(&srv.target)
            ),
            Self::Nsec(nsec) => {
                shown(&nsec.next).fmt(f)?;
                nsec.kinds()
                    .try_for_each(|kind| write!(f, " {}", kind_name(kind)))
            }
            Self::Hinfo(hinfo) => list(f, [&hinfo.cpu[..], &hinfo.os[..]]),
            Self::Mixed(parts) => separated(f, parts.iter(), |f, part| match part {
                Part::Name(name) => shown(name).fmt(f),
                Part::Bytes(data) => {
                    f.write_str("0x")?;
                    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                }
            }),
            Self::Opt(data) | Self::Unknown(data) => bytes(f, data),
        }
    }
}

/// A name with the dot at the end that says that nothing is to be added to it.
struct Absolute<'a>(&'a Name);

impl fmt::Display for Absolute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.0.labels().next().is_none();
        write!(f, "{}{}", self.0, if root { "" } else { "." })
    }
}

/// A name as the form has it.
struct Shown<'a> {
    name: &'a Name,
    alternate: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.alternate {
            true => self.name.fmt(f),
            false => Absolute(self.name).fmt(f),
        }
    }
}

fn marked(class: u16, top: &str) -> String {
    let name = class_name(class & !kind::CLASS_TOP);
    if class & kind::CLASS_TOP == 0 {
        name.into_owned()
    } else {
        format!("{name}+{top}")
    }
}

/// Strings in quotation marks (RFC 1035 5.1).
fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    strings: impl IntoIterator<Item = &'a [u8]>,
) -> fmt::Result {
    separated(f, strings.into_iter(), |f, string| {
        f.write_char('"')?;
        escape(string, ['"', '\\'], true, f)?;
        f.write_char('"')
    })
}

/// Bytes of no known form (RFC 3597 5).
fn bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    write!(f, "\\# {}", bytes.len())?;
    if !bytes.is_empty() {
        f.write_char(' ')?;
    }
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
    mut each: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            f.write_char(' ')?;
        }
        each(f, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Hinfo, Mx, Nsec, Soa, Srv, Txt};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn shown(data: Rdata) -> String {
        let record = Record::new(name("casa"), 30, data).unwrap().to_string();
        record.strip_prefix("casa. 30 IN ").unwrap().to_owned()
    }

    #[test]
    fn records_look_as_in_master_files() {
        let soa = Soa {
            mname: name("casa"),
            rname: name("root.casa"),
            serial: 1,
            refresh: 2,
            retry: 3,
            expire: 4,
            minimum: 30,
        };
        let srv = Srv {
            priority: 1,
            weight: 2,
            port: 631,
            target: name("casa.local"),
        };
        let (preference, exchange) = (5, name("mail"));
        let (cpu, os) = (b"x86 64".to_vec().into(), b"Linux".to_vec().into());
        for (data, expected) in [
            (Rdata::A([192, 0, 2, 1].into()), "A 192.0.2.1"),
            (Rdata::Aaaa("fe80::1".parse().unwrap()), "AAAA fe80::1"),
            (Rdata::Ptr(Name::root()), "PTR ."),
            (Rdata::Cname(name("größe")), "CNAME größe."),
            (Rdata::Ns(name(r"a\.b")), r"NS a\.b."),
            (Rdata::Dname(name("b")), "DNAME b."),
            (Rdata::Soa(soa), "SOA casa. root.casa. 1 2 3 4 30"),
            (Rdata::Srv(srv), "SRV 1 2 631 casa.local."),
            (
                Rdata::Mx(Mx {
                    preference,
                    exchange,
                }),
                "MX 5 mail.",
            ),
            (Rdata::Hinfo(Hinfo { cpu, os }), r#"HINFO "x86 64" "Linux""#),
            (
                Rdata::Nsec(Nsec::new(name("casa"), [1, 28, 999])),
                "NSEC casa. A AAAA TYPE999",
            ),
        ] {
            assert_eq!(shown(data), expected);
        }
    }

    #[test]
    fn strings_hide_nothing_from_their_reader() {
        let txt = |strings: &[&[u8]]| shown(Rdata::Txt(Txt::new(strings.iter().copied()).unwrap()));
        assert_eq!(txt(&[]), r#"TXT """#);
        assert_eq!(
            txt(&[b"a=\"b\\\"", "größe '1'".as_bytes(), b"\x07\x1b[2J\xff\n"]),
            r#"TXT "a=\"b\\\"" "größe '1'" "\007\027[2J\255\010""#
        );
        assert_eq!(
            txt(&["a\u{202e}b\u{85}".as_bytes()]),
            r#"TXT "a\226\128\174b\194\133""#
        );
    }

    // RFC 3597 5, RFC 6762 5.4, 10.2
    #[test]
    fn unknown_types_classes_and_top_bits_are_shown() {
        let (owner, data) = (name("casa"), Rdata::Unknown([1, 0xab].into()));
        let mut record = Record {
            owner,
            kind: 65280,
            class: 0x8001,
            ttl: 9,
            data,
        };
        assert_eq!(record.to_string(), r"casa. 9 IN+flush TYPE65280 \# 2 01ab");
        record.class = 99;
        record.data = Rdata::Unknown([].into());
        assert_eq!(record.to_string(), r"casa. 9 CLASS99 TYPE65280 \# 0");
        let parts = [Part::Bytes([0, 1].into()), Part::Name(name("b"))];
        record.data = Rdata::Mixed(parts.into());
        assert_eq!(record.data.to_string(), "0x0001 b.");
        let question = Question {
            name: name("casa"),
            kind: 255,
            class: 0x80ff,
        };
        assert_eq!(question.to_string(), "casa. ANY+qu ANY");
    }

    // RFC 6891 6.1.3
    #[test]
    fn fields_of_an_opt_record_have_their_own_meaning() {
        let opt = Record {
            owner: Name::root(),
            kind: 41,
            class: 0x85a0,
            ttl: 0x0102_8000,
            data: Rdata::Opt(b"\0\x04\0\x01x".as_slice().into()),
        };
        assert_eq!(
            opt.to_string(),
            r". OPT version 2 payload 34208 rcode 1 flags 0x8000 \# 5 0004000178"
        );
    }
}
