//! The agent, end to end: in network namespaces that each test makes, asked by its own raw frames and by other
//! people's tools. One binary, so that all of them run side by side.

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod addresses;
mod agreement;
mod announce;
mod arp;
mod arp_tools;
mod bad_input;
mod beside;
mod bursts;
mod claims;
mod conflict;
mod dnssd;
mod ether;
mod floods;
mod ground;
mod hosts_file;
mod lifecycle;
mod limiter;
mod links;
mod llmnr_end_to_end;
mod mdns;
mod mending;
mod names;
mod nd_tools;
mod other_types;
mod query;
mod readme;
mod refusals;
mod rewriting;
mod scan;
mod service;
mod tcp;
mod under_load;
mod watch;
mod why;
