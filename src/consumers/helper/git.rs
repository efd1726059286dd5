//! git: `git credential-tokenkeep get|store|erase` (gitcredentials(7), git-credential(1)).
//!
//! git 2.46 and later say that they can send a bearer token; earlier ones get it as a password. What is not for us is
//! answered with nothing, so that git asks its next helper, or the user.

use std::fmt::Write as _;

use super::{Call, Granted, Reply, Stop, malformed};
use crate::error::Error;
use crate::profile::{AuthScheme, Target};
use crate::system::secret::Secret;

/// What git says of the credential that it wants or refuses.
#[derive(Debug, Default)]
struct Description {
    protocol: Option<String>,
    host: Option<String>,
    path: Option<String>,
    /// The token that was sent: as a credential, or as a password.
    credential: Option<Secret>,
    password: Option<Secret>,
    has_authtype: bool,
}

/// Answers one call.
pub(super) fn answer(call: &mut Call<'_>) -> Result<Reply, Stop> {
    let verb = call.words.first().map(String::as_str).unwrap_or_default().to_owned();
    match verb.as_str() {
        "get" => {
            let asked = description(call)?;
            let Some(target) = asked.target() else { return Ok(Reply::silent()) };
            let granted = call.token_for(&target)?;
            Ok(granted.map_or_else(Reply::silent, |granted| credential(&granted, asked.has_authtype)))
        }
        "erase" => {
            let refused = description(call)?;
            if let (Some(target), Some(token)) =
                (refused.target(), refused.credential.as_ref().or(refused.password.as_ref()))
            {
                call.reject(&target, token)?;
            }
            Ok(Reply::silent())
        }
        "store" => description(call).map(|_| Reply::silent()).map_err(Stop::from),
        "capability" => Ok(Reply::answer("version 0\ncapability authtype\n")),
        // An operation of a later git: helpers ignore what they do not know.
        _ => Ok(Reply::silent()),
    }
}

/// Ends the search: no other helper and no prompt would find a token of this host.
pub(super) fn failure(error: &Error) -> Reply {
    Reply { stdout: "quit=1\n".to_owned().into(), exit: 0, ..Reply::on_stderr(error) }
}

fn credential(granted: &Granted, has_authtype: bool) -> Reply {
    let handed = granted.handed();
    let token = handed.token().expose();
    let mut text = String::with_capacity(token.len() + 160);
    let end = handed.reported_end(&super::super::client::GIT).seconds();
    // Writing to a String cannot fail.
    let _ = match granted.host.scheme {
        AuthScheme::Bearer if has_authtype => {
            write!(
                text,
                "capability[]=authtype\nauthtype=Bearer\ncredential={token}\npassword_expiry_utc={end}\nephemeral=1\n\n"
            )
        }
        _ => write!(text, "username={}\npassword={token}\npassword_expiry_utc={end}\n\n", granted.username()),
    };
    Reply::answer(text)
}

fn description(call: &mut Call<'_>) -> Result<Description, Error> {
    let mut read = Description::default();
    while let Some(line) = call.input.line()? {
        if line.is_empty() {
            break;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| malformed("git sent a line without ="))?;
        // git refuses it too (credential.protectProtocol): programs differ in what ends a line.
        if value.contains('\r') {
            return Err(malformed("git sent a value with a carriage return"));
        }
        match key {
            "protocol" => read.protocol = Some(value.to_owned()),
            "host" => read.host = Some(value.to_owned()),
            "path" => read.path = Some(value.to_owned()),
            "url" => read.set_url(value),
            "credential" => read.credential = Some(Secret::from(value)),
            "password" => read.password = Some(Secret::from(value)),
            "capability[]" => read.has_authtype |= value == "authtype",
            _ => {}
        }
    }
    Ok(read)
}

impl Description {
    /// A URL stands for its parts.
    fn set_url(&mut self, url: &str) {
        let Some((protocol, rest)) = url.split_once("://") else { return };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        (self.protocol, self.host) = (Some(protocol.to_owned()), Some(host.to_owned()));
        self.path = Some(path.to_owned()).filter(|path| !path.is_empty());
    }

    /// Returns what the credential is for; `None` if it is nothing that gets a token.
    fn target(&self) -> Option<Target> {
        let (protocol, host) = (self.protocol.as_deref()?, self.host.as_deref()?);
        let path = self.path.as_deref().unwrap_or_default();
        // Over plain http anyone on the way would read the token.
        if protocol != "https" || host.contains(['/', '?', '#']) {
            return None;
        }
        Target::parse(&format!("https://{host}/{}", path.trim_start_matches('/'))).ok()
    }
}
