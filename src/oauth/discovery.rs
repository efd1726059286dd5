//! Metadata of an issuer (RFC 8414, OpenID Connect Discovery 1.0): read once, at `credentials set`, and pinned.

use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use url::Url;

use super::http::{About, Trust};
use super::redact::Known;
use super::{IssuerError, Meaning, Transport, wire};
use crate::profile::{AuthMethod, Endpoint, PlainHosts};

/// The metadata of an issuer, as far as it is used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The token endpoint.
    pub token_url: Endpoint,
    /// The introspection endpoint.
    pub introspection_url: Option<Endpoint>,
    /// The revocation endpoint.
    pub revocation_url: Option<Endpoint>,
    /// The issuer's keys.
    pub jwks_url: Option<Endpoint>,
    /// How clients may prove themselves; `None` if the metadata does not list it.
    pub auth_methods: Option<Vec<String>>,
}

/// Returns whether something before the issuer refused to show its metadata.
fn is_barred(error: &IssuerError) -> bool {
    matches!(error, IssuerError::Refused { meaning: Meaning::Before, .. })
}

const NOT_THERE: &str = "it has no metadata there";
const NOT_VALID: &str = "its metadata is not valid";

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    jwks_uri: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    mtls_endpoint_aliases: Option<Aliases>,
}

/// The endpoints for clients with a certificate (RFC 8705 s. 5).
#[derive(Deserialize)]
struct Aliases {
    token_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

impl Transport {
    /// Reads the metadata of an issuer. `method` decides between the endpoints for certificates and the others.
    ///
    /// # Errors
    /// When the issuer is no URL that may be requested, has no metadata, or the metadata is of another issuer. The two
    /// issuers are compared as strings (RFC 8414 s. 3.3).
    pub(crate) async fn discover(
        &self,
        issuer: &str,
        method: Option<AuthMethod>,
        trust: &Trust<'_>,
        allowed: &PlainHosts,
    ) -> Result<Metadata, IssuerError> {
        let places = places(issuer, allowed).ok_or(IssuerError::Malformed {
            status: None,
            why: "the issuer is no https URL without query and fragment",
        })?;
        let mut last = IssuerError::Malformed { status: None, why: NOT_THERE };
        for place in &places {
            match self.metadata_at(place, issuer, method, trust, allowed).await {
                // The older place may have what the newer one lacks: some servers answer every path with a page.
                Err(error @ IssuerError::Malformed { why: NOT_THERE | NOT_VALID, .. }) if !is_barred(&last) => {
                    last = error
                }
                Err(IssuerError::Malformed { why: NOT_THERE | NOT_VALID, .. }) => {}
                // Something before the issuer may bar only one of the places.
                Err(error) if is_barred(&error) => last = error,
                other => return other,
            }
        }
        Err(last)
    }

    async fn metadata_at(
        &self,
        place: &Endpoint,
        issuer: &str,
        method: Option<AuthMethod>,
        trust: &Trust<'_>,
        allowed: &PlainHosts,
    ) -> Result<Metadata, IssuerError> {
        let answer = self
            .in_time(place, async {
                let request = self.client(place, trust)?.get(place.url().clone());
                self.answer(place, request.header(ACCEPT, "application/json"), About::Issuer, &[]).await
            })
            .await?;
        let status = answer.status.as_u16();
        match answer.status {
            StatusCode::OK => read(issuer, &answer.body, method, allowed),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                let urls = [Some(place.as_str()), Some(issuer)];
                Err(wire::failed(answer.unsuccessful(), Known { secrets: &[], urls: &urls }))
            }
            StatusCode::FORBIDDEN => Err(IssuerError::Refused {
                status: StatusCode::FORBIDDEN.as_u16(),
                meaning: Meaning::Before,
                error: None,
                description: None,
                clock: None,
            }),
            status if status.is_client_error() => {
                Err(IssuerError::Malformed { status: Some(status.as_u16()), why: NOT_THERE })
            }
            _ => Err(IssuerError::Server { status, retry_after: answer.retry_after }),
        }
    }
}

/// Returns the issuer that a metadata URL belongs to, without its last slash; `None` if it is no such URL.
pub(crate) fn issuer_of_metadata(url: &str) -> Option<String> {
    let (issuer, rest) = url.split_once("/.well-known/")?;
    let names = ["oauth-authorization-server", "openid-configuration"];
    let path = names.iter().find_map(|name| rest.strip_prefix(name))?;
    let is_path = path.is_empty() || path.starts_with('/');
    is_path.then(|| format!("{issuer}{}", path.trim_end_matches('/')))
}

/// The places that metadata may have: RFC 8414 puts the well-known part before the path, OpenID appends it.
fn places(issuer: &str, allowed: &PlainHosts) -> Option<Vec<Endpoint>> {
    let url = Endpoint::parse_with(issuer, allowed).ok()?;
    if url.url().query().is_some() {
        return None;
    }
    let path = url.url().path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut place: Url = url.url().clone();
        place.set_path(&path);
        Endpoint::parse_with(place.as_str(), allowed).ok()
    };
    Some(vec![
        at(format!("/.well-known/oauth-authorization-server{path}"))?,
        at(format!("{path}/.well-known/openid-configuration"))?,
    ])
}

