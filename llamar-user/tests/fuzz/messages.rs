//! Messages made up from a seed: every type, odd names, names that share tails.

use llamar_user::dns::{
    Compression, Hinfo, Message, Mx, Name, Nsec, Opt, Question, Rdata, Record, Soa, Srv, Txt, kind,
};

use crate::dice::Dice;

/// Labels that names are made of: few, so that names share tails; some that differ in case only, some that are no text.
const LABELS: [&[u8]; 16] = [
    b"casa",
    b"Casa",
    b"local",
    b"LOCAL",
    b"_http",
    b"_tcp",
    b"_sub",
    b"a",
    b"b",
    b"My Printer. (2)",
    "größe".as_bytes(),
    b"\0",
    b"\xff\xc0\x0c",
    b"in-addr",
    b"arpa",
    b"a-label-of-sixty-three-bytes-which-is-as-long-as-a-label-can-be.",
];

/// Types of records that have a form of their own, and some that have none.
const KINDS: [u16; 28] = [
    kind::A,
    kind::AAAA,
    kind::PTR,
    kind::CNAME,
    kind::NS,
    kind::DNAME,
    kind::SOA,
    kind::MX,
    kind::TXT,
    kind::SRV,
    kind::NSEC,
    kind::HINFO,
    kind::OPT,
    7,
    14,
    17,
    18,
    21,
    24,
    26,
    30,
    35,
    36,
    46,
    64,
    65,
    99,
    65280,
];

/// A whole message; what it says makes no sense.
pub fn message(dice: &mut Dice) -> Message {
    let most = if dice.percent(5) { 60 } else { 5 };
    let section =
        |dice: &mut Dice| -> Vec<Record> { (0..dice.below(most)).map(|_| record(dice)).collect() };
    Message {
        id: dice.any() as u16,
        flags: dice.any() as u16,
        answers: section(dice),
        authorities: section(dice),
        additionals: section(dice),
        questions: (0..dice.below(4)).map(|_| question(dice)).collect(),
        flaws: Vec::new(),
    }
}

/// A query as LLMNR knows them, rarely with something odd about it.
pub fn query(dice: &mut Dice) -> Message {
    let odd = dice.percent(15);
    let mut query = Message {
        id: dice.any() as u16,
        flags: if odd { dice.any() as u16 } else { 0 },
        questions: vec![question(dice)],
        ..Message::default()
    };
    if dice.percent(40) {
        query.additionals.push(opt(dice));
    }
    if odd {
        query.additionals.push(record(dice));
    }
    query
}

fn question(dice: &mut Dice) -> Question {
    Question {
        name: name(dice),
        kind: match dice.below(4) {
            0 => dice.any() as u16,
            1 => kind::ANY,
            _ => *dice.pick(&KINDS),
        },
        class: class(dice),
    }
}

fn class(dice: &mut Dice) -> u16 {
    match dice.below(10) {
        0 => dice.any() as u16,
        1 => kind::CLASS_ANY,
        2 => 3,
        3..6 => kind::IN | kind::CLASS_TOP,
        _ => kind::IN,
    }
}

/// A name; the root, among others, and now and then one as long as names get.
pub fn name(dice: &mut Dice) -> Name {
    if dice.percent(2) {
        let last = if dice.percent(50) { 61 } else { 62 };
        let labels = [[b'x'; 63]; 3];
        let labels = labels.iter().map(|label| &label[..]);
        let last = vec![dice.any() as u8; last];
        return Name::from_labels(labels.chain([&last[..]])).expect("255 or 256 bytes");
    }
    let mut labels: Vec<Vec<u8>> = Vec::new();
    for _ in 0..dice.below(5) {
        let label = dice.pick(&LABELS);
        let length = label.len().min(63);
        labels.push(label[..length].to_vec());
    }
    if dice.percent(10) {
        let length = 1 + dice.below(63);
        labels.insert(0, dice.bytes(length));
    }
    Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap_or_else(|_| Name::root())
}

fn opt(dice: &mut Dice) -> Record {
    let opt = Opt {
        payload: dice.any() as u16,
        extended_rcode: dice.below(3) as u8,
        version: dice.below(2) as u8,
    };
    let mut record = opt.record();
    record.data = rdata(dice, kind::OPT);
    record
}

/// A record of any type.
pub fn record(dice: &mut Dice) -> Record {
    let kind = match dice.below(12) {
        0 => dice.any() as u16,
        _ => *dice.pick(&KINDS),
    };
    if kind == kind::OPT {
        return opt(dice);
    }
    let class = class(dice);
    let internet = class & !kind::CLASS_TOP == kind::IN;
    let data = match kind {
        // RFC 1035 3.4: addresses of other classes have no form that is known here.
        kind::A | kind::AAAA if !internet => Rdata::Unknown(some_bytes(dice)),
        kind => rdata(dice, kind),
    };
    Record {
        owner: name(dice),
        kind,
        class,
        ttl: dice.any() as u32 >> dice.below(32),
        data,
    }
}

