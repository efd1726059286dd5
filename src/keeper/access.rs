//! What a host needs to share one request: the key of the fleet and the epoch of the secret. Both are read from the
//! place that keeps them, or derived again from the secret.

use std::sync::Arc;

use super::credential::Proof;
use super::memory::ResolvedRequest;
use super::{Keeper, Secrets, in_thread};
use crate::error::{Error, chain};
use crate::fleet::{Fleet, FleetError, FleetKey, FleetKeyFrom, RequestKey};
use crate::profile::{AuthMethod, Generation, Profile, SecretOrigin, SecretSource};
use crate::seal::fleet::EpochOf;
use crate::secrets::{
    ClientDigest, ItemName, RequestKeyId, Retired, SecretStore, SecretsError, Vouched, read_key_file, replace,
};
use crate::system::secret::Secret;

/// A host's part in a fleet, for one request.
#[derive(Clone, Debug)]
pub(super) struct FleetAccess {
    pub(super) pass: RequestKey,
    /// The explicit key, if there is one; else it is derived from the secret.
    explicit: Option<FleetKey>,
    /// The item that it is kept in, so that the secret is not needed.
    item: ItemName,
}

/// Why a host has no such part.
#[derive(Debug)]
pub(super) enum AccessError {
    /// The profile was set again meanwhile.
    ProfileChanged,
    /// The secret cannot be had, and so no token can.
    Failed(Error),
    /// This request cannot be shared; with the secret, if it was read.
    Unusable(FleetError, Option<Proof>),
}

/// What was found without the secret.
enum Cached {
    Complete(FleetAccess),
    /// The secret is needed once.
    NeedsSecret {
        explicit: Option<FleetKey>,
        item: ItemName,
    },
}

impl Keeper {
    /// Finds what is needed to share a request. If nothing was kept yet, the secret is read and returned too.
    pub(super) async fn fleet_access(
        &self,
        asked: &Arc<ResolvedRequest>,
        fleet: &Fleet,
    ) -> Result<(FleetAccess, Option<Proof>), AccessError> {
        let (keeper, of) = (self.clone(), asked.clone());
        let (key, namespace) = (fleet.key.clone(), fleet.namespace.clone());
        let kept = in_thread(move || keeper.kept_access(&of, &key, &namespace)).await.map_err(AccessError::Failed)?;
        let (explicit, item) = match kept.map_err(|error| AccessError::Unusable(error, None))? {
            Cached::Complete(member) => return Ok((member, None)),
            Cached::NeedsSecret { explicit, item } => (explicit, item),
        };
        let Some(proof) = self.proof(asked).await.map_err(AccessError::Failed)? else {
            return Err(AccessError::ProfileChanged);
        };
        let pass = match request_key_of(asked, explicit.as_ref(), &proof.secret, &fleet.namespace) {
            Ok(pass) => pass,
            Err(error) => return Err(AccessError::Unusable(error, Some(proof))),
        };
        let member = FleetAccess { pass, explicit, item };
        self.keep_request_key(&asked.profile, &member).await;
        Ok((member, Some(proof)))
    }

    /// Returns whether the secret has another pass than the member by now; if so, the new one is kept, or the old one
    /// erased if no key may be derived from the new secret.
    pub(super) async fn renewed(&self, asked: &ResolvedRequest, member: &FleetAccess, proof: &Proof) -> bool {
        let Some(fleet) = self.fleet_of(asked) else { return false };
        match request_key_of(asked, member.explicit.as_ref(), &proof.secret, &fleet.namespace) {
            Ok(pass) if pass.name() != member.pass.name() => {
                self.keep_request_key(&asked.profile, &FleetAccess { pass, ..member.clone() }).await;
                true
            }
            _ => false,
        }
    }

