//! What was typed, over what a profile's file holds.

use crate::profile::{Endpoint, ProfileFile, Request};

/// Merges what was typed over what a profile's file holds.
pub(crate) fn merged(present: Option<ProfileFile>, typed: ProfileFile, request: Option<Request>) -> ProfileFile {
    let mut present = present.unwrap_or_default();
    // A provider and an explicit token endpoint exclude each other, also if one of them was set earlier. What belongs
    // to one issuer must not stand beside another: the new secret would go there.
    let other_provider = typed.provider.is_some() && typed.provider != present.provider;
    let own_place = typed.token_url.is_some() && typed.provider.is_none() && present.provider.is_some();
    let bound = present.binding.as_ref();
    let was_at = present.token_url.as_ref().or(bound.map(|binding| &binding.token_url));
    let other_place = typed.token_url.as_ref().is_some_and(|url| was_at.is_some_and(|was| was != url));
    let origin = |url: &Endpoint| url.url().origin();
    let same_server = typed.token_url.as_ref().zip(was_at).is_some_and(|(url, was)| origin(url) == origin(was));
    let was_of = present.issuer.as_ref().or(bound.and_then(|binding| binding.issuer.as_ref()));
    let other_issuer = typed.issuer.as_ref().is_some_and(|issuer| was_of.is_some_and(|was| was != issuer));
    if other_provider || own_place || other_issuer || other_place {
        (present.token_url, present.issuer) = (None, None);
        (present.introspection_url, present.revocation_url, present.jwks_url) = (None, None, None);
    }
    if other_provider || own_place || other_issuer {
        present.probe_url = None;
    }
    // The key of one gateway must not go to another; another path belongs to the same gateway.
    if other_provider || (own_place || other_issuer || other_place) && !same_server {
        present.headers = None;
    }
    // The key of a certificate is no secret of another method.
    if typed.auth.is_some_and(|method| !method.shows_certificate()) {
        present.certificate_file = None;
    }
    if other_provider {
        present.auth = None;
    }
    if own_place {
        present.provider = None;
    }
    let request = request.unwrap_or_else(|| present.request.clone());
    ProfileFile { request, binding: None, set_at: None, kept_in: None, ..typed.or(present) }
}
