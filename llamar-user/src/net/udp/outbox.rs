//! Datagrams that are sent together.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use super::system::{self, Parcel};

/// Datagrams that are put in one by one and sent together.
#[derive(Debug)]
pub struct Outbox<T> {
    bytes: Vec<u8>,
    letters: Vec<Letter<T>>,
}

/// A datagram.
#[derive(Debug)]
pub struct Letter<T> {
    bytes: Range<usize>,
    /// Where it goes.
    pub to: SocketAddr,
    /// Our address to send it from.
    pub source: IpAddr,
    /// Index of the interface by which it leaves.
    pub device: u32,
    /// What it is to whoever sends it.
    pub mark: T,
}

impl<T> Outbox<T> {
    /// Puts in a datagram.
    pub fn push(&mut self, message: &[u8], to: SocketAddr, source: IpAddr, device: u32, mark: T) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        let bytes = start..self.bytes.len();
        self.letters.push(Letter {
            bytes,
            to,
            source,
            device,
            mark,
        });
    }

    /// Sends everything by a socket, without waiting; then this is empty. `told` gets what became of each, in their
    /// order: an error says that it is lost, and no other with it.
    pub fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        mut told: impl FnMut(&Letter<T>, io::Result<()>),
    ) {
        let mut rest = &self.letters[..];
        while let Some((first, behind)) = rest.split_first() {
            match system::send(socket, parcels(&self.bytes, rest)) {
                Ok(sent) => {
                    let (gone, left) = rest.split_at(sent.clamp(1, rest.len()));
                    gone.iter().for_each(|letter| told(letter, Ok(())));
                    rest = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    told(first, Err(error));
                    rest = behind;
                }
            }
        }
        self.letters.clear();
        self.bytes.clear();
    }
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            letters: Vec::new(),
        }
    }
}

/// Letters as they are sent.
fn parcels<'a, T>(bytes: &'a [u8], letters: &'a [Letter<T>]) -> impl Iterator<Item = Parcel<'a>> {
    letters.iter().map(|letter| Parcel {
        bytes: bytes.get(letter.bytes.clone()).unwrap_or_default(),
        to: letter.to,
        source: letter.source,
        device: letter.device,
    })
}
