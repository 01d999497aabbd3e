//! The linters of several links, and what they report.

use std::collections::BTreeMap;

use crate::dnssd::lint::{Heard, Link, Linter};
use crate::report::{self, LintReport, LintRow};

/// A linter for each link.
#[derive(Debug, Default)]
pub struct Linters {
    by_device: BTreeMap<u32, Linter>,
}

impl Linters {
    /// Judges a message that was heard on a link, which `link` describes.
    pub fn hear(&mut self, device: u32, link: impl FnOnce() -> Link, heard: &Heard<'_>) {
        let linter = self.by_device.entry(device);
        linter.or_insert_with(|| Linter::new(link())).hear(heard);
    }

    /// Whether a rule was broken.
    pub fn found(&self) -> bool {
        let mut linters = self.by_device.values();
        linters.any(|linter| linter.breaches().next().is_some())
    }

    /// All breaches, by link and sender. `place` says where a link is.
    pub fn report(&self, place: impl Fn(u32) -> report::Heard) -> LintReport {
        let mut rows = Vec::new();
        for (&device, linter) in &self.by_device {
            let heard = place(device);
            let breaches = linter.breaches();
            rows.extend(breaches.map(|(breach, count)| LintRow::new(breach, count, &heard)));
        }
        LintReport::new(rows)
    }
}
