//! What is wrong with a configuration: where, what was found and what was expected.

use std::fmt;
use std::path::{Path, PathBuf};

/// How many problems are told one by one; a hosts file with a million bad lines is to be read by nobody.
const PROBLEMS_MAX: usize = 20;

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
    left_out: usize,
}

impl ConfigError {
    /// The problems, in the order of the files and their lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Nothing, or the error if there is a problem.
    pub(super) fn check(self) -> Result<(), Self> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Adds what is wrong with further lines of a file, of which so many are above them.
    pub(super) fn append(&mut self, mut other: Self, above: usize) {
        other.shift(1 + above, 1);
        for problem in other.problems {
            self.push(problem.place, problem.message);
        }
        self.left_out += other.left_out;
    }

    /// Makes the line that counted as number `from` count as number `to`, and all others with it.
    pub(super) fn shift(&mut self, to: usize, from: usize) {
        for problem in &mut self.problems {
            if let Place::At(_, line, _) = &mut problem.place {
                *line = (*line + to).saturating_sub(from);
            }
        }
    }

    pub(super) fn push(&mut self, place: Place, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { place, message });
        } else {
            self.left_out += 1;
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{problem}")?;
        }
        match self.left_out {
            0 => Ok(()),
            1 => write!(f, "\nand 1 problem more"),
            more => write!(f, "\nand {more} problems more"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Nowhere => f.write_str(&self.message),
            place => write!(f, "{place}: {}", self.message),
        }
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In nothing that was given.
    Nowhere,
    /// In an option of the command line.
    Flag(&'static str),
    /// In a file as a whole.
    File(PathBuf),
    /// At a line and a column of a file, both counted from 1, columns in characters.
    At(PathBuf, usize, usize),
}

impl Place {
    /// The place of a byte in the contents of a file.
    pub(super) fn in_text(file: &Path, text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = match before.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) => newline + 1,
            None => 0,
        };
        let lines = before.iter().filter(|&&byte| byte == b'\n').count();
        Self::At(
            file.to_owned(),
            lines + 1,
            column(&before[line_start..], lines == 0),
        )
    }

    /// The place behind `before` on a line, counted from 1.
    pub(super) fn in_line(file: &Path, line: usize, before: &[u8]) -> Self {
        Self::At(file.to_owned(), line, column(before, line == 1))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => Ok(()),
            Self::Flag(flag) => f.write_str(flag),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::At(file, line, column) => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}

/// The column behind these bytes of a line; a byte order mark, which no editor shows, counts for nothing.
fn column(before: &[u8], first_line: bool) -> usize {
    let shown = match before.strip_prefix(super::BYTE_ORDER_MARK) {
        Some(shown) if first_line => shown,
        _ => before,
    };
    String::from_utf8_lossy(shown).chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> String {
        Place::in_text(Path::new("f"), text.as_bytes(), offset).to_string()
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        assert_eq!(place("", 0), "f:1:1");
        assert_eq!(place("ab\ncd", 1), "f:1:2");
        assert_eq!(place("ab\r\ncd", 4), "f:2:1");
        assert_eq!(place("ä = b", 5), "f:1:5");
        assert_eq!(place("\u{feff}ab", 4), "f:1:2");
        assert_eq!(place("ab\n", 99), "f:2:1");
    }

    #[test]
    fn an_error_is_one_line_for_each_problem_and_ends_somewhere() {
        let mut error = ConfigError::default();
        assert_eq!(error.clone().check(), Ok(()));
        for line in 0..PROBLEMS_MAX + 2 {
            let place = Place::At("a.toml".into(), line, 7);
            error.push(place, "it is wrong".to_owned());
        }
        let text = error.check().unwrap_err().to_string();
        assert!(text.starts_with("a.toml:0:7: it is wrong\na.toml:1:7: it is wrong\n"));
        assert!(text.ends_with("a.toml:19:7: it is wrong\nand 2 problems more"));
    }
}
