//! Many tasks, some of which are dropped or panic, in one runtime or several.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokenkeep::clock::{Clock, SystemClock};
use tokenkeep::keeper::Want;
use tokenkeep::{AccessToken, Keeper, Warning};

use super::{builder, keeper};
use crate::common::Issuer;
use crate::common::issuer::Behaviour;

/// Starts tasks that each want a token.
fn tasks(keeper: &Keeper, count: usize) -> Vec<tokio::task::JoinHandle<AccessToken>> {
    let task = |_| {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.token().await.expect("a token") })
    };
    (0..count).map(task).collect()
}

async fn all(tasks: Vec<tokio::task::JoinHandle<AccessToken>>) -> Vec<AccessToken> {
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.expect("no panic"));
    }
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_tasks_on_a_cold_cache_cause_one_request() {
    let issuer = Issuer::start_with(["--latency-ms", "50"]);
    let keeper = keeper(&issuer);
    let tokens = all(tasks(&keeper, 50)).await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.count("/token"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_tasks_share_a_token_that_is_over_when_it_arrives() {
    let issuer = Issuer::start_with(["--expires-in", "0"]);
    let keeper = keeper(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let first = tasks(&keeper, 1);
    issuer.wait_for_requests("/token", 1);
    // Each is polled until it waits.
    let want = Want::Valid { min_ttl: std::time::Duration::ZERO };
    let mut waiters: Vec<_> = (0..50).map(|_| Box::pin(keeper.obtain(want))).collect();
    for waiter in &mut waiters {
        let is_pending = std::future::poll_fn(|cx| std::task::Poll::Ready(waiter.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending);
    }
    issuer.release();
    let first = all(first).await.remove(0);
    for waiter in waiters {
        assert!(waiter.await.expect("a token").token == first);
    }
    assert_eq!(issuer.count("/token"), 1);
    assert!(keeper.token().await.expect("a token") != first);
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_future_dropped_in_the_middle_of_its_fetch_leaves_the_turn_to_the_next() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let fetching = tasks(&keeper, 1).remove(0);
    issuer.wait_for_requests("/token", 1);
    let waiting = tasks(&keeper, 10);
    fetching.abort();
    assert!(fetching.await.expect_err("it was dropped").is_cancelled());
    let tokens = all(waiting).await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(keeper.token().await.expect("warm"), tokens[0]);
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_future_dropped_while_it_waits_disturbs_nobody() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let fetching = tasks(&keeper, 1).remove(0);
    issuer.wait_for_requests("/token", 1);
    let (dropped, waiting) = (tasks(&keeper, 10), tasks(&keeper, 10));
    for task in &dropped {
        task.abort();
    }
    issuer.release();
    let token = fetching.await.expect("no panic");
    assert!(all(waiting).await.iter().all(|other| *other == token));
    assert_eq!(issuer.count("/token"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_in_the_fetching_task_leaves_the_turn_to_the_next() {
    let issuer = Issuer::start();
    issuer.set(serde_json::json!({ "expires_in": null }));
    let first = Arc::new(AtomicBool::new(true));
    let observer = move |_: &Warning| assert!(!first.swap(false, Ordering::SeqCst), "a bug in the program");
    let keeper = builder(&issuer).on_warning(observer).build().expect("all parts are there");
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let fetching = tasks(&keeper, 1).remove(0);
    issuer.wait_for_requests("/token", 1);
    let waiting = tasks(&keeper, 10);
    issuer.release();
    assert!(fetching.await.expect_err("its observer panics").is_panic());
    let tokens = all(waiting).await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_in_one_waiter_disturbs_nobody() {
    let issuer = Issuer::start_with(["--latency-ms", "50"]);
    let keeper = keeper(&issuer);
    let waiting = tasks(&keeper, 10);
    let panicking = {
        let keeper = keeper.clone();
        tokio::spawn(async move {
            let token = keeper.token().await.expect("a token");
            assert!(token.expose().is_empty(), "a bug in the program");
        })
    };
    assert!(panicking.await.expect_err("the program has a bug").is_panic());
    all(waiting).await;
    keeper.token().await.expect("warm");
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn several_runtimes_at_once_share_one_request_and_outlive_each_other() {
    let issuer = Issuer::start_with(["--latency-ms", "50"]);
    let keeper = keeper(&issuer);
    let in_a_runtime = |want: Want| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(keeper.obtain(want)).expect("a token").token
    };
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| in_a_runtime(keeper.valid()))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.count("/token"), 1);
    // Connections of a runtime that has ended are of no use to the next one.
    for requests in 2..6 {
        in_a_runtime(Want::IssuedAfter(SystemClock.now()));
        assert_eq!(issuer.count("/token"), requests);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_callers_who_reject_the_same_token_cause_one_request() {
    let issuer = Issuer::start_with(["--latency-ms", "20"]);
    let keeper = keeper(&issuer);
    for round in 1..4 {
        let refused = keeper.token().await.expect("a token");
        let task = |_| {
            let (keeper, refused) = (keeper.clone(), refused.clone());
            tokio::spawn(async move {
                keeper.reject(&refused).expect("no error");
                keeper.token().await.expect("a token")
            })
        };
        let tokens = all((0..50).map(task).collect()).await;
        assert!(tokens.iter().all(|token| *token == tokens[0] && *token != refused), "round {round}");
        assert_eq!(issuer.count("/token"), round + 1);
        // One who was late with his rejection takes nothing from the others.
        keeper.reject(&refused).expect("no error");
        assert_eq!(keeper.cached().expect("warm"), Some(tokens[0].clone()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_who_want_a_fresh_token_share_one_request() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    let old = keeper.token().await.expect("a token");
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let want = Want::IssuedAfter(SystemClock.now());
    let task = |_| {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.obtain(want).await.expect("a token").token })
    };
    let waiting = (0..50).map(task).collect();
    issuer.wait_for_requests("/token", 2);
    issuer.release();
    let tokens = all(waiting).await;
    assert!(tokens.iter().all(|token| *token == tokens[0] && *token != old));
    assert_eq!(issuer.count("/token"), 2);
}
