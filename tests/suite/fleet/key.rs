//! `fleet key`: made on one host, brought to the others in a file, and seen nowhere else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::host::{SECRET, at, chill, gets, host, issuer, set, share, vouch};
use crate::common::issuer::CLIENT_ID;
use crate::common::redis::RedisServer;
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::setup::{init, snapshot};

/// A run of `fleet key`.
fn fleet_key(environment: &TestEnvironment, verb: &str, file: &Path) -> Invocation {
    environment.tokenkeep(["--json", "fleet", "key", verb]).arg(file)
}

/// A file that a key is in, or will be.
fn key_file(environment: &TestEnvironment, name: &str) -> PathBuf {
    environment.key_file(name);
    environment.path(name)
}

/// Makes a key, in a file as well.
fn new(environment: &TestEnvironment) -> (PathBuf, String) {
    let file = key_file(environment, "files/new-key");
    let made = fleet_key(environment, "new", &file).run().success();
    (file, fingerprint(&made))
}

/// Brings a key to another host.
fn bring(file: &Path, to: &TestEnvironment) -> PathBuf {
    key_file(to, "files/brought-key");
    to.write_secret("files/brought-key", fs::read(file).expect("it is ours"))
}

/// What a command, or `doctor`, names a key by.
fn fingerprint(outcome: &Outcome) -> String {
    let words = outcome.stderr.split(|byte: char| !byte.is_ascii_alphanumeric());
    let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    words.into_iter().find(digits).expect("eight digits").to_owned()
}

/// The key that a host has, as its own `export` gives it.
fn exported(environment: &TestEnvironment) -> Vec<u8> {
    let file = key_file(environment, "files/exported-key");
    fleet_key(environment, "export", &file).run().success();
    let key = fs::read(&file).expect("it is ours");
    fs::remove_file(file).expect("it is ours");
    key
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn bare() -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    environment
}

#[test]
fn a_new_key_is_a_file_of_its_owner_and_the_same_on_every_host_that_imports_it() {
    let [a, b] = [(); 2].map(|()| bare());
    let open = ["sh", "-c", "umask 0; exec \"$@\"", "sh"];
    let file = key_file(&a, "files/new-key");
    let made = fleet_key(&a, "new", &file).under(open).run().success();
    assert_eq!((mode(&file), fs::read(&file).expect("it is ours").len()), (0o600, 32));
    let brought = bring(&file, &b);
    let imported = fleet_key(&b, "import", &brought).run().success();
    assert_eq!(fingerprint(&made), fingerprint(&imported));
    for environment in [&a, &b] {
        assert!(exported(environment) == fs::read(&file).expect("it is ours"), "all have the key that was made");
        // The key files are canaries: in no other file they are, and not in the data directory in clear.
        environment.assert_clean();
    }
    let again = key_file(&b, "files/again");
    let exported = fleet_key(&b, "export", &again).under(open).run().success();
    assert_eq!((mode(&again), fingerprint(&exported)), (0o600, fingerprint(&made)));
    // The same once more changes nothing.
    let before = snapshot(&b.data_dir());
    fleet_key(&b, "import", &brought).run().success();
    assert!(snapshot(&b.data_dir()) == before);
}

#[test]
fn a_new_key_parts_a_host_from_its_fleet_and_importing_it_brings_the_others() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    gets(&a, &[], "issuer");
    gets(&b, &[], "fleet");
    let (file, _) = new(&a);
    chill(&a);
    let token = gets(&a, &[], "issuer");
    chill(&b);
    assert!(gets(&b, &[], "fleet") != token, "the token of the derived key");
    fleet_key(&b, "import", &bring(&file, &b)).run().success();
    chill(&b);
    assert!(gets(&b, &[], "fleet") == token);
    assert_eq!(issuer.count("/token"), 2);
    // Nothing that was derived for the old key is left: the secret, the key, and what is derived with it.
    for environment in [&a, &b] {
        let kept = fs::read_dir(environment.data_dir().join("secrets")).expect("secrets are kept").count();
        assert_eq!(kept, 3);
    }
}

