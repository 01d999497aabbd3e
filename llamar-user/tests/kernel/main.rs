//! The program in the kernel against the same logic on the host: every frame goes through both, by
//! `BPF_PROG_TEST_RUN` and by `respond()`, and verdict, bytes and counters have to be equal.
//!
//! Nothing is attached. The interfaces by whose indices links are told apart are veth pairs in network
//! namespaces of their own, which end with the thread that made them.

#[path = "../support/marked.rs"]
mod marked;
#[path = "../support/pcap.rs"]
mod pcap;

mod agreement;
mod captures;
mod dice;
mod endless;
mod generate;
mod kernel;
mod mutate;
mod pair;
mod place;
mod planted;
mod scene;
mod whole;
