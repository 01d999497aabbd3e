//! What is found as `avahi-browse --parsable --resolve --no-db-lookup` of avahi 0.8 prints it, for scripts that read that.
//!
//! avahi keeps the two families apart: to it a host that speaks both offers a service twice, each with an address of one.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;

use super::Heard;
use super::text::{avahi_label, avahi_name, family, place};
use crate::dns::{Name, Txt};
use crate::dnssd::Instance;
use crate::dnssd::browse::{Found, Service, What};
use crate::mdns::Change;

/// What was written of each instance.
#[derive(Debug, Default)]
pub struct Parsable {
    /// Interface, instance and family for which there was a `+` and no `-` yet.
    told: BTreeSet<(u32, Name, &'static str)>,
}

impl Parsable {
    /// Writes the lines of what was found.
    pub fn write(&mut self, found: &Found, heard: &Heard, out: &mut impl Write) -> io::Result<()> {
        match &found.what {
            What::Added { instance, .. } => {
                self.add(found.device, instance, family(found.from), heard, out)
            }
            What::Removed { instance } => self.remove(found.device, instance, heard, out),
            What::Resolved(service) | What::Updated(service) => {
                self.resolve(found.device, service, heard, out)
            }
            What::Type {
                kind,
                domain,
                change,
            } => {
                let sign = if *change == Change::Added { '+' } else { '-' };
                let (kind, domain) = (avahi_name(kind.name()), avahi_name(domain));
                let family = family(found.from);
                writeln!(out, "{sign};{};{family};;{kind};{domain}", interface(heard))
            }
            // avahi-browse has nothing of the kind.
            What::Pointer { .. } => Ok(()),
        }
    }

    fn add(
        &mut self,
        device: u32,
        instance: &Instance,
        family: &'static str,
        heard: &Heard,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let key = (device, instance.name().clone(), family);
        match self.told.insert(key) {
            true => writeln!(out, "{}", head('+', instance, family, heard)),
            false => Ok(()),
        }
    }

    fn remove(
        &mut self,
        device: u32,
        instance: &Instance,
        heard: &Heard,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for family in ["IPv6", "IPv4"] {
            if self.told.remove(&(device, instance.name().clone(), family)) {
                writeln!(out, "{}", head('-', instance, family, heard))?;
            }
        }
        Ok(())
    }

    fn resolve(
        &mut self,
        device: u32,
        service: &Service,
        heard: &Heard,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let Some(target) = service.targets.first() else {
            return Ok(());
        };
        let first = |wanted: fn(&IpAddr) -> bool| target.addresses.iter().copied().find(wanted);
        let addresses = [first(IpAddr::is_ipv6), first(IpAddr::is_ipv4)];
        for address in addresses.into_iter().flatten() {
            self.add(device, &service.instance, family(address), heard, out)?;
        }
        for address in addresses.into_iter().flatten() {
            let head = head('=', &service.instance, family(address), heard);
            let (host, port) = (avahi_name(&target.host), target.port);
            let txt = service.txt.first().map(strings).unwrap_or_default();
            writeln!(out, "{head};{host};{address};{port};{txt}")?;
        }
        Ok(())
    }
}

/// `+;eth0;IPv4;Web\032on\032casa;_http._tcp;local`
fn head(sign: char, instance: &Instance, family: &str, heard: &Heard) -> String {
    let name = avahi_label(instance.label());
    let (kind, domain) = match instance.parts() {
        Some((kind, domain)) => (avahi_name(kind.name()), avahi_name(&domain)),
        None => (String::new(), String::new()),
    };
    let interface = interface(heard);
    format!("{sign};{interface};{family};{name};{kind};{domain}")
}

fn interface(heard: &Heard) -> String {
    match heard.interface.is_none() && heard.vlan.is_none() {
        true => "n/a".into(),
        false => place(heard).into_owned(),
    }
}

/// The strings of a TXT record in quotation marks, the last one first, without those that are empty: so they come out of
/// avahi's lists.
fn strings(txt: &Txt) -> String {
    let strings = txt.strings().filter(|string| !string.is_empty());
    let mut quoted: Vec<String> = strings.map(quoted).collect();
    quoted.reverse();
    quoted.join(" ")
}

fn quoted(string: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in string {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'\x7f' => text.push(byte.into()),
            _ => text += &format!("\\{byte:03}"),
        }
    }
    text.push('"');
    text
}
