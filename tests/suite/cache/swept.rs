//! Every byte and every length of a record, through the library: whatever is not the record is no token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokenkeep::clock::{ManualClock, WallTime};
use tokenkeep::profile::Endpoint;
use tokenkeep::store::{DataKey, MemoryStore, RecordError, RecordKey, RecordKind, RecordStore, WriteMode};
use tokenkeep::{Keeper, Profile, ProfileName, Warning};

use crate::common::Issuer;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};

/// A keeper whose token was kept, its store, and what it warned of.
struct Kept {
    issuer: Issuer,
    store: Arc<MemoryStore>,
    slot: RecordKey,
    record: Vec<u8>,
    clock: Arc<ManualClock>,
    key: DataKey,
    warnings: Arc<Mutex<Vec<&'static str>>>,
}

impl Kept {
    async fn new() -> Self {
        let (issuer, store) = (Issuer::start(), Arc::new(MemoryStore::default()));
        let mut kept = Self {
            issuer,
            store: store.clone(),
            slot: RecordKey::new(tokenkeep::store::RecordName::of(b""), RecordKind::Token),
            record: Vec::new(),
            clock: Arc::new(ManualClock::new(WallTime(1_800_000_000_000_000_000))),
            key: DataKey::random().expect("randomness"),
            warnings: Arc::default(),
        };
        kept.keeper("main").token().await.expect("a token");
        kept.slot = store.list().expect("memory")[0];
        kept.record = store.load(kept.slot).expect("memory").expect("kept");
        kept
    }

    /// A keeper that has not looked yet.
    fn keeper(&self, client: &str) -> Keeper {
        let name = ProfileName::parse("main").expect("a name");
        let url = Endpoint::parse(&self.issuer.token_url()).expect("loopback");
        let id = if client == "main" { CLIENT_ID } else { client };
        let warnings = self.warnings.clone();
        Keeper::builder(Profile::new(name, id, url))
            .secret(CLIENT_SECRET)
            .store(self.store.clone())
            .data_key(self.key.clone())
            .clock(self.clock.clone())
            .on_warning(move |warning: &Warning| warnings.lock().expect("no panic").push(warning.code()))
            .build()
            .expect("all parts are there")
    }

    fn put(&self, record: &[u8]) {
        self.store.save(self.slot, record, WriteMode::Exclusive).expect("memory");
    }

    fn warned(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.warnings.lock().expect("no panic"))
    }

    /// Asserts that a record in place of the true one is no token, and what is said of it.
    fn assert_no_token(&self, keeper: &Keeper, record: &[u8], case: &str) {
        self.put(record);
        let token = keeper.cached().expect("a fault of the cache is no error");
        assert!(token.is_none(), "{case}");
        assert_eq!(self.warned(), ["unseal_failed"], "{case}");
    }
}

#[tokio::test]
async fn a_record_with_any_bit_flipped_is_no_token() {
    let kept = Kept::new().await;
    let keeper = kept.keeper("main");
    let mut record = kept.record.clone();
    for at in 0..record.len() {
        for bit in 0..8 {
            record[at] ^= 1 << bit;
            kept.assert_no_token(&keeper, &record, &format!("bit {bit} of byte {at}"));
            record[at] ^= 1 << bit;
        }
    }
    kept.put(&kept.record);
    assert!(keeper.cached().expect("no error").is_some(), "the record itself is one");
}

#[tokio::test]
async fn a_record_cut_or_grown_to_any_length_is_no_token() {
    let kept = Kept::new().await;
    let keeper = kept.keeper("main");
    for length in 0..kept.record.len() {
        kept.assert_no_token(&keeper, &kept.record[..length], &format!("the first {length} bytes"));
        kept.assert_no_token(&keeper, &kept.record[kept.record.len() - length..], &format!("the last {length} bytes"));
    }
    for more in [1, 16, 255, 256, 4096, 1 << 20, 5 << 20] {
        let grown = [kept.record.as_slice(), &vec![0; more]].concat();
        kept.assert_no_token(&keeper, &grown, &format!("{more} bytes more"));
    }
    let twice = [kept.record.as_slice(), &kept.record].concat();
    kept.assert_no_token(&keeper, &twice, "twice");
}

#[tokio::test]
async fn whatever_lies_there_is_healed_by_one_request() {
    let kept = Kept::new().await;
    let mut flipped = kept.record.clone();
    flipped[100] ^= 1;
    for (requests, foreign) in [&b""[..], b"TKR1", b"\x7fELF", b"{}", &[0xff; 600], &flipped].into_iter().enumerate() {
        kept.put(foreign);
        let keeper = kept.keeper("main");
        let token = keeper.token().await.expect("a token");
        assert!(kept.warned().contains(&"unseal_failed"));
        assert_eq!(kept.issuer.count("/token"), requests + 2);
        assert_eq!(kept.keeper("main").cached().expect("healed"), Some(token));
        assert_eq!(kept.warned(), [""; 0]);
    }
}

