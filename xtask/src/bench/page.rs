//! The page about a run, BENCHMARKS.md: what stays the same is in `page.md`; nothing is copied by hand.

use std::path::Path;

use super::report::Report;

/// The page, with a mark where the picture and the tables go.
const PAGE: &str = include_str!("page.md");

/// Writes it, for a picture that lies beside it.
pub fn write(report: &Report, picture: &Path) -> String {
    let picture = picture.file_name().unwrap_or_default().to_string_lossy();
    let tables = report.table();
    PAGE.replace("{picture}", &picture)
        .replace("{tables}", tables.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_picture_and_the_tables() {
        let mut report = Report::default();
        report.run.push(("machine", "a machine".to_owned()));
        let page = write(&report, Path::new("/somewhere/BENCHMARKS.svg"));
        assert!(page.starts_with("# Benchmarks\n"));
        assert!(page.contains("](BENCHMARKS.svg)") && page.contains("machine   a machine\n"));
        assert!(!page.contains(['{', '}']), "{page}");
    }
}
