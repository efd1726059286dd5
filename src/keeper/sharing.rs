//! How this host shares, for commands that set credentials.

use crate::fleet::{FleetKey, KeyOrigin};
use crate::profile::{AuthMethod, Profile, SecretOrigin};
use crate::secrets::{ClientDigest, ItemName, SecretStore, SecretsError, Vouched, replace};
use crate::system::secret::Secret;

/// The keys that this host derives from clients' secrets.
#[derive(Debug)]
pub(crate) struct Sharing {
    origin: KeyOrigin,
    /// The clients that a user vouched for.
    vouched: Vouched,
}

impl Sharing {
    /// Describes a host whose explicit fleet key, if there is one, is made of these bytes.
    pub(crate) fn new(namespace: &str, key: Option<&Secret>, vouched: Vouched) -> Sharing {
        let (id, explicit) = key.map(|key| (FleetKey::id_of(key), FleetKey::explicit(key, namespace))).unzip();
        Sharing { origin: KeyOrigin { namespace: namespace.to_owned(), id, explicit }, vouched }
    }

    /// Returns the id of the explicit key, if there is one.
    pub(crate) fn explicit_id(&self) -> Option<[u8; 32]> {
        self.origin.id
    }

    /// Names the item that what is derived from the secret of a profile is kept in.
    pub(crate) fn item(&self, profile: &Profile) -> ItemName {
        ItemName::client_key(&self.origin.name(profile).0)
    }

    /// Returns whether a key may be derived from the secrets of a profile.
    pub(crate) fn may_derive(&self, profile: &Profile) -> bool {
        profile.secret_origin == SecretOrigin::Random
            || self.vouched.holds(&ClientDigest::new(profile.token_url.as_str(), &profile.client_id))
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
        if self.origin.explicit.is_none() && !self.may_derive(profile) {
            return Ok(());
        }
        replace(secrets, &self.item(profile), &self.origin.client_key(profile, secret).encode())
    }
}
