//! Parsers under made-up, captured and damaged input. `cargo test` gives each a moment, `cargo xtask fuzz` as long as
//! one likes.

#[path = "../kernel/dice.rs"]
mod dice;
#[path = "../kernel/mutate.rs"]
mod mutate;
#[path = "../support/pcap.rs"]
mod pcap;

mod codec;
mod damage;
mod messages;
mod others;
mod run;
mod targets;
mod world;
