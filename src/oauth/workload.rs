//! The token that GitHub Actions gives a job, to be used as the job's assertion elsewhere (RFC 7523 s. 2.2).

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::http::{About, Trust, sensitive};
use super::redact::Known;
use super::{IssuerError, Transport};
use crate::profile::Endpoint;
use crate::system::secret::Secret;

/// GitHub's own hosts end in this.
const GITHUB: &str = ".actions.githubusercontent.com";

/// The URL at which a job may request its token, and what it shows there.
#[derive(Debug)]
pub(crate) struct ActionsTokenRequest {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub token: Secret,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Document {
    value: String,
}

impl Transport {
    /// Requests a job's token for `audience`. The host must be GitHub's, or `host`: the environment of a job does not
    /// decide which host gets its credential.
    pub(crate) async fn job_token(
        &self,
        of: &ActionsTokenRequest,
        audience: &str,
        host: Option<&str>,
        trust: &Trust<'_>,
    ) -> Result<Secret, IssuerError> {
        let url = place(&of.url, audience, host)
            .ok_or(IssuerError::Credential("ACTIONS_ID_TOKEN_REQUEST_URL leads to a host that is not the profile's"))?;
        let bearer = of.token.expose_text().ok_or(IssuerError::Credential("the job's credential is not text"))?;
        let authorization = Zeroizing::new(format!("Bearer {bearer}"));
        self.in_time(&url, async {
            let request = self.client(&url, trust)?.get(url.url().clone());
            let request = request.header(AUTHORIZATION, sensitive(&authorization)?);
            let answer = self.answer(&url, request, About::Issuer, &[&of.token]).await?;
            let status = answer.status.as_u16();
            if !answer.status.is_success() {
                let known = Known { secrets: &[&of.token], urls: &[] };
                return Err(super::wire::failed(answer.unsuccessful(), known));
            }
            let why = "it has no value";
            let document: Document =
                super::wire::object(&answer.body).ok_or(IssuerError::Malformed { status: Some(status), why })?;
            Ok(Secret::from(document.value.as_str()))
        })
        .await
    }
}

fn place(url: &str, audience: &str, host: Option<&str>) -> Option<Endpoint> {
    let url = Endpoint::parse(url).ok()?;
    let there = url.url().host_str()?;
    let allowed = match host {
        Some(host) => there == host,
        None => there.ends_with(GITHUB),
    };
    let mut asked: Url = url.url().clone();
    asked.query_pairs_mut().append_pair("audience", audience);
    if allowed { Endpoint::parse(asked.as_str()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_credential_goes_to_github_or_the_host_of_the_profile_alone() {
        let at = |url: &str, host| place(url, "api://x y", host).map(|place| place.as_str().to_owned());
        assert_eq!(
            at("https://pipelines.actions.githubusercontent.com/t?api=1", None).as_deref(),
            Some("https://pipelines.actions.githubusercontent.com/t?api=1&audience=api%3A%2F%2Fx+y")
        );
        for url in [
            "https://evil.example/t",
            "https://actions.githubusercontent.com.evil.example/t",
            "https://evilactions.githubusercontent.com/t",
            "http://pipelines.actions.githubusercontent.com/t",
            "https://pipelines.actions.githubusercontent.com@evil.example/",
        ] {
            assert_eq!(at(url, None), None, "{url}");
        }
        assert!(at("https://ghes.example/t", Some("ghes.example")).is_some());
        assert!(at("https://pipelines.actions.githubusercontent.com/t", Some("ghes.example")).is_none());
    }
}
