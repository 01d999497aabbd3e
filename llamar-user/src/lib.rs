//! llamar's agent and tools. Protocol engines (`dns`, `llmnr`, `mdns`, `dnssd`, `ether`, `arp`, `ndp`), the state they
//! serve (`config`, `state`) and the table of who has which address (`stations`) do no IO; `link`, `net` and `datapath` do
//! nothing else; `agent` joins them, `ask` asks others, `report` is what it and the tools have to show, `cli` shows it to
//! people.

pub mod agent;
pub mod arp;
pub mod ask;
pub mod cli;
pub mod config;
pub mod datapath;
pub mod dns;
pub mod dnssd;
pub mod ether;
pub mod link;
pub mod llmnr;
pub mod mdns;
pub mod ndp;
pub mod net;
pub mod presence;
pub mod report;
pub mod rules;
pub mod state;
pub mod stations;
