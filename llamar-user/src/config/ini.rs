//! LLamar's own configuration, `/etc/llmnr.conf`: a section for each interface, and in it a name if it is not the
//! host's. It is read as Python's ConfigParser did for LLamar.

use std::collections::BTreeSet;
use std::path::Path;

use super::file::{File, InterfaceTable};
use super::{ConfigError, Place, value};

/// What the text of an INI file says.
pub(super) fn parse(path: &Path, text: &str, error: &mut ConfigError) -> File {
    let mut reader = Reader {
        file: File::default(),
        section: Section::None,
        named: BTreeSet::new(),
    };
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let content = line.trim();
        if let Err((found, message)) = reader.line(content) {
            // `found` is a part of the line: its distance from the line's start is its column.
            let before = (found.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
            let before = line.get(..before).unwrap_or_default();
            error.push(Place::in_line(path, index + 1, before.as_bytes()), message);
        }
    }
    reader.file
}

/// The name in the header of the first section, if there is a section.
pub(super) fn first_section(text: &str) -> Option<&str> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let header = lines.find(|line| line.starts_with('['))?;
    let header = header.trim_start_matches('[');
    Some(header.split(']').next().unwrap_or(header).trim())
}

enum Section {
    None,
    /// `[DEFAULT]`, whose keys hold for all sections that do not have them.
    Default,
    Interface(String),
    /// One with a bad header: its lines are judged, but go nowhere.
    Unusable,
}

struct Reader {
    file: File,
    section: Section,
    /// Sections that have their name already, [DEFAULT] as the empty string.
    named: BTreeSet<String>,
}

impl Reader {
    fn line<'l>(&mut self, line: &'l str) -> Result<(), (&'l str, String)> {
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if let Some(header) = line.strip_prefix('[') {
            self.section = Section::Unusable;
            self.section = self.header(header).map_err(|message| (line, message))?;
            return Ok(());
        }
        if matches!(self.section, Section::None) {
            let message = format!("{line:?} stands before any section, expected [INTERFACE]");
            return Err((line, message));
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            let message = format!("{line:?} is no setting, expected name = NAME");
            return Err((line, message));
        };
        let (key, value) = (key.trim(), value.trim());
        if !key.eq_ignore_ascii_case("name") {
            return Err((line, format!("unknown key {key:?}, expected name")));
        }
        self.name(value).map_err(|message| (value, message))
    }

    fn header(&mut self, header: &str) -> Result<Section, String> {
        let Some((text, behind)) = header.split_once(']') else {
            return Err(format!(
                "the section {header:?} has no end, expected [INTERFACE]"
            ));
        };
        let behind = behind.trim_start();
        if !behind.is_empty() && !behind.starts_with(['#', ';']) {
            return Err(format!(
                "{behind:?} stands behind a section's name, expected nothing"
            ));
        }
        let text = text.trim();
        if text == "DEFAULT" {
            return Ok(Section::Default);
        }
        // LLamar took the names of interfaces from `ip address`, which shows vr0 as vr0@if2.
        let (name, _) = text.split_once('@').unwrap_or((text, ""));
        let name = value::interface_name(name)?;
        if self.file.interfaces.contains_key(&name) {
            return Err(format!(
                "the section {name:?} is there twice, expected it once"
            ));
        }
        self.file
            .interfaces
            .insert(name.clone(), InterfaceTable::default());
        Ok(Section::Interface(name))
    }

    fn name(&mut self, text: &str) -> Result<(), String> {
        let name = value::own_name(text)?;
        let (section, names) = match &self.section {
            Section::None | Section::Unusable => return Ok(()),
            Section::Default => (String::new(), &mut self.file.names),
            Section::Interface(interface) => {
                let table = self.file.interfaces.entry(interface.clone()).or_default();
                (interface.clone(), &mut table.names)
            }
        };
        if !self.named.insert(section) {
            return Err("a second name in one section, expected one".to_owned());
        }
        names.push(name);
        Ok(())
    }
}
