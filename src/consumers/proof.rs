//! A request that a token is proven for (RFC 9449).

use zeroize::Zeroizing;

use super::format::Format;
use super::handed::Handed;
use crate::error::{Code, Error, Remedy};
use crate::oauth::{ProofKey, Use};

/// The one request that a proof is good for.
#[derive(Debug)]
pub(crate) struct ProvenRequest {
    method: String,
    url: url::Url,
    nonce: Option<String>,
}

/// What was typed of the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Typed<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    /// The nonce that the API named (DPoP-Nonce).
    pub(crate) nonce: Option<&'a str>,
}

impl ProvenRequest {
    /// Reads what was typed beside a format; `None` if the format proves nothing.
    ///
    /// # Errors
    /// [`Code::Usage`], if it does not go together.
    pub(crate) fn typed(format: Format, typed: Typed<'_>) -> Result<Option<ProvenRequest>, Error> {
        match (format, typed.method, typed.url, typed.nonce) {
            (Format::Dpop, Some(method), Some(url), nonce) => ProvenRequest::new(method, url, nonce).map(Some),
            (Format::Dpop, ..) => Err(Error::new(Code::Usage, "--format dpop needs --method METHOD and --url URL")),
            (_, None, None, None) => Ok(None),
            _ => Err(Error::new(Code::Usage, "--method, --url and --nonce go with --format dpop")),
        }
    }

    fn new(method: &str, url: &str, nonce: Option<&str>) -> Result<ProvenRequest, Error> {
        let usage = |what: &str| Error::new(Code::Usage, what);
        let is_of_method = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(is_of_method) {
            return Err(usage("--method takes an HTTP method such as GET"));
        }
        let is_plain = |url: &url::Url| url.has_host() && url.username().is_empty() && url.password().is_none();
        let url = url::Url::parse(url).ok().filter(is_plain).ok_or_else(|| usage("--url takes an absolute URL"))?;
        // Copied out of a header with its line end, it would be another nonce (RFC 9449 s. 8.1).
        let is_of_nonce = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if nonce.is_some_and(|nonce| nonce.is_empty() || !nonce.bytes().all(is_of_nonce)) {
            return Err(usage("--nonce takes the value of a DPoP-Nonce header"));
        }
        Ok(ProvenRequest { method: method.to_owned(), url, nonce: nonce.map(str::to_owned) })
    }

    /// Makes a proof that a token is shown by its owner.
    ///
    /// # Errors
    /// [`Code::Usage`], if the token needs none.
    pub(crate) fn proof(&self, handed: &Handed<'_>) -> Result<Zeroizing<String>, Error> {
        let (token, profile, now) = (handed.token(), handed.profile, handed.now);
        let Some(key) = token.proof_key() else {
            return Err(Error::new(Code::Usage, "the token is a Bearer token, which needs no proof")
                .with_remedy(Remedy::LeaveProofOut)
                .for_profile(&profile.name));
        };
        let ProvenRequest { method, url, nonce } = self;
        let of = Use { method, url, token: Some(token.expose()), nonce: nonce.as_deref() };
        let key = ProofKey::new(key).map_err(Error::from)?;
        key.proof(&of, now.wall).map_err(Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_with_the_format_that_proves_it() {
        let typed = Typed { method: Some("GET"), url: Some("https://api.example.com/"), nonce: None };
        for format in Format::ALL {
            let is_dpop = format == Format::Dpop;
            assert_eq!(ProvenRequest::typed(format, typed).is_ok(), is_dpop, "{format:?}");
            assert_eq!(ProvenRequest::typed(format, Typed::default()).is_ok(), !is_dpop, "{format:?}");
        }
    }
}
