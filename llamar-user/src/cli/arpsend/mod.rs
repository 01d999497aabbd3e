//! OpenVZ's sender of ARP packets: the program that a link named `arpsend` is. It takes that program's options, prints its
//! lines and ends with its exit codes: 0 done; 1 wrong usage; 2 failure; 3 somebody has the address (-D, -U); 4 nobody
//! answered (-Q).

use std::convert::Infallible;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use nix::errno::Errno;

mod exchange;
mod getopt;
mod plan;

use exchange::{Exchange, Line};
use plan::{Command, Plan, Wrong};

use crate::arp::Station;
use crate::arp::refusal::{self, Own, Refusal};
use crate::ask::raw::{Need, Raw, RawError};
use crate::cli::arp::place;
use crate::cli::ndsend;
use crate::ether::{self, MacAddr};
use crate::link::{Link, Links, Watch};
use crate::net::arp_filter;

const USAGE: u8 = 1;
const FAILED: u8 = 2;

/// Runs the command line of arpsend.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().map(|text| text.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_else(|| "arpsend".into());
    let plan = match Plan::read(&program, arguments) {
        Ok(plan) => plan,
        Err(Wrong(said)) => {
            if let Some(said) = said {
                line(&said);
            }
            line(&format!("Usage: {program} {ARGUMENTS}"));
            return ExitCode::from(USAGE);
        }
    };
    match (&plan.ipv6, plan.command) {
        // It became ndsend.
        (Some(address), Command::Update) => ndsend::send(address, &plan.interface),
        // It knew nothing to do about an IPv6 address.
        (Some(_), _) => ExitCode::SUCCESS,
        (None, _) => match run(&plan) {
            Ok(code) => ExitCode::from(code),
            Err(reason) => {
                say(&reason);
                ExitCode::from(FAILED)
            }
        },
    }
}

const ARGUMENTS: &str = "<-U -i <src_ip_addr> | -D -e <trg_ip_addr> [-e <trg_ip_addr>] ...> [-c <count>] \
                         [-w <timeout>] interface_name";

/// A line on standard error; nobody to tell is no reason not to go on.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn say(text: &impl Display) {
    line(&format!("arpsend: {text}"));
}

/// What went wrong, in its words.
type Refused = String;

/// The exit code.
fn run(plan: &Plan) -> Result<u8, Refused> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(exchange(plan))
}

async fn exchange(plan: &Plan) -> Result<u8, Refused> {
    let (_, links) = Watch::open().await.map_err(|error| error.to_string())?;
    let own = own_addresses(plan, &links)?;
    let raw = Raw::open(&plan.interface, Need::Arp, &arp_filter())
        .await
        .map_err(|error| told(&error))?;
    let tell = |line: Line| match line {
        Line::Said(text) => say(&text),
        Line::Detail(text) if plan.is_verbose => say(&text),
        Line::Detail(_) => {}
    };
    tell(Line::Detail(format!(
        "got addresses hw='{}', ip='{}'",
        own.mac, own.ip
    )));
    let mut exchange = Exchange::new(Instant::now(), plan, own);
    let driven = raw.drive(&mut exchange, false, |line| {
        tell(line);
        ControlFlow::<Infallible>::Continue(())
    });
    driven.await.map_err(|error| told(&error))?;
    Ok(exchange.exit_code())
}

/// The interface's addresses, if it can be used, in the order in which arpsend found fault with it.
fn own_addresses(plan: &Plan, links: &Links) -> Result<Station, Refused> {
    let name = &plan.interface;
    let Some(link) = links.by_name(name) else {
        return Err(format!("unknown iface {name} : {}", Errno::ENODEV.desc()));
    };
    let wrong = if !link.up {
        "down"
    } else if !link.ethernet || link.noarp || link.mac.is_none() {
        "not ARPable"
    } else if is_slave(link, links) {
        "slave"
    } else {
        return station(plan, link);
    };
    Err(format!("iface '{name}' is {wrong}"))
}

/// Whether an interface belongs to a bond, which has the addresses.
fn is_slave(link: &Link, links: &Links) -> bool {
    let master = link.master.and_then(|index| links.by_index.get(&index));
    master.is_some_and(|master| master.kind.as_deref() == Some("bond"))
}

fn station(plan: &Plan, link: &Link) -> Result<Station, Refused> {
    let all = place::own_addresses(link);
    let ip = match all.first() {
        Some(own) => own.ip,
        None if plan.force => Ipv4Addr::UNSPECIFIED,
        None => {
            return Err(format!(
                "can't get iface '{}' address : {}",
                link.name,
                Errno::EADDRNOTAVAIL.desc()
            ));
        }
    };
    let mac = MacAddr(link.mac.unwrap_or_default());
    let own = Station { mac, ip };
    match judge(plan, own, &all) {
        Err(refusal) if !plan.force => Err(format!("{refusal}; -f does it nevertheless")),
        _ => Ok(own),
    }
}

