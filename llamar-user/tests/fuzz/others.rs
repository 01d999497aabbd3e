//! What other implementations read in a message, held against what we read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hickory_proto::op::Message as Hickory;
use hickory_proto::rr::{Name as HickoryName, RData as HickoryData, Record as HickoryRecord};
use llamar_user::dns::{
    Compression, Fault, Flaw, Message, Name, Opt, Rdata, Record, Section, kind,
};
use simple_dns::rdata::RData as SimpleData;
use simple_dns::{Name as SimpleName, Packet, PacketFlag, ResourceRecord};

use crate::run::quietly;

/// What came of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// hickory-proto read the message, and we without a flaw.
    pub hickory: bool,
    /// simple-dns read the message, and we without a flaw.
    pub simple: bool,
    /// Both did, we did not, and that is on purpose.
    pub stricter: bool,
}

/// Holds our reading of a message against theirs. An error says where we differ without a purpose.
pub fn compare(bytes: &[u8]) -> Result<Compared, String> {
    let hickory = quiet(|| Hickory::from_vec(bytes).ok());
    let simple = quiet(|| Packet::parse(bytes).ok());
    let ours = match Message::read(bytes) {
        Ok(ours) => ours,
        Err(flaw) if hickory.is_some() && simple.is_some() => {
            excused(bytes, &flaw)?;
            return Ok(Compared {
                stricter: true,
                ..Compared::default()
            });
        }
        Err(_) => return Ok(Compared::default()),
    };
    // Neither of the others looks at what stands behind the last record; the content is none the less the same.
    let flaws = ours.flaws.iter();
    let flaws: Vec<&Flaw> = flaws
        .filter(|flaw| !matches!(flaw, Flaw::Behind { .. }))
        .collect();
    if !flaws.is_empty() {
        let both = hickory.is_some() && simple.is_some();
        if both {
            flaws.iter().try_for_each(|flaw| excused(bytes, flaw))?;
        }
        return Ok(Compared {
            stricter: both,
            ..Compared::default()
        });
    }
    if let Some(theirs) = &hickory {
        same_as_hickory(&ours, theirs).map_err(|what| format!("hickory-proto: {what}"))?;
    }
    if let Some(theirs) = &simple {
        same_as_simple(&ours, theirs).map_err(|what| format!("simple-dns: {what}"))?;
    }
    Ok(Compared {
        hickory: hickory.is_some(),
        simple: simple.is_some(),
        stricter: false,
    })
}

/// A reading that may panic, which counts as no reading: simple-dns does on some bytes.
fn quiet<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    quietly(|| catch_unwind(AssertUnwindSafe(read)).ok().flatten())
}

/// Where we find something broken that both others take, on purpose:
/// - pointers into the header, for no name stands there (RFC 1035 4.1.4), and chains of more than 127 pointers;
/// - empty data of a type that has a form: it is a record in dynamic updates only (RFC 2136 2.4, 2.5);
/// - data of types that hickory-proto takes as unknown, where simple-dns minds neither bytes left over nor windows
///   of NSEC without bits.
fn excused(bytes: &[u8], flaw: &Flaw) -> Result<(), String> {
    let error = || format!("both others read what we do not: {flaw}");
    let excuse = match *flaw {
        Flaw::Question { offset, .. } => odd_name(bytes, offset),
        Flaw::Record {
            offset,
            fault: Fault::Owner,
            ..
        } => odd_name(bytes, offset),
        Flaw::Record {
            offset,
            kind: Some(kind),
            fault: Fault::Data,
            ..
        } => {
            let data = skip(bytes, offset).ok_or_else(error)? + 10;
            let empty = bytes.get(data - 2..data) == Some(&[0, 0]);
            let inner = match kind {
                kind::PTR | kind::CNAME | kind::NS | kind::SOA => Some(data),
                kind::MX => Some(data + 2),
                kind::SRV => Some(data + 6),
                kind::A | kind::AAAA | kind::TXT | kind::HINFO | kind::OPT => None,
                _ => return Ok(()),
            };
            let odd = inner.is_some_and(|at| {
                let second = skip(bytes, at).filter(|_| kind == kind::SOA);
                odd_name(bytes, at) || second.is_some_and(|at| odd_name(bytes, at))
            });
            empty || odd
        }
        _ => false,
    };
    if excuse { Ok(()) } else { Err(error()) }
}

