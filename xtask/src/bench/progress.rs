//! How far the benchmark is: a line on a terminal that writes over itself, nothing in a pipe.

use std::io::{self, IsTerminal as _, Write as _};

/// Cells of the bar.
const CELLS: usize = 24;

/// The line.
pub struct Progress {
    shown: bool,
    steps: usize,
    done: usize,
}

impl Progress {
    /// Of so many steps.
    pub fn new(steps: usize) -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            steps,
            done: 0,
        }
    }

    /// The next step begins.
    pub fn step(&mut self, what: &str) {
        if self.shown {
            eprint!("\r\x1b[K{}", bar(self.done, self.steps, what));
            let _ = io::stderr().flush();
        }
        self.done += 1;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

fn bar(done: usize, steps: usize, what: &str) -> String {
    let full = (CELLS * done.min(steps)) / steps.max(1);
    format!("[{}{}] {what}", "#".repeat(full), ".".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_never_overflows() {
        assert_eq!(bar(0, 4, "begin"), format!("[{}] begin", ".".repeat(24)));
        assert_eq!(
            bar(2, 4, "half"),
            format!("[{}{}] half", "#".repeat(12), ".".repeat(12))
        );
        assert_eq!(bar(9, 4, "end"), format!("[{}] end", "#".repeat(24)));
        assert_eq!(bar(0, 0, ""), format!("[{}] ", ".".repeat(24)));
    }
}
