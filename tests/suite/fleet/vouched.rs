//! H9: a fleet key is derived from a client's secret only if the secret is known to be random: its provider makes it so,
//! or a user vouched for it. The operator of the store could find any other by trying.

use serde_json::Value;

use super::host::{SECRET, at, chill, comes_from, get, gets, host, issuer, set, share, values, vouch};
use super::rotation::{grants, lenient};
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, Outcome, TestEnvironment};
use crate::methods::keys;
use crate::setup::{PROFILE, edit, init, prepend};

/// A secret that is made of words.
const WEAK: &str = CLIENT_SECRET;
const NEW: &str = "CANARY-SECRET-7b1d8e0c95f2463aa94e06d3c7815fb2";

fn bare(shared: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, shared);
    init(&environment);
    environment
}

fn set_json(environment: &TestEnvironment, issuer: &Issuer, secret: &str, options: &[&str]) -> Outcome {
    set(environment, issuer, secret, options).arg("--json").run()
}

/// A profile whose secret is read from a file at each fetch.
fn referenced(environment: &TestEnvironment, issuer: &Issuer, secret: &str) {
    let file = environment.write_secret("files/secret", secret);
    let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-at-fetch"]);
    let set = set.arg(format!("file:{}", file.display())).args(["--token-url", &issuer.token_url()]);
    set.run().success().says("fleet_key_missing");
}

/// The one warning of an outcome: that there is no key, and what to do about it.
fn assert_key_is_missing(outcome: &Outcome) {
    let warning: Value = outcome.stderr.lines().find_map(|line| serde_json::from_str(line).ok()).expect("a warning");
    let warning = &warning["warning"];
    assert_eq!(warning["code"], "fleet_key_missing", "{outcome:?}");
    assert_eq!(
        warning["message"],
        "there is no fleet key for default, and its secret is not known to be random; continuing without the fleet"
    );
    assert_eq!(
        warning["hint"],
        "run tokenkeep fleet key new, and import that key on the other hosts; or, if an issuer made the secret at \
         random: tokenkeep fleet key derive -p default"
    );
    assert_eq!(outcome.stderr.matches("fleet_key_missing").count(), 1, "{outcome:?}");
}

/// A token from the issuer, with the warning.
fn continues_without(environment: &TestEnvironment, options: &[&str]) {
    let outcome = get(environment, options).run().success();
    comes_from(&outcome, "issuer");
    assert_key_is_missing(&outcome);
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
}

/// H9.
#[test]
fn without_a_key_and_without_vouching_a_credential_is_set_with_a_warning_and_a_get_continues_without_the_fleet() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let environment = bare(&at(&server));
    assert_key_is_missing(&set_json(&environment, &issuer, WEAK, &["--verify"]).success());
    continues_without(&environment, &["--refresh"]);
    assert_eq!(get(&environment, &[]).run().success().stderr, "", "what is cached needs no fleet");
    let text = environment.tokenkeep(["token", "get", "--refresh"]).prints_token().run().success();
    let lines: Vec<_> = text.stderr.lines().map(|line| line.split(' ').next().expect("a word")).collect();
    assert_eq!(lines, ["warning:", "hint:"]);
    assert_eq!(server.keys(), [""; 0], "nothing of it reaches the store");

    share(&environment, &format!("{}required = true\n", at(&server)));
    let asked = issuer.count("/token");
    let error = get(&environment, &["--refresh"]).run().fails(13, "fleet_unavailable").error();
    assert_eq!(error["profile"], "default");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("fleet key derive -p default")), "{error}");
    assert_eq!(issuer.count("/token"), asked, "the issuer was not asked");
}

/// H9: vouching is for a client of an issuer, and for each secret that it gets there.
#[test]
fn a_client_that_is_vouched_for_stays_so_when_its_secret_is_replaced() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let again = a.tokenkeep(["--json", "fleet", "key", "derive", "-p", "default"]).run().success();
    assert_eq!(again.json()["changed"], false);
    let first = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == first);
    for environment in [&a, &b] {
        let outcome = set_json(environment, &issuer, NEW, &["--replace"]).success();
        assert!(!outcome.stderr.contains("fleet_key_missing"), "{outcome:?}");
    }
    grants(&issuer, "second");
    let second = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == second && second != first);
    // Nothing is in the data directory that names the client.
    let vouched = std::fs::read_to_string(a.data_dir().join("vouched")).expect("a file");
    assert!(!vouched.contains(CLIENT_ID) && vouched.lines().count() == 2, "{vouched}");
}

