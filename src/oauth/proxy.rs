//! Proxies that the environment names. They are read strictly. If a value were passed over, the request would go
//! another way, and a password that is cut is a wrong one.

use std::ffi::OsString;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::HeaderValue;
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::IssuerError;
use crate::profile::Endpoint;
use crate::system::secret::SecretDigest;

/// The variables for requests over https, in the order in which they are read.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

const SOCKS: &str = "is a SOCKS proxy, which tokenkeep does not speak";
const QUOTED: &str = "has quotes around its value";
const UNREADABLE: &str = "cannot be read as http://HOST:PORT or https://HOST:PORT";
const USER_INFO: &str = "has a character in its user or password that must be percent-encoded";

/// Reads a variable of the environment.
type Read<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The way that a request takes.
pub(crate) enum Route {
    /// Straight to the host.
    Direct,
    /// The environment names no proxy. The system's settings may (macOS, Windows).
    System,
    /// Through a proxy.
    Through(Proxy),
}

/// A proxy that the environment names.
pub(crate) struct Proxy {
    /// The variable that names it.
    pub(crate) variable: &'static str,
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
}

/// How a proxy failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// Its name cannot be resolved.
    Name,
    /// No connection to it was made.
    Connection,
    /// It wants a user and a password, and the variable has none.
    NoPassword,
    /// It refused the user and the password of the variable.
    Password,
    /// It refused to connect, with this HTTP status.
    Refused(u16),
    /// It closed the connection, or what it answered is not HTTP.
    Answer,
}

impl ProxyFault {
    /// Returns the HTTP status that the proxy answered with.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            ProxyFault::NoPassword | ProxyFault::Password => Some(407),
            ProxyFault::Refused(status) => Some(status),
            ProxyFault::Name | ProxyFault::Connection | ProxyFault::Answer => None,
        }
    }

    /// Returns whether the same request would be refused again: a directory counts wrong passwords.
    pub(crate) fn is_final(self) -> bool {
        self.status().is_some_and(|status| status < 500)
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyFault::Name => f.write_str("its name cannot be resolved"),
            ProxyFault::Connection => f.write_str("no connection to it"),
            ProxyFault::NoPassword => f.write_str("it wants a user and a password (HTTP 407)"),
            ProxyFault::Password => f.write_str("it refused the user and the password (HTTP 407)"),
            ProxyFault::Refused(status) => write!(f, "it refused to connect (HTTP {status})"),
            ProxyFault::Answer => f.write_str("it did not answer as a proxy does"),
        }
    }
}

/// Returns the way of a request that the environment wants.
///
/// # Errors
/// When the variable that takes effect for this URL cannot be used. Its value is not shown: it can hold a password.
pub(crate) fn route(url: &Endpoint) -> Result<Route, IssuerError> {
    // What is plain stays on this machine or in a private network.
    if url.is_loopback() || url.is_plain() {
        return Ok(Route::Direct);
    }
    routed(&|name| std::env::var_os(name), url.url())
}

/// Returns the proxy for requests over https; `None` if the environment names none.
///
/// # Errors
/// When the variable that takes effect cannot be used.
#[cfg(feature = "cli")]
pub(crate) fn named() -> Result<Option<Proxy>, IssuerError> {
    let read = |name: &str| std::env::var_os(name);
    effective(&read).map(|(variable, value)| Proxy::parse(variable, &value)).transpose()
}

/// Returns a digest that differs for each proxy on the way to a URL, and for each of its passwords; `None` if there
/// is none.
pub(crate) fn way_to(url: &Endpoint) -> Option<SecretDigest> {
    match route(url) {
        Ok(Route::Through(proxy)) => Some(proxy.digest()),
        Ok(Route::Direct | Route::System) | Err(_) => None,
    }
}

