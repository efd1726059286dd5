//! The endpoints of an issuer that is named without any: requested once, shown, and pinned.

mod environment;
mod pinned;

pub(crate) use environment::{Lookup, OfEnvironment, of_environment};
use pinned::Pinned;

use super::credential::{Wish, allowed_by};
use super::operator::{Notice, Operator};
use crate::error::{Code, Error, Remedy};
use crate::keeper::read_ca_file_at;
use crate::oauth::{IssuerError, Metadata, Roots};
use crate::open::Home;
use crate::profile::{AuthMethod, PlainHosts, ProfileFile};

/// How the name of an issuer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As it is.
    Given,
    /// Cut out of the URL of its metadata, which does not show whether it ends with a slash.
    OfMetadata,
}

/// What an issuer says about itself.
pub(crate) struct Found {
    issuer: String,
    spelling: Spelling,
    metadata: Metadata,
}

/// Returns the private hosts that plain http may go to.
pub(crate) fn allowed(wish: &Wish<'_>, present: Option<&ProfileFile>) -> PlainHosts {
    wish.given.allow_http.clone().or_else(|| wish.base(present).and_then(allowed_by)).unwrap_or_default()
}

/// Requests the endpoints of an issuer.
pub(crate) async fn look_up(
    home: &Home,
    wish: &Wish<'_>,
    present: Option<&ProfileFile>,
    issuer: &str,
    spelling: Spelling,
) -> Result<Found, Error> {
    let allowed = allowed(wish, present);
    let method = method(wish, present);
    let of_base = || wish.base(present).and_then(|present| present.ca_file.as_deref());
    let ca = read_ca_file_at(wish.given.ca_file.as_deref().or_else(of_base), &wish.name)?;
    let roots = ca.as_deref().map_or(Roots::System, Roots::Only).into();
    let transport = home.transport();
    let with_slash = format!("{issuer}/");
    let found = match transport.discover(issuer, method, &roots, &allowed).await {
        Err(IssuerError::IssuerDiffers { found, .. }) if spelling == Spelling::OfMetadata && found == with_slash => {
            transport.discover(&found, method, &roots, &allowed).await.map(|metadata| (found, metadata))
        }
        found => found.map(|metadata| (issuer.to_owned(), metadata)),
    };
    let (issuer, metadata) = found.map_err(|error| unfound(error).for_profile(&wish.name))?;
    Ok(Found { issuer, spelling, metadata })
}

/// Takes what was found into a profile, unless the issuer named another place when the profile was set.
pub(crate) fn pin(
    wish: &mut Wish<'_>,
    present: Option<&ProfileFile>,
    found: Found,
    operator: &dyn Operator,
) -> Result<(), Error> {
    let Found { issuer, spelling, metadata } = found;
    if spelling == Spelling::OfMetadata {
        operator.learn(Notice::IssuerFound(&issuer));
    }
    let pinned = wish.base(present).and_then(|present| Pinned::of(present, &issuer));
    let method = method(wish, present);
    let file = &mut wish.given;
    file.issuer = Some(issuer);
    if let Some(moved) = pinned.as_ref().and_then(|pinned| pinned.differs_in(file, &metadata)) {
        let message = format!("the issuer names another {moved} than the one that was pinned; nothing was sent there");
        return Err(Error::new(Code::BindingMismatch, message)
            .with_remedy(Remedy::AskWhetherIssuerMoved)
            .for_profile(&wish.name));
    }
    if method.is_none() {
        file.auth = supported(&metadata);
    }
    file.token_url = Some(metadata.token_url);
    if pinned.is_none() {
        file.introspection_url = file.introspection_url.take().or(metadata.introspection_url);
        file.revocation_url = file.revocation_url.take().or(metadata.revocation_url);
        file.jwks_url = file.jwks_url.take().or(metadata.jwks_url);
    }
    let found = [
        ("token endpoint", &file.token_url),
        ("introspection", &file.introspection_url),
        ("revocation", &file.revocation_url),
        ("keys", &file.jwks_url),
    ];
    for (what, url) in found {
        if let Some(url) = url {
            operator.learn(Notice::EndpointFound(what, url));
        }
    }
    Ok(())
}

/// Returns the method of client authentication, if it is known before the issuer is asked.
fn method(wish: &Wish<'_>, present: Option<&ProfileFile>) -> Option<AuthMethod> {
    let bound = |present: &ProfileFile| present.auth.or(present.binding.as_ref().map(|binding| binding.auth));
    wish.given.auth.or_else(|| wish.base(present).and_then(bound))
}

/// The hints of a token request name the token endpoint, which is not known yet.
fn unfound(error: IssuerError) -> Error {
    let is_of_proxy = matches!(error, IssuerError::Proxy { .. });
    let error = Error::from(error);
    match error.code() {
        _ if is_of_proxy => error,
        Code::Dns | Code::Connect | Code::RedirectRefused | Code::ResponseMalformed | Code::ResponseTooLarge => {
            error.with_remedy(Remedy::CheckIssuer)
        }
        _ => error,
    }
}

/// Takes the other form of a client secret if the issuer's metadata lists no Basic. A user chooses everything else: a
/// key is no secret.
fn supported(metadata: &Metadata) -> Option<AuthMethod> {
    let methods = metadata.auth_methods.as_ref()?;
    let has = |method: AuthMethod| methods.iter().any(|name| name == method.name());
    let is_post_only = has(AuthMethod::ClientSecretPost) && !has(AuthMethod::ClientSecretBasic);
    is_post_only.then_some(AuthMethod::ClientSecretPost)
}
