//! A check of a token by the keys of its issuer, as the owner of the API makes it.

use super::block_on;
use crate::error::{Code, Error, Remedy};
use crate::keeper::read_ca_file;
use crate::keeper::validate::{Check, Outcome, Report, Verdict};
use crate::oauth::{ResourceServer, Roots};
use crate::open::Home;
use crate::profile::{Endpoint, Profile};
use crate::system::secret::Secret;

/// The tokens that an API accepts: as given, else as the profile has it.
pub(crate) struct Accepted {
    pub(crate) audience: String,
    pub(crate) issuer: Option<String>,
    /// The place of the issuer's keys.
    pub(crate) keys: Option<Endpoint>,
}

impl Accepted {
    /// Returns what checks a token.
    ///
    /// # Errors
    /// [`Code::Usage`], if a part is missing.
    pub(crate) fn server(self, profile: Option<&Profile>) -> Result<ResourceServer, Error> {
        let missing = |what, remedy| Error::new(Code::Usage, format!("{what} is missing")).with_remedy(remedy);
        let keys = self.keys.or_else(|| profile?.jwks_url.clone());
        let keys = keys.ok_or_else(|| missing("the place of the issuer's keys", Remedy::GiveKeysUrl))?;
        let issuer = self.issuer.or_else(|| profile?.issuer.clone());
        let issuer = issuer.ok_or_else(|| missing("the issuer of accepted tokens", Remedy::GiveAcceptedIssuer))?;
        Ok(ResourceServer::new(keys, issuer, self.audience))
    }
}

/// Checks a token. The keys of its issuer are requested.
pub(crate) fn check(
    home: &Home,
    server: &ResourceServer,
    profile: Option<&Profile>,
    token: &Secret,
) -> Result<Report, Error> {
    let ca = profile.map(read_ca_file).transpose()?.flatten();
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only).into();
    let (transport, token) = (home.transport(), token.expose_text().unwrap_or_default());
    Ok(match block_on(async { Ok(server.check(&transport, &roots, token).await) })? {
        Ok(Ok(())) => report(Outcome::Pass, "signature, typ, iss, aud and exp are as they must be"),
        Ok(Err(rejected)) => report(Outcome::Fail, &rejected.to_string()),
        Err(error) => report(Outcome::Unknown, &error.to_string()),
    })
}

/// Reports that there is no token to check.
pub(crate) fn nothing_cached() -> Report {
    report(Outcome::Fail, "no token is cached")
}

fn report(result: Outcome, detail: &str) -> Report {
    let verdict = match result {
        Outcome::Pass => Verdict::Valid,
        Outcome::Fail => Verdict::NotValid,
        Outcome::Unknown | Outcome::Skipped => Verdict::Indeterminate,
    };
    let check = Check { name: "signature", result, detail: detail.to_owned() };
    Report { verdict, checks: vec![check], validity: None, left: None }
}
