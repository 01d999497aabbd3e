//! The codec against other implementations and against itself: made-up messages, damaged ones, captured ones.

use std::path::Path;
use std::time::Duration;

use hickory_proto::op::Message as Hickory;
use llamar_user::dns::{Compression, Flaw, Message, Rdata, Record, TooLong, kind};
use llamar_user::net::capture;
use nix::time::ClockId;
use simple_dns::Packet;

use crate::damage;
use crate::dice::Dice;
use crate::messages;
use crate::others::{Compared, compare};
use crate::pcap::files;

const COMPRESSIONS: [Compression; 3] = [
    Compression::Off,
    Compression::Unicast,
    Compression::Multicast,
];

/// Checks what must hold for any bytes: bounds, and that what is read is written and read again as it was.
pub fn check(bytes: &[u8]) -> Option<Message> {
    let mut message = Message::read(bytes).ok()?;
    // The shortest record has 11 bytes, the shortest question 5.
    assert!(message.records().count() <= bytes.len() / 11);
    assert!(message.questions.len() <= bytes.len() / 5);
    assert!(message.flaws.len() <= bytes.len() / 5 + 5);
    let whole = message.clone();
    message.flaws.clear();
    let written = COMPRESSIONS.map(|compression| message.write(compression));
    if let Err(error) = &written[0] {
        // Names that a writer would not compress, or not find again, may make it longer.
        assert!(
            matches!(error, TooLong::Message { .. } | TooLong::Data { .. }),
            "{error}"
        );
    }
    for (compression, written) in COMPRESSIONS.into_iter().zip(&written) {
        let Ok(written) = written else { continue };
        let again = Message::read(written).expect("a message that was written");
        assert_eq!(again, message, "{compression:?}");
        assert_eq!(
            again.write(compression).as_ref(),
            Ok(written),
            "{compression:?}"
        );
    }
    if let [Ok(off), unicast, multicast] = &written {
        let [unicast, multicast] = [unicast, multicast].map(|bytes| bytes.as_ref().map(Vec::len));
        assert!(unicast.expect("shorter") <= off.len());
        assert!(multicast.expect("shorter still") <= unicast.expect("shorter"));
        // `Eq` does not see the case of names, bytes do.
        for written in written.iter().flatten() {
            let again = Message::read(written).expect("a message that was written");
            assert_eq!(again.write(Compression::Off).as_ref(), Ok(off));
        }
    }
    let shown = message.records().map(Record::to_string);
    for line in shown.chain(message.questions.iter().map(ToString::to_string)) {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    Some(whole)
}

// RFC 1035 4.1, RFC 6762 18: R65, S16, A37
#[test]
fn made_up_messages_come_back_and_are_read_by_others_as_they_were_meant() {
    let mut dice = Dice::new(0xc0de);
    let (mut hickory, mut simple) = (0, 0);
    for _ in 0..1500 {
        let message = messages::message(&mut dice);
        for compression in COMPRESSIONS {
            let bytes = message.write(compression).expect("a short message");
            assert_eq!(check(&bytes).as_ref(), Some(&message), "{bytes:x?}");
            let compared = compare(&bytes).unwrap_or_else(|what| panic!("{what}: {bytes:x?}"));
            hickory += usize::from(compared.hickory);
            simple += usize::from(compared.simple);
        }
    }
    println!("hickory-proto read {hickory} of 4500, simple-dns {simple}");
    assert!(hickory > 500 && simple > 100, "{hickory} {simple}");
}

// RFC 1035 4.1.4: R65
#[test]
fn damaged_messages_are_read_as_others_read_them() {
    let mut dice = Dice::new(0xdead);
    let (mut read, mut flawed, mut strict) = (0, 0, 0);
    for _ in 0..4000 {
        let plain = plain(&mut dice, &COMMON);
        let mut bytes = plain
            .write(*dice.pick(&COMPRESSIONS))
            .expect("a short message");
        damage::message(&mut dice, &mut bytes);
        flawed += usize::from(check(&bytes).is_some_and(|message| !message.flaws.is_empty()));
        let compared = compare(&bytes).unwrap_or_else(|what| panic!("{what}: {bytes:x?}"));
        read += usize::from(compared.hickory || compared.simple);
        strict += usize::from(compared.stricter);
    }
    println!("{read} read by another, {flawed} flawed, {strict} on purpose");
    assert!(
        read > 400 && flawed > 400 && strict > 0,
        "{read} {flawed} {strict}"
    );
}

/// Types that hickory-proto and we write alike: RFC 1035's, compressed, and SRV, whole.
const COMMON: [u16; 9] = [
    kind::A,
    kind::AAAA,
    kind::PTR,
    kind::CNAME,
    kind::NS,
    kind::SOA,
    kind::MX,
    kind::TXT,
    kind::SRV,
];

/// A message that others can hold: of these types, of class IN, without an OPT record, names of at most 255 bytes.
fn plain(dice: &mut Dice, kinds: &[u16]) -> Message {
    loop {
        let mut message = messages::message(dice);
        message.flags &= 0x87b0;
        let sections = [
            &mut message.answers,
            &mut message.authorities,
            &mut message.additionals,
        ];
        for section in sections {
            section.retain(|record| kinds.contains(&record.kind));
            section
                .iter_mut()
                .for_each(|record| record.class = kind::IN);
            section.retain(|record| {
                !matches!(&record.data, Rdata::Unknown(_))
                    && !matches!(&record.data, Rdata::Txt(txt) if txt.wire().is_empty())
            });
        }
        message.questions.iter_mut().for_each(|question| {
            question.class = kind::IN;
            question.kind = kind::PTR;
        });
        let long = |bytes: Vec<u8>| bytes.windows(63).any(|label| label == [b'x'; 63]);
        if !long(
            message
                .write(Compression::Unicast)
                .expect("a short message"),
        ) {
            return message;
        }
    }
}

// RFC 1035 4.1.4: what a writer with the same compression wrote is written byte for byte.
#[test]
fn messages_are_written_byte_for_byte_as_hickory_and_simple_dns_write_them() {
    let mut dice = Dice::new(0x51a1);
    let mut compared = 0;
    for _ in 0..1000 {
        let message = plain(&mut dice, &COMMON);
        let bytes = message
            .write(Compression::Unicast)
            .expect("a short message");
        // hickory-proto remembers the places of 64 labels.
        if labels(&message) <= 64 {
            compared += 1;
            let theirs =
                Hickory::from_vec(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:x?}"));
            assert_eq!(theirs.to_vec().expect("a message"), bytes, "hickory-proto");
        }
        // simple-dns writes SRV whole as well, but never points to it.
        let message = plain(&mut dice, &COMMON[..8]);
        let bytes = message
            .write(Compression::Multicast)
            .expect("a short message");
        let theirs = Packet::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:x?}"));
        assert_eq!(
            theirs.build_bytes_vec_compressed().expect("a message"),
            bytes,
            "simple-dns"
        );
        assert_eq!(
            theirs.build_bytes_vec().expect("a message"),
            message.write(Compression::Off).expect("a short message"),
        );
    }
    assert!(compared > 500, "{compared}");
}

