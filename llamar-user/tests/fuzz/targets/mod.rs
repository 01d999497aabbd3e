//! What is fuzzed: a test each, whose name is what `cargo xtask fuzz` calls it.

use crate::run::fuzz;

mod arp;
mod capture;
mod config;
mod engine;
mod frame;
mod mdns;
mod message;
mod name;
mod ndp;
mod respond;
mod script;
mod sender;
mod stations;
mod stream;

/// Whole DNS messages: the codec, against other implementations and against itself.
#[test]
fn message() {
    fuzz::<message::Messages>();
}

/// Domain names: as text, alone in wire form, compressed in a message.
#[test]
fn name() {
    fuzz::<name::Names>();
}

/// The responder: messages by UDP and TCP from anywhere.
#[test]
fn respond() {
    fuzz::<respond::Responder>();
}

/// The kernel path's logic: whole frames, with the responder's answers for comparison.
#[test]
fn frame() {
    fuzz::<frame::Frames>();
}

/// Messages on a TCP connection.
#[test]
fn stream() {
    fuzz::<stream::Streams>();
}

/// The configuration file.
#[test]
fn toml() {
    fuzz::<config::Toml>();
}

/// LLamar's configuration file.
#[test]
fn ini() {
    fuzz::<config::Ini>();
}

/// The hosts file.
#[test]
fn hosts() {
    fuzz::<config::HostsFile>();
}

/// The engine: names claimed, and whatever comes about them.
#[test]
fn engine() {
    fuzz::<engine::Engines>();
}

/// The asker: whatever comes back.
#[test]
fn sender() {
    fuzz::<sender::Senders>();
}

/// The engine of mDNS: names and services claimed, questions asked, and whatever comes about them.
#[test]
fn mdns() {
    fuzz::<mdns::Mdns>();
}

/// The engines of Neighbor Discovery: addresses asked for, told of, claimed and defended, and whatever comes about them.
#[test]
fn ndp() {
    fuzz::<ndp::Ndp>();
}

/// Capture files, and the linter for what they hold.
#[test]
fn capture() {
    fuzz::<capture::Captures>();
}

/// The engines of ARP: an address asked for, announced, claimed and scanned for, and whatever comes about it.
#[test]
fn arp() {
    fuzz::<arp::Arp>();
}

/// The table of who has which address, and what it is read from: packets, what was kept, lists of vendors.
#[test]
fn stations() {
    fuzz::<stations::Stations>();
}
