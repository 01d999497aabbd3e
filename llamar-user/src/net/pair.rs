//! Two ends of a veth pair for tests, in one namespace or in two.

use std::fmt::Debug;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::link::space::{Peer, block_on, ip, until_up};

/// How long a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Both ends, v0 and v1, in this namespace; up, without addresses. Their indexes.
pub(crate) async fn bare_pair() -> (u32, u32) {
    ip("link add v0 type veth peer name v1");
    set_up("v0");
    set_up("v1");
    (until_up("v0").await, until_up("v1").await)
}

/// Our end v0 (10.0.0.1, 2001:db8::1, fe80::1) with its index, and a peer with the other, v1 (.2).
pub(crate) async fn pair() -> (Peer, u32) {
    let peer = Peer::new();
    ip("link add v0 type veth peer name v1");
    peer.takes("v1");
    set_up("v0");
    peer.run(|| set_up("v1"));
    let device = until_up("v0").await;
    // An address that comes before the link is up is not heard at first.
    peer.run(|| {
        block_on(until_up("v1"));
        addresses("v1", 2);
    });
    addresses("v0", 1);
    (peer, device)
}

/// Index of an interface of the calling thread's namespace.
pub(crate) fn index_of(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).unwrap()
}

fn set_up(device: &str) {
    ip(&format!("link set {device} addrgenmode none"));
    ip(&format!("link set {device} up"));
}

fn addresses(device: &str, host: u8) {
    ip(&format!("addr add 10.0.0.{host}/24 dev {device}"));
    ip(&format!("addr add 2001:db8::{host}/64 dev {device} nodad"));
    ip(&format!("addr add fe80::{host}/64 dev {device} nodad"));
    for network in ["2001:db8::", "fe80::"] {
        until_heard(&format!("{network}{host}"));
    }
}

/// Tries something until it works; the last error if it does not soon. What was closed a moment ago may still be held by
/// what other tests start, until that has begun to run.
pub(crate) fn soon<T, E: Debug>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let begin = Instant::now();
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) => assert!(begin.elapsed() < SOON, "{error:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the kernel takes in what is sent to a new IPv6 address, which is a little later.
fn until_heard(address: &str) {
    let octets = address.parse::<Ipv6Addr>().unwrap().octets();
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let wanted = format!("{digits} 80 ");
    soon(|| {
        let routes = std::fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap();
        let is_heard = routes.lines().any(|route| route.starts_with(&wanted));
        is_heard.then_some(()).ok_or((address, "is not heard"))
    });
}
