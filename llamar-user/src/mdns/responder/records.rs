//! The records that a host and a service have.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::zone::{Draft, Role};
use crate::dns::{Name, Nsec, Rdata, Record, Srv, Txt, kind};
use crate::llmnr::reverse;
use crate::mdns::{Host, PACKET_MAX, Service, TTL_HOST, TTL_OTHER};

/// The name below which the types of services are listed (RFC 6763 9).
const META: [&[u8]; 3] = [b"_services", b"_dns-sd", b"_udp"];
/// Labels of an instance's name in front of its domain: its own, and two of the type (RFC 6763 4.1).
const INSTANCE_LABELS: usize = 3;
/// Most bytes of data in a record that goes alone in a message: RFC 6762 17 with the headers of IPv6, UDP and DNS, the
/// longest owner, and what stands between owner and data.
const DATA_MAX: usize = PACKET_MAX - 48 - 12 - 256 - 10;

/// The records of a host that is called so.
pub(super) fn of_host(host: &Host, name: &Name) -> Vec<Draft> {
    let mut drafts = of_addresses(host, name);
    drafts.extend(absent(name, TTL_HOST, &drafts));
    if host.reverse {
        for &address in &host.addresses {
            let owner = reverse::name_of(address);
            let pointer = unique(&owner, TTL_HOST, Rdata::Ptr(name.clone()));
            let pointer: Vec<_> = pointer.into_iter().collect();
            drafts.extend(absent(&owner, TTL_HOST, &pointer));
            drafts.extend(pointer);
        }
    }
    drafts
}

/// RFC 6762 6.2: all addresses of a host that is called so, of both families.
pub(super) fn of_addresses(host: &Host, name: &Name) -> Vec<Draft> {
    let addresses = host.addresses.iter();
    let data = addresses.map(|&address| match address {
        IpAddr::V4(address) => Rdata::A(address),
        IpAddr::V6(address) => Rdata::Aaaa(address),
    });
    let drafts = data.filter_map(|data| unique(name, TTL_HOST, data));
    drafts.collect()
}

/// The records of a service that is called so and is on this host; without one, those that do not name it.
pub(super) fn of_service(service: &Service, name: &Name, host: Option<&Name>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for txt in &service.txt {
        let draft = unique(name, TTL_OTHER, Rdata::Txt(sendable(txt)));
        drafts.extend(draft.filter(|draft| !drafts.contains(draft)));
    }
    if let Some(host) = host {
        let srv = Srv {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            target: host.clone(),
        };
        drafts.extend(unique(name, TTL_HOST, Rdata::Srv(srv)));
        drafts.extend(absent(name, TTL_OTHER, &drafts));
    }
    // RFC 6763 8: a name that is only held has no pointer.
    if service.port != 0 {
        drafts.extend(pointers(service, name));
    }
    drafts
}

/// What leads to a service: its type's pointer, its subtypes', and the one that tells of the type.
fn pointers(service: &Service, name: &Name) -> Vec<Draft> {
    let labels = || name.labels();
    let typ = Name::from_labels(labels().skip(1));
    let meta = Name::from_labels(META.into_iter().chain(labels().skip(INSTANCE_LABELS)));
    let (Ok(typ), Ok(meta)) = (typ, meta) else {
        return Vec::new();
    };
    // RFC 6763 7.1: subtypes point to the same name, which has its plain pointer too.
    let owners = [&typ].into_iter().chain(&service.subtypes);
    let mut drafts: Vec<_> = owners
        .filter_map(|owner| shared(owner, name.clone()))
        .collect();
    drafts.extend(shared(&meta, typ.clone()));
    drafts
}

/// RFC 6763 6.1: a TXT record has at least one string, and none is longer than a message.
fn sendable(txt: &Txt) -> Txt {
    if (1..=DATA_MAX).contains(&txt.wire().len()) {
        return txt.clone();
    }
    Txt::new([]).unwrap_or_default()
}

fn unique(owner: &Name, ttl: u32, data: Rdata) -> Option<Draft> {
    let record = Record::new(owner.clone(), ttl, data)?;
    let role = Role::Unique;
    Some(Draft { record, role })
}

fn shared(owner: &Name, target: Name) -> Option<Draft> {
    let record = Record::new(owner.clone(), TTL_OTHER, Rdata::Ptr(target))?;
    let role = Role::Shared;
    Some(Draft { record, role })
}

/// RFC 6762 6.1: which types a name has; its own name is the next, the bit of NSEC is not set, and the TTL is that of what
/// is missing.
fn absent(owner: &Name, ttl: u32, drafts: &[Draft]) -> Option<Draft> {
    let kinds: BTreeSet<u16> = drafts.iter().map(|draft| draft.record.kind).collect();
    debug_assert!(kinds.iter().all(|kind| *kind < kind::ANY));
    let data = Rdata::Nsec(Nsec::new(owner.clone(), kinds));
    let record = Record::new(owner.clone(), ttl, data)?;
    let role = Role::Absent;
    Some(Draft { record, role })
}
