//! The request flags: what was typed over what the profile says.

use super::args::RequestArgs;
use crate::error::{Code, Error};
use crate::profile::Request;

/// Returns the profile's request with what was typed in its place; `None` where nothing was typed.
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
    if !resource.is_empty() {
        request = request.with_resources(resource.iter().map(String::as_str))?;
    }
    if !param.is_empty() {
        let pairs = param.iter().map(|param| param.split_once('='));
        let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
        let pairs = pairs.ok_or_else(|| Error::new(Code::Usage, "--param takes K=V"))?;
        request = request.with_params(pairs)?;
    }
    Ok(Some(request))
}
