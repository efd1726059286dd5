//! kubelet: an image in, a user name and a password out.

use serde_json::{Value, json};

use super::{BASIC, Client, HOST, environment, kept, schema, warm};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{PROFILE, edit};

pub(super) const CLIENT: Client = Client {
    name: "kubelet",
    program: "tokenkeep-kubelet",
    ask: |host| (Vec::new(), request(&format!("{host}/team/app:v1"))),
    token: |outcome| {
        schema::assert_valid(&outcome.json(), "kubelet-response.json");
        let auth = outcome.json()["auth"].take();
        let pair = auth.as_object().and_then(|auth| auth.values().next().cloned()).unwrap_or_default();
        pair["password"].as_str().unwrap_or_default().to_owned()
    },
    foreign: Some(|outcome| {
        schema::assert_valid(&outcome.json(), "kubelet-response.json");
        assert_eq!((outcome.code, &outcome.json()["auth"]), (0, &Value::Null), "{outcome:?}");
    }),
};

fn request(image: &str) -> String {
    let (version, kind) = ("credentialprovider.kubelet.k8s.io/v1", "CredentialProviderRequest");
    json!({ "apiVersion": version, "kind": kind, "image": image, "serviceAccountToken": "CANARY-SECRET-pod" })
        .to_string()
}

fn pulled(environment: &TestEnvironment, image: &str) -> Value {
    let outcome = CLIENT.typed(environment, &[""; 0], request(image)).prints_token().run().success();
    schema::assert_valid(&outcome.json(), "kubelet-response.json");
    outcome.json()
}

#[test]
fn a_registry_gets_a_pair_under_the_name_that_the_image_has() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    for (image, registry, user) in [
        ("server.example.com/app", HOST, "oauth2"),
        ("server.example.com:443/team/app@sha256:00", "server.example.com:443", "oauth2"),
        ("basic.example.com/app:v1@sha256:00", BASIC, "robot"),
    ] {
        let response = pulled(&environment, image);
        assert!(
            response["auth"] == json!({ registry: { "username": user, "password": kept(&environment) } }),
            "{image}"
        );
        assert_eq!(response["cacheKeyType"], "Registry");
    }
    assert_eq!(pulled(&environment, "nginx:1")["auth"], Value::Null);
}

#[test]
fn a_pair_is_kept_for_a_minute_less_than_the_token_lives() {
    for (lifetime, keep) in [(3600, &["58m", "59m"][..]), (600, &["8m", "9m"]), (50, &["0s"])] {
        let issuer = Issuer::start();
        issuer.set(json!({ "expires_in": lifetime }));
        let environment = environment(&issuer);
        let response = pulled(&environment, "server.example.com/app");
        let duration = response["cacheDuration"].as_str().expect("a duration");
        assert!(keep.iter().any(|keep| duration.starts_with(keep)), "{lifetime}: {duration}");
    }
}

#[test]
fn a_registry_with_entries_for_parts_of_it_is_kept_by_image() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    edit(&environment, PROFILE, "\"server.example.com\"", "\"server.example.com/team\"");
    let own = pulled(&environment, "server.example.com/team/app");
    let other = pulled(&environment, "server.example.com/other/app");
    assert_eq!((&own["cacheKeyType"], own["auth"].is_object()), (&json!("Image"), true));
    assert_eq!((&other["cacheKeyType"], &other["auth"]), (&json!("Image"), &Value::Null));
}

#[test]
fn another_version_and_what_is_no_image_are_failures() {
    let issuer = Issuer::start();
    let environment = warm(&issuer);
    let good = request("server.example.com/app");
    for input in [
        good.replace("k8s.io/v1", "k8s.io/v1beta1"),
        good.replace("ProviderRequest", "ProviderResponse"),
        request("server.example.com/../app"),
        request("user@server.example.com/app"),
        request(""),
        "{}".to_owned(),
    ] {
        let outcome = CLIENT.typed(&environment, &[""; 0], input).run();
        assert!(outcome.code != 0 && outcome.stdout.is_empty() && outcome.stderr.lines().count() == 1, "{outcome:?}");
    }
}
