//! Records as the tutorial's program prints them, `snabb dnssd` (seed document 001): a line for each record of a
//! response's answer and additional sections, and none for types that the program does not know.
//!
//! The program cuts names at the first pointer, and loses everything behind a type that it does not know. Here names are
//! whole and no record is lost; IPv6 addresses are shown as IPv4's are.

use llamar_common::wire::dns;

use crate::dns::escape::escape;
use crate::dns::{Message, Name, Rdata, Record, Txt};

/// The lines of a message; none if it is a query.
pub fn lines(message: &Message) -> Vec<String> {
    if message.flags & dns::RESPONSE == 0 {
        return Vec::new();
    }
    let records = message.answers.iter().chain(&message.additionals);
    records.filter_map(line).collect()
}

fn line(record: &Record) -> Option<String> {
    Some(match &record.data {
        Rdata::Ptr(target) => {
            let (owner, target) = (whole(&record.owner), whole(target));
            format!("PTR: (name: {owner}; domain-name: {target})")
        }
        Rdata::Srv(srv) => format!("SRV: (target: {})", whole(&srv.target)),
        Rdata::Txt(txt) => format!("TXT: ({})", attributes(txt)),
        Rdata::A(address) => format!("Address: {address}"),
        Rdata::Aaaa(address) => format!("Address: {address}"),
        _ => return None,
    })
}

/// The labels of a name with dots between them. Blanks stay as they are.
fn whole(name: &Name) -> String {
    let labels: Vec<_> = name.labels().map(|label| shown(label, '.')).collect();
    labels.join(".")
}

/// Strings, each with a semicolon behind it.
fn attributes(txt: &Txt) -> String {
    let strings = txt.strings().filter(|string| !string.is_empty());
    strings.map(|string| shown(string, ';') + ";").collect()
}

/// Bytes as text, without what would mislead a terminal or pass for the character that follows.
fn shown(bytes: &[u8], end: char) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = escape(bytes, [end, '\\'], true, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Nsec, Srv};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn record(owner: &str, data: Rdata) -> Record {
        Record::new(name(owner), 120, data).unwrap()
    }

    fn txt(strings: &[&str]) -> Rdata {
        Rdata::Txt(Txt::new(strings.iter().map(|string| string.as_bytes())).unwrap())
    }

    fn response(answers: Vec<Record>, additionals: Vec<Record>) -> Message {
        Message {
            flags: 0x8400,
            answers,
            additionals,
            ..Message::default()
        }
    }

    // Seed document 001, the first example, with the names that its program cut.
    #[test]
    fn lines_are_the_tutorials() {
        let srv = Srv {
            priority: 0,
            weight: 0,
            port: 41491,
            target: name("dcad2b6c7a2110c310-0.local"),
        };
        let response = response(
            vec![record(
                "_services._dns-sd._udp.local",
                Rdata::Ptr(name("_spotify-connect._tcp.local")),
            )],
            vec![
                record(
                    "dcad2b6c7a2110c310-0._spotify-connect._tcp.local",
                    Rdata::Srv(srv),
                ),
                record(
                    "dcad2b6c7a2110c310-0._spotify-connect._tcp.local",
                    txt(&["CPath=/zc/0", "VERSION=1.0", "Stack=SP"]),
                ),
                record(
                    "dcad2b6c7a2110c310-0.local",
                    Rdata::A([192, 168, 86, 55].into()),
                ),
            ],
        );
        assert_eq!(
            lines(&response),
            [
                "PTR: (name: _services._dns-sd._udp.local; domain-name: _spotify-connect._tcp.local)",
                "SRV: (target: dcad2b6c7a2110c310-0.local)",
                "TXT: (CPath=/zc/0;VERSION=1.0;Stack=SP;)",
                "Address: 192.168.86.55",
            ]
        );
    }

    #[test]
    fn types_that_the_program_does_not_know_cost_no_line_of_others() {
        let response = response(
            vec![
                record(
                    "casa.local",
                    Rdata::Nsec(Nsec::new(name("casa.local"), [1])),
                ),
                record("casa.local", Rdata::Aaaa("fe80::1".parse().unwrap())),
            ],
            vec![record("x", txt(&[])), record("x", txt(&["key", "rs="]))],
        );
        assert_eq!(
            lines(&response),
            ["Address: fe80::1", "TXT: ()", "TXT: (key;rs=;)"]
        );
    }

    #[test]
    fn queries_have_no_lines() {
        let mut query = response(vec![record("a", Rdata::A([192, 0, 2, 1].into()))], vec![]);
        query.flags = 0;
        assert_eq!(lines(&query), [""; 0]);
    }

    #[test]
    fn what_is_no_text_or_looks_like_an_end_is_escaped() {
        let response = response(
            vec![
                record(r"My\032Web\.Site.local", Rdata::Ptr(name(r"a\027b"))),
                record("x", txt(&["a=1;2\\", "b=\x1b[2J", "größe=ä ö"])),
            ],
            vec![],
        );
        assert_eq!(
            lines(&response),
            [
                r"PTR: (name: My Web\.Site.local; domain-name: a\027b)",
                r"TXT: (a=1\;2\\;b=\027[2J;größe=ä ö;)",
            ]
        );
    }
}
