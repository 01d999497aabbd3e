//! Datagrams that are sent together.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use super::system::{self, MANY, Parcel};

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

    /// Sends everything, each by the socket that `socket` has for where it goes, without waiting; then this is empty.
    /// `told` gets what became of each, in their order: an error says that it is lost.
    pub(super) fn send<'s>(
        &mut self,
        socket: impl Fn(SocketAddr) -> io::Result<BorrowedFd<'s>>,
        mut told: impl FnMut(&Letter<T>, io::Result<()>),
    ) {
        let mut rest = &self.letters[..];
        while let Some((first, behind)) = rest.split_first() {
            let parcels = parcels(&self.bytes, rest);
            match socket(first.to).and_then(|socket| system::send(socket, &parcels)) {
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

/// What stands at the head of `letters` and goes by the same socket in one call.
fn parcels<'a, T>(bytes: &'a [u8], letters: &[Letter<T>]) -> Vec<Parcel<'a>> {
    let is_ipv4 = letters.first().is_some_and(|first| first.to.is_ipv4());
    let by_one = letters
        .iter()
        .take_while(|letter| letter.to.is_ipv4() == is_ipv4);
    let parcels = by_one.take(MANY).map(|letter| Parcel {
        bytes: &bytes[letter.bytes.clone()],
        to: letter.to,
        source: letter.source,
        device: letter.device,
    });
    parcels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the letters to these addresses one call sends; that they are the first of them.
    fn sent_at_once<'a>(addresses: impl IntoIterator<Item = &'a str>) -> usize {
        let mut outbox = Outbox::default();
        for (number, to) in addresses.into_iter().enumerate() {
            let to: SocketAddr = to.parse().unwrap();
            outbox.push(&vec![0; number], to, to.ip(), 2, ());
        }
        let parcels = parcels(&outbox.bytes, &outbox.letters);
        for (number, (parcel, letter)) in parcels.iter().zip(&outbox.letters).enumerate() {
            let parcel = (parcel.bytes.len(), parcel.to, parcel.source, parcel.device);
            assert_eq!(parcel, (number, letter.to, letter.source, letter.device));
        }
        parcels.len()
    }

    #[test]
    fn one_call_sends_what_goes_by_one_socket_and_not_too_much() {
        const V4: &str = "10.0.0.2:4000";
        const V6: &str = "[fe80::2]:4000";
        assert_eq!(sent_at_once([]), 0);
        assert_eq!(sent_at_once([V4, V4, V6, V4]), 2);
        assert_eq!(sent_at_once([V6, V4]), 1);
        assert_eq!(sent_at_once([V6; 40]), MANY);
    }
}
