//! Provider presets: `presets.toml`, read.

use std::time::Duration;

use super::file::keys::auth;
use super::{AuthMethod, Endpoint, Grant, Repeats};
use crate::document::{DocumentError, Parsed, Table};

/// What is known about a provider. URLs may hold `{fields}`, which somebody has to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The provider's name, as in `--provider`.
    pub name: String,
    token_url: Option<String>,
    introspection_url: Option<String>,
    revocation_url: Option<String>,
    jwks_url: Option<String>,
    issuer: Option<String>,
    params: Vec<(String, String)>,
    /// How clients prove themselves there.
    pub auth: Option<AuthMethod>,
    /// A cheap resource that a token without a user opens.
    pub probe_url: Option<Endpoint>,
    /// What has to be filled in, and what it is.
    pub fields: Vec<(String, String)>,
    /// Parts of the request that have to be there, and why.
    pub needs: Vec<(String, String)>,
    /// The grant.
    pub grant: Grant,
    /// Whether a request may be sent again.
    pub repeats: Repeats,
    /// The lifetime assumed where the answer names none.
    pub default_lifetime: Option<Duration>,
    /// Why this provider has nothing to offer to tokenkeep.
    pub refuses: Option<String>,
    /// What else there is to know, for people.
    pub notes: String,
}

/// The places and parameters of a preset whose fields were filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The token endpoint.
    pub token_url: Option<Endpoint>,
    /// The introspection endpoint.
    pub introspection_url: Option<Endpoint>,
    /// The revocation endpoint.
    pub revocation_url: Option<Endpoint>,
    /// The issuer's keys.
    pub jwks_url: Option<Endpoint>,
    /// The issuer identifier.
    pub issuer: Option<String>,
    /// Parameters of the token request.
    pub params: Vec<(String, String)>,
}

const SOURCE: &str = include_str!("presets.toml");

/// Finds a provider; `None` where it is not known.
pub(crate) fn find(provider: &str) -> Option<Preset> {
    let section = section(provider)?;
    let parsed = Parsed::new(section.as_bytes().to_vec()).expect("presets.toml is TOML; a test parses each section");
    let table = parsed.root().table(provider).ok().flatten()?;
    Some(read(provider, &table).expect("presets.toml holds valid presets; a test loads each"))
}

/// Lists the names of all known providers, in the order of the file.
pub(crate) fn names() -> Vec<&'static str> {
    SOURCE.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect()
}

/// Returns the lines of one provider alone: to parse all of them costs a warm get more than its record.
fn section(provider: &str) -> Option<&'static str> {
    let start = SOURCE.find(&format!("\n[{provider}]\n"))? + 1;
    let rest = &SOURCE[start..];
    Some(rest.find("\n[").map_or(rest, |end| &rest[..=end]))
}

