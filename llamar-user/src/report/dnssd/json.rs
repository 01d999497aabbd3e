//! An object of JSON for each thing that is found.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::Heard;
use super::text::{address, family, parts, text};
use crate::dns::{Attribute, Name, Txt};
use crate::dnssd::Instance;
use crate::dnssd::browse::{Found, Service, Target, What};
use crate::mdns::Change;
use crate::report::layout::json;

/// What is written of anything that is found.
#[derive(Default, Serialize)]
struct Row {
    /// `add`, `resolve`, `update` or `remove`.
    event: &'static str,
    /// `type`, `service` or `pointer`.
    what: &'static str,
    /// Seconds since the beginning of 1970.
    time: f64,
    /// `null` where a capture does not tell.
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    /// Of the sender's address.
    family: &'static str,
    /// Who said it last.
    from: String,
    /// What people call the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// The whole name, labels between dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    /// What a pointer points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtypes: Option<Vec<String>>,
    #[serde(flatten)]
    place: Option<Place>,
    /// The others, in the order in which they are to be tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternatives: Vec<Place>,
    /// An object for each TXT record; there is seldom more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    txt: Option<Vec<Attributes>>,
}

/// A place where a service is offered.
#[derive(Serialize)]
struct Place {
    host: String,
    port: u16,
    priority: u16,
    weight: u16,
    addresses: Vec<String>,
}

/// Keys and values, `true` for a key without an equals sign.
struct Attributes(Vec<(String, Option<String>)>);

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            match value {
                Some(value) => map.serialize_entry(key, value)?,
                None => map.serialize_entry(key, &true)?,
            }
        }
        map.end()
    }
}

/// Writes the object of what was found.
pub fn write(found: &Found, heard: &Heard, out: &mut impl Write) -> io::Result<()> {
    let row = Row {
        time: heard.time.as_secs_f64(),
        interface: heard.interface.clone(),
        vlan: heard.vlan,
        family: family(found.from),
        from: address(found.from, heard),
        ..row(&found.what, heard)
    };
    json(&row, out)
}

fn row(what: &What, heard: &Heard) -> Row {
    match what {
        What::Type {
            kind,
            domain,
            change,
        } => Row {
            event: event(*change),
            what: "type",
            kind: Some(kind.to_string()),
            domain: Some(domain.to_string()),
            ..Row::default()
        },
        What::Added { instance, subtypes } => Row {
            event: "add",
            subtypes: Some(subtypes.iter().map(|subtype| text(subtype)).collect()),
            ..of(instance)
        },
        What::Removed { instance } => Row {
            event: "remove",
            ..of(instance)
        },
        What::Resolved(service) => resolved("resolve", service, heard),
        What::Updated(service) => resolved("update", service, heard),
        What::Pointer {
            name,
            target,
            change,
        } => Row {
            event: event(*change),
            what: "pointer",
            full_name: Some(name.to_string()),
            target: Some(target.to_string()),
            ..Row::default()
        },
    }
}

fn event(change: Change) -> &'static str {
    match change {
        Change::Added => "add",
        Change::Removed => "remove",
    }
}

fn of(instance: &Instance) -> Row {
    let (kind, domain) = parts(instance);
    Row {
        what: "service",
        name: Some(text(instance.label())),
        kind: Some(kind),
        domain: Some(domain),
        full_name: Some(Name::to_string(instance.name())),
        ..Row::default()
    }
}

fn resolved(event: &'static str, service: &Service, heard: &Heard) -> Row {
    let mut targets = service.targets.iter().map(|target| place(target, heard));
    Row {
        event,
        subtypes: Some(
            service
                .subtypes
                .iter()
                .map(|subtype| text(subtype))
                .collect(),
        ),
        place: targets.next(),
        alternatives: targets.collect(),
        txt: Some(service.txt.iter().map(attributes).collect()),
        ..of(&service.instance)
    }
}

fn place(target: &Target, heard: &Heard) -> Place {
    let addresses = target.addresses.iter();
    Place {
        host: target.host.to_string(),
        port: target.port,
        priority: target.priority,
        weight: target.weight,
        addresses: addresses.map(|&ip: &IpAddr| address(ip, heard)).collect(),
    }
}

fn attributes(txt: &Txt) -> Attributes {
    let mut attributes: Vec<(String, Option<String>)> = Vec::new();
    for (key, attribute) in txt.attributes() {
        let key = text(key);
        // RFC 6763 6.4: of equal keys only the first counts.
        if attributes
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&key))
        {
            continue;
        }
        let value = match attribute {
            Attribute::Present => None,
            Attribute::Value(value) => Some(text(value)),
        };
        attributes.push((key, value));
    }
    Attributes(attributes)
}
