//! Whether a token still opens what it was obtained for: a ladder of checks and its verdict.
//!
//! Nothing is fetched and no token is looked into: to its client a token is opaque (RFC 9068 s. 6).

use std::time::Duration;

use crate::error::Error;
use crate::keeper::Keeper;
use crate::oauth::{Introspected, Probed};
use crate::profile::{Endpoint, TokenBinding};
use crate::system::runtime;
use crate::system::secret::Secret;
use crate::token::{AccessToken, Freshness, LifetimeFrom, Validity};

/// Which checks may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// All that are configured.
    Everything,
    /// Those that need no network.
    Local,
}

/// What came of all checks together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// A check that can decide it reports that the token is good, and none reports that it is not.
    Valid,
    /// A check reports that it is not.
    NotValid,
    /// It could not be found out.
    Indeterminate,
}

impl Verdict {
    /// Returns the name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::NotValid => "not_valid",
            Verdict::Indeterminate => "indeterminate",
        }
    }
}

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The token is good.
    Pass,
    /// It is not.
    Fail,
    /// The check could not decide.
    Unknown,
    /// The check was not made.
    Skipped,
}

impl Outcome {
    /// Returns the name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Unknown => "unknown",
            Outcome::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// `local`, `introspection`, `probe` or `signature`.
    pub name: &'static str,
    /// What came of it.
    pub result: Outcome,
    /// Why, in some words.
    pub detail: String,
}

/// All checks of one token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What came of them together.
    pub verdict: Verdict,
    /// The checks in the order in which they were made.
    pub checks: Vec<Check>,
    /// When the token was requested and how long it lives, if that is known.
    pub validity: Option<Validity>,
    /// How long it still lives, if that is known.
    pub left: Option<Duration>,
}

/// Does what [`Keeper::validate`] promises.
pub(super) async fn validate(keeper: &Keeper, given: Option<Secret>, reach: Reach) -> Result<Report, Error> {
    match reach {
        Reach::Local => checked(keeper, given, reach).await,
        Reach::Everything => runtime::run(checked(keeper, given, reach)).await.map_err(Error::no_runtime)?,
    }
}

async fn checked(keeper: &Keeper, given: Option<Secret>, reach: Reach) -> Result<Report, Error> {
    let kept = keeper.kept()?;
    let subject = match given {
        None => kept.clone().map(Subject::Kept),
        Some(value) => match kept.clone().filter(|kept| value.holds(kept.expose().as_bytes())) {
            Some(kept) => Some(Subject::Kept(kept)),
            None => Some(Subject::Foreign(foreign(value, keeper)?)),
        },
    };
    let now = keeper.parts().clock.now();
    let unseen = subject.is_none() && keeper.is_unseen();
    let mut checks = vec![match unseen {
        true => check("local", Outcome::Unknown, "the cache cannot be opened"),
        false => local(subject.as_ref(), |validity| validity.at(&now)),
    }];
    let profile = keeper.profile();
    let mut remote = 0;
    if let Some(url) = &profile.introspection_url {
        remote += 1;
        checks.push(match &subject {
            _ if reach == Reach::Local => check("introspection", Outcome::Skipped, "offline"),
            None => check("introspection", Outcome::Skipped, "there is no token to ask about"),
            Some(subject) => introspection(keeper, url, subject).await?,
        });
    }
    if let Some(url) = &profile.probe_url {
        remote += 1;
        checks.push(match &subject {
            _ if reach == Reach::Local => check("probe", Outcome::Skipped, "offline"),
            None => check("probe", Outcome::Skipped, "there is no token to show"),
            Some(subject) => probe(keeper, url, subject).await?,
        });
    }
    let verdict = verdict(&checks, if reach == Reach::Local { 0 } else { remote });
    let validity = match &subject {
        Some(Subject::Kept(token)) => Some(*token.validity()),
        Some(Subject::Foreign(_)) | None => None,
    };
    let left = validity.and_then(|validity| match validity.at(&now) {
        Freshness::Fresh(left) => Some(left),
        Freshness::Stale | Freshness::Unknown => None,
    });
    Ok(Report { verdict, checks, validity, left })
}

/// The token that is checked.
enum Subject {
    /// The cached one: its lifetime is known.
    Kept(AccessToken),
    /// Another one: only a remote check can decide.
    Foreign(AccessToken),
}

impl Subject {
    fn token(&self) -> &AccessToken {
        match self {
            Subject::Kept(token) | Subject::Foreign(token) => token,
        }
    }
}

fn foreign(value: Secret, keeper: &Keeper) -> Result<AccessToken, Error> {
    let unknown =
        Validity { sent: keeper.parts().clock.now(), lifetime: Duration::ZERO, lifetime_from: LifetimeFrom::Assumed };
    AccessToken::new(value, "Bearer", None, unknown).ok_or_else(|| {
        Error::new(crate::error::Code::Usage, "the given token is empty or holds more than visible ASCII")
    })
}