fn read(name: &str, table: &Table<'_>) -> Result<Preset, DocumentError> {
    table.only(&[
        "token_url",
        "introspection_url",
        "revocation_url",
        "jwks_url",
        "issuer",
        "params",
        "auth",
        "probe_url",
        "fields",
        "needs",
        "grant",
        "repeats",
        "default_lifetime",
        "refuses",
        "notes",
    ])?;
    let text = |key: &str| Ok::<_, DocumentError>(table.text(key)?.map(str::to_owned));
    let pairs = |key: &str| {
        let pairs = table.pairs(key)?.unwrap_or_default();
        Ok::<_, DocumentError>(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    Ok(Preset {
        name: name.to_owned(),
        token_url: text("token_url")?,
        introspection_url: text("introspection_url")?,
        revocation_url: text("revocation_url")?,
        jwks_url: text("jwks_url")?,
        issuer: text("issuer")?,
        params: pairs("params")?,
        auth: auth(table)?,
        probe_url: super::file::keys::endpoint(table, "probe_url")?,
        fields: pairs("fields")?,
        needs: pairs("needs")?,
        grant: table.text("grant")?.and_then(Grant::parse).unwrap_or(Grant::ClientCredentials),
        repeats: table.text("repeats")?.and_then(Repeats::parse).unwrap_or(Repeats::Bounded),
        default_lifetime: table.duration("default_lifetime")?,
        refuses: text("refuses")?,
        notes: text("notes")?.unwrap_or_default(),
    })
}

impl Preset {
    /// Returns the token endpoint where nothing has to be filled in.
    pub(crate) fn token_url(&self) -> Option<Endpoint> {
        whole(&self.token_url)
    }

    /// Returns the introspection endpoint where nothing has to be filled in.
    pub(crate) fn introspection_url(&self) -> Option<Endpoint> {
        whole(&self.introspection_url)
    }

    /// Returns the revocation endpoint where nothing has to be filled in.
    pub(crate) fn revocation_url(&self) -> Option<Endpoint> {
        whole(&self.revocation_url)
    }

    /// Returns where the issuer's keys are where nothing has to be filled in.
    pub(crate) fn jwks_url(&self) -> Option<Endpoint> {
        whole(&self.jwks_url)
    }

    /// Fills the fields in.
    ///
    /// # Errors
    /// The name of the field whose value is no part of a host or path.
    pub(crate) fn fill(&self, values: &[(String, String)]) -> Result<Filled, String> {
        // A value is a piece of a URL, not a way to another host or path.
        let plain = |value: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
            !value.is_empty() && value.bytes().all(allowed) && !value.contains("..") && value != "."
        };
        if let Some((name, _)) = values.iter().find(|(_, value)| !plain(value)) {
            return Err(name.clone());
        }
        let text = |template: &str| {
            values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let url = |template: &Option<String>| {
            let filled = template.as_deref().map(text).map(|url| Endpoint::parse(&url));
            filled.transpose().map_err(|_| self.fields.first().map(|(name, _)| name.clone()).unwrap_or_default())
        };
        Ok(Filled {
            token_url: url(&self.token_url)?,
            introspection_url: url(&self.introspection_url)?,
            revocation_url: url(&self.revocation_url)?,
            jwks_url: url(&self.jwks_url)?,
            issuer: self.issuer.as_deref().map(text),
            params: self.params.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        })
    }

    /// Tells whether a value belongs to a field, or a URL would have to be filled in.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }
}

fn whole(template: &Option<String>) -> Option<Endpoint> {
    Endpoint::parse(template.as_deref().filter(|url| !url.contains('{'))?).ok()
}

/// Writes all presets as the table that docs/providers.md is.
#[cfg(test)]
pub(crate) fn documentation() -> String {
    use std::fmt::Write as _;

    let mut text = String::from(
        "# Providers\n\nMade of `src/profile/presets.toml` by `UPDATE_DOCS=1 cargo test page_of_providers`. What is asked for is given by\n\
         `--with NAME=VALUE`, or typed where there is a terminal.\n",
    );
    for preset in names().into_iter().filter_map(find) {
        let _ = write!(text, "\n## {}\n\n", preset.name);
        if let Some(why) = &preset.refuses {
            let _ = write!(text, "Not a provider for tokenkeep. {why}.\n\n");
        } else {
            let with = preset.fields.iter().map(|(name, _)| format!(" --with {name}=..."));
            let needed = preset.needs.iter().map(|(name, _)| format!(" --{name} ..."));
            let flags: String = with.chain(needed).collect();
            let _ = write!(text, "    tokenkeep credentials set --provider {} --client-id ID{flags}\n\n", preset.name);
        }
        let mut line = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(text, "- {name}: {value}");
            }
        };
        line("token endpoint", preset.token_url.as_deref().unwrap_or_default());
        line("client authentication", preset.auth.map(AuthMethod::name).unwrap_or_default());
        if preset.grant != Grant::ClientCredentials {
            line("grant", preset.grant.name());
        }
        for (name, what) in preset.fields.iter().chain(&preset.needs) {
            line(&format!("`{name}`"), what);
        }
        line("notes", &preset.notes);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_loads_and_makes_endpoints_of_its_fields() {
        for name in names() {
            let preset = find(name).expect("a preset");
            assert_eq!(preset.name, name);
            let values: Vec<_> =
                preset.fields.iter().map(|(field, _)| (field.clone(), "a-1.example".to_owned())).collect();
            let filled = preset.fill(&values).expect("filled");
            assert_eq!(filled.token_url.is_some(), preset.refuses.is_none(), "{name}");
            assert!(!format!("{filled:?}").contains('{') || !format!("{filled:?}").contains("{domain"), "{name}");
        }
        assert_eq!(find("nobody"), None);
        assert_eq!(names().len(), 11);
    }

    #[test]
    fn a_field_leads_to_no_other_host_or_path() {
        let auth0 = find("auth0").expect("known");
        for value in ["", "evil.example/x", "a@evil.example", "evil.example?", "a#b", "a b", ".", "..", "{domain}"] {
            assert_eq!(auth0.fill(&[("domain".to_owned(), value.to_owned())]), Err("domain".to_owned()), "{value}");
        }
    }

    #[test]
    fn spotify_needs_only_id_and_secret() {
        let preset = find("spotify").expect("known");
        assert!(preset.token_url().is_some() && preset.auth.is_some() && preset.probe_url.is_some());
        assert!(preset.fields.is_empty() && preset.needs.is_empty());
    }

    #[test]
    fn the_page_of_providers_is_what_the_presets_say() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers.md");
        let text = documentation();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&page, &text).expect("the page can be written");
        }
        assert!(
            std::fs::read_to_string(page).is_ok_and(|page| page == text),
            "run UPDATE_DOCS=1 cargo test page_of_providers"
        );
    }
}
