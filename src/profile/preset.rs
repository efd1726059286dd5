//! Provider presets: `presets.toml`, read.

use std::time::Duration;

use super::gap::gap_in_part;
use super::reading::{choice, endpoint};
use super::{AuthMethod, Endpoint, Grant, Repeats, SecretOrigin};
use crate::encoding::toml::{DocumentError, Parsed, Table};

/// What is known about a provider. URLs may hold `{fields}`, which the user has to fill in.
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
    /// What the value of a field has to be, beyond a part of a URL.
    shapes: Vec<(String, Shape)>,
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
enum Shape {
    /// A domain in full, with a dot.
    Domain,
    /// One label of a host name, or one segment of a path.
    Label,
}

/// Why a field cannot be filled in with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldError {
    /// It would lead to another host or path.
    #[error("{0} must be a part of a host name or path")]
    Part(String),
    /// A domain is needed, and this has no dot.
    #[error("{0} must be a whole domain, with a dot")]
    Domain(String),
    /// It was copied from a page, and a part of it has to be filled in.
    #[error("{name} still has a gap: {gap}")]
    Gap {
        /// The name of the field.
        name: String,
        /// What was not filled in.
        gap: String,
    },
    /// One label is needed, and this has a dot.
    #[error("{0} must be one word without a dot")]
    Label(String),
}

impl FieldError {
    /// Returns the name of the field.
    pub(crate) fn field(&self) -> &str {
        match self {
            FieldError::Part(name)
            | FieldError::Domain(name)
            | FieldError::Label(name)
            | FieldError::Gap { name, .. } => name,
        }
    }
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

    /// Fills the fields in.
    ///
    /// # Errors
    /// When a value is no part of a host or path, or not of the shape that the provider requires there.
    pub(crate) fn fill(&self, values: &[(String, String)]) -> Result<Filled, FieldError> {
        let values = values.iter().map(|(name, value)| Ok((name.as_str(), self.value(name, value)?)));
        let values: Vec<(&str, &str)> = values.collect::<Result<_, FieldError>>()?;
        let text = |template: &str| {
            values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let url = |template: &Option<String>| {
            let filled = template.as_deref().map(text).map(|url| Endpoint::parse(&url));
            filled
                .transpose()
                .map_err(|_| FieldError::Part(self.fields.first().map(|(name, _)| name.clone()).unwrap_or_default()))
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

    /// Returns the value of a field, cut out of the URL that it was copied with.
    fn value<'a>(&self, name: &str, text: &'a str) -> Result<&'a str, FieldError> {
        let shape = self.shapes.iter().find(|(field, _)| field == name).map(|(_, shape)| *shape);
        let value = match (text.strip_prefix("https://"), shape) {
            // Only the domain is needed: what follows it in the URL is a page of the provider.
            (Some(rest), Some(Shape::Domain)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
            (Some(rest), _) => rest.trim_end_matches('/'),
            (None, _) => text,
        };
        if let Some(gap) = gap_in_part(value) {
            return Err(FieldError::Gap { name: name.to_owned(), gap });
        }
        if value.is_empty() || !value.bytes().all(is_of_part) || value.contains("..") || value == "." {
            return Err(FieldError::Part(name.to_owned()));
        }
        match shape {
            Some(Shape::Domain) if !value.trim_matches('.').contains('.') => Err(FieldError::Domain(name.to_owned())),
            Some(Shape::Label) if value.contains(['.', ':']) => Err(FieldError::Label(name.to_owned())),
            _ => Ok(value),
        }
    }

    /// Returns what a field is, for a hint.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, what)| what.as_str())
    }

    /// Returns whether the preset has a field of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
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
fn is_of_part(byte: u8) -> bool {
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
    fn every_preset_loads_and_makes_endpoints_of_its_fields() {
        for name in names() {
            let preset = find(name).expect("a preset");
            assert_eq!(preset.name, name);
            let values: Vec<_> =
                preset.fields.iter().map(|(field, _)| (field.clone(), sample(&preset, field))).collect();
            let filled = preset.fill(&values).expect("filled");
            assert_eq!(filled.token_url.is_some(), preset.refuses.is_none(), "{name}");
            assert!(!format!("{filled:?}").contains('{') || !format!("{filled:?}").contains("{domain"), "{name}");
        }
        assert_eq!(find("nobody"), None);
        assert_eq!(names().len(), 11);
    }

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

    fn sample(preset: &Preset, field: &str) -> String {
        let is_label = preset.shapes.contains(&(field.to_owned(), Shape::Label));
        (if is_label { "a-1" } else { "a-1.example" }).to_owned()
    }

    fn filled(provider: &str, values: &[(&str, &str)]) -> Result<Filled, FieldError> {
        let values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        find(provider).expect("known").fill(&values)
    }

    #[test]
    fn a_field_leads_to_no_other_host_or_path() {
        let not_part = Err(FieldError::Part("domain".to_owned()));
        for value in ["", "evil.example/x", "a@evil.example", "evil.example?", "a#b", "a b", ".", ".."] {
            assert_eq!(filled("auth0", &[("domain", value)]), not_part, "{value}");
        }
        for value in ["https://", "https:///", "https://u:p@a.example/", "http://a.example", "https://a..example/"] {
            assert_eq!(filled("auth0", &[("domain", value)]), not_part, "{value}");
        }
    }

    #[test]
    fn a_value_that_was_not_filled_in_is_named() {
        for value in ["{domain}", "YOUR_DOMAIN", "https://YOUR_DOMAIN/", "%DOMAIN%", "[domain]", ":domain"] {
            let gap = value.trim_start_matches("https://").trim_end_matches('/').to_owned();
            assert_eq!(filled("auth0", &[("domain", value)]), Err(FieldError::Gap { name: "domain".to_owned(), gap }));
        }
    }

    #[test]
    fn the_host_is_taken_out_of_a_url_that_was_copied() {
        for value in ["https://a.eu.auth0.com", "https://a.eu.auth0.com/", "https://a.eu.auth0.com/x?y#z"] {
            let token_url = filled("auth0", &[("domain", value)]).expect("filled").token_url.expect("an endpoint");
            assert_eq!(token_url.as_str(), "https://a.eu.auth0.com/oauth/token", "{value}");
        }
        let keycloak = |host: &str| filled("keycloak", &[("host", host), ("realm", "r")]);
        let token_url = keycloak("https://id.example.com:8443/").expect("filled").token_url.expect("an endpoint");
        assert_eq!(token_url.as_str(), "https://id.example.com:8443/realms/r/protocol/openid-connect/token");
        // Below another path: cutting it off would lead to another server.
        assert_eq!(keycloak("https://id.example.com/auth/"), Err(FieldError::Part("host".to_owned())));
    }

    #[test]
    fn a_value_that_the_provider_cannot_have_is_refused() {
        for (provider, field, value) in [
            ("auth0", "domain", "example"),
            ("auth0", "domain", "https://example/"),
            ("auth0", "domain", "example."),
            ("salesforce", "domain", "login"),
        ] {
            assert_eq!(filled(provider, &[(field, value)]), Err(FieldError::Domain(field.to_owned())), "{value}");
        }
        let cognito = |domain: &str| filled("cognito", &[("domain", domain), ("region", "eu-central-1")]);
        for domain in ["auth.example.com", "https://auth.example.com/", "a:1"] {
            assert_eq!(cognito(domain), Err(FieldError::Label("domain".to_owned())), "{domain}");
        }
        assert!(cognito("example").is_ok());
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
