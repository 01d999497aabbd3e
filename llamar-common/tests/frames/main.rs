//! Whole frames through `respond()`: a query in, and every byte of its answer out, or the frame untouched.
//!
//! Each rule of the numbered lists that the kernel path keeps is named where a test proves it, as in
//! `// RFC 4795 2.1.1: R23.`

mod arp;
mod gates;
mod headers;
mod index;
mod limit;
mod link;
mod mdns;
mod names;
mod ndp;
mod properties;
mod records;
mod sums;
mod vlan;
mod world;
