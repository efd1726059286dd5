//! Headers that a gateway before the token endpoint asks for: sent there only, bound, and shown nowhere.

use serde_json::json;

use crate::common::issuer::CLIENT_ID;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, edit, forget, get, get_json, init, prepend, read, set_credential,
};

const NAME: &str = "x-api-key";
/// A value that stands in the profile, where a scan for secrets would find it.
const PLAIN: &str = "key-of-the-gateway-0123456789";

/// The values of the header in the requests to a path.
fn sent(issuer: &Issuer, path: &str) -> Vec<Option<String>> {
    let requests = issuer.requests().into_iter().filter(|request| request.path == path);
    requests.map(|request| request.header(NAME).map(str::to_owned)).collect()
}

/// An issuer whose client has a header, read from a file.
struct Gateway {
    issuer: Issuer,
    environment: TestEnvironment,
    key: String,
}

impl Gateway {
    fn start(options: &[&str]) -> Gateway {
        let issuer = Issuer::start();
        let environment = TestEnvironment::new();
        init(&environment);
        environment.canary("key of the gateway", "CANARY-GATEWAY-");
        let key = environment.write_secret("files/gateway", "CANARY-GATEWAY-one\n").display().to_string();
        let flag = format!("X-API-Key=file:{key}");
        let options = [&["--header", flag.as_str()], options].concat();
        set_credential(&environment, &issuer.token_url(), &options).run().success();
        Gateway { issuer, environment, key }
    }
}

#[test]
fn a_header_is_sent_to_the_token_endpoint_and_nowhere_else() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    environment.canary("key of the gateway", "CANARY-GATEWAY-");
    let key = environment.write_secret("files/gateway", "CANARY-GATEWAY-one\n");
    let metadata = json!({
        "issuer": issuer.url(""),
        "token_endpoint": issuer.token_url(),
        "introspection_endpoint": issuer.url("/introspect"),
        "revocation_endpoint": issuer.url("/revoke"),
        "jwks_uri": issuer.url("/keys"),
    });
    issuer.answer("/.well-known/oauth-authorization-server", 200, &metadata);
    let words = ["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--issuer", &issuer.url("")];
    let set = environment.tokenkeep(words).arg("--header").arg(format!("X-API-Key=file:{}", key.display()));
    set.args(["--probe-url", &issuer.api_url()]).stdin(crate::common::issuer::CLIENT_SECRET).run().success();
    get(&environment).run().success().token();
    environment.tokenkeep(["token", "validate"]).run().success();
    environment.tokenkeep(["token", "revoke"]).run().success();
    // One line end is cut.
    assert_eq!(sent(&issuer, "/token"), [Some("CANARY-GATEWAY-one".to_owned())]);
    for path in ["/.well-known/oauth-authorization-server", "/introspect", "/revoke", "/api"] {
        assert_eq!(sent(&issuer, path), [None], "{path}");
    }
}

#[test]
fn what_a_file_or_a_variable_holds_may_rotate() {
    let Gateway { issuer, environment, key } = Gateway::start(&[]);
    get(&environment).run().success().token();
    std::fs::write(key, "CANARY-GATEWAY-two\r\n").expect("it is ours");
    get(&environment).arg("--refresh").run().success().token();
    let of_variable = ["--header", "X-Api-Key=env:GATEWAY_KEY"];
    set_credential(&environment, &issuer.token_url(), &of_variable).run().success();
    get(&environment).env("GATEWAY_KEY", "CANARY-GATEWAY-three").run().success().token();
    let values = ["one", "two", "three"].map(|value| Some(format!("CANARY-GATEWAY-{value}")));
    assert_eq!(sent(&issuer, "/token"), values);
}

#[test]
fn a_plain_value_stands_in_the_profile_and_is_bound_to_the_secret() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    prepend(&environment, PROFILE, &format!("headers = {{ \"X-API-Key\" = \"{PLAIN}\" }} # of the gateway"));
    let refused = |run: &str| {
        let error = assert_refused(get_json(&environment).run(), run, 10, "binding_mismatch");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("`headers`")), "{error}");
    };
    refused("added by hand");
    // In passing it is not taken; by its name it is.
    let in_passing = set_credential(&environment, &issuer.token_url(), &[]).run();
    let error = assert_refused(in_passing, "in passing", 10, "binding_mismatch");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--header NAME")), "{error}");
    set_credential(&environment, &issuer.token_url(), &["--header", NAME]).run().success();
    assert!(read(&environment.path(PROFILE)).contains(PLAIN));
    get(&environment).run().success().token();
    assert_eq!(sent(&issuer, "/token"), [Some(PLAIN.to_owned())]);

    let shown = environment.tokenkeep(["--json", "credentials", "show"]).run().success();
    assert!(!shown.stdout_str().contains(PLAIN), "{shown:?}");
    assert_eq!(shown.json()["headers"], format!("{NAME}: (hidden)"));
    edit(&environment, PROFILE, PLAIN, "another");
    refused("another value");
    let text = read(&environment.path(PROFILE));
    environment.write(PROFILE, text.lines().filter(|line| !line.contains("another")).collect::<Vec<_>>().join("\n"));
    refused("without it");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_token_that_was_got_with_other_headers_is_not_handed_out() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let secret = environment.write_secret("files/secret", crate::common::issuer::CLIENT_SECRET).display().to_string();
    let profile = |headers: &str| {
        let token_url = issuer.token_url();
        format!("client_id = '{CLIENT_ID}'\ntoken_url = '{token_url}'\nsecret = {{ file = '{secret}' }}\n{headers}")
    };
    let mut tokens = Vec::new();
    for headers in ["", "headers = { x-tenant = 'a' }", "headers = { x-tenant = 'b' }", "headers = { X-Tenant = 'a' }"]
    {
        environment.write(PROFILE, profile(headers));
        tokens.push(get(&environment).run().success().token().to_owned());
    }
    assert_eq!(issuer.count("/token"), 3);
    assert!(tokens[1] == tokens[3] && tokens[1] != tokens[2] && tokens[0] != tokens[1]);
}

