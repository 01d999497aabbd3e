//! Files in one format, converted to the others.

use std::path::Path;

use llamar_user::net::capture::Captured;

use super::pcap::files;
use super::tshark::{output, tshark};
use super::{name, read};

#[test]
fn same_datagrams_are_in_each_format_that_tshark_writes() {
    let Some(files) = files() else { return };
    let folder = tempfile::tempdir().expect("make a folder");
    for (number, file) in files.into_iter().enumerate() {
        let ours = read(&file).0;
        // The kinds of pcap differ in nothing that depends on the frames.
        let formats = ["pcapng", "pcap", "nsecpcap", "modpcap"];
        let count = if number == 0 { formats.len() } else { 1 };
        for format in &formats[..count] {
            let Some(mut command) = tshark() else { return };
            let written = folder.path().join(format!("{}.{format}", name(&file)));
            command.arg("-nr").arg(&file).args(["-F", format, "-w"]);
            output(command.arg(&written));
            let again = unnamed(read(&written).0);
            assert_eq!(again, ours, "{}", written.display());
        }
    }
}

// Two sections, one behind the other, and what a program that was killed leaves.
#[test]
fn sections_follow_each_other_and_a_cut_is_told_behind_what_is_whole() {
    let Some(files) = files() else { return };
    let folder = tempfile::tempdir().expect("make a folder");
    let (mut whole, mut datagrams) = (Vec::new(), Vec::new());
    for file in files.iter().take(3) {
        let Some(mut command) = tshark() else { return };
        let written = folder.path().join("one.pcapng");
        command.arg("-nr").arg(file).args(["-F", "pcapng", "-w"]);
        output(command.arg(&written));
        whole.extend(std::fs::read(&written).expect("read what was written"));
        datagrams.extend(read(file).0);
    }
    let both = folder.path().join("both.pcapng");
    std::fs::write(&both, &whole).expect("write the sections");
    assert_eq!(unnamed(read(&both).0), datagrams);
    cut(&both, &whole[..whole.len() - 3], &datagrams);
}

#[track_caller]
fn cut(file: &Path, bytes: &[u8], datagrams: &[Captured]) {
    std::fs::write(file, bytes).expect("write a part");
    let mut items: Vec<_> = llamar_user::net::capture::open(file).collect();
    let error = items.pop().expect("an error").expect_err("an error");
    assert!(error.is_cut(), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("ends at byte {}", bytes.len())),
        "{error}"
    );
    let before: Vec<_> = items
        .into_iter()
        .map(|item| item.expect("a datagram"))
        .collect();
    assert!(datagrams.starts_with(&unnamed(before)));
}

/// Datagrams without the names that interfaces get in pcapng.
fn unnamed(mut datagrams: Vec<Captured>) -> Vec<Captured> {
    datagrams
        .iter_mut()
        .for_each(|datagram| datagram.interface = None);
    datagrams
}
