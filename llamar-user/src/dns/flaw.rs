//! What is wrong with a message: in bytes that were read, and in one that cannot be written.

use std::fmt;

use super::{Name, kind_name};

/// Something broken in the bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Less than a header.
    #[error("the header is cut off")]
    Header,
    /// A question that is none.
    #[error("question {number} at offset {offset} is broken or cut off")]
    Question {
        /// Its place in the section, from 1 on.
        number: u16,
        /// Its offset in bytes.
        offset: usize,
    },
    /// A record that is none.
    #[error("record {number} of the {section} section, {} at offset {offset}: {fault}", shown(*.kind))]
    Record {
        /// Its section.
        section: Section,
        /// Its place in the section, from 1 on.
        number: u16,
        /// Its offset in bytes.
        offset: usize,
        /// Its type, if that was to be seen.
        kind: Option<u16>,
        /// What is broken of it.
        fault: Fault,
    },
    /// More is announced in the header than there is, or than can be found behind something broken.
    #[error("{count} more announced in the {section} section")]
    Missing {
        /// The section.
        section: Section,
        /// How many.
        count: u16,
    },
    /// More bytes than the header announces.
    #[error("{length} bytes behind the last record")]
    Behind {
        /// How many.
        length: usize,
    },
}

/// What is broken of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The owner's name.
    #[error("its owner is no name")]
    Owner,
    /// It does not end inside of the message.
    #[error("it is cut off")]
    Cut,
    /// The data.
    #[error("its data has not the form of its type")]
    Data,
}

/// A section of a message (RFC 1035 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// Questions.
    Question,
    /// Records that answer.
    Answer,
    /// Records of an authority.
    Authority,
    /// Other records.
    Additional,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Authority => "authority",
            Self::Additional => "additional",
        })
    }
}

/// Why a message has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    /// The counts of the header have 16 bits.
    #[error("{length} entries are too many for the {section} section")]
    Section {
        /// The section.
        section: Section,
        /// How many there are.
        length: usize,
    },
    /// The length of data has 16 bits.
    #[error("the data of a record of {owner} has {length} bytes, more than a record takes")]
    Data {
        /// The record's owner.
        owner: Name,
        /// Its data's length in bytes.
        length: usize,
    },
    /// The whole is longer than [`super::message::MESSAGE_MAX`].
    #[error("a message of {length} bytes is too long")]
    Message {
        /// Its length in bytes.
        length: usize,
    },
}

fn shown(kind: Option<u16>) -> String {
    kind.map_or_else(
        || "of no type".to_owned(),
        |kind| kind_name(kind).into_owned(),
    )
}