/// Refuses what would hurt the link, as it did not.
fn judge(plan: &Plan, own: Station, all: &[Own]) -> Result<(), Refusal> {
    let source = plan.source.unwrap_or(own.mac);
    let sender = Station {
        mac: plan.sender_mac.unwrap_or(source),
        ip: plan.sender.unwrap_or(own.ip),
    };
    for mac in [source, sender.mac] {
        ether::refusal::station(mac)?;
    }
    match plan.command {
        Command::Update | Command::Reply => refusal::announced(sender, own.mac, all)?,
        Command::Detect | Command::Request => refusal::sender(sender.ip, all)?,
    }
    let mut targets = plan.targets.iter();
    targets.try_for_each(|target| refusal::target(*target, all))
}

/// A failure in its words: the call, and what the system says of it.
fn told(error: &RawError) -> Refused {
    let (call, source) = match error {
        RawError::Open { error, .. } => ("socket", error),
        RawError::Send { error, .. } => ("sendto", error),
        RawError::Receive { error, .. } => ("recvfrom", error),
        other => return other.to_string(),
    };
    let number = match source.kind() {
        ErrorKind::PermissionDenied => Some(Errno::EPERM),
        _ => source.raw_os_error().map(Errno::from_raw),
    };
    let reason = number.map_or_else(|| source.to_string(), |number| number.desc().to_owned());
    format!("{call} : {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::testing;

    fn link(index: u32, name: &str) -> Link {
        testing::link(index, name, "10.0.0.1/24")
    }

    fn found(arguments: &str, link: Link) -> Result<Station, Refused> {
        let arguments = arguments.split_whitespace().map(String::from);
        let plan = Plan::read("arpsend", arguments).unwrap();
        let bond = Link {
            kind: Some("bond".into()),
            ..super::tests::link(9, "bond0")
        };
        let bridge = Link {
            kind: Some("bridge".into()),
            ..super::tests::link(8, "br0")
        };
        own_addresses(&plan, &testing::links([link, bond, bridge]))
    }

    #[test]
    fn an_interface_that_cannot_be_used_is_told_in_the_words_of_arpsend() {
        let eth0 = || link(1, "eth0");
        let is = |reason: &str| Err(format!("iface 'eth0' is {reason}"));
        for (link, expected) in [
            (
                Link {
                    up: false,
                    noarp: true,
                    ..eth0()
                },
                is("down"),
            ),
            (
                Link {
                    ethernet: false,
                    ..eth0()
                },
                is("not ARPable"),
            ),
            (
                Link {
                    noarp: true,
                    ..eth0()
                },
                is("not ARPable"),
            ),
            (
                Link {
                    master: Some(9),
                    ..eth0()
                },
                is("slave"),
            ),
            (
                Link {
                    addresses: Vec::new(),
                    ..eth0()
                },
                Err("can't get iface 'eth0' address : Cannot assign requested address".into()),
            ),
            (
                link(1, "eth1"),
                Err("unknown iface eth0 : No such device".into()),
            ),
        ] {
            assert_eq!(found("-Q eth0", link), expected);
        }
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        let port = Link {
            master: Some(8),
            ..eth0()
        };
        let ip = [10, 0, 0, 1].into();
        assert_eq!(found("-Q eth0", port), Ok(Station { mac, ip }));
        let bare = Link {
            addresses: Vec::new(),
            ..eth0()
        };
        let ip = Ipv4Addr::UNSPECIFIED;
        assert_eq!(found("-Q -f eth0", bare), Ok(Station { mac, ip }));
    }

    #[test]
    fn what_would_hurt_the_link_needs_force() {
        for (arguments, why) in [
            ("-U -i 224.0.0.1", "224.0.0.1 is a multicast address"),
            ("-U -i 10.0.0.255", "10.0.0.255 is the broadcast address"),
            ("-U -i 0.0.0.0", "0.0.0.0 is nobody's address"),
            ("-U -i 10.0.0.1 -S 020000000002", "we would be cut off"),
            ("-Q -s broadcast", "is a group of stations"),
            ("-Q -S 010000000001", "is a group of stations"),
            ("-D -e 127.0.0.1", "127.0.0.1 is a loopback address"),
        ] {
            let eth0 = || link(1, "eth0");
            let refused = found(&format!("{arguments} eth0"), eth0()).unwrap_err();
            assert!(refused.contains(why), "{refused}");
            assert!(refused.ends_with("; -f does it nevertheless"), "{refused}");
            found(&format!("{arguments} -f eth0"), eth0()).unwrap();
        }
        // A probe by hand tells no address.
        found("-D -i 0.0.0.0 -e 10.0.0.9 eth0", link(1, "eth0")).unwrap();
    }
}
