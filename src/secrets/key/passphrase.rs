//! A passphrase: stretched, it makes the data key.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::passphrase_reader::PassphraseKind;
use super::{DataKeySource, Found, KeyAtHand, MissingKey, WantedKey};
use crate::seal::DataKey;
use crate::secrets::SecretsError;
use crate::system::secret::Secret;

/// A passphrase, typed or read from a descriptor.
pub(crate) struct PassphraseKey(pub(crate) Argon2Cost);

impl KeyAtHand for PassphraseKey {
    fn needs_unlock(&self) -> bool {
        true
    }

    fn at_hand(&self, _wanted: &WantedKey<'_>) -> Result<Option<DataKey>, SecretsError> {
        Ok(None)
    }
}

impl DataKeySource for PassphraseKey {
    fn unlock(&self, wanted: &WantedKey<'_>) -> Result<Found, SecretsError> {
        let key = self.derived(wanted, PassphraseKind::Known)?;
        if wanted.accepts(&key) { Ok(Found::Key(key)) } else { Err(SecretsError::PassphraseWrong) }
    }

    fn create(&self, wanted: &WantedKey<'_>, _missing: MissingKey) -> Result<Option<DataKey>, SecretsError> {
        self.derived(wanted, PassphraseKind::New).map(Some)
    }
}

impl PassphraseKey {
    fn derived(&self, wanted: &WantedKey<'_>, kind: PassphraseKind) -> Result<DataKey, SecretsError> {
        // Before a user types it in vain.
        if !self.0.is_within_limits() {
            return Err(SecretsError::UnbearableCost);
        }
        let mut salt = [0; 32];
        salt[..16].copy_from_slice(wanted.store_id);
        salt[16..].copy_from_slice(wanted.rekey_salt);
        let passphrase = wanted.options.passphrase.read(kind)?;
        Ok(wanted.derived(&stretched(&passphrase, &salt, self.0)?))
    }
}

/// The cost of Argon2id. It is in the file `store`, and is checked against bounds before anything is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argon2Cost {
    /// Memory, in KiB.
    pub(crate) memory: u32,
    /// Passes over it.
    pub(crate) passes: u32,
    /// Lanes.
    pub(crate) lanes: u32,
}

impl Argon2Cost {
    /// What a new passphrase costs: tens of milliseconds, once per tier lifetime.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) const DEFAULT: Argon2Cost = Argon2Cost { memory: 64 * 1024, passes: 3, lanes: 1 };

    /// Returns whether it may be computed: a process that can write `store` must not stop the machine.
    pub(crate) fn is_within_limits(self) -> bool {
        (8 * 1024..=1024 * 1024).contains(&self.memory)
            && (1..=16).contains(&self.passes)
            && (1..=8).contains(&self.lanes)
    }
}

/// Stretches a passphrase to 32 bytes by Argon2id (RFC 9106).
fn stretched(passphrase: &Secret, salt: &[u8; 32], cost: Argon2Cost) -> Result<Secret, SecretsError> {
    // Before anything is computed: the cost comes from a file.
    if !cost.is_within_limits() {
        return Err(SecretsError::UnbearableCost);
    }
    let params =
        Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).map_err(|_| SecretsError::UnbearableCost)?;
    let mut output = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, output.as_mut_slice())
        .map_err(|_| SecretsError::UnbearableCost)?;
    Ok(Secret::new(output.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_cost_is_not_bearable() {
        for (memory, passes, lanes) in
            [(u32::MAX, 3, 1), (65_536, 1_000_000, 1), (65_536, 3, 100_000), (0, 3, 1), (65_536, 0, 1)]
        {
            assert!(!Argon2Cost { memory, passes, lanes }.is_within_limits());
        }
        assert!(Argon2Cost::DEFAULT.is_within_limits());
    }

    #[test]
    fn a_hostile_cost_is_refused_before_it_is_computed() {
        let hostile = Argon2Cost { memory: u32::MAX, passes: u32::MAX, lanes: 1 };
        let refused = stretched(&Secret::from("p"), &[0; 32], hostile);
        assert!(matches!(refused, Err(SecretsError::UnbearableCost)));
    }

    #[test]
    fn passphrase_and_salt_both_matter() {
        let cheap = Argon2Cost { memory: 8 * 1024, passes: 1, lanes: 1 };
        let stretch = |text: &str, salt| stretched(&Secret::from(text), &[salt; 32], cheap).expect("stretched");
        assert_eq!(stretch("p", 0), stretch("p", 0));
        assert_ne!(stretch("p", 0), stretch("q", 0));
        assert_ne!(stretch("p", 0), stretch("p", 1));
    }
}
