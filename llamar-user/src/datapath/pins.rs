//! The pins: `<bpffs>/llamar/<instance>/v<layout>/`, with one file for each map and one for each link. What is there
//! is judged before anything is opened for use, and nothing is left there that a failed start has made.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use llamar_common::abi::{
    ARP_MAX, ArpHost, ArpKey, BUCKETS_MAX, COUNTERS_MAX, Control, Counters, Host, LAYOUT_VERSION,
    LINKS_MAX, Link, NameKey, SENDERS_MAX, Sender, map,
};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::bpf::{Access, Map, Shape, XdpLink};
use super::error::DatapathError;
use super::instance::Instance;
use super::marked::{BUCKET, shape as index};

/// Where an instance's pins are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    bpffs: PathBuf,
    instance: String,
}

/// What is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Capacity of the names' map, if it is pinned.
    pub max_names: Option<u32>,
    /// Whether links are pinned that hold programs on interfaces.
    pub live: bool,
}

impl Pins {
    /// The pins of an instance.
    pub fn of(instance: &Instance) -> Self {
        Self {
            bpffs: instance.bpffs.clone(),
            instance: instance.name.clone(),
        }
    }

    /// Where a map is pinned.
    pub fn map(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Where the link of an interface is pinned.
    pub fn link(&self, ifindex: u32) -> PathBuf {
        self.directory().join(format!("link_{ifindex}"))
    }

    /// The directory of this version's layout.
    pub fn directory(&self) -> PathBuf {
        self.root().join(format!("v{LAYOUT_VERSION}"))
    }

    /// The directory of the instance.
    fn root(&self) -> PathBuf {
        self.bpffs.join("llamar").join(&self.instance)
    }

    /// The interfaces whose links are pinned here, with the pins.
    pub fn links(&self) -> Result<Vec<(u32, PathBuf)>, DatapathError> {
        let names = entries(&self.directory())?.into_iter();
        let mut links: Vec<_> = names
            .filter_map(|pin| Some((ifindex_of(&pin)?, pin)))
            .collect();
        links.sort_unstable();
        Ok(links)
    }

    /// Fails unless the BPF file system is there.
    pub fn check_bpffs(&self) -> Result<(), DatapathError> {
        match statfs(&self.bpffs) {
            Ok(there) if there.filesystem_type() == BPF_FS_MAGIC => Ok(()),
            Ok(_) | Err(nix::errno::Errno::ENOENT) => {
                Err(DatapathError::NoBpffs(self.bpffs.clone()))
            }
            Err(error) => Err(DatapathError::io("look at", &self.bpffs)(error.into())),
        }
    }

    /// Judges what is pinned: fails if it is not as this version makes it. Removes pins of links whose interface is gone.
    pub fn examine(&self) -> Result<Found, DatapathError> {
        let max_names = self.check_shapes(Access::Write)?;
        let live = self.drop_dead_links()?;
        Ok(Found { max_names, live })
    }

    /// Fails if a pinned map is not as this version makes it; tells the capacity of the names' map.
    pub fn check_shapes(&self, access: Access) -> Result<Option<u32>, DatapathError> {
        let mut max_names = None;
        for (name, mut wanted) in shapes() {
            let pin = self.map(name);
            if !pin.exists() {
                continue;
            }
            let open = Map::open(&pin, access);
            let found = open
                .map_err(DatapathError::io("open the pinned map", &pin))?
                .shape();
            let mut comparable = found;
            match name {
                map::NAMES => {
                    max_names = Some(found.entries);
                    comparable.entries = wanted.entries;
                }
                // As many buckets as the names asked for and the kernel took, one of which is not used.
                map::INDEX | map::INDEX6 => wanted = index((found.value / BUCKET as u32).max(2)),
                _ => {}
            }
            if comparable != wanted {
                return Err(self.other_layout(&pin, describe(found), describe(wanted)));
            }
        }
        Ok(max_names)
    }

    /// The first map that is not pinned.
    pub fn lacking(&self) -> Option<&'static str> {
        map::ALL.into_iter().find(|name| !self.map(name).exists())
    }

    /// Removes pins of links whose interface is gone; tells whether others are left.
    fn drop_dead_links(&self) -> Result<bool, DatapathError> {
        let mut live = false;
        for (_, pin) in self.links()? {
            let link = XdpLink::open(&pin).and_then(|link| link.info());
            match link
                .map_err(DatapathError::io("open the pinned link", &pin))?
                .ifindex
            {
                0 => remove_file(&pin)?,
                _ => live = true,
            }
        }
        Ok(live)
    }

