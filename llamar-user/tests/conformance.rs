//! CONFORMANCE.md is true: each rule has one row, and the places and tests that a row names exist. It reads the sources
//! and nothing else; whether a test holds is for the test itself to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rules that CONFORMANCE.md has to speak of: LLMNR's responder and sender, mDNS, DNS-SD, ARP, Neighbor Discovery.
fn rules() -> BTreeSet<String> {
    let numbered = |letter: char, last: u32| (1..=last).map(move |n| format!("{letter}{n}"));
    numbered('R', 66)
        .chain(numbered('S', 22))
        .chain(numbered('A', 55))
        .chain(numbered('B', 18))
        .chain(numbered('C', 22))
        .chain(numbered('D', 19))
        .collect()
}

/// What a row says of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    rule: String,
    /// Files, with an item of each behind `::`.
    places: Vec<String>,
    /// Tests, by file or by module of `llamar-user`.
    tests: Vec<String>,
    /// Why there is no place or no test, or where we depart from the rule.
    remark: String,
}

impl Row {
    /// The row that a line of a table is; `None` for any other line.
    fn read(line: &str) -> Option<Self> {
        let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        let &[rule, _, places, tests, remark] = &cells[..] else {
            return None;
        };
        let number = rule.get(1..)?;
        number.parse::<u32>().ok()?;
        Some(Self {
            rule: rule.to_owned(),
            places: quoted(places),
            tests: quoted(tests),
            remark: remark.to_owned(),
        })
    }
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The sources, read as they are asked for.
struct Sources {
    root: PathBuf,
    read: BTreeMap<PathBuf, Option<String>>,
}

impl Sources {
    fn new() -> Self {
        Self {
            root: Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
            read: BTreeMap::new(),
        }
    }

    /// The text of a file, `path` from the root of the repository; `None` if there is none.
    fn text(&mut self, path: &Path) -> Option<&str> {
        let file = self.root.join(path);
        let read = self.read.entry(path.to_owned());
        read.or_insert_with(|| fs::read_to_string(file).ok())
            .as_deref()
    }

    /// What is wrong with a place: `path` or `path::item`.
    fn place(&mut self, place: &str) -> Option<String> {
        let (path, item) = place.split_once("::").unwrap_or((place, ""));
        if item.is_empty() && self.root.join(path).is_dir() {
            return None;
        }
        let Some(text) = self.text(Path::new(path)) else {
            return Some(format!("no file {path}"));
        };
        let item = item.rsplit("::").next().unwrap_or_default();
        (!item.is_empty() && !defines(text, item)).then(|| format!("no {item} in {path}"))
    }

    /// What is wrong with the name of a test.
    fn test(&mut self, test: &str) -> Option<String> {
        let Some((module, name)) = test.rsplit_once("::") else {
            return Some(format!("{test} names no file or module"));
        };
        let files = candidates(module);
        let found = files.iter().any(|(file, inner)| {
            let text = self.text(file);
            text.is_some_and(|text| is_test(text, inner, name))
        });
        (!found).then(|| format!("no test {test}"))
    }
}

/// Whether a source defines something of this name.
fn defines(text: &str, item: &str) -> bool {
    const KINDS: [&str; 6] = ["fn", "const", "struct", "enum", "trait", "static"];
    text.lines().any(|line| {
        let code = line.trim_start();
        let words = code.split(|char: char| !char.is_alphanumeric() && char != '_');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let mut pairs = words.windows(2);
        !code.starts_with("//") && pairs.any(|pair| KINDS.contains(&pair[0]) && pair[1] == item)
    })
}

/// Where the tests of a module may be: files, and the modules inside of each. A path of a file stands for itself.
fn candidates(module: &str) -> Vec<(PathBuf, Vec<&str>)> {
    if let Some((file, inner)) = module.split_once(".rs") {
        let inner = inner.split("::").filter(|part| !part.is_empty());
        return vec![(format!("{file}.rs").into(), inner.collect())];
    }
    let parts: Vec<_> = module.split("::").collect();
    let split = |count: usize| {
        let (outer, inner) = parts.split_at(count);
        let path = format!("llamar-user/src/{}", outer.join("/"));
        [format!("{path}.rs"), format!("{path}/mod.rs")]
            .map(|path| (PathBuf::from(path), inner.to_vec()))
    };
    (1..=parts.len()).rev().flat_map(split).collect()
}

/// Whether a source has a function of this name that is run as a test, in a module inside of others.
fn is_test(text: &str, modules: &[&str], name: &str) -> bool {
    let mut rest = text;
    for module in modules {
        let Some((_, behind)) = rest.split_once(&format!("mod {module} {{")) else {
            return false;
        };
        rest = behind;
    }
    let lines: Vec<_> = rest.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let behind = line
            .strip_prefix("fn ")
            .and_then(|line| line.strip_prefix(name));
        behind.is_some_and(|behind| behind.starts_with('('))
    };
    let places = (0..lines.len()).filter(|&at| is_it(lines[at]));
    places.into_iter().any(|at| {
        let above = lines[..at].iter().rev();
        let above = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let attributes: Vec<_> = above.filter(|line| line.starts_with("#[")).collect();
        let runs = |line: &&&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        attributes.iter().any(runs) && !attributes.iter().any(|line| line.starts_with("#[ignore"))
    })
}

