//! The library in a program: tasks, runtimes, clocks, and what changes under a program that runs.

mod examples;
mod fleet;
mod in_files;
mod opening;
mod rejected;
mod running;
mod runtimes;
mod tasks;
mod time;

use std::sync::{Arc, Mutex};

use tokenkeep::clock::{Clock, SystemClock};
use tokenkeep::keeper::Want;
use tokenkeep::profile::{Endpoint, Request};
use tokenkeep::store::{MemoryStore, RecordStore};
use tokenkeep::{Code, Keeper, KeeperBuilder, Profile, ProfileName, Warning};

use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET};

/// A builder for the client that the issuer knows.
fn builder(issuer: &Issuer) -> KeeperBuilder {
    Keeper::builder(profile(issuer)).secret(CLIENT_SECRET)
}

fn profile(issuer: &Issuer) -> Profile {
    let url = Endpoint::parse(&issuer.token_url()).expect("a loopback address is an endpoint");
    Profile::new(ProfileName::parse("main").expect("a name"), CLIENT_ID, url)
}

fn keeper(issuer: &Issuer) -> Keeper {
    builder(issuer).build().expect("all parts are there")
}

/// What an observer heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn observer(&self) -> impl Fn(&Warning) + Send + Sync + 'static {
        let heard = self.0.clone();
        move |warning| heard.lock().expect("no holder panics").push(warning.code().to_owned())
    }

    fn codes(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no holder panics"))
    }
}

#[test]
fn cached_needs_no_runtime_and_asks_nobody() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    assert!(keeper.cached().expect("cold is no error").is_none());
    assert_eq!(issuer.traffic().accepted, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let token = runtime.block_on(keeper.token()).expect("a token");
    drop(runtime);
    for _ in 0..100 {
        assert_eq!(keeper.cached().expect("warm"), Some(token.clone()));
    }
    assert_eq!(issuer.traffic().accepted, 1);
}

#[tokio::test]
async fn keepers_that_share_store_and_key_share_the_token() {
    let issuer = Issuer::start();
    let store: Arc<MemoryStore> = Arc::default();
    let key = tokenkeep::store::DataKey::random().expect("randomness");
    let keeper = |builder: KeeperBuilder| builder.store(store.clone()).build().expect("all parts are there");
    let first = keeper(builder(&issuer).data_key(key.clone())).token().await.expect("a token");
    assert_eq!(keeper(builder(&issuer).data_key(key)).cached().expect("warm"), Some(first.clone()));

    // With another key it is no token, and nobody is kept from one.
    let heard = Heard::default();
    let stranger = keeper(builder(&issuer).on_warning(heard.observer()));
    assert!(stranger.cached().expect("no error").is_none());
    assert_eq!(heard.codes(), ["unseal_failed"]);
    assert_ne!(stranger.token().await.expect("a token"), first);
    assert_eq!(store.list().expect("memory").len(), 1);
}

#[tokio::test]
async fn another_request_has_a_token_of_its_own() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    let request = |scopes: &'static str| Request::default().with_scopes([scopes]).expect("scopes");
    let (read, write) = (keeper.with_request(request("read")), keeper.with_request(request("write")));
    let plain = keeper.token().await.expect("a token");
    let (read_token, write_token) = (read.token().await.expect("a token"), write.token().await.expect("a token"));
    assert_eq!((read_token.scope(), write_token.scope(), plain.scope()), (Some("read"), Some("write"), None));
    assert!(read_token != write_token && read_token != plain);
    for _ in 0..2 {
        assert_eq!(keeper.token().await.expect("warm"), plain);
        assert_eq!(read.token().await.expect("warm"), read_token);
        assert_eq!(keeper.with_request(request("read")).cached().expect("warm"), Some(read_token.clone()));
    }
    assert_eq!(issuer.count("/token"), 3);
    assert_eq!(keeper.profile().request.scope_text(), "");
    assert_eq!(read.with_min_ttl(std::time::Duration::ZERO).profile().request.scope_text(), "read");
    // Rejecting the one leaves the others.
    read.reject(&read_token).expect("no error");
    assert_ne!(read.token().await.expect("a token"), read_token);
    assert_eq!(keeper.token().await.expect("warm"), plain);
    assert_eq!(issuer.count("/token"), 4);
}

#[tokio::test]
async fn an_observer_hears_every_warning() {
    let issuer = Issuer::start();
    let heard = Heard::default();
    let keeper = builder(&issuer).on_warning(heard.observer()).build().expect("all parts are there");
    issuer.set(serde_json::json!({ "expires_in": null }));
    let token = keeper.token().await.expect("a token");
    assert_eq!(token.validity().lifetime, profile(&issuer).default_lifetime);
    assert_eq!(heard.codes(), ["lifetime_assumed"]);
    issuer.set(serde_json::json!({ "expires_in": 60, "members": { "scope": "read" } }));
    let request = Request::default().with_scopes(["read write"]).expect("scopes");
    let token = keeper.with_request(request).token().await.expect("a token");
    assert_eq!(token.scope(), Some("read"));
    assert_eq!(heard.codes(), ["scope_narrowed"]);
    keeper.token().await.expect("warm");
    assert_eq!(heard.codes(), [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_remembered_and_shows_no_secret() {
    let issuer = Issuer::start();
    let keeper = Keeper::builder(profile(&issuer)).secret("CANARY-SECRET-wrong").build().expect("all parts are there");
    let refused = keeper.token().await.expect_err("the secret is wrong");
    assert!(refused.code() == Code::InvalidClient && !refused.is_remembered());
    let again = keeper.token().await.expect_err("the secret is wrong");
    assert!(again.code() == Code::InvalidClient && again.is_remembered());
    assert!(again.retry_after().is_some_and(|after| after.as_secs() <= 10));
    assert_eq!(issuer.count("/token"), 1);
    for text in [format!("{refused:?}"), format!("{refused}"), format!("{keeper:?}"), format!("{again:?}")] {
        assert!(!text.contains("CANARY"), "a secret in an error");
    }
    // Who asks for a fresh one is told the same.
    let want = Want::IssuedAfter(SystemClock.now());
    assert!(keeper.obtain(want).await.expect_err("the secret is wrong").is_remembered());
}

#[test]
fn a_keeper_without_a_secret_is_not_built() {
    let issuer = Issuer::start();
    for builder in [Keeper::builder(profile(&issuer)), Keeper::builder(profile(&issuer)).secret("")] {
        assert_eq!(builder.build().expect_err("there is no secret").code(), Code::CredentialMissing);
    }
}

#[tokio::test]
async fn a_time_out_of_the_program_bounds_the_request_as_a_whole() {
    let issuer = Issuer::start();
    issuer.behave("/token", Behaviour::Silence);
    let keeper = builder(&issuer).timeout(std::time::Duration::from_millis(300)).build().expect("all parts are there");
    assert_eq!(keeper.token().await.expect_err("silence").code(), Code::Timeout);
    issuer.behave("/token", Behaviour::Normal);
    keeper.token().await.expect("nothing is remembered of a time-out");
}
