//! URLs that secrets and tokens are sent to.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::gap::{authority, gap};
use super::plain_hosts::{LOCALHOST, PlainHosts};

/// A URL that a secret or token may be sent to: https, or http to loopback, or to a private host that a profile allows.
///
/// Without user information, fragment, or a secret in its query (RFC 6749 s. 2.3.1 and 3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a text is not an [`Endpoint`]. Quotes nothing of it but the name of a gap: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It was copied from a page, and a part of it has to be filled in.
    #[error("still has a gap: {0}")]
    Gap(String),
    /// It names port 0, which no server has.
    #[error("names port 0, which no server has")]
    PortZero,
    /// It is not an absolute URL with a host, or holds characters that readers disagree about.
    #[error("is not an absolute https URL")]
    NotUrl,
    /// It has a fragment, which RFC 6749 s. 3.2 forbids.
    #[error("has a fragment (#...), which an endpoint must not have")]
    Fragment,
    /// It is neither https, nor http to loopback or to a host that is allowed.
    #[error("is not https (plain http is for loopback, and for private hosts that `allow_http` names)")]
    Insecure,
    /// It carries a user name or password.
    #[error("carries a user name or password")]
    UserInfo,
    /// It carries a secret in its query.
    #[error("carries a credential in its query")]
    SecretInQuery,
}

impl EndpointError {
    /// Returns whether it is a URL, and one that would give a secret away.
    pub fn is_insecure(&self) -> bool {
        matches!(self, EndpointError::Insecure | EndpointError::UserInfo | EndpointError::SecretInQuery)
    }
}

impl Endpoint {
    /// Reads an endpoint: https, or http at a loopback address (RFC 6749 s. 3.1.2.1, RFC 8252 s. 7.3). At most 4096
    /// bytes.
    ///
    /// # Errors
    /// When it is no URL, or one over which a secret would be sent in clear. The error does not quote it.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse_with(text, &PlainHosts::default())
    }

    /// Reads an endpoint that may be plain http at these hosts.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn parse_with(text: &str, allowed: &PlainHosts) -> Result<Endpoint, EndpointError> {
        if text.len() > 4096 {
            return Err(EndpointError::NotUrl);
        }
        // A URL parser drops tabs and newlines and turns a backslash into a slash. The URL that a person reads
        // and the one that a program connects to would differ.
        let is_odd = text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f);
        match (authority(text).contains('@'), holds_secret(text)) {
            (true, _) if !is_odd => return Err(EndpointError::UserInfo),
            (_, true) if !is_odd => return Err(EndpointError::SecretInQuery),
            // Only what cannot be a secret is quoted.
            (false, false) => gap(text).map_or(Ok(()), |gap| Err(EndpointError::Gap(gap)))?,
            _ => {}
        }
        if is_odd {
            return Err(EndpointError::NotUrl);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::NotUrl)?;
        let Some(host) = url.host() else { return Err(EndpointError::NotUrl) };
        // The parser takes any number of slashes: in `https:///token` it finds the host `token`.
        if authority(text).is_empty() {
            return Err(EndpointError::NotUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::Fragment);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) && is_literal(text, &url) => {}
            "http" if url.host_str().is_some_and(|host| allowed.contains(host)) && is_literal(text, &url) => {}
            _ => return Err(EndpointError::Insecure),
        }
        if url.port() == Some(0) {
            return Err(EndpointError::PortZero);
        }
        Ok(Endpoint(url))
    }

    /// Returns the URL as text, normalised.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the URL.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Returns whether it is plain http: then no proxy and no certificate is involved.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Returns whether its host is a literal loopback address or `localhost`, over http or https. That name is never
    /// looked up: a resolver could lead it elsewhere.
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback(&host))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => IpAddr::from(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).is_loopback(),
        Host::Domain(name) => *name == LOCALHOST,
    }
}

/// The parser turns `127.1`, `0x7f.1` and `2130706433` into 127.0.0.1; only the plain form is taken.
fn is_literal(text: &str, url: &Url) -> bool {
    let authority = authority(text);
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => format!("[{address}]"),
        None => authority.split(':').next().unwrap_or_default().to_owned(),
    };
    url.host_str().is_some_and(|read| read.eq_ignore_ascii_case(&host))
}

