mod bounds;
mod rules;

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::ether::MacAddr;

/// Some time after 1970.
const START: Duration = Duration::from_secs(1_700_000_000);

fn at(seconds: f64) -> Duration {
    let start = START.as_secs_f64();
    Duration::from_secs_f64(start + seconds)
}

fn mac(last: u8) -> MacAddr {
    MacAddr([0x00, 0x1b, 0x21, 0, 0, last])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A station says that it has 10.0.0.1.
fn says(how: How, last: u8) -> Sighting {
    has(how, last, "10.0.0.1")
}

fn has(how: How, last: u8, address: &str) -> Sighting {
    Sighting {
        place: Place::default(),
        how,
        mac: mac(last),
        ip: Some(ip(address)),
        asks: None,
        source: Some(mac(last)),
        router: false,
        weak: false,
    }
}

/// What is told when packets come at times, each with the number of its place.
fn told(table: &mut Table, heard: &[(f64, Sighting)]) -> Vec<(usize, What)> {
    let all = heard.iter().enumerate();
    let news = all.flat_map(|(index, (seconds, sighting))| {
        let news = table.hear(at(*seconds), sighting);
        news.into_iter().map(move |news| (index, news.what))
    });
    news.collect()
}

fn names(heard: &[(f64, Sighting)]) -> Vec<(usize, &'static str)> {
    let news = told(&mut Table::default(), heard).into_iter();
    news.map(|(index, what)| (index, what.name())).collect()
}
