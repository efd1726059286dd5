//! Processes that are killed, and system calls that fail, at every step of what they write.
#![cfg(target_os = "linux")]

mod fleet_key;
mod ledger;
mod moving;
mod sweep;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sweep::{Call, Fault, World, sweep};

use crate::common::issuer::{CLIENT_ID, TOKEN_PREFIX};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

const OLD: &str = "CANARY-SECRET-that-was-there-before";
const NEW: &str = "CANARY-SECRET-that-comes-after";

/// What a disk, a quota and a process can run out of, and a disk that fails.
const ERRORS: [Fault; 4] =
    [Fault::Error("ENOSPC"), Fault::Error("EIO"), Fault::Error("EDQUOT"), Fault::Error("EMFILE")];

/// The calls that open, write, name and lock files.
const FILE_CALLS: [&str; 18] = [
    "open",
    "openat",
    "creat",
    "write",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
    "fchmodat",
    "fsync",
    "flock",
    "getdents64",
];

/// A home as after `init`, and an issuer that takes any secret.
fn empty_world() -> World {
    World::new(lenient_issuer(), with_backend())
}

/// A home with a credential.
fn world_with(secret: &str) -> World {
    let (issuer, environment) = (lenient_issuer(), with_backend());
    let _ = set(&environment, &issuer, secret).run().success();
    World::new(issuer, environment)
}

fn lenient_issuer() -> Issuer {
    let issuer = Issuer::start();
    let token = format!("{TOKEN_PREFIX}of-one-who-takes-any-secret");
    issuer.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
    issuer
}

fn with_backend() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    environment
}

fn set(environment: &TestEnvironment, issuer: &Issuer, secret: &str) -> Invocation {
    environment
        .tokenkeep(["-p", "billing", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"])
        .arg(issuer.token_url())
        .stdin(secret)
}

fn set_in(world: &World, secret: &str) -> Invocation {
    set(&world.environment, &world.issuer, secret)
}

fn get(world: &World, options: &[&str]) -> Invocation {
    world.environment.tokenkeep(["token", "get"]).args(options).prints_token()
}

/// The secret that the last request carried.
fn secret_used(world: &World) -> &'static str {
    let requests = world.issuer.requests();
    let header = requests.last().and_then(|request| request.header("authorization")).expect("a request with Basic");
    let text = STANDARD.decode(header.strip_prefix("Basic ").expect("Basic")).expect("Base64");
    let secrets = [OLD, NEW].into_iter().find(|secret| text == format!("{CLIENT_ID}:{secret}").as_bytes());
    secrets.expect("the secret is the old or the new one, whole")
}

fn fetches_with(world: &World) -> &'static str {
    get(world, &["--refresh"]).run().success().token();
    secret_used(world)
}

/// Sets the new secret as if nothing had happened: it works and leaves nothing behind.
fn assert_can_be_set(world: &World) {
    let _ = set_in(world, NEW).run().success();
    assert_eq!(world.temporaries(), [""; 0], "a following `credentials set` clears up");
    assert_eq!(fetches_with(world), NEW);
}

#[expect(clippy::print_stdout, reason = "the figure is what the test is for")]
fn tell(what: &str, faults: usize) {
    println!("{what}: {faults} faults");
    assert!(faults > 20, "{what}: {faults} are too few to be all");
}

fn every(_: &Call) -> bool {
    true
}

#[test]
fn a_set_that_is_killed_leaves_the_old_or_the_new_credential() {
    let kills = sweep(
        || world_with(OLD),
        |world| set_in(world, NEW),
        every,
        &[Fault::Kill],
        |world, _, outcome| {
            let used = fetches_with(world);
            assert!(outcome.code != 0 || used == NEW, "a set that succeeded counts");
            assert_can_be_set(world);
        },
    );
    tell("`credentials set` over an old one, killed", kills);
}

#[test]
fn a_first_set_that_is_killed_leaves_no_credential_or_the_new_one() {
    let kills = sweep(
        empty_world,
        |world| set_in(world, NEW),
        every,
        &[Fault::Kill],
        |world, _, _| {
            let outcome = get(world, &[]).run();
            assert!(outcome.code == 3 || secret_used(world) == NEW, "{outcome:?}");
            assert_can_be_set(world);
        },
    );
    tell("the first `credentials set`, killed", kills);
}

#[test]
fn an_init_that_is_killed_can_be_repeated() {
    let kills = sweep(
        || World::new(lenient_issuer(), TestEnvironment::new()),
        |world| world.environment.tokenkeep(["init", "--backend", "file"]),
        every,
        &[Fault::Kill],
        |world, _, _| {
            world.environment.tokenkeep(["init", "--backend", "file"]).run().success();
            assert_eq!(world.temporaries(), [""; 0], "a following `init` clears up");
            assert_can_be_set(world);
        },
    );
    tell("`init`, killed", kills);
}

