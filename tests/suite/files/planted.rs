//! Something else in place of a file or directory of ours: never followed, never waited for, never touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::state;
use crate::common::environment::is_root;
use crate::common::{Issuer, Outcome, TestEnvironment, skipped};
use crate::machine::{Machine, paths_in};

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A symlink to the very thing that was there: whoever follows it finds all in order.
    LiveSymlink,
    DanglingSymlink,
    SymlinkToItself,
    /// A second link to the file, somewhere else.
    HardLink,
    Fifo,
    /// `/dev/null`'s twin where root can make one, else a symlink to `/dev/null`.
    Device,
    Directory,
    /// The very file, owned by root.
    OwnedByRoot,
    OwnedByRootAndOpen,
}

use Planted::{DanglingSymlink, Device, Directory, Fifo, HardLink, LiveSymlink, OwnedByRoot, SymlinkToItself};

const IN_PLACE_OF_A_FILE: [Planted; 9] = [
    LiveSymlink,
    DanglingSymlink,
    SymlinkToItself,
    HardLink,
    Fifo,
    Device,
    Directory,
    OwnedByRoot,
    Planted::OwnedByRootAndOpen,
];

const IN_PLACE_OF_A_DIRECTORY: [Planted; 6] =
    [LiveSymlink, DanglingSymlink, SymlinkToItself, Fifo, Device, OwnedByRoot];

/// What a planted thing leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Exit 10, `insecure_path`.
    Refused,
    /// A fresh token and the warning `cache_path_insecure`.
    Served,
    /// What is there does not matter to this command.
    Unnoticed,
}

use Answer::{Refused, Served, Unnoticed};

impl Answer {
    fn check(self, outcome: Outcome, case: &str) {
        let fits = match self {
            Refused => outcome.code == 10 && outcome.error()["code"] == "insecure_path",
            Served => outcome.code == 0 && outcome.stderr.contains("cache_path_insecure"),
            Unnoticed => outcome.code == 0 && outcome.stderr.is_empty(),
        };
        assert!(fits, "{case} should be {self:?}: {outcome:?}");
    }
}

impl Planted {
    /// Puts this in place of what is at `path`; what was there goes to `original`. `false` where this cannot be made here.
    fn plant(self, path: &Path, original: &Path) -> bool {
        fs::rename(path, original).expect("the original can be moved away");
        let give = |path: &Path| chown(path, owner(original), owner(original)).is_ok();
        match self {
            LiveSymlink => symlink(original, path).expect("a link"),
            DanglingSymlink => symlink(original.with_extension("missing"), path).expect("a link"),
            SymlinkToItself => symlink(path, path).expect("a link"),
            HardLink => fs::hard_link(original, path).expect("a link"),
            Fifo => return made(Command::new("mkfifo").args(["-m", "600"]).arg(path)) && give(path),
            Device if is_root() => {
                return made(Command::new("mknod").args(["-m", "600"]).arg(path).args(["c", "1", "3"])) && give(path);
            }
            Device => symlink("/dev/null", path).expect("a link"),
            Directory => {
                fs::create_dir(path).expect("a directory");
                fs::set_permissions(path, PermissionsExt::from_mode(0o700)).expect("ours");
                return give(path);
            }
            OwnedByRoot | Planted::OwnedByRootAndOpen => {
                let copied = made(Command::new("cp").arg("-r").arg(original).arg(path));
                let open = if original.is_dir() { 0o755 } else { 0o644 };
                let mode = if self == OwnedByRoot { open & 0o700 } else { open };
                fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("ours");
                return copied && chown(path, Some(0), Some(0)).is_ok();
            }
        }
        true
    }
}

fn owner(path: &Path) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(&path.symlink_metadata().expect("it is there")))
}

fn made(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

fn remove(path: &Path) {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).expect("root and the owner may"),
        Ok(_) => fs::remove_file(path).expect("root and the owner may"),
        Err(_) => {}
    }
}

/// Plants each thing at a place, runs each command, and asserts its answer and that nothing was touched.
fn plant_each(machine: &Machine, place: &Path, things: &[Planted], commands: &[(&[&str], Answer)]) {
    let original = machine.environment.path("files/original");
    for &planted in things {
        let was_there = place.symlink_metadata().is_ok();
        if !was_there {
            machine.environment.write(place, "something of before");
        }
        if planted.plant(place, &original) {
            for &(arguments, answer) in commands {
                let before = (state(place), state(&original));
                let outcome = machine.tokenkeep(arguments).arg("--json").prints_token().stdin("CANARY-SECRET-x").run();
                let case = format!("{planted:?} in place of {}, {arguments:?}", place.display());
                answer.check(outcome, &case);
                let after = (state(place), state(&original));
                assert!(before == after, "{case} should not be touched: {before:#?} became {after:#?}");
                let missing = original.with_extension("missing");
                assert!(!missing.exists(), "{case} should not be followed");
            }
        } else {
            skipped(&format!("{planted:?} cannot be made here"));
        }
        remove(place);
        fs::rename(&original, place).expect("the original can be moved back");
        if !was_there {
            remove(place);
        }
    }
    machine.get().run().success().does_not_say("warning");
}

