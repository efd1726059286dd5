//! Secrets in memory with faults: the fake that unit tests of what uses the trait work with.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SecretStore;
use crate::secrets::{ItemName, Retired, SecretsError};
use crate::system::secret::Secret;

/// Keeps items for as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct MemorySecrets {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: HashMap<ItemName, Secret>,
    reads: usize,
    fault: Option<Fault>,
}

/// A fault that a keyring can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is locked.
    Locked,
    /// It cannot be reached.
    Unreachable,
    /// It keeps something else than it was given.
    ForgetsWrites,
}

impl MemorySecrets {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave an item half-written: they are inserted whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(state: &State) -> Result<(), SecretsError> {
        match state.fault {
            Some(Fault::Locked) => Err(SecretsError::Locked),
            Some(Fault::Unreachable) => Err(SecretsError::Unreachable("a test says so".to_owned())),
            Some(Fault::ForgetsWrites) | None => Ok(()),
        }
    }
}

impl MemorySecrets {
    /// Makes every following call fail like that.
    pub(crate) fn fail_with(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Counts how often a secret was read.
    pub(crate) fn reads(&self) -> usize {
        self.state().reads
    }
}

impl SecretStore for MemorySecrets {
    fn read(&self, item: &ItemName) -> Result<Option<Secret>, SecretsError> {
        let mut state = self.state();
        MemorySecrets::check(&state)?;
        state.reads += 1;
        Ok(state.items.get(item).cloned())
    }

    fn write(&self, item: &ItemName, secret: &Secret) -> Result<(), SecretsError> {
        let mut state = self.state();
        MemorySecrets::check(&state)?;
        if state.items.contains_key(item) || state.fault == Some(Fault::ForgetsWrites) {
            return Err(SecretsError::WriteUnverified);
        }
        state.items.insert(item.clone(), secret.clone());
        Ok(())
    }

    fn remove(&self, retired: &Retired) -> Result<bool, SecretsError> {
        let mut state = self.state();
        MemorySecrets::check(&state)?;
        Ok(state.items.remove(retired.item()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Generation;

    #[test]
    fn memory_keeps_the_contract_of_a_secret_store() {
        super::super::contract::check(&MemorySecrets::default());
    }

    #[test]
    fn a_fault_is_never_an_absence() {
        let store = MemorySecrets::default();
        let item = ItemName::credential(Generation::new([1; 16]));
        store.fail_with(Some(Fault::Locked));
        assert!(matches!(store.read(&item), Err(SecretsError::Locked)));
        store.fail_with(Some(Fault::Unreachable));
        assert!(matches!(store.remove(&Retired::by_name(item.clone())), Err(SecretsError::Unreachable(_))));
        store.fail_with(Some(Fault::ForgetsWrites));
        assert!(matches!(store.write(&item, &Secret::from("x")), Err(SecretsError::WriteUnverified)));
        assert_eq!(store.reads(), 0);
    }
}
