//! Prometheus' text exposition format 0.0.4, read as strictly as its description allows.

use std::collections::{BTreeMap, BTreeSet};

/// A value under its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All samples; panics where something is not as it has to be: each metric's HELP, then TYPE, then its samples, none of
/// them twice, counters named `_total`, and a line feed at the end.
#[track_caller]
pub fn parse(text: &str) -> Vec<Sample> {
    assert!(
        text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'),
        "{text}"
    );
    let mut samples: Vec<Sample> = Vec::new();
    let (mut families, mut helped, mut family) = (BTreeSet::new(), None, None);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help text");
            assert!(
                !help.is_empty() && families.insert(name.to_owned()),
                "{line}"
            );
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(helped.take().as_deref(), Some(name), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            family = Some(name.to_owned());
        } else {
            let sample = sample(line);
            assert_eq!(family.as_ref(), Some(&sample.name), "{line}");
            let twice = |other: &Sample| other.name == sample.name && other.labels == sample.labels;
            assert!(!samples.iter().any(twice), "twice: {line}");
            samples.push(sample);
        }
    }
    assert_eq!(helped, None);
    samples
}

fn sample(line: &str) -> Sample {
    let end = line
        .find(['{', ' '])
        .unwrap_or_else(|| panic!("no value: {line}"));
    let (name, rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (BTreeMap::new(), rest),
    };
    let value = value
        .strip_prefix(' ')
        .unwrap_or_else(|| panic!("no space: {line}"));
    Sample {
        name: name.to_owned(),
        labels,
        value: value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}")),
    }
}

/// The labels up to the brace, and what is behind it.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").expect("a label");
        assert!(is_name(name, false), "{name}");
        let (value, behind) = unquoted(quoted);
        assert!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
        if let Some(behind) = behind.strip_prefix('}') {
            return (labels, behind);
        }
        rest = behind.strip_prefix(',').expect("a comma between labels");
    }
}

/// A value up to its quote, and what is behind that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, char @ ('\\' | '"'))) => value.push(char),
                other => panic!("no escape: {other:?}"),
            },
            char => value.push(char),
        }
    }
    panic!("no quote at the end of {text}");
}

fn is_name(text: &str, metric: bool) -> bool {
    let first = |char: char| char.is_ascii_alphabetic() || char == '_' || (metric && char == ':');
    text.starts_with(first)
        && text
            .chars()
            .all(|char| first(char) || char.is_ascii_digit())
}

/// The value of the one sample that has these labels among others.
#[track_caller]
pub fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |sample: &&Sample| {
        let mut labels = labels.iter();
        labels.all(|(name, value)| sample.labels.get(*name).is_some_and(|found| found == value))
    };
    let found: Vec<_> = samples
        .iter()
        .filter(|sample| sample.name == name)
        .filter(has)
        .collect();
    assert_eq!(found.len(), 1, "{name} {labels:?} in {samples:#?}");
    found[0].value
}

#[test]
fn samples_are_read_with_their_labels() {
    let text = "# HELP a_total x y\n# TYPE a_total counter\na_total{b=\"c\\\"\\\\\\n\",d=\"\"} 5\na_total 1e3\n";
    let samples = parse(text);
    assert_eq!(samples[0].labels["b"], "c\"\\\n");
    assert_eq!(value(&samples, "a_total", &[("d", "")]), 5.0);
    assert_eq!(samples[1].value, 1000.0);
}

#[test]
fn what_a_scraper_would_refuse_is_refused() {
    let head = "# HELP a x\n# TYPE a gauge\n";
    for wrong in [
        "a 1",
        "a 1\n",
        "# HELP a x\na 1\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a x\n# TYPE a_total counter\na_total 1\n",
        "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a_total x\n# TYPE a_total gauge\na_total 1\n",
        &format!("{head}a 1\na 2\n"),
        &format!("{head}b 1\n"),
        &format!("{head}a x\n"),
        &format!("{head}a\n"),
        &format!("{head}a{{b=\"c}} 1\n"),
        &format!("{head}a{{b=\"\\x\"}} 1\n"),
        &format!("{head}a{{1=\"c\"}} 1\n"),
        &format!("{head}a{{b=\"c\"}}1\n"),
        &format!("{head}a{{b=\"c\",b=\"d\"}} 1\n"),
        &format!("{head}a 1\n{head}a{{b=\"c\"}} 1\n"),
    ] {
        let result = std::panic::catch_unwind(|| parse(wrong));
        assert!(result.is_err(), "{wrong}");
    }
}