    fn kept_access(&self, asked: &ResolvedRequest, key: &FleetKeyFrom, namespace: &str) -> Result<Cached, FleetError> {
        let profile = &asked.profile;
        let epoch = profile.fleet_epoch.as_deref();
        let secrets = match self.parts.lazy_cache.secrets() {
            Ok(secrets) => Some(secrets),
            // Nothing is kept, so it is derived each time it is needed. A secret that lies elsewhere is read without
            // the backend.
            Err(SecretsError::KeepsNothing | SecretsError::NotChosen) => None,
            Err(error) if matches!(profile.secret, SecretSource::Stored(_)) => return Err(no_key(&error)),
            Err(_) => None,
        };
        let (fleet_state, store_id) = self.parts.lazy_cache.fleet_state().map_err(|error| no_key(&error))?;
        let (id, bytes) = match key {
            FleetKeyFrom::Given(_) => (None, None),
            FleetKeyFrom::File(path) => {
                let missing = || no_key(&SecretsError::KeyFileMissing { path: path.clone() });
                let bytes = read_key_file(path).map_err(|error| no_key(&error))?.ok_or_else(missing)?;
                (Some(FleetKey::id_of(&bytes)), Some(bytes))
            }
            FleetKeyFrom::Backend => (fleet_state.key, None),
        };
        let item = request_key_item(profile, namespace, id.as_ref());
        let given = match (key, &bytes) {
            (FleetKeyFrom::Given(key), _) => Some(key.clone()),
            (_, Some(bytes)) => Some(FleetKey::explicit(bytes, namespace)),
            _ => None,
        };
        let whole = |key: &FleetKey, epoch: [u8; 32], explicit| {
            let pass = RequestKey::new(key.clone(), epoch, &asked.identity);
            pass.map(|pass| Cached::Complete(FleetAccess { pass, explicit, item: item.clone() }))
                .ok_or_else(|| FleetError::NoKey("the request cannot be shared".to_owned()))
        };
        if let (Some(key), Some(text)) = (&given, epoch) {
            return whole(key, key.epoch(EpochOf::Text(text)), given.clone());
        }
        let mine = matches!(self.parts.secrets, Secrets::Profile);
        if let Some(secrets) = secrets.as_ref().filter(|_| mine)
            && let Some((key, epoch)) = match read_kept(&**secrets, &item) {
                // From a secret that lies elsewhere it is derived without the backend.
                Err(_) if !matches!(profile.secret, SecretSource::Stored(_)) => None,
                kept => kept?,
            }
        {
            let explicit = id.map(|_| key.clone());
            return whole(&key, epoch, explicit);
        }
        let explicit = match (given, id, &secrets) {
            (Some(key), _, _) => Some(key),
            (None, Some(id), Some(_)) => {
                let item = ItemName::fleet_key(&store_id, &id);
                let stored = self.parts.lazy_cache.read_secret(&item).map_err(|error| no_key(&error))?;
                let gone = || FleetError::NoKey("the fleet key is gone; import it again".to_owned());
                Some(FleetKey::explicit(&stored.ok_or_else(gone)?, namespace))
            }
            // Another key than the one that was chosen would be another fleet.
            (None, Some(_), None) => return Err(FleetError::NoKey("the fleet key cannot be read".to_owned())),
            (None, None, _) => None,
        };
        match (&explicit, epoch) {
            (Some(key), Some(text)) => {
                let epoch = key.epoch(EpochOf::Text(text));
                whole(key, epoch, explicit.clone())
            }
            _ if profile.auth == AuthMethod::FederatedAssertion => Err(FleetError::NoKey(
                "an assertion changes with each fetch: `fleet_epoch` and a fleet key are needed".to_owned(),
            )),
            _ if explicit.is_none() && !self.may_derive(profile).map_err(|error| no_key(&error))? => {
                Err(FleetError::KeyMissing)
            }
            _ => Ok(Cached::NeedsSecret { explicit, item }),
        }
    }

    /// Returns whether a key may be derived from the secrets of a profile.
    fn may_derive(&self, profile: &Profile) -> Result<bool, SecretsError> {
        Ok(is_random_by_issuer(profile) || is_vouched(profile, &self.parts.lazy_cache.vouched()?))
    }

    async fn keep_request_key(&self, profile: &Profile, member: &FleetAccess) {
        if matches!(self.parts.secrets, Secrets::Given(_)) {
            return;
        }
        let (keeper, profile, member) = (self.clone(), profile.clone(), member.clone());
        let keep = move || {
            let content = kept_content(member.pass.key(), member.pass.epoch());
            match keeper.parts.lazy_cache.secrets() {
                Ok(secrets) if member.explicit.is_none() && !keeper.may_derive(&profile)? => {
                    secrets.remove(&Retired::by_name(member.item)).map(|_| ())
                }
                Ok(secrets) => replace(&*secrets, &member.item, &content),
                Err(SecretsError::KeepsNothing | SecretsError::NotChosen) => Ok(()),
                Err(error) => Err(error),
            }
        };
        // It is derived again the next time.
        match in_thread(keep).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("what is derived for the fleet is not kept: {}", chain(&error)),
            Err(error) => tracing::debug!("what is derived for the fleet is not kept: {error}"),
        }
    }
}