fn routed(read: Read<'_>, url: &Url) -> Result<Route, IssuerError> {
    if is_cgi(read) {
        return Ok(Route::Direct);
    }
    match effective(read) {
        None => Ok(Route::System),
        Some(_) if is_excepted(read, url) => Ok(Route::Direct),
        Some((variable, value)) => Proxy::parse(variable, &value).map(Route::Through),
    }
}

/// In a CGI program a header of the request can set such a variable (httpoxy), so no proxy is used there.
fn is_cgi(read: Read<'_>) -> bool {
    read("REQUEST_METHOD").is_some()
}

/// Returns the variable that takes effect, with its value.
fn effective(read: Read<'_>) -> Option<(&'static str, OsString)> {
    if is_cgi(read) {
        return None;
    }
    let set = |names: &[&'static str; 2]| names.iter().find_map(|name| Some((*name, read(name)?)));
    VARIABLES.iter().filter_map(set).find(|(_, value)| !value.is_empty())
}

/// Returns whether `NO_PROXY` excepts the host of a URL.
fn is_excepted(read: Read<'_>, url: &Url) -> bool {
    let Some(list) = read("NO_PROXY").or_else(|| read("no_proxy")) else { return false };
    let list = list.to_string_lossy();
    let names = list.split([',', ';']).flat_map(str::split_whitespace);
    // Quotation marks that no shell took away are no part of a name.
    let names = names.map(|name| name.trim_matches(['"', '\'']));
    let names: Vec<String> = names.filter_map(|name| of_port(name, url.port_or_known_default())).collect();
    let matcher = Matcher::builder().https("http://proxy.invalid").no(names.join(",")).build();
    url.as_str().parse().is_ok_and(|url| matcher.intercept(&url).is_none())
}

/// Returns the name of an entry of `NO_PROXY` without its port; `None` if it is for another port.
fn of_port(entry: &str, port: Option<u16>) -> Option<String> {
    let (name, own) = match entry.rsplit_once(':') {
        Some((name, own)) if name.ends_with(']') || !name.contains(':') => (name, own.parse::<u16>().ok()),
        // Without a port: a name, or an IPv6 address.
        _ => (entry, port),
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    // As Go and Python write it.
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    (own == port).then(|| name.to_owned())
}

impl Proxy {
    fn parse(variable: &'static str, value: &OsString) -> Result<Proxy, IssuerError> {
        let failed = |why| IssuerError::ProxySetting { variable, why };
        let value = value.to_str().ok_or(failed(UNREADABLE))?;
        if value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']) {
            return Err(failed(QUOTED));
        }
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let scheme = scheme.to_ascii_lowercase();
        if scheme.starts_with("socks") {
            return Err(failed(SOCKS));
        }
        if scheme != "http" && scheme != "https" {
            return Err(failed(UNREADABLE));
        }
        // A password may hold an @ that is not encoded: the host begins after the last one.
        let (user_info, place) = match rest.rsplit_once('@') {
            Some((user_info, place)) => (Some(user_info), place),
            None => (None, rest),
        };
        if user_info.is_some_and(|text| text.bytes().any(|byte| byte <= b' ' || b"/?#".contains(&byte))) {
            return Err(failed(USER_INFO));
        }
        let place = place.strip_suffix('/').unwrap_or(place);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if place.is_empty() || place.ends_with(':') || !place.bytes().all(is_plain) {
            return Err(failed(UNREADABLE));
        }
        let url = Url::parse(&format!("{scheme}://{place}/")).map_err(|_| failed(UNREADABLE))?;
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err(failed(UNREADABLE));
        }
        let authorization = user_info.map(basic).transpose().map_err(|()| failed(USER_INFO))?;
        Ok(Proxy { variable, url, authorization })
    }

    /// Returns the host and the port, for people.
    pub(crate) fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        format!("{host}:{}", self.url.port_or_known_default().unwrap_or_default())
    }

    /// Returns whether a user and a password are sent to it.
    #[cfg(feature = "cli")]
    pub(crate) fn has_password(&self) -> bool {
        self.authorization.is_some()
    }

    /// Returns SHA-256 of its settings in the environment, its password included: what it refused, it refused to these.
    fn digest(&self) -> SecretDigest {
        let mut digest = Sha256::new();
        for part in [self.variable.as_bytes(), self.url.as_str().as_bytes()] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(self.authorization.as_ref().map(HeaderValue::as_bytes).unwrap_or_default());
        SecretDigest::new(digest.finalize().into())
    }

    /// Makes the setting of the HTTP client.
    pub(super) fn setting(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::https(self.url.clone())?;
        Ok(match &self.authorization {
            Some(value) => proxy.custom_http_auth(value.clone()),
            None => proxy,
        })
    }

    /// Makes the error of a failure of this proxy.
    pub(super) fn failed(&self, fault: ProxyFault) -> IssuerError {
        IssuerError::Proxy { proxy: self.place(), variable: self.variable, fault }
    }

    /// Returns what is meant by its refusal of a user and a password.
    pub(super) fn unauthorized(&self) -> ProxyFault {
        if self.authorization.is_some() { ProxyFault::Password } else { ProxyFault::NoPassword }
    }
}

