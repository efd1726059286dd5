//! `fleet key`, killed at each system call: the host has the old key or the new one, whole.

use std::path::PathBuf;

use super::{FILE_CALLS, OLD, every, lenient_issuer, set, tell, with_backend};
use crate::common::redis::PASSWORD;
use crate::common::{Invocation, TestEnvironment};
use crate::kills::sweep::{Fault, World, sweep};

/// What was imported before; it lies where it is put back with the rest.
const FIRST: &str = "first-key";
const SECOND: &str = "second-key";

fn in_config(environment: &TestEnvironment, name: &str) -> PathBuf {
    environment.config_dir().join(name)
}

/// A home of a fleet, with a secret, a fleet key, and what is derived from both; and another key in a file.
fn world_with(second: bool) -> World {
    let (issuer, environment) = (lenient_issuer(), with_backend());
    environment.write("config/config.toml", "[fleet]\nurl = \"redis://127.0.0.1:1\"\n");
    let keys: &[&str] = if second { &[FIRST, SECOND] } else { &[FIRST] };
    for name in [FIRST, SECOND, "exported-key"] {
        environment.key_file(in_config(&environment, name));
    }
    for name in keys.iter().rev() {
        let file = in_config(&environment, name);
        environment.tokenkeep(["fleet", "key", "new"]).arg(file).run().success();
    }
    let _ = set(&environment, &issuer, OLD).run().success();
    World::new(issuer, environment)
}

fn fleet_key(world: &World, verb: &str, name: &str) -> Invocation {
    world.environment.tokenkeep(["fleet", "key", verb]).arg(in_config(&world.environment, name))
}

fn exported(world: &World) -> Vec<u8> {
    fleet_key(world, "export", "exported-key").run().success();
    let file = in_config(&world.environment, "exported-key");
    let key = std::fs::read(&file).expect("it is ours");
    std::fs::remove_file(file).expect("it is ours");
    key
}

fn bytes(world: &World, name: &str) -> Option<Vec<u8>> {
    std::fs::read(in_config(&world.environment, name)).ok()
}

/// The first key or the second is there, and everything goes on with either.
fn assert_one_of_both(world: &World, succeeded: bool) {
    let (key, first, second) = (exported(world), bytes(world, FIRST), bytes(world, SECOND));
    let is_second = second.as_ref() == Some(&key);
    assert!(is_second || (!succeeded && first.as_ref() == Some(&key)), "the old key or the new one, whole");
    // Whatever was left on the way is found and goes; the key stays.
    world.environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let fixed = world.environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success();
    assert!(fixed.stdout_str().contains("\nok    orphans "), "{fixed:?}");
    assert!(exported(world) == key);
    fleet_key(world, "import", FIRST).run().success();
    assert_eq!(world.temporaries(), [""; 0]);
    assert!(Some(exported(world)) == first);
    let secrets = std::fs::read_dir(world.environment.data_dir().join("secrets")).expect("secrets are kept").count();
    assert!((2..=3).contains(&secrets), "the secret, the key, and what may be derived: {secrets}");
}

#[test]
fn a_new_shared_key_that_is_killed_leaves_the_old_one_or_the_new_one() {
    let run = |world: &World| fleet_key(world, "new", SECOND);
    let kills = sweep(
        || world_with(false),
        run,
        every,
        &[Fault::Kill],
        |world, _, outcome| assert_one_of_both(world, outcome.code == 0),
    );
    tell("`fleet key new`, killed", kills);
}

#[test]
fn a_new_shared_key_that_fails_leaves_no_file_of_a_key_that_nobody_has() {
    let run = |world: &World| fleet_key(world, "new", SECOND);
    let faults = sweep(
        || world_with(false),
        run,
        |call| FILE_CALLS.contains(&call.name.as_str()),
        &[Fault::Error("EIO")],
        |world, _, outcome| {
            assert_eq!(bytes(world, SECOND).is_some(), outcome.code == 0, "{outcome:?}");
            let again = if outcome.code == 0 { fleet_key(world, "import", SECOND) } else { run(world) };
            again.run().success();
        },
    );
    tell("`fleet key new`, its calls failing", faults);
}

#[test]
fn an_import_of_a_shared_key_that_is_killed_leaves_the_old_one_or_the_new_one() {
    let run = |world: &World| fleet_key(world, "import", SECOND);
    let kills = sweep(
        || world_with(true),
        run,
        every,
        &[Fault::Kill],
        |world, _, outcome| assert_one_of_both(world, outcome.code == 0),
    );
    tell("`fleet key import`, killed", kills);
}

/// What a new data key leaves: everything that the host has of its fleet, whenever it is killed.
#[test]
fn a_new_data_key_that_is_killed_leaves_the_shared_key_and_the_login() {
    let world = || {
        let world = world_with(false);
        world.environment.canary("password of the store", PASSWORD);
        let login = world.environment.tokenkeep(["fleet", "login", "set", "--secret-stdin"]).stdin(PASSWORD);
        login.run().success();
        World::new(world.issuer, world.environment)
    };
    let rekey = |world: &World| world.environment.tokenkeep(["rekey"]);
    let kills = sweep(world, rekey, every, &[Fault::Kill], |world, _, _| {
        for _ in 0..2 {
            assert!(Some(exported(world)) == bytes(world, FIRST));
            let fixed = world.environment.tokenkeep(["doctor", "--fix", "--yes"]).run().success();
            assert!(fixed.stdout_str().contains("\nok    orphans "), "{fixed:?}");
            rekey(world).run().success();
        }
        let secrets = std::fs::read_dir(world.environment.data_dir().join("secrets")).expect("it is there").count();
        assert_eq!(secrets, 3, "the secret, the key, the login");
    });
    tell("`rekey` with what a fleet needs, killed", kills);
}
