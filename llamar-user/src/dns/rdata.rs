//! The data of records (RFC 1035 3.3, 3.4): from bytes of a message and back.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::mixed::{self, Part};
use super::reader::Reader;
use super::writer::{Compression, Writer};
use super::{Name, Nsec, Txt, kind};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rdata {
    /// An IPv4 address (RFC 1035 3.4.1).
    A(Ipv4Addr),
    /// An IPv6 address (RFC 3596 2.2).
    Aaaa(Ipv6Addr),
    /// The name that an address or a service has (RFC 1035 3.3.12).
    Ptr(Name),
    /// The canonical name (RFC 1035 3.3.1).
    Cname(Name),
    /// A name server (RFC 1035 3.3.11).
    Ns(Name),
    /// The name that takes the owner's place in names below it (RFC 6672 2.1).
    Dname(Name),
    /// Of a negative answer (RFC 4795 2.9).
    Soa(Soa),
    /// A mail exchange (RFC 1035 3.3.9).
    Mx(Mx),
    /// Strings (RFC 1035 3.3.14).
    Txt(Txt),
    /// Where a service is (RFC 2782).
    Srv(Srv),
    /// Which types a name has (RFC 4034 4.1).
    Nsec(Nsec),
    /// What a host is (RFC 1035 3.3.2).
    Hinfo(Hinfo),
    /// Options of EDNS as they stand, each a code, a length and its bytes (RFC 6891 6.1.2).
    Opt(Box<[u8]>),
    /// Data of another type that holds names, which a message may compress.
    Mixed(Box<[Part]>),
    /// Any other data. It holds nothing that depends on its place in the message, as far as is known here.
    Unknown(Box<[u8]>),
}

/// The data of an SOA record (RFC 1035 3.3.13).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Soa {
    /// MNAME. RFC 4795 2.9: the name of the query.
    pub mname: Name,
    /// RNAME: a mailbox.
    pub rname: Name,
    /// SERIAL.
    pub serial: u32,
    /// REFRESH in seconds.
    pub refresh: u32,
    /// RETRY in seconds.
    pub retry: u32,
    /// EXPIRE in seconds.
    pub expire: u32,
    /// MINIMUM in seconds.
    pub minimum: u32,
}

/// The data of an MX record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// EXCHANGE.
    pub exchange: Name,
}

/// The data of an SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Srv {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port, 0 for no service.
    pub port: u16,
    /// The host.
    pub target: Name,
}

/// The data of a HINFO record: two character-strings, of which no more than 255 bytes each are written (RFC 1035 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hinfo {
    /// CPU.
    pub cpu: Box<[u8]>,
    /// OS.
    pub os: Box<[u8]>,
}

impl Rdata {
    /// The type that this is the data of; `None` where that is more than one.
    pub fn kind(&self) -> Option<u16> {
        Some(match self {
            Self::A(_) => kind::A,
            Self::Aaaa(_) => kind::AAAA,
            Self::Ptr(_) => kind::PTR,
            Self::Cname(_) => kind::CNAME,
            Self::Ns(_) => kind::NS,
            Self::Dname(_) => kind::DNAME,
            Self::Soa(_) => kind::SOA,
            Self::Mx(_) => kind::MX,
            Self::Txt(_) => kind::TXT,
            Self::Srv(_) => kind::SRV,
            Self::Nsec(_) => kind::NSEC,
            Self::Hinfo(_) => kind::HINFO,
            Self::Opt(_) => kind::OPT,
            Self::Mixed(_) | Self::Unknown(_) => return None,
        })
    }

