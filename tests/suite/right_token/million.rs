//! A million gets: many profiles, many threads, one store, and every token says whose it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokenkeep::clock::{ManualClock, WallTime};
use tokenkeep::profile::Endpoint;
use tokenkeep::store::{DataKey, MemoryStore};
use tokenkeep::{Keeper, Profile, ProfileName};

use super::{end_of_token, issuer_for, secret_of};
use crate::common::TestEnvironment;

const THREADS: usize = 16;

/// The next number of a sequence that looks random enough to mix profiles.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).expect("31 bits fit")
}

#[test]
fn in_a_million_gets_of_a_thousand_profiles_by_sixteen_threads_no_token_is_anothers() {
    const PROFILES: usize = 1_000;
    const GETS: usize = 1_000_000 / THREADS;
    let clients: Vec<_> = (0..PROFILES).map(|number| format!("client-{number}")).collect();
    let issuer = issuer_for::<{ 2 * PROFILES + 2 }>(&clients);
    let url = Endpoint::parse(&issuer.token_url()).expect("loopback");
    let (store, key) = (Arc::new(MemoryStore::default()), DataKey::random().expect("randomness"));
    let clock = Arc::new(ManualClock::new(WallTime(1_800_000_000_000_000_000)));
    let keeper = |client: &String| {
        let name = ProfileName::parse(client).expect("a name");
        let builder =
            Keeper::builder(Profile::new(name, client.as_str(), url.clone())).secret(secret_of(client).as_str());
        let builder = builder.store(store.clone()).data_key(key.clone()).clock(clock.clone());
        (builder.build().expect("all parts are there"), end_of_token(client))
    };
    let keepers: Vec<_> = clients.iter().map(keeper).collect();
    let mismatches = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (keepers, mismatches, clock) = (&keepers, &mismatches, &clock);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let mut random = 0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1);
                for get in 0..GETS {
                    let (keeper, end) = &keepers[next(&mut random) % PROFILES];
                    let token = runtime.block_on(keeper.token()).expect("a token");
                    if !token.expose().ends_with(end.as_str()) {
                        mismatches.fetch_add(1, Ordering::Relaxed);
                    }
                    // Time passes: what is held is looked up again, what has expired is fetched again.
                    if thread == 0 && get % 500 == 0 {
                        clock.advance(Duration::from_secs(4));
                    }
                }
            });
        }
    });
    assert_eq!(mismatches.into_inner(), 0, "of {} gets", GETS * THREADS);
    // 500 seconds passed, a token lives 300.
    let requests = issuer.count("/token");
    assert!((PROFILES..=2 * PROFILES).contains(&requests), "{requests} requests for {PROFILES} profiles");
}

#[test]
fn in_thousands_of_gets_by_processes_on_one_directory_no_token_is_anothers() {
    const PROFILES: usize = 40;
    const GETS: usize = 60;
    let clients: Vec<_> = (0..PROFILES).map(|number| format!("client-{number}")).collect();
    let (environment, issuer) = (TestEnvironment::new(), issuer_for::<{ 2 * PROFILES + 2 }>(&clients));
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let url = issuer.token_url();
    for client in &clients {
        let set = ["credentials", "set", "-p", client, "--client-id", client, "--secret-stdin", "--token-url", &url];
        environment.tokenkeep(set).stdin(secret_of(client)).run().success();
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (environment, clients) = (&environment, &clients);
            scope.spawn(move || {
                let mut random = 0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1);
                for _ in 0..GETS {
                    let client = &clients[next(&mut random) % PROFILES];
                    let outcome = environment.tokenkeep(["token", "get", "-p", client]).prints_token().run().success();
                    assert!(outcome.token().ends_with(&end_of_token(client)), "{client} got another's token");
                }
            });
        }
    });
    assert_eq!(issuer.count("/token"), PROFILES);
}