fn read(issuer: &str, body: &[u8], method: Option<AuthMethod>, allowed: &PlainHosts) -> Result<Metadata, IssuerError> {
    let malformed = |why| IssuerError::Malformed { status: Some(200), why };
    let document: Document = wire::object(body).ok_or(malformed(NOT_VALID))?;
    if document.issuer != issuer {
        return Err(IssuerError::IssuerDiffers { asked: issuer.to_owned(), found: document.issuer });
    }
    let certificates = method.is_some_and(AuthMethod::shows_certificate);
    let aliases = document.mtls_endpoint_aliases.filter(|_| certificates);
    let (token, introspection, revocation) = match aliases {
        Some(aliases) => (aliases.token_endpoint, aliases.introspection_endpoint, aliases.revocation_endpoint),
        None => (None, None, None),
    };
    let insecure = "its metadata names an endpoint that is no https URL";
    // Plain http is for an issuer on this machine; an issuer elsewhere must not name a port of this machine.
    let elsewhere = Endpoint::parse_with(issuer, allowed).is_ok_and(|issuer| !issuer.is_loopback());
    let endpoint = |url: Option<String>| {
        let endpoint =
            url.map(|url| Endpoint::parse_with(&url, allowed)).transpose().map_err(|_| malformed(insecure))?;
        match endpoint {
            Some(endpoint) if endpoint.is_plain() && endpoint.is_loopback() && elsewhere => Err(malformed(insecure)),
            endpoint => Ok(endpoint),
        }
    };
    Ok(Metadata {
        token_url: endpoint(token.or(document.token_endpoint))?
            .ok_or(malformed("its metadata names no token_endpoint"))?,
        introspection_url: endpoint(introspection.or(document.introspection_endpoint))?,
        revocation_url: endpoint(revocation.or(document.revocation_endpoint))?,
        jwks_url: endpoint(document.jwks_uri)?,
        auth_methods: document.token_endpoint_auth_methods_supported,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn none() -> PlainHosts {
        PlainHosts::default()
    }

    #[test]
    fn the_well_known_part_stands_before_the_path_or_behind_it() {
        let texts = |issuer: &str| {
            let places = places(issuer, &none()).expect("places");
            places.iter().map(|place| place.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            texts("https://a.example/tenant/x"),
            [
                "https://a.example/.well-known/oauth-authorization-server/tenant/x",
                "https://a.example/tenant/x/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            texts("https://a.example/"),
            [
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn the_issuer_is_taken_out_of_the_url_of_its_metadata() {
        for (url, issuer) in [
            ("https://a.example/.well-known/openid-configuration", Some("https://a.example")),
            ("https://a.example/t/.well-known/openid-configuration/", Some("https://a.example/t")),
            ("https://a.example/.well-known/oauth-authorization-server/t", Some("https://a.example/t")),
            ("https://a.example/.well-known/other", None),
            ("https://a.example/.well-known/openid-configuration.json", None),
            ("https://a.example/", None),
        ] {
            assert_eq!(issuer_of_metadata(url).as_deref(), issuer, "{url}");
        }
    }

    #[test]
    fn what_is_no_issuer_is_not_asked() {
        for issuer in ["", "a.example", "http://a.example", "https://a.example/?x", "https://u@a.example", "ftp://a/"] {
            assert!(places(issuer, &none()).is_none(), "{issuer}");
        }
    }

    #[test]
    fn metadata_of_another_issuer_is_refused_be_it_for_a_slash() {
        let body = br#"{"issuer": "https://a.example/", "token_endpoint": "https://a.example/token"}"#;
        assert!(read("https://a.example/", body, None, &none()).is_ok());
        for other in ["https://a.example", "https://A.example/", "https://a.example:443/"] {
            assert!(matches!(read(other, body, None, &none()), Err(IssuerError::IssuerDiffers { .. })), "{other}");
        }
    }

    #[test]
    fn clients_with_a_certificate_go_to_the_aliases_and_others_do_not() {
        let body = br#"{"issuer": "i", "token_endpoint": "https://a.example/token", "revocation_endpoint": "https://a.example/r",
            "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.example/token"}}"#;
        let plain = read("i", body, Some(AuthMethod::PrivateKeyJwt), &none()).expect("metadata");
        assert_eq!(plain.token_url.as_str(), "https://a.example/token");
        let tls = read("i", body, Some(AuthMethod::TlsClientAuth), &none()).expect("metadata");
        assert_eq!(tls.token_url.as_str(), "https://mtls.example/token");
        assert_eq!(tls.revocation_url.expect("named").as_str(), "https://a.example/r");
    }

    #[test]
    fn an_endpoint_that_is_not_secure_makes_the_metadata_invalid() {
        for url in ["http://a.example/token", "https://u:p@a.example/", "javascript:alert(1)", ""] {
            let body = format!(r#"{{"issuer": "i", "token_endpoint": "{url}"}}"#);
            assert!(matches!(read("i", body.as_bytes(), None, &none()), Err(IssuerError::Malformed { .. })), "{url}");
        }
    }

    #[test]
    fn plain_http_in_metadata_goes_where_it_is_allowed() {
        let body = br#"{"issuer": "http://keycloak:8080", "token_endpoint": "http://keycloak:8080/token"}"#;
        let allowed = PlainHosts::new(["keycloak"]).expect("a private host");
        assert!(read("http://keycloak:8080", body, None, &allowed).is_ok());
        assert!(places("http://keycloak:8080", &allowed).is_some());
        assert!(read("http://keycloak:8080", body, None, &none()).is_err());
        let ours = br#"{"issuer": "http://keycloak:8080", "token_endpoint": "http://127.0.0.1/token"}"#;
        assert!(read("http://keycloak:8080", ours, None, &allowed).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_metadata_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("https://a.example", &body, None, &none());
        }
    }
}
