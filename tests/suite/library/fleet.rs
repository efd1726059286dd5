//! Keepers that stand for hosts, each with its own memory, over one shared store.

mod clocks;
mod outage;
mod refusals;
mod store;

use std::sync::Arc;

use serde_json::json;
use tokenkeep::clock::Clock;
use tokenkeep::fleet::{FleetKey, MemoryFleet, Store};
use tokenkeep::keeper::Source;
use tokenkeep::profile::{Request, TokenBinding};
use tokenkeep::{AccessToken, Code, Keeper, KeeperBuilder, Secret};

use self::store::{Mood, WatchedStore};
use super::{builder, profile};
use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_SECRET};

fn key() -> FleetKey {
    FleetKey::explicit(&Secret::from("CANARY-SECRET-of-the-fleet"), "default")
}

/// A builder of what one host has.
fn host_over(issuer: &Issuer, store: &Arc<impl Store + 'static>) -> KeeperBuilder {
    builder(issuer).fleet(store.clone(), key())
}

fn host(issuer: &Issuer, store: &Arc<impl Store + 'static>) -> Keeper {
    host_over(issuer, store).build().expect("all parts are there")
}

fn hosts(count: usize, issuer: &Issuer, store: &Arc<impl Store + 'static>) -> Vec<Keeper> {
    (0..count).map(|_| host(issuer, store)).collect()
}

/// A token, and where it came from.
async fn obtained(keeper: &Keeper) -> (AccessToken, Source) {
    let obtained = keeper.obtain(keeper.valid()).await.expect("a token");
    (obtained.token, obtained.source)
}

/// Whether these are one token, whichever host sees it.
fn are_one<'a>(tokens: impl IntoIterator<Item = &'a AccessToken>) -> bool {
    let mut tokens = tokens.into_iter().map(AccessToken::expose);
    let first = tokens.next().expect("there are some");
    tokens.all(|token| token == first)
}

/// Carries something out for each of these, in a task of its own.
async fn at_once<T, F>(all: impl IntoIterator<Item = T>, task: impl Fn(T) -> F) -> Vec<AccessToken>
where
    F: Future<Output = AccessToken> + Send + 'static,
{
    let tasks: Vec<_> = all.into_iter().map(|one| tokio::spawn(task(one))).collect();
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.expect("no panic"));
    }
    tokens
}