const GET: &[&str] = &["token", "get"];
const REFRESH: &[&str] = &["token", "get", "--refresh"];
const SET: &[&str] = &["credentials", "set", "-p", "main", "--secret-stdin"];
const LIST: &[&str] = &["token", "list"];

/// A machine with a token, so that every place of ours is there.
fn machine() -> Machine {
    let machine = Machine::unprivileged();
    machine.token();
    machine
}

#[test]
fn in_place_of_the_store_file_everything_is_refused() {
    let machine = machine();
    let init: &[&str] = &["init", "--backend", "file"];
    let commands = [(GET, Refused), (REFRESH, Refused), (SET, Refused), (init, Refused), (LIST, Refused)];
    plant_each(&machine, &machine.data("store"), &IN_PLACE_OF_A_FILE, &commands);
}

#[test]
fn in_place_of_the_store_lock_nothing_is_set_and_tokens_are_got() {
    let machine = machine();
    let commands = [(GET, Unnoticed), (REFRESH, Unnoticed), (SET, Refused)];
    plant_each(&machine, &machine.data("store.lock"), &IN_PLACE_OF_A_FILE, &commands);
}

#[test]
fn in_place_of_the_folder_of_secrets_or_a_secret_no_request_is_made() {
    let machine = machine();
    let requests = machine.fetches();
    plant_each(&machine, &machine.data("secrets"), &IN_PLACE_OF_A_DIRECTORY, &[(REFRESH, Refused), (SET, Refused)]);
    plant_each(&machine, &machine.only("secrets"), &IN_PLACE_OF_A_FILE, &[(GET, Unnoticed), (REFRESH, Refused)]);
    assert_eq!(machine.fetches(), requests);
}

#[test]
fn in_place_of_the_folder_of_tokens_or_a_token_a_fresh_one_is_served() {
    let machine = machine();
    plant_each(&machine, &machine.data("tokens"), &IN_PLACE_OF_A_DIRECTORY, &[(GET, Served), (REFRESH, Served)]);
    plant_each(&machine, &machine.only("tokens"), &IN_PLACE_OF_A_FILE, &[(GET, Served), (REFRESH, Served)]);
}

#[test]
fn in_place_of_a_refusal_or_a_temporary_the_token_is_served() {
    let machine = machine();
    for suffix in ["refused", "tmp"] {
        let place = machine.only("tokens").with_extension(suffix);
        plant_each(&machine, &place, &IN_PLACE_OF_A_FILE, &[(REFRESH, Served)]);
    }
}

#[test]
fn in_place_of_the_folder_of_locks_or_a_lock_the_token_is_served() {
    let machine = machine();
    plant_each(&machine, &machine.data("locks"), &IN_PLACE_OF_A_DIRECTORY, &[(GET, Unnoticed), (REFRESH, Served)]);
    plant_each(&machine, &machine.only("locks"), &IN_PLACE_OF_A_FILE, &[(GET, Unnoticed), (REFRESH, Served)]);
}

#[test]
fn in_place_of_the_ledger_and_all_beside_it_the_token_is_served() {
    let machine = machine();
    let stats: &[&str] = &["stats"];
    let commands = [(GET, Unnoticed), (REFRESH, Served), (stats, Refused)];
    for file in ["ledger.db", "ledger.db-journal", "ledger.db-wal", "ledger.db-shm", "ledger.lock"] {
        plant_each(&machine, &machine.data(file), &IN_PLACE_OF_A_FILE, &commands);
    }
    // One that waits cannot be told from the others without opening the folder.
    plant_each(&machine, &machine.data("ledger.pending"), &IN_PLACE_OF_A_DIRECTORY, &commands);
    machine.tokenkeep(stats).run().success();
}

#[test]
fn in_place_of_the_data_directory_everything_is_refused() {
    let machine = machine();
    let commands = [(GET, Refused), (REFRESH, Refused), (SET, Refused), (LIST, Refused)];
    // A link of root's that leads to the very directory is followed: that is a directory which was moved.
    let refused = [DanglingSymlink, SymlinkToItself, Fifo, Device, OwnedByRoot];
    plant_each(&machine, &machine.environment.data_dir(), &refused, &commands);
}