/// Writes the header of a user and a password, which may be percent-encoded.
fn basic(user_info: &str) -> Result<HeaderValue, ()> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut pair = percent_decoded(user);
    pair.push(b':');
    pair.extend_from_slice(&percent_decoded(password));
    let encoded = Zeroizing::new(format!("Basic {}", &*Zeroizing::new(STANDARD.encode(&*pair))));
    let mut value = HeaderValue::from_str(&encoded).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Decodes percent-encoding; a percent sign that begins none stays, as passwords have them.
fn percent_decoded(text: &str) -> Zeroizing<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let value = match (first, others) {
            (b'%', [high, low, ..]) => {
                digit(high).zip(digit(low)).and_then(|(high, low)| u8::try_from(16 * high + low).ok())
            }
            _ => None,
        };
        decoded.push(value.unwrap_or(*first));
        rest = if value.is_some() { &others[2..] } else { others };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        move |name| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }

    fn to(variables: &[(&str, &str)], url: &str) -> Result<Route, IssuerError> {
        routed(&of(variables), &Url::parse(url).expect("a URL"))
    }

    fn fault(value: &str) -> Option<&'static str> {
        match to(&[("HTTPS_PROXY", value)], "https://issuer.example/token") {
            Err(IssuerError::ProxySetting { variable: "HTTPS_PROXY", why }) => Some(why),
            _ => None,
        }
    }

    fn proxy(value: &str) -> Proxy {
        Proxy::parse("HTTPS_PROXY", &OsString::from(value)).unwrap_or_else(|error| panic!("{value}: {error}"))
    }

    #[test]
    fn a_value_that_names_no_proxy_is_an_error_that_names_the_variable() {
        for value in ["socks5h://127.0.0.1:1080", "socks5://u:p@h", "SOCKS4A://p", "socks://p"] {
            assert_eq!(fault(value), Some(SOCKS), "{value}");
        }
        for value in ["\"http://p:1\"", "'http://p:1'", "\"http://p:1", "http://p:1'"] {
            assert_eq!(fault(value), Some(QUOTED), "{value}");
        }
        for value in [
            "http://",
            "https:///",
            "://",
            "a b",
            "ftp://p",
            "garbage://x",
            "http://p:",
            "http://p:0",
            "http://p:65536",
            "http://p:1/path",
            "http://p?x",
            " http://p:1",
            "http://p:1\n",
            "http://u:p@",
            "http://[::1",
            "http:p",
        ] {
            assert_eq!(fault(value), Some(UNREADABLE), "{value:?}");
        }
        for value in ["http://u:a/b@p:1", "http://u:a#b@p:1", "http://u:a?b@p:1", "http://u:a b@p:1", "http://p:1/@x"] {
            assert_eq!(fault(value), Some(USER_INFO), "{value:?}");
        }
        for value in ["http://p:3128", "https://p", "p:3128", "p", "HTTP://p/", "http://[::1]:3128", ""] {
            assert_eq!(fault(value), None, "{value}");
        }
    }

    #[test]
    fn a_password_ends_at_the_last_at_sign() {
        let sent = |value: &str| {
            let value = proxy(value).authorization.expect("a password");
            let encoded = value.to_str().expect("text").strip_prefix("Basic ").expect("Basic").to_owned();
            String::from_utf8(STANDARD.decode(encoded).expect("Base64")).expect("text")
        };
        for (value, pair) in [
            ("http://bob:p@ss@proxy:3128", "bob:p@ss"),
            ("http://bob:p%40ss@proxy", "bob:p@ss"),
            ("bob:a:b@proxy", "bob:a:b"),
            ("http://bob@proxy", "bob:"),
            ("http://bob:100%@proxy", "bob:100%"),
            ("http://bob:%2F%zz%4@proxy", "bob:/%zz%4"),
        ] {
            assert_eq!(sent(value), pair, "{value}");
        }
        assert_eq!(proxy("http://bob:p@ss@proxy:3128").place(), "proxy:3128");
        assert_eq!((proxy("proxy").place(), proxy("https://proxy").place()), ("proxy:80".into(), "proxy:443".into()));
    }

    #[test]
    fn only_the_variable_that_takes_effect_is_read() {
        let takes = |variables: &[(&str, &str)]| effective(&of(variables)).map(|(name, _)| name);
        assert_eq!(takes(&[("HTTPS_PROXY", "p"), ("ALL_PROXY", "socks5://p")]), Some("HTTPS_PROXY"));
        assert_eq!(takes(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "socks5://p")]), Some("ALL_PROXY"));
        assert_eq!(takes(&[("HTTP_PROXY", "garbage://x")]), None);
        assert_eq!(takes(&[("HTTPS_PROXY", "garbage://x"), ("REQUEST_METHOD", "GET")]), None);
        let cgi = to(&[("HTTPS_PROXY", "p"), ("REQUEST_METHOD", "GET")], "https://issuer.example/");
        assert!(matches!(cgi, Ok(Route::Direct)));
        assert!(matches!(to(&[], "https://issuer.example/"), Ok(Route::System)));
    }

    #[test]
    fn every_form_of_no_proxy_is_read() {
        let is_direct = |list: &str, url: &str| {
            matches!(to(&[("HTTPS_PROXY", "http://p"), ("NO_PROXY", list)], url), Ok(Route::Direct))
        };
        let issuer = "https://id.issuer.example/token";
        for list in [
            "id.issuer.example",
            "issuer.example",
            ".issuer.example",
            "*.issuer.example",
            "*",
            "a.example; issuer.example",
            "a.example issuer.example",
            "a.example,\tissuer.example",
            "issuer.example:443",
            "ISSUER.example",
            "\"issuer.example\"",
            "'a.example,issuer.example'",
            "\"a.example\", 'issuer.example:443'",
            "\"*\"",
        ] {
            assert!(is_direct(list, issuer), "{list}");
        }
        for list in ["", "other.example", "issuer.example:8443", "x.issuer.example", "suer.example", "issuer.example:x"]
        {
            assert!(!is_direct(list, issuer), "{list}");
        }
        assert!(is_direct("issuer.example:8443", "https://issuer.example:8443/"));
        for list in ["10.0.0.0/8", "10.1.2.3", "10.1.2.3:443"] {
            assert!(is_direct(list, "https://10.1.2.3/"), "{list}");
        }
        for list in ["fd00::1", "[fd00::1]", "[fd00::1]:443", "fd00::/8"] {
            assert!(is_direct(list, "https://[fd00::1]/"), "{list}");
        }
        // A host that needs no proxy is reached even if the proxy cannot be used.
        let socks = [("ALL_PROXY", "socks5://p"), ("NO_PROXY", "issuer.example")];
        assert!(matches!(to(&socks, issuer), Ok(Route::Direct)));
    }
}
