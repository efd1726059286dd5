//! Filling in the fields of a preset: a tenant, a domain, a region.

use super::Endpoint;
use super::gap::gap_in_part;
use super::preset::{Preset, Shape, is_of_part};

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

impl Preset {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::preset::{find, names};

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
}
