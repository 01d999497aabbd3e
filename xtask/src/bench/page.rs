//! What is published of a run: the page BENCHMARKS.md, of which `page.md` is what stays the same, and the few figures in
//! README.md. Nothing is copied by hand.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::figure::{KEYS, Key};
use super::report::Report;

/// The page, with a mark where the picture and the tables go.
const PAGE: &str = include_str!("page.md");
/// Between these are the figures in README.md.
const BEGIN: &str = "<!-- written by cargo xtask bench --markdown -->\n";
const END: &str = "<!-- end of what it writes -->\n";
/// Which they are, besides the ratios to the reflector.
const HEADLINES: [&str; 4] = [
    "arp_vs_kernel",
    "llmnr_vs_userspace",
    "names_1m_load_seconds",
    "names_1m_reload_one_ms",
];

/// Writes the page, for a picture that lies beside it.
pub fn write(report: &Report, picture: &Path) -> String {
    let picture = picture.file_name().unwrap_or_default().to_string_lossy();
    let tables = report.table();
    PAGE.replace("{picture}", &picture)
        .replace("{tables}", tables.trim_end())
}

/// The same README with the figures of another run.
pub fn headlines(readme: &str, report: &Report) -> Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("no mark for figures")?;
    let (_, after) = rest.split_once(END).context("no end of the figures")?;
    let mut table = "| | |\n|---|---:|\n".to_owned();
    let is_headline = |key: &&Key| key.bar || HEADLINES.contains(&key.name);
    for key in KEYS.iter().filter(is_headline) {
        if let Some(figure) = report.figures.get(key.name) {
            let bar = if key.bar {
                ", of a bare reflector's rate"
            } else {
                ""
            };
            let _ = writeln!(table, "| {}{bar} | {} |", key.what, key.text(figure.median));
        }
    }
    Ok([before, BEGIN, &table, END, after].concat())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(name: &str) -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
    }

    fn report() -> Report {
        let mut report = Report::default();
        report.run.push(("machine", "a machine".to_owned()));
        for key in KEYS {
            report.figure(key.name, &[0.5, 0.6, 0.7]);
        }
        report
    }

    #[test]
    fn the_page_has_the_picture_and_the_tables() {
        let page = write(&report(), Path::new("/somewhere/BENCHMARKS.svg"));
        assert!(page.starts_with("# Benchmarks\n"));
        assert!(page.contains("](BENCHMARKS.svg)") && page.contains("machine   a machine\n"));
        assert!(!page.contains(['{', '}']), "{page}");
    }

    #[test]
    fn the_page_of_the_last_run_says_what_pages_say() {
        let page = file("BENCHMARKS.md");
        let (before, after) = PAGE.split_once("{tables}").unwrap();
        let before = before.replace("{picture}", "BENCHMARKS.svg");
        assert!(
            page.starts_with(&before) && page.ends_with(after),
            "written by hand"
        );
    }

    #[test]
    fn the_readme_has_a_place_for_the_figures() {
        let readme = file("README.md");
        let written = headlines(&readme, &report()).unwrap();
        assert_eq!(headlines(&written, &report()).unwrap(), written);
        let line = "| LLMNR A over IPv4, few names, of a bare reflector's rate | 0.600 |\n";
        assert!(written.contains(line), "{written}");
        let known = HEADLINES.map(|name| KEYS.iter().find(|key| key.name == name).unwrap().what);
        for what in known {
            assert!(written.contains(&format!("| {what} | ")), "{what}");
        }
        let outside = |text: &str| {
            let (before, rest) = text.split_once(BEGIN).unwrap();
            (
                before.to_owned(),
                rest.split_once(END).unwrap().1.to_owned(),
            )
        };
        assert_eq!(outside(&written), outside(&readme));
        assert!(headlines("# Another\n", &report()).is_err());
    }
}
