//! Lines on standard output, each as soon as it is known, and notes on standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Standard output, until nobody reads it any more.
#[derive(Debug, Default)]
pub struct Output {
    is_closed: bool,
}

impl Output {
    /// Writes something at once. Says whether anybody still reads.
    pub fn write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut text = Vec::new();
        write(&mut text)?;
        let mut out = io::stdout().lock();
        match out.write_all(&text).and_then(|()| out.flush()) {
            // `llamar ether listen | head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_closed = true,
            result => result?,
        }
        Ok(!self.is_closed)
    }
}

/// Says something on standard error; nobody to tell is no reason not to go on.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A number of things: `1 frame`, `2 frames`.
pub fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
