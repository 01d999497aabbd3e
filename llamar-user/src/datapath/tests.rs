//! The kernel path on a real kernel: in a thread with its own network and mount namespaces, on a veth pair and a
//! BPF file system that are made for the test and vanish with the thread.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use aya::EbpfLoader;
use aya::programs::{TestRun, TestRunOptions, Xdp, XdpMode as AyaMode};
use llamar_common::abi::{
    ARP_ASSIGNED, ArpHost, ArpKey, Bucket, Control, LAYOUT_VERSION, LINK_GENERIC, LINK_NATIVE,
    Link as LinkEntry, NO_LINK, ONE_A, Outcome, Plain, SLOTS, Sender, Short, Slot, TAG, is_long,
    map,
};
use llamar_common::respond::sender_slot;
use llamar_common::testing::skip;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, geteuid};

use super::cells::Cells;
use super::*;
use crate::config::Addresses;
use crate::dns::Name;
use crate::link::space::ip;
use crate::net::pair::soon;
use crate::state::{Names, Served};

mod layout;

/// A test's own piece of the machine.
struct Ground {
    directory: tempfile::TempDir,
    object: &'static [u8],
}

impl Ground {
    fn instance(&self) -> Instance {
        Instance {
            name: "test".to_owned(),
            bpffs: self.bpffs(),
            run_dir: self.directory.path().join("run"),
        }
    }

    fn bpffs(&self) -> PathBuf {
        self.directory.path().join("bpf")
    }

    fn pins(&self) -> PathBuf {
        self.bpffs().join(format!("llamar/test/v{LAYOUT_VERSION}"))
    }

    fn open(&self, lock: &Lock) -> Datapath {
        Datapath::open(lock, 100, self.object).unwrap()
    }

    fn link(&self, name: &str) -> Link {
        Link {
            index: if_nametoindex(name).unwrap(),
            name: name.to_owned(),
            kind: Some("veth".to_owned()),
            mtu: 1500,
            ..Link::default()
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        umount2(&self.bpffs(), MntFlags::MNT_DETACH).unwrap();
    }
}

/// Runs a test in namespaces of its own, with the veth pair `va` and `vb`.
fn on_ground(test: fn(&Ground)) {
    let Some(object) = object() else {
        return skip("built without the kernel path: cargo xtask build");
    };
    if !geteuid().is_root() {
        return skip("not root");
    }
    let run = move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let nothing = None::<&str>;
        mount(
            nothing,
            "/",
            nothing,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            nothing,
        )
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let bpffs = directory.path().join("bpf");
        std::fs::create_dir(&bpffs).unwrap();
        mount(Some("bpf"), &bpffs, Some("bpf"), MsFlags::empty(), nothing).unwrap();
        let ground = Ground { directory, object };
        ip("link add va type veth peer name vb");
        ip("link set va up");
        ip("link set vb up");
        test(&ground);
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // What the kernel itself puts into every BPF file system.
    names.retain(|name| name != "maps.debug" && name != "progs.debug");
    names.sort();
    names
}

/// One link with these names and its ARP address 10.0.0.`host`.
fn desired(ifindex: u32, names: &[&str], host: u8) -> Arc<Desired> {
    let address = Ipv4Addr::new(10, 0, 0, host);
    let addresses = Addresses::one(IpAddr::V4(address), 30);
    let names = names
        .iter()
        .map(|name| (Name::parse(name).unwrap(), addresses.clone()));
    let mac = [2, 0, 0, 0, 0, 1];
    let served = Served {
        interface: "va".to_owned(),
        device: Some(ifindex),
        mac,
        up: true,
        prefixes4: Vec::new(),
        prefixes6: Vec::new(),
        own: Arc::new([IpAddr::V4(address)]),
        ttl: 30,
        limit: llamar_common::limit::Rate::OFF,
        names: Names::new(names, Arc::default()),
        arp: BTreeMap::from([(
            address.octets(),
            ArpHost {
                mac,
                origin: ARP_ASSIGNED,
            },
        )]),
    };
    Arc::new(Desired {
        links: BTreeMap::from([(LinkKey::new(ifindex, 0), served)]),
        warnings: Vec::new(),
    })
}

/// What the links' map tells of how the program is run on each interface.
fn modes(path: &Datapath) -> Vec<(u32, u16)> {
    let links = path.feed.maps().links.all().unwrap().into_iter();
    links.map(|(_, link)| (link.ifindex, link.mode)).collect()
}

/// Whose what is near in the links' map may be read as it is.
fn plain(path: &Datapath) -> Vec<u32> {
    let links = path.feed.maps().links.all().unwrap().into_iter();
    links.map(|(_, link)| link.plain).collect()
}

fn labels(path: &Datapath) -> Vec<String> {
    let names = path.names().unwrap().into_iter();
    let mut labels: Vec<_> = names
        .map(|(key, _)| String::from_utf8(key.label().collect()).unwrap())
        .collect();
    labels.sort();
    labels
}

#[test]
fn a_new_agent_takes_link_and_maps_over_and_close_leaves_nothing() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let first = path.attach(&va, XdpMode::Auto).unwrap();
        assert_eq!(first.kind, XdpKind::Generic);
        let report = path.apply(&desired(va.index, &["casa", "media", "two.labels"], 1));
        assert_eq!(
            report,
            Report {
                written: 3,
                ..Report::default()
            }
        );
        let mut pins: Vec<_> = map::ALL.map(str::to_owned).into();
        pins.push(format!("link_{}", va.index));
        pins.sort();
        assert_eq!(files(&ground.pins()), pins);
        drop(path);
        assert_eq!(running(va.index).unwrap().unwrap().id, first.program);

