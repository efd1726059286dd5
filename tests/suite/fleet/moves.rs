//! `init --move`, `rekey`, `doctor --fix`, and whatever else changes where secrets are: the fleet key and the login go
//! along, and what is derived goes and comes back.

use std::fs;

use serde_json::Value;

use super::host::{chill, gets, host, issuer, patiently, set, share};
use crate::common::redis::{CLIENT, PASSWORD, RedisServer};
use crate::common::{Issuer, TestEnvironment};

const NEW: &str = "CANARY-SECRET-c2f04b7791ae4d18b6350ed94f7a2c6b";

/// A host with a fleet key, a login and a credential, and another one of its fleet.
struct Pair {
    issuer: Issuer,
    server: RedisServer,
    host: TestEnvironment,
    other: TestEnvironment,
}

impl Pair {
    fn new() -> Self {
        let (issuer, server) = (issuer(), RedisServer::with_users());
        let [this, other] = [(); 2].map(|()| {
            let environment = host(&issuer, &patiently(&server.url()));
            environment.canary("password of the store", PASSWORD);
            environment.key_file("files/key");
            let login = environment.tokenkeep(["fleet", "login", "set", "--user", CLIENT.user, "--secret-stdin"]);
            login.stdin(PASSWORD).run().success();
            environment
        });
        this.tokenkeep(["fleet", "key", "new"]).arg(this.path("files/key")).run().success();
        other.write_secret("files/key", fs::read(this.path("files/key")).expect("it is ours"));
        other.tokenkeep(["fleet", "key", "import"]).arg(other.path("files/key")).run().success();
        let pair = Self { issuer, server, host: this, other };
        pair.assert_shares();
        pair
    }

    fn run(&self, arguments: &[&str]) {
        self.host.tokenkeep(arguments).run().success();
    }

    /// Key, login and secret are as they were: the host has what another one shares.
    fn assert_shares(&self) {
        let token = gets(&self.other, &["--refresh"], "issuer");
        chill(&self.host);
        assert!(gets(&self.host, &[], "fleet") == token);
    }

    fn assert_key_is_the_same(&self) {
        self.host.key_file("files/exported");
        let file = self.host.path("files/exported");
        self.host.tokenkeep(["fleet", "key", "export"]).arg(&file).run().success();
        assert!(fs::read(&file).expect("it is ours") == fs::read(self.host.path("files/key")).expect("it is ours"));
        fs::remove_file(file).expect("it is ours");
    }
}

fn secrets(environment: &TestEnvironment) -> usize {
    fs::read_dir(environment.data_dir().join("secrets")).map_or(0, Iterator::count)
}

/// What `doctor` says of two checks: whether something is left that nobody names, and the store.
fn diagnosis(environment: &TestEnvironment, options: &[&str]) -> (String, String) {
    let json = environment.tokenkeep(["--json", "doctor"]).args(options).run().success().json();
    let status = |name: &str| {
        let mut checks = json["checks"].as_array().expect("checks").iter();
        let check = checks.find(|check| check["name"] == name).expect("a check of that name");
        check["status"].as_str().expect("a status").to_owned()
    };
    (status("orphans"), status("fleet"))
}

fn sound() -> (String, String) {
    ("ok".to_owned(), "ok".to_owned())
}

/// Secret, key, login, and what is derived.
const ALL: usize = 4;

#[test]
fn a_new_data_key_keeps_the_shared_key_and_the_login_and_what_is_derived_comes_back() {
    let pair = Pair::new();
    assert_eq!((secrets(&pair.host), diagnosis(&pair.host, &[])), (ALL, sound()));
    for change in [
        &["rekey"][..],
        &[
            "init",
            "--backend",
            "file",
            "--move",
            "--key-file",
            &pair.host.path("files/key-of-data").display().to_string(),
        ],
    ] {
        pair.host.key_file("files/key-of-data");
        pair.run(change);
        assert_eq!(secrets(&pair.host), ALL - 1, "what is derived went");
        pair.assert_key_is_the_same();
        pair.assert_shares();
        assert_eq!((secrets(&pair.host), diagnosis(&pair.host, &["--fix"])), (ALL, sound()));
        pair.assert_shares();
    }
}