/// H9.
#[test]
fn another_client_or_another_issuer_is_not_vouched_for() {
    let (issuer, other, server) = (issuer(), issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    set_json(&environment, &other, SECRET, &[]).success().says("fleet_key_missing");
    continues_without(&environment, &[]);
    set_json(&environment, &issuer, SECRET, &[]).success();
    gets(&environment, &[], "issuer");
    let client = ["--json", "credentials", "set", "-p", "second", "--client-id", "another", "--secret-stdin"];
    let set = environment.tokenkeep(client).args(["--token-url", &issuer.token_url()]).stdin(SECRET);
    set.run().success().says("fleet_key_missing");
}

/// H9: the provider's own console makes the secret, so nothing is typed.
#[test]
fn a_provider_that_makes_secrets_at_random_needs_no_vouching_and_another_does() {
    let server = RedisServer::start();
    let secrets = |environment: &TestEnvironment| {
        std::fs::read_dir(environment.data_dir().join("secrets")).expect("secrets are kept").count()
    };
    for (options, is_known) in [
        (&["--provider", "spotify"][..], true),
        (&["--provider", "auth0", "--with", "domain=a.auth0.com", "--audience", "x"], true),
        (&["--provider", "keycloak", "--with", "host=id.example.com", "--with", "realm=a"], false),
        (&["--token-url", "https://id.example.com/api/token"], false),
    ] {
        let environment = bare(&at(&server));
        let set = environment.tokenkeep(["-p", "default", "credentials", "set", "--client-id", CLIENT_ID]);
        let outcome = set.args(options).args(["--secret-stdin", "--json"]).stdin(SECRET).run().success();
        assert_eq!(!outcome.stderr.contains("fleet_key_missing"), is_known, "{options:?}: {outcome:?}");
        assert_eq!(secrets(&environment), if is_known { 2 } else { 1 }, "{options:?}: what is derived");
        let derived = environment.tokenkeep(["--json", "fleet", "key", "derive"]).run().success();
        assert_eq!(derived.json()["changed"], !is_known, "{options:?}");
        assert_eq!(environment.data_dir().join("vouched").exists(), !is_known, "{options:?}");
    }
    // The name of a provider vouches for nothing at another place.
    let environment = bare(&at(&server));
    let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"]);
    set.args(["--token-url", "https://id.example.com/api/token"]).stdin(SECRET).run().success();
    prepend(&environment, PROFILE, "provider = \"spotify\"");
    let derived = environment.tokenkeep(["--json", "fleet", "key", "derive"]).run().success();
    assert_eq!(derived.json()["changed"], true);
}

/// H9: a key of the fleet's own has the bits that the secret lacks.
#[test]
fn with_an_explicit_key_a_weak_secret_is_taken_and_shared() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| bare(&at(&server)));
    a.key_file("files/key");
    a.tokenkeep(["fleet", "key", "new"]).arg(a.path("files/key")).run().success();
    b.key_file("files/key");
    b.write_secret("files/key", std::fs::read(a.path("files/key")).expect("it is ours"));
    // One host keeps it in its backend, the other names its file.
    share(&b, &format!("{}key_file = \"{}\"\n", at(&server), b.path("files/key").display()));
    for environment in [&a, &b] {
        let outcome = set(environment, &issuer, WEAK, &[]).run().success();
        assert!(!outcome.stderr.contains("warning"), "{outcome:?}");
        // It would not be derived.
        environment.tokenkeep(["--json", "fleet", "key", "derive"]).run().fails(2, "usage");
        assert!(!environment.data_dir().join("vouched").exists());
    }
    let token = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == token);
    assert_eq!(issuer.count("/token"), 1);
}

/// H9: a secret that is not set here.
#[test]
fn a_secret_that_is_read_at_each_fetch_makes_no_key_without_vouching() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let environment = bare(&at(&server));
    referenced(&environment, &issuer, WEAK);
    continues_without(&environment, &[]);
    continues_without(&environment, &["--refresh"]);
    let list = environment.tokenkeep(["token", "list"]).run().success();
    assert_eq!(list.says("fleet_key_missing").stderr.lines().count(), 2, "with its hint");
    // Nothing of it can be there.
    let forgotten = environment.tokenkeep(["token", "forget", "--fleet"]).run().success();
    forgotten.says("fleet_key_missing");
    assert_eq!(server.keys(), [""; 0], "nothing of it reaches the store");
    vouch(&environment, &["-p", "default"]);
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(values(&server).len(), 1);

    // With a key there is nothing to warn of, and no vouching is left.
    environment.tokenkeep(["fleet", "key", "new"]).run().success();
    assert!(!environment.data_dir().join("vouched").exists());
    gets(&environment, &["--refresh"], "issuer");
    assert_eq!(values(&server).len(), 2);
}

/// H9: sharing came after the secret.
#[test]
fn a_secret_that_was_there_before_the_store_is_a_warning() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let environment = TestEnvironment::new();
    init(&environment);
    let outcome = set(&environment, &issuer, WEAK, &[]).run().success();
    assert!(!outcome.stderr.contains("warning"), "without a fleet there is nothing to warn of: {outcome:?}");
    share(&environment, &at(&server));
    continues_without(&environment, &[]);
    assert_key_is_missing(&set_json(&environment, &issuer, WEAK, &[]).success());
    assert_eq!(server.keys(), [""; 0]);
}