        let mut path = ground.open(&lock);
        assert_eq!(path.attached().collect::<Vec<_>>(), [(va.index, None)]);
        assert_eq!(labels(&path), ["casa", "media"]);
        let second = path.attach(&va, XdpMode::Auto).unwrap();
        assert_eq!(second.link, first.link);
        assert_ne!(second.program, first.program);
        assert_eq!(running(va.index).unwrap().unwrap().id, second.program);
        let report = path.apply(&desired(va.index, &["media", "radio"], 1));
        assert_eq!((report.written, report.removed), (1, 1));
        assert_eq!(labels(&path), ["media", "radio"]);

        let removed = path.close().unwrap();
        assert_eq!(removed.interfaces, [va.index]);
        assert_eq!(running(va.index).unwrap(), None);
        assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
        drop(lock);
        assert!(!ground.instance().run_dir.exists());
    });
}

#[test]
fn an_attached_interface_can_be_attached_again_and_detached_twice() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let first = path.attach(&va, XdpMode::Generic).unwrap();
        assert_eq!(path.attach(&va, XdpMode::Generic).unwrap(), first);
        path.detach(va.index).unwrap();
        path.detach(va.index).unwrap();
        assert_eq!(running(va.index).unwrap(), None);
        assert_eq!(files(&ground.pins()).len(), map::ALL.len());
        assert_eq!(path.attached().count(), 0);
        let error = path.attach(&va, XdpMode::Off).unwrap_err().to_string();
        assert_eq!(error, "va: xdp is off");
    });
}

#[test]
fn somebody_elses_program_is_never_replaced_and_named() {
    on_ground(|ground| {
        let va = ground.link("va");
        let mut theirs = EbpfLoader::new().load(ground.object).unwrap();
        let program: &mut Xdp = theirs
            .program_mut(program::BEAT)
            .unwrap()
            .try_into()
            .unwrap();
        program.load().unwrap();
        program.attach("va", AyaMode::Skb).unwrap();
        let id = running(va.index).unwrap().unwrap().id;

        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        for mode in [XdpMode::Auto, XdpMode::Native, XdpMode::Generic] {
            let error = path.attach(&va, mode).unwrap_err().to_string();
            let named = format!("va already runs the XDP program 'llamar_beat' (id {id})");
            assert!(
                error.starts_with(&named) && error.ends_with("--xdp off"),
                "{error}"
            );
        }
        assert_eq!(running(va.index).unwrap().unwrap().id, id);
        assert_eq!(files(&ground.pins()).len(), map::ALL.len());
        path.close().unwrap();
        assert_eq!(running(va.index).unwrap().unwrap().id, id);
    });
}

#[test]
fn native_mode_takes_the_frags_program_where_the_mtu_asks_for_it() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let small = path.attach(&ground.link("va"), XdpMode::Native).unwrap();
        assert_eq!((small.kind, small.frags), (XdpKind::Native, false));
        assert_eq!(
            running(ground.link("va").index).unwrap().unwrap().kind,
            XdpKind::Native
        );
        ip("link add vc mtu 9000 type veth peer name vd mtu 9000");
        let large = path.attach(&ground.link("vc"), XdpMode::Native).unwrap();
        assert_eq!((large.kind, large.frags), (XdpKind::Native, true));
        drop(path);
        let mut path = ground.open(&lock);
        let again = path.attach(&ground.link("vc"), XdpMode::Native).unwrap();
        assert_eq!((again.link, again.frags), (large.link, true));
    });
}

#[test]
fn a_mode_that_is_changed_is_attached_anew() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let generic = ground.open(&lock).attach(&va, XdpMode::Generic).unwrap();
        let native = ground.open(&lock).attach(&va, XdpMode::Native).unwrap();
        assert_ne!(native.link, generic.link);
        assert_eq!(native.kind, XdpKind::Native);
        assert_eq!(running(va.index).unwrap().unwrap().kind, XdpKind::Native);
    });
}