/// How many labels the names of a message have, in data of the types above too.
fn labels(message: &Message) -> usize {
    let data = |record: &Record| match &record.data {
        Rdata::Ptr(name) | Rdata::Cname(name) | Rdata::Ns(name) => name.labels().count(),
        Rdata::Soa(soa) => soa.mname.labels().count() + soa.rname.labels().count(),
        Rdata::Mx(mx) => mx.exchange.labels().count(),
        Rdata::Srv(srv) => srv.target.labels().count(),
        _ => 0,
    };
    let records = message
        .records()
        .map(|record| record.owner.labels().count() + data(record));
    let questions = message
        .questions
        .iter()
        .map(|question| question.name.labels().count());
    records.chain(questions).sum()
}

// RFC 6762 18: S16, A37
#[test]
fn captured_messages_are_read_as_others_read_them_and_written_as_they_were() {
    let Some(files) = files() else { return };
    let (mut total, mut whole, mut same) = (0, 0, 0);
    let mut compared = [0; 2];
    let mut dice = Dice::new(0xcab1e);
    for file in files {
        for bytes in payloads(&file) {
            let Compared {
                hickory, simple, ..
            } = compare(&bytes)
                .unwrap_or_else(|what| panic!("{}: {what}: {bytes:x?}", file.display()));
            compared[0] += usize::from(hickory);
            compared[1] += usize::from(simple);
            for _ in 0..5 {
                let mut damaged = bytes.clone();
                damage::message(&mut dice, &mut damaged);
                compare(&damaged).unwrap_or_else(|what| panic!("{what}: {damaged:x?}"));
            }
            let Some(message) = check(&bytes) else {
                continue;
            };
            total += 1;
            if !message.flaws.is_empty() {
                continue;
            }
            whole += 1;
            let written = COMPRESSIONS.map(|compression| message.write(compression));
            same += usize::from(written.iter().flatten().any(|written| *written == bytes));
        }
    }
    println!("{total} messages, {whole} whole, {same} written as they were, read by {compared:?}");
    assert!(whole > 100 && compared[0] > 100, "{whole} {compared:?}");
    // A writer may point to any earlier place of a name; those of the captures take the first, as we do.
    assert!(same * 10 >= whole * 9, "{same} of {whole}");
}

