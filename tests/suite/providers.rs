//! `credentials set --provider`: what is missing is asked for and said why, what is filled in is pinned.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET, Certificate};
use crate::common::{Invocation, Issuer, TestEnvironment, tokenkeep};
use crate::setup::{PROFILE, assert_refused, get_json, init, read, snapshot};

/// A provider, what is filled in, what else its request needs, and where its tokens come from then.
struct Provider {
    name: &'static str,
    with: &'static [&'static str],
    needs: &'static [&'static str],
    token_url: &'static str,
    pinned: &'static [(&'static str, &'static str)],
}

const PROVIDERS: [Provider; 10] = [
    Provider {
        name: "spotify",
        with: &[],
        needs: &[],
        token_url: "https://accounts.spotify.com/api/token",
        pinned: &[
            ("auth", "client_secret_basic"),
            ("probe_url", "https://api.spotify.com/v1/search?q=a&type=track&limit=1"),
        ],
    },
    Provider {
        name: "auth0",
        with: &["domain=a.example"],
        needs: &["--audience", "https://api.example"],
        token_url: "https://a.example/oauth/token",
        pinned: &[("auth", "client_secret_post"), ("issuer", "https://a.example/")],
    },
    Provider {
        name: "entra",
        with: &["tenant=contoso.example"],
        needs: &["--scope", "https://graph.example/.default"],
        token_url: "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
        pinned: &[
            ("auth", "client_secret_post"),
            ("issuer", "https://login.microsoftonline.com/contoso.example/v2.0"),
            ("scope", "https://graph.example/.default"),
        ],
    },
    Provider {
        name: "okta",
        with: &["domain=a.example", "server=default"],
        needs: &["--scope", "read"],
        token_url: "https://a.example/oauth2/default/v1/token",
        pinned: &[
            ("issuer", "https://a.example/oauth2/default"),
            ("introspection_url", "https://a.example/oauth2/default/v1/introspect"),
            ("revocation_url", "https://a.example/oauth2/default/v1/revoke"),
            ("jwks_url", "https://a.example/oauth2/default/v1/keys"),
        ],
    },
    Provider {
        name: "keycloak",
        with: &["host=a.example:8443", "realm=r-1"],
        needs: &[],
        token_url: "https://a.example:8443/realms/r-1/protocol/openid-connect/token",
        pinned: &[
            ("issuer", "https://a.example:8443/realms/r-1"),
            ("introspection_url", "https://a.example:8443/realms/r-1/protocol/openid-connect/token/introspect"),
            ("revocation_url", "https://a.example:8443/realms/r-1/protocol/openid-connect/revoke"),
            ("jwks_url", "https://a.example:8443/realms/r-1/protocol/openid-connect/certs"),
        ],
    },
    Provider {
        name: "cognito",
        with: &["domain=pool", "region=eu-central-1"],
        needs: &[],
        token_url: "https://pool.auth.eu-central-1.amazoncognito.com/oauth2/token",
        pinned: &[],
    },
    Provider {
        name: "salesforce",
        with: &["domain=a.example"],
        needs: &[],
        token_url: "https://a.example/services/oauth2/token",
        pinned: &[
            ("auth", "client_secret_post"),
            ("introspection_url", "https://a.example/services/oauth2/introspect"),
            ("revocation_url", "https://a.example/services/oauth2/revoke"),
        ],
    },
    Provider {
        name: "zoom",
        with: &["account_id=A-1"],
        needs: &[],
        token_url: "https://zoom.us/oauth/token",
        pinned: &[("auth", "client_secret_basic")],
    },
    Provider {
        name: "paypal",
        with: &[],
        needs: &[],
        token_url: "https://api-m.paypal.com/v1/oauth2/token",
        pinned: &[("auth", "client_secret_basic")],
    },
    Provider {
        name: "twitch",
        with: &[],
        needs: &[],
        token_url: "https://id.twitch.tv/oauth2/token",
        pinned: &[
            ("auth", "client_secret_post"),
            ("revocation_url", "https://id.twitch.tv/oauth2/revoke"),
            ("probe_url", "https://id.twitch.tv/oauth2/validate"),
        ],
    },
];

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new();
    init(&environment);
    environment
}

