//! The seed documents, in the folder that `LLAMAR_SEEDS` names: some hold whole programs, which a test takes out and runs
//! beside ours.

use std::fs;
use std::path::Path;

use llamar_common::testing::skip;

/// The document of this number, or none and a note.
pub fn document(number: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("LLAMAR_SEEDS").unwrap_or_else(|| "../shared/seeds".into());
    let folder = root.join(named);
    let found = fs::read_dir(&folder).into_iter().flatten().flatten();
    let found = found.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{number}_")) && name.ends_with(".txt")
    });
    let Some(path) = found else {
        skip(&format!("no seed {number} in {}", folder.display()));
        return None;
    };
    Some(fs::read_to_string(&path).expect("read a seed document"))
}

/// What stands in a document behind one text, up to and with another.
#[track_caller]
pub fn part<'d>(document: &'d str, behind: &str, through: &str) -> &'d str {
    let (_, rest) = document
        .split_once(behind)
        .unwrap_or_else(|| panic!("no {behind:?} in the document"));
    let end = rest
        .find(through)
        .unwrap_or_else(|| panic!("no {through:?} behind {behind:?}"));
    &rest[..end + through.len()]
}

/// A program with something in it changed, which has to be there.
#[track_caller]
pub fn changed(program: &str, from: &str, to: &str) -> String {
    assert!(program.contains(from), "no {from:?} in the program");
    program.replace(from, to)
}
