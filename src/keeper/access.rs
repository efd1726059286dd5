//! What a host needs to share one request, found among the host's secrets or made with the client's secret.

use std::path::Path;
use std::sync::Arc;

use super::credential::Proof;
use super::memory::ResolvedRequest;
use super::{Keeper, Secrets, in_thread};
use crate::error::{Error, chain};
use crate::fleet::{CachedAccess, ClientKey, ClientKeyName, Fleet, FleetAccess, FleetError, KeyKeeper};
use crate::profile::{Profile, SecretSource};
use crate::secrets::{ClientDigest, FleetState, ItemName, Retired, SecretStore, SecretsError, read_key_file, replace};
use crate::system::secret::Secret;

/// Why a host cannot share a request.
#[derive(Debug)]
pub(super) enum AccessError {
    /// The profile was set again meanwhile.
    ProfileChanged,
    /// The secret cannot be had, and so no token can.
    Failed(Error),
    /// This request cannot be shared; with the secret, if it was read.
    Unusable(FleetError, Option<Proof>),
}

impl Keeper {
    /// Finds what is needed to share a request. If nothing was kept yet, the secret is read and returned too.
    pub(super) async fn fleet_access(
        &self,
        request: &Arc<ResolvedRequest>,
        fleet: &Fleet,
    ) -> Result<(FleetAccess, Option<Proof>), AccessError> {
        let (keeper, of) = (self.clone(), request.clone());
        let (key, namespace) = (fleet.key.clone(), fleet.namespace.clone());
        let find = move || {
            let keys = HostKeys::open(&keeper, &of.profile)?;
            FleetAccess::find(&of.profile, &of.identity, &key, &namespace, &keys)
        };
        let found = in_thread(find).await.map_err(AccessError::Failed)?;
        let origin = match found.map_err(|error| AccessError::Unusable(error, None))? {
            CachedAccess::Complete(access) => return Ok((access, None)),
            CachedAccess::NeedsSecret(origin) => origin,
        };
        let Some(proof) = self.proof(request).await.map_err(AccessError::Failed)? else {
            return Err(AccessError::ProfileChanged);
        };
        match FleetAccess::with_secret(&request.profile, &request.identity, origin, &proof.secret) {
            Ok(access) => {
                self.keep_access(request, access.clone()).await;
                Ok((access, Some(proof)))
            }
            Err(error) => Err(AccessError::Unusable(error, Some(proof))),
        }
    }

    /// Returns whether the secret is another one than the access was made with. If so, the new access is kept.
    pub(super) async fn renewed(&self, request: &Arc<ResolvedRequest>, access: &FleetAccess, proof: &Proof) -> bool {
        let changed = access.changed_by(&request.profile, &request.identity, &proof.secret);
        let Some(access) = changed else { return false };
        self.keep_access(request, access).await;
        true
    }

    async fn keep_access(&self, request: &Arc<ResolvedRequest>, access: FleetAccess) {
        if matches!(self.parts.secrets, Secrets::Given(_)) {
            return;
        }
        let (keeper, of) = (self.clone(), request.clone());
        let keep = move || access.keep(&of.profile, &HostKeys::open(&keeper, &of.profile)?);
        // It is made again the next time.
        match in_thread(keep).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("what is derived for the fleet is not kept: {error}"),
            Err(error) => tracing::debug!("what is derived for the fleet is not kept: {error}"),
        }
    }
}

/// The keys of a fleet, among the secrets of this host.
struct HostKeys<'a> {
    keeper: &'a Keeper,
    profile: &'a Profile,
    /// The place of stored secrets, if there is one.
    secrets: Option<Arc<dyn SecretStore>>,
    fleet_state: FleetState,
    store_id: [u8; 16],
}

impl<'a> HostKeys<'a> {
    fn open(keeper: &'a Keeper, profile: &'a Profile) -> Result<HostKeys<'a>, FleetError> {
        let lazy_cache = &keeper.parts.lazy_cache;
        let secrets = match lazy_cache.secrets() {
            Ok(secrets) => Some(secrets),
            // Nothing is kept, so it is derived each time it is needed. A secret that lies elsewhere is read without
            // the backend.
            Err(SecretsError::KeepsNothing | SecretsError::NotChosen) => None,
            Err(error) if is_stored(profile) => return Err(no_key(&error)),
            Err(_) => None,
        };
        let (fleet_state, store_id) = lazy_cache.fleet_state().map_err(|error| no_key(&error))?;
        Ok(HostKeys { keeper, profile, secrets, fleet_state, store_id })
    }
}

impl KeyKeeper for HostKeys<'_> {
    fn chosen(&self) -> Option<[u8; 32]> {
        self.fleet_state.key
    }

    fn load_chosen(&self, id: &[u8; 32]) -> Result<Secret, FleetError> {
        if self.secrets.is_none() {
            return Err(FleetError::NoKey("the fleet key cannot be read".to_owned()));
        }
        let item = ItemName::fleet_key(&self.store_id, id);
        let stored = self.keeper.parts.lazy_cache.read_secret(&item).map_err(|error| no_key(&error))?;
        stored.ok_or_else(|| FleetError::NoKey("the fleet key is gone; import it again".to_owned()))
    }

    fn load_file(&self, path: &Path) -> Result<Secret, FleetError> {
        let missing = || no_key(&SecretsError::KeyFileMissing { path: path.to_owned() });
        read_key_file(path).map_err(|error| no_key(&error))?.ok_or_else(missing)
    }

    fn load(&self, name: &ClientKeyName) -> Result<Option<ClientKey>, FleetError> {
        let (Some(secrets), Secrets::Profile) = (&self.secrets, &self.keeper.parts.secrets) else { return Ok(None) };
        match secrets.read(&ItemName::client_key(&name.0)) {
            Ok(kept) => Ok(kept.as_ref().and_then(ClientKey::decode)),
            Err(SecretsError::Unreadable) => Ok(None),
            Err(error) if is_stored(self.profile) => Err(no_key(&error)),
            // From a secret that lies elsewhere it is derived without the backend.
            Err(_) => Ok(None),
        }
    }

    fn keep(&self, name: &ClientKeyName, key: &ClientKey) -> Result<(), FleetError> {
        let Some(secrets) = &self.secrets else { return Ok(()) };
        replace(&**secrets, &ItemName::client_key(&name.0), &key.encode()).map_err(|error| no_key(&error))
    }

    fn erase(&self, name: &ClientKeyName) -> Result<(), FleetError> {
        let Some(secrets) = &self.secrets else { return Ok(()) };
        let erased = secrets.remove(&Retired::by_name(ItemName::client_key(&name.0)));
        erased.map(|_| ()).map_err(|error| no_key(&error))
    }

    fn is_vouched(&self, profile: &Profile) -> Result<bool, FleetError> {
        let vouched = self.keeper.parts.lazy_cache.vouched().map_err(|error| no_key(&error))?;
        Ok(vouched.holds(&ClientDigest::new(profile.token_url.as_str(), &profile.client_id)))
    }
}

fn is_stored(profile: &Profile) -> bool {
    matches!(profile.secret, SecretSource::Stored(_))
}

fn no_key(error: &SecretsError) -> FleetError {
    FleetError::NoKey(format!("the fleet key cannot be had: {}", chain(error)))
}
