//! What `llamar dnssd` shows, as it is found out: in columns for people at a terminal, as lines in a pipe, as objects of
//! JSON, or as avahi-browse does.

use std::io::{self, Write};
use std::time::Duration;

use crate::dnssd::browse::{Found, What};

mod asked;
mod json;
mod lines;
mod lint;
mod parsable;
mod screen;
mod text;

pub use asked::{Answered, Denied, MdnsReport};
pub use lint::{LintReport, LintRow};

use parsable::Parsable;
use screen::{Screen, Summary};

/// How what is found is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowseForm {
    /// For people at a terminal, as it is found.
    Screen,
    /// For people at a terminal, in the end: everything that is there then.
    Table,
    /// Lines of fields between blanks.
    Lines,
    /// Lines of one object of JSON each.
    Json,
    /// As `avahi-browse --parsable --resolve` prints it.
    Parsable,
}

/// Where something was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The interface; `None` where a capture does not tell.
    pub interface: Option<String>,
    /// The VLAN, in a capture of the frames of several.
    pub vlan: Option<u16>,
    /// When, since the beginning of 1970.
    pub time: Duration,
}

/// Writes what a browser finds.
#[derive(Debug)]
pub struct BrowseReport {
    form: BrowseForm,
    /// Whether types are what is looked for.
    types: bool,
    parsable: Parsable,
    summary: Summary,
    screen: Screen,
    found: bool,
}

impl BrowseReport {
    /// One that has written nothing yet. `types`: whether types are looked for, and no instances.
    pub fn new(form: BrowseForm, types: bool) -> Self {
        Self {
            form,
            types,
            parsable: Parsable::default(),
            summary: Summary::default(),
            screen: Screen::default(),
            found: false,
        }
    }

    /// Whether anything has been found.
    pub fn found(&self) -> bool {
        self.found
    }

    /// Writes what was found, if this is the time for it.
    pub fn write(&mut self, found: &Found, heard: &Heard, out: &mut impl Write) -> io::Result<()> {
        self.found = true;
        match self.form {
            BrowseForm::Screen => self.screen.write(found, heard, out),
            BrowseForm::Table => {
                self.summary.take(found, heard);
                Ok(())
            }
            BrowseForm::Lines => lines::write(found, heard, out),
            BrowseForm::Json => json::write(found, heard, out),
            BrowseForm::Parsable => {
                // avahi-browse does not tell of types.
                let is_type = matches!(found.what, What::Type { .. });
                match is_type && !self.types {
                    true => Ok(()),
                    false => self.parsable.write(found, heard, out),
                }
            }
        }
    }

    /// Writes what is written in the end.
    pub fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self.form {
            BrowseForm::Table => self.summary.write(out),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
