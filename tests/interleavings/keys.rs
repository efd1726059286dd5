//! A cache belongs to the key that counts, whoever opened it and however late.

use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::sync::{Arc, RwLock};
use shuttle::thread;

use crate::opened_cache::OpenedCache;
use crate::{in_every_order, is_found_wrong};

/// The key that the file `store` names; a cache is the number of the key that opened it.
type Store = AtomicU32;

/// As `Vault::cache`.
fn open(unlocked: &OpenedCache<u32, u32>) -> u32 {
    loop {
        if let Some(cache) = unlocked.cache() {
            return cache;
        }
        let (keys, epoch) = unlocked.keys();
        thread::yield_now(); // The key is read.
        if unlocked.open(epoch, *keys) {
            return *keys;
        }
    }
}

/// As `Vault::follow`.
fn follow(unlocked: &OpenedCache<u32, u32>, store: &Store) {
    let (keys, epoch) = unlocked.keys();
    let newer = store.load(Ordering::SeqCst);
    if newer != *keys {
        unlocked.replace(epoch, newer, None);
    }
}

#[test]
fn a_cache_that_an_old_key_opened_does_not_stay_after_a_rekey() {
    in_every_order(|| {
        let (unlocked, store) = (Arc::new(OpenedCache::new(1)), Arc::new(Store::new(1)));
        let threads = [(); 2].map(|()| {
            let (unlocked, store) = (unlocked.clone(), store.clone());
            thread::spawn(move || {
                follow(&unlocked, &store);
                let before = store.load(Ordering::SeqCst);
                assert!(open(&unlocked) <= store.load(Ordering::SeqCst).max(before));
            })
        });
        store.store(2, Ordering::SeqCst);
        follow(&unlocked, &store);
        assert_eq!(open(&unlocked), 2);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(open(&unlocked), 2, "one who came late put the old key's cache back");
    });
}

#[test]
fn keys_never_go_back_after_two_rekeys_in_a_row() {
    in_every_order(|| {
        let (unlocked, store) = (Arc::new(OpenedCache::new(1)), Arc::new(Store::new(1)));
        let threads = [(); 2].map(|()| {
            let (unlocked, store) = (unlocked.clone(), store.clone());
            thread::spawn(move || {
                follow(&unlocked, &store);
                open(&unlocked);
                follow(&unlocked, &store);
                open(&unlocked);
            })
        });
        store.store(2, Ordering::SeqCst);
        store.store(3, Ordering::SeqCst);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        follow(&unlocked, &store);
        assert_eq!((*unlocked.keys().0, open(&unlocked)), (3, 3));
    });
}

/// As it was: keys and cache behind two locks, taken one after the other.
struct Apart {
    keys: RwLock<u32>,
    cache: RwLock<Option<u32>>,
}

impl Apart {
    fn open(&self) -> u32 {
        if let Some(cache) = *self.cache.read().expect("no panic") {
            return cache;
        }
        let keys = *self.keys.read().expect("no panic");
        *self.cache.write().expect("no panic") = Some(keys);
        keys
    }

    fn follow(&self, store: &Store) {
        let newer = store.load(Ordering::SeqCst);
        if newer != *self.keys.read().expect("no panic") {
            *self.keys.write().expect("no panic") = newer;
            *self.cache.write().expect("no panic") = None;
        }
    }
}

#[test]
fn keys_and_cache_behind_two_locks_are_found_wrong() {
    assert!(is_found_wrong(|| {
        let apart = Arc::new(Apart { keys: RwLock::new(1), cache: RwLock::new(None) });
        let store = Arc::new(Store::new(1));
        let late = {
            let apart = apart.clone();
            thread::spawn(move || apart.open())
        };
        store.store(2, Ordering::SeqCst);
        apart.follow(&store);
        apart.open();
        late.join().expect("no panic");
        apart.follow(&store);
        assert_eq!(apart.open(), 2);
    }));
}