/// Whether a name leads into the header or through more than 127 pointers.
fn odd_name(bytes: &[u8], mut at: usize) -> bool {
    for _ in 0..=127 {
        while let Some(&length @ 1..=0x3f) = bytes.get(at) {
            at += 1 + usize::from(length);
        }
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(&[p0 @ 0xc0..=0xff, p1]) => at = usize::from(u16::from_be_bytes([p0 & 0x3f, p1])),
            _ => return false,
        }
        if at < 12 {
            return true;
        }
    }
    true
}

/// Where a name ends.
fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            0xc0.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

fn check(same: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if same { Ok(()) } else { Err(what()) }
}

/// The sections of records, with OPT records where the others set them aside taken out.
fn sections(ours: &Message) -> [(Section, Vec<&Record>); 3] {
    let opt = |record: &&Record| record.kind != kind::OPT;
    [
        (Section::Answer, ours.answers.iter().collect()),
        (Section::Authority, ours.authorities.iter().collect()),
        (
            Section::Additional,
            ours.additionals.iter().filter(opt).collect(),
        ),
    ]
}

fn same_as_hickory(ours: &Message, theirs: &Hickory) -> Result<(), String> {
    let flags = (
        ours.flags & 0x8000 != 0,
        ours.flags >> 11 & 15,
        ours.flags & 0x0400 != 0,
        ours.flags & 0x0200 != 0,
        ours.flags & 0x0100 != 0,
    );
    let response = theirs.message_type == hickory_proto::op::MessageType::Response;
    let opcode = u16::from(u8::from(theirs.op_code));
    let their_flags = (
        response,
        opcode,
        theirs.authoritative,
        theirs.truncation,
        theirs.recursion_desired,
    );
    check(ours.id == theirs.id && flags == their_flags, || {
        format!("header {:x} {flags:?} {their_flags:?}", ours.id)
    })?;
    check(ours.questions.len() == theirs.queries.len(), || {
        "questions".into()
    })?;
    for (question, theirs) in ours.questions.iter().zip(&theirs.queries) {
        let same = same_labels(&question.name, theirs.name().iter())
            && question.kind == u16::from(theirs.query_type())
            && question.class == u16::from(theirs.query_class());
        check(same, || format!("question {question} {theirs}"))?;
    }
    let all = [&theirs.answers, &theirs.authorities, &theirs.additionals];
    for ((section, records), theirs) in sections(ours).into_iter().zip(all) {
        check(records.len() == theirs.len(), || {
            format!("{section} section")
        })?;
        for (record, theirs) in records.into_iter().zip(theirs) {
            check(same_as_hickorys(record, theirs), || {
                format!("{section} section: {record} {theirs}")
            })?;
        }
    }
    let opt = ours.additionals.iter().find_map(Opt::of);
    let opt = opt.map(|opt| (opt.payload.max(512), opt.extended_rcode, opt.version));
    let edns = theirs.edns.as_ref();
    let edns = edns.map(|edns| (edns.max_payload(), edns.rcode_high(), edns.version()));
    check(opt == edns, || format!("OPT {opt:?} {edns:?}"))
}

