//! What a response says: its flags, which records in which order, and how many of them (RFC 4795 2.1.1, 2.3 f, 2.6,
//! 2.8, 2.9; RFC 6891 6, 7). Its tests are the responder's.

use llamar_common::abi::NameState;
use llamar_common::wire::dns;

use super::query::{Additional, Error};
use super::responder::{Found, Owner, Zone};
use super::{Query, reverse};
use crate::dns::edns::OPT_RECORD;
use crate::dns::name::NAME_MAX;
use crate::dns::{Composer, Name, Opt, kind};

/// Largest message by UDP without EDNS (RFC 4795 2.1, RFC 1035 4.2.1).
const UDP_MAX: usize = 512;
/// Largest message by UDP with EDNS, and the payload size that our own OPT record tells: what passes unfragmented
/// wherever IPv6 does (RFC 8200 5: 1280 bytes, less the headers of IPv6 and UDP).
const EDNS_MAX: u16 = 1232;
/// Largest message by TCP: as long as its prefix can tell (RFC 1035 4.2.2).
const TCP_MAX: usize = u16::MAX as usize;

/// RCODE FORMERR (RFC 1035 4.1.1).
const FORMERR: u16 = 1;

/// How a response goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a datagram, to a query that was sent to the group.
    Udp,
    /// On the query's connection.
    Tcp,
}