#[test]
fn a_key_that_is_removed_brings_a_host_back_to_those_without() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let derived = gets(&a, &[], "issuer");
    new(&b);
    gets(&b, &[], "issuer");
    for _ in 0..2 {
        b.tokenkeep(["fleet", "key", "remove"]).run().success();
    }
    b.tokenkeep(["--json", "fleet", "key", "export"]).arg(b.path("files/x")).run().fails(3, "credential_missing");
    // The key took the place of the vouching before it.
    super::host::get(&b, &["--refresh"]).run().success().says("fleet_key_missing");
    vouch(&b, &[]);
    chill(&b);
    assert!(gets(&b, &[], "fleet") == derived);
    let kept = fs::read_dir(b.data_dir().join("secrets")).expect("secrets are kept").count();
    assert_eq!(kept, 2, "the secret, and what is derived from it");
    // A file is its owner's to remove.
    let file = key_file(&b, "files/shared.key");
    share(&b, &with_key_file(&server, &file));
    fleet_key(&b, "new", &file).run().success();
    b.tokenkeep(["--json", "fleet", "key", "remove"]).run().fails(2, "usage");
    assert!(file.exists());
}

#[test]
fn two_hosts_that_each_make_a_key_do_not_meet() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let [(_, one), (_, other)] = [&a, &b].map(new);
    assert_ne!(one, other);
    gets(&a, &[], "issuer");
    gets(&b, &[], "issuer");
}

#[test]
fn nothing_is_written_over() {
    let environment = bare();
    new(&environment);
    let key = exported(&environment);
    let there = environment.write("files/there", "something else");
    let folder = environment.path("files/folder");
    fs::create_dir(&folder).expect("the folder is new");
    let nowhere = environment.path("files/nowhere");
    symlink(environment.path("files/nothing"), &nowhere).expect("the link is new");
    let data = snapshot(&environment.data_dir());
    for verb in ["new", "export"] {
        for path in [&there, &folder, &nowhere] {
            let refused = fleet_key(&environment, verb, path).run().fails(2, "usage");
            assert_eq!(refused.error()["hint"], "name another file, or move it away", "{verb} {}", path.display());
        }
        // A key that the other hosts cannot be given is not taken here either.
        fleet_key(&environment, verb, &environment.path("files/no/such/folder")).run().fails(9, "write_failed");
    }
    assert_eq!(fs::read(there).expect("it is there"), b"something else");
    assert!(!environment.path("files/nothing").exists());
    assert!(snapshot(&environment.data_dir()) == data && exported(&environment) == key, "the key is the one before");
}

#[test]
fn what_is_no_key_of_its_owner_is_not_imported() {
    let environment = bare();
    new(&environment);
    let data = snapshot(&environment.data_dir());
    let good = environment.write_secret("files/good", "CANARY-SECRET-of-more-than-32-bytes");
    let open = environment.write_secret("files/open", "CANARY-SECRET-of-more-than-32-bytes");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let short = environment.write_secret("files/short", "CANARY-SECRET-of-31-bytes------");
    let queue = environment.path("files/queue");
    environment.program("mkfifo", [&queue]).run().success();
    let typed = Path::new("0f9a61d7c24be8355d90a7f3b16c2e840f9a61d7c24be8355d90a7f3b16c2e84");
    for (path, code) in [
        (open.as_path(), "key_file_insecure"),
        (&short, "key_file_insecure"),
        (&queue, "key_file_insecure"),
        (environment.root(), "key_file_insecure"),
        (&environment.path("files/missing"), "key_file_missing"),
        // A key is not an argument: it is taken for the name of a file.
        (typed, "key_file_missing"),
    ] {
        fleet_key(&environment, "import", path).run().fails(8, code);
        assert!(snapshot(&environment.data_dir()) == data, "{}", path.display());
    }
    // As Kubernetes mounts files.
    let link = environment.path("files/link");
    symlink(&good, &link).expect("the link is new");
    fleet_key(&environment, "import", &link).run().success();
    assert_eq!(exported(&environment), fs::read(good).expect("it is ours"));
}

