//! Stamps: what was brought, and by which recipe, so that the second time is quick and a changed recipe is redone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};

/// A file that says by which recipe its directory was filled.
#[derive(Debug)]
pub struct Stamp {
    file: PathBuf,
    recipe: String,
}

impl Stamp {
    /// The stamp `name` in a directory, for a recipe. The directory's path is part of it: wrappers and run paths
    /// hold absolute paths, so a copied tree has to be made again.
    pub fn new(directory: &Path, name: &str, recipe: &str) -> Self {
        Self {
            file: directory.join(name),
            recipe: format!("{}\n{recipe}\n", directory.display()),
        }
    }

    /// Whether the recipe was carried out and nothing of `needed` went away since.
    pub fn holds(&self, needed: &[PathBuf]) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.recipe)
            && needed.iter().all(|path| path.exists())
    }

    /// Takes the stamp away before its directory is changed.
    pub fn break_off(&self) -> Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", self.file.display()))
            }
            _ => Ok(()),
        }
    }

    /// Records that the recipe was carried out.
    pub fn set(&self) -> Result<()> {
        write(&self.file, self.recipe.as_bytes())
    }
}

/// Holds a directory for this xtask alone until the result is dropped; waits for another one, and says so.
pub fn lock(directory: &Path) -> Result<Flock<fs::File>> {
    create_dir(directory)?;
    let path = directory.join(".lock");
    let open = || fs::File::create(&path).with_context(|| format!("create {}", path.display()));
    match Flock::lock(open()?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, _)) => {
            crate::step::say(format_args!(
                "waiting for another xtask that holds {}",
                path.display()
            ));
            Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, errno)| std::io::Error::from(errno))
                .with_context(|| format!("lock {}", path.display()))
        }
    }
}

/// Creates a directory and those above it.
pub fn create_dir(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("create the directory {}", directory.display()))
}

/// Removes a directory and all in it, if it is there.
pub fn remove_dir(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove the directory {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that nobody ever sees half of it.
pub fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    fs::write(&fresh, bytes).with_context(|| format!("write {}", fresh.display()))?;
    fs::rename(&fresh, file)
        .with_context(|| format!("rename {} to {}", fresh.display(), file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("llamar-xtask-{}-{name}", std::process::id()));
        create_dir(&directory).unwrap();
        directory
    }

    #[test]
    fn a_stamp_holds_for_its_recipe_and_while_its_files_are_there() {
        let directory = directory("stamp");
        let stamp = Stamp::new(&directory, "tools.stamp", "linker 1");
        assert!(!stamp.holds(&[]));
        stamp.set().unwrap();
        assert!(stamp.holds(&[]));
        assert!(!stamp.holds(&[directory.join("gone")]));
        assert!(!Stamp::new(&directory, "tools.stamp", "linker 2").holds(&[]));
        stamp.break_off().unwrap();
        stamp.break_off().unwrap();
        assert!(!stamp.holds(&[]));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_stamp_does_not_hold_in_a_copied_directory() {
        let (first, second) = (directory("copied"), directory("copy"));
        Stamp::new(&first, "s", "r").set().unwrap();
        fs::copy(first.join("s"), second.join("s")).unwrap();
        assert!(!Stamp::new(&second, "s", "r").holds(&[]));
        fs::remove_dir_all(first).unwrap();
        fs::remove_dir_all(second).unwrap();
    }

    #[test]
    fn a_lock_is_free_again_when_dropped() {
        let directory = directory("lock");
        drop(lock(&directory).unwrap());
        let held = lock(&directory).unwrap();
        let other = fs::File::create(directory.join(".lock")).unwrap();
        assert!(Flock::lock(other, FlockArg::LockExclusiveNonblock).is_err());
        drop(held);
        fs::remove_dir_all(directory).unwrap();
    }
}
