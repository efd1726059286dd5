//! What commands read of a profile's file: its keys with their values, and the stored secret of an invalid one.

use super::file::ProfileFile;
use super::key::Shown;
use super::keys::KEYS;
use super::{Generation, Profile};
use crate::encoding::hex;

impl ProfileFile {
    /// Lists the keys of the profile that this file makes, each under the name that scripts know and with its value if
    /// it has one; those of one topic stand together.
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
