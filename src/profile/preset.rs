//! Provider presets: `presets.toml`, read.

use std::time::Duration;

use super::reading::{choice, endpoint};
use super::{AuthMethod, Endpoint, Grant, Repeats, SecretOrigin};
use crate::encoding::toml::{DocumentError, Parsed, Table};

/// What is known about a provider. URLs may hold `{fields}`, which the user has to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The provider's name, as in `--provider`.
    pub name: String,
    pub(super) token_url: Option<String>,
    pub(super) introspection_url: Option<String>,
    pub(super) revocation_url: Option<String>,
    pub(super) jwks_url: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) params: Vec<(String, String)>,
    /// How clients prove themselves there.
    pub auth: Option<AuthMethod>,
    /// A cheap resource that a token without a user opens.
    pub probe_url: Option<Endpoint>,
    /// What has to be filled in, and what it is.
    pub fields: Vec<(String, String)>,
    /// What the value of a field has to be, beyond a part of a URL.
    pub(super) shapes: Vec<(String, Shape)>,
    /// Parts of the request that have to be there, and why.
    pub needs: Vec<(String, String)>,
    /// The grant.
    pub grant: Grant,
    /// Whether a request may be sent again.
    pub repeats: Repeats,
    /// The lifetime that is assumed if the answer names none.
    pub default_lifetime: Option<Duration>,
    /// Whether it makes the secrets of its clients at random.
    secrets: SecretOrigin,
    /// Why tokenkeep cannot use this provider.
    pub refuses: Option<String>,
    /// Further notes, for users.
    pub notes: String,
}

/// What the value of a field has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A domain in full, with a dot.
    Domain,
    /// One label of a host name, or one segment of a path.
    Label,
}

const SOURCE: &str = include_str!("presets.toml");

/// Finds a provider; `None` if it is not known.
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

/// Returns the lines of one provider only: parsing all of them would cost a warm get more than its record does.
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
        "shapes",
        "needs",
        "grant",
        "repeats",
        "default_lifetime",
        "random_secrets",
        "refuses",
        "notes",
    ])?;
    let text = |key: &str| Ok::<_, DocumentError>(table.text(key)?.map(str::to_owned));
    let shapes = table.pairs("shapes")?.unwrap_or_default().into_iter().map(|(name, shape)| match shape {
        "domain" => Ok((name.to_owned(), Shape::Domain)),
        "label" => Ok((name.to_owned(), Shape::Label)),
        _ => Err(table.invalid("shapes", "must be domain or label")),
    });
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
        auth: choice(table, "auth", &AuthMethod::ALL)?,
        probe_url: endpoint(table, "probe_url")?,
        fields: pairs("fields")?,
        shapes: shapes.collect::<Result<_, _>>()?,
        needs: pairs("needs")?,
        grant: table.text("grant")?.and_then(Grant::parse).unwrap_or(Grant::ClientCredentials),
        repeats: table.text("repeats")?.and_then(Repeats::parse).unwrap_or(Repeats::Bounded),
        default_lifetime: table.duration("default_lifetime")?,
        secrets: match table.flag("random_secrets")? {
            Some(true) => SecretOrigin::Random,
            Some(false) | None => SecretOrigin::Unknown,
        },
        refuses: text("refuses")?,
        notes: text("notes")?.unwrap_or_default(),
    })
}

impl Preset {
    /// Returns the token endpoint if nothing has to be filled in.
    pub(crate) fn token_url(&self) -> Option<Endpoint> {
        whole(&self.token_url)
    }

    /// Returns the introspection endpoint if nothing has to be filled in.
    pub(crate) fn introspection_url(&self) -> Option<Endpoint> {
        whole(&self.introspection_url)
    }

    /// Returns the revocation endpoint if nothing has to be filled in.
    pub(crate) fn revocation_url(&self) -> Option<Endpoint> {
        whole(&self.revocation_url)
    }

    /// Returns the place of the issuer's keys if nothing has to be filled in.
    pub(crate) fn jwks_url(&self) -> Option<Endpoint> {
        whole(&self.jwks_url)
    }

    /// Returns what is known about the secrets of a client at this token endpoint, which may be another provider's.
    pub(crate) fn secret_origin(&self, token_url: &Endpoint) -> SecretOrigin {
        let is_own = self.token_url.as_deref().is_some_and(|template| fits(template, token_url.as_str()));
        if is_own { self.secrets } else { SecretOrigin::Unknown }
    }
}

fn whole(template: &Option<String>) -> Option<Endpoint> {
    Endpoint::parse(template.as_deref().filter(|url| !url.contains('{'))?).ok()
}

/// Returns whether a URL is the template with a part of a host or path in place of each field.
fn fits(template: &str, url: &str) -> bool {
    let Some((before, rest)) = template.split_once('{') else { return url == template };
    let (Some(filled), Some((_, after))) = (url.strip_prefix(before), rest.split_once('}')) else { return false };
    let longest = filled.bytes().take_while(|byte| is_of_part(*byte)).count();
    (1..=longest).any(|end| fits(after, &filled[end..]))
}

/// Returns whether the value of a field may hold a byte: it is a piece of a URL, not a way to another host or path.
pub(super) fn is_of_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte)
}

/// Describes all presets, as docs/providers.md has them.
#[cfg(test)]
pub(crate) fn documentation() -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for preset in names().into_iter().filter_map(find) {
        let _ = write!(text, "## {}\n\n", preset.name);
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
        if preset.secrets == SecretOrigin::Random {
            line("client secrets", "made at random by the issuer, so a fleet key is derived from them");
        }
        line("notes", &preset.notes);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_providers_own_token_endpoint_has_its_secrets() {
        let origin = |provider: &str, url: &str| {
            find(provider).expect("known").secret_origin(&Endpoint::parse(url).expect("a URL"))
        };
        for (provider, url) in [
            ("spotify", "https://accounts.spotify.com/api/token"),
            ("auth0", "https://example.eu.auth0.com/oauth/token"),
            ("auth0", "https://id.example.com:8443/oauth/token"),
            ("cognito", "https://pool-a.auth.eu-central-1.amazoncognito.com/oauth2/token"),
            ("okta", "https://example.okta.com/oauth2/default/v1/token"),
            ("entra", "https://login.microsoftonline.com/0f9a61d7-c24b-4835-8d90-a7f3b16c2e84/oauth2/v2.0/token"),
        ] {
            assert_eq!(origin(provider, url), SecretOrigin::Random, "{provider} {url}");
        }
        for (provider, url) in [
            ("spotify", "https://accounts.spotify.com/api/token/x"),
            ("spotify", "https://accounts.spotify.com.example/api/token"),
            ("auth0", "https://example.eu.auth0.com/token"),
            ("auth0", "https://example.eu.auth0.com/x/oauth/token"),
            ("cognito", "https://pool.auth.eu-central-1.amazoncognito.com.example/oauth2/token"),
            ("paypal", "https://api-m.sandbox.paypal.com/v1/oauth2/token"),
            // A user may have typed it.
            ("keycloak", "https://id.example.com/realms/a/protocol/openid-connect/token"),
            ("salesforce", "https://example.my.salesforce.com/services/oauth2/token"),
        ] {
            assert_eq!(origin(provider, url), SecretOrigin::Unknown, "{provider} {url}");
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
        crate::encoding::document::assert_has("providers.md", &[("providers", documentation())]);
    }
}
