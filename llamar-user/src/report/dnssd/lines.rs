//! A line for each thing that is found, its fields between blanks, none of them with a blank in it.

use std::io::{self, Write};
use std::net::IpAddr;

use super::Heard;
use super::text::{address, family, parts, place, sign, word};
use crate::dns::Rdata;
use crate::dnssd::Instance;
use crate::dnssd::browse::{Found, Service, Target, What};

/// Widths that most interfaces, senders, types and domains have, so that lines which nobody knows yet are aligned with
/// those that are out.
const WIDTHS: [usize; 6] = [1, 6, 4, 15, 22, 5];

/// Writes a line: sign, interface, family, sender, type, domain; then instance; then host, port, addresses and strings.
pub fn write(found: &Found, heard: &Heard, out: &mut impl Write) -> io::Result<()> {
    let (head, rest) = match &found.what {
        What::Type { kind, domain, .. } => ([kind.to_string(), domain.to_string()], Vec::new()),
        What::Added { instance, .. } | What::Removed { instance } => of(instance),
        What::Resolved(service) | What::Updated(service) => {
            let (head, mut rest) = of(&service.instance);
            rest.extend(details(service, heard));
            (head, rest)
        }
        What::Pointer { name, target, .. } => (
            [word(name.to_string().as_bytes()), "PTR".into()],
            vec![target.to_string()],
        ),
    };
    let [kind, domain] = head;
    let fields = [
        sign(&found.what).to_string(),
        place(heard).into_owned(),
        family(found.from).into(),
        // The interface is told already.
        found.from.to_string(),
        kind,
        domain,
    ];
    let mut line = String::new();
    for (field, width) in fields.iter().zip(WIDTHS) {
        line += &format!("{field:width$} ");
    }
    line += &rest.join(" ");
    writeln!(out, "{}", line.trim_end())
}

fn of(instance: &Instance) -> ([String; 2], Vec<String>) {
    let (kind, domain) = parts(instance);
    ([kind, domain], vec![word(instance.label())])
}

fn details(service: &Service, heard: &Heard) -> Vec<String> {
    let mut fields = Vec::new();
    for target in &service.targets {
        fields.push(target.host.to_string());
        fields.push(target.port.to_string());
        fields.push(addresses(target, heard));
    }
    fields.extend(
        service
            .txt
            .iter()
            .map(|txt| Rdata::Txt(txt.clone()).to_string()),
    );
    fields
}

/// The addresses with commas between them, `-` for none.
fn addresses(target: &Target, heard: &Heard) -> String {
    let shown = |&ip: &IpAddr| address(ip, heard);
    let addresses: Vec<String> = target.addresses.iter().map(shown).collect();
    match addresses.is_empty() {
        true => "-".into(),
        false => addresses.join(","),
    }
}
