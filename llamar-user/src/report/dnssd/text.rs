//! Names and addresses as they are shown.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::Heard;
use crate::dns::Name;
use crate::dns::escape::escape;
use crate::dnssd::Instance;
use crate::dnssd::browse::What;
use crate::mdns::Change;

/// `+` for what came, `=` for what is known of it, `~` for what changed, `-` for what went.
pub fn sign(what: &What) -> char {
    match what {
        What::Added { .. } => '+',
        What::Resolved(_) => '=',
        What::Updated(_) => '~',
        What::Removed { .. } => '-',
        What::Type { change, .. } | What::Pointer { change, .. } => match change {
            Change::Added => '+',
            Change::Removed => '-',
        },
    }
}

/// An interface with the VLAN, `-` where neither is known.
pub fn place(heard: &Heard) -> Cow<'_, str> {
    match (&heard.interface, heard.vlan) {
        (Some(interface), None) => interface.into(),
        (Some(interface), Some(vlan)) => format!("{interface}.{vlan}").into(),
        (None, Some(vlan)) => format!("vlan{vlan}").into(),
        (None, None) => "-".into(),
    }
}

/// An address; to a link-local one belongs the interface on whose link it is.
pub fn address(address: IpAddr, heard: &Heard) -> String {
    match (address, &heard.interface) {
        (IpAddr::V6(ip), Some(interface)) if ip.is_unicast_link_local() => {
            format!("{ip}%{interface}")
        }
        _ => address.to_string(),
    }
}

/// `IPv4` or `IPv6`.
pub fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}

/// Type and domain of an instance.
pub fn parts(instance: &Instance) -> (String, String) {
    match instance.parts() {
        Some((kind, domain)) => (kind.to_string(), domain.to_string()),
        // An instance has both.
        None => (String::new(), String::new()),
    }
}

/// Bytes as one word: neither a blank nor a control in it.
pub fn word(bytes: &[u8]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = escape(bytes, ['\\', '"'], false, &mut text);
    text
}

/// Bytes for reading: blanks stay, nothing else can mislead.
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    let _ = escape(bytes, ['\\', '\\'], true, &mut text);
    text
}

/// Bytes as what they ought to be, text, and otherwise with what is none as `\DDD`.
pub fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => readable(bytes),
    }
}

/// A name as avahi shows it: everything but letters, digits, hyphens and underscores is escaped.
pub fn avahi_name(name: &Name) -> String {
    let labels: Vec<String> = name.labels().map(avahi_label).collect();
    labels.join(".")
}

/// A label in the same manner.
pub fn avahi_label(label: &[u8]) -> String {
    let mut text = String::with_capacity(label.len());
    for &byte in label {
        match byte {
            b'.' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => text.push(byte.into()),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\{byte:03}");
            }
        }
    }
    text
}
