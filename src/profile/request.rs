//! What is requested of a token: scopes, audience, resources, further parameters.

use std::collections::BTreeSet;

use url::Url;

/// What the caller requests. The order in which scopes, resources and parameters were named does not matter; equal
/// requests share one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    scopes: BTreeSet<String>,
    audience: Option<String>,
    resources: BTreeSet<String>,
    params: BTreeSet<(String, String)>,
}

/// Why a part of a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A scope holds a character outside RFC 6749 s. 3.3.
    #[error("a scope may hold visible ASCII only, without \" and \\")]
    Scope,
    /// A resource is empty, is not visible ASCII, or has a fragment (RFC 8707 s. 2).
    #[error("a resource must be visible ASCII, without a fragment")]
    Resource,
    /// A parameter that tokenkeep or the client authentication sets.
    #[error("the parameter {0} is not free: it has a flag or key of its own")]
    ReservedParam(&'static str),
    /// A parameter without a name.
    #[error("a parameter needs a name: K=V")]
    UnnamedParam,
    /// A parameter named twice (RFC 6749 s. 3.2).
    #[error("a parameter may be given once only")]
    RepeatedParam,
    /// An audience without text.
    #[error("an audience must not be empty")]
    Audience,
}

/// Parameters of the token request that are set elsewhere; `client_*` is reserved as a whole.
const RESERVED: [&str; 4] = ["grant_type", "scope", "resource", "audience"];

impl Request {
    /// Requests these scopes instead of the present ones; each text may name several, separated by spaces (RFC 6749
    /// s. 3.3).
    ///
    /// # Errors
    /// When one holds what a scope cannot: a quotation mark, a backslash, or anything but visible ASCII.
    pub fn with_scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Result<Request, RequestError> {
        self.scopes.clear();
        for scope in scopes.into_iter().flat_map(|text| text.split(' ')).filter(|scope| !scope.is_empty()) {
            let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if !scope.bytes().all(allowed) {
                return Err(RequestError::Scope);
            }
            self.scopes.insert(scope.to_owned());
        }
        Ok(self)
    }

    /// Requests an audience: a parameter that issuers have in common and no RFC defines for this grant.
    ///
    /// # Errors
    /// When it is empty.
    pub fn with_audience(mut self, audience: &str) -> Result<Request, RequestError> {
        if audience.is_empty() {
            return Err(RequestError::Audience);
        }
        self.audience = Some(audience.to_owned());
        Ok(self)
    }

    /// Requests resources (RFC 8707): absolute URIs, or what an issuer takes in their place. Entra's first version has
    /// GUIDs there.
    ///
    /// # Errors
    /// When one is empty, has a fragment (RFC 8707 s. 2), or holds anything but visible ASCII.
    pub fn with_resources<'a>(mut self, resources: impl IntoIterator<Item = &'a str>) -> Result<Request, RequestError> {
        self.resources.clear();
        for resource in resources {
            let has_fragment = Url::parse(resource).is_ok_and(|url| url.fragment().is_some());
            if resource.is_empty() || has_fragment || !resource.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(RequestError::Resource);
            }
            self.resources.insert(resource.to_owned());
        }
        Ok(self)
    }

    /// Sends these further parameters with the token request, instead of the present ones.
    ///
    /// # Errors
    /// When a name is empty, occurs twice (RFC 6749 s. 3.2), or is that of a parameter that is set elsewhere.
    pub fn with_params<'a>(
        mut self,
        params: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Request, RequestError> {
        self.params.clear();
        let mut names = BTreeSet::new();
        for (name, value) in params {
            if name.is_empty() {
                return Err(RequestError::UnnamedParam);
            }
            if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == name) {
                return Err(RequestError::ReservedParam(reserved));
            }
            if name.starts_with("client_") {
                return Err(RequestError::ReservedParam("client_*"));
            }
            if !names.insert(name) {
                return Err(RequestError::RepeatedParam);
            }
            self.params.insert((name.to_owned(), value.to_owned()));
        }
        Ok(self)
    }

    /// Returns the scopes, sorted.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scopes.iter().map(String::as_str)
    }

    /// Returns the scopes as the `scope` parameter has them; empty if none was requested.
    pub fn scope_text(&self) -> String {
        self.scopes().collect::<Vec<_>>().join(" ")
    }

    /// Returns the audience.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// Returns the resources, sorted.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &str> {
        self.resources.iter().map(String::as_str)
    }

    /// Returns the further parameters, sorted by name.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_scopes_does_not_matter_and_their_case_does() {
        let request = |scopes: &[&str]| Request::default().with_scopes(scopes.iter().copied()).expect("scopes");
        assert_eq!(request(&["a b", "c"]), request(&["c", "b", "a", "a"]));
        assert_ne!(request(&["a"]), request(&["A"]));
        assert_eq!(request(&["  "]).scope_text(), "");
    }

    #[test]
    fn parameters_that_are_set_elsewhere_are_refused() {
        for name in ["grant_type", "scope", "resource", "audience", "client_id", "client_secret", "client_assertion"] {
            let refused = Request::default().with_params([(name, "x")]);
            assert!(matches!(refused, Err(RequestError::ReservedParam(_))), "{name}");
        }
        assert_eq!(Request::default().with_params([("a", "1"), ("a", "2")]), Err(RequestError::RepeatedParam));
        assert_eq!(Request::default().with_params([("", "1")]), Err(RequestError::UnnamedParam));
    }

    #[test]
    fn a_resource_is_an_absolute_uri_or_what_an_issuer_takes_for_one() {
        for text in ["", "https://a.example/#x", "https://a.example/ b", "\u{e4}"] {
            assert_eq!(Request::default().with_resources([text]), Err(RequestError::Resource), "{text}");
        }
        for text in ["urn:example:api", "https://a.example", "00000002-0000-0000-c000-000000000000"] {
            assert!(Request::default().with_resources([text]).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_scope_outside_the_standard_is_refused() {
        for text in ["a\tb", "a\"b", "a\\b", "ä"] {
            assert_eq!(Request::default().with_scopes([text]), Err(RequestError::Scope), "{text}");
        }
    }
}
