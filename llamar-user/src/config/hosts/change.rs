//! Where a text that is read differs from one that is known.

use std::io::{self, Read};

/// Bytes that are read at a time: few enough to be in a fast cache still when they are compared.
const CHUNK: usize = 256 << 10;

/// Whole lines that have taken the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where the lines begin, in both texts.
    pub at: usize,
    /// Where those that were there end in the known text.
    pub end: usize,
    /// The lines that are there.
    pub lines: Vec<u8>,
}

/// How a text of so many bytes differs from a known one: by the lines from the first that is another to the last.
/// `None` if it turns out to have another length, because it is being written.
pub fn change(text: &mut impl Read, length: usize, known: &[u8]) -> io::Result<Option<Change>> {
    let mut chunk = vec![0; CHUNK.min(length + 1)];
    let mut comparison = Comparison::new(known, length);
    loop {
        match text.read(&mut chunk) {
            Ok(0) => return Ok(comparison.finish()),
            Ok(count) => comparison.take(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

struct Comparison<'k> {
    known: &'k [u8],
    length: usize,
    /// How much was taken.
    read: usize,
    /// Where both texts begin to differ, if they do so far.
    at: Option<usize>,
    /// What is there from where they begin to differ to the last difference.
    lines: Vec<u8>,
}

impl<'k> Comparison<'k> {
    fn new(known: &'k [u8], length: usize) -> Self {
        Self {
            known,
            length,
            read: 0,
            at: None,
            lines: Vec::new(),
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        let from = self.read;
        self.read += chunk.len();
        let Some(at) = self.at else {
            let same = common_start(chunk, self.known.get(from..).unwrap_or_default());
            if same < chunk.len() {
                self.at = Some(from + same);
                self.take_behind(from + same, &chunk[same..], from + same);
            }
            return;
        };
        self.take_behind(from, chunk, at);
    }

    /// Takes what is at `from`, behind the first difference, and compares it with what is as far from the end of the
    /// known text.
    fn take_behind(&mut self, from: usize, chunk: &[u8], at: usize) {
        let same = common_end(chunk, self.opposite(from, from + chunk.len(), at));
        let differs = &chunk[..chunk.len() - same];
        if differs.is_empty() {
            return;
        }
        // What was the same up to here is between two differences now.
        let known = self.opposite(at + self.lines.len(), from, at);
        self.lines.extend_from_slice(known);
        self.lines.extend_from_slice(differs);
    }

    /// The part of the known text that is as far from its end as a part of the other is from its, without what is in
    /// front of the first difference.
    fn opposite(&self, from: usize, to: usize, at: usize) -> &'k [u8] {
        let moved = |place: usize| (place + self.known.len()).saturating_sub(self.length);
        let (from, to) = (moved(from).max(at), moved(to).min(self.known.len()));
        self.known.get(from..to).unwrap_or_default()
    }

    /// The difference, of whole lines.
    fn finish(self) -> Option<Change> {
        if self.read != self.length {
            return None;
        }
        let at = self.at.unwrap_or(self.length);
        let end = (at + self.lines.len() + self.known.len()).checked_sub(self.length)?;
        let newline = |byte: &u8| *byte == b'\n';
        let (before, behind) = (self.known.get(..at)?, self.known.get(end..)?);
        let start = before
            .iter()
            .rposition(newline)
            .map_or(0, |place| place + 1);
        let rest = behind.iter().position(newline);
        let rest = rest.map_or(behind.len(), |place| place + 1);
        if self.at.is_none() && self.length == self.known.len() {
            return Some(Change {
                at,
                end,
                lines: Vec::new(),
            });
        }
        let lines = [before.get(start..)?, &self.lines, behind.get(..rest)?].concat();
        Some(Change {
            at: start,
            end: end + rest,
            lines,
        })
    }
}

/// How many bytes are the same from the start on.
fn common_start(left: &[u8], right: &[u8]) -> usize {
    let both = left.len().min(right.len());
    if left[..both] == right[..both] {
        return both;
    }
    let pairs = left.iter().zip(right);
    pairs.take_while(|(left, right)| left == right).count()
}

/// How many bytes are the same up to the end.
fn common_end(left: &[u8], right: &[u8]) -> usize {
    let both = left.len().min(right.len());
    if left[left.len() - both..] == right[right.len() - both..] {
        return both;
    }
    let pairs = left.iter().rev().zip(right.iter().rev());
    pairs.take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn found(known: &str, text: &str, step: usize) -> Option<Change> {
        let mut reader = Slow(text.as_bytes(), step);
        change(&mut reader, text.len(), known.as_bytes()).unwrap()
    }

    fn shown(known: &str, text: &str) -> (String, String) {
        let change = found(known, text, 1000).unwrap();
        let was = &known[change.at..change.end];
        (was.to_owned(), String::from_utf8(change.lines).unwrap())
    }

    #[test]
    fn a_change_is_the_lines_from_the_first_that_differs_to_the_last() {
        let pair = |was: &str, is: &str| (was.to_owned(), is.to_owned());
        let known = "one\ntwo\nthree\nfour\n";
        assert_eq!(shown(known, known), pair("", ""));
        // The line behind may be among them: what it is cut from ends in the same way.
        assert_eq!(
            shown(known, "one\ntwa\nthree\nfour\n"),
            pair("two\n", "twa\n")
        );
        assert_eq!(
            shown(known, "one\nthree\nfour\n"),
            pair("two\nthree\n", "three\n")
        );
        assert_eq!(
            shown(known, "one\ntwo\nthree\nfour\nfive"),
            pair("", "five")
        );
        assert_eq!(
            shown(known, "one\ntwo\nthree\nfour"),
            pair("four\n", "four")
        );
        assert_eq!(shown(known, ""), pair(known, ""));
        assert_eq!(shown("", known), pair("", known));
    }

    #[test]
    fn a_text_that_is_being_written_is_not_compared() {
        let change = |length| change(&mut &b"a\nb\n"[..], length, b"a\n").unwrap();
        assert_eq!((change(3), change(5)), (None, None));
        assert!(change(4).is_some());
    }

    proptest! {
        #[test]
        fn a_known_text_with_the_change_is_the_other(
            known in "[ab\n]{0,24}", text in "[ab\n]{0,24}", step in 1usize..9,
            around in ("[ab\n]{0,12}", "[ab\n]{0,12}"),
        ) {
            let [known, text] = [known, text].map(|text| around.0.clone() + &text + &around.1);
            let change = found(&known, &text, step).unwrap();
            let mut bytes = known.clone().into_bytes();
            let was = bytes[change.at..change.end].to_vec();
            bytes.splice(change.at..change.end, change.lines.iter().copied());
            prop_assert_eq!(&bytes, text.as_bytes());
            prop_assert_eq!(known == text, was.is_empty() && change.lines.is_empty());
            if known == text {
                return Ok(());
            }
            // It begins and ends where lines do, in both texts.
            let starts = |text: &[u8], at: usize| at == 0 || text[at - 1] == b'\n';
            prop_assert!(starts(known.as_bytes(), change.at));
            let behind = known.len() - change.end;
            prop_assert!(behind == 0 || starts(known.as_bytes(), change.end));
            prop_assert!(behind == 0 || starts(&bytes, bytes.len() - behind));
            // Of what is the same around it, at most a line is among it.
            let start = known.bytes().zip(text.bytes()).take_while(|(old, new)| old == new).count();
            let line = known[..start].rfind('\n').map_or(0, |at| at + 1);
            prop_assert_eq!(change.at, line);
        }
    }
}