/// A host that has a derived key keeps it: as long as its secret is the one that it came from.
#[test]
fn a_derived_key_that_is_there_serves_without_vouching_until_the_secret_changes() {
    let (issuer, server) = (lenient(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| bare(&at(&server)));
    for environment in [&a, &b] {
        referenced(environment, &issuer, SECRET);
        vouch(environment, &[]);
    }
    let token = gets(&a, &[], "issuer");
    gets(&b, &[], "fleet");
    // As an earlier version left it.
    for environment in [&a, &b] {
        std::fs::remove_file(environment.data_dir().join("vouched")).expect("it is there");
        chill(environment);
        assert!(gets(environment, &[], "fleet") == token);
    }
    let again = environment_doctor(&a);
    assert!(again.contains("(default: kept from before)"), "{again}");
    a.write_secret("files/secret", NEW);
    grants(&issuer, "second");
    a.tokenkeep(["--json", "token", "get", "--refresh"]).prints_token().run().success().says("fleet_key_missing");
    continues_without(&a, &["--refresh"]);
    chill(&b);
    assert!(gets(&b, &[], "fleet") == token, "the other host still has the old secret");
    let kept = std::fs::read_dir(a.data_dir().join("secrets")).expect("secrets are kept").count();
    assert_eq!(kept, 0, "what was derived from the old secret is erased");
}

fn environment_doctor(environment: &TestEnvironment) -> String {
    environment.tokenkeep(["doctor"]).run().success().stdout_str().to_owned()
}

/// What `fleet key remove` ends.
#[test]
fn vouching_that_is_taken_back_takes_the_derived_key_along() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    gets(&environment, &[], "issuer");
    for changed in [true, false] {
        let removed = environment.tokenkeep(["--json", "fleet", "key", "remove"]).run().success();
        assert_eq!(removed.json()["changed"], changed);
    }
    continues_without(&environment, &["--refresh"]);
    vouch(&environment, &[]);
    gets(&environment, &["--refresh"], "issuer");
}

/// A key is derived from no secret of a client whose tokens are its own.
#[test]
fn a_client_whose_tokens_are_not_shared_needs_no_key() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let environment = bare(&at(&server));
    let outcome = set(&environment, &issuer, WEAK, &["--dpop"]).run().success();
    assert!(!outcome.stderr.contains("warning"), "{outcome:?}");
    let refused = environment.tokenkeep(["--json", "fleet", "key", "derive"]).run().fails(2, "usage");
    refused.says("never shared");
    // A private key is random, whoever made it, but hosts that share one have to be told that they do.
    keys::hide(&environment, "ec");
    let key = keys::private("ec", "pkcs8");
    let options = ["-p", "signer", "--auth", "private_key_jwt", "--issuer", &issuer.url("")];
    set(&environment, &issuer, &key, &options).run().success().says("fleet_key_missing");
    vouch(&environment, &["-p", "signer"]);
}

/// A file that cannot be read is not one that is not there.
#[test]
fn vouching_that_cannot_be_read_is_a_warning_and_makes_no_key() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = bare(&at(&server));
    referenced(&environment, &issuer, SECRET);
    environment.write_secret("data/vouched", "tokenkeep-vouched 9\n");
    let outcome = get(&environment, &[]).run().success();
    comes_from(&outcome.says("fleet_unavailable").says("the file `vouched`"), "issuer");
    environment.tokenkeep(["--json", "fleet", "key", "derive"]).run().fails(3, "config_invalid");
    assert_eq!(server.keys(), [""; 0]);
}

/// An edit of the profile leads to another client, and vouching does not follow.
#[test]
fn a_profile_that_is_edited_takes_no_vouching_along() {
    let (issuer, other, server) = (issuer(), issuer(), RedisServer::start());
    let environment = bare(&at(&server));
    referenced(&environment, &issuer, SECRET);
    vouch(&environment, &[]);
    gets(&environment, &[], "issuer");
    edit(&environment, PROFILE, &issuer.token_url(), &other.token_url());
    continues_without(&environment, &[]);
}

/// H9: if `credentials set` itself chooses the keyring.
#[cfg(feature = "keyring")]
#[test]
fn the_run_that_chooses_the_keyring_derives_nothing_without_vouching() {
    use crate::common::secret_service::SecretService;

    let (issuer, server, service) = (issuer(), RedisServer::start(), SecretService::unlocked());
    let environment = TestEnvironment::new();
    share(&environment, &at(&server));
    let run = || service.seen_by(set(&environment, &issuer, SECRET, &["--json"])).run().success();
    run().says("fleet_key_missing");
    assert_eq!((service.count("credential/"), service.count("shared")), (1, 0));
    service.seen_by(environment.tokenkeep(["fleet", "key", "derive"])).run().success();
    assert!(!run().stderr.contains("fleet_key_missing"));
    assert_eq!((service.count("credential/"), service.count("shared/")), (1, 1));
}
