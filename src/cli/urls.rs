//! Hosts and issuers that are typed.

use crate::error::{Code, Error, Remedy};
use crate::oauth::issuer_of_metadata;
use crate::profile::{EndpointError, PlainHostError, PlainHosts, gap};

/// Reads the private hosts that plain http may go to; `None` if none was typed.
pub(super) fn allow_http(typed: &[String]) -> Result<Option<PlainHosts>, Error> {
    if typed.is_empty() {
        return Ok(None);
    }
    PlainHosts::new(typed.iter().map(String::as_str)).map(Some).map_err(|why| {
        let (code, remedy) = match why {
            PlainHostError::Public => (Code::InsecureEndpoint, Remedy::GiveIssuerUrl),
            PlainHostError::NotHost => (Code::Usage, Remedy::NamePlainHost),
        };
        Error::new(code, format!("--allow-http {why}; nothing was changed")).with_remedy(remedy)
    })
}

/// Reads an issuer identifier, out of the URL of its metadata if that was typed.
pub(super) fn issuer(text: Option<&str>) -> Result<Option<String>, Error> {
    match text.and_then(gap) {
        Some(gap) => {
            let message = format!("--issuer {}; nothing was changed", EndpointError::Gap(gap));
            Err(Error::new(Code::Usage, message).with_remedy(Remedy::FillGap))
        }
        // Copied from the browser, with the place of its metadata.
        None => Ok(text.map(|text| issuer_of_metadata(text).unwrap_or_else(|| text.to_owned()))),
    }
}
