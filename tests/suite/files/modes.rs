//! Files and directories of ours that are open to others.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{hinted_command, state};
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

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("it is there").mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root and the owner may");
}
