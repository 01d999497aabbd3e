//! The names that others forced upon us, kept on disk so that a restart does not fight for the old ones again
//! (RFC 6762 9).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tracing::{debug, warn};

use crate::state::mdns::Kept;

/// The file and what it says.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    kept: Kept,
    /// Writing has failed, and that was said.
    failed: bool,
}

impl KeptFile {
    /// What the file says; nothing if there is none, or none that can be read, which is said.
    pub fn open(path: PathBuf) -> Self {
        let kept = read(&path).unwrap_or_else(|error| {
            warn!("{error:#}; names that were changed in a conflict are tried anew");
            Kept::default()
        });
        Self {
            path,
            kept,
            failed: false,
        }
    }

    /// The names that are kept.
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Keeps these from now on; whether they are others than before.
    pub fn keep(&mut self, kept: Kept) -> bool {
        if kept == self.kept {
            return false;
        }
        self.kept = kept;
        match write(&self.path, &self.kept) {
            Ok(()) => {
                self.failed = false;
                debug!("{}: written", self.path.display());
            }
            Err(error) if !self.failed => {
                self.failed = true;
                warn!("{error:#}; the names that are used now are forgotten at the end");
            }
            Err(error) => debug!("{error:#}"),
        }
        true
    }
}

fn read(path: &Path) -> anyhow::Result<Kept> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("read the kept names in {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => {
            Err(error).with_context(|| format!("read the kept names in {}", path.display()))
        }
    }
}

/// Writes the file so that it is whole at any time.
fn write(path: &Path, kept: &Kept) -> anyhow::Result<()> {
    let failed = || format!("keep names in {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let new = path.with_extension("new");
    let text = serde_json::to_vec_pretty(kept).with_context(failed)?;
    fs::write(&new, text).with_context(failed)?;
    fs::rename(&new, path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    // RFC 6762 9: A48
    #[test]
    fn a_name_that_is_kept_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/names.json");
        let mut file = KeptFile::open(path.clone());
        let mut kept = Kept::default();
        kept.remember(&name("casa.local"), &name("casa-2.local"));
        assert!(file.keep(kept.clone()));
        assert!(!file.keep(kept.clone()));
        assert_eq!(*KeptFile::open(path.clone()).kept(), kept);
        assert!(file.keep(Kept::default()));
        assert_eq!(*KeptFile::open(path).kept(), Kept::default());
    }

    #[test]
    fn a_broken_file_is_as_good_as_none_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.json");
        for broken in ["", "{", "[1]", "{\"casa.local\": 7}"] {
            fs::write(&path, broken).unwrap();
            let mut file = KeptFile::open(path.clone());
            assert_eq!(*file.kept(), Kept::default());
            let mut kept = Kept::default();
            kept.remember(&name("casa.local"), &name("casa-2.local"));
            assert!(file.keep(kept.clone()));
            assert_eq!(*KeptFile::open(path.clone()).kept(), kept);
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_does_no_harm() {
        let mut file = KeptFile::open("/proc/none/names.json".into());
        let mut kept = Kept::default();
        kept.remember(&name("casa.local"), &name("casa-2.local"));
        assert!(file.keep(kept.clone()));
        assert_eq!(*file.kept(), kept);
    }
}
