//! URLs and hosts that are given for a profile, and what to do about those that are refused.

use url::{Host, Url};

use crate::error::{Code, Error, Remedy};
use crate::oauth::issuer_of_metadata;
use crate::profile::{Endpoint, EndpointError, PlainHostError, PlainHosts, gap, may_be_plain};

/// What a URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeadsTo {
    /// The issuer: a URL of its metadata is a mistake.
    Issuer,
    /// Any resource.
    Resource,
}

/// Reads a URL; `name` is what the caller knows it by.
pub(crate) fn endpoint(
    name: &str,
    text: Option<&str>,
    leads_to: LeadsTo,
    allowed: &PlainHosts,
) -> Result<Option<Endpoint>, Error> {
    let Some(text) = text else { return Ok(None) };
    let of_metadata = issuer_of_metadata(text).filter(|_| leads_to == LeadsTo::Issuer);
    // The advice shows the URL: it must be one without a secret.
    if let Some(issuer) =
        of_metadata.filter(|issuer| !issuer.contains('?') && Endpoint::parse_with(issuer, allowed).is_ok())
    {
        let message = format!("{name} is the URL of the issuer's metadata; nothing was changed");
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::TakeIssuer(issuer)));
    }
    let why = match Endpoint::parse_with(text, allowed) {
        Ok(endpoint) => return Ok(Some(endpoint)),
        Err(why) => why,
    };
    let (code, remedy) = match why {
        EndpointError::Gap(_) => (Code::Usage, Remedy::FillGap),
        EndpointError::Insecure => (Code::InsecureEndpoint, secured(text)),
        ref why if why.is_insecure() => (Code::InsecureEndpoint, Remedy::GiveIssuerUrl),
        _ => (Code::Usage, Remedy::GiveIssuerUrl),
    };
    Err(Error::new(code, format!("{name} {why}; nothing was changed")).with_remedy(remedy))
}

/// Advises by the host of a URL that is plain http.
fn secured(text: &str) -> Remedy {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http");
    match url.as_ref().and_then(Url::host) {
        // Another spelling of a loopback address, or every address.
        Some(Host::Ipv4(address)) if address.is_loopback() || address.is_unspecified() => Remedy::WriteLoopback,
        Some(Host::Ipv6(address)) if address.to_canonical().is_loopback() || address.is_unspecified() => {
            Remedy::WriteLoopback
        }
        Some(host) if may_be_plain(host.to_string().trim_matches(['[', ']'])) => Remedy::AllowHttp(host.to_string()),
        _ => Remedy::GiveIssuerUrl,
    }
}

/// Reads the private hosts that plain http may go to; `None` if none was given.
pub(crate) fn plain_hosts(name: &str, given: &[String]) -> Result<Option<PlainHosts>, Error> {
    if given.is_empty() {
        return Ok(None);
    }
    PlainHosts::new(given.iter().map(String::as_str)).map(Some).map_err(|why| {
        let (code, remedy) = match why {
            PlainHostError::Public => (Code::InsecureEndpoint, Remedy::GiveIssuerUrl),
            PlainHostError::NotHost => (Code::Usage, Remedy::NamePlainHost),
        };
        Error::new(code, format!("{name} {why}; nothing was changed")).with_remedy(remedy)
    })
}

/// Reads an issuer identifier, out of the URL of its metadata if that was given.
pub(crate) fn issuer(name: &str, text: Option<&str>) -> Result<Option<String>, Error> {
    match text.and_then(gap) {
        Some(gap) => {
            let message = format!("{name} {}; nothing was changed", EndpointError::Gap(gap));
            Err(Error::new(Code::Usage, message).with_remedy(Remedy::FillGap))
        }
        // Copied from the browser, with the place of its metadata.
        None => Ok(text.map(|text| issuer_of_metadata(text).unwrap_or_else(|| text.to_owned()))),
    }
}