/// Makes the pass of a request from its secret.
fn request_key_of(
    asked: &ResolvedRequest,
    explicit: Option<&FleetKey>,
    secret: &Secret,
    namespace: &str,
) -> Result<RequestKey, FleetError> {
    let (key, epoch) = derived(&asked.profile, explicit, secret, namespace);
    RequestKey::new(key, epoch, &asked.identity)
        .ok_or_else(|| FleetError::NoKey("the request cannot be shared".to_owned()))
}

/// Derives the key of the fleet, if there is no explicit one, and the epoch.
fn derived(profile: &Profile, explicit: Option<&FleetKey>, secret: &Secret, namespace: &str) -> (FleetKey, [u8; 32]) {
    let key = match explicit {
        Some(key) => key.clone(),
        None => FleetKey::derived(secret, profile.token_url.as_str(), &profile.client_id, namespace),
    };
    let epoch = match &profile.fleet_epoch {
        Some(text) => key.epoch(EpochOf::Text(text)),
        None => key.epoch(EpochOf::Secret(secret)),
    };
    (key, epoch)
}

/// Returns whether the issuer of a profile is known to make secrets at random.
fn is_random_by_issuer(profile: &Profile) -> bool {
    profile.secret_origin == SecretOrigin::Random
}

/// Returns whether a user vouched for the client of a profile.
fn is_vouched(profile: &Profile, vouched: &Vouched) -> bool {
    vouched.holds(&ClientDigest::new(profile.token_url.as_str(), &profile.client_id))
}

/// Names the item that a pass is kept in.
fn request_key_item(profile: &Profile, namespace: &str, key_id: Option<&[u8; 32]>) -> ItemName {
    RequestKeyId {
        token_endpoint: profile.token_url.as_str(),
        client_id: &profile.client_id,
        auth_method: profile.auth.name(),
        namespace,
        generation: profile.generation().as_ref().map(Generation::as_bytes),
        key: key_id,
        epoch: profile.fleet_epoch.as_deref(),
    }
    .item()
}

/// How this host shares, for commands that set credentials.
#[derive(Debug)]
pub(crate) struct Sharing {
    pub(crate) namespace: String,
    /// The explicit key and its id, if there is one.
    pub(crate) explicit: Option<([u8; 32], FleetKey)>,
    /// The clients that a user vouched for.
    pub(crate) vouched: Vouched,
}

impl Sharing {
    /// Names the item that what is derived from the secret of a profile is kept in.
    pub(crate) fn item(&self, profile: &Profile) -> ItemName {
        request_key_item(profile, &self.namespace, self.explicit.as_ref().map(|(id, _)| id))
    }

    /// Returns whether a key may be derived from the secrets of a profile.
    pub(crate) fn may_derive(&self, profile: &Profile) -> bool {
        is_random_by_issuer(profile) || is_vouched(profile, &self.vouched)
    }

    /// Keeps what is derived from the secret of a profile, so that a shared token is read without it.
    pub(crate) fn keep(
        &self,
        secrets: &dyn SecretStore,
        profile: &Profile,
        secret: &Secret,
    ) -> Result<(), SecretsError> {
        if !profile.is_shareable() || profile.auth == AuthMethod::FederatedAssertion {
            return Ok(());
        }
        let explicit = self.explicit.as_ref().map(|(_, key)| key);
        if explicit.is_none() && !self.may_derive(profile) {
            return Ok(());
        }
        let (key, epoch) = derived(profile, explicit, secret, &self.namespace);
        replace(secrets, &self.item(profile), &kept_content(&key, &epoch))
    }
}

fn kept_content(key: &FleetKey, epoch: &[u8; 32]) -> Secret {
    Secret::new(crate::fleet::kept(key, epoch).as_slice())
}

fn read_kept(secrets: &dyn SecretStore, item: &ItemName) -> Result<Option<(FleetKey, [u8; 32])>, FleetError> {
    match secrets.read(item) {
        Ok(Some(content)) => Ok(crate::fleet::from_kept(content.expose())),
        // It is derived again, and put in its place.
        Ok(None) | Err(SecretsError::Unreadable) => Ok(None),
        Err(error) => Err(no_key(&error)),
    }
}

fn no_key(error: &SecretsError) -> FleetError {
    FleetError::NoKey(format!("the fleet key cannot be had: {}", chain(error)))
}
