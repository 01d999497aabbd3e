//! DNS-based service discovery (RFC 6763): what records of a link say of services, and which records a service has.

pub mod snabb;