fn holds_secret(text: &str) -> bool {
    const SECRETS: [&str; 4] = ["client_secret", "access_token", "client_assertion", "password"];
    let Some((_, query)) = text.split_once("://").and_then(|(_, rest)| rest.split_once('?')) else { return false };
    let query = query.split('#').next().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| SECRETS.contains(&name.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_literal_loopback_are_endpoints() {
        for text in [
            "https://accounts.spotify.com/api/token",
            "https://localhost:8443/token",
            "http://127.0.0.1:4010/token",
            "http://127.9.9.9/token",
            "http://localhost/token",
            "http://LocalHost:8080/token",
            "http://[::1]:4010/token?tenant=a",
        ] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn plain_http_and_look_alikes_of_loopback_are_insecure() {
        for text in [
            "http://example.com/token",
            "http://localhost./token",
            "http://localhost.example.com/token",
            "http://%6cocalhost/token",
            "http://foo.localhost/token",
            "http://127.0.0.1.example.com/token",
            "http://127.1/token",
            "http://2130706433/token",
            "http://0x7f000001/token",
            "http://0177.0.0.1/token",
            "http://0.0.0.0/token",
            "http://[::ffff:127.0.0.1]/token",
            "http://[0:0:0:0:0:0:0:1]/token",
            "ftp://example.com/token",
        ] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Insecure), "{text}");
        }
    }

    #[test]
    fn a_private_host_that_is_allowed_may_be_plain_and_no_other() {
        let allowed = PlainHosts::new(["keycloak", "10.0.0.7"]).expect("private hosts");
        let read = |text: &str| Endpoint::parse_with(text, &allowed);
        for text in ["http://keycloak:8080/token", "http://KeyCloak/token", "http://10.0.0.7/token"] {
            let endpoint = read(text).expect("allowed");
            assert!(endpoint.is_plain() && !endpoint.is_loopback(), "{text}");
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Insecure), "{text}");
        }
        for text in
            ["http://keycloak./token", "http://x.keycloak/", "http://10.0.0.8/", "http://012.0.0.7/", "http://10.7/"]
        {
            assert_eq!(read(text), Err(EndpointError::Insecure), "{text}");
        }
    }

    #[test]
    fn user_information_is_refused_even_when_empty() {
        for text in [
            "https://u:p@example.com/",
            "https://127.0.0.1@example.com/",
            "https://@example.com/",
            "http://example.com@127.0.0.1/",
        ] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::UserInfo), "{text}");
        }
    }

    #[test]
    fn a_gap_is_named() {
        for (text, gap) in [
            ("https://{tenant}.example.com/token", "{tenant}"),
            ("https://login.example.com/<your tenant>/token", "<your tenant>"),
            ("https://<host>/token", "<host>"),
            ("https://$HOST/token", "$HOST"),
            ("https://$host.example.com/token", "$host"),
            ("https://${TENANT_ID}.example.com/token", "${TENANT_ID}"),
            ("https://example.com/$TENANT/token", "$TENANT"),
            ("https://example.com/$(tenant)/token", "$(tenant)"),
            ("https://example.com/{{ realm }}/token", "{{ realm }}"),
            ("https://example.com/{{realm}}/token", "{{realm}}"),
            ("https://example.com/token}", "}"),
            ("https://example.com/{0123456789012345678901234567890123456789x}", "{"),
        ] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Gap(gap.to_owned())), "{text}");
        }
        for text in ["https://example.com/odata/$metadata", "https://example.com/users?$top=1&$select=id,$value"] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_taken_for_a_gap() {
        for (text, why) in [
            ("https://u:pa{ss@example.com/", EndpointError::UserInfo),
            ("https://example.com/?client_secret={x}", EndpointError::SecretInQuery),
            ("https://example.com/?a=1&client%5Fsecret=<x>#y", EndpointError::SecretInQuery),
        ] {
            assert_eq!(Endpoint::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn no_server_has_port_0() {
        for text in ["https://example.com:0/token", "http://127.0.0.1:0/token"] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::PortZero), "{text}");
        }
    }

    #[test]
    fn a_credential_in_the_query_is_refused() {
        let text = "https://example.com/token?client_secret=x";
        assert_eq!(Endpoint::parse(text), Err(EndpointError::SecretInQuery));
    }

    #[test]
    fn what_readers_disagree_about_is_no_url() {
        for text in [
            "",
            "token",
            "https://",
            "https:///token",
            "https:/a.example/token",
            "https:a.example/token",
            "https://a.example\\@b.example/",
            "https://a.example/\n",
            "https://a. example/",
            "mailto:a@b",
        ] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::NotUrl), "{text:?}");
        }
        assert_eq!(Endpoint::parse("https://a.example/#x"), Err(EndpointError::Fragment));
    }
}
