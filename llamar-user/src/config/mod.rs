//! The configuration: what the administrator asks for, parsed and judged once.

mod addresses;

pub use addresses::{Addresses, Hosts, Unusable, is_link_local};