/// Everything that is wrong with a table.
fn problems(table: &str, rules: &BTreeSet<String>, sources: &mut Sources) -> Vec<String> {
    let rows: Vec<_> = table.lines().filter_map(Row::read).collect();
    let mut problems = Vec::new();
    for rule in rules {
        match rows.iter().filter(|row| row.rule == *rule).count() {
            1 => {}
            count => problems.push(format!("{rule}: {count} rows")),
        }
    }
    for row in &rows {
        let rule = &row.rule;
        let mut tell = |problem: String| problems.push(format!("{rule}: {problem}"));
        if !rules.contains(rule) {
            tell("no rule of this number".to_owned());
        }
        if (row.places.is_empty() || row.tests.is_empty()) && row.remark.is_empty() {
            tell("a row without places or tests says why".to_owned());
        }
        let places = row.places.iter().filter_map(|place| sources.place(place));
        places.collect::<Vec<_>>().into_iter().for_each(&mut tell);
        let tests = row.tests.iter().filter_map(|test| sources.test(test));
        tests.collect::<Vec<_>>().into_iter().for_each(&mut tell);
    }
    problems
}

#[test]
fn every_rule_has_a_row_and_what_it_names_is_there() {
    let mut sources = Sources::new();
    let table = sources
        .text(Path::new("CONFORMANCE.md"))
        .unwrap()
        .to_owned();
    let problems = problems(&table, &rules(), &mut sources);
    assert!(
        problems.is_empty(),
        "CONFORMANCE.md:\n{}",
        problems.join("\n")
    );
}

#[test]
fn rows_that_are_wrong_are_found() {
    let here = "llamar-user/tests/conformance.rs";
    let wrong = |row: &str| {
        let rules = BTreeSet::from(["R1".to_owned()]);
        problems(row, &rules, &mut Sources::new())
    };
    let good =
        format!("| R1 | x | `{here}::Row::read` | `{here}::rows_that_are_wrong_are_found` | |");
    assert_eq!(wrong(&good), [""; 0]);
    for (row, problem) in [
        (String::new(), "R1: 0 rows"),
        (format!("{good}\n{good}"), "R1: 2 rows"),
        (
            format!("{good}\n{}", good.replace("R1", "R9")),
            "R9: no rule of this number",
        ),
        (
            good.replace("Row::read", "Row::reed"),
            "R1: no reed in llamar-user/tests/conformance.rs",
        ),
        (
            good.replace("conformance.rs::Row", "gone.rs::Row"),
            "R1: no file llamar-user/tests/gone.rs",
        ),
        (
            "| R1 | x | `README.md` |  |  |".to_owned(),
            "R1: a row without places or tests says why",
        ),
        (
            "| R1 | x | `README.md` | `quoted` |  |".to_owned(),
            "R1: quoted names no file or module",
        ),
    ] {
        assert_eq!(wrong(&row), [problem]);
    }
    // A function that is no test, and tests of modules: in a file, in a file of their own, nowhere.
    for (test, found) in [
        (format!("{here}::wrong"), false),
        (format!("{here}::quoted"), false),
        ("llmnr::query::tests::any_section_is_read".to_owned(), true),
        ("llmnr::query::any_section_is_read".to_owned(), true),
        (
            "llmnr::query::tests::inner::any_section_is_read".to_owned(),
            false,
        ),
        ("llmnr::query::tests::any_section_is_rea".to_owned(), false),
        ("llmnr::query::tests::additional".to_owned(), false),
        (
            "llmnr::nothing::tests::any_section_is_read".to_owned(),
            false,
        ),
        ("datapath::tests::nothing".to_owned(), false),
        ("net::udp::tests::our_port_is_not_shared".to_owned(), true),
    ] {
        assert_eq!(Sources::new().test(&test).is_none(), found, "{test}");
    }
}

#[test]
fn tests_are_told_by_their_attributes() {
    let text = "mod tests {\n#[test]\n// why\nfn one() {}\nfn two() {}\n#[test]\n#[ignore]\nfn three() {}\n\
                #[tokio::test(flavor = \"current_thread\")]\nasync fn four() {}\n}";
    let found = ["one", "two", "three", "four", "fou"].map(|name| is_test(text, &["tests"], name));
    assert_eq!(found, [true, false, false, true, false]);
    assert!(!is_test(text, &["others"], "one"));
}
