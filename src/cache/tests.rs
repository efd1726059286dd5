use std::time::Duration;

use super::*;
use crate::cache::store::MemoryStore;
use crate::system::clock::{Clock, ManualClock, WallTime};
use crate::system::secret::Secret;
use crate::token::{Dimensions, LifetimeFrom, Validity};

const HOUR: Duration = Duration::from_secs(3_600);

fn cache() -> (Arc<MemoryStore>, Cache) {
    let store = Arc::new(MemoryStore::default());
    let key = DataKey::random().expect("randomness");
    (store.clone(), Cache::new(store, key))
}

fn identity(client_id: &str) -> TokenIdentity {
    TokenIdentity::new(&Dimensions {
        token_endpoint: "https://issuer.example/token",
        issuer: None,
        client_id,
        auth_method: "client_secret_basic",
        scopes: &["a"],
        audience: None,
        resources: &[],
        params: &[],
        generation: None,
        certificate: None,
        binding: None,
        grant: None,
        headers: None,
    })
}

fn validity(clock: &ManualClock) -> Validity {
    Validity { sent: clock.now(), lifetime: HOUR, lifetime_from: LifetimeFrom::Issuer }
}

fn token(value: &str, clock: &ManualClock) -> AccessToken {
    AccessToken::new(Secret::from(value), "Bearer", None, validity(clock)).expect("visible ASCII")
}

fn refusal(clock: &ManualClock) -> Refusal {
    Refusal {
        code: "invalid_client".to_owned(),
        message: "the issuer refused".to_owned(),
        http_status: Some(401),
        oauth_error: Some("invalid_client".to_owned()),
        way: None,
        validity: validity(clock),
    }
}

fn clock() -> ManualClock {
    ManualClock::new(WallTime(1_800_000_000_000_000_000))
}