fn set(environment: &TestEnvironment, name: &str) -> Invocation {
    environment
        .tokenkeep(["--json", "-p", "default", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"])
        .args(["--provider", name])
        .stdin(CLIENT_SECRET)
}

impl Provider {
    fn set(&self, environment: &TestEnvironment) -> Invocation {
        let run = self.with.iter().fold(set(environment, self.name), |run, with| run.args(["--with", with]));
        run.args(self.needs)
    }
}

fn show(environment: &TestEnvironment) -> Value {
    environment.tokenkeep(["--json", "credentials", "show"]).run().success().json()
}

#[test]
fn every_provider_that_docs_name_is_among_those_that_are_tried_here() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers.md"));
    let page = page.expect("the page is in the checkout");
    let named: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut tried: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
    // It refuses: tests/contract/usage.toml.
    tried.insert(6, "google");
    assert_eq!(named, tried);
}

#[test]
fn what_is_filled_in_is_pinned_and_the_same_command_every_hour_changes_nothing() {
    for provider in &PROVIDERS {
        let (environment, name) = (environment(), provider.name);
        provider.set(&environment).run().success();
        let shown = show(&environment);
        assert_eq!(shown["token_url"], provider.token_url, "{name}");
        for (key, value) in provider.pinned {
            assert_eq!(shown[*key], *value, "{name}: {key}");
        }
        // What the secret was set for stands in the binding, so that another version of a preset moves nothing.
        let profile = read(&environment.path(PROFILE));
        let (_, binding) = profile.split_once("[binding]").expect("a binding");
        assert!(binding.contains(provider.token_url), "{name}");
        for key in ["issuer", "introspection_url", "revocation_url", "probe_url"] {
            let pinned = shown[key].as_str();
            assert_eq!(
                pinned.is_some_and(|url| binding.contains(&format!("{key} = \"{url}\""))),
                pinned.is_some(),
                "{name}: {key}"
            );
        }
        for again in [provider.set(&environment), set(&environment, name)] {
            again.run().success();
            assert_eq!(read(&environment.path(PROFILE)), profile, "{name}");
        }
    }
}

#[test]
fn a_provider_whose_gaps_are_filled_in_again_keeps_the_method_and_the_rest_of_the_request() {
    let okta = PROVIDERS.iter().find(|provider| provider.name == "okta").expect("it is known");
    let environment = environment();
    okta.set(&environment).args(["--auth", "client_secret_post"]).run().success();
    okta.set(&environment).run().success();
    assert_eq!(show(&environment)["auth"], "client_secret_post");
    let zoom = PROVIDERS.iter().find(|provider| provider.name == "zoom").expect("it is known");
    let environment = self::environment();
    zoom.set(&environment).args(["--scope", "read", "--param", "a=b"]).run().success();
    zoom.set(&environment).run().success();
    let profile = read(&environment.path(PROFILE));
    assert!(profile.contains("a = \"b\"") && profile.contains("account_id"), "{profile}");
    assert_eq!(show(&environment)["scope"], "read");
}

#[test]
fn what_is_missing_is_named_with_its_flag_where_nobody_can_be_asked() {
    for provider in &PROVIDERS {
        let environment = environment();
        let before = snapshot(environment.root());
        for given in 0..provider.with.len() {
            let run = provider.with[..given]
                .iter()
                .fold(set(&environment, provider.name), |run, with| run.args(["--with", with]));
            let missing = provider.with[given].split_once('=').expect("a pair").0;
            let error = assert_refused(run.args(provider.needs).run(), provider.name, 2, "usage");
            let hint = error["hint"].as_str().unwrap_or_default();
            assert!(hint.starts_with(&format!("add --with {missing}=VALUE: ")), "{hint}");
        }
        if let [flag, _] = provider.needs {
            let run =
                provider.with.iter().fold(set(&environment, provider.name), |run, with| run.args(["--with", with]));
            let error = assert_refused(run.run(), provider.name, 2, "usage");
            let hint = error["hint"].as_str().unwrap_or_default();
            assert!(hint.starts_with(&format!("add {flag} VALUE: ")), "{hint}");
        }
        assert!(snapshot(environment.root()) == before, "{}: something was stored", provider.name);
    }
}

#[test]
fn what_is_missing_is_asked_for_on_a_terminal_and_said_why() {
    for (provider, answers, questions) in [
        (
            "auth0",
            "a.example\nhttps://api.example\n",
            &["domain (the tenant's domain", "audience (the identifier of the API"][..],
        ),
        (
            "okta",
            "a.example\ndefault\nread\n",
            &["domain (the organisation's domain", "server (the authorization server", "scope (a scope"],
        ),
        ("keycloak", "a.example:8443\nr-1\n", &["host (the host", "realm (the realm)"]),
        ("zoom", "A-1\n", &["account_id (the account id"]),
    ] {
        let environment = environment();
        let secret = environment.write_secret("files/secret", CLIENT_SECRET);
        let command = format!(
            "{} -p default credentials set --provider {provider} --client-id {CLIENT_ID} --secret-file {}",
            tokenkeep().display(),
            secret.display()
        );
        let outcome = environment.program("script", ["-qefc", &command, "/dev/null"]).stdin(answers).run().success();
        for question in questions {
            assert!(outcome.stdout_str().contains(question), "{provider}: {question}: {outcome:?}");
        }
        // As it would have been set with everything typed at once.
        let typed = read(&environment.path(PROFILE));
        let provider = PROVIDERS.iter().find(|known| known.name == provider).expect("it is in the table");
        let shown = show(&environment);
        assert_eq!(shown["token_url"], provider.token_url, "{typed}");
        provider.set(&environment).run().success();
        assert_eq!(read(&environment.path(PROFILE)), typed, "{}", provider.name);
    }
}

#[test]
fn an_answer_that_would_lead_to_another_host_or_path_is_refused() {
    const HOSTILE: [&str; 20] = [
        "",
        ".",
        "..",
        "/",
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "@evil.example",
        "a@evil.example",
        "a:b@evil.example",
        "evil.example/%2e%2e",
        "..%2f",
        "a b",
        "a\\b",
        "a\tb",
        "\u{e4}.example",
        "{domain}",
        "a..b",
        "[::1]",
        "a.example\n",
    ];
    for provider in PROVIDERS.iter().filter(|provider| !provider.with.is_empty()) {
        let environment = environment();
        let before = snapshot(environment.root());
        for (number, pair) in provider.with.iter().enumerate() {
            let field = pair.split_once('=').expect("a pair").0;
            for value in HOSTILE {
                let mut with: Vec<String> = provider.with.iter().map(|&with| with.to_owned()).collect();
                with[number] = format!("{field}={value}");
                let run = with.iter().fold(set(&environment, provider.name), |run, with| run.args(["--with", with]));
                let case = format!("{}: {field}={value:?}", provider.name);
                let error = assert_refused(run.args(provider.needs).run(), &case, 2, "usage");
                assert!(error["message"].as_str().is_some_and(|text| text.ends_with("nothing was changed")), "{error}");
            }
        }
        assert!(snapshot(environment.root()) == before, "{}", provider.name);
    }
}

#[test]
fn a_provider_takes_the_place_of_another_and_nothing_of_the_first_stays() {
    let environment = environment();
    for (number, provider) in PROVIDERS.iter().enumerate() {
        provider.set(&environment).run().success();
        let shown = show(&environment);
        assert_eq!(shown["token_url"], provider.token_url);
        for key in ["issuer", "introspection_url", "revocation_url", "jwks_url", "probe_url"] {
            let wanted = provider.pinned.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            assert_eq!(shown[key].as_str(), wanted, "{} after {:?}: {key}", provider.name, number.checked_sub(1));
        }
    }
    // And a place of one's own takes the place of a provider.
    PROVIDERS[3].set(&environment).run().success();
    let own =
        ["--json", "-p", "default", "credentials", "set", "--secret-stdin", "--token-url", "https://own.example/token"];
    environment.tokenkeep(own).stdin(CLIENT_SECRET).run().success();
    let profile = read(&environment.path(PROFILE));
    assert!(!profile.contains("a.example") && !profile.contains("provider"), "something of the provider is left");
}

/// An issuer that plays a provider under a name that leads to it through a proxy alone.
struct Played {
    issuer: Issuer,
    environment: TestEnvironment,
    proxy: crate::proxies::Proxy,
}

impl Played {
    fn start() -> Self {
        let issuer = Issuer::start_with_tls();
        issuer.offer_certificate(Certificate::WrongName);
        let environment = environment();
        let proxy = crate::proxies::Proxy::start(&environment, &[]);
        Self { issuer, environment, proxy }
    }

    fn host(&self) -> String {
        format!("{}:{}", crate::proxies::HOST, self.issuer.address().port())
    }

    fn get(&self) -> Value {
        get_json(&self.environment).env("HTTPS_PROXY", self.proxy.url()).run().success().json()
    }
}

#[test]
fn tokens_survive_the_same_command_every_hour() {
    for (name, field, others, path, needs) in [
        ("auth0", "domain", &[][..], "/oauth/token", &["--audience", "https://api.example"][..]),
        ("okta", "domain", &["server=default"], "/oauth2/default/v1/token", &["--scope", "read"]),
        ("keycloak", "host", &["realm=r"], "/realms/r/protocol/openid-connect/token", &[]),
        ("salesforce", "domain", &[], "/services/oauth2/token", &[]),
    ] {
        let played = Played::start();
        let mut answer =
            json!({ "access_token": "CANARY-TOKEN-of-a-provider", "token_type": "Bearer", "expires_in": 3600 });
        if name == "salesforce" {
            answer.as_object_mut().expect("an object").remove("expires_in");
        }
        played.issuer.answer(path, 200, &answer);
        let set = || {
            let run = set(&played.environment, name).args(["--with", &format!("{field}={}", played.host())]);
            let run = others.iter().fold(run, |run, with| run.args(["--with", with]));
            run.args(needs).arg("--ca-file").arg(played.issuer.ca_file()).run().success()
        };
        let _ = set();
        let first = played.get();
        assert_eq!(first["source"], "issuer", "{name}");
        let _ = set();
        let second = played.get();
        assert_eq!(second["source"], "cache", "{name}");
        assert_eq!(played.issuer.requests().len(), 1, "{name}");
        let sent = played.issuer.requests().remove(0);
        let body = String::from_utf8(sent.body.0.clone()).expect("a form");
        // As the provider wants it: one way of proving oneself, and what else its request needs.
        let in_body = ["auth0", "salesforce"].contains(&name);
        assert_eq!(
            (body.contains("client_secret="), sent.header("authorization").is_some()),
            (in_body, !in_body),
            "{name}"
        );
        assert_eq!(body.contains("audience=https%3A%2F%2Fapi.example"), name == "auth0");
        assert_eq!(body.contains("scope=read"), name == "okta");
        if name == "salesforce" {
            assert_eq!(first["lifetime_assumed"], true);
            let left = first["expires_in"].as_u64().expect("a number");
            assert!((800..=900).contains(&left), "15 minutes are assumed: {left}");
        }
    }
}

#[test]
fn a_profile_of_a_provider_works_without_a_binding() {
    let played = Played::start();
    played.issuer.answer("/realms/r/protocol/openid-connect/token/introspect", 200, &json!({ "active": true }));
    played.issuer.answer("/realms/r/protocol/openid-connect/revoke", 200, &json!({}));
    let answer = json!({ "access_token": "CANARY-TOKEN-of-a-provider", "token_type": "Bearer", "expires_in": 3600 });
    played.issuer.answer("/realms/r/protocol/openid-connect/token", 200, &answer);
    let secret = played.environment.write_secret("files/secret", CLIENT_SECRET);
    let set = || {
        played
            .environment
            .tokenkeep(["-p", "default", "credentials", "set", "--client-id", CLIENT_ID, "--provider", "keycloak"])
            .args(["--with", &format!("host={}", played.host()), "--with", "realm=r"])
            .arg("--ca-file")
            .arg(played.issuer.ca_file())
            .arg("--secret-at-fetch")
            .arg(format!("file:{}", secret.display()))
            .run()
            .success()
    };
    let _ = set();
    assert!(!read(&played.environment.path(PROFILE)).contains("[binding]"));
    assert_eq!(played.get()["source"], "issuer");
    let _ = set();
    assert_eq!(played.get()["source"], "cache");
    let through = |run: Invocation| run.env("HTTPS_PROXY", played.proxy.url());
    through(played.environment.tokenkeep(["token", "validate"])).run().success();
    through(played.environment.tokenkeep(["token", "revoke"])).run().success();
    assert_eq!(played.issuer.requests().len(), 3);

    // Written by hand, where nothing has to be filled in: a name is enough. Where something has, it says what is missing.
    let environment = environment();
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let by_hand = |provider: &str| {
        let place = secret.display();
        environment.write(
            PROFILE,
            format!("provider = \"{provider}\"\nclient_id = \"x\"\nsecret = {{ file = \"{place}\" }}\n"),
        );
    };
    for provider in PROVIDERS.iter() {
        by_hand(provider.name);
        let is_whole = provider.with.is_empty() || provider.name == "zoom";
        let show = environment.tokenkeep(["--json", "credentials", "show"]).run();
        if is_whole {
            let shown = show.success().json();
            assert_eq!(shown["token_url"], provider.token_url);
            for (key, value) in provider.pinned {
                assert_eq!(shown[*key], *value, "{}: {key}", provider.name);
            }
        } else {
            let error = assert_refused(show, provider.name, 3, "config_invalid");
            assert!(error["message"].as_str().is_some_and(|text| text.ends_with("has no `token_url`")), "{error}");
        }
    }
}
