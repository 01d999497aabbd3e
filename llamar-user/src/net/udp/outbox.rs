//! Datagrams that are sent together.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use super::system::{self, MANY, Parcel};

/// Most datagrams of a parcel: as many as the kernel takes.
const PARCEL_MAX: usize = 64;
/// Most bytes of a parcel: with its headers its length has to fit into 16 bits.
const BYTES_MAX: usize = 60_000;

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
        // How many at the head go one by one, because they could not be sent as a parcel.
        let mut alone = 0_usize;
        while let Some((first, behind)) = rest.split_first() {
            let parcels = parcels(&self.bytes, rest, alone);
            let sent = socket(first.to).and_then(|socket| system::send(socket, &parcels));
            match (sent, parcels.first()) {
                (Ok(sent), _) => {
                    let counts = parcels.iter().take(sent).map(|parcel| parcel.count);
                    let (gone, left) = rest.split_at(counts.sum::<usize>().min(rest.len()));
                    gone.iter().for_each(|letter| told(letter, Ok(())));
                    alone = alone.saturating_sub(gone.len());
                    rest = left;
                }
                (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
                // A device without checksums of its own, a datagram longer than its MTU, or something that is wrong with
                // each of them.
                (Err(_), Some(parcel)) if parcel.count > 1 => alone = parcel.count,
                (Err(error), _) => {
                    told(first, Err(error));
                    alone = alone.saturating_sub(1);
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

impl<T> Letter<T> {
    /// Whether another one can be in the same parcel.
    fn goes_with(&self, other: &Self) -> bool {
        let same_way =
            (self.to, self.source, self.device) == (other.to, other.source, other.device);
        same_way && self.bytes.len() == other.bytes.len()
    }
}

/// What stands at the head of `letters` and goes by the same socket, in parcels; so many at the head go alone.
fn parcels<'a, T>(bytes: &'a [u8], letters: &[Letter<T>], alone: usize) -> Vec<Parcel<'a>> {
    let mut parcels = Vec::with_capacity(letters.len().min(MANY));
    let mut at = 0;
    while let Some(first) = letters.get(at)
        && first.to.is_ipv4() == letters[0].to.is_ipv4()
        && parcels.len() < MANY
    {
        let most = if at < alone {
            1
        } else {
            most(first.bytes.len())
        };
        let others = letters[at..].iter().take(most);
        let count = others.take_while(|other| first.goes_with(other)).count();
        let end = letters[at + count - 1].bytes.end;
        parcels.push(Parcel {
            bytes: &bytes[first.bytes.start..end],
            count,
            to: first.to,
            source: first.source,
            device: first.device,
        });
        at += count;
    }
    parcels
}

/// How many datagrams of a length a parcel holds; one without a byte takes one of its own.
fn most(length: usize) -> usize {
    BYTES_MAX
        .checked_div(length)
        .unwrap_or(1)
        .clamp(1, PARCEL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "10.0.0.2:4000";
    const V6: &str = "[fe80::2]:4000";

    /// An outbox with messages of these lengths to these addresses.
    fn outbox(letters: impl IntoIterator<Item = (usize, &'static str)>) -> Outbox<()> {
        let mut outbox = Outbox::default();
        for (length, to) in letters {
            let to: SocketAddr = to.parse().unwrap();
            let source = match to {
                SocketAddr::V4(_) => IpAddr::from([10, 0, 0, 1]),
                SocketAddr::V6(_) => "fe80::1".parse().unwrap(),
            };
            outbox.push(&vec![length as u8; length], to, source, 2, ());
        }
        outbox
    }

    /// How many datagrams of which length are in each parcel.
    fn packed(outbox: &Outbox<()>, alone: usize) -> Vec<(usize, usize)> {
        let parcels = parcels(&outbox.bytes, &outbox.letters, alone);
        let packed = parcels.iter().map(|parcel| {
            let length = parcel.bytes.len() / parcel.count;
            let is_whole = |part: &[u8]| part == vec![length as u8; length];
            assert!(parcel.bytes.chunks(length.max(1)).all(is_whole));
            (parcel.count, length)
        });
        packed.collect()
    }

    #[test]
    fn what_has_one_way_and_length_is_one_parcel() {
        let letters = [20, 20, 30, 30, 30, 20].map(|length| (length, V4));
        let mixed = outbox(letters);
        assert_eq!(packed(&mixed, 0), [(2, 20), (3, 30), (1, 20)]);
        assert_eq!(
            packed(&mixed, 3),
            [(1, 20), (1, 20), (1, 30), (2, 30), (1, 20)]
        );
        let askers = outbox([V4, V4, "10.0.0.2:4001", "10.0.0.3:4001"].map(|to| (20, to)));
        assert_eq!(packed(&askers, 0), [(2, 20), (1, 20), (1, 20)]);
        let mut ways = outbox([(20, V4); 3]);
        ways.letters[1].source = [10, 0, 0, 9].into();
        ways.letters[2].device = 3;
        assert_eq!(packed(&ways, 0), [(1, 20); 3]);
        assert!(packed(&outbox([]), 0).is_empty());
    }

    #[test]
    fn parcels_of_one_call_are_of_one_family_and_not_too_many() {
        let families = outbox([(20, V4), (20, V4), (20, V6), (20, V4)]);
        assert_eq!(packed(&families, 0), [(2, 20)]);
        assert_eq!(
            packed(&outbox([(20, V6), (30, V6), (20, V4)]), 0),
            [(1, 20), (1, 30)]
        );
        let lengths = outbox((1..=40).map(|length| (length, V4)));
        assert_eq!(packed(&lengths, 0).len(), MANY);
    }

    #[test]
    fn a_parcel_is_no_longer_than_the_kernel_takes() {
        assert_eq!(
            packed(&outbox([(20, V4); 130]), 0),
            [(64, 20), (64, 20), (2, 20)]
        );
        let long = outbox([(9000, V4); 14]);
        let parcels = parcels(&long.bytes, &long.letters, 0);
        let counts: Vec<usize> = parcels.iter().map(|parcel| parcel.count).collect();
        assert_eq!(counts, [6, 6, 2]);
        assert_eq!(packed(&outbox([(0, V4); 2]), 0), [(1, 0), (1, 0)]);
    }
}