#[tokio::test]
async fn a_record_of_the_future_is_left_alone_and_the_issuer_is_asked() {
    let kept = Kept::new().await;
    let mut future = kept.record.clone();
    future[4] = 2;
    kept.put(&future);
    let keeper = kept.keeper("main");
    let token = keeper.token().await.expect("a token");
    assert!(kept.warned().contains(&"cache_newer_version"));
    assert!(kept.store.load(kept.slot).expect("memory").as_deref() == Some(&future[..]), "it is left alone");
    // In this process the token is kept all the same.
    assert_eq!(keeper.token().await.expect("a token"), token);
    assert_eq!(kept.issuer.count("/token"), 2);
}

#[tokio::test]
async fn a_record_under_another_name_or_kind_is_no_token() {
    let kept = Kept::new().await;
    let other = kept.keeper("another client");
    // The identity of the other profile: by its refusal, which is kept under its own name.
    other.token().await.expect_err("the issuer does not know this client");
    let slots = kept.store.list().expect("memory");
    let refusal = *slots.iter().find(|slot| slot.holds == RecordKind::Refusal).expect("the refusal is remembered");
    let refused = kept.store.load(refusal).expect("memory").expect("kept");
    let others_token = RecordKey::new(refusal.name, RecordKind::Token);
    let save = |slot: RecordKey, record: &[u8]| kept.store.save(slot, record, WriteMode::Exclusive).expect("memory");
    kept.warned();

    save(others_token, &kept.record);
    assert!(other.cached().expect("no error").is_none(), "the token of another profile");
    save(others_token, &refused);
    assert!(other.cached().expect("no error").is_none(), "the refusal of the same profile");
    assert_eq!(kept.warned(), ["unseal_failed", "unseal_failed"]);
    kept.assert_no_token(&kept.keeper("main"), &refused, "the refusal of another profile");

    // A token in place of a refusal refuses nobody.
    kept.put(&[]);
    save(RecordKey::new(kept.slot.name, RecordKind::Refusal), &kept.record);
    kept.keeper("main").token().await.expect("a token");

    // A refusal that was edited refuses nobody either: the issuer is asked again.
    let requests = kept.issuer.count("/token");
    let mut edited = refused.clone();
    for at in [0, 4, 6, 40, 80, refused.len() - 1] {
        edited[at] ^= 0x80;
        save(others_token, &[]);
        save(refusal, &edited);
        let error = other.token().await.expect_err("the issuer does not know this client");
        assert!(!error.is_remembered());
        edited[at] ^= 0x80;
    }
    assert_eq!(kept.issuer.count("/token"), requests + 6);
}

/// A store whose every call fails, or which loses what it is given.
#[derive(Debug)]
enum Broken {
    Failing,
    Forgetting,
}

impl Broken {
    fn answer<T>(&self, absent: T) -> Result<T, RecordError> {
        match self {
            Broken::Forgetting => Ok(absent),
            Broken::Failing => Err(RecordError::Other("the disk is broken".into())),
        }
    }
}

impl RecordStore for Broken {
    fn load(&self, _: RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        self.answer(None)
    }

    fn save(&self, _: RecordKey, _: &[u8], _: WriteMode) -> Result<(), RecordError> {
        self.answer(())
    }

    fn remove(&self, _: RecordKey) -> Result<bool, RecordError> {
        self.answer(false)
    }

    fn list(&self) -> Result<Vec<RecordKey>, RecordError> {
        self.answer(Vec::new())
    }

    fn stamp(&self, _: RecordKey) -> Result<Option<tokenkeep::store::Stamp>, RecordError> {
        self.answer(None)
    }
}

#[tokio::test]
async fn a_store_that_fails_or_forgets_keeps_no_token_from_the_caller() {
    let issuer = Issuer::start();
    for (store, warns) in [(Broken::Failing, true), (Broken::Forgetting, false)] {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let heard = warnings.clone();
        let name = ProfileName::parse("main").expect("a name");
        let url = Endpoint::parse(&issuer.token_url()).expect("loopback");
        let keeper = Keeper::builder(Profile::new(name, CLIENT_ID, url))
            .secret(CLIENT_SECRET)
            .store(Arc::new(store))
            .timeout(Duration::from_secs(10))
            .on_warning(move |warning: &Warning| heard.lock().expect("no panic").push(warning.code()))
            .build()
            .expect("all parts are there");
        keeper.token().await.expect("a token");
        keeper.token().await.expect("a token");
        let warnings = warnings.lock().expect("no panic");
        assert!(warnings.iter().all(|code| *code == "cache_write_failed"), "{warnings:?}");
        assert_eq!(!warnings.is_empty(), warns);
    }
    assert!((2..=4).contains(&issuer.count("/token")));
}
