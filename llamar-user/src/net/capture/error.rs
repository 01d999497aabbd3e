//! What is wrong with a capture file.

use std::io;

/// Why no more can be read from a capture file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct CaptureError {
    /// The file's name.
    pub file: String,
    /// What is wrong with it, and where.
    pub why: Why,
}

impl CaptureError {
    /// Whether the file only ends too early, as that of a program which was killed does: what came before is good.
    pub const fn is_cut(&self) -> bool {
        matches!(self.why, Why::Cut { .. })
    }
}

/// What is wrong with a capture file. Offsets are in bytes from its beginning, packets count from 1 on.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It is not there, or not for us.
    #[error("cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// The system failed.
    #[error("cannot be read at byte {offset}: {error}")]
    Read {
        /// Where.
        offset: u64,
        /// How.
        #[source]
        error: io::Error,
    },
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It may hold a capture, but not as it stands.
    #[error("is packed with {0}: unpack it first")]
    Packed(&'static str),
    /// It is something else.
    #[error("is neither pcap nor pcapng: it begins with {}", hex(.0))]
    Unknown(Vec<u8>),
    /// It is pcapng of a version that is not known here.
    #[error("is pcapng of version {0}, and only 1 is known")]
    Version(u16),
    /// It ends where it should not.
    #[error("ends at byte {end} in the middle of {}, which begins at byte {offset}", what(*.packet))]
    Cut {
        /// Where what is cut off begins.
        offset: u64,
        /// Where the file ends.
        end: u64,
        /// Which packet is cut off; none if it is something else.
        packet: Option<u64>,
    },
    /// A length that no packet and no block has: what stands there is something else.
    #[error("{} at byte {offset} claims to have {length} bytes, which cannot be", what(*.packet))]
    Length {
        /// Where it begins.
        offset: u64,
        /// The length in bytes.
        length: u64,
        /// Which packet it is; none if it is something else.
        packet: Option<u64>,
    },
    /// A block without the form of its type.
    #[error("the block at byte {0} is broken")]
    Block(u64),
    /// More interfaces than any host has.
    #[error("has more than {0} interfaces")]
    Interfaces(usize),
}

fn what(packet: Option<u64>) -> String {
    packet.map_or_else(|| "a block".to_owned(), |number| format!("packet {number}"))
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