#[test]
fn destroying_the_data_key_destroys_the_shared_key_and_the_login() {
    let pair = Pair::new();
    pair.run(&["rekey", "--destroy", "--yes"]);
    assert_eq!((secrets(&pair.host), pair.host.data_dir().join("shared").exists()), (0, false));
    // From here one begins anew.
    pair.run(&["init", "--backend", "file"]);
    set(&pair.host, &pair.issuer, super::host::SECRET, &["--replace"]).run().success();
    let gone = super::host::get(&pair.host, &[]).run().success();
    gone.says("fleet_key_missing");
    pair.host
        .tokenkeep(["--json", "fleet", "key", "export"])
        .arg(pair.host.path("x"))
        .run()
        .fails(3, "credential_missing");
}

#[test]
fn doctor_takes_nothing_of_the_fleet_for_left_over_and_clears_up_after_an_old_namespace() {
    let pair = Pair::new();
    let environment = &pair.host;
    for options in [&[][..], &["--fix"]] {
        assert_eq!((diagnosis(environment, options), secrets(environment)), (sound(), ALL));
    }
    for namespace in ["one", "two"] {
        share(environment, &format!("{}namespace = \"{namespace}\"\n", patiently(&pair.server.url())));
        chill(environment);
        gets(environment, &[], "issuer");
    }
    assert_eq!(secrets(environment), ALL + 2);
    assert_eq!(diagnosis(environment, &[]), ("warn".to_owned(), "ok".to_owned()));
    assert_eq!(secrets(environment), ALL + 2, "nothing goes without being asked");
    assert_eq!((diagnosis(environment, &["--fix"]), secrets(environment)), (sound(), ALL));
    chill(environment);
    gets(environment, &[], "fleet");
    pair.assert_key_is_the_same();
    // What an old namespace left is no secret that a move would lose.
    share(environment, &patiently(&pair.server.url()));
    pair.run(&["rekey"]);
    pair.assert_shares();
    assert_eq!((diagnosis(environment, &[]), secrets(environment)), (sound(), ALL));
}

#[test]
fn what_is_derived_goes_with_the_secret_it_came_from() {
    let pair = Pair::new();
    set(&pair.host, &pair.issuer, NEW, &[]).run().success();
    assert_eq!((secrets(&pair.host), diagnosis(&pair.host, &[])), (ALL, sound()));
    set(&pair.host, &pair.issuer, super::host::SECRET, &["--fleet-epoch", "one"]).run().success();
    set(&pair.host, &pair.issuer, super::host::SECRET, &["--fleet-epoch", "two"]).run().success();
    assert_eq!(diagnosis(&pair.host, &[]), sound());
    pair.run(&["credentials", "remove", "-p", "default", "--yes"]);
    assert_eq!(secrets(&pair.host), 2, "key and login are the host's");
    set(&pair.host, &pair.issuer, super::host::SECRET, &[]).run().success();
    pair.assert_shares();
    assert_eq!((secrets(&pair.host), diagnosis(&pair.host, &[])), (ALL, sound()));
}

#[test]
fn what_is_stored_for_a_fleet_cannot_be_moved_to_nowhere() {
    let pair = Pair::new();
    let environment = &pair.host;
    let file = environment.write_secret("files/secret", super::host::SECRET);
    let from = format!("file:{}", file.display());
    pair.run(&["credentials", "set", "--secret-at-fetch", &from]);
    assert_eq!(secrets(environment), 2, "key and login: what was derived went with the secret");
    for remove in [&["fleet", "login", "remove"][..], &["credentials", "list"]] {
        environment.tokenkeep(["--json", "init", "--backend", "none", "--move"]).run().fails(2, "usage");
        pair.run(remove);
    }
    pair.assert_key_is_the_same();
}

#[cfg(feature = "keyring")]
mod keyring {
    use super::*;
    use crate::common::Outcome;
    use crate::common::secret_service::SecretService;

    /// Runs something on the desktop of the first host.
    fn seen(service: &SecretService, pair: &Pair, arguments: &[&str]) -> Outcome {
        let run = service.seen_by(pair.host.tokenkeep(arguments));
        if arguments.contains(&"token") { run.prints_token() } else { run }.run()
    }

    fn token(service: &SecretService, pair: &Pair) -> Value {
        let outcome = seen(service, pair, &["--json", "token", "get"]).success();
        assert_eq!(outcome.stderr, "");
        outcome.json()
    }

