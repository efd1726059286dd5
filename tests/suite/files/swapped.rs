//! Something that is exchanged between a check and its use.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{CWD, RenameFlags};

use super::state;
use crate::common::issuer::CLIENT_ID;
use crate::common::{Issuer, TestEnvironment};
use crate::machine::Machine;

const OTHER: &str = "other";
const OTHER_SECRET: &str = "CANARY-SECRET-of-the-other-client";

/// Exchanges two paths, over and over, while `work` runs.
fn while_exchanging(a: &Path, b: &Path, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let exchange = scope.spawn(|| {
            let mut times = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                // A rename onto one of the two by the program meanwhile is part of the game.
                let _ = rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE);
                times += 1;
            }
            times
        });
        // Also where `work` panics, or the other thread would never end.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        assert!(exchange.join().expect("no panic") > 0);
        if let Err(panic) = worked {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A machine with two profiles, each with a token.
fn two_profiles() -> Machine {
    let client = format!("{OTHER}:{OTHER_SECRET}");
    let main = format!("{CLIENT_ID}:{}", crate::common::issuer::CLIENT_SECRET);
    let issuer = Issuer::start_with(["--client", client.as_str(), "--client", main.as_str()]);
    let machine = Machine::of(TestEnvironment::new().unprivileged(), issuer);
    machine.set(OTHER, OTHER, OTHER_SECRET).success();
    machine.token();
    machine
}

fn assert_is_of_main(token: &str) {
    let whose = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    assert!(whose.as_deref() == Some(CLIENT_ID.as_bytes()), "a token of another profile");
}

#[test]
fn a_record_exchanged_with_a_symlink_is_never_another_identity_and_its_target_stays() {
    let machine = two_profiles();
    let record = machine.only("tokens");
    // Of another profile, whole, sealed with the right key.
    let known: BTreeSet<_> = [record.clone()].into();
    machine.get_of(OTHER).run().success();
    let others = crate::machine::paths_in(&machine.data("tokens")).into_iter().find(|path| !known.contains(path));
    let target = machine.environment.path("files/target");
    fs::rename(others.expect("the other token is kept"), &target).expect("same file system");
    let link = machine.environment.path("files/link");
    symlink(&target, &link).expect("a link");
    let before = fs::read(&target).expect("a record");
    while_exchanging(&record, &link, || {
        for round in 0..60 {
            let get = if round % 3 == 0 { machine.get().arg("--refresh") } else { machine.get() };
            assert_is_of_main(get.run().success().token());
        }
    });
    assert!(fs::read(&target).expect("a record") == before, "the target keeps its bytes");
}

#[test]
fn a_folder_exchanged_with_a_symlink_is_never_written_through() {
    for folder in ["tokens", "locks"] {
        let machine = two_profiles();
        let outside = machine.environment.path("files/outside");
        fs::create_dir(&outside).expect("a directory");
        std::os::unix::fs::chown(&outside, owner(&machine), owner(&machine)).expect("root may");
        let link = machine.environment.path("files/link");
        symlink(&outside, &link).expect("a link");
        let before = state(&outside);
        while_exchanging(&machine.data(folder), &link, || {
            for _ in 0..40 {
                assert_is_of_main(machine.get().arg("--refresh").run().success().token());
            }
        });
        assert_eq!(state(&outside), before, "{folder}");
    }
}

#[test]
fn a_secret_or_the_store_exchanged_with_a_symlink_is_read_or_refused_and_never_absent() {
    for place in ["secrets", "store"] {
        let machine = two_profiles();
        let secrets = crate::machine::paths_in(&machine.data("secrets")).len();
        let (path, target) = (machine.data(place), machine.environment.path("files/target"));
        // A copy that would do as well as the original.
        let copied = std::process::Command::new("cp").arg("-a").arg(&path).arg(&target).status();
        assert!(copied.is_ok_and(|status| status.success()));
        let link = machine.environment.path("files/link");
        symlink(&target, &link).expect("a link");
        let before = state(&target);
        while_exchanging(&path, &link, || {
            for _ in 0..40 {
                let outcome = machine.get().arg("--refresh").run();
                assert!(outcome.code == 0 || outcome.code == 10, "{place}: {outcome:?}");
            }
        });
        assert_eq!(state(&target), before, "{place}");
        assert_eq!(crate::machine::paths_in(&machine.data("secrets")).len(), secrets, "nothing was made anew");
    }
}

fn owner(machine: &Machine) -> Option<u32> {
    let metadata = machine.data("").metadata().expect("the data directory is there");
    Some(std::os::unix::fs::MetadataExt::uid(&metadata))
}
