use std::cell::Cell;

use super::*;

fn data() -> (tempfile::TempDir, Dir) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
    (root, dir)
}

#[test]
fn a_file_that_another_program_has_open_is_waited_for() {
    let tries = Cell::new(0);
    let busy_for = |times: u32, kind: io::ErrorKind| {
        tries.set(0);
        retried(|| {
            tries.set(tries.get() + 1);
            if tries.get() > times { Ok(()) } else { Err(io::Error::from(kind)) }
        })
    };
    assert!(busy_for(5, io::ErrorKind::PermissionDenied).is_ok());
    assert_eq!(tries.get(), 6);
    assert!(busy_for(5, io::ErrorKind::StorageFull).is_err(), "this does not pass by itself");
    assert_eq!(tries.get(), 1);
    assert!(busy_for(u32::MAX, io::ErrorKind::PermissionDenied).is_err(), "it ends");
    assert!((2..100).contains(&tries.get()), "{} tries", tries.get());
}

#[test]
fn a_lock_file_that_was_made_again_is_another() {
    let (_root, dir) = data();
    let file = dir.lock_file("lock").expect("made");
    assert!(dir.still_holds("lock", &file).expect("told"));
    fs::remove_file(dir.path().join("lock")).expect("ours");
    assert!(!dir.still_holds("lock", &file).expect("told"));
    let again = dir.lock_file("lock").expect("made");
    assert!(!dir.still_holds("lock", &file).expect("told"));
    assert!(dir.still_holds("lock", &again).expect("told"));
}

#[test]
fn another_file_of_the_same_size_and_time_has_another_stamp() {
    let (_root, dir) = data();
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let write = || {
        dir.replace("file", "file.tmp", b"same size", Durable::No).expect("written");
        let file = File::options().write(true).open(dir.path().join("file")).expect("opened");
        file.set_times(fs::FileTimes::new().set_modified(time)).expect("set");
        dir.stamp("file").expect("told")
    };
    let first = write();
    assert_eq!(first, dir.stamp("file").expect("told"));
    assert_ne!(first, write());
}

#[test]
fn access_that_was_denied_is_not_called_a_read_only_place() {
    let denied = PlaceError::io(Path::new("file"), "write", io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(!denied.is_read_only());
    let read_only = PlaceError::io(Path::new("file"), "write", io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
    assert!(read_only.is_read_only());
}
