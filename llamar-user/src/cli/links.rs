//! `llamar links`: the names of older programs that this one takes the place of, as links to it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tracing::info;

use super::{Failure, LINKS};
use crate::report::print;

/// Arguments of `llamar links`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a directory it prints the names, a line each. In a directory it makes a link under each name, relative where the \
program is in the same directory. What is there under a name and is no link to this program stays, and is told of.

Exit codes: 0 done; 1 something else has a name, or a link could not be made; 2 wrong usage.")]
pub struct Args {
    /// Directory in which to make the links
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Replaces other programs that have these names there
    #[arg(long, requires = "directory")]
    force: bool,
    /// Removes the links to this program instead
    #[arg(long, requires = "directory", conflicts_with = "force")]
    remove: bool,
}

/// Prints the names, or makes or removes the links.
pub fn links(args: &Args) -> Result<(), Failure> {
    let Some(directory) = &args.directory else {
        return Ok(print(|out| {
            LINKS
                .iter()
                .try_for_each(|(name, _)| writeln!(out, "{name}"))
        })?);
    };
    let links = Links::new(directory)?;
    for (name, _) in LINKS {
        if args.remove {
            links.remove(name)?;
        } else {
            links.make(name, args.force)?;
        }
    }
    Ok(())
}

/// A directory for links to this program.
struct Links<'d> {
    directory: &'d Path,
    program: PathBuf,
}

impl<'d> Links<'d> {
    fn new(directory: &'d Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        Ok(Self {
            directory,
            program: program.canonicalize().context("find this program")?,
        })
    }

    /// What a link says: the bare name where the program is beside it, so that both can be moved together.
    fn target(&self) -> PathBuf {
        let beside = fs::canonicalize(self.directory).ok();
        match (self.program.parent(), self.program.file_name()) {
            (Some(parent), Some(name)) if beside.as_deref() == Some(parent) => name.into(),
            _ => self.program.clone(),
        }
    }

    fn make(&self, name: &str, force: bool) -> anyhow::Result<()> {
        let link = self.directory.join(name);
        let shown = link.display();
        match self.found(&link)? {
            Found::Ours => return Ok(()),
            Found::Nothing => {}
            Found::Other if force => {
                fs::remove_file(&link).with_context(|| format!("remove {shown}"))?;
            }
            Found::Other => {
                bail!("{shown} is another program: --force replaces it by a link to this one")
            }
        }
        let target = self.target();
        symlink(&target, &link).with_context(|| format!("make the link {shown}"))?;
        info!("{shown} is a link to {} now", target.display());
        Ok(())
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        let link = self.directory.join(name);
        if let Found::Ours = self.found(&link)? {
            fs::remove_file(&link).with_context(|| format!("remove {}", link.display()))?;
            info!("{} is removed", link.display());
        }
        Ok(())
    }

    fn found(&self, link: &Path) -> anyhow::Result<Found> {
        let look = || format!("look at {}", link.display());
        match fs::symlink_metadata(link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error).with_context(look),
            // Also where it leads nowhere: a link that was made for a program that has moved since is another's.
            Ok(metadata) if metadata.is_symlink() => match link.canonicalize() {
                Ok(target) if target == self.program => Ok(Found::Ours),
                _ => Ok(Found::Other),
            },
            Ok(_) => Ok(Found::Other),
        }
    }
}

/// What has a name already.
enum Found {
    Nothing,
    Ours,
    Other,
}
