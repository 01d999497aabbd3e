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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (File, ConfigError) {
        let mut error = ConfigError::default();
        let file = parse(Path::new("llmnr.conf"), text, &mut error);
        (file, error)
    }

    fn wrong(text: &str) -> String {
        read(text).1.to_string().replace("llmnr.conf:", "")
    }

    fn names(file: &File, interface: &str) -> Vec<String> {
        file.interfaces[interface]
            .names
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_section_is_an_interface_with_a_name_or_without() {
        let text = "\u{feff}# LLamar\r\n[eth0]\r\nName : casa\r\n\r\n  [ wlan0 ] ; wireless\n; none\n[vr0@if2]\nname=x\n";
        let (file, error) = read(text);
        assert_eq!(error.to_string(), "");
        assert_eq!(names(&file, "eth0"), ["casa"]);
        assert!(names(&file, "wlan0").is_empty());
        assert_eq!(names(&file, "vr0"), ["x"]);
        assert_eq!(file.interfaces.len(), 3);
        assert!(file.names.is_empty());
    }

    #[test]
    fn the_default_section_names_those_without_a_name() {
        let (file, error) = read("[DEFAULT]\nname = casa\n[eth0]\n[eth1]\nname = patio\n");
        assert_eq!(error.to_string(), "");
        assert_eq!(file.names.len(), 1);
        assert!(names(&file, "eth0").is_empty());
        assert_eq!(names(&file, "eth1"), ["patio"]);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        for (text, problem) in [
            (
                "name = x\n[eth0]",
                "1:1: \"name = x\" stands before any section, expected [INTERFACE]",
            ),
            (
                "[eth0]\n  nmae = x",
                "2:3: unknown key \"nmae\", expected name",
            ),
            (
                "[eth0]\nname",
                "2:1: \"name\" is no setting, expected name = NAME",
            ),
            (
                "[eth0]\nname =",
                "2:7: the name is empty, expected a name such as casa or casa.example",
            ),
            (
                "[eth0]\nname = a b",
                "2:8: \"a b\" has ' ' in it, expected a name such as casa or casa.example",
            ),
            (
                "[eth0]\nname = a\nname = b",
                "3:8: a second name in one section, expected one",
            ),
            (
                "[eth0]\n[eth0]",
                "2:1: the section \"eth0\" is there twice, expected it once",
            ),
            (
                "[eth0",
                "1:1: the section \"eth0\" has no end, expected [INTERFACE]",
            ),
            (
                "[eth0] x",
                "1:1: \"x\" stands behind a section's name, expected nothing",
            ),
            (
                "[]",
                "1:1: the name is empty, expected the name of an interface such as eth0",
            ),
        ] {
            assert_eq!(wrong(text), problem, "{text}");
        }
        assert_eq!(
            wrong("[a/b]\nname = x\n[eth0]\nnam = x\nname = ,")
                .lines()
                .count(),
            3
        );
    }

    #[test]
    fn the_first_section_is_found() {
        assert_eq!(first_section("# [x]\n\n [eth0] \n[eth1]"), Some("eth0"));
        assert_eq!(first_section("[[interface]]"), Some("interface"));
        assert_eq!(first_section("[eth0"), Some("eth0"));
        assert_eq!(first_section("name = x"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_configuration_or_an_error(text in "[\\PC\\n]*", lines in "(\\[[a-c@\\]]{0,4}\\]?|name *[=:]? *[a-c.]{0,3}|[;#=: ]{0,3}|\n){0,40}") {
            read(&text);
            read(&lines);
            first_section(&text);
        }
    }
}
