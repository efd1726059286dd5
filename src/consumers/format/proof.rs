//! A request that a token is proven for (RFC 9449).

use zeroize::Zeroizing;

use crate::error::{Code, Error, Remedy};
use crate::oauth::{ProofKey, Use};
use crate::profile::Profile;
use crate::system::clock::Moment;
use crate::token::AccessToken;

/// The one request that a proof is good for.
#[derive(Debug)]
pub(crate) struct ProvenRequest {
    method: String,
    url: url::Url,
    nonce: Option<String>,
}

impl ProvenRequest {
    /// Reads what was typed.
    pub(super) fn new(method: &str, url: &str, nonce: Option<&str>) -> Result<ProvenRequest, Error> {
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
    pub(super) fn proof(
        &self,
        token: &AccessToken,
        profile: &Profile,
        now: &Moment,
    ) -> Result<Zeroizing<String>, Error> {
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
