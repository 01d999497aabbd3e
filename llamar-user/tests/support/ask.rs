//! Other people's askers, each in one call.

use std::net::IpAddr;

use super::net::Namespace;
use super::peers::Peer;

/// Asks with llmnr-query once, for one type, over IPv4 or IPv6; the addresses it was told within some milliseconds.
#[track_caller]
pub fn llmnr_query(
    peer: &Peer,
    from: &Namespace,
    over: Over,
    name: &str,
    kind: &str,
    patience: u32,
) -> Vec<IpAddr> {
    let patience = patience.to_string();
    let mut arguments = vec!["-I", "eth0", "-c", "1", "-t", &patience, "-T", kind];
    if over == Over::Ipv6 {
        arguments.push("-6");
    }
    arguments.push(name);
    let printed = peer.output_in(from, &arguments);
    // LLMNR response: casa IN A 10.7.0.1 (TTL 30)
    let address = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != kind);
        words.nth(1).map(|word| {
            word.parse()
                .unwrap_or_else(|_| panic!("an address in {line:?}"))
        })
    };
    printed
        .lines()
        .filter(|line| line.contains("response"))
        .filter_map(address)
        .collect()
}

/// The IP version that a query goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// To 224.0.0.252.
    Ipv4,
    /// To ff02::1:3.
    Ipv6,
}
