//! The request flags: what was typed takes the place of what the profile has.

use url::Url;

use super::ui::Ui;
use crate::error::{Code, Error};
use crate::profile::Request;
use crate::usage::args::RequestArgs;

const RESOURCE: &str = "resource";

/// Returns the profile's request with what was typed in its place; `None` if nothing was typed.
pub(crate) fn typed(args: &RequestArgs, profile: &Request) -> Result<Option<Request>, Error> {
    if args.is_empty() {
        return Ok(None);
    }
    let RequestArgs { scope, audience, resource, param } = args;
    let mut request = profile.clone();
    if !scope.is_empty() {
        request = request.with_scopes(scope.iter().map(String::as_str))?;
    }
    if let Some(audience) = audience {
        request = request.with_audience(audience)?;
    }
    let pairs = param.iter().map(|param| param.split_once('='));
    let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
    let pairs = pairs.ok_or_else(|| Error::new(Code::Usage, "--param takes K=V"))?;
    // The documents of issuers call it a parameter.
    let (named, params): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| *name == RESOURCE);
    let resources: Vec<&str> =
        resource.iter().map(String::as_str).chain(named.iter().map(|(_, value)| *value)).collect();
    if !resources.is_empty() {
        request = request.with_resources(resources)?;
    }
    if !params.is_empty() {
        request = request.with_params(params)?;
    }
    Ok(Some(request))
}

/// Warns of a resource that the standard does not have. The value is not shown: text typed into the wrong place can be
/// a secret.
pub(crate) fn warn_of_resources(args: &RequestArgs, ui: &Ui) {
    let named = args.param.iter().filter_map(|param| param.strip_prefix(RESOURCE)?.strip_prefix('='));
    if args.resource.iter().map(String::as_str).chain(named).any(|resource| Url::parse(resource).is_err()) {
        ui.warn_with("resource_not_uri", "a resource is no absolute URI, as RFC 8707 has it; it is sent as it is");
    }
}
