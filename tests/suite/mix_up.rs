//! Two issuers, one of them hostile: what belongs to one never reaches the other, whoever names the other.

use serde_json::{Value, json};

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET, Certificate, ConnectionBehaviour};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, edit, get, get_json, init, prepend, read, set_credential, snapshot,
};

const METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const REDIRECTS: [u16; 7] = [300, 301, 302, 303, 305, 307, 308];

/// The places that an issuer names, apart from its tokens.
const PLACES: [(&str, &str); 3] =
    [("introspection_endpoint", "/introspect"), ("revocation_endpoint", "/revoke"), ("jwks_uri", "/keys")];

/// The issuer that is meant, and the one that must hear nothing.
struct Two {
    right: Issuer,
    other: Issuer,
}

impl Two {
    fn start() -> Self {
        Self { right: Issuer::start(), other: Issuer::start() }
    }

    /// The metadata of the right issuer, with one member changed.
    fn metadata(&self, name: &str, value: Value) -> Value {
        let mut metadata = metadata(&self.right);
        metadata[name] = value;
        metadata
    }

    /// Not a byte, not even a connection.
    fn assert_other_untouched(&self, case: &str) {
        let traffic = self.other.traffic();
        assert_eq!((traffic.accepted, traffic.bytes_received), (0, 0), "{case}");
    }
}

fn metadata(issuer: &Issuer) -> Value {
    let mut metadata = json!({ "issuer": issuer.url(""), "token_endpoint": issuer.token_url() });
    for (name, path) in PLACES {
        metadata[name] = issuer.url(path).into();
    }
    metadata
}

/// A run that sets the credential by what the issuer says of itself.
fn discover(environment: &TestEnvironment, issuer: &str) -> Invocation {
    environment
        .tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--issuer", issuer])
        .stdin(CLIENT_SECRET)
}

/// An environment whose credential was set by discovery, with a token.
fn discovered(issuer: &Issuer) -> TestEnvironment {
    issuer.answer(METADATA, 200, &metadata(issuer));
    let environment = TestEnvironment::new();
    init(&environment);
    discover(&environment, &issuer.url("")).run().success();
    get(&environment).run().success().token();
    environment
}

fn as_resource_server(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["--json", "token", "validate", "--as-resource-server", "--audience", "a", "--token-stdin"])
}

/// A token that the issuer's keys have to be asked about.
fn a_jwt() -> String {
    use base64::Engine as _;
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k" })), part(json!({})))
}

#[test]
fn no_edited_place_of_a_profile_gets_the_secret_or_the_token_of_another_issuer() {
    let two = Two::start();
    let environment = discovered(&two.right);
    let probe = two.right.api_url();
    discover(&environment, &two.right.url("")).args(["--probe-url", &probe]).run().success();
    get(&environment).run().success().token();
    let profile = read(&environment.path(PROFILE));
    let (top, binding) = profile.split_once("[binding]").expect("the profile has a binding");
    let (right, wrong) = (two.right.url(""), two.other.url(""));
    for key in ["token_url", "introspection_url", "revocation_url", "probe_url", "issuer"] {
        let swapped = |text: &str| -> String {
            let line = |line: &str| if line.starts_with(key) { line.replace(&right, &wrong) } else { line.to_owned() };
            text.lines().map(|text| line(text) + "\n").collect()
        };
        for (case, edited) in [
            ("the key", format!("{}[binding]{binding}", swapped(top))),
            ("the binding", format!("{top}[binding]{}", swapped(binding))),
            ("both", format!("{}[binding]{}", swapped(top), swapped(binding))),
        ] {
            assert!(edited.contains(&wrong), "{key} was not there");
            environment.write(PROFILE, edited);
            let runs: [&[&str]; 5] = [
                &["token", "get", "--refresh"],
                &["token", "validate"],
                &["token", "validate", "--token-stdin"],
                &["token", "revoke"],
                &["-p", "default", "credentials", "remove", "--yes", "--revoke"],
            ];
            for run in runs {
                // At another token endpoint the profile has no tokens: it is removed, and nothing is sent.
                if key == "token_url" && run.contains(&"--revoke") {
                    continue;
                }
                let case = format!("{key}: {case}: {run:?}");
                let outcome = environment.tokenkeep(["--json"]).args(run).stdin("CANARY-TOKEN-given").run();
                let renamed = ["token_url", "issuer"].contains(&key);
                let none = renamed && (run == ["token", "revoke"] || run == ["token", "validate"]);
                if none && matches!(outcome.code, 0 | 5) {
                    continue;
                }
                assert_refused(outcome, &case, 10, "binding_mismatch");
            }
        }
    }
    two.assert_other_untouched("edited");
}