#[test]
fn a_mode_that_is_changed_while_attached_is_attached_anew_and_back() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let mut link = 0;
        for (mode, kind) in [
            (XdpMode::Generic, XdpKind::Generic),
            (XdpMode::Native, XdpKind::Native),
            (XdpMode::Auto, XdpKind::Generic),
            (XdpMode::Native, XdpKind::Native),
            (XdpMode::Generic, XdpKind::Generic),
        ] {
            let attached = path.attach(&va, mode).unwrap();
            assert_eq!((attached.mode, attached.kind), (mode, kind));
            assert_ne!(attached.link, link);
            link = attached.link;
            let here = running(va.index).unwrap().unwrap();
            assert_eq!((here.kind, here.id), (kind, attached.program));
        }
        let card = Link { kind: None, ..va };
        let auto = path.attach(&card, XdpMode::Auto).unwrap();
        assert_eq!(auto.kind, XdpKind::Native, "native mode is tried");
        let native = path.attach(&card, XdpMode::Native).unwrap();
        assert_eq!(
            (native.link, native.mode),
            (auto.link, XdpMode::Native),
            "what fits already stays"
        );
    });
}

#[test]
fn a_links_entry_tells_how_the_program_is_run_and_unchanged_names_cost_nothing() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let wanted = desired(va.index, &["casa"], 1);
        path.apply(&wanted);
        assert_eq!(modes(&path), [(va.index, 0)]);
        path.attach(&va, XdpMode::Generic).unwrap();
        // Names that somebody changed stay: they are not even read.
        let (key, _) = path.names().unwrap()[0];
        map_of(ground, map::NAMES).delete(key.bytes()).unwrap();
        assert_eq!(path.apply(&wanted), Report::default());
        assert_eq!(labels(&path), Vec::<String>::new());
        assert_eq!(modes(&path), [(va.index, LINK_GENERIC)]);
        assert_eq!(plain(&path), [0]);
        path.attach(&va, XdpMode::Native).unwrap();
        assert_eq!(modes(&path), [(va.index, 0)], "no wrong word");
        path.apply(&wanted);
        assert_eq!(modes(&path), [(va.index, LINK_NATIVE)]);
        assert_eq!(plain(&path), [va.index]);
        drop(path);

        let mut path = ground.open(&lock);
        path.apply(&wanted);
        assert_eq!(
            modes(&path),
            [(va.index, LINK_NATIVE)],
            "a former agent's program"
        );
        assert_eq!(plain(&path), [va.index]);
        path.detach(va.index).unwrap();
        path.apply(&wanted);
        assert_eq!(modes(&path), [(va.index, 0)]);
        assert_eq!(plain(&path), [0]);
    });
}

#[test]
fn a_link_that_was_lost_is_noticed_and_repaired() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let first = path.attach(&va, XdpMode::Auto).unwrap();
        path.recheck();
        let held: Vec<_> = path.attached().collect();
        assert_eq!(held, [(va.index, Some(&first))]);

        let pin = ground.pins().join(format!("link_{}", va.index));
        XdpLink::open(&pin).unwrap().detach().unwrap();
        path.recheck();
        assert_eq!(path.attached().count(), 0);
        let second = path.attach(&va, XdpMode::Auto).unwrap();
        assert_eq!(running(va.index).unwrap().unwrap().id, second.program);

        ip("link del va");
        let again = format!("link add va index {} type veth peer name vb", va.index);
        ip(&again);
        path.recheck();
        assert_eq!(path.attached().count(), 0);
        let third = path.attach(&va, XdpMode::Auto).unwrap();
        assert_ne!(third.link, second.link);
        assert_eq!(running(va.index).unwrap().unwrap().id, third.program);

        // Somebody else's program in our link.
        let mut programs = Programs(&mut path.ebpf);
        let beat = programs.load(program::BEAT).unwrap();
        let link = XdpLink::open(&pin).unwrap();
        link.replace(std::os::fd::AsFd::as_fd(beat.fd().unwrap()))
            .unwrap();
        path.recheck();
        assert_eq!(path.attached().collect::<Vec<_>>(), [(va.index, None)]);
        let fourth = path.attach(&va, XdpMode::Auto).unwrap();
        assert_eq!(running(va.index).unwrap().unwrap().id, fourth.program);
    });
}

#[test]
fn a_driver_without_native_mode_is_an_error_or_in_auto_mode_a_warning() {
    on_ground(|ground| {
        ip("link add name br0 type bridge");
        // A bridge that says it is hardware, as a network card without XDP would.
        let card = Link {
            kind: None,
            ..ground.link("br0")
        };
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let error = path.attach(&card, XdpMode::Native).unwrap_err();
        assert!(matches!(error, AttachError::Native { .. }), "{error:?}");
        assert_eq!(path.attached().count(), 0);
        let attached = path.attach(&card, XdpMode::Auto).unwrap();
        assert_eq!(attached.kind, XdpKind::Generic);
        assert!(
            attached
                .warning
                .unwrap()
                .starts_with("br0: native XDP is refused")
        );
        let bridge = Link {
            kind: Some("bridge".to_owned()),
            ..card
        };
        path.detach(bridge.index).unwrap();
        assert_eq!(path.attach(&bridge, XdpMode::Auto).unwrap().warning, None);
    });
}

