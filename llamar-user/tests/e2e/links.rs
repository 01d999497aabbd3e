//! `llamar links`: the names of older programs, as links to this one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::net::run;

/// The names that llamar takes over.
const NAMES: [&str; 6] = ["arpsend", "busco", "eterm", "ndsend", "pyng", "pyngd"];

fn llamar(program: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.expect("run llamar")
}

/// A folder with a copy of the program in it, as it is installed.
fn installed() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("llamar");
    // Not by this process: what another test starts meanwhile would have the file open for writing, and none could be
    // started from it.
    run(Command::new("cp").args([env!("CARGO_BIN_EXE_llamar").as_ref(), program.as_path()]));
    (folder, program)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn links_are_made_beside_the_program_work_and_go_again() {
    let (folder, program) = installed();
    let place = folder.path().to_str().unwrap();
    let listed = llamar(&program, &["links"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().collect::<Vec<_>>(), NAMES);
    for _ in 0..2 {
        let made = llamar(&program, &["links", place]);
        assert!(made.status.success(), "{}", said(&made));
        for name in NAMES {
            let link = folder.path().join(name);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("llamar"));
            let usage = llamar(&link, &["--help"]);
            let usage =
                String::from_utf8_lossy(&[usage.stdout, usage.stderr].concat()).into_owned();
            assert!(!usage.contains("Usage: llamar"), "{name}: {usage}");
        }
    }
    let removed = llamar(&program, &["links", "--remove", place]);
    assert!(removed.status.success(), "{}", said(&removed));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_program_that_is_there_already_stays_unless_force_is_used() {
    let (folder, program) = installed();
    let elsewhere = tempfile::tempdir().unwrap();
    let (name, place) = (NAMES[0], elsewhere.path().to_str().unwrap());
    let other = elsewhere.path().join(name);
    for broken in [false, true] {
        let _ = fs::remove_file(&other);
        match broken {
            true => symlink("/nonexistent/llamar", &other).unwrap(),
            false => fs::write(&other, "somebody's").unwrap(),
        }
        let refused = llamar(&program, &["links", place]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            said(&refused).contains("is another program: --force"),
            "{}",
            said(&refused)
        );
        assert!(
            llamar(&program, &["links", "--remove", place])
                .status
                .success()
        );
        assert!(fs::symlink_metadata(&other).is_ok());
        let forced = llamar(&program, &["links", "--force", place]);
        assert!(forced.status.success(), "{}", said(&forced));
        let program = folder.path().join("llamar").canonicalize().unwrap();
        assert_eq!(fs::read_link(&other).unwrap(), program);
    }
    let nowhere = llamar(&program, &["links", "/nonexistent"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(
        said(&nowhere).contains("make the link /nonexistent/"),
        "{}",
        said(&nowhere)
    );
}
