//! The right token for the right request, whoever else asks at the same time, and whatever profiles are called.

mod million;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::common::issuer::{Behaviour, CLIENT_ID, Recorded, TOKEN_PREFIX};
use crate::common::{Issuer, TestEnvironment};
use crate::machine::{Machine, paths_in};

/// How the token of a client without scopes ends.
fn end_of_token(client: &str) -> String {
    format!(".{}.", URL_SAFE_NO_PAD.encode(client))
}

/// An issuer that knows these clients, each with a secret of its own; two options for each and for the lifetime.
fn issuer_for<const OPTIONS: usize>(clients: &[String]) -> Issuer {
    let known: Vec<_> = clients.iter().map(|client| format!("{client}:{}", secret_of(client))).collect();
    let options = known.iter().flat_map(|client| ["--client", client.as_str()]).chain(["--expires-in", "300"]);
    let options: Vec<_> = options.collect();
    let issuer = Issuer::start_with::<OPTIONS>(options.try_into().expect("two for each client, and two"));
    issuer.set(json!({ "token_carries_identity": true }));
    issuer
}

fn secret_of(client: &str) -> String {
    format!("CANARY-SECRET-of-{client}")
}

#[test]
fn profiles_with_hostile_names_never_share_a_credential_or_a_token() {
    let long = "x".repeat(63);
    let (longest, longest_but_one_letter) = (format!("{long}x"), format!("{long}y"));
    let names = [
        "a",
        "a.",
        "a..",
        "a-",
        "a_",
        "a.toml",
        "a.toml.tmp",
        "0",
        "cons",
        "store",
        "a.refused",
        "default",
        "main.tmp",
        "0.0",
        &longest,
        &longest_but_one_letter,
    ];
    let clients: Vec<_> = names.iter().map(|name| format!("client-of-{name}")).collect();
    let (environment, issuer) = (TestEnvironment::new(), issuer_for::<34>(&clients));
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let (url, set) = (issuer.token_url(), ["credentials", "set", "--secret-stdin", "--token-url"]);
    for (name, client) in names.iter().zip(&clients) {
        let set = environment.tokenkeep(set).args([&url, "--client-id", client, "-p", name]);
        set.stdin(secret_of(client)).run().success();
    }
    for round in 0..2 {
        for (name, client) in names.iter().zip(&clients) {
            let outcome = environment.tokenkeep(["token", "get", "-p", name]).prints_token().run().success();
            assert!(outcome.token().ends_with(&end_of_token(client)), "round {round}: {name} got another's token");
        }
    }
    assert_eq!(issuer.count("/token"), names.len());
    assert_eq!(paths_in(&environment.data_dir().join("secrets")).len(), names.len());
    let listed = environment.tokenkeep(["credentials", "list", "--json"]).run().success();
    for name in names {
        assert!(listed.stdout_str().contains(&format!("\"{name}\"")), "{name} should be listed");
    }

    // Each is removed alone.
    environment.tokenkeep(["credentials", "remove", "-p", "a.", "--yes"]).run().success();
    environment.tokenkeep(["token", "get", "-p", "a.", "--json"]).run().fails(3, "profile_not_found");
    for (name, client) in names.iter().zip(&clients).filter(|(name, _)| **name != "a.") {
        let outcome = environment.tokenkeep(["token", "get", "-p", name]).prints_token().run().success();
        assert!(outcome.token().ends_with(&end_of_token(client)), "{name}");
    }
    assert_eq!(issuer.count("/token"), names.len(), "no other token was lost");
}

#[test]
fn what_is_no_profile_name_is_refused_and_makes_no_file() {
    let machine = Machine::new();
    let before = paths_in(machine.environment.root());
    let long = "x".repeat(65);
    for name in ["../a", "/a", "A", ".a", "-a", "_a", "a/b", "a\\b", "a\nb", "a b", "ä", "a\u{202e}", "..", ".", &long]
    {
        let name = format!("--profile={name}");
        machine.tokenkeep(["token", "get", "--json", &name]).run().fails(2, "usage");
        let set = ["credentials", "set", "--json", &name, "--client-id", "x", "--secret-stdin", "--token-url"];
        machine.tokenkeep(set).arg(machine.issuer.token_url()).stdin("CANARY-SECRET-x").run().fails(2, "usage");
    }
    assert_eq!(paths_in(machine.environment.root()), before);
    assert_eq!(paths_in(&machine.config("profiles")).len(), 1);
}

#[test]
fn what_a_late_writer_keeps_is_read_by_nobody_after_a_new_secret() {
    let machine = Machine::new();
    machine.issuer.behave_times("/token", 1, Behaviour::Hold);
    let late = machine.get().spawn();
    machine.issuer.wait_for_requests("/token", 1);

    // While the old secret is on its way, another one is set.
    let new = "CANARY-SECRET-the-new-one";
    machine.set("main", CLIENT_ID, new).success();
    machine.issuer.release();
    let late = late.wait().success();
    assert!(late.token().ends_with(&end_of_token(CLIENT_ID)), "what was got is handed out");

    let token = format!("{TOKEN_PREFIX}of-the-new-secret");
    machine.issuer.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
    for _ in 0..3 {
        assert!(machine.token() == token, "a token of the old secret");
    }
    let requests = machine.issuer.requests();
    assert_eq!(requests.len(), 2);
    assert!(basic(&requests[1]) == format!("{CLIENT_ID}:{new}"));

    // The same the other way round: the late one fails, and its refusal is nobody's either.
    machine.issuer.behave_times("/token", 0, Behaviour::Normal);
    let machine = Machine::new();
    machine.set("main", CLIENT_ID, "CANARY-SECRET-that-is-wrong").success();
    machine.issuer.behave_times("/token", 1, Behaviour::Hold);
    let late = machine.get().arg("--json").spawn();
    machine.issuer.wait_for_requests("/token", 1);
    machine.set("main", CLIENT_ID, crate::common::issuer::CLIENT_SECRET).success();
    machine.issuer.release();
    late.wait().fails(4, "invalid_client");
    machine.token();
}

fn basic(request: &Recorded) -> String {
    let header = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let decoded = header.and_then(|text| STANDARD.decode(text).ok());
    decoded.and_then(|bytes| String::from_utf8(bytes).ok()).expect("a Basic header is text")
}