/// What a name of ours stands for.
#[derive(Clone, Debug)]
pub enum Subject<'a> {
    /// A host.
    Host(Found<'a>),
    /// An address with these names.
    Address(Vec<Owner<'a>>),
}

impl<'a> Subject<'a> {
    /// What a name stands for; `None` if it is not ours. One that is both a host's and an address's is the host's.
    pub fn of(zone: &'a impl Zone, name: &Name) -> Option<Self> {
        if let Some(found) = zone.find(name) {
            return Some(Self::Host(found));
        }
        let address = reverse::address_of(name)?;
        let mut owners = zone.names_of(address)?;
        // RFC 4795 2.3 d: an address of another host is ours to speak of only as long as a name of it is.
        if owners.is_empty() && !zone.is_own(address) {
            return None;
        }
        // RFC 4795 2.6 c: names that are returned are resolvable on the link, and nobody resolves one whose responses
        // have T set.
        if owners
            .iter()
            .any(|owner| owner.state != NameState::Tentative)
        {
            owners.retain(|owner| owner.state != NameState::Tentative);
        }
        Some(Self::Address(owners))
    }

    /// How far the uniqueness of what is answered is known. An address is as unique as the most certain of its names.
    pub fn state(&self) -> NameState {
        match self {
            Self::Host(found) => found.state,
            Self::Address(owners) => {
                let has = |state| owners.iter().any(|owner| owner.state == state);
                if owners.is_empty() || has(NameState::Unique) {
                    NameState::Unique
                } else if has(NameState::Shared) {
                    NameState::Shared
                } else {
                    NameState::Tentative
                }
            }
        }
    }

    /// TTL of every record.
    fn ttl(&self) -> u32 {
        match self {
            Self::Host(found) => found.ttl,
            // RFC 4795 2.8: all TTLs of an RRset are the same.
            Self::Address(owners) => owners.iter().map(|owner| owner.ttl).min().unwrap_or(0),
        }
    }

    /// Whether there is a record of any type.
    fn has_records(&self) -> bool {
        match self {
            Self::Host(found) => !found.a.is_empty() || !found.aaaa.is_empty(),
            Self::Address(owners) => !owners.is_empty(),
        }
    }
}

/// The response's message, link-local addresses in front if `link_scope`.
pub fn compose(query: &Query<'_>, subject: &Subject<'_>, way: Way, link_scope: bool) -> Vec<u8> {
    let Additional { edns, error } = query.additional;
    // RFC 6891 6.1.1, 7: an OPT record for those who sent one, and for nobody else.
    let opt = edns.map(|_| {
        // RFC 6891 6.1.3: BADVERS is 16, of which the upper part is here and the lower, 0, in the header.
        let extended_rcode = u8::from(error == Some(Error::Version));
        Opt {
            payload: EDNS_MAX,
            extended_rcode,
            version: 0,
        }
        .bytes()
    });
    let limit = match (way, edns) {
        (Way::Tcp, _) => TCP_MAX,
        (Way::Udp, None) => UDP_MAX,
        // RFC 6891 6.2.3: sizes below 512 count as 512. RFC 4795 2.1: no more than passes without fragmentation.
        (Way::Udp, Some(payload)) => usize::from(payload.min(EDNS_MAX)).max(UDP_MAX),
    };
    let kept = if opt.is_some() { OPT_RECORD } else { 0 };
    let flags = flags(subject.state(), error, way);
    let mut composer = Composer::new(query.id, flags, query.echo, limit, kept);
    if error.is_none() && !answer(&mut composer, query.question.kind, subject, link_scope) {
        negate(&mut composer, &query.question.name, subject);
    }
    composer.finish(opt.as_ref().map(<[u8; OPT_RECORD]>::as_slice))
}

/// The flags of a response, TC for what does not fit apart. Nothing of the query's but QR and OPCODE, which is 0, goes
/// into them.
fn flags(state: NameState, error: Option<Error>, way: Way) -> u16 {
    // RFC 4795 2.1.1: T while uniqueness is not verified, C for a name that is not unique.
    let certainty = match state {
        NameState::Tentative => dns::TENTATIVE,
        NameState::Unique => 0,
        NameState::Shared => dns::CONFLICT,
    };
    let failure = match (error, way) {
        (None, _) => 0,
        // RFC 4795 2.1.1: RCODE is 0 in any response to a multicast query. An error is told by TC and an empty answer
        // section; the query by TCP then learns its RCODE.
        (Some(_), Way::Udp) => dns::TRUNCATED,
        (Some(Error::Format), Way::Tcp) => FORMERR,
        // Its upper part, in the OPT record, says all.
        (Some(Error::Version), Way::Tcp) => 0,
    };
    dns::RESPONSE | certainty | failure
}

/// Composes the answer section; whether there was anything for it.
fn answer(composer: &mut Composer, asked: u16, subject: &Subject<'_>, link_scope: bool) -> bool {
    let asks = |of: u16| asked == of || asked == kind::ANY;
    let ttl = subject.ttl();
    match subject {
        Subject::Host(found) => {
            let a = if asks(dns::A) { found.a } else { &[] };
            let aaaa = if asks(dns::AAAA) { found.aaaa } else { &[] };
            // RFC 4795 2.6 d, e: link-local addresses first if the asker's is one, else behind the routable ones; their
            // own order is kept.
            for scope in [link_scope, !link_scope] {
                for address in a.iter().filter(|one| one.is_link_local() == scope) {
                    composer.answer(&dns::a_record(ttl, address.octets()));
                }
                for address in aaaa
                    .iter()
                    .filter(|one| one.is_unicast_link_local() == scope)
                {
                    composer.answer(&dns::aaaa_record(ttl, address.octets()));
                }
            }
            !a.is_empty() || !aaaa.is_empty()
        }
        Subject::Address(owners) if asks(kind::PTR) => {
            for owner in owners {
                composer.answer(&ptr_record(ttl, owner.name));
            }
            !owners.is_empty()
        }
        Subject::Address(_) => false,
    }
}

/// Composes the authority section of a response without answers.
fn negate(composer: &mut Composer, name: &Name, subject: &Subject<'_>) {
    // RFC 4795 2.3: an SOA record is never the only one that a responder has.
    if subject.has_records() {
        // RFC 4795 2.3 f, 2.9: a type that the name does not have: no answer, and an SOA record to keep that by.
        composer.authority(&soa_record(name, subject.ttl()));
    }
}

/// The PTR record with the name that an address has.
fn ptr_record(ttl: u32, name: &Name) -> Vec<u8> {
    let data = name.wire();
    let mut record = Vec::with_capacity(12 + data.len());
    record.extend_from_slice(&dns::QUESTION_NAME);
    record.extend_from_slice(&kind::PTR.to_be_bytes());
    record.extend_from_slice(&dns::IN.to_be_bytes());
    record.extend_from_slice(&ttl.to_be_bytes());
    // A name is no longer than a length of two octets can tell.
    record.extend_from_slice(&(data.len() as u16).to_be_bytes());
    record.extend_from_slice(data);
    record
}

/// The SOA record of a name: the kernel path's, unless `root` in front would make the name too long. Then RNAME,
/// which senders ignore (RFC 4795 2.9), is the name itself.
fn soa_record(name: &Name, ttl: u32) -> Vec<u8> {
    let mut record = dns::soa_record(ttl).to_vec();
    if name.wire().len() + b"\x04root".len() > NAME_MAX {
        record.drain(RNAME..RNAME + b"\x04root".len());
        record[RDLENGTH + 1] -= b"\x04root".len() as u8;
    }
    record
}

/// Offset of RDLENGTH in a record whose owner is a pointer.
const RDLENGTH: usize = 10;
/// Offset of RNAME in an SOA record whose owner and MNAME are pointers.
const RNAME: usize = 14;