    fn other_layout(&self, path: &Path, found: String, wanted: String) -> DatapathError {
        DatapathError::OtherLayout {
            path: path.to_owned(),
            found,
            wanted,
            instance: self.instance.clone(),
        }
    }

    /// Makes the directory. What is pinned there from now on is removed when the result is dropped, unless it is
    /// told to keep.
    pub fn begin(&self) -> Result<Attempt<'_>, DatapathError> {
        let directory = self.directory();
        let before = entries(&directory)?;
        let attempt = Attempt {
            pins: self,
            before,
            keep: false,
        };
        fs::create_dir_all(&directory).map_err(DatapathError::io("make", &directory))?;
        self.check_owner()?;
        Ok(attempt)
    }

    /// Fails if somebody else could remove the pins: the mount's own directory may be open to everybody.
    fn check_owner(&self) -> Result<(), DatapathError> {
        for directory in [self.bpffs.join("llamar"), self.root(), self.directory()] {
            let there =
                fs::metadata(&directory).map_err(DatapathError::io("look at", &directory))?;
            let own = there.uid() == nix::unistd::geteuid().as_raw();
            if !own || there.mode() & 0o022 != 0 {
                return Err(DatapathError::Owner {
                    user: there.uid(),
                    mode: there.mode() & 0o7777,
                    path: directory,
                });
            }
        }
        Ok(())
    }

    /// Detaches and removes what agents with another layout have left: whoever holds the instance knows that none
    /// serves it.
    pub fn remove_others(&self) -> Result<Removed, DatapathError> {
        let own = self.directory();
        self.remove(|directory| directory != own)
    }

    /// Detaches and removes everything of the instance, whatever its layout.
    pub fn remove_all(&self) -> Result<Removed, DatapathError> {
        self.remove(|_| true)
    }

    /// Gives back the interfaces detached from, and how many pins there were. What fails stops nothing else; the first
    /// failure is told at the end.
    fn remove(&self, chosen: impl Fn(&Path) -> bool) -> Result<Removed, DatapathError> {
        let mut removed = Removed::default();
        let mut failures = Vec::new();
        let directories = entries(&self.root())?.into_iter();
        for directory in directories.filter(|directory| chosen(directory)) {
            match entries(&directory) {
                Ok(pins) => remove_pins(pins, &mut removed, &mut failures),
                Err(error) => failures.push(error),
            }
            let gone = fs::remove_dir(&directory);
            failures.extend(gone.map_err(DatapathError::io("remove", &directory)).err());
        }
        self.remove_empty();
        failures.into_iter().next().map_or(Ok(removed), Err)
    }

    /// Removes the directories as far as they are empty.
    fn remove_empty(&self) {
        // Whatever is not empty is another layout's, another instance's, or not ours.
        let _ = fs::remove_dir(self.directory());
        let _ = fs::remove_dir(self.root());
        let _ = fs::remove_dir(self.bpffs.join("llamar"));
    }
}

/// What was there to be detached and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Indices of the interfaces that the program was taken off.
    pub interfaces: Vec<u32>,
    /// How many pins there were.
    pub pins: usize,
}

/// A start that may yet fail.
pub struct Attempt<'a> {
    pins: &'a Pins,
    before: Vec<PathBuf>,
    keep: bool,
}

impl Attempt<'_> {
    /// The start has succeeded: everything stays.
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        for pin in entries(&self.pins.directory()).unwrap_or_default() {
            if !self.before.contains(&pin) {
                // A pin that stays is found by the next start, or by `llamar detach`.
                let _ = fs::remove_file(pin);
            }
        }
        self.pins.remove_empty();
    }
}

/// Removes pins, those of links with what they hold; a link that cannot be detached keeps its pin.
fn remove_pins(mut pins: Vec<PathBuf>, removed: &mut Removed, failures: &mut Vec<DatapathError>) {
    // Programs go before the maps that they use.
    pins.sort();
    pins.sort_by_key(|pin| ifindex_of(pin).is_none());
    for pin in pins {
        let ifindex = ifindex_of(&pin);
        let detached = ifindex.map_or(Ok(()), |_| detach(&pin));
        if detached.is_ok() {
            removed.interfaces.extend(ifindex);
        }
        match detached.and_then(|()| remove_file(&pin)) {
            Ok(()) => removed.pins += 1,
            Err(error) => failures.push(error),
        }
    }
}

/// Takes off its interface what a pinned link holds.
fn detach(pin: &Path) -> Result<(), DatapathError> {
    let link = XdpLink::open(pin).map_err(DatapathError::io("open the pinned link", pin))?;
    link.detach().map_err(DatapathError::io("detach", pin))
}

