//! A profile's file, key by key: read, written, merged and shown. What people wrote around the keys stays.

use toml_edit::{DocumentMut, Item, Table as EditTable};

use super::Generation;
#[cfg(feature = "cli")]
use super::Profile;
use super::binding_table;
use super::file::{ProfileError, ProfileFile};
#[cfg(feature = "cli")]
use super::key::Shown;
use super::keys::KEYS;
use super::reading::{Source, allow_http};
use crate::encoding::hex;
use crate::encoding::toml::{DocumentError, Parsed};

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

    /// Writes the file: keys that did not change keep their place, form and comments.
    ///
    /// # Errors
    /// When `present` is not a profile.
    pub(crate) fn render(&self, present: Option<Vec<u8>>) -> Result<String, ProfileError> {
        let (old, mut document) = match present {
            None => (ProfileFile::default(), DocumentMut::new()),
            Some(bytes) => {
                let text = String::from_utf8(bytes.clone()).map_err(|_| DocumentError::NotText)?;
                let document = text.parse().map_err(|_| DocumentError::Syntax { line: 1 })?;
                (ProfileFile::parse(bytes)?, document)
            }
        };
        for key in KEYS.iter().filter(|key| (key.field.differs)(&old, self)) {
            set(document.as_table_mut(), key.name, (key.field.write)(self));
        }
        Ok(document.to_string())
    }

    /// Takes each key that it lacks from `other`. A request is not put together, and a binding is made for one secret.
    pub(crate) fn or(mut self, mut other: ProfileFile) -> ProfileFile {
        for key in &KEYS {
            (key.field.take_missing)(&mut self, &mut other);
        }
        self
    }

    /// Lists the keys of the profile that this file makes, each under the name that scripts know and with its value if
    /// it has one; those of one topic stand together.
    #[cfg(feature = "cli")]
    pub(crate) fn shown(&self, profile: &Profile) -> Vec<(&'static str, Option<String>)> {
        let mut keys = KEYS.each_ref();
        keys.sort_by_key(|key| key.topic);
        let shown = keys.iter().filter_map(|key| match key.shown {
            Shown::Value(value) => Some((key.name, value(self, profile))),
            Shown::As(name, value) => Some((name, value(self, profile))),
            Shown::Apart => None,
        });
        shown.collect()
    }

    /// Finds the stored secret in the file of an invalid profile: it has to be removed with the file.
    pub(crate) fn generation_in(bytes: &[u8]) -> Option<Generation> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[binding]").skip(1);
        let value = lines.find_map(|line| line.strip_prefix("generation")?.trim_start().strip_prefix('='))?;
        hex::decode(value.trim().trim_matches(['"', '\''])).map(Generation::new)
    }
}

fn set(table: &mut EditTable, key: &str, item: Option<Item>) {
    match (table.get_mut(key).and_then(Item::as_value_mut), item) {
        (_, None) => drop(table.remove(key)),
        (Some(present), Some(Item::Value(mut value))) => {
            *value.decor_mut() = present.decor().clone();
            *present = value;
        }
        (_, Some(item)) => drop(table.insert(key, item)),
    }
}
