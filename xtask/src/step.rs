//! Running other programs: their progress on a terminal, one line in a pipe, and errors that say what, on what, why.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// Lines of a failed program's output that an error repeats.
const LINES_IN_ERROR: usize = 200;

/// A mistake in how xtask was called: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Says on stderr what is being done.
pub fn say(what: impl fmt::Display) {
    eprintln!("xtask: {what}");
}

/// Says `what`, then runs the command: its output goes to the terminal, or, in a pipe, into the error if it fails.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    if io::stderr().is_terminal() {
        command.stdout(io::stderr()).stderr(Stdio::inherit());
    }
    finish(what, command).map(drop)
}

/// Like [`run`], and hands back what the command wrote to its standard output.
pub fn run_for_output(what: &str, command: &mut Command) -> Result<String> {
    say(what);
    if io::stderr().is_terminal() {
        command.stderr(Stdio::inherit());
    }
    finish(what, command)
}

/// Runs a short command without a word and hands back its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    finish("ask another program", command)
}

fn finish(what: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: start `{}`", line(command)))?;
    if !output.status.success() {
        let said = tail(&[output.stdout, output.stderr].concat(), LINES_IN_ERROR);
        bail!(
            "{what}: `{}` {}{said}",
            line(command),
            ending(output.status)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How a program ended, in words.
pub fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let quote = |word: &OsStr| {
        let word = word.to_string_lossy();
        let plain = !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./=+:,%@".contains(c));
        if plain {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quote)
        .collect();
    words.join(" ")
}

/// The last lines of a program's output, indented below the error that they explain. Cargo's progress is left out, and
/// of its messages in JSON only what is for people stays.
fn tail(output: &[u8], lines: usize) -> String {
    let text = String::from_utf8_lossy(output);
    let readable: Vec<String> = text.lines().flat_map(readable).collect();
    let last = &readable[readable.len().saturating_sub(lines)..];
    last.iter().map(|line| format!("\n    {line}")).collect()
}

/// What is for people in a line of output.
fn readable(line: &str) -> Vec<String> {
    const PROGRESS: [&str; 7] = [
        "Compiling ",
        "Checking ",
        "Documenting ",
        "Downloading ",
        "Downloaded ",
        "Locking ",
        "Adding ",
    ];
    if line.starts_with("{\"reason\":") {
        return diagnostic(line)
            .map(|(_, text)| text.lines().map(str::to_owned).collect())
            .unwrap_or_default();
    }
    let progress = PROGRESS
        .iter()
        .any(|word| line.trim_start().starts_with(word));
    if progress || line.trim().is_empty() {
        Vec::new()
    } else {
        vec![line.to_owned()]
    }
}

/// Level and text of a compiler's diagnostic in a line of `cargo --message-format json`. Warnings that concern no code
/// (about the compiler's own flags) are left out.
pub fn diagnostic(line: &str) -> Option<(String, String)> {
    let message = &serde_json::from_str::<serde_json::Value>(line).ok()?["message"];
    let (level, text) = (message["level"].as_str()?, message["rendered"].as_str()?);
    let about_code = message["spans"]
        .as_array()
        .is_some_and(|spans| !spans.is_empty());
    (about_code || level != "warning").then(|| (level.to_owned(), text.to_owned()))
}

/// The first program of that name on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| is_program(file))
}

/// Whether a file may be run.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_step_command_code_and_what_was_said() {
        let error = run(
            "greet",
            Command::new("sh").args(["-c", "echo no such guest >&2; exit 3"]),
        )
        .unwrap_err()
        .to_string();
        assert_eq!(
            error,
            "greet: `sh -c 'echo no such guest >&2; exit 3'` ended with exit code 3\n    no such guest"
        );
    }

    #[test]
    fn a_program_ended_by_a_signal_is_reported_as_such() {
        let error = output(Command::new("sh").args(["-c", "kill -9 $$"]))
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("was ended by signal 9"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = format!(
            "{:#}",
            output(&mut Command::new("/nonexistent/llamar-tool")).unwrap_err()
        );
        assert!(
            error.contains("start `/nonexistent/llamar-tool`: No such file"),
            "{error}"
        );
    }

    #[test]
    fn only_the_last_lines_of_long_output_are_repeated() {
        assert_eq!(tail(b"one\ntwo\n\nthree\n", 2), "\n    two\n    three");
        assert_eq!(tail(b"", 2), "");
    }

    #[test]
    fn of_cargos_output_only_what_is_for_people_is_repeated() {
        let output = "   Compiling libc v0.2\n{\"reason\":\"compiler-artifact\"}\n\
                      {\"reason\":\"compiler-message\",\"message\":{\"level\":\"error\",\"rendered\":\"error: no\\n --> x.rs\\n\"}}\n\
                      error: could not compile\n";
        assert_eq!(
            tail(output.as_bytes(), 9),
            "\n    error: no\n     --> x.rs\n    error: could not compile"
        );
    }

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        let mut command = Command::new("env");
        command.args(["a b", "it's", "", "--flag=1"]);
        assert_eq!(line(&command), r"env 'a b' 'it'\''s' '' --flag=1");
    }

    #[test]
    fn programs_are_found_on_path_and_others_are_not() {
        assert!(on_path("sh").is_some_and(|sh| sh.is_absolute()));
        assert_eq!(on_path("llamar-no-such-program"), None);
        assert!(!is_program(Path::new("/")));
    }
}