#[test]
fn an_interface_that_vanished_is_cleared_away() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        path.attach(&va, XdpMode::Auto).unwrap();
        ip("link del va");
        path.detach(va.index).unwrap();
        assert_eq!(files(&ground.pins()).len(), map::ALL.len());

        ip("link add va type veth peer name vb");
        let va = ground.link("va");
        path.attach(&va, XdpMode::Auto).unwrap();
        drop(path);
        ip("link del va");
        let path = ground.open(&lock);
        assert_eq!(path.attached().count(), 0);
        assert_eq!(files(&ground.pins()).len(), map::ALL.len());
    });
}

#[test]
fn an_interface_made_anew_with_the_same_index_is_attached_to() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        let first = path.attach(&va, XdpMode::Auto).unwrap();
        ip("link del va");
        ip(&format!(
            "link add va index {} type veth peer name vb",
            va.index
        ));
        let second = path.attach(&va, XdpMode::Auto).unwrap();
        assert_ne!(first.link, second.link);
        assert!(running(va.index).unwrap().is_some());
    });
}

#[test]
fn a_link_of_another_network_namespace_is_left_alone() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        path.attach(&va, XdpMode::Auto).unwrap();
        drop(path);
        let _stays = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip(&format!(
            "link add va index {} type veth peer name vb",
            va.index
        ));
        let mut path = ground.open(&lock);
        let error = path.attach(&va, XdpMode::Auto).unwrap_err();
        assert!(matches!(error, AttachError::Elsewhere { .. }), "{error:?}");
        assert_eq!(running(va.index).unwrap(), None);
    });
}

#[test]
fn a_heartbeat_stamps_the_control_map_and_the_lease_fits_the_kernels_clock() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        path.apply(&desired(7, &["casa"], 1));
        let mut beat = || {
            path.beat().unwrap();
            path.feed.maps().control().unwrap()
        };
        // Where a CPU was taken away for a moment jiffies come late.
        soon(|| {
            let first = beat();
            thread::sleep(Duration::from_millis(300));
            let second = beat();
            let hz = second.lease / 3;
            assert_eq!((second.lease, second.sender_lease), (3 * hz, 30 * hz));
            let seconds = (second.beat_ns - first.beat_ns) as f64 / 1e9;
            let measured = (second.until - first.until) as f64 / seconds;
            match (measured / hz as f64 - 1.0).abs() < 0.15 {
                true => Ok(()),
                false => Err(format!("{measured} jiffies per second, not {hz}")),
            }
        });
    });
}

#[test]
fn a_path_that_fell_silent_stays_silent_until_its_maps_are_true_again() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        path.apply(&desired(7, &["casa"], 1));
        path.beat().unwrap();
        let left = path.feed.maps().control().unwrap();
        drop(path);
        let mut path = ground.open(&lock);
        path.beat().unwrap();
        let found = path.feed.maps().control().unwrap();
        assert_eq!((found.until, found.beat_ns), (left.until, left.beat_ns));
        path.apply(&desired(7, &["casa"], 1));
        path.beat().unwrap();
        assert!(path.feed.maps().control().unwrap().beat_ns > left.beat_ns);
    });
}

// RFC 4795 4.1: R47
#[test]
fn names_are_inherited_from_a_former_agent_while_its_lease_runs() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let index = ground.link("va").index;
        let inherited = |path: &Datapath| -> Vec<Vec<u8>> {
            let asked = ["casa", "media", "nobody"]
                .map(|name| NameKey::new(LinkKey::new(index, 0), name.as_bytes()).unwrap());
            let names = path.inherited_names(asked.into_iter()).unwrap().into_iter();
            names.map(|key| key.label().collect()).collect()
        };
        let mut path = ground.open(&lock);
        let va = ground.link("va");
        path.attach(&va, XdpMode::Auto).unwrap();
        path.apply(&desired(va.index, &["casa"], 1));
        path.beat().unwrap();
        drop(path);
        let mut path = ground.open(&lock);
        // However long opening has taken.
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap());
        let fresh = Control {
            beat_ns: now.as_nanos() as u64,
            ..path.feed.maps().control().unwrap()
        };
        path.feed.maps().set_control(&fresh).unwrap();
        assert_eq!(inherited(&path), [b"casa"]);
        path.apply(&desired(va.index, &["media"], 1));
        assert_eq!(inherited(&path), Vec::<Vec<u8>>::new());
        // A name is nobody's any more when the lease is over, or when the program is not on the interface.
        let lapsed = Control {
            beat_ns: 1,
            ..path.feed.maps().control().unwrap()
        };
        path.feed.maps().set_control(&lapsed).unwrap();
        drop(path);
        let mut path = ground.open(&lock);
        assert_eq!(inherited(&path), Vec::<Vec<u8>>::new());
        path.apply(&desired(va.index, &["media"], 1));
        path.beat().unwrap();
        path.detach(va.index).unwrap();
        drop(path);
        assert_eq!(inherited(&ground.open(&lock)), Vec::<Vec<u8>>::new());
    });
}

