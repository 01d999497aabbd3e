//! What the end-to-end tests stand on: network namespaces, a raw wire into them, the agent as a child
//! process, and other people's tools. The frames are those of `llamar_common::testing`; what comes back is decoded here.
//!
//! A test that lacks a right, a peer or the kernel path prints `skipped: ...` and passes; under
//! `LLAMAR_TESTS=require` it fails instead.

pub mod agent;
pub mod ask;
pub mod avahi;
pub mod bus;
pub mod chance;
pub mod counters;
pub mod lan;
pub mod links;
pub mod mdns;
pub mod mdns_sd;
pub mod message;
pub mod nd;
pub mod net;
pub mod nft;
pub mod packet;
pub mod pcap;
pub mod peers;
pub mod process;
pub mod prometheus;
pub mod reader;
pub mod reply;
pub mod resolvectl;
pub mod resolved;
pub mod scene;
pub mod seeds;
pub mod sys;
pub mod tcp;
pub mod tshark;
pub mod wire;

use std::time::{Duration, Instant};

/// Long enough for a loaded machine, also for what RFC 5227 2.1.1 wants seven seconds for; a test that waits this long
/// has failed.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The value of an `Option`, or the end of the test: whoever gave `None` has said why.
#[macro_export]
macro_rules! or_skip {
    ($value:expr) => {
        match $value {
            Some(value) => value,
            None => return,
        }
    };
}

/// Polls until there is a value; panics with what was waited for after [`DEADLINE`].
#[track_caller]
pub fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(
            Instant::now() < end,
            "waited {DEADLINE:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Polls until a condition holds; panics with what was waited for after [`DEADLINE`].
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
