//! What a flood leaves behind.

use super::super::memory::Memory;
use super::*;

/// Messages of ever new names from ever new hosts.
fn flood(count: u32) -> impl Iterator<Item = Sent> {
    (0..count).map(|number| {
        let [a, b, c, d] = number.to_be_bytes();
        let owner = format!("h{number}.local");
        let record = unique(&owner, 7, Rdata::A([10, b, c, d].into()));
        let sent = match number % 3 {
            0 => query(&[question(&owner, kind::A)]),
            _ => response(&[record]),
        };
        let from = SocketAddr::from(([10 + a, b, c, d], 5353));
        sent.from(&from.to_string()).at(u64::from(number))
    })
}

#[test]
fn flood_is_told_of_and_not_for_ever() {
    let mut linter = Linter::default();
    for sent in flood(20_000) {
        linter.hear(&sent.heard());
    }
    assert_eq!(linter.told.len(), TOLD_MAX);
    assert_eq!(linter.known.len(), TOLD_MAX);
    assert!(
        linter.memory.len() <= Memory::MOST,
        "{}",
        linter.memory.len()
    );
    // What was told before is counted on.
    let (first, count) = linter.breaches().next().unwrap();
    assert_eq!((first.rule, count), ("A29", 1));
    let again = flood(2).nth(1).unwrap().at(60_000);
    linter.hear(&again.heard());
    assert_eq!(linter.breaches().next().unwrap().1, 2);
}

#[test]
fn one_name_of_many_hosts_is_bounded() {
    let mut linter = Linter::default();
    for number in 0..5000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let target = format!("h{number}._http._tcp.local");
        let from = SocketAddr::from(([10, b, c, d], 5353)).to_string();
        for sent in [
            response(&[ptr(TYPE, &target)]),
            query(&[question(TYPE, kind::PTR)]),
        ] {
            linter.hear(&sent.from(&from).at(u64::from(number)).heard());
        }
    }
    assert!(linter.memory.len() < 5000 + 200, "{}", linter.memory.len());
}

#[test]
fn many_names_of_many_hosts_are_bounded_together() {
    let mut linter = Linter::default();
    for number in 0..70_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let from = SocketAddr::from(([10, b, c, d], 5353)).to_string();
        let names: Vec<_> = (0..800).map(|name| format!("h{name}.local")).collect();
        let questions: Vec<_> = names.iter().map(|name| question(name, kind::A)).collect();
        let record = |name: &String| unique(name, 120, Rdata::A([10, b, c, d].into()));
        let records: Vec<_> = names.iter().map(record).collect();
        for sent in [query(&questions), response(&records)] {
            linter.hear(&sent.from(&from).at(u64::from(number)).heard());
        }
    }
    assert!(
        linter.memory.len() <= Memory::MOST,
        "{}",
        linter.memory.len()
    );
}
