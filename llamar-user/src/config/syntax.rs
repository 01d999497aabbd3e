//! What is said of mistakes in the syntax of TOML; tested with the configuration as a whole.

/// Where a mistake in the syntax is and what is said of it. The parser's own words will do, but for the mistake that
/// is made most: an address or a word without quotes is no float or boolean gone wrong.
pub(super) fn told(text: &str, at: usize, message: &str) -> (usize, String) {
    if message == "duplicate key" {
        return (
            at,
            "the key is there twice, expected every key once".to_owned(),
        );
    }
    let own = (at, message.to_owned());
    let of_value = [
        "string values must",
        "invalid float",
        "invalid bool",
        "invalid int",
        "invalid date",
        "invalid time",
    ];
    if !of_value.iter().any(|start| message.starts_with(start)) {
        return own;
    }
    let ends = |c: char| c.is_whitespace() || "=,[]{}#\"'".contains(c);
    let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind(ends).map_or(0, |end| end + 1);
    let end = before.len() + behind.find(ends).unwrap_or(behind.len());
    match text.get(start..end) {
        Some("") => (start, "there is no value, expected one".to_owned()),
        Some(number) if number.parse::<f64>().is_ok() => (
            start,
            format!("there is more behind {number}, expected the end of the line"),
        ),
        Some(word) => {
            // What cannot be seen is not sent to a terminal.
            let word = word.escape_debug();
            let message =
                format!("{word} is no value of TOML, expected quotes around text: \"{word}\"");
            (start, message)
        }
        None => own,
    }
}