#[test]
fn an_assertion_is_made_for_the_issuer_that_it_was_set_for_and_for_no_other() {
    let two = Two::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let options = ["--auth", "client_secret_jwt", "--issuer", &two.right.url("")];
    set_credential(&environment, &two.right.token_url(), &options).run().success();
    let profile = read(&environment.path(PROFILE));
    for (from, to) in [
        (two.right.url("/token"), two.other.url("/token")),
        (format!("issuer = \"{}\"", two.right.url("")), format!("issuer = \"{}\"", two.other.url(""))),
        ("auth = \"client_secret_jwt\"".to_owned(), "auth = \"client_secret_post\"".to_owned()),
    ] {
        edit(&environment, PROFILE, &from, &to);
        assert_refused(get_json(&environment).run(), &to, 10, "binding_mismatch");
        environment.write(PROFILE, &profile);
    }
    prepend(&environment, PROFILE, "assertion_audience = \"token_endpoint\"");
    assert_refused(get_json(&environment).run(), "assertion_audience", 10, "binding_mismatch");
    environment.write(PROFILE, &profile);
    assert_eq!(two.right.requests().len(), 0, "no assertion was sent");
    two.assert_other_untouched("an assertion");
    // The fixture does not know assertions; what it was sent names the issuer that is meant, and the secret is not in it.
    get_json(&environment).run().fails(4, "invalid_client");
    let sent = two.right.requests().pop().expect("one request");
    let body = String::from_utf8(sent.body.0).expect("a form");
    assert!(
        body.contains("client_assertion=")
            && !body.contains(CLIENT_SECRET)
            && sent.headers.iter().all(|(name, _)| name != "authorization")
    );
}

#[test]
fn metadata_of_another_issuer_is_refused_be_it_for_one_character() {
    let two = Two::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let before = snapshot(environment.root());
    let asked = two.right.url("");
    let upper = asked.to_uppercase();
    for named in [
        two.other.url(""),
        format!("{asked}/"),
        format!("{asked}/tenant"),
        upper,
        asked.replace("http", "https"),
        String::new(),
    ] {
        for place in [METADATA, OPENID] {
            two.right.reset();
            let mut metadata = metadata(&two.other);
            metadata["issuer"] = named.clone().into();
            two.right.answer(place, 200, &metadata);
            let error = assert_refused(discover(&environment, &asked).run(), &named, 7, "issuer_mismatch");
            // The message names what was found; no hint leads there.
            assert!(!error["hint"].as_str().expect("a hint").contains(&two.other.url("")), "{error}");
        }
    }
    assert!(snapshot(environment.root()) == before, "nothing was stored");
    assert_eq!(two.right.count("/token"), 0);
    two.assert_other_untouched("metadata");
}

#[test]
fn an_issuer_that_moves_its_endpoints_to_another_is_not_followed() {
    let two = Two::start();
    let environment = discovered(&two.right);
    let profile = read(&environment.path(PROFILE));
    let asked = two.right.url("");
    for (name, path) in [("token_endpoint", "/token")].into_iter().chain(PLACES) {
        two.right.answer(METADATA, 200, &two.metadata(name, two.other.url(path).into()));
        let error = assert_refused(discover(&environment, &asked).run(), name, 10, "binding_mismatch");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--replace")), "{error}");
        assert_eq!(read(&environment.path(PROFILE)), profile, "{name}");
        // What is pinned goes on.
        get(&environment).arg("--refresh").run().success().token();
        assert_eq!(environment.tokenkeep(["token", "validate"]).run().code, 0);
    }
    two.assert_other_untouched("moved");
    // One that names less, or nothing else than at first, changes nothing.
    two.right.answer(METADATA, 200, &json!({ "issuer": asked, "token_endpoint": two.right.token_url() }));
    discover(&environment, &asked).run().success();
    assert_eq!(read(&environment.path(PROFILE)), profile);
    // Somebody has looked, and wants it so.
    two.right.answer(METADATA, 200, &two.metadata("revocation_endpoint", two.other.url("/revoke").into()));
    discover(&environment, &asked).arg("--replace").run().success();
    assert!(read(&environment.path(PROFILE)).contains(&two.other.url("/revoke")));
}