#[test]
fn setting_the_leases_does_not_wake_a_silent_path() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let path = ground.open(&lock);
        let set = path.feed.maps().control().unwrap();
        assert_eq!((set.until, set.beat_ns), (0, 0));
        assert_ne!(set.lease, 0);
        let other = Control {
            until: 5,
            beat_ns: 5,
            lease: 7,
            ..Control::default()
        };
        path.feed.maps().set_control(&other).unwrap();
        drop(path);
        let path = ground.open(&lock);
        let again = path.feed.maps().control().unwrap();
        assert_ne!(again.seeds, set.seeds, "others for each agent");
        assert_eq!(
            Control {
                seeds: set.seeds,
                ..again
            },
            set
        );
    });
}

#[test]
fn counters_are_summed_over_the_processors() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let mut request = [0; 60];
        request[..6].fill(0xff);
        request[12..22].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        let processors = aya::util::online_cpus().unwrap();
        for &processor in &processors {
            let mut set = CpuSet::new();
            set.set(processor as usize).unwrap();
            sched_setaffinity(Pid::from_raw(0), &set).unwrap();
            let mut programs = Programs(&mut path.ebpf);
            let options = TestRunOptions {
                data_in: Some(&request),
                ..TestRunOptions::new()
            };
            programs
                .load(program::XDP)
                .unwrap()
                .test_run(options)
                .unwrap();
        }
        let counters = path.counters().unwrap();
        let (link, counters) = counters[0];
        assert_eq!(link, None);
        assert_eq!(
            counters.frames[Outcome::NoLink as usize],
            processors.len() as u64
        );
        assert_eq!(counters.frames.iter().sum::<u64>(), processors.len() as u64);
    });
}

#[test]
fn a_link_that_comes_new_starts_counting_at_zero_and_one_that_stays_goes_on() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let place = llamar_common::abi::link_slot(LinkKey::new(7, 0), 0);
        assert_ne!(place, NO_LINK);
        let count = |path: &Datapath| path.counters().unwrap()[0].1.frames[0];
        let counters = map_of(ground, map::COUNTERS);
        let ones: Vec<u8> = 1u64
            .to_ne_bytes()
            .into_iter()
            .cycle()
            .take(counters.value_size())
            .collect();
        counters.update(&place.to_ne_bytes(), &ones).unwrap();
        path.apply(&desired(7, &[], 1));
        assert_eq!(path.counters().unwrap()[0].0, Some(LinkKey::new(7, 0)));
        assert_eq!(count(&path), 0);
        counters.update(&place.to_ne_bytes(), &ones).unwrap();
        let processors = aya::util::nr_cpus().unwrap() as u64;
        path.apply(&desired(7, &["casa"], 2));
        assert_eq!(count(&path), processors);
        drop(path);
        let mut path = ground.open(&lock);
        path.apply(&desired(7, &["casa"], 2));
        assert_eq!(count(&path), processors);
    });
}

fn map_of(ground: &Ground, name: &str) -> bpf::Map {
    bpf::Map::open(&ground.pins().join(name), Access::Write).unwrap()
}

/// Checks the maps: how many entries were put right, and whether a pass has to read the maps.
fn check(path: &mut Datapath) -> (usize, bool) {
    path.begin_check().unwrap();
    let mut mended = 0;
    loop {
        let checked = path.check();
        mended += checked.mended;
        if !checked.goes_on {
            path.rest();
            return (mended, checked.distrusted);
        }
    }
}

fn cells_of<V: Plain>(ground: &Ground, name: &str) -> Cells<V> {
    Cells::new(map_of(ground, name), Access::Write).unwrap()
}

/// The index.
fn buckets(ground: &Ground) -> Vec<Bucket> {
    cells_of(ground, map::INDEX).all().unwrap()
}

/// Names in the index and the last byte of their IPv4 addresses, in their order; `None` while it is closed.
fn indexed(ground: &Ground) -> Option<Vec<(String, u8)>> {
    let mut bytes = vec![0; size_of::<Control>()];
    let control = map_of(ground, map::CONTROL);
    assert!(control.lookup(&0u32.to_ne_bytes(), &mut bytes).unwrap());
    if Control::from_bytes(&bytes).unwrap().index_slots == 0 {
        return None;
    }
    let mut names = Vec::new();
    for Bucket { slots } in buckets(ground) {
        for (at, slot) in slots.into_iter().enumerate() {
            if slot.word & TAG == 0 {
                continue;
            }
            assert_ne!(slot.word & ONE_A, 0);
            let second = if is_long(slot.word) {
                slots[at + 1].label
            } else {
                0
            };
            let name = Short {
                tag: slot.word & TAG,
                label: [slot.label, second],
            };
            let label = name.key().label().collect();
            names.push((String::from_utf8(label).unwrap(), (slot.word >> 56) as u8));
        }
    }
    names.sort();
    Some(names)
}