fn some_bytes(dice: &mut Dice) -> Box<[u8]> {
    let most = if dice.percent(3) { 700 } else { 12 };
    let length = dice.below(most);
    dice.bytes(length).into()
}

fn string(dice: &mut Dice) -> Vec<u8> {
    let most = if dice.percent(5) { 256 } else { 12 };
    let length = dice.below(most);
    dice.bytes(length)
}

fn rdata(dice: &mut Dice, kind: u16) -> Rdata {
    match kind {
        kind::A => Rdata::A((dice.any() as u32).into()),
        kind::AAAA => Rdata::Aaaa((u128::from(dice.any()) << 64 | u128::from(dice.any())).into()),
        kind::PTR => Rdata::Ptr(name(dice)),
        kind::CNAME => Rdata::Cname(name(dice)),
        kind::NS => Rdata::Ns(name(dice)),
        kind::DNAME => Rdata::Dname(name(dice)),
        kind::SOA => Rdata::Soa(Soa {
            mname: name(dice),
            rname: name(dice),
            serial: dice.any() as u32,
            refresh: dice.any() as u32,
            retry: dice.any() as u32,
            expire: dice.any() as u32,
            minimum: dice.any() as u32,
        }),
        kind::MX => Rdata::Mx(Mx {
            preference: dice.any() as u16,
            exchange: name(dice),
        }),
        kind::TXT => Rdata::Txt(txt(dice)),
        kind::SRV => Rdata::Srv(Srv {
            priority: dice.any() as u16,
            weight: dice.any() as u16,
            port: dice.any() as u16,
            target: name(dice),
        }),
        kind::NSEC => {
            let kinds: Vec<u16> = (0..dice.below(5))
                .map(|_| dice.any() as u16 >> dice.below(16))
                .collect();
            Rdata::Nsec(Nsec::new(name(dice), kinds))
        }
        kind::HINFO => Rdata::Hinfo(Hinfo {
            cpu: string(dice).into(),
            os: string(dice).into(),
        }),
        kind::OPT => {
            let mut options = Vec::new();
            for _ in 0..dice.below(3) {
                let data = string(dice);
                options.extend((dice.any() as u16).to_be_bytes());
                options.extend((data.len() as u16).to_be_bytes());
                options.extend(data);
            }
            Rdata::Opt(options.into())
        }
        kind => mixed(dice, kind),
    }
}

fn txt(dice: &mut Dice) -> Txt {
    if dice.percent(5) {
        return Txt::from_wire(b"").expect("no strings");
    }
    let strings: Vec<_> = (0..dice.below(4)).map(|_| string(dice)).collect();
    Txt::new(strings.iter().map(Vec::as_slice)).expect("short strings")
}

/// Data of a type that has names in it and no variant of its own, or none at all. It is put together as bytes and read
/// by the codec, for how it tells such data apart is its own affair.
fn mixed(dice: &mut Dice, kind: u16) -> Rdata {
    let mut data = Vec::new();
    let fixed: usize = match kind {
        18 | 21 | 36 | 26 | 64 | 65 => 2,
        24 | 46 => 18,
        35 => 4,
        _ => 0,
    };
    data.extend(dice.bytes(fixed));
    let (strings, names, rest) = match kind {
        3 | 4 | 7..=9 | 18 | 21 | 36 => (0, 1, false),
        14 | 17 | 26 => (0, 2, false),
        24 | 30 | 46 | 64 | 65 => (0, 1, true),
        35 => (3, 1, false),
        _ => return Rdata::Unknown(some_bytes(dice)),
    };
    for _ in 0..strings {
        let string = string(dice);
        data.push(string.len() as u8);
        data.extend(string);
    }
    for _ in 0..names {
        data.extend_from_slice(name(dice).wire());
    }
    if rest {
        data.extend(some_bytes(dice));
    }
    let whole = Message {
        answers: vec![Record {
            owner: Name::root(),
            kind,
            class: kind::IN,
            ttl: 0,
            data: Rdata::Unknown(data.into()),
        }],
        ..Message::default()
    };
    let bytes = whole.write(Compression::Off).expect("a short message");
    let mut read = Message::read(&bytes).expect("a header");
    assert!(read.flaws.is_empty(), "{kind}: {:?}", read.flaws);
    read.answers.remove(0).data
}
