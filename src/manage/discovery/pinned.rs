//! The places that an issuer named when a profile was set, beside those that it names now.

use crate::oauth::Metadata;
use crate::profile::{Endpoint, ProfileFile};

/// The places that an issuer named when the profile was set. A different place is refused, and one that the issuer
/// names only now is not taken: the secret would go to each of them.
pub(super) struct Pinned {
    token_url: Option<Endpoint>,
    introspection_url: Option<Endpoint>,
    revocation_url: Option<Endpoint>,
    jwks_url: Option<Endpoint>,
}

impl Pinned {
    pub(super) fn of(present: &ProfileFile, issuer: &str) -> Option<Pinned> {
        let binding = present.binding.as_ref();
        let named = present.issuer.as_deref().or(binding.and_then(|binding| binding.issuer.as_deref()));
        (named == Some(issuer)).then(|| Pinned {
            // The table first: a line in the file may have been edited since.
            token_url: binding.map(|binding| binding.token_url.clone()).or(present.token_url.clone()),
            introspection_url: binding
                .and_then(|binding| binding.introspection_url.clone())
                .or(present.introspection_url.clone()),
            revocation_url: binding
                .and_then(|binding| binding.revocation_url.clone())
                .or(present.revocation_url.clone()),
            jwks_url: present.jwks_url.clone(),
        })
    }

    /// Names the first place that differs and was not given.
    pub(super) fn differs_in(&self, given: &ProfileFile, found: &Metadata) -> Option<&'static str> {
        let moved = |given: &Option<Endpoint>, was: &Option<Endpoint>, is: Option<&Endpoint>| {
            given.is_none() && was.as_ref().is_some_and(|was| is.is_some_and(|is| is != was))
        };
        let moves = [
            ("token endpoint", moved(&given.token_url, &self.token_url, Some(&found.token_url))),
            (
                "introspection endpoint",
                moved(&given.introspection_url, &self.introspection_url, found.introspection_url.as_ref()),
            ),
            ("revocation endpoint", moved(&given.revocation_url, &self.revocation_url, found.revocation_url.as_ref())),
            ("place of its keys", moved(&given.jwks_url, &self.jwks_url, found.jwks_url.as_ref())),
        ];
        moves.iter().find(|(_, moved)| *moved).map(|(name, _)| *name)
    }
}
