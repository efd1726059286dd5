//! What a provider's preset leaves open: the fields of its URLs, and the parts of a request that it needs.

use super::{Over, Wish};
use crate::error::{Code, Error, Remedy};
use crate::manage::operator::{Operator, Question};
use crate::profile::preset::{self, Preset};
use crate::profile::{ProfileFile, Request};

/// Lists the providers that are known and not refused.
pub(crate) fn provider_names() -> Vec<&'static str> {
    preset::names()
        .into_iter()
        .filter(|name| preset::find(name).is_some_and(|preset| preset.refuses.is_none()))
        .collect()
}

/// Fills in a preset's gaps: with the values that were given, from the present profile, or by a question.
pub(crate) fn fill(
    preset: &Preset,
    mut values: Vec<(String, String)>,
    wish: &mut Wish<'_>,
    present: Option<&ProfileFile>,
    operator: &dyn Operator,
) -> Result<(), Error> {
    let same = present.filter(|present| present.provider.as_deref() == Some(&preset.name));
    let kept = same.filter(|_| wish.over == Over::Present);
    if values.is_empty() && kept.is_some() {
        // Its gaps were filled in when it was set.
        return Ok(());
    }
    for (name, what) in &preset.fields {
        if values.iter().all(|(given, _)| given != name) {
            let beforehand = Remedy::GiveField { name: name.clone(), what: Some(what.clone()) };
            let value = operator.answer(Question { what: format!("{name} ({what})"), beforehand })?;
            values.push((name.clone(), value));
        }
    }
    if preset.fields.is_empty() && preset.token_url().is_some() {
        return Ok(());
    }
    let filled = preset.fill(&values).map_err(|error| {
        let (name, what) = (error.field().to_owned(), preset.field(error.field()).map(str::to_owned));
        Error::new(Code::Usage, format!("{error}; nothing was changed")).with_remedy(Remedy::GiveField { name, what })
    })?;
    let file = &mut wish.given;
    file.token_url = filled.token_url;
    file.introspection_url = file.introspection_url.take().or(filled.introspection_url);
    file.revocation_url = file.revocation_url.take().or(filled.revocation_url);
    file.jwks_url = file.jwks_url.take().or(filled.jwks_url);
    file.issuer = file.issuer.take().or(filled.issuer);
    // A method that was not given stays: another method could send what was set as a key.
    let kept = kept.and_then(|file| file.auth.or(file.binding.as_ref().map(|binding| binding.auth)));
    file.auth = file.auth.or(kept).or(preset.auth);
    wish.params = filled.params;
    Ok(())
}

/// Asks for the parts of the request without which a provider issues no token.
pub(super) fn needed(preset: &Preset, mut request: Request, operator: &dyn Operator) -> Result<Request, Error> {
    for (name, why) in &preset.needs {
        let there = match name.as_str() {
            "scope" => request.scopes().len() > 0,
            "audience" => request.audience().is_some(),
            _ => true,
        };
        if there {
            continue;
        }
        let beforehand = Remedy::GiveRequestPart { name: name.clone(), why: why.clone() };
        let value = operator.answer(Question { what: format!("{name} ({why})"), beforehand })?;
        request = match name.as_str() {
            "scope" => request.with_scopes([value.as_str()])?,
            _ => request.with_audience(&value)?,
        };
    }
    Ok(request)
}
