//! What drives a keeper's futures: every kind of runtime, and none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokenkeep::clock::{Clock, SystemClock};
use tokenkeep::keeper::Want;
use tokenkeep::store::MemoryStore;
use tokenkeep::validate::{Reach, Verdict};
use tokenkeep::{Keeper, Profile};
use tokio::runtime::Builder;

use super::{builder, keeper, profile};
use crate::common::Issuer;
use crate::common::issuer::{Behaviour, CLIENT_SECRET};

/// Drives a future without any runtime.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The runtimes that a program may have, by what they lack.
fn runtimes() -> [(&'static str, Builder); 6] {
    let with = |mut builder: Builder, enable: fn(&mut Builder) -> &mut Builder| {
        enable(&mut builder);
        builder
    };
    [
        ("neither timers nor sockets", Builder::new_current_thread()),
        ("no timers", with(Builder::new_current_thread(), Builder::enable_io)),
        ("no sockets", with(Builder::new_current_thread(), Builder::enable_time)),
        ("nothing", with(Builder::new_current_thread(), Builder::enable_all)),
        ("neither timers nor sockets, several threads", Builder::new_multi_thread()),
        ("nothing, several threads", with(Builder::new_multi_thread(), Builder::enable_all)),
    ]
}

#[test]
fn a_token_is_had_in_every_kind_of_runtime_and_in_none() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    let fresh = || keeper.obtain(Want::IssuedAfter(SystemClock.now()));
    for (at, (lacks, mut builder)) in runtimes().into_iter().enumerate() {
        let runtime = builder.build().expect("a runtime");
        assert!(runtime.block_on(fresh()).is_ok(), "{lacks}");
        assert_eq!(issuer.count("/token"), at + 1);
    }
    block_on(fresh()).expect("a token, without a runtime");
    assert_eq!(issuer.count("/token"), 7);
}

#[test]
fn an_issuer_that_does_not_answer_is_given_up_where_no_runtime_has_timers() {
    let issuer = Issuer::start();
    let keeper = builder(&issuer).timeout(std::time::Duration::from_millis(200)).build().expect("all parts are there");
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(keeper.token()).expect_err("no answer");
    assert_eq!(error.code(), tokenkeep::Code::Timeout);
}

#[test]
fn waiting_for_another_caller_needs_no_runtime_either() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| block_on(keeper.token()))).collect();
        issuer.wait_for_requests("/token", 1);
        issuer.release();
        threads.into_iter().map(|thread| thread.join().expect("no panic").expect("a token")).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_token_is_validated_and_revoked_without_a_runtime() {
    let issuer = Issuer::start();
    let mut profile: Profile = profile(&issuer);
    profile.probe_url = tokenkeep::profile::Endpoint::parse(&issuer.api_url()).ok();
    profile.revocation_url = tokenkeep::profile::Endpoint::parse(&issuer.url("/revoke")).ok();
    let keeper = Keeper::builder(profile).secret(CLIENT_SECRET).store(Arc::new(MemoryStore::default()));
    let keeper = keeper.build().expect("all parts are there");
    block_on(keeper.token()).expect("a token");
    let report = block_on(keeper.validate(None, Reach::Everything)).expect("a report");
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    issuer.answer("/revoke", 200, &serde_json::json!({}));
    assert!(block_on(keeper.revoke()).expect("revoked"));
    assert!(keeper.cached().expect("no error").is_none());
}