/// The UDP payloads of a capture that go to or come from a port of DNS, mDNS or LLMNR.
pub fn payloads(file: &Path) -> Vec<Vec<u8>> {
    let datagrams = capture::open(file).map(|next| next.expect("a capture").packet);
    let dns = datagrams.filter(|udp| {
        let ports = [udp.from.port(), udp.to.port()];
        ports.iter().any(|port| [53, 5353, 5355].contains(port))
    });
    dns.map(|udp| udp.payload).collect()
}

/// Messages of a length that cost a reader most: names through as many labels and pointers as there may be.
fn costly(length: usize) -> [Vec<u8>; 3] {
    let header = |questions: u16, answers: u16| {
        let mut message = b"\0\0\x84\0".to_vec();
        message.extend(
            [questions, answers, 0, 0]
                .iter()
                .flat_map(|count| count.to_be_bytes()),
        );
        message
    };
    // A name of 127 labels, then questions for it.
    let mut labels = header(u16::MAX, 0);
    labels.extend_from_slice(&b"\x01a".repeat(127));
    labels.extend_from_slice(b"\0\0\x01\0\x01");
    labels.extend_from_slice(&b"\xc0\x0c\0\x01\0\x01".repeat(length / 6));
    // The same name, every label of it behind a pointer, which is as far as one may go.
    let mut pointers = header(0, u16::MAX);
    pointers.extend_from_slice(b"\0\xff\0\0\x01\0\0\0\0");
    let data = pointers.len() + 2;
    let mut chain = b"\0".to_vec();
    for _ in 0..126 {
        let before = data + chain.len() - if chain.len() == 1 { 1 } else { 4 };
        chain.extend_from_slice(b"\x01a");
        chain.extend_from_slice(&(0xc000 | before as u16).to_be_bytes());
    }
    let last = (data + chain.len() - 4) as u16;
    pointers.extend((chain.len() as u16).to_be_bytes());
    pointers.extend(chain);
    let mut record = (0xc000 | last).to_be_bytes().to_vec();
    record.extend_from_slice(b"\0\x0c\0\x01\0\0\0\0\0\x02");
    record.extend_from_slice(&(0xc000 | last).to_be_bytes());
    pointers.extend_from_slice(&record.repeat(length / 14));
    // Each name points to the one before it: 128 of them are too many, all but the first are broken.
    let mut tower = header(u16::MAX, 0);
    tower.extend_from_slice(b"\x01a\0\0\x01\0\x01");
    let mut before: u16 = 12;
    while tower.len() < length {
        let here = tower.len() as u16;
        tower.extend_from_slice(&(0xc000 | before).to_be_bytes());
        tower.extend_from_slice(b"\0\x01\0\x01");
        before = here;
    }
    [labels, pointers, tower].map(|mut message| {
        message.truncate(length);
        message
    })
}

// RFC 1035 4.1.4, RFC 4795 2.1: R11, R65. Work and memory grow as the message does, not as its square.
#[test]
fn messages_full_of_pointers_cost_no_more_than_their_length() {
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    let now = || Duration::from(clock.now().expect("a clock of this thread"));
    let fastest = |message: &[u8]| {
        let time = |_| {
            let start = now();
            let read = Message::read(message).expect("a question");
            assert!(read.questions.len() + read.answers.len() > 100);
            now() - start
        };
        (0..15).map(time).min().unwrap_or_default()
    };
    let once = costly(9194).map(|message| fastest(&message));
    let four = costly(4 * 9194).map(|message| fastest(&message));
    for (once, four) in once.into_iter().zip(four) {
        println!("{once:?} for 9194 bytes, {four:?} for four times as many");
        // Four times the time if it grows with the length, sixteen if with the square.
        assert!(four < once * 8, "{once:?} {four:?}");
    }
    for message in costly(9194) {
        let read = Message::read(&message).expect("a question");
        let owners = read.records().map(|record| record.owner.wire().len());
        let names = read
            .questions
            .iter()
            .map(|question| question.name.wire().len());
        let bytes: usize = owners.chain(names).sum();
        assert!(bytes <= 256 * message.len() / 5, "{bytes}");
        assert!(read.flaws.len() <= message.len() / 5 + 5);
        check(&message);
    }
    let tower = Message::read(&costly(9194)[2]).expect("a question");
    assert_eq!(tower.questions.len(), 128);
    assert!(matches!(tower.flaws[0], Flaw::Question { number: 129, .. }));
}