    /// The data that a reader has left, for a record of a type and class; `None` if it has not the form of that type.
    pub(super) fn read(kind: u16, class: u16, data: &mut Reader<'_>) -> Option<Self> {
        let read = match kind {
            // RFC 1035 3.4: what these hold is defined for the internet only.
            kind::A | kind::AAAA if class & !kind::CLASS_TOP != kind::IN => Self::unknown(data)?,
            kind::A => Self::A(data.array::<4>()?.into()),
            kind::AAAA => Self::Aaaa(data.array::<16>()?.into()),
            kind::PTR => Self::Ptr(data.name()?),
            kind::CNAME => Self::Cname(data.name()?),
            kind::NS => Self::Ns(data.name()?),
            kind::DNAME => Self::Dname(data.name()?),
            kind::SOA => Self::Soa(Soa::read(data)?),
            kind::MX => Self::Mx(Mx::read(data)?),
            kind::TXT => Self::Txt(Txt::from_wire(data.bytes(data.rest().len())?)?),
            kind::SRV => Self::Srv(Srv::read(data)?),
            kind::NSEC => {
                let next = data.name()?;
                Self::Nsec(Nsec::from_wire(next, data.bytes(data.rest().len())?)?)
            }
            kind::HINFO => Self::Hinfo(Hinfo::read(data)?),
            kind::OPT => Self::Opt(options(data)?.into()),
            kind if mixed::is_mixed(kind) => Self::Mixed(mixed::read(kind, data)?),
            _ => Self::unknown(data)?,
        };
        data.rest().is_empty().then_some(read)
    }

    /// Writes the data of a record of this type.
    pub(super) fn write<'a>(&'a self, kind: u16, writer: &mut Writer<'a>) {
        match self {
            Self::A(address) => writer.bytes(&address.octets()),
            Self::Aaaa(address) => writer.bytes(&address.octets()),
            Self::Ptr(name) | Self::Cname(name) | Self::Ns(name) => {
                writer.name(name, Compression::Unicast);
            }
            Self::Dname(name) => writer.name(name, Compression::Multicast),
            Self::Soa(soa) => soa.write(writer),
            Self::Mx(mx) => {
                writer.u16(mx.preference);
                writer.name(&mx.exchange, Compression::Unicast);
            }
            Self::Txt(txt) => writer.bytes(txt.wire()),
            Self::Srv(srv) => {
                writer.u16(srv.priority);
                writer.u16(srv.weight);
                writer.u16(srv.port);
                writer.name(&srv.target, Compression::Multicast);
            }
            Self::Nsec(nsec) => {
                writer.name(&nsec.next, Compression::Multicast);
                writer.bytes(nsec.bitmaps());
            }
            Self::Hinfo(Hinfo { cpu, os }) => [cpu, os].into_iter().for_each(|text| {
                let text = &text[..text.len().min(255)];
                writer.bytes(&[text.len() as u8]);
                writer.bytes(text);
            }),
            Self::Mixed(parts) => mixed::write(kind, parts, writer),
            Self::Opt(data) | Self::Unknown(data) => writer.bytes(data),
        }
    }

    fn unknown(data: &mut Reader<'_>) -> Option<Self> {
        let bytes = data.bytes(data.rest().len())?;
        Some(Self::Unknown(bytes.into()))
    }
}

impl Soa {
    fn read(data: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            mname: data.name()?,
            rname: data.name()?,
            serial: data.u32()?,
            refresh: data.u32()?,
            retry: data.u32()?,
            expire: data.u32()?,
            minimum: data.u32()?,
        })
    }

    fn write<'a>(&'a self, writer: &mut Writer<'a>) {
        writer.name(&self.mname, Compression::Unicast);
        writer.name(&self.rname, Compression::Unicast);
        for field in [
            self.serial,
            self.refresh,
            self.retry,
            self.expire,
            self.minimum,
        ] {
            writer.u32(field);
        }
    }
}

impl Mx {
    fn read(data: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            preference: data.u16()?,
            exchange: data.name()?,
        })
    }
}

impl Srv {
    fn read(data: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            priority: data.u16()?,
            weight: data.u16()?,
            port: data.u16()?,
            target: data.name()?,
        })
    }
}

impl Hinfo {
    fn read(data: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            cpu: data.string()?.into(),
            os: data.string()?.into(),
        })
    }
}

/// Options that all end inside of the data (RFC 6891 6.1.2).
fn options<'a>(data: &mut Reader<'a>) -> Option<&'a [u8]> {
    let whole = data.rest();
    while !data.rest().is_empty() {
        data.u16()?;
        let length = data.u16()?;
        data.bytes(length.into())?;
    }
    Some(whole)
}
