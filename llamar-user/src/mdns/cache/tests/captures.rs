//! What real hosts said.

use std::path::{Path, PathBuf};

use llamar_common::testing::skip;

use super::properties::Witness;
use super::*;
use crate::mdns::PORT;
use crate::net::capture;

/// The capture files of the folder that `LLAMAR_CAPTURES` names.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("LLAMAR_CAPTURES").unwrap_or_else(|| "../shared/pcaps".into());
    let entries = std::fs::read_dir(root.join(named)).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcap")
        })
        .collect();
    files.sort();
    files
}

// RFC 6762 5.2, 10, 18.1: A8, A29, A31, A47
#[test]
fn what_real_hosts_said_comes_and_goes_in_turns() {
    let files = files();
    if files.is_empty() {
        return skip("no captures");
    }
    let mut known = Vec::new();
    for file in files {
        let (mut scene, mut witness, mut first) = (Scene::new(), Witness::default(), None);
        let read = capture::open(&file).map_while(Result::ok);
        for captured in read.filter(|captured| captured.packet.from.port() == PORT) {
            let first = *first.get_or_insert(captured.at);
            scene.at(captured.at.saturating_sub(first).as_secs_f64());
            witness.sees(&mut scene);
            let message = Message::read(&captured.packet.payload);
            let Some(message) = message.ok().filter(|message| message.flags & 0x8000 != 0) else {
                continue;
            };
            let from = captured.packet.from.ip();
            scene
                .cache
                .hear(scene.now, scene.rules, &message, from, &|_| false);
            witness.sees(&mut scene);
            scene.all();
            known.extend(witness.there.keys().cloned());
        }
        scene.cache.clear();
        witness.sees(&mut scene);
        assert!(witness.there.is_empty() && scene.cache.is_empty());
    }
    known.sort_unstable();
    known.dedup();
    assert!(known.len() > 20, "{known:#?}");
    assert!(
        known
            .iter()
            .any(|record| record.starts_with("_googlecast._tcp.local 12 ")),
        "{known:#?}"
    );
}
