//! What was read of a hosts file, kept for the next time that it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use super::super::{ConfigError, Hosts};
use super::change::{Change, change};
use super::lines::{LeftOut, Lines};
use super::merge::{self, Edges};
use super::{PIECE_MIN, Whole, note};

/// The part of a file above which reading what has changed, as it was and as it is, is more work than reading all.
const CHANGED_PART: usize = 16;

/// A hosts file that was read and had no errors.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    left_out: LeftOut,
    /// The table of its names for each TTL that somebody wants it with.
    tables: BTreeMap<u32, Arc<Hosts>>,
}

/// What is there when a file is read.
#[derive(Debug)]
pub enum News {
    /// Lines that have taken the place of others; maybe none.
    Changed(Changed),
    /// A whole file.
    Whole(WholeFile),
}

/// What was read of changed lines.
#[derive(Debug)]
pub struct Changed {
    change: Change,
    before: Lines,
    after: Lines,
}

/// What was read of a whole file.
#[derive(Debug)]
pub struct WholeFile {
    bytes: Vec<u8>,
    read: Whole,
}

impl News {
    /// Reads a file of which this is `known`. What is wrong with it goes to `error`; then there are no news.
    pub fn read(
        path: &Path,
        known: Option<&Kept>,
        error: &mut ConfigError,
    ) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let changed = match known {
            Some(known) => known.compare(path, &mut file)?,
            None => None,
        };
        let (news, wrong) = match changed {
            Some((changed, wrong)) => (Self::Changed(changed), wrong),
            None => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                let mut read = Whole::parse(path, &bytes);
                let wrong = std::mem::take(&mut read.wrong);
                (Self::Whole(WholeFile { bytes, read }), wrong)
            }
        };
        let is_good = wrong.problems().is_empty();
        error.append(wrong, 0);
        Ok(is_good.then_some(news))
    }

    /// A note about what is left out, if anything is: addresses that nobody else can reach, such as 127.0.0.1.
    pub fn note(&self, path: &Path, known: Option<&Kept>) -> Option<String> {
        match (self, known) {
            (Self::Whole(whole), _) => note(path, &whole.read.left_out),
            (Self::Changed(changed), Some(known)) => note(path, &changed.left_out(&known.left_out)),
            (Self::Changed(_), None) => None,
        }
    }
}

impl Changed {
    /// What is left out of the whole file, of which that was `before`.
    fn left_out(&self, before: &LeftOut) -> LeftOut {
        let mut left_out = before.clone();
        for (why, count) in &self.after.left_out {
            *left_out.entry(why).or_default() += count;
        }
        for (why, count) in &self.before.left_out {
            *left_out.entry(why).or_default() -= count;
        }
        left_out.retain(|_, count| *count > 0);
        left_out
    }
}

impl Kept {
    /// Compares with what a file holds. `None` if it is to be read as a whole, and then from its start.
    fn compare(&self, path: &Path, file: &mut File) -> io::Result<Option<(Changed, ConfigError)>> {
        let about = file.metadata()?;
        // Others than files can be read only once.
        if !about.is_file() {
            return Ok(None);
        }
        let length = usize::try_from(about.len()).unwrap_or(usize::MAX);
        let change = change(file, length, &self.bytes)?;
        file.rewind()?;
        Ok(change.and_then(|change| self.changed(path, change)))
    }

    /// Reads the lines that differ, if they are few, and tells what is wrong with them.
    fn changed(&self, path: &Path, change: Change) -> Option<(Changed, ConfigError)> {
        let was = self.bytes.get(change.at..change.end)?;
        let bytes = was.len() + change.lines.len();
        if bytes > PIECE_MIN && bytes > self.bytes.len() / CHANGED_PART {
            return None;
        }
        let is_start = change.at == 0;
        let before = Lines::parse(path, was, is_start);
        let mut after = Lines::parse(path, &change.lines, is_start);
        let mut wrong = ConfigError::default();
        if !after.wrong.problems().is_empty() {
            let above = self.bytes.get(..change.at)?.iter();
            let above = above.filter(|&&byte| byte == b'\n').count();
            wrong.append(std::mem::take(&mut after.wrong), above);
        }
        let changed = Changed {
            change,
            before,
            after,
        };
        Some((changed, wrong))
    }

    /// What there is with these news. If a table has to be built, it is for this TTL.
    pub fn with(self, news: News, path: &Path, ttl: u32) -> Self {
        match news {
            News::Whole(WholeFile { bytes, read }) => {
                drop(self);
                Self::of(bytes, read, ttl)
            }
            News::Changed(changed) => self.with_changed(changed, path, ttl),
        }
    }

    fn of(bytes: Vec<u8>, read: Whole, ttl: u32) -> Self {
        Self {
            tables: [(ttl, Arc::new(read.table(ttl)))].into(),
            left_out: read.left_out,
            bytes,
        }
    }

    fn with_changed(mut self, changed: Changed, path: &Path, ttl: u32) -> Self {
        let left_out = changed.left_out(&self.left_out);
        let Changed {
            change,
            before,
            after,
        } = changed;
        let edges = Edges {
            first: change.at == 0,
            last: change.end == self.bytes.len(),
        };
        let changes =
            self.tables.values().next().and_then(|table| {
                merge::changes(table, &before.entries, &after.entries, edges, ttl)
            });
        replace(&mut self.bytes, change);
        let Some(changes) = changes else {
            let read = Whole::parse(path, &self.bytes);
            return Self::of(self.bytes, read, ttl);
        };
        if !changes.is_empty() {
            for (ttl, table) in &mut self.tables {
                *table = Arc::new(table.folded().with(&changes.with_ttl(*ttl)));
            }
        }
        Self { left_out, ..self }
    }

    /// The table of its names with a TTL.
    pub fn table(&mut self, ttl: u32) -> Arc<Hosts> {
        if let Some(table) = self.tables.get(&ttl) {
            return table.clone();
        }
        let other = self.tables.values().next();
        let table = other.map_or_else(Arc::default, |other| Arc::new(other.with_ttl(ttl)));
        self.tables.insert(ttl, table.clone());
        table
    }

    /// Forgets the tables with other TTLs than these.
    pub fn retain(&mut self, ttls: &BTreeSet<u32>) {
        self.tables.retain(|ttl, _| ttls.contains(ttl));
    }
}

/// Puts changed lines in their place. Where they are as long as those that were there, nothing else is moved.
fn replace(bytes: &mut Vec<u8>, change: Change) {
    match bytes.get_mut(change.at..change.end) {
        Some(place) if place.len() == change.lines.len() => place.copy_from_slice(&change.lines),
        _ => drop(bytes.splice(change.at..change.end, change.lines)),
    }
}
