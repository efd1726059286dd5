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
    let stays_referenced = typed.secret.or(present.secret);
    ProfileFile {
        provider: typed.provider.or(present.provider),
        client_id: typed.client_id.or(present.client_id),
        token_url: typed.token_url.or(present.token_url),
        issuer: typed.issuer.or(present.issuer),
        allow_http: typed.allow_http.or(present.allow_http),
        headers: typed.headers.or(present.headers),
        auth: typed.auth.or(present.auth),
        basic_encoding: typed.basic_encoding.or(present.basic_encoding),
        assertion_audience: typed.assertion_audience.or(present.assertion_audience),
        assertion_typ: typed.assertion_typ.or(present.assertion_typ),
        assertion_algorithm: typed.assertion_algorithm.or(present.assertion_algorithm),
        assertion_key_id: typed.assertion_key_id.or(present.assertion_key_id),
        certificate_file: typed.certificate_file.or(present.certificate_file),
        dpop: typed.dpop.or(present.dpop),
        token_type: typed.token_type.or(present.token_type),
        repeats: typed.repeats.or(present.repeats),
        request: request.unwrap_or(present.request),
        default_lifetime: typed.default_lifetime.or(present.default_lifetime),
        min_ttl: typed.min_ttl.or(present.min_ttl),
        ca_file: typed.ca_file.or(present.ca_file),
        probe_url: typed.probe_url.or(present.probe_url),
        introspection_url: typed.introspection_url.or(present.introspection_url),
        revocation_url: typed.revocation_url.or(present.revocation_url),
        jwks_url: typed.jwks_url.or(present.jwks_url),
        secret: stays_referenced,
        fleet_epoch: typed.fleet_epoch.or(present.fleet_epoch),
        binding: None,
        set_at: None,
        kept_in: None,
    }
}
