//! How rows and values are laid out on standard output.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

/// A time span in its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let [minutes, hours, days] = [60, 3600, 86400].map(|unit| seconds / unit);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

pub(super) fn json(report: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    writeln!(out)
}

pub(super) fn table<'a, const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [Cow<'a, str>; N]>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(Cow::into_owned));
    }
    table
        .lines()
        .try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// Writes a line for each row, columns as wide as their widest cell.
pub(super) fn aligned<'a, const N: usize>(
    rows: impl Iterator<Item = [Cow<'a, str>; N]> + Clone,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows.clone() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let (last, cells) = row.split_last().expect("a row has cells");
        for (cell, &width) in cells.iter().zip(&widths) {
            write!(out, "{cell:width$} ")?;
        }
        writeln!(out, "{last}")?;
    }
    Ok(())
}

/// Writes to standard output, until nobody reads any more.
pub fn print(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // `llamar names | head` has seen enough; what is left must not be written when `out` goes.
            let _ = out.into_parts();
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        assert_eq!(
            [0, 59, 60, 3599, 3600, 86399, 90000].map(span),
            [
                "0 s",
                "59 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "23 h 59 min",
                "1 d 1 h"
            ]
        );
    }
}
