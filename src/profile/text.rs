//! A profile's file, read key by key.

use super::binding_table;
use super::file::{ProfileError, ProfileFile};
use super::keys::KEYS;
use super::reading::{Source, allow_http};
use crate::encoding::toml::Parsed;

impl ProfileFile {
    /// Parses a profile's file.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<ProfileFile, ProfileError> {
        let kept_in = binding_table::kept_in(&bytes);
        let parsed = Parsed::new(bytes)?;
        let table = parsed.root();
        table.renamed("shared_epoch", "fleet_epoch")?;
        table.only(&KEYS.each_ref().map(|key| key.name))?;
        let allow_http = allow_http(&table)?;
        // What a binding allows holds for the lines beside it, unless they name something else.
        let binding = table.table("binding")?.map(|table| binding_table::read(&table)).transpose()?;
        let allowed = allow_http.clone().or_else(|| binding.as_ref().map(|bound| bound.allow_http.clone()));
        let source = Source { table: &table, allow_http, binding, allowed: allowed.unwrap_or_default() };
        let mut file = ProfileFile { kept_in, ..ProfileFile::default() };
        for key in &KEYS {
            (key.field.read)(&source, &mut file)?;
        }
        if file.secret.is_some() && file.binding.is_some() {
            return Err(table
                .invalid("secret", "cannot stand beside [binding]: the secret is stored or referenced")
                .into());
        }
        Ok(file)
    }
}
