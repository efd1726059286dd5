//! Who holds a turn and who waits for it, as the kernel tells in `/proc/locks`.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;

use crate::common::TestEnvironment;

/// The lock file of the only identity in an environment.
pub(crate) fn lock_file(environment: &TestEnvironment) -> PathBuf {
    let entries = std::fs::read_dir(environment.data_dir().join("locks")).expect("a turn was taken");
    // Those beside the turn have longer names.
    let is_turn = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 64);
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).filter(is_turn).collect();
    match (paths.pop(), paths.is_empty()) {
        (Some(path), true) => path,
        _ => panic!("there is not one identity"),
    }
}

/// The process that has the turn.
pub(crate) fn holder(environment: &TestEnvironment) -> Pid {
    let locks = locks(inode(environment));
    let held = locks.iter().find(|lock| !lock.waits && lock.exclusive).expect("somebody has the turn");
    Pid::from_raw(held.pid).expect("a process")
}

/// Waits until this many processes wait for the turn to end.
pub(crate) fn wait_for_waiters(environment: &TestEnvironment, count: usize) {
    let inode = inode(environment);
    // Nothing tells of a new line in /proc/locks: looking again is the only way.
    while locks(inode).iter().filter(|lock| lock.waits).count() < count {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Takes the turn, as a process of its own would.
pub(crate) fn take(environment: &TestEnvironment) -> File {
    let file = File::options().read(true).write(true).open(lock_file(environment)).expect("the file is ours");
    file.lock().expect("nobody has it");
    file
}

struct Lock {
    waits: bool,
    exclusive: bool,
    pid: i32,
}

fn inode(environment: &TestEnvironment) -> u64 {
    lock_file(environment).metadata().expect("it is there").ino()
}

/// `1: FLOCK  ADVISORY  WRITE 840 fe:00:5414960 0 EOF`, and with `->` after the number for those who wait.
fn locks(inode: u64) -> Vec<Lock> {
    let table = std::fs::read_to_string("/proc/locks").expect("Linux tells");
    let parsed = |line: &str| {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let (waits, words) = match words.split_first() {
            Some((&"->", rest)) => (true, rest),
            _ => (false, words.as_slice()),
        };
        let [_, _, kind, pid, file, ..] = words else { return None };
        let is_it = file.rsplit(':').next() == Some(inode.to_string().as_str());
        is_it.then(|| Some(Lock { waits, exclusive: *kind == "WRITE", pid: pid.parse().ok()? })).flatten()
    };
    table.lines().filter_map(parsed).collect()
}
