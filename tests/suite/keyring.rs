//! Secrets in the OS keyring, against the real gnome-keyring: what works while it is open, and what it costs when not.

mod answers;
mod data_key;
mod faulty;

use serde_json::json;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::secret_service::SecretService;
use crate::common::{Invocation, Issuer, TestEnvironment};

/// A machine whose only profile has its secret in an unlocked keyring.
struct Desk {
    environment: TestEnvironment,
    issuer: Issuer,
    service: SecretService,
}

impl Desk {
    /// Nothing is set up yet.
    fn bare() -> Self {
        let issuer = Issuer::start();
        issuer.set(json!({ "token_carries_identity": true }));
        Self { environment: TestEnvironment::new(), issuer, service: SecretService::unlocked() }
    }

    /// A credential is set.
    fn new() -> Self {
        let desk = Self::bare();
        desk.set(CLIENT_SECRET).run().success();
        desk
    }

    fn tokenkeep<const N: usize>(&self, arguments: [&str; N]) -> Invocation {
        self.service.seen_by(self.environment.tokenkeep(arguments))
    }

    fn set(&self, secret: &str) -> Invocation {
        let arguments = ["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"];
        self.tokenkeep(arguments).arg(self.issuer.token_url()).stdin(secret)
    }

    fn get(&self) -> Invocation {
        self.tokenkeep(["token", "get"]).prints_token()
    }

    /// The same with its error as JSON.
    fn get_json(&self) -> Invocation {
        self.tokenkeep(["--json", "token", "get"]).prints_token()
    }

    fn token(&self) -> String {
        self.get().run().success().token().to_owned()
    }

    fn fetches(&self) -> usize {
        self.issuer.count("/token")
    }

    /// Adds lines to `config.toml`.
    fn configure(&self, lines: &str) {
        let path = self.environment.config_dir().join("config.toml");
        let present = std::fs::read_to_string(path).unwrap_or_default();
        self.environment.write("config/config.toml", format!("{present}\n{lines}\n"));
    }

    fn store(&self) -> String {
        std::fs::read_to_string(self.environment.data_dir().join("store")).expect("a backend was chosen")
    }
}

#[test]
fn credentials_set_takes_the_keyring_where_it_answers() {
    let desk = Desk::new();
    assert!(desk.store().contains("backend keyring"));
    let show = desk.tokenkeep(["--json", "credentials", "show"]).run().success().json();
    assert_eq!(show["backend"], "keyring", "{show}");
    assert_eq!((desk.service.count("credential/"), desk.service.count("datakey/")), (1, 1));
    assert!(!desk.environment.data_dir().join("secrets").exists(), "nothing of it is in files");
}

#[test]
fn a_token_is_fetched_once_and_then_comes_from_the_cache() {
    let desk = Desk::new();
    let first = desk.token();
    assert!(first == desk.token(), "one token");
    assert_eq!(desk.fetches(), 1);
    assert_eq!(desk.get().run().success().stderr, "", "nothing is said when all is well");
}

#[test]
fn a_warm_get_reads_the_data_key_and_nothing_else() {
    let desk = Desk::new();
    desk.token();
    let watch = desk.service.watch();
    desk.token();
    assert_eq!(watch.reads(), 1);
}

#[test]
fn another_secret_takes_the_place_of_the_first_and_the_old_item_goes() {
    let desk = Desk::new();
    let before = desk.service.items();
    desk.set("CANARY-SECRET-another").run().success();
    let after = desk.service.items();
    assert_eq!(desk.service.count("credential/"), 1, "{after:?}");
    assert_ne!(before, after);
    desk.set("CANARY-SECRET-another").run().success();
    assert_eq!(desk.service.items(), after, "the same again changes nothing");
}

#[test]
fn remove_takes_the_item_out_of_the_keyring() {
    let desk = Desk::new();
    desk.tokenkeep(["credentials", "remove", "-p", "default", "--yes"]).run().success();
    assert_eq!(desk.service.count("credential/"), 0);
}

#[test]
fn the_next_session_finds_what_this_one_kept() {
    use crate::common::secret_service::Opened;

    let mut desk = Desk::new();
    let token = desk.token();
    desk.service.next_session(Opened::Rightly);
    assert!(token == desk.token());
    assert_eq!(desk.fetches(), 1);
}
