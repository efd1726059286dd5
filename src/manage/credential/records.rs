//! The records that belong to a credential: they go when it goes.

use super::editor::CredentialEditor;
use crate::cache::{Cache, Extent, single_flight};
use crate::error::chain;
use crate::manage::operator::CleanupFailure;
use crate::profile::{Binding, Generation, Profile, ProfileFile, ProfileName};
use crate::secrets::Retired;
use crate::token::{Outline, RecordName};

impl CredentialEditor<'_> {
    /// Erases what was derived for the fleet from the secret that a profile had.
    pub(super) fn forget_derived(&self, name: &ProfileName, old: Option<&ProfileFile>, left: &mut Vec<CleanupFailure>) {
        let profile = old.and_then(|file| file.resolve(name).ok());
        if let (Some(sharing), Some(profile)) = (self.sharing, profile)
            && let Err(error) = (self.erase)(&Retired::by_name(sharing.item(&profile)))
        {
            left.push(chain(&error).into());
        }
    }

    /// Erases the tokens that were obtained with a generation.
    pub(super) fn forget_generation(&self, generation: Generation, left: &mut Vec<CleanupFailure>) {
        for record in self.forget(|outline| outline.generation.as_deref() == Some(generation.as_bytes()), left) {
            // Only a process that still fetches with the old secret takes this turn.
            if let Err(error) = single_flight::forget_lock(self.data_dir, record) {
                left.push(chain(&error).into());
            }
        }
    }

    pub(super) fn forget(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) -> Vec<RecordName> {
        let records = self.records_of(of, left);
        for record in &records {
            if let Some(Err(fault)) = self.cache.map(|cache| cache.forget(*record)) {
                left.push(chain(&fault).into());
            }
        }
        records
    }

    pub(super) fn forget_refusals(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) {
        for record in self.records_of(of, left) {
            if let Some(Err(fault)) = self.cache.map(|cache| cache.forget_refusal(record)) {
                left.push(chain(&fault).into());
            }
        }
    }

    fn records_of(&self, of: impl Fn(&Outline) -> bool, left: &mut Vec<CleanupFailure>) -> Vec<RecordName> {
        match self.cache.map(Cache::identities) {
            None => Vec::new(),
            Some(Ok(identities)) => {
                identities.into_iter().filter(|(_, outline)| of(outline)).map(|(identity, _)| identity.name()).collect()
            }
            Some(Err(fault)) => {
                left.push(chain(&fault).into());
                Vec::new()
            }
        }
    }

    /// Removes what is left of what no caller needs any more.
    pub(super) fn sweep(&self, left: &mut Vec<CleanupFailure>) {
        if let Err(fault) = crate::cache::sweep(self.data_dir, self.cache, self.clock, Extent::Everything) {
            left.push(chain(&fault).into());
        }
    }
}

/// Returns whether a record was obtained with the credential that a binding belongs to.
pub(super) fn is_of(outline: &Outline, binding: &Binding) -> bool {
    outline.generation.as_deref() == Some(binding.generation.as_bytes())
}

/// Returns whether a record belongs to a profile: same client at the same issuer, same generation.
pub(crate) fn belongs_to(outline: &Outline, profile: &Profile) -> bool {
    outline.token_endpoint == profile.token_url.as_str()
        && outline.client_id == profile.client_id
        && outline.generation.as_deref() == profile.generation().as_ref().map(Generation::as_bytes)
}
