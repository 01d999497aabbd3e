//! What somebody who invents records can do.

use std::process::Command;

use super::*;

/// A sender by number.
fn sender(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

/// Made-up addresses of made-up hosts.
fn invented(from: usize, count: usize) -> Message {
    let owner = |number| format!("host-{number}.local");
    let records = (from..from + count).map(|number| unique(&owner(number), 120, a(1)));
    response(records.collect())
}

impl Scene {
    /// Hears what is no longer than a message is, without the detour over bytes.
    fn hears_plain(&mut self, message: &Message, from: IpAddr, wanted: &dyn Fn(&Record) -> bool) {
        self.cache.hear(self.now, self.rules, message, from, wanted);
    }

    fn has(&self, owner: &str) -> bool {
        !self.found(owner, kind::A).is_empty()
    }
}

/// What somebody asks for in these tests.
fn is_ours(record: &Record) -> bool {
    record.owner.labels().next() == Some(b"ours")
}

// RFC 6762 18.1: caching is allowed, never due: what nobody asks for goes first.
#[test]
fn flood_drives_out_strangers_first_and_never_what_is_asked_for() {
    let mut scene = Scene::new();
    scene.hears_plain(
        &response(vec![unique("ours.local", 120, a(1))]),
        PEER,
        &is_ours,
    );
    scene.hears_plain(
        &response(vec![unique("theirs.local", 120, a(1))]),
        PEER,
        &is_ours,
    );
    for number in 0..2 * RECORDS_MAX as u32 {
        scene.now += Duration::from_millis(1);
        let flood = invented(number as usize, 1);
        scene.hears_plain(&flood, sender(number), &is_ours);
        scene.changes();
        assert!(scene.cache.len() <= RECORDS_MAX && scene.cache.bytes() <= BYTES_MAX);
    }
    assert!(scene.has("ours.local") && !scene.has("theirs.local"));
    assert!(scene.cache.len() > RECORDS_MAX / 2);
    scene.all();
}

#[test]
fn one_who_invents_records_drives_out_nobody_else() {
    let mut scene = Scene::new();
    scene.hears_plain(
        &response(vec![unique("theirs.local", 120, a(1))]),
        PEER,
        &is_ours,
    );
    for number in 0..2 * RECORDS_MAX / 100 {
        scene.now += Duration::from_millis(1);
        scene.hears_plain(&invented(number * 100, 100), sender(1), &is_ours);
        scene.changes();
    }
    assert!(scene.has("theirs.local") && !scene.has("host-0.local"));
    let newest = 2 * RECORDS_MAX / 100 * 100 - 1;
    assert!(scene.has(&format!("host-{newest}.local")));
}

#[test]
fn when_all_is_asked_for_strangers_stay_out_and_the_greedy_loses_its_own() {
    let mut scene = Scene::new();
    scene.hears_plain(
        &response(vec![shared("x.local", 120, ptr("real"))]),
        PEER,
        &|_| true,
    );
    let invented_ptr = |number: usize| {
        let target = format!("invented-{number}");
        shared("x.local", 120, ptr(&target))
    };
    for number in 0..RECORDS_MAX + 1000 {
        scene.now += Duration::from_micros(10);
        let flood = response(vec![invented_ptr(number)]);
        scene.hears_plain(&flood, sender(1), &|_| true);
        scene.changes();
    }
    let full = scene.cache.len();
    assert!(full <= RECORDS_MAX && full > RECORDS_MAX / 2);
    scene.hears_plain(
        &response(vec![unique("theirs.local", 120, a(1))]),
        PEER,
        &is_ours,
    );
    assert!(!scene.has("theirs.local") && scene.changes().is_empty());
    scene.hears_plain(
        &response(vec![unique("ours.local", 120, a(1))]),
        PEER,
        &is_ours,
    );
    assert!(scene.has("ours.local"));
    let targets = scene.found("x.local", kind::PTR);
    assert!(targets.contains(&"real.".to_owned()));
    assert!(!targets.contains(&"invented-0.".to_owned()));
}

#[test]
fn records_become_wanted_and_strangers_again_when_they_are_weighed() {
    let mut scene = Scene::new();
    let fill = |scene: &mut Scene, from: usize| {
        for number in from..from + RECORDS_MAX {
            scene.now += Duration::from_micros(10);
            scene.hears_plain(&invented(number, 1), sender(number as u32), &|_| false);
            scene.changes();
        }
    };
    scene.hears_plain(
        &response(vec![unique("casa.local", 120, a(1))]),
        PEER,
        &|_| false,
    );
    scene.cache.weigh(&name("Casa.local"), &|_| true);
    fill(&mut scene, 0);
    assert!(scene.has("casa.local"));
    scene.cache.weigh(&name("casa.local"), &|_| false);
    fill(&mut scene, RECORDS_MAX);
    assert!(!scene.has("casa.local"));
    scene.all();
}

#[test]
fn large_records_are_bounded_by_their_bytes() {
    let mut scene = Scene::new();
    for number in 0..2000 {
        let data = Rdata::Unknown(vec![7; 8000].into());
        let record = Record {
            kind: 65280,
            data,
            ..unique(&format!("host-{number}.local"), 120, a(1))
        };
        scene.hears_plain(&response(vec![record]), sender(number), &is_ours);
        scene.changes();
        assert!(scene.cache.bytes() <= BYTES_MAX);
    }
    assert!(scene.cache.len() > 1000 && scene.cache.bytes() > BYTES_MAX - 10_000);
}

/// 160,000 records. Looking each up among all of its name would be more than a billion comparisons.
#[test]
fn thousands_of_records_of_one_name_cost_no_more_than_of_many() {
    let mut scene = Scene::new();
    let target = |number: usize| shared("_http._tcp.local", 4500, ptr(&format!("web-{number}")));
    for round in 0..20 {
        for part in 0..16 {
            let records = (part * 500..part * 500 + 500).map(target);
            scene.now += Duration::from_millis(100);
            scene.hears_plain(&response(records.collect()), sender(part as u32), &|_| true);
        }
        assert_eq!(scene.changes().len(), if round == 0 { 8000 } else { 0 });
    }
    assert_eq!(scene.all().len(), 8000);
}

/// Bytes of memory that this process has in use.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<usize>().unwrap() * 1024
}

