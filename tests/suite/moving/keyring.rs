//! From and to the OS keyring.

use super::{entries, get, set, store};
use crate::common::secret_service::SecretService;
use crate::common::{Invocation, Issuer, TestEnvironment};

struct Desk {
    environment: TestEnvironment,
    issuer: Issuer,
    service: SecretService,
}

impl Desk {
    fn new(backend: &str) -> Self {
        let desk =
            Self { environment: TestEnvironment::new(), issuer: Issuer::start(), service: SecretService::unlocked() };
        desk.run(desk.environment.tokenkeep(["init", "--backend", backend]));
        for profile in ["one", "two"] {
            desk.run(set(&desk.environment, &desk.issuer, profile));
        }
        desk.gets();
        desk
    }

    fn run(&self, run: Invocation) {
        self.service.seen_by(run).run().success();
    }

    fn gets(&self) {
        for profile in ["one", "two"] {
            self.service.seen_by(get(&self.environment, profile)).run().success().token();
        }
    }

    fn moves(&self, backend: &str) {
        self.run(self.environment.tokenkeep(["init", "--backend", backend, "--move"]));
    }
}

#[test]
fn a_move_out_of_the_keyring_leaves_nothing_in_it() {
    let desk = Desk::new("keyring");
    desk.moves("file");
    assert_eq!(desk.service.items(), [""; 0]);
    assert_eq!(entries(&desk.environment, "secrets").len(), 2);
    for profile in ["one", "two"] {
        get(&desk.environment, profile).run().success().token();
    }
    assert!(store(&desk.environment).contains("backend file"));
}

#[test]
fn a_move_into_the_keyring_leaves_no_sealed_secret_in_files() {
    let desk = Desk::new("file");
    desk.moves("keyring");
    assert_eq!((desk.service.count("credential/"), desk.service.count("datakey/")), (2, 1));
    assert_eq!(entries(&desk.environment, "secrets"), [""; 0]);
    desk.gets();
    desk.moves("keyring");
    assert_eq!(desk.service.items().len(), 3, "the same again changes nothing");
}

#[test]
fn a_move_into_a_locked_keyring_changes_nothing() {
    let desk = Desk::new("file");
    let before = store(&desk.environment);
    desk.service.lock();
    let moved = desk.environment.tokenkeep(["--json", "init", "--backend", "keyring", "--move"]);
    desk.service.seen_by(moved).run().fails(8, "keyring_locked");
    assert_eq!(store(&desk.environment), before);
    assert_eq!(desk.service.items(), [""; 0]);
    desk.gets();
    assert_eq!(desk.issuer.count("/token"), 2, "not even the tokens are gone");
}

#[test]
fn a_move_out_of_a_locked_keyring_changes_nothing() {
    let desk = Desk::new("keyring");
    let before = store(&desk.environment);
    desk.service.lock();
    let moved = desk.environment.tokenkeep(["--json", "init", "--backend", "file", "--move"]);
    desk.service.seen_by(moved).run().fails(8, "keyring_locked");
    assert_eq!(store(&desk.environment), before);
    assert_eq!(desk.service.items().len(), 3);
}

#[test]
fn a_move_with_a_secret_that_cannot_be_read_changes_nothing() {
    let desk = Desk::new("keyring");
    let before = (store(&desk.environment), desk.service.items());
    let one = desk.service.items().into_iter().find(|name| name.starts_with("credential/")).expect("it is there");
    desk.service.replace(&one, "no Base64 at all");
    let moved = desk.environment.tokenkeep(["--json", "init", "--backend", "file", "--move"]);
    desk.service.seen_by(moved).run().exits(8);
    assert_eq!((store(&desk.environment), desk.service.items()), before);
}

#[test]
fn rekey_replaces_the_data_key_in_the_keyring() {
    let desk = Desk::new("keyring");
    let key = |desk: &Desk| desk.service.items().into_iter().find(|name| name.starts_with("datakey/"));
    let before = key(&desk);
    desk.run(desk.environment.tokenkeep(["rekey"]));
    assert_eq!((desk.service.count("credential/"), desk.service.count("datakey/")), (2, 1));
    assert_ne!(key(&desk), before);
    desk.gets();
    assert_eq!(desk.issuer.count("/token"), 4, "tokens are asked for again");
}

#[test]
fn rekey_destroy_takes_everything_out_of_the_keyring() {
    let desk = Desk::new("keyring");
    desk.run(desk.environment.tokenkeep(["rekey", "--destroy", "--yes"]));
    assert_eq!(desk.service.items(), [""; 0]);
    assert_eq!(entries(&desk.environment, "tokens"), [""; 0]);
}
