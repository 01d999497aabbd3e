//! DNS messages as LLMNR speaks them (RFC 1035 3 and 4, RFC 6891): names, headers, questions, records. It knows
//! bytes only; what a message means is for the engines that use it.

pub mod edns;
pub mod message;
pub mod name;

pub use edns::Opt;
pub use message::{Composer, Cut, Header, Question, RawRecord};
pub use name::{Name, NameError};
