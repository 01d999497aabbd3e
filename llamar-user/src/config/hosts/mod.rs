//! Files in the format of `/etc/hosts`: an address and its names on each line. Several lines for one name add up.
//!
//! Such a file may have a million lines, of which few change at a time: it is read in one pass over its bytes and
//! sorted once, and what was read is kept, so that the next time only the lines that differ are read.

mod change;
mod entries;
mod kept;
mod lines;
mod merge;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::path::Path;
use std::thread;

use super::{ConfigError, Hosts};
use entries::{Entries, Key};
use lines::{LeftOut, Lines};

pub(super) use kept::{Kept, News};

/// Bytes that are worth a thread of their own.
const PIECE_MIN: usize = 1 << 20;
/// Most threads that read a file.
const PIECES_MAX: usize = 4;

/// What was read of a whole file.
#[derive(Debug, Default)]
struct Whole {
    entries: Entries,
    /// The entries in the order of their names.
    keys: Vec<Key>,
    left_out: LeftOut,
    wrong: ConfigError,
}

impl Whole {
    /// Reads a file.
    fn parse(path: &Path, bytes: &[u8]) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let most = bytes.len() / PIECE_MIN;
        Self::parse_pieces(path, &pieces(bytes, threads.min(most).min(PIECES_MAX)))
    }

    /// Reads the pieces of a file, each for itself.
    fn parse_pieces(path: &Path, pieces: &[&[u8]]) -> Self {
        let parse = |(number, piece): (usize, &[u8])| {
            let lines = Lines::parse(path, piece, number == 0);
            let keys = lines.entries.keys();
            (lines, keys)
        };
        let mut pieces = pieces.iter().copied().enumerate();
        let read = thread::scope(|scope| {
            let first = pieces.next();
            let others: Vec<_> = pieces
                .map(|piece| (piece, scope.spawn(move || parse(piece))))
                .collect();
            let mut read: Vec<_> = first.into_iter().map(parse).collect();
            // What a thread could not do is done here, with the same end.
            let others = others.into_iter();
            read.extend(others.map(|(piece, other)| other.join().unwrap_or_else(|_| parse(piece))));
            read
        });
        Self::join(read)
    }

    fn join(pieces: Vec<(Lines, Vec<Key>)>) -> Self {
        let mut whole = Self::default();
        let mut above = 0;
        let mut entries = Vec::with_capacity(pieces.len());
        for (lines, keys) in pieces {
            for (why, more) in lines.left_out {
                *whole.left_out.entry(why).or_default() += more;
            }
            whole.wrong.append(lines.wrong, above);
            above += lines.ends;
            entries.push((lines.entries, keys));
        }
        (whole.entries, whole.keys) = Entries::joined(entries);
        whole
    }

    /// The table of its names.
    fn table(&self, ttl: u32) -> Hosts {
        self.entries.table(&self.keys, ttl)
    }
}

/// About so many pieces of a text, of whole lines.
fn pieces(bytes: &[u8], count: usize) -> Vec<&[u8]> {
    let length = bytes.len() / count.max(1);
    let mut pieces = Vec::with_capacity(count);
    let mut rest = bytes;
    while pieces.len() + 1 < count {
        let behind = rest.get(length..).unwrap_or_default();
        let Some(newline) = behind.iter().position(|&byte| byte == b'\n') else {
            break;
        };
        let (piece, others) = rest.split_at(length + newline + 1);
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    pieces
}

/// What to say of addresses that nobody else can reach, if there are any.
fn note(path: &Path, left_out: &LeftOut) -> Option<String> {
    let total: usize = left_out.values().sum();
    let kinds: Vec<_> = left_out
        .iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    let lines = if total == 1 { "line" } else { "lines" };
    (total > 0).then(|| {
        format!(
            "{}: left out {total} {lines} with an address that is not for others ({})",
            path.display(),
            kinds.join(", ")
        )
    })
}
