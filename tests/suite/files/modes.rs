//! Files and directories of ours that are open to others.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{hinted_command, state};
use crate::common::skipped;
use crate::machine::Machine;

#[test]
fn a_data_directory_open_to_others_is_refused_with_the_command_that_closes_it() {
    let machine = Machine::unprivileged();
    machine.token();
    for mode in [0o755, 0o770, 0o701] {
        chmod(&machine.data(""), mode);
        let before = state(&machine.data(""));
        for arguments in
            [&["token", "get"][..], &["init", "--backend", "file"], &["token", "list"], &["token", "forget"]]
        {
            machine.tokenkeep(arguments).arg("--json").run().fails(10, "insecure_path");
        }
        assert_eq!(state(&machine.data("")), before, "nothing is mended behind its owner's back");
        let refused = machine.tokenkeep(["token", "get"]).run().fails(10, "insecure_path");
        let command = hinted_command(&refused);
        assert_eq!(command, format!("chmod 700 {}", machine.environment.data_dir().display()));
        machine.environment.program("sh", ["-c", &command]).run().success();
        machine.get().run().success();
    }
}

#[test]
fn a_secret_open_to_others_is_refused_and_a_record_open_to_others_is_not_used() {
    let machine = Machine::unprivileged();
    let first = machine.token();
    let (secret, record) = (machine.only("secrets"), machine.only("tokens"));
    for (path, fix) in
        [(machine.data("store"), "chmod 600"), (secret, "chmod 600"), (machine.data("secrets"), "chmod 700")]
    {
        let before = mode(&path);
        chmod(&path, before | 0o044);
        let refused = machine.tokenkeep(["token", "get", "--refresh"]).run().fails(10, "insecure_path");
        let command = hinted_command(&refused);
        assert_eq!(command, format!("{fix} {}", path.display()));
        machine.environment.program("sh", ["-c", &command]).run().success();
        machine.get().run().success();
    }
    let lock = machine.only("locks");
    for path in [record.clone(), machine.data("tokens"), machine.data("locks"), lock] {
        let before = mode(&path);
        chmod(&path, before | 0o044);
        // A record and its directory are read by every call, a lock only by one that asks the issuer.
        let served = machine.get().arg("--refresh").run().success().says("warning: cache_path_insecure");
        assert!(served.token() != first);
        chmod(&path, before);
    }
    machine.get().run().success().does_not_say("warning");
}

#[test]
fn a_directory_that_serves_others_is_not_to_be_closed() {
    let machine = Machine::new();
    let shared = |name: &str, mode: u32| {
        let path = machine.environment.root().join(name);
        fs::create_dir(&path).expect("a directory");
        chmod(&path, mode);
        path
    };
    let project = shared("project", 0o755);
    fs::write(project.join("notes"), "of the user").expect("a file");
    let empty = shared("sticky", 0o1777);
    let system = ["/", "/tmp", "/var/tmp", "/dev/shm"].map(Path::new).into_iter().filter(|path| path.is_dir());
    let homes = [machine.environment.home()].into_iter().filter(|home| {
        let there = home.is_dir();
        if there {
            chmod(home, 0o755);
        }
        there
    });
    for path in [project, empty].into_iter().chain(system.map(Path::to_owned)).chain(homes) {
        let before = mode(&path);
        if before & 0o077 == 0 {
            skipped(&format!("{} is closed here", path.display()));
            continue;
        }
        let init = machine.tokenkeep(["init", "--backend", "file", "--data-dir"]).arg(&path);
        let refused = init.run().fails(10, "insecure_path");
        let hint = refused.stderr.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        let inside = path.join("tokenkeep");
        assert_eq!(hint, format!("hint: use a directory inside it: --data-dir {}", inside.display()), "{refused:?}");
        assert_eq!(mode(&path), before);
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("it is there").mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}
