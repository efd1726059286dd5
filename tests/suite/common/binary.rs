//! Where the programs under test are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

/// The program under test: the one that cargo built for this test run, or the one that `TOKENKEEP_TEST_PROGRAM`
/// names, such as a release's thin front with the full program beside it (scripts/test).
pub(crate) fn tokenkeep() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("TOKENKEEP_TEST_PROGRAM") {
        Some(program) => PathBuf::from(program),
        None => PathBuf::from(env!("CARGO_BIN_EXE_tokenkeep")),
    })
}

/// The fixture issuer, built now if it is missing or older than its sources: `cargo test` does not build another crate's
/// program.
pub(crate) fn issuer() -> &'static Path {
    static ISSUER: OnceLock<PathBuf> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        let profile = test.parent().and_then(Path::parent).expect("tests lie in TARGET/PROFILE/deps");
        let issuer = profile.join("issuer");
        if is_stale(&issuer) {
            build(&["--workspace", "--bin", "issuer"], profile);
        }
        issuer
    })
}

/// A program of examples/, built now where `cargo test --test suite` did not build it or it is older than its sources.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent).expect("tests lie in TARGET/PROFILE/deps");
    let example = profile.join("examples").join(name);
    let _turn = BUILDING.lock().expect("no holder panics");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources =
        changed_below(&checkout.join("src")).max(changed(&checkout.join("examples").join(name).with_extension("rs")));
    if changed(&example).is_none_or(|built| sources.is_some_and(|sources| sources > built)) {
        build(&["--example", name], profile);
    }
    example
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When the newest file below a folder was written.
fn changed_below(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    entries.filter_map(|path| if path.is_dir() { changed_below(&path) } else { changed(&path) }).max()
}

/// The program, or a copy of it in `copies` where other users cannot reach the checkout that it is in.
pub(crate) fn reachable(program: &Path, copies: &Path) -> PathBuf {
    static COPYING: Mutex<()> = Mutex::new(());
    // A bare name is looked up in PATH.
    if program.is_relative() || is_open_to_all(program) {
        return program.to_owned();
    }
    let copy = copies.join(program.file_name().expect("a program is a file"));
    let _turn = COPYING.lock().expect("no holder panics");
    if !copy.exists() {
        // By another process: a descriptor that is open for writing here could get into a child that another test
        // starts at this moment, and the copy would be too busy to run.
        let script = r#"umask 022 && mkdir -p "$2" && for part in "$1" "$1-full"; do
            if [ -e "$part" ]; then cp "$part" "$2" || exit; fi; done && chmod 755 "$2"/*"#;
        let status = Command::new("sh").args(["-c", script, "sh"]).arg(program).arg(copies).status();
        assert!(status.is_ok_and(|status| status.success()), "the program can be copied");
    }
    copy
}

fn is_open_to_all(file: &Path) -> bool {
    let allows =
        |path: &Path, bits: u32| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & bits == bits);
    allows(file, 0o005) && file.ancestors().skip(1).all(|directory| allows(directory, 0o001))
}

fn is_stale(issuer: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let Ok(built) = changed(issuer) else { return true };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/issuer/src");
    let newest = std::fs::read_dir(&sources)
        .expect("the sources of the issuer are in the checkout")
        .filter_map(|entry| changed(&entry.ok()?.path()).ok())
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH);
    newest > built
}

/// Has cargo build one program into the target directory that this test was built in.
fn build(what: &[&str], profile: &Path) {
    let target = profile.parent().expect("a profile's folder lies in the target directory");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .args(what)
        .args(["--profile", name, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{what:?} does not build");
}