/// Removes a pin; that it is gone already is fine.
pub fn remove_file(pin: &Path) -> Result<(), DatapathError> {
    match fs::remove_file(pin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DatapathError::io("remove the pin", pin)(error))
        }
        _ => Ok(()),
    }
}

/// What is in a directory; nothing if it is not there.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, DatapathError> {
    let failed = DatapathError::io("read the directory", directory);
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| Ok(entry.map_err(&failed)?.path()))
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

fn ifindex_of(pin: &Path) -> Option<u32> {
    pin.file_name()?
        .to_str()?
        .strip_prefix("link_")?
        .parse()
        .ok()
}

/// The maps as this version has them; the capacity of the names' map is the agent's choice.
pub fn shapes() -> [(&'static str, Shape); 9] {
    /// All values of a kind are one value of the map.
    const fn global<V>() -> Shape {
        shape::<u32, V>(Shape::ARRAY, 1)
    }
    const fn shape<K, V>(kind: u32, entries: u32) -> Shape {
        Shape {
            kind,
            key: size_of::<K>() as u32,
            value: size_of::<V>() as u32,
            entries,
        }
    }
    [
        (map::NAMES, shape::<NameKey, Host>(Shape::HASH, 0)),
        (map::INDEX, index(0)),
        (map::INDEX6, index(0)),
        (map::ARP, shape::<ArpKey, ArpHost>(Shape::HASH, ARP_MAX)),
        (map::LINKS, global::<[Link; LINKS_MAX as usize]>()),
        (map::SENDERS, global::<[Sender; SENDERS_MAX as usize]>()),
        (map::BUCKETS, global::<[u64; BUCKETS_MAX as usize]>()),
        (map::CONTROL, global::<Control>()),
        (
            map::COUNTERS,
            shape::<u32, Counters>(Shape::PERCPU_ARRAY, COUNTERS_MAX),
        ),
    ]
}

fn describe(shape: Shape) -> String {
    let kind = match shape.kind {
        Shape::HASH => "a hash".to_owned(),
        Shape::ARRAY => "an array".to_owned(),
        Shape::PERCPU_ARRAY => "a per-cpu array".to_owned(),
        kind => format!("a map of type {kind}"),
    };
    let entries = match shape.entries {
        0 => String::new(),
        entries => format!(", {entries} entries"),
    };
    format!(
        "{kind} with keys of {} and values of {} bytes{entries}",
        shape.key, shape.value
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(bpffs: &Path) -> Pins {
        Pins {
            bpffs: bpffs.to_owned(),
            instance: "test".to_owned(),
        }
    }

    #[test]
    fn a_directory_without_a_bpf_file_system_is_named_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("absent")] {
            let error = pins(&path).check_bpffs().unwrap_err().to_string();
            assert!(
                error.ends_with(&format!("mount -t bpf bpf {}", path.display())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_failed_start_leaves_nothing_that_it_made() {
        let directory = tempfile::tempdir().unwrap();
        let pins = pins(directory.path());
        let attempt = pins.begin().unwrap();
        fs::write(pins.map("llamar_new"), "").unwrap();
        drop(attempt);
        assert_eq!(entries(directory.path()).unwrap(), Vec::<PathBuf>::new());

        fs::create_dir_all(pins.directory()).unwrap();
        fs::write(pins.map("llamar_old"), "").unwrap();
        let attempt = pins.begin().unwrap();
        fs::write(pins.map("llamar_new"), "").unwrap();
        drop(attempt);
        assert_eq!(
            entries(&pins.directory()).unwrap(),
            vec![pins.map("llamar_old")]
        );

        pins.begin().unwrap().keep();
        assert!(pins.map("llamar_old").exists());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let pins = pins(directory.path());
        fs::create_dir_all(pins.root()).unwrap();
        fs::set_permissions(pins.root(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = pins.begin().err().unwrap();
        assert!(
            matches!(error, DatapathError::Owner { mode: 0o777, .. }),
            "{error:?}"
        );
    }

    #[test]
    fn what_another_layout_has_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let pins = pins(directory.path());
        let nothing = Found {
            max_names: None,
            live: false,
        };
        assert_eq!(pins.examine().unwrap(), nothing);
        let old = pins.root().join("v0");
        for directory in [&old, &pins.directory()] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("a_map"), "").unwrap();
        }
        assert_eq!(pins.examine().unwrap(), nothing);
        let removed = pins.remove_others().unwrap();
        assert_eq!((removed.pins, removed.interfaces), (1, Vec::new()));
        assert!(!old.exists() && pins.directory().join("a_map").exists());
    }
}