#[test]
fn a_key_file_whose_making_is_killed_leaves_no_copy() {
    // In a folder that nothing sweeps.
    let key = |world: &World| world.environment.config_dir().join("keys/key");
    let init = |world: &World| world.environment.tokenkeep(["init", "--backend", "file", "--key-file"]).arg(key(world));
    let kills = sweep(
        || {
            let environment = TestEnvironment::new();
            environment.key_file(environment.config_dir().join("keys/key"));
            environment.write("config/keys/beside", "another file");
            World::new(lenient_issuer(), environment)
        },
        init,
        every,
        &[Fault::Kill],
        |world, _, _| {
            let names = || {
                let entries = std::fs::read_dir(world.environment.config_dir().join("keys")).expect("it is there");
                let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
                names.sort();
                names
            };
            assert!(names().iter().all(|name| name == "beside" || name == "key"), "{:?}", names());
            init(world).run().success();
            assert_eq!(names(), ["beside", "key"]);
        },
    );
    tell("`init` with a key file elsewhere, killed", kills);
}

#[test]
fn a_remove_that_is_killed_leaves_the_credential_or_none() {
    let remove = |world: &World| world.environment.tokenkeep(["-p", "billing", "credentials", "remove", "--yes"]);
    let world_with_a_token = || {
        let (issuer, environment) = (lenient_issuer(), with_backend());
        let _ = set(&environment, &issuer, OLD).run().success();
        environment.tokenkeep(["token", "get"]).prints_token().run().success().token();
        World::new(issuer, environment)
    };
    let kills = sweep(world_with_a_token, remove, every, &[Fault::Kill], |world, _, outcome| {
        let left = get(world, &["--refresh"]).run();
        assert!(left.code == 3 || (left.code == 0 && outcome.code != 0), "{left:?}");
        assert_is_removed_again(world, &remove);
        assert_can_be_set(world);
    });
    tell("`credentials remove`, killed", kills);
}

/// A removal that was interrupted leaves the profile until its secret is gone; the second one leaves nothing.
fn assert_is_removed_again(world: &World, remove: &impl Fn(&World) -> Invocation) {
    let again = remove(world).run().success();
    let secrets = world.environment.data_dir().join("secrets");
    let left = std::fs::read_dir(secrets).map_or(0, Iterator::count);
    assert_eq!(left, 0, "a secret is left that nothing names: {again:?}");
}

#[test]
fn a_first_get_that_is_killed_leaves_nothing_that_disturbs_the_next() {
    let kills = sweep(
        || world_with(OLD),
        |world| get(world, &[]),
        every,
        &[Fault::Kill],
        |world, _, _| {
            assert_at_most_one_temporary(world);
            let next = get(world, &[]).run().success();
            assert_eq!(next.stderr, "");
            assert_eq!(world.temporaries(), [""; 0]);
        },
    );
    tell("a cold `token get`, killed", kills);
}

#[test]
fn a_get_that_is_killed_leaves_the_old_or_the_new_record() {
    let world_with_a_record = || {
        let (issuer, environment) = (lenient_issuer(), with_backend());
        let _ = set(&environment, &issuer, OLD).run().success();
        environment.tokenkeep(["token", "get"]).prints_token().run().success().token();
        World::new(issuer, environment)
    };
    let kills = sweep(
        world_with_a_record,
        |world| get(world, &["--refresh"]),
        every,
        &[Fault::Kill],
        |world, _, _| {
            assert_at_most_one_temporary(world);
            assert_eq!(get(world, &["--offline"]).run().success().stderr, "");
            assert_eq!(get(world, &["--refresh"]).run().success().stderr, "");
            assert_eq!(world.temporaries(), [""; 0]);
        },
    );
    tell("`token get --refresh` over a record, killed", kills);
}

fn assert_at_most_one_temporary(world: &World) {
    let temporaries = world.temporaries();
    // NAME.tmp and none with a random part: the holder of the turn writes, and uses the same name again.
    let is_bounded = temporaries.len() <= 1 && temporaries.iter().all(|name| name.len() == 64 + ".tmp".len());
    assert!(is_bounded, "{temporaries:?}");
}

#[test]
fn a_cache_that_fails_anywhere_does_not_keep_the_token_of_a_stored_secret_from_the_caller() {
    let of_the_cache = |call: &Call| call.text.contains("tokens") || call.text.contains("locks");
    let faults = sweep(
        || world_with(OLD),
        |world| get(world, &[]),
        |call| FILE_CALLS.contains(&call.name.as_str()) && of_the_cache(call),
        &ERRORS,
        |world, call, outcome| assert_token_and_recovery(world, call, &outcome),
    );
    tell("a cold `token get`, its cache failing", faults);
}