#[test]
fn in_place_of_configuration_only_what_is_no_file_is_refused() {
    let machine = machine();
    let config = machine.config("");
    for file in ["config.toml", "profiles/main.toml"] {
        let place = machine.config(file);
        let followed: &[(&[&str], Answer)] = &[(GET, Unnoticed), (REFRESH, Unnoticed)];
        plant_each(&machine, &place, &[LiveSymlink, HardLink, Planted::OwnedByRootAndOpen], followed);
        let things = [DanglingSymlink, SymlinkToItself, Fifo, Device, Directory];
        plant_each(&machine, &place, &things, &[(GET, Refused), (REFRESH, Refused)]);
    }
    assert_eq!(paths_in(&config).len(), 3, "nothing was left behind");
}

#[test]
fn in_place_of_the_key_file_only_what_is_no_file_is_refused() {
    // Not in its usual place: the harness itself would read what is planted there.
    let environment = TestEnvironment::new().unprivileged();
    let key = environment.path("files/the-key");
    let configured = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", key.display());
    environment.write("config/config.toml", configured);
    environment.secret_place(&key);
    environment.secret_place("files/original");
    let machine = Machine::of(environment, Issuer::start());
    machine.token();
    plant_each(&machine, &key, &[LiveSymlink, HardLink], &[(GET, Unnoticed), (REFRESH, Unnoticed)]);
    let original = machine.environment.path("files/original");
    for planted in [DanglingSymlink, SymlinkToItself, Fifo, Device, Directory] {
        assert!(planted.plant(&key, &original), "{planted:?} can be made");
        let before = state(&key);
        for arguments in [GET, REFRESH, SET, &["init", "--backend", "file"]] {
            let outcome = machine.tokenkeep(arguments).arg("--json").stdin("CANARY-SECRET-x").run();
            let code = outcome.error()["code"].clone();
            let fits = outcome.code == 8 && (code == "key_file_insecure" || code == "key_file_missing");
            assert!(fits, "{planted:?} in place of the key file, {arguments:?}: {outcome:?}");
        }
        assert_eq!(state(&key), before);
        remove(&key);
        fs::rename(&original, &key).expect("the original can be moved back");
    }
    machine.get().run().success();
}

#[test]
fn in_place_of_a_referenced_secret_only_what_is_no_file_is_refused() {
    let machine = Machine::by_reference();
    let secret = machine.environment.path("files/secret");
    let original = machine.environment.path("files/original");
    machine.environment.secret_place(&original);
    for planted in [Fifo, Device, Directory, DanglingSymlink, SymlinkToItself, LiveSymlink] {
        let code = if planted == LiveSymlink { 0 } else { 10 };
        assert!(planted.plant(&secret, &original), "{planted:?} can be made");
        let outcome = machine.get().run();
        assert!(outcome.code == code, "{planted:?} in place of the secret: {outcome:?}");
        remove(&secret);
        fs::rename(&original, &secret).expect("the original can be moved back");
    }
}

#[test]
fn in_place_of_the_first_temporary_nothing_is_chosen() {
    let environment = TestEnvironment::new().unprivileged();
    let (place, target) = (environment.path("data/store.tmp"), environment.path("files/original"));
    for planted in IN_PLACE_OF_A_FILE {
        environment.write(&place, "something of before");
        fs::set_permissions(environment.data_dir(), PermissionsExt::from_mode(0o700)).expect("ours");
        if planted.plant(&place, &target) {
            let before = (state(&place), state(&target));
            let init = environment.tokenkeep(["init", "--backend", "file", "--json"]).run();
            Refused.check(init, &format!("{planted:?} in place of store.tmp"));
            assert_eq!((state(&place), state(&target)), before, "{planted:?} should not be touched");
            assert!(!environment.data_dir().join("store").exists());
        }
        remove(&place);
        remove(&target);
    }
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
}

#[test]
fn a_stale_temporary_is_replaced_and_a_lock_that_was_deleted_made_anew() {
    let machine = machine();
    let stale = machine.only("tokens").with_extension("tmp");
    let torn: PathBuf = machine.environment.write(&stale, "torn by a kill");
    fs::set_permissions(&torn, PermissionsExt::from_mode(0o600)).expect("ours");
    machine.get().arg("--refresh").run().success().does_not_say("warning");
    assert!(!torn.exists());
    fs::remove_file(machine.only("locks")).expect("a lock");
    machine.get().arg("--refresh").run().success().does_not_say("warning");
}
