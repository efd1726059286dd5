//! Proxies that the environment names and this program cannot use: such a request fails instead of going direct.

use std::ffi::OsString;

use hyper_util::client::proxy::matcher::Matcher;

use super::IssuerError;
use crate::profile::Endpoint;

/// The variables for requests over https, in the order in which they are read.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Checks the proxy that the environment names for `url`; without a URL, for any.
///
/// # Errors
/// When the variable that takes effect holds no proxy of a supported kind. Its value is not shown: it can hold a
/// password.
pub(crate) fn check(url: Option<&Endpoint>) -> Result<(), IssuerError> {
    let read = |name: &str| std::env::var_os(name);
    match unusable(&read) {
        Some(variable) if url.is_none_or(|url| concerns(&read, url.as_str())) => Err(IssuerError::Proxy { variable }),
        Some(_) | None => Ok(()),
    }
}

/// Returns the variable that takes effect if its value is unusable.
fn unusable(read: &dyn Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    // The HTTP client ignores proxies in CGI programs.
    if read("REQUEST_METHOD").is_some() {
        return None;
    }
    let set = |names: &[&'static str; 2]| names.iter().find_map(|name| Some((*name, read(name)?)));
    let (name, value) = VARIABLES.iter().filter_map(set).find(|(_, value)| !value.is_empty())?;
    let is_usable = value.to_str().is_some_and(is_usable);
    (!is_usable).then_some(name)
}

fn is_usable(value: &str) -> bool {
    let matcher = Matcher::builder().https(value.to_owned()).build();
    let Ok(any) = "https://host.invalid/".parse() else { return false };
    matcher.intercept(&any).is_some_and(|proxy| matches!(proxy.uri().scheme_str(), Some("http" | "https")))
}

/// Returns whether a proxy would be used for a URL, by `NO_PROXY`.
fn concerns(read: &dyn Fn(&str) -> Option<OsString>, url: &str) -> bool {
    let excepted = read("NO_PROXY").or_else(|| read("no_proxy"));
    let excepted = excepted.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    let matcher = Matcher::builder().https("http://proxy.invalid").no(excepted).build();
    url.parse().map_or(true, |url| matcher.intercept(&url).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        move |name| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_proxy_of_another_kind_than_http_is_named_by_its_variable() {
        for value in ["garbage://x", "socks5://127.0.0.1:1", "socks4a://p", "ftp://p", "http://", "a b", "://"] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                assert_eq!(unusable(&of(&[(name, value)])), Some(name), "{value}");
            }
        }
        for value in ["http://p:3128", "https://p", "p:3128", "p", "http://user:word@p:1", ""] {
            assert_eq!(unusable(&of(&[("HTTPS_PROXY", value)])), None, "{value}");
        }
    }

    #[test]
    fn only_the_variable_that_takes_effect_is_checked() {
        assert_eq!(unusable(&of(&[("HTTPS_PROXY", "p"), ("ALL_PROXY", "socks5://p")])), None);
        assert_eq!(unusable(&of(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "socks5://p")])), Some("ALL_PROXY"));
        assert_eq!(unusable(&of(&[("HTTP_PROXY", "garbage://x")])), None);
        assert_eq!(unusable(&of(&[("HTTPS_PROXY", "garbage://x"), ("REQUEST_METHOD", "GET")])), None);
    }

    #[test]
    fn a_host_that_no_proxy_names_needs_no_proxy() {
        assert!(!concerns(&of(&[("NO_PROXY", "issuer.example")]), "https://issuer.example/token"));
        assert!(concerns(&of(&[("NO_PROXY", "other.example")]), "https://issuer.example/token"));
        assert!(concerns(&of(&[]), "https://issuer.example/token"));
    }
}
