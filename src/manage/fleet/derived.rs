//! The fleet key that is derived from clients' secrets: for which clients, and on what ground.

use crate::error::{Code, Error, Remedy};
use crate::keeper::Sharing;
use crate::manage::credential::stored;
use crate::manage::locked::Locked;
use crate::open::{Home, Opened};
use crate::profile::{AuthMethod, Profile, ProfileName, SecretOrigin, SecretSource};
use crate::secrets::{ClientDigest, Retired, SecretsError, Vouched};
use crate::system::files::EscapedPath;

/// What came of vouching for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vouching {
    /// A key is derived from its secrets from now on.
    Begun,
    /// A user did before.
    There,
    /// The provider makes the secrets at random, so a key is derived in any case.
    NotNeeded,
}

/// Records that the secrets of a profile's client are random: an issuer made them. A fleet key is derived from them.
///
/// # Errors
/// When there is a fleet key already, when tokens of this profile are never shared, or when nothing can be recorded.
pub(crate) fn vouch(home: &Home, profile: &Profile) -> Result<Vouching, Error> {
    let refused = |why: &str| Error::new(Code::Usage, format!("{why}; nothing was changed"));
    if !profile.is_shareable() {
        return Err(refused("its tokens are bound to this host, so they are never shared"));
    }
    if profile.auth == AuthMethod::FederatedAssertion {
        let why = "an assertion changes with each fetch, so no fleet key is derived from it";
        return Err(refused(why).with_remedy(Remedy::MakeFleetKey));
    }
    if let Some(file) = home.config.fleet.as_ref().and_then(|fleet| fleet.key_file.as_ref()) {
        let why = format!("the fleet key is the file {}, so none is derived", EscapedPath(file));
        return Err(refused(&why).with_remedy(Remedy::TakeFleetKeyFileOut));
    }
    let opened = home.opened()?.ok_or(SecretsError::NotChosen)?;
    let locked = Locked::first(home, &opened.dir)?;
    if locked.keys()?.fleet_state()?.key.is_some() {
        let why = "a fleet key was made or imported here, so none is derived";
        return Err(refused(why).with_remedy(Remedy::RemoveFleetKey));
    }
    if profile.secret_origin == SecretOrigin::Random {
        return Ok(Vouching::NotNeeded);
    }
    let client = ClientDigest::new(profile.token_url.as_str(), &profile.client_id);
    let is_new = Vouched::add(&locked.dir, client, &locked.lock)?;
    // What follows may ask for a passphrase.
    drop(locked);
    if let Err(error) = keep_derived(home, profile) {
        // It is derived again when it is needed.
        tracing::debug!("what is derived for the fleet is not kept: {error}");
    }
    Ok(if is_new { Vouching::Begun } else { Vouching::There })
}

/// Keeps what is derived from a stored secret, so that a shared token is read without it.
fn keep_derived(home: &Home, profile: &Profile) -> Result<(), Error> {
    let (SecretSource::Stored(binding), Some(Opened { keys, .. })) = (&profile.secret, home.opened()?) else {
        return Ok(());
    };
    let Some(sharing) = home.sharing(&keys)? else { return Ok(()) };
    let secrets = keys.secrets()?;
    if let Some(credential) = stored(&*secrets, binding)? {
        sharing.keep(&*secrets, profile, &credential.secret)?;
    }
    Ok(())
}

/// Forgets the clients that a user vouched for. Without an explicit key, what was derived is erased as well. Returns
/// whether anything was there.
pub(super) fn unvouch(home: &Home) -> Result<bool, Error> {
    let Some(opened) = home.opened()? else { return Ok(false) };
    let locked = Locked::first(home, &opened.dir)?;
    let keys = locked.keys()?;
    let mut was_there = Vouched::erase(&locked.dir, &locked.lock)?;
    if keys.fleet_state()?.key.is_none() {
        for item in home.derived_items(keys) {
            was_there |= keys.remove(&Retired::by_name(item))?;
        }
    }
    Ok(was_there)
}

/// The ground on which a host has a key for a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// It was made or imported.
    Explicit,
    /// It is derived, because the provider makes secrets at random.
    Provider,
    /// It is derived, because a user vouched for the client.
    Vouched,
    /// It was derived before, and is kept until the secret changes.
    Kept,
}

/// Returns the ground on which this host has a fleet key for a profile; `None` if it has none.
///
/// # Errors
/// When an explicit key, or the place of derived ones, cannot be read.
pub(crate) fn ground(home: &Home, profile: &Profile) -> Result<Option<Ground>, Error> {
    let Some(fleet) = &home.config.fleet else { return Ok(None) };
    let Some(Opened { keys, .. }) = home.opened()? else {
        let given = fleet.key_file.as_ref().map(|_| Ground::Explicit);
        return Ok(given.or_else(|| (profile.secret_origin == SecretOrigin::Random).then_some(Ground::Provider)));
    };
    let Some(sharing) = home.sharing(&keys)? else { return Ok(None) };
    Ok(match derivable(&sharing, profile) {
        None => match keys.read(&sharing.item(profile)) {
            Ok(kept) => kept.map(|_| Ground::Kept),
            Err(SecretsError::KeepsNothing) => None,
            Err(error) => return Err(error.into()),
        },
        ground => ground,
    })
}

fn derivable(sharing: &Sharing, profile: &Profile) -> Option<Ground> {
    if sharing.explicit_id().is_some() {
        Some(Ground::Explicit)
    } else if profile.auth == AuthMethod::FederatedAssertion {
        None
    } else if profile.secret_origin == SecretOrigin::Random {
        Some(Ground::Provider)
    } else {
        sharing.may_derive(profile).then_some(Ground::Vouched)
    }
}

/// Returns whether the fleet is there for a profile, and no key is: its tokens are not shared until one is made.
///
/// A failure to find out is no answer: a caller that requests a token gets a warning of its own.
pub(crate) fn is_missing(home: &Home, name: &ProfileName) -> bool {
    let Ok(profile) = home.profile(name) else { return false };
    home.config.fleet.is_some() && profile.is_shareable() && matches!(ground(home, &profile), Ok(None))
}

/// Describes the source of derived keys, for a report: each profile that has one, with its ground.
pub(crate) fn derived_sources(home: &Home) -> Result<String, Error> {
    let mut sources = Vec::new();
    for name in home.profile_names()? {
        let Ok(profile) = home.profile(&name) else { continue };
        let ground = match ground(home, &profile)? {
            Some(Ground::Provider) => "its provider makes secrets at random",
            Some(Ground::Vouched) => "vouched for here",
            Some(Ground::Kept) => "kept from before",
            Some(Ground::Explicit) | None => continue,
        };
        if profile.is_shareable() {
            sources.push(format!("{name}: {ground}"));
        }
    }
    Ok(if sources.is_empty() { String::new() } else { format!(" ({})", sources.join("; ")) })
}
