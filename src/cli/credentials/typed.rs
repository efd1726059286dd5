//! The flags of `credentials set`: what was typed becomes the parts of a profile.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Remedy};
use crate::manage::credential::allowed_by;
use crate::manage::urls::{LeadsTo, endpoint, issuer, plain_hosts};
use crate::profile::{HeaderSource, Headers, HostEntry, HostPattern, Hosts, ProfileFile, Reference};
use crate::system::files::absolute;
use crate::usage::args::Set;

/// Reads what was typed of a profile; `base` is the present profile, if what is not typed stays.
pub(super) fn profile(set: &Set, base: Option<&ProfileFile>) -> Result<ProfileFile, Error> {
    if set.client_id.as_deref() == Some("") {
        return Err(Error::new(Code::Usage, "--client-id must not be empty"));
    }
    // RFC 6749, A.1.
    if set.client_id.as_deref().is_some_and(|id| id.contains(char::is_control)) {
        return Err(Error::new(
            Code::Usage,
            "--client-id holds a line end or another control character; nothing was changed",
        ));
    }
    let allow_http = plain_hosts("--allow-http", &set.allow_http)?;
    let allowed = allow_http.clone().or_else(|| base.and_then(allowed_by)).unwrap_or_default();
    let url = |flag, text: &Option<String>, leads_to| endpoint(flag, text.as_deref(), leads_to, &allowed);
    Ok(ProfileFile {
        provider: set.provider.clone(),
        client_id: set.client_id.clone(),
        token_url: url("--token-url", &set.token_url, LeadsTo::Issuer)?,
        issuer: issuer("--issuer", set.issuer.as_deref())?,
        allow_http,
        headers: headers(&set.header, base)?,
        auth: set.auth,
        basic_encoding: set.basic_encoding,
        assertion_audience: set.assertion_audience,
        assertion_typ: set.assertion_typ,
        assertion_algorithm: set.assertion_algorithm,
        assertion_key_id: set.assertion_key_id.clone(),
        certificate_file: set.certificate_file.as_deref().map(written).transpose()?,
        dpop: set.dpop,
        token_type: set.token_type,
        ca_file: set.ca_file.as_deref().map(written).transpose()?,
        probe_url: url("--probe-url", &set.probe_url, LeadsTo::Resource)?,
        introspection_url: url("--introspection-url", &set.introspection_url, LeadsTo::Issuer)?,
        revocation_url: url("--revocation-url", &set.revocation_url, LeadsTo::Issuer)?,
        jwks_url: url("--jwks-url", &set.jwks_url, LeadsTo::Issuer)?,
        hosts: hosts(&set.host)?,
        secret: set.secret_at_fetch.as_deref().map(reference).transpose()?,
        fleet_epoch: fleet_epoch(set)?,
        ..ProfileFile::default()
    })
}

/// Reads headers, each with the place of its value; a name without one has its plain value in the file.
fn headers(typed: &[String], present: Option<&ProfileFile>) -> Result<Option<Headers>, Error> {
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong =
        |why: &str, remedy| Error::new(Code::Usage, format!("--header {why}; nothing was changed")).with_remedy(remedy);
    let source = |typed: &str| {
        let Some((name, place)) = typed.split_once('=') else {
            let present = present.and_then(|file| file.headers.as_ref()?.get(typed));
            let none = || wrong("names a header whose value does not stand in the profile", Remedy::ReferToHeader);
            return present.cloned().map(|source| (typed.to_owned(), source)).ok_or_else(none);
        };
        let source = match place.split_once(':') {
            Some(("file", path)) if !path.is_empty() => HeaderSource::File(written(Path::new(path))?),
            Some(("env", variable)) if !variable.is_empty() && !variable.contains('\0') => {
                HeaderSource::Env(variable.to_owned())
            }
            _ => return Err(wrong("takes the place of a value, never the value", Remedy::ReferToHeader)),
        };
        Ok((name.to_owned(), source))
    };
    let all: Vec<(String, HeaderSource)> = typed.iter().map(|typed| source(typed)).collect::<Result<_, Error>>()?;
    let headers = Headers::new(all.iter().map(|(name, source)| (name.as_str(), source.clone())));
    headers.map(Some).map_err(|why| wrong(&why.to_string(), Remedy::ReadCommandHelp("credentials set".to_owned())))
}

/// Reads the hosts that helpers may hand the token to.
fn hosts(typed: &[String]) -> Result<Option<Hosts>, Error> {
    if typed.is_empty() {
        return Ok(None);
    }
    let usage = |why: &str| Error::new(Code::Usage, format!("--host {why}; nothing was changed"));
    let entry =
        |typed: &String| HostPattern::parse(typed).map(HostEntry::bearer).map_err(|why| usage(&why.to_string()));
    let entries = typed.iter().map(entry).collect::<Result<_, Error>>()?;
    Hosts::new(entries).map(Some).map_err(usage)
}

fn fleet_epoch(set: &Set) -> Result<Option<String>, Error> {
    match &set.fleet_epoch {
        Some(text) if text.is_empty() || text.len() > 256 => {
            Err(Error::new(Code::Usage, "--fleet-epoch takes 1 to 256 bytes"))
        }
        epoch => Ok(epoch.clone()),
    }
}

/// Makes a path absolute, for a profile: there it is text.
fn written(path: &Path) -> Result<PathBuf, Error> {
    let path = absolute(path)?;
    if path.to_str().is_none() {
        return Err(Error::new(Code::Usage, "a path in a profile must be UTF-8 text"));
    }
    Ok(path)
}

fn reference(text: &str) -> Result<Reference, Error> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Reference::File(written(Path::new(path))?)),
        Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Reference::Env(name.to_owned())),
        Some(("command", words)) => {
            let words = serde_json::from_str(words).map_err(|_| {
                Error::new(
                    Code::Usage,
                    "--secret-at-fetch command: takes a JSON array of texts: [\"/usr/bin/pass\", \"show\", \"x\"]",
                )
            })?;
            Reference::command(words)
                .map_err(|why| Error::new(Code::Usage, format!("--secret-at-fetch command: {why}")))
        }
        Some(("github-actions", audience)) if !audience.is_empty() => {
            Ok(Reference::GithubActions { audience: audience.to_owned(), host: None })
        }
        _ => Err(Error::new(
            Code::Usage,
            "--secret-at-fetch takes file:PATH, env:NAME, command:JSON-ARRAY or github-actions:AUDIENCE",
        )),
    }
}