fn local(subject: Option<&Subject>, at: impl Fn(&Validity) -> Freshness) -> Check {
    match subject {
        None => check("local", Outcome::Fail, "no token is cached"),
        Some(Subject::Foreign(_)) => check("local", Outcome::Skipped, "the given token is not the cached one"),
        Some(Subject::Kept(token)) => match at(token.validity()) {
            Freshness::Fresh(left) => {
                check("local", Outcome::Pass, &format!("valid for {}", crate::encoding::duration::show(left)))
            }
            Freshness::Stale => check("local", Outcome::Fail, "its lifetime is over"),
            Freshness::Unknown => check("local", Outcome::Unknown, "the clock stands before its issue"),
        },
    }
}

async fn introspection(keeper: &Keeper, url: &Endpoint, subject: &Subject) -> Result<Check, Error> {
    let name = "introspection";
    let Some(proof) = keeper.bound().await? else {
        return Ok(check(name, Outcome::Unknown, "the credential was set again meanwhile"));
    };
    let profile = keeper.profile();
    let client = proof.client(&profile);
    let asked = keeper.parts().transport.introspect(url, &client, subject.token(), &proof.trust()).await;
    Ok(match asked {
        Ok(Introspected::Active) => check(name, Outcome::Pass, "active"),
        Ok(Introspected::Inactive) => match subject {
            Subject::Kept(token) => {
                keeper.reject(token)?;
                keeper.withdraw(token).await;
                check(name, Outcome::Fail, "not active; the cached record was dropped")
            }
            Subject::Foreign(token) => {
                // It may be what a fleet hands out.
                keeper.withdraw(token).await;
                check(name, Outcome::Fail, "not active")
            }
        },
        Ok(Introspected::Unclear) => check(name, Outcome::Unknown, "the answer does not say whether it is active"),
        Err(error) => check(name, Outcome::Unknown, &error.to_string()),
    })
}

async fn probe(keeper: &Keeper, url: &Endpoint, subject: &Subject) -> Result<Check, Error> {
    if matches!(subject, Subject::Foreign(_)) && keeper.profile().token_binding == TokenBinding::Dpop {
        return Ok(check("probe", Outcome::Unknown, "a DPoP token cannot be shown without its key"));
    }
    // The binding that lies sealed beside the secret names the probe too: an edited profile must
    // not lead the token elsewhere.
    let Some(proof) = keeper.bound().await? else {
        return Ok(check("probe", Outcome::Unknown, "the credential was set again meanwhile"));
    };
    match keeper.parts().transport.probe(url, subject.token(), &proof.trust()).await {
        Ok(Probed::Accepted(status)) => Ok(check("probe", Outcome::Pass, &format!("HTTP {status}"))),
        Ok(Probed::Rejected) => Ok(match subject {
            Subject::Kept(token) => {
                keeper.reject(token)?;
                keeper.withdraw(token).await;
                check("probe", Outcome::Fail, "HTTP 401; the cached record was dropped")
            }
            Subject::Foreign(token) => {
                keeper.withdraw(token).await;
                check("probe", Outcome::Fail, "HTTP 401")
            }
        }),
        Ok(Probed::Unclear(status)) => {
            Ok(check("probe", Outcome::Unknown, &format!("HTTP {status} says nothing about the token")))
        }
        Err(error) => Ok(check("probe", Outcome::Unknown, &error.to_string())),
    }
}

fn check(name: &'static str, result: Outcome, detail: &str) -> Check {
    Check { name, result, detail: detail.to_owned() }
}

/// Any fail: not valid. A remote pass, or a local one if no remote check could have been made: valid. Otherwise:
/// indeterminate.
fn verdict(checks: &[Check], remote: usize) -> Verdict {
    let passed = |local: bool| checks.iter().any(|c| (c.name == "local") == local && c.result == Outcome::Pass);
    if checks.iter().any(|check| check.result == Outcome::Fail) {
        Verdict::NotValid
    } else if passed(false) || (remote == 0 && passed(true)) {
        Verdict::Valid
    } else {
        Verdict::Indeterminate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_never_valid_when_it_could_not_be_found_out() {
        use Outcome::{Fail, Pass, Skipped, Unknown};
        for (local, probe, remote, wanted) in [
            (Pass, Pass, 1, Verdict::Valid),
            (Unknown, Pass, 1, Verdict::Valid),
            (Skipped, Pass, 1, Verdict::Valid),
            (Pass, Fail, 1, Verdict::NotValid),
            (Fail, Pass, 1, Verdict::NotValid),
            (Fail, Skipped, 1, Verdict::NotValid),
            (Pass, Unknown, 1, Verdict::Indeterminate),
            (Pass, Skipped, 1, Verdict::Indeterminate),
            (Unknown, Unknown, 1, Verdict::Indeterminate),
            (Skipped, Skipped, 0, Verdict::Indeterminate),
            (Unknown, Skipped, 0, Verdict::Indeterminate),
            (Pass, Skipped, 0, Verdict::Valid),
        ] {
            let checks = [check("local", local, ""), check("probe", probe, "")];
            assert_eq!(verdict(&checks, remote), wanted, "{local:?} {probe:?} {remote}");
        }
    }
}
