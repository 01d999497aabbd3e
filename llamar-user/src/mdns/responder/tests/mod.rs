//! A responder on an interface, a clock that stands still until it is moved, and seeded chance. What is sent is read by
//! two decoders and held against the rules that every message has to keep.

mod announcing;
mod bench;
mod bounds;
mod conflicts;
mod following;
mod limits;
mod negative;
mod neighbour;
mod probing;
mod questions;
mod records;
mod renaming;
mod suppression;
mod talk;
mod unicast;
