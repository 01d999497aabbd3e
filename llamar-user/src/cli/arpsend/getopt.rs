//! Options as GNU getopt reads them: in any order among the operands, short ones in clusters, long ones cut short, and
//! its words for what is wrong.

use std::collections::VecDeque;

/// An option that a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its letter.
    pub letter: char,
    /// Its long name; one that is empty has none.
    pub name: &'static str,
    /// Whether a value follows.
    pub has_value: bool,
}

/// Goes through the arguments, and gives each option's letter and value, or what is wrong with it.
#[derive(Debug)]
pub struct Options<'k> {
    program: String,
    known: &'k [Known],
    arguments: VecDeque<String>,
    /// What is left of a cluster of short options.
    cluster: VecDeque<char>,
    operands: Vec<String>,
}

impl<'k> Options<'k> {
    /// The options among the arguments of a program, which are those behind its name.
    pub fn new(
        program: &str,
        known: &'k [Known],
        arguments: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            program: program.to_owned(),
            known,
            arguments: arguments.into_iter().collect(),
            cluster: VecDeque::new(),
            operands: Vec::new(),
        }
    }

    /// What is no option; all of it once there are no more options.
    pub fn operands(self) -> Vec<String> {
        self.operands
    }

    fn short(&mut self, letter: char) -> Result<(char, String), String> {
        let program = &self.program;
        let Some(known) = self.known.iter().find(|known| known.letter == letter) else {
            return Err(format!("{program}: invalid option -- '{letter}'"));
        };
        if !known.has_value {
            return Ok((letter, String::new()));
        }
        let value = match self.cluster.is_empty() {
            false => Some(self.cluster.drain(..).collect()),
            true => self.arguments.pop_front(),
        };
        value
            .map(|value| (letter, value))
            .ok_or_else(|| format!("{program}: option requires an argument -- '{letter}'"))
    }

    fn long(&mut self, text: &str) -> Result<(char, String), String> {
        let program = &self.program;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let known = self.named(name)?;
        let name = known.name;
        let value = match (known.has_value, value) {
            (false, Some(_)) => {
                return Err(format!(
                    "{program}: option '--{name}' doesn't allow an argument"
                ));
            }
            (false, None) => Some(String::new()),
            (true, Some(value)) => Some(value),
            (true, None) => self.arguments.pop_front(),
        };
        value
            .map(|value| (known.letter, value))
            .ok_or_else(|| format!("{program}: option '--{name}' requires an argument"))
    }

    /// The option of this name, or the only one whose name begins so.
    fn named(&self, name: &str) -> Result<&'k Known, String> {
        let program = &self.program;
        let named = || self.known.iter().filter(|known| !known.name.is_empty());
        if let Some(known) = named().find(|known| known.name == name) {
            return Ok(known);
        }
        let meant: Vec<&Known> = named()
            .filter(|known| known.name.starts_with(name))
            .collect();
        match meant.as_slice() {
            [] => Err(format!("{program}: unrecognized option '--{name}'")),
            [one] => Ok(one),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .map(|known| format!("'--{}'", known.name))
                    .collect();
                let names = names.join(" ");
                Err(format!(
                    "{program}: option '--{name}' is ambiguous; possibilities: {names}"
                ))
            }
        }
    }
}

impl Iterator for Options<'_> {
    type Item = Result<(char, String), String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(letter) = self.cluster.pop_front() {
                return Some(self.short(letter));
            }
            let argument = self.arguments.pop_front()?;
            if argument == "--" {
                self.operands.extend(self.arguments.drain(..));
            } else if let Some(name) = argument.strip_prefix("--") {
                return Some(self.long(name));
            } else if let Some(letters) = argument.strip_prefix('-').filter(|rest| !rest.is_empty())
            {
                self.cluster = letters.chars().collect();
            } else {
                self.operands.push(argument);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn known(letter: char, name: &'static str, has_value: bool) -> Known {
        Known {
            letter,
            name,
            has_value,
        }
    }

    const KNOWN: [Known; 5] = [
        known('D', "detect", false),
        known('c', "count", true),
        known('i', "src-ip", true),
        known('s', "src-hw", true),
        known('v', "", false),
    ];

    /// Options as `c=3`, operands, and the first complaint.
    fn read(arguments: &[&str]) -> (Vec<String>, Vec<String>, Option<String>) {
        let arguments = arguments.iter().map(ToString::to_string);
        let mut options = Options::new("tool", &KNOWN, arguments);
        let mut read = Vec::new();
        for option in options.by_ref() {
            match option {
                Ok((letter, value)) => read.push(format!("{letter}={value}")),
                Err(wrong) => return (read, Vec::new(), Some(wrong)),
            }
        }
        (read, options.operands(), None)
    }

    #[test]
    fn options_stand_anywhere_before_two_hyphens_and_in_any_of_their_forms() {
        for (arguments, options, operands) in [
            (
                &["-D", "-c", "3", "eth0"][..],
                &["D=", "c=3"][..],
                &["eth0"][..],
            ),
            (&["eth0", "-Dvc3"], &["D=", "v=", "c=3"], &["eth0"]),
            (&["-vc", "-1", "-"], &["v=", "c=-1"], &["-"]),
            (
                &["--count=3", "eth0", "--detect"],
                &["c=3", "D="],
                &["eth0"],
            ),
            (&["--co", "3", "--d"], &["c=3", "D="], &[]),
            (&["-D", "--", "-c", "--"], &["D="], &["-c", "--"]),
            (&["--src-hw=", ""], &["s="], &[""]),
            (&[], &[], &[]),
        ] {
            let (read, rest, wrong) = read(arguments);
            assert_eq!(wrong, None, "{arguments:?}");
            assert_eq!((&*read, &*rest), (&*texts(options), &*texts(operands)));
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_getopt() {
        for (arguments, words) in [
            (&["-x"][..], "tool: invalid option -- 'x'"),
            (&["-D\u{e9}"], "tool: invalid option -- '\u{e9}'"),
            (&["-Dc"], "tool: option requires an argument -- 'c'"),
            (&["--count"], "tool: option '--count' requires an argument"),
            (
                &["--dete=1"],
                "tool: option '--detect' doesn't allow an argument",
            ),
            (&["--verbose"], "tool: unrecognized option '--verbose'"),
            (
                &["--src", "1"],
                "tool: option '--src' is ambiguous; possibilities: '--src-ip' '--src-hw'",
            ),
        ] {
            assert_eq!(read(arguments).2.as_deref(), Some(words), "{arguments:?}");
        }
    }
}
