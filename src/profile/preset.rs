//! Provider presets: `presets.toml`, read.

use super::{AuthMethod, Endpoint};
use crate::document::{DocumentError, Parsed, Table};

/// What is known about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The provider's name, as in `--provider`.
    pub name: String,
    /// The token endpoint.
    pub token_url: Option<Endpoint>,
    /// How clients prove themselves there.
    pub auth: Option<AuthMethod>,
    /// A cheap resource that a token without a user opens.
    pub probe_url: Option<Endpoint>,
}

const SOURCE: &str = include_str!("presets.toml");

/// Finds a provider; `None` where it is not known.
pub(crate) fn find(provider: &str) -> Option<Preset> {
    let parsed = parsed();
    let table = parsed.root().table(provider).ok().flatten()?;
    Some(read(provider, &table).expect("presets.toml holds valid presets; a test loads each"))
}

/// Lists the names of all known providers.
pub(crate) fn names() -> Vec<String> {
    parsed().root().keys().map(str::to_owned).collect()
}

fn parsed() -> Parsed {
    Parsed::new(SOURCE.as_bytes().to_vec()).expect("presets.toml is TOML; a test parses it")
}

fn read(name: &str, table: &Table<'_>) -> Result<Preset, DocumentError> {
    table.only(&["token_url", "auth", "probe_url"])?;
    Ok(Preset {
        name: name.to_owned(),
        token_url: super::file::endpoint(table, "token_url")?,
        auth: super::file::auth(table)?,
        probe_url: super::file::endpoint(table, "probe_url")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_loads() {
        for name in names() {
            assert_eq!(find(&name).map(|preset| preset.name), Some(name));
        }
        assert_eq!(find("nobody"), None);
    }

    #[test]
    fn spotify_needs_only_id_and_secret() {
        let preset = find("spotify").expect("known");
        assert!(preset.token_url.is_some() && preset.auth.is_some() && preset.probe_url.is_some());
    }
}
