//! What a failure of this part means to the caller: code, message, remedy.

use url::Url;

use super::{CaFault, IssuerError, Meaning, ProxyFault};
use crate::error::{Code, Error, Remedy, chain};
use crate::profile::{Endpoint, EndpointError};

/// Returns the code of a failure of an issuer, or of the way to it.
pub(crate) fn issuer_code(error: &IssuerError) -> Code {
    match error {
        IssuerError::Dns { .. } | IssuerError::Proxy { fault: ProxyFault::Name, .. } => Code::Dns,
        IssuerError::Connect { .. } | IssuerError::Proxy { .. } => Code::Connect,
        IssuerError::ProxySetting { .. }
        | IssuerError::CertificateVariable { .. }
        | IssuerError::CaContent { .. }
        | IssuerError::CaFile(_) => Code::ConfigInvalid,
        IssuerError::Tls { .. } | IssuerError::OwnCertificate { .. } | IssuerError::Roots { .. } => Code::Tls,
        IssuerError::PublicAddress { .. } => Code::InsecureEndpoint,
        IssuerError::Timeout { .. } => Code::Timeout,
        IssuerError::Reset { .. } => Code::ConnectionReset,
        IssuerError::Redirect { .. } => Code::RedirectRefused,
        IssuerError::Refused { meaning: Meaning::Client, .. } => Code::InvalidClient,
        IssuerError::Refused { meaning: Meaning::Access | Meaning::Before, .. } => Code::AccessDenied,
        IssuerError::Refused { error, .. } => refused(error.as_deref()),
        IssuerError::RateLimited { .. } => Code::RateLimited,
        IssuerError::Server { .. } => Code::ServerError,
        IssuerError::Malformed { .. }
        | IssuerError::NoAnswer { .. }
        | IssuerError::Encoded { .. }
        | IssuerError::TokenType { .. } => Code::ResponseMalformed,
        IssuerError::TooLarge { .. } => Code::ResponseTooLarge,
        IssuerError::Token => Code::TokenMalformed,
        IssuerError::Credential(_) => Code::CredentialMissing,
        IssuerError::Downgrade => Code::DowngradeRefused,
        IssuerError::IssuerDiffers { .. } => Code::IssuerMismatch,
    }
}

impl From<IssuerError> for Error {
    fn from(error: IssuerError) -> Error {
        let code = issuer_code(&error);
        let mut made = Error::new(code, chain(&error)).with_remedy(match code {
            Code::InvalidClient => Remedy::SetRightClient,
            Code::RedirectRefused | Code::ResponseMalformed | Code::ResponseTooLarge | Code::TokenMalformed => {
                Remedy::CheckTokenUrl
            }
            Code::Tls => Remedy::GiveCertificates,
            Code::InsecureEndpoint => Remedy::GiveIssuerUrl,
            Code::Dns | Code::Connect => Remedy::CheckNetwork,
            Code::UnauthorizedClient | Code::AccessDenied | Code::InvalidGrant | Code::UnsupportedGrantType => {
                Remedy::AllowGrant
            }
            Code::InvalidScope => Remedy::CheckScope,
            Code::InvalidTarget => Remedy::CheckTarget,
            Code::InvalidRequest | Code::IssuerError => Remedy::CompareProfile,
            Code::CredentialMissing => Remedy::SetRightKey,
            Code::DowngradeRefused => Remedy::LeaveDpopOut,
            _ => Remedy::TryLater,
        });
        made.http_status = error.status();
        made.is_final = error.is_final();
        match &error {
            IssuerError::IssuerDiffers { asked, found } => made = made.with_remedy(right_issuer(asked, found)),
            IssuerError::OwnCertificate { .. } => made = made.with_remedy(Remedy::MakeServerCertificate),
            IssuerError::CertificateVariable { variable, .. } => {
                made = made.with_remedy(Remedy::UnsetCertificates(variable));
            }
            IssuerError::CaContent { path, fault } => {
                made = made.with_remedy(match fault {
                    CaFault::Der | CaFault::Trusted(_) => Remedy::ConvertToPem(path.clone()),
                    _ => Remedy::RestoreCaFile,
                });
            }
            IssuerError::CaFile(_) => made = made.with_remedy(Remedy::RestoreCaFile),
            IssuerError::ProxySetting { variable, .. } => {
                made = made.with_remedy(Remedy::UnsetProxy(variable));
            }
            IssuerError::Proxy { variable, fault, .. } => {
                made = made.with_remedy(match fault {
                    ProxyFault::NoPassword | ProxyFault::Password => Remedy::GiveProxyPassword(variable),
                    fault if fault.is_final() => Remedy::AllowThroughProxy,
                    _ => Remedy::CheckProxy(variable),
                });
            }
            IssuerError::Refused { meaning: Meaning::Before, .. } => made = made.with_remedy(Remedy::CheckWayToIssuer),
            IssuerError::Refused { error, clock, .. } => {
                made.oauth_error = error.clone();
                let is_of_proof =
                    matches!(code, Code::InvalidClient | Code::InvalidGrant | Code::InvalidRequest | Code::IssuerError);
                if let Some(seconds) = clock.filter(|_| is_of_proof) {
                    made = made.with_remedy(Remedy::SetClockLikeIssuer { seconds });
                }
            }
            IssuerError::NoAnswer { error, .. } => made.oauth_error = error.clone(),
            IssuerError::TokenType { may_be_bearer: true, .. } => made = made.with_remedy(Remedy::TakeTypeAsBearer),
            IssuerError::RateLimited { retry_after, .. } | IssuerError::Server { retry_after, .. } => {
                made.retry_after = *retry_after;
            }
            _ => {}
        }
        made.caused_by(error)
    }
}

