//! What holds secrets and tokens, opened and locked for a change of credentials.

use std::path::Path;
use std::sync::Arc;

use super::CredentialEditor;
use crate::cache::Cache;
use crate::error::Error;
use crate::error::warning::Warning;
use crate::keeper::Sharing;
use crate::manage::backend::adopt_moved_key;
use crate::manage::locked::Locked;
use crate::manage::operator::{CleanupFailure, Notice, Operator};
use crate::open::{Home, Opened};
use crate::secrets::{Keys, SealedFiles, SecretStore, SecretsError, Staging as _};

/// A data directory in which credentials are changed.
pub(crate) struct Writable {
    locked: Locked,
    secrets: Result<Arc<dyn SecretStore>, SecretsError>,
    cache: Option<Cache>,
    sharing: Option<Sharing>,
}

impl Writable {
    /// Opens the data directory of `home`, and takes its lock.
    pub(crate) fn open(home: &Home, operator: &dyn Operator) -> Result<Writable, Error> {
        adopt_moved_key(home)?;
        let (locked, (secrets, cache, sharing)) = Locked::prepared(home, |opened| {
            let Some(Opened { dir, keys }) = opened else { return Ok((Err(SecretsError::NotChosen), None, None)) };
            let secrets = keys.secrets();
            // Records that cannot be opened now are void without being erased.
            let cache = keys.key().ok().map(|key| home.cache(dir.clone(), key));
            let sharing = home.sharing(keys).unwrap_or_else(|error| {
                operator.learn(Notice::Warning(&Warning::FleetUnavailable(error.to_string())));
                None
            });
            Ok((secrets, cache, sharing))
        })?;
        if let Some(keys) = &locked.keys
            && let Err(error) = end_interrupted(&locked, keys)
        {
            operator.learn(Notice::NotEnded(&error));
        }
        Ok(Writable { locked, secrets, cache, sharing })
    }

    /// Makes an editor of credentials, which works under the lock.
    pub(crate) fn with_editor<T>(&self, home: &Home, work: impl FnOnce(&CredentialEditor<'_>) -> T) -> T {
        let dir = &self.locked.dir;
        work(&CredentialEditor {
            profiles_dir: home.profiles_dir(),
            data_dir: dir,
            secrets: self.secrets.as_deref(),
            erase: &|retired| match &self.locked.keys {
                Some(keys) => keys.remove(retired),
                None => SealedFiles::remove_named(dir, retired),
            },
            cache: self.cache.as_ref(),
            clock: &*home.clock,
            sharing: self.sharing.as_ref(),
            lock: &self.locked.lock,
        })
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.locked.dir.path()
    }
}

/// Ends a rekey or a move that was interrupted after its commit.
fn end_interrupted(locked: &Locked, keys: &Keys) -> Result<(), Error> {
    // Only if the key is at hand: nothing else needs it here.
    if keys.choice().backend.seals_secrets()
        && let Ok(Some(key)) = keys.key_if_cached()
    {
        SealedFiles::new(locked.dir.clone(), key).commit_staged()?;
    }
    Ok(())
}

/// Reports what was left behind.
pub(super) fn report_leftovers(operator: &dyn Operator, left: &[CleanupFailure]) {
    left.iter().for_each(|left| operator.learn(Notice::LeftBehind(left)));
}