fn same_as_hickorys(record: &Record, theirs: &HickoryRecord) -> bool {
    let data = match &theirs.data {
        HickoryData::A(a) => Some(a.0.octets().to_vec()),
        HickoryData::AAAA(aaaa) => Some(aaaa.0.octets().to_vec()),
        HickoryData::PTR(name) => Some(hickory_wire(name)),
        HickoryData::CNAME(name) => Some(hickory_wire(name)),
        HickoryData::NS(name) => Some(hickory_wire(name)),
        HickoryData::SOA(soa) => Some(soa_wire(
            [hickory_wire(&soa.mname), hickory_wire(&soa.rname)],
            [
                soa.serial,
                soa.refresh as u32,
                soa.retry as u32,
                soa.expire as u32,
                soa.minimum,
            ],
        )),
        HickoryData::MX(mx) => Some(behind(&[mx.preference], hickory_wire(&mx.exchange))),
        HickoryData::SRV(srv) => Some(behind(
            &[srv.priority, srv.weight, srv.port],
            hickory_wire(&srv.target),
        )),
        HickoryData::TXT(txt) => Some(strings(txt.txt_data.iter().map(|string| &string[..]))),
        HickoryData::HINFO(hinfo) => Some(strings([&hinfo.cpu[..], &hinfo.os[..]])),
        HickoryData::Update0(_) => Some(Vec::new()),
        // Types that it does not know: with names in them it has them compressed still.
        HickoryData::Unknown { rdata, .. } => match record.data {
            Rdata::Unknown(_) => Some(rdata.anything.clone()),
            _ => None,
        },
        _ => None,
    };
    same_labels(&record.owner, theirs.name.iter())
        && record.kind == u16::from(theirs.record_type())
        && (record.kind == kind::OPT || record.class == u16::from(theirs.dns_class))
        && record.ttl == theirs.ttl
        && data.is_none_or(|data| data == our_data(record))
}

fn same_as_simple(ours: &Message, theirs: &Packet<'_>) -> Result<(), String> {
    let ours_and_theirs = [
        (0x0400, PacketFlag::AUTHORITATIVE_ANSWER),
        (0x0200, PacketFlag::TRUNCATION),
        (0x0100, PacketFlag::RECURSION_DESIRED),
        (0x8000, PacketFlag::RESPONSE),
    ];
    let flags = ours_and_theirs
        .iter()
        .all(|&(bit, flag)| (ours.flags & bit != 0) == theirs.has_flags(flag));
    check(ours.id == theirs.id() && flags, || {
        format!("header {:x}", ours.flags)
    })?;
    check(ours.questions.len() == theirs.questions.len(), || {
        "questions".into()
    })?;
    for (question, theirs) in ours.questions.iter().zip(&theirs.questions) {
        let top = if theirs.unicast_response {
            kind::CLASS_TOP
        } else {
            0
        };
        let same = same_labels(&question.name, theirs.qname.as_bytes())
            && question.kind == u16::from(theirs.qtype)
            && question.class == u16::from(theirs.qclass) | top;
        check(same, || format!("question {question} {theirs:?}"))?;
    }
    // Of several OPT records it sets only the first aside; messages with more are not compared further.
    let opts = ours.records().filter(|record| record.kind == kind::OPT);
    if opts.count() > 1 {
        return Ok(());
    }
    let all = [
        &theirs.answers,
        &theirs.name_servers,
        &theirs.additional_records,
    ];
    for ((section, records), theirs) in sections(ours).into_iter().zip(all) {
        check(records.len() == theirs.len(), || {
            format!("{section} section")
        })?;
        for (record, theirs) in records.into_iter().zip(theirs) {
            check(same_as_simples(record, theirs), || {
                format!("{section} section: {record} {theirs:?}")
            })?;
        }
    }
    Ok(())
}

