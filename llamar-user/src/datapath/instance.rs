//! An agent's place on the machine: its name, its directories, and the lock that keeps it the only one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Name of the instance where network namespaces have no numbers.
const DEFAULT: &str = "default";

/// One agent's name and directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name: part of paths, so a plain word.
    pub name: String,
    /// Where the BPF file system is mounted.
    pub bpffs: PathBuf,
    /// Where lock and control socket are.
    pub run_dir: PathBuf,
}

/// Why an instance cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The name cannot be part of a path.
    #[error(
        "instance name '{0}' has to be 1 to 64 letters, digits, '-', '_' or '.', and not to begin with '.'"
    )]
    Name(String),
    /// Another process serves it.
    #[error("instance {name} is held by {holder} ({}): stop that agent, or give this one another --instance", path.display())]
    Held {
        /// Name of the instance.
        name: String,
        /// Who holds it, as far as it is known.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be used.
    #[error("lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Instance {
    /// The instance of that name, or of this network namespace, in the usual directories.
    pub fn new(name: Option<&str>) -> Result<Self, InstanceError> {
        let name = name.map_or_else(of_network_namespace, str::to_owned);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(InstanceError::Name(name));
        }
        Ok(Self {
            name,
            bpffs: PathBuf::from("/sys/fs/bpf"),
            run_dir: PathBuf::from("/run/llamar"),
        })
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join(format!("{}.sock", self.name))
    }

    /// Makes this process the only one that serves the instance, until the lock is dropped or the process ends.
    pub fn lock(&self) -> Result<Lock, InstanceError> {
        let path = self.run_dir.join(format!("{}.lock", self.name));
        let failed = |source| InstanceError::Io {
            path: path.clone(),
            source,
        };
        let mut attempts = 0..100;
        loop {
            let file = match self.open_lock(&path) {
                // The last holder is just removing file and directory.
                Err(_) if attempts.next().is_some() => continue,
                file => file.map_err(failed)?,
            };
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((file, nix::errno::Errno::EWOULDBLOCK)) => {
                    return Err(InstanceError::Held {
                        name: self.name.clone(),
                        holder: holder(file),
                        path,
                    });
                }
                Err((_, error)) => return Err(failed(error.into())),
            };
            // The last holder removes the file: what was locked may already be nobody's path.
            if same_file(&file, &path) {
                let written = file
                    .set_len(0)
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                written.map_err(failed)?;
                return Ok(Lock {
                    instance: self.clone(),
                    path,
                    _file: file,
                });
            }
        }
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.run_dir)?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
    }
}

/// Proof that this process alone serves an instance. Dropping it removes the lock file.
#[derive(Debug)]
pub struct Lock {
    instance: Instance,
    path: PathBuf,
    _file: Flock<File>,
}

impl Lock {
    /// The instance that is locked.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock is given up, so that the path is never somebody else's. The directory goes when nothing
        // else is in it. A failure leaves a file that the next holder uses.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.instance.run_dir);
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.dev() == named.dev() && open.ino() == named.ino(),
        _ => false,
    }
}

/// Who wrote the lock file, for people.
fn holder(mut file: File) -> String {
    let mut text = String::new();
    let pid = match file.read_to_string(&mut text) {
        Ok(_) => text.trim().parse::<u32>().ok(),
        Err(_) => None,
    };
    let Some(pid) = pid else {
        return "another process".to_owned();
    };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid}, {}", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

/// A name made of the network namespace's number: whoever asks in that namespace means its agent.
fn of_network_namespace() -> String {
    match fs::metadata("/proc/self/ns/net") {
        Ok(namespace) => format!("net-{}", namespace.ino()),
        // No /proc: then nobody can tell namespaces apart.
        Err(_) => DEFAULT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_directory(directory: &Path) -> Instance {
        Instance {
            name: "test".to_owned(),
            bpffs: directory.join("bpf"),
            run_dir: directory.join("run"),
        }
    }

    #[test]
    fn a_lock_is_held_once_and_names_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let instance = in_directory(directory.path());
        let lock = instance.lock().unwrap();
        let error = instance.lock().unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(lock);
        instance.lock().unwrap();
    }

    #[test]
    fn a_dropped_lock_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let instance = in_directory(directory.path());
        drop(instance.lock().unwrap());
        assert!(!instance.run_dir.exists());
    }

    #[test]
    fn a_lock_file_of_a_dead_agent_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let instance = in_directory(directory.path());
        fs::create_dir(&instance.run_dir).unwrap();
        fs::write(instance.run_dir.join("test.lock"), "999999999\n").unwrap();
        let lock = instance.lock().unwrap();
        let text = fs::read_to_string(instance.run_dir.join("test.lock")).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
        drop(lock);
    }

    #[test]
    fn many_threads_never_hold_the_lock_together() {
        let directory = tempfile::tempdir().unwrap();
        let instance = in_directory(directory.path());
        let holders = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let lock = match instance.lock() {
                            Err(InstanceError::Held { .. }) => continue,
                            lock => lock.unwrap(),
                        };
                        assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for name in ["", "..", ".x", "a/b", "a b", &"x".repeat(65)] {
            assert!(Instance::new(Some(name)).is_err(), "{name}");
        }
        assert_eq!(Instance::new(Some("net-1.a_B")).unwrap().name, "net-1.a_B");
    }
}
