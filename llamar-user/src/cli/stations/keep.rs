//! The file in which stations are kept between runs: whole at any time, and one program's at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::stations::{self, Known};

/// Most bytes that are read: a table that is full has a few MB.
const BYTES_MAX: u64 = 64 << 20;
/// How often a file is opened that others replace meanwhile.
const TRIES: usize = 10;

/// The file, held so that no other `watch` writes it.
#[derive(Debug)]
pub struct KeepFile {
    path: PathBuf,
    lock: Flock<File>,
}

impl KeepFile {
    /// Opens the file and reads what was kept; makes an empty one if there is none. One that holds anything else is left
    /// as it is, and an error.
    pub fn open(
        path: &Path,
        number: impl FnMut(&str) -> u32,
    ) -> anyhow::Result<(Self, Vec<Known>)> {
        let shown = path.display();
        let mut lock = hold(path)?;
        let mut text = String::new();
        let read = (&mut *lock).take(BYTES_MAX).read_to_string(&mut text);
        read.with_context(|| format!("read the stations in {shown}"))?;
        let known = stations::read(&text, number)
            .with_context(|| format!("read the stations in {shown}"))?;
        // What is replaced later is the file, not a link to it.
        let path = fs::canonicalize(path).with_context(|| format!("find {shown}"))?;
        Ok((Self { path, lock }, known))
    }

    /// Replaces the file.
    pub fn save<'n>(
        &mut self,
        known: impl Iterator<Item = Known>,
        name: impl Fn(u32) -> &'n str,
    ) -> anyhow::Result<()> {
        let failed = || format!("keep the stations in {}", self.path.display());
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let file = File::create(&new).with_context(failed)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| error)
            .with_context(failed)?;
        let mut out = BufWriter::new(&*lock);
        let written = stations::write(known, name, &mut out)
            .and_then(|()| out.flush())
            .and_then(|()| lock.sync_all())
            .and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = written {
            // What is half written is of no use to anybody.
            let _ = fs::remove_file(&new);
            return Err(error).with_context(failed);
        }
        drop(out);
        self.lock = lock;
        Ok(())
    }
}

/// Opens and locks the file that has this name even when the lock is ours.
fn hold(path: &Path) -> anyhow::Result<Flock<File>> {
    let shown = path.display();
    for _ in 0..TRIES {
        let open = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path);
        let file = open.with_context(|| format!("open {shown}"))?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => {
                bail!("{shown}: another llamar keeps its stations there")
            }
            Err((_, error)) => return Err(error).with_context(|| format!("lock {shown}")),
        };
        if !lock.metadata().is_ok_and(|metadata| metadata.is_file()) {
            bail!("{shown}: no regular file");
        }
        let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = lock.metadata().map(inode).ok();
        if ours.is_some() && ours == fs::metadata(path).map(inode).ok() {
            return Ok(lock);
        }
    }
    bail!("{shown}: others replace it all the time")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ether::MacAddr;
    use crate::stations::{Holder, Place};

    fn known() -> Known {
        Known {
            place: Place::default(),
            ip: [10, 0, 0, 1].into(),
            first: Duration::from_secs(5),
            router: false,
            holders: vec![Holder {
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
                since: Duration::from_secs(5),
                last: Duration::from_secs(6),
                held: Duration::ZERO,
            }],
        }
    }

    #[test]
    fn what_is_kept_is_there_in_the_next_run_and_one_run_at_a_time_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stations");
        let (mut file, none) = KeepFile::open(&path, |_| 0).unwrap();
        assert!(none.is_empty());
        for _ in 0..3 {
            file.save([known()].into_iter(), |_| "eth0").unwrap();
            let error = KeepFile::open(&path, |_| 0).unwrap_err().to_string();
            assert!(error.ends_with("another llamar keeps its stations there"));
        }
        drop(file);
        let (_file, again) = KeepFile::open(&path, |_| 0).unwrap();
        assert_eq!(again, [known()]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for content in ["my notes\n", "{\"llamar\":\"stations\",\"version\":1}\nx\n"] {
            fs::write(&path, content).unwrap();
            let error = format!("{:#}", KeepFile::open(&path, |_| 0).unwrap_err());
            assert!(error.starts_with("read the stations in "), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(KeepFile::open(&path, |_| 0).is_err());
        assert!(KeepFile::open(folder.path(), |_| 0).is_err());
        let device = KeepFile::open(Path::new("/dev/null"), |_| 0).unwrap_err();
        assert_eq!(device.to_string(), "/dev/null: no regular file");
        assert!(KeepFile::open(&folder.path().join("no/where"), |_| 0).is_err());
    }

    #[test]
    fn a_link_to_the_file_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("stations"), folder.path().join("link"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let (mut file, _) = KeepFile::open(&link, |_| 0).unwrap();
        file.save([known()].into_iter(), |_| "eth0").unwrap();
        assert!(link.is_symlink() && !path.is_symlink());
        drop(file);
        assert_eq!(KeepFile::open(&link, |_| 0).unwrap().1, [known()]);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stations");
        let (mut file, _) = KeepFile::open(&path, |_| 0).unwrap();
        file.save([known()].into_iter(), |_| "eth0").unwrap();
        let before = fs::read_to_string(&path).unwrap();
        fs::create_dir(folder.path().join("stations.new")).unwrap();
        let error = file.save([known()].into_iter(), |_| "eth1").unwrap_err();
        assert!(error.to_string().starts_with("keep the stations in "));
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }
}
