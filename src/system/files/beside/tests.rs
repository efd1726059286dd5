use super::*;

fn root() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn names(root: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(root.path()).expect("it can be listed");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_made_once_and_nothing_lies_beside_it() {
    let root = root();
    let path = root.path().join("key");
    assert!(create(&path, b"first").expect("made"));
    assert!(!create(&path, b"second").expect("one is there"));
    assert_eq!(fs::read(&path).expect("it is there"), b"first");
    assert_eq!(names(&root), ["key"]);
}

#[test]
fn what_a_kill_left_goes_with_the_next_one_that_makes_the_file() {
    let root = root();
    let path = root.path().join("key");
    // Killed before the file had its name.
    fs::write(name_beside(&path), b"half").expect("ours");
    assert!(create(&path, b"whole").expect("made"));
    assert_eq!(names(&root), ["key"]);
    // Killed after that: the two names are one file, which must stay as it is.
    fs::hard_link(&path, name_beside(&path)).expect("a link");
    remove_left(&path).expect("removed");
    assert_eq!(names(&root), ["key"]);
    assert_eq!(fs::read(&path).expect("it is there"), b"whole");
    fs::hard_link(&path, name_beside(&path)).expect("a link");
    assert!(!create(&path, b"another").expect("one is there"));
    assert_eq!(names(&root), ["key"]);
    assert_eq!(fs::read(&path).expect("it is there"), b"whole");
}

#[test]
fn what_is_no_file_is_not_taken_for_something_that_was_left() {
    let root = root();
    let path = root.path().join("key");
    fs::create_dir(name_beside(&path)).expect("a directory");
    remove_left(&path).expect("nothing to remove");
    assert!(create(&path, b"whole").is_err());
    assert_eq!(names(&root), [".key.tokenkeep.tmp"]);
    remove_left(&root.path().join("a".repeat(250))).expect("a name that is too long was never there");
}

#[test]
fn of_many_that_make_it_at_once_one_does_and_it_is_whole() {
    for _ in 0..20 {
        let root = root();
        let path = root.path().join("key");
        let wrote = |byte: u8| create(&path, &[byte; 4_096]).expect("no error for another's sake").then_some(byte);
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|byte| scope.spawn(move || wrote(byte))).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(fs::read(&path).expect("it is there"), [winners[0]; 4_096]);
        assert_eq!(names(&root), ["key"]);
    }
}
