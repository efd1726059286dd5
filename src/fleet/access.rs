//! What a host needs to share one request: the key of the fleet and the epoch of the client's secret. Both are read
//! from the place that keeps them, or made again from the secret.

use std::path::Path;

use super::client_key::{ClientKey, ClientKeyName, KeyOrigin};
use super::{FleetError, FleetKey, FleetKeyFrom, RequestKey};
use crate::profile::{AuthMethod, Profile, SecretOrigin};
use crate::system::secret::Secret;
use crate::token::TokenIdentity;

/// Loads and keeps the keys of a fleet on one host. The keeper implements it over the host's secrets.
///
/// A call may take as long as a keyring takes, so it is made in a thread.
pub(crate) trait KeyKeeper {
    /// Returns the id of the fleet key that was made or imported on this host; `None` if none was.
    fn chosen(&self) -> Option<[u8; 32]>;

    /// Loads the fleet key that was made or imported on this host. An error if it is gone: another key than the chosen
    /// one would be another fleet.
    fn load_chosen(&self, id: &[u8; 32]) -> Result<Secret, FleetError>;

    /// Loads the fleet key that is in a file. An error if there is no such file, for the same reason.
    fn load_file(&self, path: &Path) -> Result<Secret, FleetError>;

    /// Loads what was kept of a client; `None` if nothing was, or if it is unreadable: it is made again.
    fn load(&self, name: &ClientKeyName) -> Result<Option<ClientKey>, FleetError>;

    /// Keeps the key of a client, in place of what was there. A host that keeps no secrets keeps nothing.
    fn keep(&self, name: &ClientKeyName, key: &ClientKey) -> Result<(), FleetError>;

    /// Erases what was kept of a client.
    fn erase(&self, name: &ClientKeyName) -> Result<(), FleetError>;

    /// Returns whether a user vouched that the secrets of a client are random.
    fn is_vouched(&self, profile: &Profile) -> Result<bool, FleetError>;
}

/// A host's part in a fleet, for one request.
#[derive(Clone, Debug)]
pub(crate) struct FleetAccess {
    request_key: RequestKey,
    origin: KeyOrigin,
}

/// What is found without the client's secret.
pub(crate) enum CachedAccess {
    /// All that is needed.
    Complete(FleetAccess),
    /// The secret is needed once.
    NeedsSecret(KeyOrigin),
}

impl FleetAccess {
    /// Finds what is needed to share a request, without the client's secret if that is possible.
    ///
    /// # Errors
    /// When a key cannot be had, when none may be derived, or when the request cannot be shared.
    pub(crate) fn find(
        profile: &Profile,
        identity: &TokenIdentity,
        from: &FleetKeyFrom,
        namespace: &str,
        keys: &impl KeyKeeper,
    ) -> Result<CachedAccess, FleetError> {
        let complete = |key: ClientKey, origin| FleetAccess::new(&key, identity, origin).map(CachedAccess::Complete);
        let mut origin = known(from, namespace, keys)?;
        if let Some(key) = origin.client_key_without_secret(profile) {
            return complete(key, origin);
        }
        if let Some(kept) = keys.load(&origin.name(profile))? {
            let explicit = origin.id.map(|_| kept.key.clone());
            return complete(kept, KeyOrigin { explicit, ..origin });
        }
        if let (None, Some(id)) = (&origin.explicit, &origin.id) {
            origin.explicit = Some(FleetKey::explicit(&keys.load_chosen(id)?, namespace));
        }
        if let Some(key) = origin.client_key_without_secret(profile) {
            return complete(key, origin);
        }
        if profile.auth == AuthMethod::FederatedAssertion {
            let why = "an assertion changes with each fetch: `fleet_epoch` and a fleet key are needed";
            return Err(FleetError::NoKey(why.to_owned()));
        }
        if origin.explicit.is_none() && !may_derive(profile, keys)? {
            return Err(FleetError::KeyMissing);
        }
        Ok(CachedAccess::NeedsSecret(origin))
    }

    /// Makes it with the client's secret.
    pub(crate) fn with_secret(
        profile: &Profile,
        identity: &TokenIdentity,
        origin: KeyOrigin,
        secret: &Secret,
    ) -> Result<FleetAccess, FleetError> {
        FleetAccess::new(&origin.client_key(profile, secret), identity, origin)
    }

    fn new(key: &ClientKey, identity: &TokenIdentity, origin: KeyOrigin) -> Result<FleetAccess, FleetError> {
        let unusable = || FleetError::NoKey("the request cannot be shared".to_owned());
        let request_key = RequestKey::new(key, identity).ok_or_else(unusable)?;
        Ok(FleetAccess { request_key, origin })
    }

    /// Returns the access that the client's secret gives by now, if it is another one.
    pub(crate) fn changed_by(
        &self,
        profile: &Profile,
        identity: &TokenIdentity,
        secret: &Secret,
    ) -> Option<FleetAccess> {
        let access = FleetAccess::with_secret(profile, identity, self.origin.clone(), secret).ok()?;
        (access.request_key.name() != self.request_key.name()).then_some(access)
    }

    /// Keeps what was made with the client's secret. If no key may be derived from the secret, what was kept before is
    /// erased.
    pub(crate) fn keep(&self, profile: &Profile, keys: &impl KeyKeeper) -> Result<(), FleetError> {
        let name = self.origin.name(profile);
        if self.origin.explicit.is_none() && !may_derive(profile, keys)? {
            return keys.erase(&name);
        }
        keys.keep(&name, self.request_key.client_key())
    }

    /// Returns what opens and seals the shared token.
    pub(crate) fn request_key(&self) -> &RequestKey {
        &self.request_key
    }
}

/// Returns what is known of the fleet key before a secret of the host is read.
fn known(from: &FleetKeyFrom, namespace: &str, keys: &impl KeyKeeper) -> Result<KeyOrigin, FleetError> {
    let (id, explicit) = match from {
        FleetKeyFrom::Given(key) => (None, Some(key.clone())),
        FleetKeyFrom::File(path) => {
            let bytes = keys.load_file(path)?;
            (Some(FleetKey::id_of(&bytes)), Some(FleetKey::explicit(&bytes, namespace)))
        }
        FleetKeyFrom::Backend => (keys.chosen(), None),
    };
    Ok(KeyOrigin { namespace: namespace.to_owned(), id, explicit })
}

/// Returns whether a key may be derived from the secrets of a profile: the issuer makes them at random, or a user vouched
/// for that.
fn may_derive(profile: &Profile, keys: &impl KeyKeeper) -> Result<bool, FleetError> {
    Ok(profile.secret_origin == SecretOrigin::Random || keys.is_vouched(profile)?)
}
