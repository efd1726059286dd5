//! A container that is configured by environment variables alone: one whole profile, called `env`.

use serde_json::json;

use crate::common::authority::Authority;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::peer::{Client, OidcProvider};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{credential, read};

/// What an orchestrator gives a container: files for the key and the secret, and variables.
fn container(environment: &TestEnvironment) -> impl Fn(&[&str]) -> Invocation {
    environment.key_file("files/key");
    let key = environment.write_secret("files/key", b"0123456789abcdef0123456789abcdef");
    let secret = environment.write_secret("files/secret", format!("{CLIENT_SECRET}\n"));
    move |arguments| {
        environment
            .tokenkeep(arguments)
            .env("TOKENKEEP_KEY_FILE", &key)
            .env("TOKENKEEP_CLIENT_ID", CLIENT_ID)
            .env("TOKENKEEP_SECRET_FILE", &secret)
    }
}

#[test]
fn variables_alone_make_a_whole_profile_and_its_token_is_cached() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let run = |arguments: &[&str]| container(arguments).env("TOKENKEEP_TOKEN_URL", issuer.token_url());
    let get = || run(&["--json", "token", "get"]).prints_token().run().success().does_not_say("warning").json();
    let (first, second) = (get(), get());
    assert_eq!(
        (&first["profile"], &first["source"], &second["source"]),
        (&json!("env"), &json!("issuer"), &json!("cache"))
    );
    assert!(first["access_token"] == second["access_token"]);
    assert_eq!(issuer.count("/token"), 1);
    assert!(!environment.config_dir().exists(), "no file was written for it");
    let plain = run(&["token", "get"]).prints_token().run().success();
    assert!(plain.token() == first["access_token"].as_str().expect("a token"));
    let shown = run(&["--json", "credentials", "show"]).run().success().json();
    assert_eq!((&shown["profile"], &shown["client_id"]), (&json!("env"), &json!(CLIENT_ID)));
    run(&["token", "validate", "--offline"]).run().success();
    run(&["doctor", "--online"]).run().success();
    // Each plain key has its variable.
    let scoped = run(&["--json", "token", "get"]).env("TOKENKEEP_SCOPES", "read write").env("TOKENKEEP_MIN_TTL", "5m");
    assert_eq!(scoped.prints_token().run().success().json()["scope"], "read write");
    let asked = issuer.requests();
    assert!(
        asked.last().is_some_and(|request| String::from_utf8_lossy(&request.body.0).contains("scope=read")),
        "{asked:?}"
    );
}

#[test]
fn variables_never_merge_into_a_stored_profile_and_a_named_one_is_that_one() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let environment = credential(&issuer, &["--scope", "stored"]);
    let container = container(&environment);
    let run = |arguments: &[&str]| {
        container(arguments).env("TOKENKEEP_TOKEN_URL", other.token_url()).env_remove("TOKENKEEP_KEY_FILE")
    };
    run(&["token", "get"]).prints_token().run().success();
    assert_eq!((issuer.count("/token"), other.count("/token")), (0, 1));
    assert!(!String::from_utf8_lossy(&other.requests()[0].body.0).contains("stored"));
    for named in [run(&["token", "get", "-p", "default"]), run(&["token", "get"]).env("TOKENKEEP_PROFILE", "default")] {
        named.prints_token().run().success();
    }
    assert_eq!((issuer.count("/token"), other.count("/token")), (1, 1));
    let names = run(&["credentials", "list", "--names"]).run().success();
    assert_eq!(names.stdout_str(), "default\nenv\n");
}