    fn assert_shares(service: &SecretService, pair: &Pair) {
        let shared = gets(&pair.other, &["--refresh"], "issuer");
        seen(service, pair, &["token", "forget", "--all"]).success();
        let found = token(service, pair);
        assert_eq!(found["source"], "fleet");
        assert!(found["access_token"] == shared.as_str());
    }

    /// The items of the keyring, by the beginning of their names.
    fn items(service: &SecretService) -> [usize; 5] {
        ["credential/", "datakey/", "sharedkey/", "sharedlogin/", "shared/"].map(|prefix| service.count(prefix))
    }

    #[test]
    fn a_move_into_the_keyring_and_out_of_it_takes_the_shared_key_and_the_login_along() {
        let (pair, service) = (Pair::new(), SecretService::unlocked());
        seen(&service, &pair, &["init", "--backend", "keyring", "--move"]).success();
        assert_eq!((secrets(&pair.host), items(&service)), (0, [1, 1, 1, 1, 0]));
        assert_shares(&service, &pair);
        assert_eq!(items(&service), [1; 5], "what is derived came back");
        let shared = seen(&service, &pair, &["--json", "doctor", "--fix"]).success().json();
        let shared = shared["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "fleet");
        assert_eq!(shared.expect("a check")["status"], "ok");
        assert_eq!(items(&service), [1; 5]);

        seen(&service, &pair, &["init", "--backend", "file", "--move"]).success();
        assert_eq!((secrets(&pair.host), service.items()), (ALL - 1, Vec::new()), "nothing is left there");
        pair.assert_key_is_the_same();
        pair.assert_shares();
        assert_eq!((secrets(&pair.host), diagnosis(&pair.host, &[])), (ALL, sound()));
    }

    #[test]
    fn in_the_keyring_nothing_old_is_left_by_what_changes_a_key_a_login_or_a_secret() {
        let (pair, service) = (Pair::new(), SecretService::unlocked());
        seen(&service, &pair, &["init", "--backend", "keyring", "--move"]).success();
        assert_shares(&service, &pair);
        seen(&service, &pair, &["rekey"]).success();
        assert_eq!(items(&service), [1, 1, 1, 1, 0]);
        assert_shares(&service, &pair);
        // Each gets something of its own in place of what was there.
        seen(&service, &pair, &["fleet", "key", "new"]).success();
        assert_eq!(items(&service), [1, 1, 1, 1, 0], "what was derived with the old key went");
        token(&service, &pair);
        let login = ["fleet", "login", "set", "--user", CLIENT.user, "--secret-stdin"];
        service.seen_by(pair.host.tokenkeep(login)).stdin(PASSWORD).run().success();
        service.seen_by(set(&pair.host, &pair.issuer, NEW, &[])).run().success();
        assert_eq!(items(&service), [1; 5]);
        seen(&service, &pair, &["fleet", "login", "remove"]).success();
        assert_eq!(items(&service), [1, 1, 1, 0, 1]);
        seen(&service, &pair, &["credentials", "remove", "-p", "default", "--yes"]).success();
        assert_eq!(items(&service), [0, 1, 1, 0, 0]);
        seen(&service, &pair, &["rekey", "--destroy", "--yes"]).success();
        assert_eq!(service.items(), [""; 0]);
    }

    #[test]
    fn a_locked_keyring_is_a_warning_and_not_a_host_without_a_key() {
        let (pair, service) = (Pair::new(), SecretService::unlocked());
        seen(&service, &pair, &["init", "--backend", "keyring", "--move"]).success();
        let file = pair.host.write_secret("files/secret", super::super::host::SECRET);
        let from = format!("file:{}", file.display());
        seen(&service, &pair, &["credentials", "set", "--secret-at-fetch", &from]).success();
        token(&service, &pair);
        service.lock();
        let outcome = seen(&service, &pair, &["token", "get", "--refresh"]).success();
        assert_eq!(outcome.stderr.matches("fleet_unavailable").count(), 1, "{outcome:?}");
        let keys = pair.server.keys().len();
        seen(&service, &pair, &["--json", "fleet", "key", "new"]).fails(8, "keyring_locked");
        // As with every secret that is replaced: what counts is what is named.
        let removed = seen(&service, &pair, &["fleet", "login", "remove"]).success();
        removed.says("something old was left behind: the keyring is locked");
        assert_eq!(pair.server.keys().len(), keys, "no other key was derived in its place");
    }
}
