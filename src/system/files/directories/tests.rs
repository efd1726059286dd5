use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

const USERS: &str =
    "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nben:x:1001:100::/home/ben:/bin/sh\n";

#[test]
fn a_group_is_its_owners_own_if_nobody_else_is_in_it() {
    let own = |groups: &str| has_no_other_member(USERS, groups, 1000, 1000);
    assert!(own("root:x:0:\nann:x:1000:\n"));
    assert!(own("ann:x:1000:ann\n"));
    assert!(!own("ann:x:1000:ben\n"), "a member");
    assert!(!own("ann:x:1000:ann, ben\n"), "one of two members");
    assert!(!own("ann:x:1000:\nalso:x:1000:ben\n"), "a second line for the same group");
    assert!(!own("root:x:0:\n"), "a group that the list does not know");
    assert!(!own("ann:x\n"), "a list that is cut");
}

#[test]
fn a_group_that_is_not_the_primary_one_of_its_owner_is_shared() {
    let groups = "users:x:100:\nann:x:1000:\n";
    assert!(!has_no_other_member(USERS, groups, 1000, 100), "another user's primary group");
    assert!(!has_no_other_member(USERS, groups, 1002, 1000), "an owner that the list does not know");
    let both = format!("{USERS}carl:x:1003:1000::/home/carl:/bin/sh\n");
    assert!(!has_no_other_member(&both, groups, 1000, 1000), "the primary group of two");
}

fn root() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn missing_parents_are_made_closed() {
    let root = root();
    make_path(&root.path().join("a/b/c")).expect("made");
    for made in ["a", "a/b", "a/b/c"] {
        let there = root.path().join(made).metadata().expect("it is there");
        assert!(there.is_dir() && there.mode() & 0o777 == 0o700, "{made}: {:o}", there.mode());
    }
    make_path(&root.path().join("a/b/c")).expect("what is there is no error");
    make_path(&root.path().join("a/x/../y/./z")).expect("made");
    assert!(root.path().join("a/y/z").is_dir());
}

#[test]
fn a_link_that_leads_nowhere_is_named_wherever_it_is_above() {
    let root = root();
    symlink(root.path().join("not-mounted"), root.path().join("link")).expect("a link");
    symlink("link", root.path().join("chain")).expect("a link");
    symlink("round", root.path().join("round")).expect("a link");
    for below in ["link/a", "link/a/b/c", "chain/a", "link/../link/a", "link"] {
        let error = make_path(&root.path().join(below)).expect_err("there is nothing to make it in");
        assert!(!error.is_insecure(), "the disk is to blame: {error}");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.ends_with("is a symlink that leads nowhere"), "{below}: {cause}");
    }
    let error = make_path(&root.path().join("round/a/b")).expect_err("there is nothing to make it in");
    assert!(!error.is_insecure(), "{error}");
    assert!(!root.path().join("not-mounted").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_makes_no_directories_is_an_error() {
    for path in ["/proc/tokenkeep", "/proc/tokenkeep/a/b", "/proc/self/a"] {
        let error = make_path(Path::new(path)).expect_err("/proc makes none");
        assert!(!error.is_insecure(), "{error}");
    }
}

#[test]
fn nothing_is_made_where_others_can_exchange_it() {
    let root = root();
    let parent = root.path().join("parent");
    fs::create_dir(&parent).expect("a directory");
    if parent.metadata().expect("it is there").uid() == 0 {
        std::os::unix::fs::chown(&parent, Some(65534), None).expect("root may");
        let error = make_path(&parent.join("a")).expect_err("it belongs to another user");
        assert!(matches!(error, PlaceError::Foreign { owner: 65534, .. }), "{error}");
    } else {
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).expect("ours");
        let error = make_path(&parent.join("a")).expect_err("others can write it");
        assert!(matches!(error, PlaceError::Insecure { mend: Some(Mend::NoOtherWriter), .. }), "{error}");
    }
    assert!(!parent.join("a").exists());
}

#[test]
fn what_takes_the_place_of_a_new_directory_is_not_changed() {
    let root = root();
    let open = root.path().join("open");
    fs::create_dir(&open).expect("a directory");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("ours");
    symlink(&open, root.path().join("link")).expect("a link");
    let at = rustix::fs::open(root.path(), WALK, Mode::empty()).expect("opened");
    for name in ["open", "link"] {
        // As if it had come there just after the directory was made.
        let error = made_by_us(at.as_fd(), Path::new(name), &root.path().join(name)).expect_err("it is another");
        assert!(error.is_insecure(), "{error}");
        assert_eq!(open.metadata().expect("it is there").mode() & 0o777, 0o755);
    }
}