#[test]
fn a_data_directory_that_fails_anywhere_does_not_keep_the_token_of_a_referenced_secret_from_the_caller() {
    let world_with_a_reference = || {
        let (issuer, environment) = (lenient_issuer(), with_backend());
        let secret = environment.write_secret("files/client-secret", OLD);
        let set = environment.tokenkeep(["-p", "billing", "credentials", "set", "--client-id", CLIENT_ID]);
        let set = set.args(["--token-url", &issuer.token_url(), "--secret-at-fetch"]);
        set.arg(format!("file:{}", secret.display())).run().success();
        World::new(issuer, environment)
    };
    let faults = sweep(
        world_with_a_reference,
        |world| get(world, &[]),
        |call| FILE_CALLS.contains(&call.name.as_str()) && (call.text.contains("/data") || call.text.contains("/key")),
        &ERRORS,
        |world, call, outcome| assert_token_and_recovery(world, call, &outcome),
    );
    tell("a cold `token get` with a referenced secret, its data directory failing", faults);
}

fn assert_token_and_recovery(world: &World, call: &Call, outcome: &Outcome) {
    assert!(outcome.code == 0, "{outcome:?}");
    outcome.token();
    let writes = ["write", "renameat", "mkdirat", "fchmod"].contains(&call.name.as_str());
    if writes && call.text.contains("tokens") {
        assert!(outcome.stderr.contains("warning: cache_"), "{outcome:?}");
    }
    // With the fault gone there is no step to take by hand.
    assert_eq!(get(world, &[]).run().success().stderr, "");
    assert_eq!(get(world, &["--offline"]).run().success().stderr, "");
    assert_eq!(world.temporaries(), [""; 0]);
}

#[test]
fn a_set_whose_calls_fail_says_so_and_leaves_the_old_credential() {
    let faults = sweep(
        || world_with(OLD),
        |world| set_in(world, NEW),
        |call| FILE_CALLS.contains(&call.name.as_str()),
        &ERRORS,
        |world, _, outcome| {
            assert!([0, 2, 3, 8, 9, 10].contains(&outcome.code), "an error of the contract: {outcome:?}");
            let used = fetches_with(world);
            assert_eq!(used, if outcome.code == 0 { NEW } else { OLD }, "{outcome:?}");
            assert_can_be_set(world);
        },
    );
    tell("`credentials set` over an old one, its calls failing", faults);
}

#[test]
fn a_first_set_whose_calls_fail_stores_the_credential_or_says_that_it_did_not() {
    let faults = sweep(
        empty_world,
        |world| set_in(world, NEW),
        |call| FILE_CALLS.contains(&call.name.as_str()),
        &ERRORS,
        |world, _, outcome| {
            assert!([0, 2, 3, 8, 9, 10].contains(&outcome.code), "an error of the contract: {outcome:?}");
            let got = get(world, &[]).run();
            assert_eq!(got.code, if outcome.code == 0 { 0 } else { 3 }, "{outcome:?}\n{got:?}");
            assert_can_be_set(world);
        },
    );
    tell("the first `credentials set`, its calls failing", faults);
}

#[test]
fn a_remove_whose_calls_fail_can_be_repeated() {
    let remove = |world: &World| world.environment.tokenkeep(["-p", "billing", "credentials", "remove", "--yes"]);
    let faults = sweep(
        || world_with(OLD),
        remove,
        |call| FILE_CALLS.contains(&call.name.as_str()),
        &ERRORS,
        |world, _, outcome| {
            assert!([0, 2, 3, 8, 9, 10].contains(&outcome.code), "an error of the contract: {outcome:?}");
            let left = get(world, &["--refresh"]).run();
            assert!(left.code == 3 || (left.code == 0 && outcome.code != 0), "{outcome:?}\n{left:?}");
            assert_is_removed_again(world, &remove);
            assert_can_be_set(world);
        },
    );
    tell("`credentials remove`, its calls failing", faults);
}

#[test]
fn an_init_whose_calls_fail_can_be_repeated() {
    let init = |world: &World| world.environment.tokenkeep(["init", "--backend", "file"]);
    let faults = sweep(
        || World::new(lenient_issuer(), TestEnvironment::new()),
        init,
        |call| FILE_CALLS.contains(&call.name.as_str()),
        &ERRORS,
        |world, _, outcome| {
            assert!([0, 8, 9].contains(&outcome.code), "an error of the contract: {outcome:?}");
            init(world).run().success();
            assert_eq!(world.temporaries(), [""; 0]);
            assert_can_be_set(world);
        },
    );
    tell("`init`, its calls failing", faults);
}