#[test]
fn the_index_grows_with_the_names_and_holds_nearly_all_of_them() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = Datapath::open(&lock, 2_000, ground.object).unwrap();
        let slots = || {
            let mut bytes = vec![0; size_of::<Control>()];
            let control = map_of(ground, map::CONTROL);
            assert!(control.lookup(&0u32.to_ne_bytes(), &mut bytes).unwrap());
            Control::from_bytes(&bytes).unwrap().index_slots
        };
        let mut before = 0;
        // All at once, some more, and more than twice as many; every third one takes two slots.
        for count in [10, 300, 320, 1_500] {
            let names = (0..count).map(|number| match number % 3 {
                0 => format!("longer-name{number}"),
                _ => format!("name{number}"),
            });
            let names: Vec<String> = names.collect();
            let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
            let report = path.apply(&desired(7, &borrowed, 1));
            assert_eq!(report.errors, [""; 0]);
            let held = indexed(ground).unwrap();
            assert!(held.iter().all(|(name, _)| names.contains(name)));
            // A name of two slots may find no room in either of its buckets.
            assert!(
                held.len() * 100 >= names.len() * 98,
                "{} {}",
                held.len(),
                slots()
            );
            let (least, most) = (count * 4 / 3, (count * 7).max(256));
            assert!((least..=most).contains(&slots()), "{count}: {}", slots());
            assert!(slots() >= before);
            before = slots();
        }
    });
}

#[test]
fn the_index_holds_what_the_map_holds_after_every_change_and_for_a_new_agent() {
    on_ground(|ground| {
        let held = |names: &[(&str, u8)]| {
            let names = names.iter();
            Some(names.map(|&(name, last)| (name.to_owned(), last)).collect())
        };
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        assert_eq!(
            indexed(ground),
            None,
            "nothing is known before the map was read"
        );
        path.apply(&desired(
            7,
            &["casa", "media", "two.labels", "longer-than-an-index"],
            1,
        ));
        assert_eq!(indexed(ground), held(&[("casa", 1), ("media", 1)]));
        path.apply(&desired(7, &["media", "nas"], 2));
        assert_eq!(indexed(ground), held(&[("media", 2), ("nas", 2)]));
        drop(path);

        let mut path = ground.open(&lock);
        assert_eq!(
            indexed(ground),
            held(&[("media", 2), ("nas", 2)]),
            "answers go on"
        );
        path.apply(&desired(7, &["media", "other"], 2));
        assert_eq!(indexed(ground), held(&[("media", 2), ("other", 2)]));

        // What somebody put into the index alone is not there when nothing is taken for granted.
        let (stale, _) = Slot::new(
            &Short::of(&NameKey::new(LinkKey::new(7, 0), b"stale").unwrap()).unwrap(),
            &llamar_common::testing::host(30, &[[10, 0, 0, 9].into()]),
            Some(0),
        );
        let bucket = Bucket {
            slots: [stale; SLOTS],
        };
        let is_free = |bucket: &Bucket| bucket.slots.iter().all(|slot| slot.word & TAG == 0);
        let free = buckets(ground).iter().position(is_free);
        let free = free.expect("a bucket without names") as u32;
        let index = cells_of::<Bucket>(ground, map::INDEX);
        index.set(free, &bucket).unwrap();
        assert_eq!(check(&mut path), (SLOTS, false));
        assert_eq!(indexed(ground), held(&[("media", 2), ("other", 2)]));
        path.apply(&Arc::new(Desired::default()));
        assert_eq!(indexed(ground), held(&[]));
    });
}

#[test]
fn a_link_names_its_own_addresses_for_arp() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let own = |path: &Datapath| path.feed.maps().links.all().unwrap()[0].1.own4;
        for host in [1, 1, 2] {
            path.apply(&desired(7, &[], host));
            assert_eq!(own(&path), [[10, 0, 0, host], [0; 4]]);
        }
        drop(path);
        let mut path = ground.open(&lock);
        path.apply(&desired(7, &[], 3));
        assert_eq!(own(&path), [[10, 0, 0, 3], [0; 4]]);
    });
}

#[test]
fn a_full_map_holds_what_fits_and_tells_how_many_names_it_leaves_out() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = Datapath::open(&lock, 4, ground.object).unwrap();
        assert_eq!(path.capacity(), 4);
        let names = ["a", "b", "c", "d", "e", "f"];
        let report = path.apply(&desired(7, &names, 1));
        assert_eq!((report.full, report.errors), (Some(2), vec![]));
        assert_eq!(path.names_held(), 4);
        assert_eq!(path.names().unwrap().len(), 4);
        let report = path.apply(&desired(7, &["f", "g"], 1));
        assert_eq!(report.full, None);
        assert_eq!(labels(&path), ["f", "g"]);
        assert_eq!(path.names_held(), 2);
        assert!(path.placed(&LinkKey::new(7, 0)) && !path.placed(&LinkKey::new(7, 1)));
    });
}