#[test]
fn a_value_that_a_server_repeats_is_withheld() {
    let Gateway { issuer, environment, .. } = Gateway::start(&[]);
    let words = "no plan for CANARY-GATEWAY-one";
    issuer.answer("/token", 403, &json!({ "error": "access_denied", "error_description": words }));
    let error = assert_refused(get_json(&environment).run(), "repeated", 4, "access_denied");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("(withheld")), "{error}");
    // A plain value of a few letters is no secret.
    prepend(&environment, PROFILE, "headers = { x-version = 'v2' }");
    let text = read(&environment.path(PROFILE));
    environment.write(
        PROFILE,
        text.lines().filter(|line| !line.contains("X-API") && !line.contains("x-api")).collect::<Vec<_>>().join("\n"),
    );
    set_credential(&environment, &issuer.token_url(), &["--header", "x-version"]).run().success();
    issuer.answer("/token", 403, &json!({ "error": "access_denied", "error_description": "v2 is over" }));
    let error = assert_refused(get_json(&environment).run(), "short", 4, "access_denied");
    assert!(error["message"].as_str().is_some_and(|message| message.ends_with("v2 is over")), "{error}");
}

#[test]
fn a_value_that_no_header_can_hold_is_not_sent() {
    let Gateway { issuer, environment, key } = Gateway::start(&[]);
    for content in
        ["", "\n", "CANARY-GATEWAY-a\nCANARY-GATEWAY-b\n", "CANARY-GATEWAY-\u{fc}", " CANARY-GATEWAY-", "\u{0}"]
    {
        std::fs::write(&key, content).expect("it is ours");
        let error = assert_refused(get_json(&environment).run(), content, 3, "config_invalid");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("the value of the header x-api-key must"), "{message}");
    }
    std::fs::remove_file(&key).expect("it is ours");
    let error = assert_refused(get_json(&environment).run(), "missing", 3, "config_invalid");
    assert_eq!(error["hint"], "put the value there, or change headers of the profile");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn headers_stay_with_their_server_and_go_to_no_other() {
    let Gateway { issuer, environment, .. } = Gateway::start(&[]);
    // Another path of the same server.
    set_credential(&environment, &issuer.url("/token/"), &[]).run().success();
    assert!(read(&environment.path(PROFILE)).contains("gateway"));
    let other = Issuer::start();
    let set = set_credential(&environment, &other.token_url(), &[]).run().success();
    assert!(set.stderr.contains("headers of the former issuer are left out"), "{set:?}");
    get(&environment).run().success().token();
    assert_eq!(sent(&other, "/token"), [None]);
}

#[test]
fn a_header_that_the_request_has_itself_is_refused_at_set_and_at_get() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let key = environment.write_secret("files/gateway", "CANARY-SECRET-of-a-gateway").display().to_string();
    for name in ["Authorization", "HOST", "Content-Type", "cookie", "Proxy-Authorization", "Transfer-Encoding"] {
        let flag = format!("{name}=file:{key}");
        let set = set_credential(&environment, &issuer.token_url(), &["--header", &flag]).run();
        assert_refused(set, name, 2, "usage");
    }
    let profile = read(&environment.path(PROFILE));
    for name in ["authorization", "Content-Length", "\"bad name\""] {
        environment.write(PROFILE, format!("headers = {{ {name} = 'CANARY-SECRET-written' }}\n{profile}"));
        environment.secret_place(PROFILE);
        assert_refused(get_json(&environment).run(), name, 3, "config_invalid");
    }
    environment.write(PROFILE, profile);
    forget(&environment);
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn a_value_as_an_argument_is_refused_and_not_repeated() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    for typed in ["x-api-key=CANARY-SECRET-typed", "x-api-key: CANARY-SECRET-typed", "CANARY-SECRET-typed", "x="] {
        let set = set_credential(&environment, &issuer.token_url(), &["--header", typed]).run();
        let error = assert_refused(set, typed, 2, "usage");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("NAME=file:PATH")), "{error}");
    }
}
