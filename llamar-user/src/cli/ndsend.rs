//! vzctl's announcer of IPv6 addresses: the program that a link named `ndsend` is, and to which arpsend hands such
//! addresses.

use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::process::ExitCode;

use crate::ask::raw::{Need, Raw, RawError};
use crate::cli::nd;
use crate::cli::nd::place::{self, ALL_NODES};
use crate::ndp::{Advertisement, Message, Packet, refusal};
use crate::net::neighbour_discovery_filter;

const USAGE: &str = "Usage: ndsend <ipv6_address> <interface_name>";
/// Exit codes as those of arpsend, beside which it was installed.
const WRONG_USAGE: u8 = 1;
const FAILED: u8 = 2;

/// Runs the command line of ndsend: `ndsend ADDRESS INTERFACE`. It says nothing unless it fails.
pub fn main() -> ExitCode {
    super::log::start(0);
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["-h" | "--help"] => {
            let _ = writeln!(std::io::stdout(), "{USAGE}");
            ExitCode::SUCCESS
        }
        [address, interface] => send(address, interface),
        _ => {
            say(USAGE);
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// Tells all nodes on the link once that an address is at the interface's hardware address; the exit code of ndsend.
pub fn send(address: &str, interface: &str) -> ExitCode {
    let address = match parse(address) {
        Ok(address) => address,
        Err(reason) => {
            say(&reason);
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match nd::block_on(advertise(address, interface)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&match error.downcast_ref() {
                Some(RawError::NoSuchInterface { name, .. }) => {
                    format!("Unknown network interface {name}: No such device")
                }
                _ => format!("ndsend: {error:#}"),
            });
            ExitCode::from(FAILED)
        }
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The address to announce: one that a host can have.
fn parse(text: &str) -> Result<Ipv6Addr, String> {
    match text.parse() {
        Ok(IpAddr::V6(address)) => match refusal::host(address) {
            Ok(()) => Ok(address),
            Err(reason) => Err(format!("ndsend: {reason}")),
        },
        Ok(IpAddr::V4(address)) => Err(format!(
            "ndsend: {address} is an IPv4 address: arpsend -U -i {address}"
        )),
        Err(_) => Err(format!("ndsend: {text} is no IPv6 address")),
    }
}

/// Sends the one advertisement.
async fn advertise(address: Ipv6Addr, interface: &str) -> anyhow::Result<()> {
    let raw = Raw::open(interface, Need::Multicast, &neighbour_discovery_filter()).await?;
    // As the kernel chose it.
    let source = place::source_for_all(&place::own(raw.link())?);
    let packet = Packet {
        source: source.unwrap_or(address),
        destination: ALL_NODES,
        message: Message::Advertisement(Advertisement {
            target: address,
            router: false,
            solicited: false,
            overriding: true,
            target_mac: Some(raw.mac()),
        }),
    };
    let destination = packet.group().unwrap_or_default();
    raw.send(&packet.to_frame(raw.mac(), destination, None))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_a_host_can_have_is_announced() {
        assert_eq!(parse("fd00::1"), Ok("fd00::1".parse().unwrap()));
        for (wrong, reason) in [
            (
                "10.0.0.1",
                "10.0.0.1 is an IPv4 address: arpsend -U -i 10.0.0.1",
            ),
            ("fe80::1%eth0", "fe80::1%eth0 is no IPv6 address"),
            ("", " is no IPv6 address"),
            ("ff02::1", "multicast"),
            ("::", "nobody's address"),
            ("::1", "loopback"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }
}