/// Set in the process that floods its cache and measures itself.
const MEASURED: &str = "LLAMAR_TEST_CACHE_MEMORY";

/// Records of kinds, sizes and senders by which a cache is to be filled.
fn flood(number: u32) -> Record {
    let label = "x".repeat((number % 60) as usize + 1);
    let owner = format!("h{number}.{label}.{label}.local");
    let data = match number % 4 {
        0 => a(number as u8),
        1 => ptr(&format!("{number}.{owner}")),
        2 => Rdata::Txt(Txt::new([&[7; 200][..number as usize % 200]]).unwrap()),
        _ => nsec(&owner, &[number as u16 % 256]),
    };
    unique(&owner, 120 + number % 1000, data)
}

// The bound is one of memory, not of our counting.
#[test]
fn flood_takes_no_more_memory_than_is_counted() {
    if std::env::var_os(MEASURED).is_none() {
        // Other tests use memory too, so it is measured in a process of its own.
        let this = "mdns::cache::tests::bounds::flood_takes_no_more_memory_than_is_counted";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([this, "--exact", "--nocapture"])
            .env(MEASURED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let mut scene = Scene::new();
    let before = resident();
    for number in 0..4 * RECORDS_MAX as u32 {
        scene.now += Duration::from_micros(100);
        let message = response(vec![flood(number)]);
        scene.hears_plain(&message, sender(number.wrapping_mul(7919)), &|record| {
            record.kind == kind::TXT
        });
        scene.changes();
    }
    let (grown, counted) = (resident().saturating_sub(before), scene.cache.bytes());
    println!(
        "{} records, {counted} bytes counted, {grown} in use",
        scene.cache.len()
    );
    assert!(counted > BYTES_MAX * 9 / 10 && counted <= BYTES_MAX);
    // A megabyte for what the test itself and the allocator's own pools take.
    assert!(grown <= counted + (1 << 20), "{grown} bytes");
    // Were next to nothing measured, the test would tell nothing.
    assert!(grown > BYTES_MAX / 4, "{grown} bytes");
}