#[test]
fn a_token_is_kept_under_its_identity_alone() {
    let (_, cache) = cache();
    cache.keep(&identity("a"), &token("x", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
    assert_eq!(cache.token(&identity("a")).expect("loads"), Some(token("x", &clock())));
    assert_eq!(cache.token(&identity("b")).expect("loads"), None);
}

#[test]
fn a_token_that_was_asked_for_later_stays() {
    let (_, cache) = cache();
    let clock = clock();
    let early = token("early", &clock);
    clock.advance(Duration::from_secs(1));
    let late = token("late", &clock);
    cache.keep(&identity("a"), &late, WriteMode::Concurrent, &clock).expect("kept");
    cache.keep(&identity("a"), &early, WriteMode::Concurrent, &clock).expect("passed over");
    assert_eq!(cache.token(&identity("a")).expect("loads"), Some(late));
}

#[test]
fn a_token_that_was_kept_under_a_clock_ahead_is_replaced_by_the_next() {
    for boot_id in [true, false] {
        let (_, cache) = cache();
        let clock = clock();
        if !boot_id {
            clock.hide_boot_id();
        }
        let wall = clock.wall();
        clock.set_wall(wall.plus(87_660 * HOUR));
        clock.set_boot(clock.boot().plus(87_660 * HOUR));
        cache.keep(&identity("a"), &token("ahead", &clock), WriteMode::Exclusive, &clock).expect("kept");
        let next = self::clock();
        if !boot_id {
            next.hide_boot_id();
        }
        cache.keep(&identity("a"), &token("now", &next), WriteMode::Exclusive, &next).expect("kept");
        assert_eq!(cache.token(&identity("a")).expect("loads"), Some(token("now", &next)), "{boot_id}");
    }
}

#[cfg(feature = "cli")]
#[test]
fn a_rejection_outlives_the_token_that_goes_and_the_one_that_comes() {
    let (_, cache) = cache();
    let clock = clock();
    let rejection = Rejection::new(&token("x", &clock), clock.now());
    let (a, name) = (identity("a"), identity("a").name());
    cache.keep(&a, &token("x", &clock), WriteMode::Exclusive, &clock).expect("kept");
    cache.keep_rejection(&a, &rejection, WriteMode::Exclusive).expect("kept");
    assert!(cache.forget_token(name).expect("forgotten"));
    cache.keep(&a, &token("y", &clock), WriteMode::Exclusive, &clock).expect("kept");
    assert_eq!(cache.rejection(&a).expect("loads"), Some(rejection));
    assert_eq!(cache.rejection(&identity("b")).expect("loads"), None);
    assert!(cache.forget(name).expect("forgotten"));
    assert_eq!(cache.rejection(&a).expect("loads"), None);
}

#[test]
fn a_refusal_never_replaces_a_token_and_a_token_ends_it() {
    let (_, cache) = cache();
    let clock = clock();
    cache.keep_refusal(&identity("a"), &refusal(&clock), WriteMode::Exclusive).expect("kept");
    assert_eq!(cache.refusal(&identity("a")).expect("loads"), Some(refusal(&clock)));
    assert_eq!(cache.token(&identity("a")).expect("loads"), None);
    cache.keep(&identity("a"), &token("x", &clock), WriteMode::Exclusive, &clock).expect("kept");
    assert_eq!(cache.refusal(&identity("a")).expect("loads"), None);
}

#[test]
fn records_that_were_swapped_cut_or_emptied_are_never_a_token() {
    let (store, cache) = cache();
    let (a, b) = (identity("a"), identity("b"));
    cache.keep(&a, &token("x", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
    cache.keep(&b, &token("y", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
    let slot = |identity: &TokenIdentity| slot(identity.name(), RecordKind::Token);
    let record = store.load(slot(&a)).expect("loads").expect("there");
    store.save(slot(&b), &record, WriteMode::Exclusive).expect("swapped");
    assert!(matches!(cache.token(&b), Err(CacheFault::Unsealed)));
    for cut in 0..record.len() {
        store.save(slot(&a), &record[..cut], WriteMode::Exclusive).expect("cut");
        assert!(matches!(cache.token(&a), Err(CacheFault::Unsealed)), "{cut}");
    }
    cache.keep(&a, &token("z", &clock()), WriteMode::Exclusive, &clock()).expect("a broken record is replaced");
    assert!(cache.token(&a).expect("loads").is_some());
}

#[test]
fn a_record_whose_version_was_flipped_is_replaced() {
    for bit in 1..8 {
        let (store, cache) = cache();
        let a = identity("a");
        cache.keep(&a, &token("x", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
        let slot = slot(a.name(), RecordKind::Token);
        let mut record = store.load(slot).expect("loads").expect("there");
        record[4] ^= 1 << bit;
        store.save(slot, &record, WriteMode::Exclusive).expect("damaged");
        assert!(matches!(cache.token(&a), Err(CacheFault::Unsealed)), "bit {bit}");
        cache.keep(&a, &token("y", &clock()), WriteMode::Exclusive, &clock()).expect("a broken record is replaced");
        assert!(cache.token(&a).expect("loads").is_some(), "bit {bit}");
    }
}

#[test]
fn a_record_of_a_newer_version_is_not_written_over() {
    let (store, cache) = cache();
    let a = identity("a");
    cache.keep(&a, &token("x", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
    let slot = slot(a.name(), RecordKind::Token);
    let mut record = store.load(slot).expect("loads").expect("there");
    record[4] = 2;
    store.save(slot, &record, WriteMode::Exclusive).expect("from the future");
    assert!(matches!(cache.token(&a), Err(CacheFault::NewerVersion)));
    assert!(matches!(
        cache.keep(&a, &token("y", &clock()), WriteMode::Exclusive, &clock()),
        Err(CacheFault::NewerVersion)
    ));
    assert_eq!(store.load(slot).expect("loads"), Some(record));
}

#[cfg(feature = "cli")]
#[test]
fn a_listing_tells_clients_and_passes_over_what_does_not_open() {
    let (store, cache) = cache();
    cache.keep(&identity("a"), &token("x", &clock()), WriteMode::Exclusive, &clock()).expect("kept");
    store.save(slot(identity("b").name(), RecordKind::Token), b"junk", WriteMode::Exclusive).expect("planted");
    let listed = cache.list().expect("lists");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].outline.client_id, "a");
}