#[test]
fn many_names_are_filled_changed_and_emptied_by_batches() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = Datapath::open(&lock, 20_000, ground.object).unwrap();
        let texts: Vec<String> = (0..20_000).map(|number| format!("host-{number}")).collect();
        let names: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(path.apply(&desired(7, &names, 1)).written, 20_001);
        assert_eq!(path.names().unwrap().len(), 20_000);
        drop(path);
        let mut path = Datapath::open(&lock, 20_000, ground.object).unwrap();
        assert_eq!(path.apply(&desired(7, &names, 1)), Report::default());
        let report = path.apply(&desired(7, &names[..10_000], 2));
        assert_eq!((report.written, report.removed), (10_001, 10_001));
        assert_eq!(path.names().unwrap().len(), 10_000);
        let report = path.apply(&Arc::new(Desired::default()));
        assert_eq!((report.removed, report.errors), (10_001, vec![]));
        assert_eq!(path.names().unwrap().len(), 0);
    });
}

#[test]
fn what_somebody_removed_is_put_back_after_a_check() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let wanted = desired(7, &["casa", "media"], 1);
        path.apply(&wanted);
        let (key, _) = path.names().unwrap()[0];
        map_of(ground, map::NAMES).delete(key.bytes()).unwrap();
        let place = llamar_common::abi::link_slot(LinkKey::new(7, 0), 0);
        let links = cells_of::<LinkEntry>(ground, map::LINKS);
        links.set(place, &LinkEntry::EMPTY).unwrap();
        assert_eq!(path.apply(&wanted), Report::default());
        path.reread_links();
        assert_eq!(check(&mut path), (0, true));
        assert_eq!(path.apply(&wanted).written, 1);
        assert_eq!(check(&mut path), (0, false));
        assert_eq!(labels(&path), ["casa", "media"]);
        assert_eq!(path.feed.maps().links.all().unwrap().len(), 1);
    });
}

#[test]
fn what_somebody_changed_or_added_is_put_right_by_a_check_and_the_index_stays_open() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let wanted = desired(7, &["casa", "media", "longer-than-an-index"], 1);
        path.apply(&wanted);
        assert_eq!(check(&mut path), (0, false));
        let as_it_was = (path.names().unwrap().len(), indexed(ground));
        let names = map_of(ground, map::NAMES);
        let key = |label: &[u8]| NameKey::new(LinkKey::new(7, 0), label).unwrap();
        let other = llamar_common::testing::host(30, &[[10, 0, 0, 9].into()]);
        for label in [&b"casa"[..], b"foreign", b"foreign-and-too-long"] {
            names.update(key(label).bytes(), other.bytes()).unwrap();
        }
        let arp = map_of(ground, map::ARP);
        let address = ArpKey::new(LinkKey::new(7, 0), [10, 0, 0, 9]);
        let mac = ArpHost {
            mac: [2; 6],
            origin: ARP_ASSIGNED,
        };
        arp.update(address.bytes(), mac.bytes()).unwrap();
        assert_eq!(path.apply(&wanted), Report::default(), "nobody looks");
        assert_eq!(check(&mut path), (4, false));
        assert_eq!((path.names().unwrap().len(), indexed(ground)), as_it_was);
        assert_eq!(path.feed.maps().arp.all().unwrap().len(), 1);
        let casa = path.feed.maps().names.host(&key(b"casa")).unwrap().unwrap();
        assert_eq!(casa.a[0], [10, 0, 0, 1]);

        // The index is emptied, and the kernel path is told not to look there.
        let index = cells_of(ground, map::INDEX);
        for place in 0..buckets(ground).len() as u32 {
            index.set(place, &Bucket::default()).unwrap();
        }
        assert_eq!(check(&mut path), (0, true));
        path.apply(&wanted);
        let closed = Control {
            index_slots: 0,
            ..path.feed.maps().control().unwrap()
        };
        path.feed.maps().set_control(&closed).unwrap();
        assert_eq!(check(&mut path), (0, false));
        assert_eq!((path.names().unwrap().len(), indexed(ground)), as_it_was);
    });
}

#[test]
fn links_senders_and_buckets_are_what_they_were_when_a_new_agent_has_loaded() {
    on_ground(|ground| {
        let globals = [map::LINKS, map::SENDERS, map::BUCKETS];
        let held = || {
            globals.map(|name| {
                let map = map_of(ground, name);
                let mut bytes = vec![0; map.value_size()];
                assert!(map.lookup(&0u32.to_ne_bytes(), &mut bytes).unwrap());
                bytes
            })
        };
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        path.apply(&desired(7, &["casa"], 1));
        let known = Sender {
            who: 1,
            mac: 2,
            at: 3,
        };
        let senders = cells_of::<Sender>(ground, map::SENDERS);
        senders.set(4095, &known).unwrap();
        let mut buckets = vec![0; map_of(ground, map::BUCKETS).value_size()];
        buckets[77] = 9;
        map_of(ground, map::BUCKETS)
            .update(&0u32.to_ne_bytes(), &buckets)
            .unwrap();
        let before = held();
        assert!(
            before
                .iter()
                .all(|bytes| bytes.iter().any(|&byte| byte != 0))
        );
        drop(path);
        let path = ground.open(&lock);
        assert_eq!(held(), before);
        assert!(path.placed(&LinkKey::new(7, 0)));
    });
}

