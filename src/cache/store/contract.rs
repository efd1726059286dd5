//! What every record store has to do, as one suite that each of them runs.

use super::{RecordKey, RecordKind, RecordStore, WriteMode};
use crate::token::RecordName;

pub(crate) fn slot(identity: &[u8]) -> RecordKey {
    RecordKey { name: RecordName::of(identity), holds: RecordKind::Token }
}

/// Checks an empty store.
pub(crate) fn check(store: &dyn RecordStore) {
    let (a, b) = (slot(b"a"), slot(b"b"));
    let refusal = RecordKey { holds: RecordKind::Refusal, ..a };
    let rejection = RecordKey { holds: RecordKind::Rejection, ..a };
    let load = |slot| store.load(slot).expect("loads");

    assert_eq!(load(a), None, "an empty slot is absent, not an error");
    assert_eq!(store.stamp(a).expect("stamps"), None);
    assert!(!store.remove(a).expect("removes"), "removing nothing is not an error");
    assert!(store.list().expect("lists").is_empty());

    store.save(a, b"first", WriteMode::Exclusive).expect("saves");
    assert_eq!(load(a).as_deref(), Some(b"first".as_slice()));
    assert_eq!(load(b), None, "slots do not leak into each other");
    assert_eq!(load(refusal), None, "a refusal is not a token");
    let first = store.stamp(a).expect("stamps").expect("there");
    assert_eq!(store.stamp(a).expect("stamps"), Some(first), "reading changes nothing");

    store.save(refusal, b"refused", WriteMode::Concurrent).expect("saves");
    store.save(rejection, b"rejected", WriteMode::Exclusive).expect("saves");
    assert_eq!(load(refusal).as_deref(), Some(b"refused".as_slice()), "a rejection is no refusal");
    assert_eq!(load(a).as_deref(), Some(b"first".as_slice()), "a refusal does not replace a token");

    store.save(a, b"second", WriteMode::Concurrent).expect("saves");
    assert_eq!(load(a).as_deref(), Some(b"second".as_slice()), "the later one stays");
    assert_ne!(store.stamp(a).expect("stamps"), Some(first), "another state has another stamp");

    let large = vec![7; 100_000];
    store.save(b, &large, WriteMode::Exclusive).expect("saves");
    assert_eq!(load(b), Some(large));
    let mut listed = store.list().expect("lists");
    let order = |slot: &RecordKey| (slot.name.to_hex(), format!("{:?}", slot.holds));
    listed.sort_by_key(order);
    let mut wanted = vec![a, refusal, rejection, b];
    wanted.sort_by_key(order);
    assert_eq!(listed, wanted);

    assert!(store.remove(a).expect("removes"));
    assert_eq!(load(a), None);
    assert_eq!(load(refusal).as_deref(), Some(b"refused".as_slice()));
    assert_eq!(load(rejection).as_deref(), Some(b"rejected".as_slice()));
}
