//! DNS messages as LLMNR and mDNS speak them (RFC 1035 3 and 4, RFC 6762 18, RFC 6891). It knows bytes only; what a
//! message means is for the engines that use it.
//!
//! There are two ways to read: [`Header`], [`Question`] and [`RawRecord`] walk through a message where only some parts
//! matter, as in a query; [`Message`] holds all of it, decompressed, and gives the same bytes back.

pub mod composer;
mod display;
pub mod edns;
pub(crate) mod escape;
pub mod flaw;
pub mod kind;
pub mod message;
pub mod mixed;
pub mod name;
pub mod nsec;
mod octets;
pub mod parts;
pub mod rdata;
mod reader;
pub mod record;
mod suffix;
pub mod txt;
pub mod writer;

pub use composer::Composer;
pub use edns::Opt;
pub use flaw::{Fault, Flaw, Section, TooLong};
pub use kind::{class_name, kind_name, kind_named};
pub use message::Message;
pub use mixed::Part;
pub use name::{Name, NameError};
pub use nsec::Nsec;
pub use parts::{Cut, Header, Question, RawRecord};
pub use rdata::{Hinfo, Mx, Rdata, Soa, Srv};
pub use record::Record;
pub use txt::{Attribute, Txt};
pub use writer::Compression;
