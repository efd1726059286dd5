//! A token that a resource rejected is not handed out again, however the rejection meets those who keep it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokenkeep::store::{MemoryStore, RecordError, RecordKey, RecordStore, Stamp, WriteMode};

use super::{builder, keeper};
use crate::common::Issuer;

/// A store whose saving returns when the test lets it: a slow rename.
#[derive(Debug)]
struct Slow {
    records: MemoryStore,
    saved: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl RecordStore for Slow {
    fn load(&self, slot: RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        self.records.load(slot)
    }

    fn save(&self, slot: RecordKey, record: &[u8], writer: WriteMode) -> Result<(), RecordError> {
        self.records.save(slot, record, writer)?;
        // The test that has ended waits for nothing.
        let _ = self.saved.send(());
        let _ = self.go_on.lock().expect("no panic").recv();
        Ok(())
    }

    fn remove(&self, slot: RecordKey) -> Result<bool, RecordError> {
        self.records.remove(slot)
    }

    fn list(&self) -> Result<Vec<RecordKey>, RecordError> {
        self.records.list()
    }

    fn stamp(&self, slot: RecordKey) -> Result<Option<Stamp>, RecordError> {
        self.records.stamp(slot)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_is_rejected_while_it_is_being_kept_is_not_held_afterwards() {
    let issuer = Issuer::start();
    let ((saved, is_saved), (lets_go, go_on)) = (channel(), channel());
    let store = Arc::new(Slow { records: MemoryStore::default(), saved, go_on: Mutex::new(go_on) });
    let keeper = builder(&issuer).store(store.clone()).build().expect("all parts are there");
    let fetching = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.token().await.expect("a token") }
    });
    is_saved.recv().expect("it is saved");
    let found = keeper.cached().expect("no error").expect("the record is there");
    keeper.reject(&found).expect("no error");
    lets_go.send(()).expect("it waits");
    assert_eq!(fetching.await.expect("no panic"), found, "its call began before the rejection");
    assert_eq!(keeper.cached().expect("no error"), None);
    assert_eq!(store.list().expect("memory"), []);
    lets_go.send(()).expect("for the next");
    assert_ne!(keeper.token().await.expect("a token"), found);
    assert_eq!(issuer.count("/token"), 2);
}

#[tokio::test]
async fn what_was_rejected_stays_so_when_an_older_token_is_rejected_late() {
    let issuer = Issuer::start();
    let store: Arc<MemoryStore> = Arc::default();
    let keeper = builder(&issuer).store(store.clone()).build().expect("all parts are there");
    let old = keeper.token().await.expect("a token");
    keeper.reject(&old).expect("no error");
    let new = keeper.token().await.expect("a token");
    let slot = store.list().expect("memory")[0];
    let record = store.load(slot).expect("memory").expect("kept");
    keeper.reject(&new).expect("no error");
    keeper.reject(&old).expect("no error");
    // A late writer brings the newer one back.
    store.save(slot, &record, WriteMode::Concurrent).expect("memory");
    assert_eq!(keeper.cached().expect("no error"), None);
    assert_ne!(keeper.token().await.expect("a token"), new);
}

#[tokio::test]
async fn what_one_keeper_rejects_another_of_the_same_request_does_not_hand_out() {
    let issuer = Issuer::start();
    let keeper = keeper(&issuer);
    let careful = keeper.with_min_ttl(Duration::from_secs(1));
    let token = keeper.token().await.expect("a token");
    assert_eq!(careful.token().await.expect("warm"), token);
    careful.reject(&token).expect("no error");
    assert_ne!(keeper.cached().expect("no error"), Some(token));
}