/// `[fleet]` of a host whose key is a file.
fn with_key_file(server: &RedisServer, file: &Path) -> String {
    format!("{}key_file = \"{}\"\n", at(server), file.display())
}

#[test]
fn with_a_key_file_the_commands_work_on_that_file() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    // The folder is made, too.
    let file = key_file(&a, "etc/shared.key");
    share(&a, &with_key_file(&server, &file));
    fleet_key(&a, "export", &a.path("files/x")).run().fails(8, "key_file_missing");
    let made = fleet_key(&a, "new", &file).run().success();
    assert_eq!((mode(&file), exported(&a)), (0o600, fs::read(&file).expect("it is ours")));
    assert!(!a.data_dir().join("shared").exists(), "the backend keeps none");
    // Never another one in its place.
    let brought = bring(&file, &b);
    fleet_key(&b, "import", &brought).run().success();
    let other = key_file(&b, "files/other-key");
    fleet_key(&b, "new", &other).run().success();
    let to_a = key_file(&a, "files/other-key");
    a.write_secret("files/other-key", fs::read(other).expect("it is ours"));
    fleet_key(&a, "import", &to_a).run().fails(2, "usage");
    fleet_key(&a, "new", &a.path("files/x")).run().fails(2, "usage");
    a.tokenkeep(["--json", "fleet", "key", "new"]).run().fails(2, "usage");
    fleet_key(&a, "import", &file).run().success();
    // One host has it in a file, the other in its backend: one fleet.
    let imported = fleet_key(&b, "import", &brought).run().success();
    assert_eq!(fingerprint(&imported), fingerprint(&made));
    let token = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == token);
    // Where there is none yet, an import makes it.
    fs::remove_file(&file).expect("it is ours");
    fleet_key(&a, "import", &to_a).run().success();
    assert_eq!((mode(&file), exported(&a)), (0o600, fs::read(to_a).expect("it is ours")));
}

#[test]
fn where_nothing_is_kept_a_key_file_or_a_secret_that_is_vouched_for_is_enough() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let key = TestEnvironment::new();
    let file = key_file(&key, "shared.key");
    share(&key, &with_key_file(&server, &file));
    key.tokenkeep(["fleet", "key", "new"]).run().success();
    for shared in [with_key_file(&server, &file), at(&server)] {
        let [a, b] = [(); 2].map(|()| keepless(&issuer, &shared));
        if !shared.contains("key_file") {
            [&a, &b].into_iter().for_each(|environment| vouch(environment, &[]));
        }
        gets(&a, &[], "issuer");
        let token = gets(&b, &[], "fleet");
        assert!(gets(&b, &[], "fleet") == token, "it is looked for each time");
        assert!(gets(&a, &["--refresh"], "issuer") != token);
    }
    assert_eq!(issuer.count("/token"), 4);
}

/// A pod: nothing is kept, and the secret is read at each fetch.
fn keepless(issuer: &Issuer, shared: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.write("config/config.toml", format!("[secrets]\nbackend = \"none\"\n[fleet]\n{shared}"));
    let secret = environment.write_secret("files/secret", SECRET);
    let profile = format!(
        "client_id = \"{CLIENT_ID}\"\ntoken_url = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
        issuer.token_url(),
        secret.display()
    );
    environment.write("config/profiles/default.toml", profile);
    environment
}

#[test]
fn a_key_that_is_gone_is_told_and_is_not_derived_in_its_place() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    let (file, _) = new(&environment);
    gets(&environment, &[], "issuer");
    // A copy of the data directory that lacks it.
    for entry in fs::read_dir(environment.data_dir().join("secrets")).expect("secrets are kept").flatten() {
        fs::remove_file(entry.path()).expect("it is ours");
    }
    set(&environment, &issuer, SECRET, &["--replace"]).run().success().says("the fleet key is gone; import it again");
    let outcome = super::host::get(&environment, &["--refresh"]).run().success();
    outcome.says("fleet_unavailable").says("the fleet key is gone; import it again");
    fleet_key(&environment, "import", &file).run().success();
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(super::host::values(&server).len(), 1);
}
