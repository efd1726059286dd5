//! Revoking a token: at the issuer first, then what is kept here.

use super::Keeper;
use crate::error::{Code, Error, Remedy};
use crate::system::runtime;
use crate::token::AccessToken;

impl Keeper {
    /// Revokes the cached token of this request at the issuer (RFC 7009), then erases it here; `false` if none is
    /// cached. A token that is over is revoked as well: the issuer's clock decides.
    ///
    /// # Errors
    /// When the profile names no revocation endpoint, or the issuer did not take it; the token is then kept.
    pub async fn revoke(&self) -> Result<bool, Error> {
        let Some(token) = self.kept()? else { return Ok(false) };
        let revoked = async {
            self.revoke_token(&token).await?;
            self.reject(&token)?;
            self.withdraw(&token).await;
            Ok(true)
        };
        runtime::run(revoked).await.map_err(Error::no_runtime)?
    }

    /// Revokes a token of this client; what is kept stays.
    pub(crate) async fn revoke_token(&self, token: &AccessToken) -> Result<(), Error> {
        let request = self.memory.request();
        let profile = &request.profile;
        let Some(url) = &profile.revocation_url else {
            let message = format!("the profile {} names no revocation endpoint; nothing was revoked", profile.name);
            return Err(Error::new(Code::Usage, message)
                .with_remedy(Remedy::SetRevocationUrl(profile.name.to_string()))
                .for_profile(&profile.name));
        };
        let Some(proof) = self.proof(&request).await? else {
            return Err(Error::new(
                Code::CredentialMissing,
                "the credential was set again meanwhile; nothing was revoked",
            )
            .with_remedy(Remedy::Repeat)
            .for_profile(&profile.name));
        };
        let revoked = self.parts.transport.revoke(url, &proof.client(profile), token, &proof.trust()).await;
        revoked.map_err(|error| at_revocation(Error::from(error)).and_kept().for_profile(&profile.name))
    }
}

/// Advises to check the endpoint that was called.
fn at_revocation(error: Error) -> Error {
    match error.remedy() {
        Some(Remedy::CheckTokenUrl) => error.with_remedy(Remedy::CheckRevocationUrl),
        _ => error,
    }
}