fn same_as_simples(record: &Record, theirs: &ResourceRecord<'_>) -> bool {
    let data = match &theirs.rdata {
        // It takes the first bytes of an address of any class, whatever follows; we know the internet's only.
        SimpleData::A(_) | SimpleData::AAAA(_) if matches!(record.data, Rdata::Unknown(_)) => None,
        SimpleData::A(a) => Some(a.address.to_be_bytes().to_vec()),
        SimpleData::AAAA(aaaa) => Some(aaaa.address.to_be_bytes().to_vec()),
        SimpleData::PTR(name) => Some(simple_wire(name)),
        SimpleData::CNAME(name) => Some(simple_wire(name)),
        SimpleData::NS(name) => Some(simple_wire(name)),
        SimpleData::MB(name) => Some(simple_wire(name)),
        SimpleData::MG(name) => Some(simple_wire(name)),
        SimpleData::SOA(soa) => Some(soa_wire(
            [simple_wire(&soa.mname), simple_wire(&soa.rname)],
            [
                soa.serial,
                soa.refresh as u32,
                soa.retry as u32,
                soa.expire as u32,
                soa.minimum,
            ],
        )),
        SimpleData::MX(mx) => Some(behind(&[mx.preference], simple_wire(&mx.exchange))),
        SimpleData::AFSDB(afsdb) => Some(behind(&[afsdb.subtype], simple_wire(&afsdb.hostname))),
        SimpleData::KX(kx) => Some(behind(&[kx.preference], simple_wire(&kx.exchanger))),
        SimpleData::RouteThrough(rt) => {
            Some(behind(&[rt.preference], simple_wire(&rt.intermediate_host)))
        }
        SimpleData::RP(rp) => Some([simple_wire(&rp.mbox), simple_wire(&rp.txt)].concat()),
        SimpleData::MINFO(minfo) => {
            Some([simple_wire(&minfo.rmailbox), simple_wire(&minfo.emailbox)].concat())
        }
        SimpleData::SRV(srv) => Some(behind(
            &[srv.priority, srv.weight, srv.port],
            simple_wire(&srv.target),
        )),
        SimpleData::TXT(txt) => {
            let whole = txt.iter_raw().map(|(key, value)| match value {
                Some(value) => [key, b"=", value].concat(),
                None => key.to_vec(),
            });
            let whole: Vec<_> = whole.collect();
            Some(strings(whole.iter().map(Vec::as_slice)))
        }
        SimpleData::NSEC(nsec) => {
            let mut data = simple_wire(&nsec.next_name);
            for window in &nsec.type_bit_maps {
                data.extend([window.window_block, window.bitmap.len() as u8]);
                data.extend_from_slice(&window.bitmap);
            }
            Some(data)
        }
        SimpleData::NULL(_, data) => match record.data {
            Rdata::Unknown(_) => Some(data.get_data().to_vec()),
            _ => None,
        },
        SimpleData::Empty(_) => Some(Vec::new()),
        _ => None,
    };
    let top = if theirs.cache_flush {
        kind::CLASS_TOP
    } else {
        0
    };
    same_labels(&record.owner, theirs.name.as_bytes())
        && record.kind == u16::from(theirs.rdata.type_code())
        && (record.kind == kind::OPT || record.class == theirs.class as u16 | top)
        && record.ttl == theirs.ttl
        && data.is_none_or(|data| data == our_data(record))
}

fn same_labels<'a>(ours: &Name, theirs: impl Iterator<Item = &'a [u8]>) -> bool {
    ours.labels().eq(theirs)
}

/// The data of a record as bytes, nothing compressed.
fn our_data(record: &Record) -> Vec<u8> {
    let alone = Message {
        answers: vec![Record {
            owner: Name::root(),
            ..record.clone()
        }],
        ..Message::default()
    };
    alone
        .write(Compression::Off)
        .expect("a record of a message")[23..]
        .to_vec()
}

fn wire<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    strings(labels.chain([&b""[..]]))
}

fn hickory_wire(name: &HickoryName) -> Vec<u8> {
    wire(name.iter())
}

fn simple_wire(name: &SimpleName<'_>) -> Vec<u8> {
    wire(name.as_bytes())
}

fn strings<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut wire = Vec::new();
    for string in strings {
        wire.push(string.len() as u8);
        wire.extend_from_slice(string);
    }
    wire
}

fn behind(fields: &[u16], name: Vec<u8>) -> Vec<u8> {
    let fields = fields.iter().flat_map(|field| field.to_be_bytes());
    fields.chain(name).collect()
}

fn soa_wire(names: [Vec<u8>; 2], fields: [u32; 5]) -> Vec<u8> {
    let mut wire = names.concat();
    fields
        .iter()
        .for_each(|field| wire.extend_from_slice(&field.to_be_bytes()));
    wire
}