#[test]
fn what_is_missing_wrong_or_forbidden_names_its_variable_and_no_value() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let run = || container(&["--json", "token", "get"]).env("TOKENKEEP_TOKEN_URL", issuer.token_url());
    for (name, value, said) in [
        ("TOKENKEEP_CLIENT_SECRET", "CANARY-SECRET-in-a-variable", "TOKENKEEP_CLIENT_SECRET is set"),
        ("TOKENKEEP_SECRET", "CANARY-SECRET-in-a-variable", "TOKENKEEP_SECRET is set"),
        ("TOKENKEEP_ALLOW_HTTP", "keycloak", "TOKENKEEP_ALLOW_HTTP is set"),
        ("TOKENKEEP_SECRET_COMMAND", "[\"/bin/true\"]", "TOKENKEEP_SECRET_COMMAND is set"),
        ("TOKENKEEP_SCOPE", "read", "TOKENKEEP_SCOPES"),
        ("TOKENKEEP_HEADER", "x-api-key: CANARY-SECRET-in-a-header", "no variable holds headers"),
        ("TOKENKEEP_SECRET_FILE", "", "TOKENKEEP_SECRET_FILE is missing"),
        ("TOKENKEEP_SECRET_FILE", "relative/secret", "`secret.file`"),
        ("TOKENKEEP_CLIENT_ID", "", "`client_id`"),
        ("TOKENKEEP_TOKEN_URL", "http://keycloak:8080/token", "`token_url`"),
        ("TOKENKEEP_TOKEN_URL", "https://{tenant}.example/token", "{tenant}"),
        ("TOKENKEEP_AUTH", "basic-ish", "`auth`"),
        ("TOKENKEEP_DPOP", "yes", "TOKENKEEP_DPOP must be true or false"),
        ("TOKENKEEP_MIN_TTL", "soon", "TOKENKEEP_MIN_TTL must be a duration"),
        ("TOKENKEEP_PROVIDER", "spotfy", "`provider`"),
    ] {
        let refused = run().env(name, value).run().fails(3, "config_invalid").says(said);
        let hint = refused.error()["hint"].as_str().unwrap_or_default().to_owned();
        assert!(hint.contains("TOKENKEEP_CLIENT_ID"), "{name}: {hint}");
    }
    run().env("TOKENKEEP_KEY_FILE", "relative").run().fails(2, "usage").says("TOKENKEEP_KEY_FILE");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn an_issuer_that_is_named_alone_is_asked_once_for_its_endpoints() {
    const CLIENT: Client = Client { id: "basic", secret: CLIENT_SECRET, method: "client_secret_basic" };
    let clients = json!([CLIENT.metadata()]);
    let provider = OidcProvider::start_with(Authority::new(), json!({ "clients": clients }));
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let ca_file = environment.write("files/ca.pem", read(&provider.ca_file()));
    let run = |arguments: &[&str]| {
        container(arguments)
            .env("TOKENKEEP_ISSUER", provider.issuer())
            .env("TOKENKEEP_CLIENT_ID", CLIENT.id)
            .env("TOKENKEEP_CA_FILE", &ca_file)
    };
    let get = || run(&["--json", "token", "get"]).prints_token().run();
    // Without a request they are not known; the hint, to the letter, finds them.
    let unknown = run(&["--json", "token", "get", "--offline"]).run().fails(3, "config_invalid").error();
    assert_eq!(unknown["hint"], "run tokenkeep token get, which requests them from the issuer");
    let first = get().success().json();
    run(&["token", "get", "--offline"]).prints_token().run().success();
    let shown = run(&["--json", "credentials", "show"]).run().success().json();
    assert_eq!(
        (&shown["token_url"], &shown["jwks_url"]),
        (&json!(provider.url("/token")), &json!(provider.url("/jwks")))
    );
    let warm = get().success().json();
    assert!(warm["source"] == "cache" && warm["access_token"] == first["access_token"]);
    let issuer = provider.issuer().to_owned();
    // A cached token never needs the issuer; another issuer is another question.
    drop(provider);
    let warm = |issuer: &str| {
        container(&["--json", "token", "get"])
            .env("TOKENKEEP_ISSUER", issuer)
            .env("TOKENKEEP_CLIENT_ID", CLIENT.id)
            .env("TOKENKEEP_CA_FILE", &ca_file)
            .prints_token()
            .run()
    };
    assert_eq!(warm(&issuer).success().json()["source"], "cache");
    environment.canary("token of a peer", first["access_token"].as_str().expect("a token is text"));
    warm("https://127.0.0.1:1").fails(6, "connect");
    // What never asks the issuer does not ask for its endpoints.
    let offline = |arguments: &[&str]| {
        let run =
            container(arguments).env("TOKENKEEP_ISSUER", "https://127.0.0.1:1").env("TOKENKEEP_CLIENT_ID", CLIENT.id);
        run.run()
    };
    offline(&["--json", "token", "get", "--offline"]).fails(3, "config_invalid").says("run tokenkeep token get");
    offline(&["token", "list"]).success();
    let report = offline(&["--json", "doctor", "--online"]);
    let checks = report.json()["checks"].as_array().expect("a report").clone();
    let issuer = checks.iter().find(|check| check["name"] == "issuer").expect("a line on the issuer");
    assert!(checks.len() > 5 && issuer["status"] == "fail", "{report:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_front_gives_way_when_a_variable_makes_the_profile() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let run = || container(&["token", "get"]).env("TOKENKEEP_TOKEN_URL", issuer.token_url()).prints_token();
    let first = run().run().success().token().to_owned();
    // Whichever program answers, it is the same token.
    assert!(run().run().success().token() == first);
    // A secret in a variable is refused though a token is cached.
    run().env("TOKENKEEP_CLIENT_SECRET", "CANARY-SECRET-x").arg("--json").run().fails(3, "config_invalid");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn processes_that_start_at_once_ask_an_issuer_once_for_its_endpoints() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let metadata = "/.well-known/oauth-authorization-server";
    issuer.answer(metadata, 200, &json!({ "issuer": issuer.url(""), "token_endpoint": issuer.token_url() }));
    let get = || container(&["token", "get"]).env("TOKENKEEP_ISSUER", issuer.url("")).prints_token();
    let started: Vec<_> = (0..12).map(|_| get().spawn()).collect();
    let tokens: Vec<_> = started.into_iter().map(|get| get.wait().success().token().to_owned()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!((issuer.count(metadata), issuer.count("/token")), (1, 1));
    // An issuer that moved is found by those who want everything new.
    let moved = "/moved/token";
    issuer.answer(metadata, 200, &json!({ "issuer": issuer.url(""), "token_endpoint": issuer.url(moved) }));
    assert_eq!(get().arg("--refresh").run().code, 7, "nothing answers there");
    assert_eq!((issuer.count(metadata), issuer.count(moved)), (2, 1));
}

#[test]
fn a_profile_that_variables_would_cover_is_not_stored() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let container = container(&environment);
    let set = ["--json", "credentials", "set", "-p", "env", "--client-id", "x", "--secret-stdin", "--token-url"];
    let set = container(&set).arg(issuer.token_url()).stdin("CANARY-SECRET-x");
    set.run().fails(2, "usage").says("the TOKENKEEP_ variables make the profile env");
}