async fn one_request_is_enough(issuer: &Issuer, store: &Arc<impl Store + 'static>) {
    let first = host(issuer, store);
    let (token, source) = obtained(&first).await;
    assert_eq!(source, Source::Issuer);
    for keeper in hosts(5, issuer, store) {
        let (shared, source) = obtained(&keeper).await;
        assert!(source == Source::Fleet && are_one([&token, &shared]), "{source:?}");
        assert_eq!((shared.scope(), shared.token_type()), (token.scope(), token.token_type()));
        let (kept, source) = obtained(&keeper).await;
        assert!(source == Source::Cache && kept == shared, "{source:?}");
    }
    assert_eq!(issuer.count("/token"), 1);
    let cold = hosts(10, issuer, store);
    let request = Request::default().with_scopes(["read"]).expect("a scope");
    let callers = cold.iter().flat_map(|keeper| vec![keeper.with_request(request.clone()); 5]);
    let tokens = at_once(callers, |keeper| async move { keeper.token().await.expect("a token") }).await;
    assert!(are_one(&tokens) && !are_one([&token, &tokens[0]]));
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_is_enough_for_hosts_that_share_memory() {
    let issuer = Issuer::start_with(["--latency-ms", "100"]);
    one_request_is_enough(&issuer, &Arc::new(MemoryFleet::default())).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_is_enough_for_hosts_that_share_a_server() {
    let server = crate::common::redis::RedisServer::start();
    let url = tokenkeep::fleet::FleetUrl::parse(&server.url()).expect("an address");
    let issuer = Issuer::start_with(["--latency-ms", "100"]);
    one_request_is_enough(&issuer, &Arc::new(tokenkeep::fleet::RedisStore::new(url, None, None))).await;
}

#[cfg(feature = "redis")]
#[test]
fn a_connection_that_was_made_in_another_runtime_keeps_nobody() {
    let server = crate::common::redis::RedisServer::start();
    let url = tokenkeep::fleet::FleetUrl::parse(&server.url()).expect("an address");
    let issuer = Issuer::start();
    let store = Arc::new(tokenkeep::fleet::RedisStore::new(url, None, None));
    let hosts = hosts(2, &issuer, &store);
    // The first stays, and nobody drives it while the second asks.
    let runtimes = [(); 2]
        .map(|()| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had"));
    assert_eq!(runtimes[0].block_on(obtained(&hosts[0])).1, Source::Issuer);
    assert_eq!(runtimes[1].block_on(obtained(&hosts[1])).1, Source::Fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_is_far_away_still_saves_the_requests_of_those_who_wait() {
    let issuer = Issuer::start_with(["--latency-ms", "500"]);
    let store = WatchedStore::new();
    store.is(Mood::Far);
    let tokens = at_once(hosts(5, &issuer, &store), |keeper| async move { keeper.token().await.expect("a token") });
    assert!(are_one(&tokens.await));
    assert_eq!(issuer.count("/token"), 1);
}

#[tokio::test]
async fn a_caller_who_is_given_up_gives_the_turn_to_the_next_host() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    // One that is given up before it is sent leaves the order to hold to the next.
    let sent = async {
        while issuer.count("/token") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = first.token() => panic!("the issuer holds its answer"),
        () = sent => {}
    }
    store.wait_for("leave", 1).await;
    store.questions();
    issuer.release();
    assert_eq!(obtained(&second).await.1, Source::Issuer);
    assert_eq!(store.questions(), ["look", "join", "publish"], "nobody was waited for");
}

#[tokio::test]
async fn who_finds_a_token_asks_once_and_who_fetches_it_three_times_and_who_has_it_never() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    assert!(first.cached().expect("no error").is_none(), "looking asks nobody");
    assert_eq!(store.questions(), [""; 0]);
    obtained(&first).await;
    assert_eq!(store.questions(), ["look", "join", "publish"]);
    obtained(&second).await;
    assert_eq!(store.questions(), ["look"]);
    for keeper in [&first, &second] {
        for _ in 0..100 {
            assert!(keeper.cached().expect("warm").is_some());
            keeper.token().await.expect("warm");
        }
    }
    assert_eq!(store.questions(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_reject_a_token_cause_one_request_of_the_fleet() {
    let issuer = Issuer::start_with(["--latency-ms", "20"]);
    let store = WatchedStore::new();
    let fleet = hosts(5, &issuer, &store);
    for round in 1..4 {
        let refused = at_once(fleet.clone(), |keeper| async move { keeper.token().await.expect("a token") }).await;
        assert!(are_one(&refused));
        assert_eq!(issuer.count("/token"), round);
        let callers =
            fleet.iter().zip(&refused).flat_map(|(keeper, refused)| vec![(keeper.clone(), refused.clone()); 5]);
        let fresh = at_once(callers, |(keeper, refused)| async move {
            keeper.reject(&refused).expect("no error");
            keeper.token().await.expect("a token")
        });
        let fresh = fresh.await;
        assert!(are_one(&fresh) && !are_one([&refused[0], &fresh[0]]), "round {round}");
        assert_eq!(issuer.count("/token"), round + 1);
    }
}

#[tokio::test]
async fn a_token_that_one_host_rejects_is_followed_by_one_that_all_others_find() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    let (refused, _) = obtained(&first).await;
    let (same, _) = obtained(&second).await;
    first.reject(&refused).expect("no error");
    let (fresh, source) = obtained(&first).await;
    assert!(source == Source::Issuer && !are_one([&refused, &fresh]));
    assert_eq!(obtained(&host(&issuer, &store)).await.1, Source::Fleet);
    second.reject(&same).expect("no error");
    let (found, source) = obtained(&second).await;
    assert!(source == Source::Fleet && are_one([&fresh, &found]));
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test]
async fn who_wants_a_fresh_token_shares_it_with_those_who_want_one_then() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    let (old, _) = obtained(&first).await;
    let want = tokenkeep::keeper::Want::IssuedAfter(tokenkeep::clock::SystemClock.now());
    let fresh = first.obtain(want).await.expect("a token");
    assert!(fresh.source == Source::Issuer && !are_one([&old, &fresh.token]));
    let shared = second.obtain(want).await.expect("a token");
    assert!(shared.source == Source::Fleet && are_one([&fresh.token, &shared.token]), "{:?}", shared.source);
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test]
async fn hosts_with_another_secret_key_or_request_do_not_meet() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    obtained(&host(&issuer, &store)).await;
    let with_key = |text: &str| {
        let key = FleetKey::explicit(&Secret::from(text), "default");
        builder(&issuer).fleet(store.clone(), key).build().expect("all parts are there")
    };
    let elsewhere = FleetKey::explicit(&Secret::from("CANARY-SECRET-of-the-fleet"), "elsewhere");
    let scoped = Request::default().with_scopes(["read"]).expect("a scope");
    let strangers = [
        with_key("CANARY-SECRET-of-another-fleet"),
        builder(&issuer).fleet(store.clone(), elsewhere).build().expect("all parts are there"),
        host(&issuer, &store).with_request(scoped),
    ];
    for (requests, stranger) in (2..).zip(&strangers) {
        assert_eq!(obtained(stranger).await.1, Source::Issuer);
        assert_eq!(issuer.count("/token"), requests);
    }
    // One with a secret that the issuer does not know gets what the issuer says, whatever the fleet has.
    let wrong = Keeper::builder(profile(&issuer)).secret("CANARY-SECRET-wrong").fleet(store.clone(), key());
    let refused = wrong.build().expect("all parts are there").token().await.expect_err("the secret is wrong");
    assert_eq!(refused.code(), Code::InvalidClient);
    assert_eq!(obtained(&with_key("CANARY-SECRET-of-the-fleet")).await.1, Source::Fleet, "the same key and secret");
}

#[tokio::test]
async fn a_token_that_only_its_host_can_use_is_not_shared() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    issuer.set(json!({ "members": { "token_type": "DPoP" } }));
    let mut bound = profile(&issuer);
    bound.token_binding = TokenBinding::Dpop;
    for requests in 1..3 {
        let keeper = Keeper::builder(bound.clone()).secret(CLIENT_SECRET).fleet(store.clone(), key());
        obtained(&keeper.build().expect("all parts are there")).await;
        assert_eq!(issuer.count("/token"), requests);
    }
    assert_eq!(store.questions(), [""; 0]);
}

#[tokio::test]
async fn what_one_host_does_not_understand_gives_the_turn_to_the_next_at_once() {
    let (issuer, store) = (Issuer::start(), WatchedStore::new());
    let (first, second) = (host(&issuer, &store), host(&issuer, &store));
    let page = Behaviour::Answer { status: 200, headers: Vec::new(), body: "<html>sign in</html>".into() };
    issuer.behave_times("/token", 1, page);
    first.token().await.expect_err("it is no token");
    assert_eq!(store.questions(), ["look", "join", "publish"], "the others are told");
    assert_eq!(obtained(&second).await.1, Source::Issuer);
    assert_eq!(store.questions(), ["look", "join", "publish"], "nobody was waited for");
    assert_eq!(obtained(&first).await.1, Source::Fleet);
}