#[test]
fn a_sender_who_used_an_address_before_it_was_ours_is_forgotten() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let mut path = ground.open(&lock);
        let senders = cells_of::<Sender>(ground, map::SENDERS);
        let place = |host| sender_slot(LinkKey::new(7, 0), [10, 0, 0, host]);
        let known = Sender {
            who: 1,
            mac: 2,
            at: 3,
        };
        senders.set(place(1), &known).unwrap();
        senders.set(place(9), &known).unwrap();
        path.apply(&desired(7, &[], 1));
        let read = |host| senders.all().unwrap()[place(host) as usize];
        assert_eq!(read(1), Sender::default());
        assert_eq!(read(9), known);
    });
}

#[test]
fn another_capacity_replaces_the_map_of_names_unless_it_is_in_use() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        path.apply(&desired(va.index, &["casa"], 1));
        drop(path);
        let mut path = Datapath::open(&lock, 200, ground.object).unwrap();
        assert_eq!(path.capacity(), 200);
        assert!(path.warnings().is_empty());
        path.attach(&va, XdpMode::Auto).unwrap();
        path.apply(&desired(va.index, &["casa"], 1));
        drop(path);
        let path = Datapath::open(&lock, 300, ground.object).unwrap();
        assert_eq!(path.capacity(), 200);
        assert_eq!(path.warnings().len(), 1);
        assert_eq!(labels(&path), ["casa"]);
    });
}

#[test]
fn without_an_agent_the_pins_tell_names_links_and_counters_and_can_be_removed() {
    on_ground(|ground| {
        let instance = ground.instance();
        assert!(read::Pinned::open(&instance).unwrap().is_none());
        let lock = instance.lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        let attached = path.attach(&va, XdpMode::Auto).unwrap();
        path.apply(&desired(va.index, &["media", "casa"], 1));
        path.beat().unwrap();
        assert!(detach_all(&instance).is_err(), "an agent holds the lock");
        drop((path, lock));

        let pinned = read::Pinned::open(&instance).unwrap().unwrap();
        let names = pinned.names().unwrap();
        assert_eq!(names.len(), 2);
        assert!(names[0].0.label().eq(*b"casa"));
        assert_eq!(names[0].1.a[0], [10, 0, 0, 1]);
        assert_eq!(pinned.arp().unwrap().len(), 1);
        assert_eq!(pinned.links().unwrap()[0].0, LinkKey::new(va.index, 0));
        assert_eq!(pinned.counters().unwrap().len(), 2);
        assert!(pinned.answers().unwrap());
        let link = read::PinnedLink {
            ifindex: va.index,
            program: attached.program,
            kind: Some(XdpKind::Generic),
        };
        assert_eq!(pinned.attached().unwrap(), [link]);

        let removed = detach_all(&instance).unwrap();
        assert_eq!(removed.interfaces, [va.index]);
        assert_eq!(running(va.index).unwrap(), None);
        assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
        assert_eq!(detach_all(&instance).unwrap(), Removed::default());
        assert!(!instance.run_dir.exists());
    });
}

#[test]
fn a_link_that_cannot_be_detached_does_not_keep_the_others_attached() {
    on_ground(|ground| {
        let lock = ground.instance().lock().unwrap();
        let va = ground.link("va");
        let mut path = ground.open(&lock);
        path.attach(&va, XdpMode::Auto).unwrap();
        // The first to be looked at, and no link.
        let odd = ground.pins().join("link_0");
        let other = aya::maps::HashMap::<_, u32, u64>::create(16, 0).unwrap();
        other.pin(&odd).unwrap();
        let error = path.close().unwrap_err();
        assert!(
            matches!(&error, DatapathError::Io { path, .. } if *path == odd),
            "{error:?}"
        );
        assert_eq!(running(va.index).unwrap(), None);
        assert_eq!(files(&ground.pins()), ["link_0"]);
    });
}

#[test]
fn what_a_dead_agent_left_is_removed_for_one_without_the_kernel_path() {
    on_ground(|ground| {
        let instance = ground.instance();
        let lock = instance.lock().unwrap();
        assert_eq!(remove_leftovers(&lock).unwrap(), Removed::default());
        let va = ground.link("va");
        ground.open(&lock).attach(&va, XdpMode::Auto).unwrap();
        let removed = remove_leftovers(&lock).unwrap();
        assert_eq!(removed.interfaces, [va.index]);
        assert_eq!(removed.pins, map::ALL.len() + 1);
        assert_eq!(running(va.index).unwrap(), None);
        assert_eq!(files(&ground.bpffs()), Vec::<String>::new());
        drop(lock);

        let nowhere = Instance {
            bpffs: ground.directory.path().to_owned(),
            ..instance
        };
        let lock = nowhere.lock().unwrap();
        assert_eq!(remove_leftovers(&lock).unwrap(), Removed::default());
    });
}