#[test]
fn a_place_that_an_issuer_names_only_later_is_not_taken_silently() {
    let two = Two::start();
    two.right.answer(METADATA, 200, &json!({ "issuer": two.right.url(""), "token_endpoint": two.right.token_url() }));
    let environment = TestEnvironment::new();
    init(&environment);
    discover(&environment, &two.right.url("")).run().success();
    get(&environment).run().success().token();
    let profile = read(&environment.path(PROFILE));
    for (name, path) in PLACES {
        two.right.answer(METADATA, 200, &two.metadata(name, two.other.url(path).into()));
        discover(&environment, &two.right.url("")).run().success();
        assert_eq!(read(&environment.path(PROFILE)), profile, "{name}");
    }
    assert_eq!(environment.tokenkeep(["token", "validate"]).run().code, 0);
    two.assert_other_untouched("named later");
}

#[test]
fn nothing_of_one_issuer_stays_where_a_profile_is_set_for_another() {
    let two = Two::start();
    let environment = discovered(&two.other);
    // Another issuer, which has neither introspection nor revocation.
    two.right.answer(METADATA, 200, &json!({ "issuer": two.right.url(""), "token_endpoint": two.right.token_url() }));
    discover(&environment, &two.right.url("")).run().success();
    let heard = two.other.traffic().accepted;
    assert!(!read(&environment.path(PROFILE)).contains(&two.other.url("")), "a place of the first issuer is left");
    get(&environment).run().success().token();
    environment.tokenkeep(["token", "validate"]).run().success();
    assert_refused(environment.tokenkeep(["--json", "token", "revoke"]).run(), "revoke", 2, "usage");
    assert_eq!(two.other.traffic().accepted, heard);
}

#[test]
fn no_redirect_of_any_endpoint_is_followed() {
    let two = Two::start();
    let environment = discovered(&two.right);
    for status in REDIRECTS {
        for location in ["/elsewhere".to_owned(), two.other.url("/elsewhere")] {
            let redirect = || Behaviour::Redirect { status, location: location.clone() };
            let case = format!("{status} to {location}");
            for place in [METADATA, OPENID] {
                two.right.behave_times(
                    METADATA,
                    u32::from(place == OPENID),
                    Behaviour::Answer { status: 404, headers: Vec::new(), body: Default::default() },
                );
                two.right.behave_times(place, 1, redirect());
                assert_refused(discover(&environment, &two.right.url("")).run(), &case, 10, "redirect_refused");
            }
            two.right.behave_times("/introspect", 1, redirect());
            let outcome = environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
            assert_eq!(outcome.json()["verdict"], "indeterminate", "{case}");
            two.right.behave_times("/revoke", 1, redirect());
            let error = environment.tokenkeep(["--json", "token", "revoke"]).run();
            let error = assert_refused(error, &case, 10, "redirect_refused");
            assert!(error["message"].as_str().is_some_and(|text| text.ends_with("stays cached")), "{error}");
            two.right.behave_times("/keys", 1, redirect());
            as_resource_server(&environment).stdin(a_jwt()).run().exits(12);
        }
    }
    assert_eq!(two.right.count("/elsewhere"), 0);
    assert_eq!(two.right.count("/keys"), 2 * REDIRECTS.len(), "the keys were asked for each time");
    two.assert_other_untouched("redirected");
    get(&environment).arg("--offline").run().success().token();
}

