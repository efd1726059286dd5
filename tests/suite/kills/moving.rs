//! `init --move` and `rekey`, killed at each system call: the old place or the new one works, never neither.

use super::{NEW, OLD, assert_can_be_set, every, fetches_with, get, lenient_issuer, set, tell, with_backend};
use crate::common::{Invocation, TestEnvironment};
use crate::kills::sweep::{Fault, World, sweep};

/// The other key file lies where it is put back with the rest.
fn other_key(environment: &TestEnvironment) -> std::path::PathBuf {
    environment.config_dir().join("other-key")
}

/// A home with a stored secret and a token.
fn world() -> World {
    let (issuer, environment) = (lenient_issuer(), with_backend());
    environment.key_file(other_key(&environment));
    let _ = set(&environment, &issuer, OLD).run().success();
    environment.tokenkeep(["token", "get"]).prints_token().run().success().token();
    World::new(issuer, environment)
}

fn moves(world: &World) -> Invocation {
    let init = world.environment.tokenkeep(["init", "--backend", "file", "--move", "--key-file"]);
    init.arg(other_key(&world.environment))
}

fn rekey(world: &World) -> Invocation {
    world.environment.tokenkeep(["rekey"])
}

fn assert_works(world: &World) {
    assert_eq!(fetches_with(world), OLD, "the stored secret opens");
    let next = get(world, &["--offline"]).run().success();
    assert_eq!(next.stderr, "");
}

/// A folder of sealed secrets holds the one item, and nothing that no key opens.
fn assert_one_item(world: &World) {
    let entries = std::fs::read_dir(world.environment.data_dir().join("secrets")).expect("there is a secret");
    let names: Vec<_> = entries.map(|entry| entry.expect("a readable folder").file_name()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let data = std::fs::read_dir(world.environment.data_dir()).expect("it is there");
    let folders = data.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let mut folders: Vec<_> = folders.map(|entry| entry.file_name().display().to_string()).collect();
    folders.sort();
    assert_eq!(folders, ["locks", "secrets", "tokens"], "no other folder of secrets is left");
}

#[test]
fn a_move_that_is_killed_leaves_the_old_place_or_the_new_one() {
    let kills = sweep(world, moves, every, &[Fault::Kill], |world, _, _| {
        assert_works(world);
        moves(world).run().success();
        assert_works(world);
        assert_one_item(world);
        assert_can_be_set(world);
    });
    tell("`init --move`, killed", kills);
}

#[test]
fn a_rekey_that_is_killed_leaves_the_old_key_or_the_new_one() {
    let kills = sweep(world, rekey, every, &[Fault::Kill], |world, _, _| {
        assert_works(world);
        rekey(world).run().success();
        assert_works(world);
        assert_one_item(world);
        assert_can_be_set(world);
    });
    tell("`rekey`, killed", kills);
}

#[test]
fn a_destruction_that_is_killed_can_be_repeated_to_its_end() {
    let destroy = |world: &World| world.environment.tokenkeep(["rekey", "--destroy", "--yes"]);
    let kills = sweep(world, destroy, every, &[Fault::Kill], |world, _, _| {
        let again = destroy(world).run();
        // Where `store` is gone there is nothing left to destroy.
        assert!(again.code == 0 || again.code == 8, "{again:?}");
        assert!(!world.environment.data_dir().join("store").exists());
        let left = std::fs::read_dir(world.environment.data_dir().join("secrets")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "sealed secrets are gone");
        world.environment.tokenkeep(["init", "--backend", "file"]).run().success();
        let _ = set(&world.environment, &world.issuer, NEW).run().success();
        assert_eq!(fetches_with(world), NEW);
    });
    tell("`rekey --destroy`, killed", kills);
}
