//! A record of the cache, and which records come into it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::dns::{Part, Question, Rdata, Record, kind};

/// Longest time that a record is believed in without having been heard again. RFC 6762 10 has nothing above 75 minutes;
/// what claims to hold for years would outlive its sender by as much, and is asked for again once a day this way.
pub const LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What a record takes beside its names and data, at most: its places in the cache's maps, in the querier's plans, and
/// what the allocator adds.
const OVERHEAD: usize = 1152;

/// The number of a record that came, which no other ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::mdns) struct Id(pub u64);

/// A record that was heard.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The record; its class without the top bit, the TTL as it came.
    pub record: Record,
    /// Who sent it last.
    pub from: IpAddr,
    /// When it was heard last.
    pub received: Instant,
    /// When it ends if it is not heard again.
    pub expires: Instant,
    /// The number of that time.
    pub(super) heard: u64,
    pub(super) unique: bool,
    pub(super) condemned: bool,
    pub(super) wanted: bool,
    pub(super) identity: u64,
}

impl Entry {
    /// Whether it came as the whole truth about its name, type and class (RFC 6762 10.2).
    pub const fn is_unique(&self) -> bool {
        self.unique
    }

    /// Whether it is about to end: a goodbye, a flush, or a wake from sleep has cut its time short.
    pub const fn is_condemned(&self) -> bool {
        self.condemned
    }

    /// Whether somebody asks for it.
    pub(in crate::mdns) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// What is left of its TTL, in whole seconds.
    pub fn remaining(&self, now: Instant) -> u32 {
        let left = self.expires.saturating_duration_since(now).as_secs();
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// From when it was heard until it ends.
    pub(in crate::mdns) fn lifetime(&self) -> Duration {
        self.expires.saturating_duration_since(self.received)
    }

    /// Bytes that it takes at most.
    pub(super) fn cost(&self) -> usize {
        cost(&self.record)
    }
}

/// How long a record holds.
pub(super) fn lifetime(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into()).min(LIFETIME_MAX)
}

/// Whether a record answers a question about its name (RFC 6762 6).
pub fn answers(question: &Question, record: &Record) -> bool {
    let class = question.class & !kind::CLASS_TOP;
    let is_kind = record.kind == question.kind || question.kind == kind::ANY;
    // RFC 6762 6: the type is equal, or the question's ANY, or the record's CNAME.
    let is_kind = is_kind || record.kind == kind::CNAME;
    let is_class = class == record.class & !kind::CLASS_TOP || class == kind::CLASS_ANY;
    is_kind && is_class && record.owner == question.name
}

/// Whether a record says that there is no answer to a question of this type about its name.
pub(in crate::mdns) fn denies(record: &Record, kind: u16) -> bool {
    let Rdata::Nsec(nsec) = &record.data else {
        return false;
    };
    // RFC 6762 6.1: other forms may be ignored; with the bit of NSEC itself it is a zone's and not mDNS's. The next
    // name does not matter. A name with an alias is answered with that.
    let is_of_mdns = nsec.is_restricted() && !nsec.has(kind::NSEC);
    is_of_mdns && kind != kind::ANY && !nsec.has(kind) && !nsec.has(kind::CNAME)
}

/// Whether a record is one to be remembered.
pub(super) fn is_cached(record: &Record) -> bool {
    // RFC 6762 10.2: OPT, TSIG, TKEY and SIG(0) belong to one message, and OPT's class is a size. RFC 6895 3.1: so do
    // all types from 128 on up to 255, and type 0 is none.
    let is_kind = !matches!(record.kind, 0 | SIG | kind::OPT | 128..=255);
    let class = record.class & !kind::CLASS_TOP;
    is_kind && !matches!(class, 0 | CLASS_NONE | kind::CLASS_ANY)
}

/// Type SIG (RFC 2931).
const SIG: u16 = 24;
/// Class NONE, of updates only (RFC 2136 2.4).
const CLASS_NONE: u16 = 254;

/// A number that is equal for equal records, and for others as good as never: name, type, class and data count, TTL and
/// top bit do not.
pub(in crate::mdns) fn identity(record: &Record) -> u64 {
    // All 64 bits are compared, so that nobody finds many records of one number though the key is known.
    let mut hasher = DefaultHasher::new();
    record.owner.hash(&mut hasher);
    record.kind.hash(&mut hasher);
    (record.class & !kind::CLASS_TOP).hash(&mut hasher);
    record.data.hash(&mut hasher);
    hasher.finish()
}

/// Whether two records are one: RFC 6762 10.1, 10.2 compare names as names, wherever they stand, and no TTL.
pub(in crate::mdns) fn is_same(one: &Record, other: &Record) -> bool {
    let classes = (one.class ^ other.class) & !kind::CLASS_TOP;
    one.kind == other.kind && classes == 0 && one.owner == other.owner && one.data == other.data
}

/// Bytes that a record takes in the cache at most.
pub(super) fn cost(record: &Record) -> usize {
    // Its owner stands in an index too.
    OVERHEAD + 2 * record.owner.wire().len() + size(&record.data)
}

/// Bytes of data outside of the record.
fn size(data: &Rdata) -> usize {
    match data {
        Rdata::A(_) | Rdata::Aaaa(_) => 0,
        Rdata::Ptr(name) | Rdata::Cname(name) | Rdata::Ns(name) | Rdata::Dname(name) => {
            name.wire().len()
        }
        Rdata::Soa(soa) => soa.mname.wire().len() + soa.rname.wire().len(),
        Rdata::Mx(mx) => mx.exchange.wire().len(),
        Rdata::Txt(txt) => txt.wire().len(),
        Rdata::Srv(srv) => srv.target.wire().len(),
        Rdata::Nsec(nsec) => nsec.next.wire().len() + nsec.bitmaps().len(),
        Rdata::Hinfo(hinfo) => hinfo.cpu.len() + hinfo.os.len(),
        Rdata::Mixed(parts) => parts.iter().map(piece).sum(),
        Rdata::Opt(bytes) | Rdata::Unknown(bytes) => bytes.len(),
    }
}

/// Bytes of a piece of data, its place in the list among them.
fn piece(part: &Part) -> usize {
    size_of::<Part>()
        + match part {
            Part::Name(name) => name.wire().len(),
            Part::Bytes(bytes) => bytes.len(),
        }
}
