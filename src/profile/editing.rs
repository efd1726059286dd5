//! A profile's file, changed key by key. What people wrote around the keys stays.

use toml_edit::{DocumentMut, Item, Table};

use super::file::{ProfileError, ProfileFile};
use super::keys::KEYS;
use crate::encoding::toml::DocumentError;

impl ProfileFile {
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
        for key in KEYS.iter().filter(|key| (key.field.edit.differs)(&old, self)) {
            set(document.as_table_mut(), key.name, (key.field.edit.write)(self));
        }
        Ok(document.to_string())
    }

    /// Takes each key that it lacks from `other`. A request is not put together, and a binding is made for one secret.
    pub(crate) fn or(mut self, mut other: ProfileFile) -> ProfileFile {
        for key in &KEYS {
            (key.field.edit.take_missing)(&mut self, &mut other);
        }
        self
    }
}

fn set(table: &mut Table, key: &str, item: Option<Item>) {
    match (table.get_mut(key).and_then(Item::as_value_mut), item) {
        (_, None) => drop(table.remove(key)),
        (Some(present), Some(Item::Value(mut value))) => {
            *value.decor_mut() = present.decor().clone();
            *present = value;
        }
        (_, Some(item)) => drop(table.insert(key, item)),
    }
}
