//! A bar that shows people how far a scan is.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What stands in the line: the bar, requests of all, how many were found, and the time that is left.
const TEMPLATE: &str = "{bar:30} {pos}/{len} asked, {msg}, {eta} left";

/// The bar; none where nobody sees it.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Begins, if standard error is a terminal and a bar is wanted.
    pub fn new(wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self(shown.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            // A template that cannot be read leaves the style as it is.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar.with_message("0 found")
        }))
    }

    /// Shows how far it is.
    pub fn show(&self, asked: u64, total: u64, found: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_message(format!("{found} found"));
            bar.set_position(asked);
        }
    }

    /// Takes the bar away while something is written.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes it away for good.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