/// Advises to take the issuer that the metadata names, if it is the same server: another one could be a trap.
fn right_issuer(asked: &str, found: &str) -> Remedy {
    let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let port = |url: &str| Url::parse(url).ok().and_then(|url| url.port_or_known_default());
    let is_same_host = host(found).is_some() && host(found) == host(asked);
    // Another port may be another server's.
    let is_same_server = is_same_host && port(found) == port(asked);
    let is_plain_text = found.bytes().all(|byte| byte.is_ascii_graphic());
    // An https server is not the plain http server that the metadata names: a proxy stands before it.
    let is_downgrade = asked.starts_with("https:") && found.starts_with("http:");
    match Endpoint::parse(found) {
        Ok(_) if is_same_host && is_downgrade => Remedy::MendIssuerName,
        Ok(_) if is_same_server && is_plain_text => Remedy::TakeIssuer(found.to_owned()),
        // Plain http was allowed for it, or the two would not have met.
        Err(EndpointError::Insecure) if is_same_server && is_plain_text && asked.starts_with("http://") => {
            Remedy::TakeIssuer(found.to_owned())
        }
        Err(EndpointError::Insecure) if is_same_host => Remedy::MendIssuerName,
        _ => Remedy::GiveExactIssuer,
    }
}

fn refused(error: Option<&str>) -> Code {
    match error.and_then(Code::parse) {
        Some(
            code @ (Code::InvalidClient
            | Code::UnauthorizedClient
            | Code::AccessDenied
            | Code::InvalidScope
            | Code::InvalidTarget
            | Code::InvalidRequest
            | Code::InvalidGrant
            | Code::UnsupportedGrantType),
        ) => code,
        _ => Code::IssuerError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_of_the_metadata_is_advised_only_if_it_is_the_same_server() {
        let asked = "https://id.example.com";
        for found in ["https://id.example.com/", "https://id.example.com:443", "https://ID.example.com/realms/a"] {
            assert_eq!(right_issuer(asked, found), Remedy::TakeIssuer(found.to_owned()), "{found}");
        }
        assert_eq!(right_issuer(asked, "http://id.example.com/"), Remedy::MendIssuerName);
        assert_eq!(right_issuer("https://localhost:8443", "http://localhost:8443"), Remedy::MendIssuerName);
        let plain = "http://keycloak:8080/".to_owned();
        assert_eq!(right_issuer("http://keycloak:8080", &plain), Remedy::TakeIssuer(plain));
        for found in [
            "https://evil.example/",
            "http://evil.example/",
            "https://id.example.com:8443",
            "https://id.example.com/{tenantid}/",
            "",
            "x",
            "https://id.example.com/\u{202e}",
        ] {
            assert_eq!(right_issuer(asked, found), Remedy::GiveExactIssuer, "{found}");
        }
    }
}
