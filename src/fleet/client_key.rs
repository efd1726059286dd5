//! The key of a client: what opens all that a fleet shares of one client, and where a host keeps it.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::FleetKey;
use crate::encoding::tlv::{Reader, Writer};
use crate::profile::{Generation, Profile};
use crate::seal::fleet::EpochOf;
use crate::system::secret::Secret;

/// The key of the fleet, and the epoch of a client's secret. A host keeps both, so that it reads a shared token without
/// the secret.
#[derive(Clone)]
pub(crate) struct ClientKey {
    pub(super) key: FleetKey,
    pub(super) epoch: [u8; 32],
}

impl ClientKey {
    /// Encodes it for the place that keeps it.
    pub(crate) fn encode(&self) -> Secret {
        let mut writer = Writer::default();
        writer.bytes(1, self.key.expose_root()).bytes(2, &self.epoch);
        Secret::new(writer.finish().as_slice())
    }

    /// Decodes what [`ClientKey::encode`] wrote.
    pub(crate) fn decode(bytes: &Secret) -> Option<ClientKey> {
        let mut reader = Reader::new(bytes.expose());
        let root = Zeroizing::new(reader.fixed(1).ok()?);
        let epoch = reader.fixed(2).ok()?;
        reader.finish().ok()?;
        Some(ClientKey { key: FleetKey::from_root(root), epoch })
    }
}

/// What the key of a client is made of, beside the client's secret.
#[derive(Clone, Debug)]
pub(crate) struct KeyOrigin {
    /// Keeps fleets apart that use one store.
    pub(crate) namespace: String,
    /// The id of the explicit key, if it came from a file or from the backend.
    pub(crate) id: Option<[u8; 32]>,
    /// The explicit key of the fleet; without it, the key is derived from the secret.
    pub(crate) explicit: Option<FleetKey>,
}

impl KeyOrigin {
    /// Makes the key of a profile's client from its secret.
    pub(crate) fn client_key(&self, profile: &Profile, secret: &Secret) -> ClientKey {
        let key = match &self.explicit {
            Some(key) => key.clone(),
            None => FleetKey::derived(secret, profile.token_url.as_str(), &profile.client_id, &self.namespace),
        };
        let epoch = match &profile.fleet_epoch {
            Some(text) => key.epoch(EpochOf::Text(text)),
            None => key.epoch(EpochOf::Secret(secret)),
        };
        ClientKey { key, epoch }
    }

    /// Makes the key of a profile's client without its secret; `None` if the secret is needed.
    pub(super) fn client_key_without_secret(&self, profile: &Profile) -> Option<ClientKey> {
        let (key, text) = (self.explicit.clone()?, profile.fleet_epoch.as_deref()?);
        Some(ClientKey { epoch: key.epoch(EpochOf::Text(text)), key })
    }

    /// Names the key of a profile's client.
    pub(crate) fn name(&self, profile: &Profile) -> ClientKeyName {
        let generation = profile.generation();
        let of = ClientKeyOf {
            token_endpoint: profile.token_url.as_str(),
            client_id: &profile.client_id,
            auth_method: profile.auth.name(),
            namespace: &self.namespace,
            generation: generation.as_ref().map(Generation::as_bytes),
            key: self.id.as_ref(),
            epoch: profile.fleet_epoch.as_deref(),
        };
        of.name()
    }
}

/// The name that a client's key is kept under: a digest of all that makes it another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientKeyName(pub(crate) [u8; 16]);

/// What a client's key belongs to: another one for each of these.
#[derive(Clone, Copy)]
struct ClientKeyOf<'a> {
    token_endpoint: &'a str,
    client_id: &'a str,
    auth_method: &'a str,
    namespace: &'a str,
    generation: Option<&'a [u8]>,
    key: Option<&'a [u8; 32]>,
    epoch: Option<&'a str>,
}

impl ClientKeyOf<'_> {
    fn name(&self) -> ClientKeyName {
        let mut writer = Writer::default();
        writer
            .bytes(1, self.token_endpoint.as_bytes())
            .bytes(2, self.client_id.as_bytes())
            .bytes(3, self.auth_method.as_bytes())
            .bytes(4, self.namespace.as_bytes())
            .optional(5, self.generation)
            .optional(6, self.key.map(<[u8; 32]>::as_slice))
            .optional(7, self.epoch.map(str::as_bytes));
        let digest = Sha256::digest(writer.written());
        ClientKeyName(digest[..16].try_into().expect("SHA-256 has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_of_anything_else_has_another_name() {
        let of = ClientKeyOf {
            token_endpoint: "https://a/t",
            client_id: "c",
            auth_method: "client_secret_basic",
            namespace: "default",
            generation: None,
            key: None,
            epoch: None,
        };
        let names = [
            of.name(),
            ClientKeyOf { token_endpoint: "https://a/u", ..of }.name(),
            ClientKeyOf { client_id: "d", ..of }.name(),
            ClientKeyOf { auth_method: "client_secret_post", ..of }.name(),
            ClientKeyOf { namespace: "other", ..of }.name(),
            ClientKeyOf { generation: Some(&[1; 16]), ..of }.name(),
            ClientKeyOf { key: Some(&[1; 32]), ..of }.name(),
            ClientKeyOf { epoch: Some(""), ..of }.name(),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[at + 1..].contains(name), "{at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_of_a_client_is_read_back(root in any::<[u8; 32]>(), epoch in any::<[u8; 32]>()) {
            let key = FleetKey::from_root(Zeroizing::new(root));
            let read = ClientKey::decode(&ClientKey { key, epoch }.encode()).expect("read");
            prop_assert_eq!((*read.key.expose_root(), read.epoch), (root, epoch));
        }
    }
}
