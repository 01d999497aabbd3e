//! What is found, and what is told of it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{Level, Rule};
use crate::dns::{Name, Record};

/// A rule that somebody does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When it was heard first.
    pub at: Duration,
    /// Who does not keep it.
    pub sender: Sender,
    /// The rule's number in this project's list, `A29`; `wire` for what is no DNS message.
    pub rule: &'static str,
    /// Where the rule stands, `RFC 6762 10`.
    pub section: &'static str,
    /// How much it is wanted.
    pub level: Level,
    /// What is wrong, in a sentence.
    pub text: String,
    /// The name that it is about.
    pub name: Option<String>,
    /// The record that it is about.
    pub record: Option<String>,
}

/// `192.0.2.1 (02:00:00:00:00:01): A29 (should, RFC 6762 10): what is wrong [record]`.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sender,
            rule,
            section,
            level,
            text,
            ..
        } = self;
        write!(f, "{sender}: {rule} ({level}, {section}): {text}")?;
        match &self.record {
            Some(record) => write!(f, " [{record}]"),
            None => Ok(()),
        }
    }
}

/// A host as one sees it on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sender {
    /// Its address.
    pub address: IpAddr,
    /// Its MAC address, if it is known.
    pub mac: Option<[u8; 6]>,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        let Some([a, b, c, d, e, last]) = self.mac else {
            return Ok(());
        };
        write!(f, " ({a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x})")
    }
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub rule: Rule,
    pub name: Option<String>,
    pub record: Option<String>,
    pub text: String,
}

/// Everything that is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub list: Vec<Finding>,
}

impl Findings {
    /// Of the whole message.
    pub fn message(&mut self, rule: Rule, text: impl Into<String>) {
        self.list.push(Finding {
            rule,
            name: None,
            record: None,
            text: text.into(),
        });
    }

    /// Of a name.
    pub fn name(&mut self, rule: Rule, name: &Name, text: impl Into<String>) {
        self.list.push(Finding {
            rule,
            name: Some(name.to_string()),
            record: None,
            text: text.into(),
        });
    }

    /// Of a record.
    pub fn record(&mut self, rule: Rule, record: &Record, text: impl Into<String>) {
        self.list.push(Finding {
            rule,
            name: Some(record.owner.to_string()),
            record: Some(shortened(record.to_string())),
            text: text.into(),
        });
    }
}

/// A record's text, without most of its data if that is long.
fn shortened(mut text: String) -> String {
    /// Enough for every name and most TXT records.
    const SHOWN: usize = 500;
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
