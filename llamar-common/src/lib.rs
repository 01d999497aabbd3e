//! What llamar's kernel path and its userspace must agree on: the maps, the wire formats, and the logic that
//! turns a frame into an answer. It is `no_std`, does no IO and allocates nothing, so the same code runs in the
//! XDP program, in the agent and under test.
//!
//! It answers ARP requests (RFC 826, RFC 5227, RFC 3927 2.5) and LLMNR A and AAAA queries (RFC 4795). Whatever
//! needs state over time (uniqueness, conflicts, TCP) is left to the agent.

#![no_std]

#[cfg(any(test, feature = "testing"))]
extern crate std;

pub mod abi;
#[cfg(feature = "bench")]
pub mod bench;
pub mod frame;
pub mod limit;
pub mod records;
pub mod respond;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;
