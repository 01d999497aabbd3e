//! DNS-based service discovery (RFC 6763): what records of a link say of services, and which records a service has.

pub mod browse;
mod domain;
mod instance;
mod kind;
pub mod lint;
pub mod snabb;
pub mod txt;

pub use domain::{in_local, local, meta_query_name};
pub use instance::{Instance, InstanceError};
pub use kind::{ServiceType, TypeError};
