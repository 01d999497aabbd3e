//! Captures of real networks: files in the folder that `LLAMAR_CAPTURES` names.

use std::fs;
use std::path::{Path, PathBuf};

use llamar_common::testing::skip;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

/// The capture files, or none and a note.
pub fn files() -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("LLAMAR_CAPTURES").unwrap_or_else(|| "../shared/pcaps".into());
    let folder = root.join(named);
    let Ok(entries) = fs::read_dir(&folder) else {
        skip(&format!("no captures in {}", folder.display()));
        return None;
    };
    let capture = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "pcap")
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(capture)
        .collect();
    files.sort();
    if files.is_empty() {
        skip(&format!("no captures in {}", folder.display()));
        return None;
    }
    Some(files)
}

/// The frames of a capture file and how they begin.
pub fn frames(file: &Path) -> Vec<(Linktype, Vec<u8>)> {
    let (frames, rest) = read(file);
    assert!(!rest, "{}: half a frame at the end", file.display());
    frames
}

/// The whole frames of a capture file, and whether half a one follows, as where it is being written.
pub fn read(file: &Path) -> (Vec<(Linktype, Vec<u8>)>, bool) {
    let opened = fs::File::open(file).expect("open a capture");
    let mut reader = create_reader(1 << 20, opened).expect("a capture file");
    let (mut link, mut frames) = (Linktype::NULL, Vec::new());
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => link = header.network,
                    PcapBlockOwned::Legacy(block) => frames.push((link, block.data.to_vec())),
                    PcapBlockOwned::NG(_) => panic!("{}: pcapng", file.display()),
                }
                reader.consume(offset);
            }
            Err(PcapError::Incomplete(_)) => reader.refill().expect("read a capture"),
            Err(PcapError::Eof) => return (frames, false),
            Err(PcapError::UnexpectedEof) => return (frames, true),
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
}
