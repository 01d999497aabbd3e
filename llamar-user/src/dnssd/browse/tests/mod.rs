//! What a browser makes of records that come and go.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::dns::{Rdata, Record, Srv, Txt, kind_name};
use crate::dnssd::local;
use crate::mdns::Change;

mod bounds;
mod properties;
mod rules;

const ETH0: u32 = 2;
const WLAN0: u32 = 3;
const META: &str = "_services._dns-sd._udp.local";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn ptr(owner: &str, target: &str) -> Record {
    Record::new(name(owner), 4500, Rdata::Ptr(name(target))).unwrap()
}

fn srv(owner: &str, target: &str, port: u16) -> Record {
    srv_of(owner, (0, 0), target, port)
}

fn srv_of(owner: &str, (priority, weight): (u16, u16), target: &str, port: u16) -> Record {
    let srv = Srv {
        priority,
        weight,
        port,
        target: name(target),
    };
    Record::new(name(owner), 120, Rdata::Srv(srv)).unwrap()
}

fn txt(owner: &str, strings: &[&str]) -> Record {
    let txt = Txt::new(strings.iter().map(|string| string.as_bytes())).unwrap();
    Record::new(name(owner), 4500, Rdata::Txt(txt)).unwrap()
}

fn address(owner: &str, address: &str) -> Record {
    let data = match address.parse().unwrap() {
        IpAddr::V4(ip) => Rdata::A(ip),
        IpAddr::V6(ip) => Rdata::Aaaa(ip),
    };
    Record::new(name(owner), 120, data).unwrap()
}

/// A browser and its clock.
struct Scene {
    browser: Browser,
    now: Instant,
}

impl Scene {
    /// Browses on both interfaces.
    fn new(scope: Scope) -> Self {
        let now = Instant::now();
        let mut browser = Browser::new(now, scope);
        browser.follow(now, &[ETH0, WLAN0].into());
        Self { browser, now }
    }

    fn passive(scope: Scope) -> Self {
        let now = Instant::now();
        let browser = Browser::passive(now, scope);
        Self { browser, now }
    }

    fn all() -> Self {
        Self::new(Scope::All(local()))
    }

    fn hear_on(&mut self, device: u32, record: &Record, change: Change) {
        let held = Held {
            device,
            record: record.clone(),
            from: "192.0.2.7".parse().unwrap(),
            change,
        };
        self.browser.handle(self.now, &held);
    }

    /// Hears the records of one message; what there is to tell then.
    fn hear(&mut self, records: &[Record]) -> Vec<String> {
        for record in records {
            self.hear_on(ETH0, record, Change::Added);
        }
        self.told()
    }

    /// Loses records.
    fn lose(&mut self, records: &[Record]) -> Vec<String> {
        for record in records {
            self.hear_on(ETH0, record, Change::Removed);
        }
        self.told()
    }

    /// Lets time pass.
    fn wait(&mut self, milliseconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(milliseconds);
        let mut told = Vec::new();
        while let Some(due) = self.browser.poll_timeout().filter(|&due| due <= end) {
            self.now = due;
            self.browser.handle_timeout(due);
            told.extend(self.told());
        }
        self.now = end;
        told
    }

    fn told(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.browser.poll_event());
        events.map(|found| shown(&found)).collect()
    }

    fn wishes(&mut self) -> BTreeSet<String> {
        let wishes = std::iter::from_fn(|| self.browser.poll_wish());
        let shown = |wish| match wish {
            Wish::Ask(device, asked) => {
                format!("+{device} {} {}", asked.name, kind_name(asked.kind))
            }
            Wish::Cease(device, asked) => {
                format!("-{device} {} {}", asked.name, kind_name(asked.kind))
            }
        };
        wishes.map(shown).collect()
    }
}

fn shown(found: &Found) -> String {
    let on = match found.device {
        ETH0 => "",
        _ => "wlan0 ",
    };
    let what = match &found.what {
        What::Type {
            kind,
            domain,
            change,
        } => format!("{} type {kind} {domain}", sign(*change)),
        What::Added { instance, subtypes } => format!("+ {instance}{}", subtypes_shown(subtypes)),
        What::Resolved(service) => format!("= {}", service_shown(service)),
        What::Updated(service) => format!("~ {}", service_shown(service)),
        What::Removed { instance } => format!("- {instance}"),
        What::Pointer {
            name,
            target,
            change,
        } => format!("{} {name} -> {target}", sign(*change)),
    };
    format!("{on}{what}")
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
    }
}

fn subtypes_shown(subtypes: &[Vec<u8>]) -> String {
    let shown = subtypes
        .iter()
        .map(|subtype| String::from_utf8_lossy(subtype));
    let shown: Vec<_> = shown.collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(" ({})", shown.join(",")),
    }
}

fn service_shown(service: &Service) -> String {
    let mut text = format!("{}{}", service.instance, subtypes_shown(&service.subtypes));
    for target in &service.targets {
        let addresses: Vec<String> = target.addresses.iter().map(IpAddr::to_string).collect();
        text += &format!(" {}:{} [{}]", target.host, target.port, addresses.join(" "));
    }
    for txt in &service.txt {
        text += &format!(" {}", Rdata::Txt(txt.clone()));
    }
    text
}
