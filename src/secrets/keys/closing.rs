//! What ends the use of a key: the kernel forgets it, or it is erased with what it sealed.

use std::time::Duration;

use super::{KernelTier, Keys};
use crate::secrets::{Retired, SecretsError};

impl Keys {
    /// Empties the kernel tier; `true` if a key was there.
    pub(crate) fn lock(&self) -> bool {
        let tier = self.choice.key_id.map(|id| KernelTier::new(&self.choice.store_id, id, Duration::ZERO));
        tier.is_some_and(|tier| tier.empty())
    }

    /// Returns how long the kernel still keeps the key, for people; `None` if it holds none.
    pub(crate) fn tier_remaining(&self) -> Option<String> {
        let id = self.choice.key_id?;
        let tier = self.tier(id)?;
        tier.read(id).map(|_| tier.remaining().unwrap_or_else(|| "an unknown time".to_owned()))
    }

    /// Erases a retired item from the backend. Sealed files go without their key.
    pub(crate) fn remove(&self, retired: &Retired) -> Result<bool, SecretsError> {
        self.choice.backend.remove(&self.dir, self.options.timeout, retired)
    }

    /// Erases the data key, if it lies in the backend itself.
    pub(crate) fn erase_key(&self) -> Result<(), SecretsError> {
        self.choice.backend.key_source().erase(&self.wanted())
    }
}
