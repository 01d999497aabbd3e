//! Values of a type, and what is said of those of another.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::{Key, Reader, Value};
use crate::config::{Place, value};

impl Reader<'_> {
    /// The values of some texts; one that is there twice, or wrong, is a problem.
    pub(super) fn each_once<T: Copy + Ord>(
        &mut self,
        texts: Vec<(usize, &str)>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for (at, text) in texts {
            match parse(text) {
                Ok(value) if seen.insert(value) => values.push(value),
                Ok(_) => self.problem(at, value::address_twice(text)),
                Err(message) => self.problem(at, message),
            }
        }
        values
    }

    pub(super) fn table<'v, 't>(
        &mut self,
        what: &str,
        expected: &str,
        value: &'v Value<'t>,
    ) -> Vec<(&'v Key<'t>, &'v Value<'t>)> {
        match value.get_ref() {
            DeValue::Table(table) => {
                // In the order of the file, so that of two the second is told.
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                entries
            }
            _ => {
                self.expected(what, expected, value);
                Vec::new()
            }
        }
    }

    /// The strings of a list, or the one that stands for a list of one, with their places.
    pub(super) fn strings<'v>(
        &mut self,
        what: &str,
        expected: &str,
        value: &'v Value,
    ) -> Vec<(usize, &'v str)> {
        let list = match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![value],
        };
        list.into_iter()
            .filter_map(|item| Some((item.span().start, self.string(what, expected, item)?)))
            .collect()
    }

    pub(super) fn string<'v>(
        &mut self,
        what: &str,
        expected: &str,
        value: &'v Value,
    ) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.expected(what, expected, value);
        }
        text
    }

    pub(super) fn number(
        &mut self,
        what: &str,
        value: &Value,
        least: u32,
        most: u32,
    ) -> Option<u32> {
        let expected = format!("a number from {least} to {most}");
        let Some(integer) = value.get_ref().as_integer() else {
            self.expected(what, &expected, value);
            return None;
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("{what:?} is {integer}, expected {expected}");
                self.problem(value.span().start, message);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, what: &str, value: &Value) -> Option<bool> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.expected(what, "true or false", value);
        }
        boolean
    }

    pub(super) fn judged<T>(&mut self, value: &Value, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|message| self.problem(value.span().start, message))
            .ok()
    }

    pub(super) fn expected(&mut self, what: &str, expected: &str, value: &Value) {
        let kind = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Array(_) => format!("an {}", value.get_ref().type_str()),
            other => format!("a {}", other.type_str()),
        };
        let message = format!("{what:?} is {kind}, expected {expected}");
        self.problem(value.span().start, message);
    }

    pub(super) fn unknown(&mut self, key: &Key, keys: &[&str]) {
        let message = format!(
            "unknown key {:?}, expected one of {}",
            key.get_ref(),
            keys.join(", ")
        );
        self.problem(key.span().start, message);
    }

    pub(super) fn place(&self, at: usize) -> Place {
        Place::in_text(self.path, self.text.as_bytes(), at)
    }

    /// Something that should be logged.
    pub(super) fn note(&mut self, at: usize, message: String) {
        self.notes.push((at, message));
    }

    pub(super) fn problem(&mut self, at: usize, message: String) {
        self.problems.push((at, message));
    }
}