#[test]
fn a_certificate_that_does_not_fit_ends_every_connection_before_anything_is_said() {
    let issuer = Issuer::start_with_tls();
    issuer.answer(METADATA, 200, &metadata(&issuer));
    let environment = TestEnvironment::new();
    init(&environment);
    let ca_file = issuer.ca_file().display().to_string();
    let set = || discover(&environment, &issuer.url("")).args(["--ca-file", &ca_file]);
    let revoke = || environment.tokenkeep(["--json", "token", "revoke"]).run();
    for certificate in [Certificate::Expired, Certificate::SelfSigned, Certificate::WrongName] {
        issuer.offer_certificate(certificate);
        assert_refused(set().run(), &format!("{certificate:?}"), 6, "tls");
    }
    issuer.behave_on_connect_times(1, ConnectionBehaviour::Tls11);
    assert_refused(set().run(), "TLS 1.1", 6, "tls");
    assert!(issuer.requests().is_empty(), "no request came through");
    // An authority that was not named is not trusted for metadata either.
    issuer.offer_certificate(Certificate::Good);
    assert_refused(discover(&environment, &issuer.url("")).run(), "no authority", 6, "tls");
    set().run().success();
    get(&environment).run().success().token();
    for certificate in [Certificate::Expired, Certificate::SelfSigned, Certificate::WrongName] {
        issuer.offer_certificate(certificate);
        environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
        as_resource_server(&environment).stdin(a_jwt()).run().exits(12);
        let error = assert_refused(revoke(), &format!("{certificate:?}"), 6, "tls");
        assert!(error["message"].as_str().is_some_and(|text| text.ends_with("stays cached")), "{error}");
    }
    for (_, path) in PLACES {
        assert_eq!(issuer.count(path), 0, "{path}");
    }
    issuer.offer_certificate(Certificate::Good);
    environment.tokenkeep(["token", "validate"]).run().success();
    assert_eq!(revoke().code, 0);
    get_json(&environment).arg("--offline").run().fails(5, "token_not_valid");
}

#[test]
fn each_profile_trusts_its_own_authority_alone() {
    let (one, two) = (Issuer::start_with_tls(), Issuer::start_with_tls());
    let environment = TestEnvironment::new();
    init(&environment);
    let set = |name: &str, issuer: &Issuer, ca: &Issuer| {
        let ca_file = ca.ca_file().display().to_string();
        set_credential(&environment, &issuer.token_url(), &["-p", name, "--ca-file", &ca_file]).run().success();
    };
    set("one", &one, &one);
    set("two", &two, &two);
    for name in ["one", "two"] {
        get(&environment).args(["-p", name]).run().success().token();
    }
    set("one", &one, &two);
    set("two", &two, &one);
    for name in ["one", "two"] {
        assert_refused(get_json(&environment).args(["-p", name]).run(), name, 6, "tls");
    }
    assert_eq!((one.count("/token"), two.count("/token")), (1, 1));
}

#[test]
fn a_line_that_somebody_wrote_into_the_file_is_not_bound_when_the_secret_is_set_again() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let environment = credential(&issuer, &[]);
    let profile = read(&environment.path(PROFILE));
    let (own, bound) = profile.split_once("[binding]").expect("a bound profile");
    for key in ["token_url", "introspection_url", "revocation_url", "probe_url"] {
        let stays: Vec<_> = own.lines().filter(|line| !line.starts_with(&format!("{key} ="))).collect();
        let edited = format!("{key} = \"{}\"\n{}\n[binding]{bound}", other.token_url(), stays.join("\n"));
        environment.write(PROFILE, &edited);
        // As a configuration tool does each hour: the secret comes along, the place does not.
        let again = environment.tokenkeep(["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"]);
        again.stdin(CLIENT_SECRET).run().fails(10, "binding_mismatch").says("nothing was changed");
        assert!(read(&environment.path(PROFILE)) == edited, "{key}");
    }
    assert_eq!(other.traffic().accepted, 0);
}

#[test]
fn a_private_key_is_not_stored_for_a_method_that_would_send_it() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let key = "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n";
    for method in ["client_secret_basic", "client_secret_post"] {
        let options = ["--json", "credentials", "set", "--client-id", CLIENT_ID, "--auth", method, "--secret-stdin"];
        environment.tokenkeep(options).stdin(key).run().fails(2, "usage").says("--auth private_key_jwt");
    }
}
