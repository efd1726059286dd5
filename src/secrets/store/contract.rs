//! What every secret store has to do, as one suite that each of them runs.

use super::SecretStore;
use crate::profile::Generation;
use crate::secrets::{ItemName, Retired, SecretsError};
use crate::system::secret::Secret;

/// Checks an empty store.
pub(crate) fn check(store: &dyn SecretStore) {
    let a = ItemName::credential(Generation::new([1; 16]));
    let b = ItemName::credential(Generation::new([2; 16]));
    let read = |item| store.read(item).expect("reads");

    assert_eq!(read(&a), None, "absent is an answer, not an error");
    assert!(!store.remove(&Retired::by_name(a.clone())).expect("removes"), "removing nothing is not an error");

    store.write(&a, &Secret::from("first")).expect("writes");
    assert_eq!(read(&a), Some(Secret::from("first")));
    assert_eq!(read(&b), None, "items do not leak into each other");

    let again = store.write(&a, &Secret::from("second"));
    assert!(matches!(again, Err(SecretsError::WriteUnverified)), "nothing is overwritten in place");
    assert_eq!(read(&a), Some(Secret::from("first")));

    let odd = Secret::new((0..=255).chain(std::iter::repeat_n(0, 8 * 1024)).collect::<Vec<u8>>());
    store.write(&b, &odd).expect("writes");
    assert_eq!(read(&b), Some(odd), "any bytes come back");

    assert!(store.remove(&Retired::by_name(a.clone())).expect("removes"));
    assert_eq!(read(&a), None);
    assert!(read(&b).is_some());
}
