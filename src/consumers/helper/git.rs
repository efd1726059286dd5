//! git: `git credential-tokenkeep get|store|erase` (gitcredentials(7), git-credential(1)).
//!
//! git 2.46 and later say that they can send a bearer token; earlier ones get it as a password. If no profile names
//! the host, the answer is empty, and git asks its next helper or the user.

use std::fmt::Write as _;

use super::{Exit, Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::consumer::GIT;
use crate::error::Error;
use crate::profile::{AuthScheme, Target};
use crate::system::secret::Secret;

/// What git says of the credential that it wants or refuses. Without a debug form: a host may hold a password.
#[derive(Default)]
struct CredentialDescription {
    protocol: Option<String>,
    host: Option<String>,
    path: Option<String>,
    /// The token that was sent: as a credential, or as a password.
    credential: Option<Secret>,
    password: Option<Secret>,
    has_authtype: bool,
}

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
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
    Reply { stdout: "quit=1\n".to_owned().into(), exit: Exit::Success, ..Reply::on_stderr(error) }
}

fn credential(granted: &Granted, has_authtype: bool) -> Reply {
    let handed = granted.handed();
    let token = handed.token().expose();
    let mut text = String::with_capacity(token.len() + 160);
    let end = handed.reported_end(&GIT).seconds();
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

fn description(call: &mut HelperCall<'_>) -> Result<CredentialDescription, Error> {
    let mut read = CredentialDescription::default();
    while let Some(line) = call.input.line()? {
        if line.is_empty() {
            break;
        }
        read.take(line)?;
    }
    Ok(read)
}

impl CredentialDescription {
    /// Takes over one line. Keys of a later git are ignored.
    fn take(&mut self, line: &str) -> Result<(), Error> {
        let (key, value) = line.split_once('=').ok_or_else(|| malformed("git sent a line without ="))?;
        // git refuses it too (credential.protectProtocol): programs differ in what ends a line.
        if value.contains(['\r', '\0']) {
            return Err(malformed("git sent a value with a carriage return or a NUL byte"));
        }
        match key {
            "protocol" => self.protocol = Some(value.to_owned()),
            "host" => self.host = Some(value.to_owned()),
            "path" => self.path = Some(encoded(value)),
            "url" => self.set_url(value),
            "credential" => self.credential = Some(Secret::from(value)),
            "password" => self.password = Some(Secret::from(value)),
            // An empty value takes back what stood before.
            "capability[]" => self.has_authtype = value == "authtype" || self.has_authtype && !value.is_empty(),
            _ => {}
        }
        Ok(())
    }

    /// A URL stands for its parts, as git reads it: up to the first @ before the path it names a user.
    fn set_url(&mut self, url: &str) {
        let Some((protocol, rest)) = url.split_once("://") else { return };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = authority.split_once('@').map_or(authority, |(_, host)| host);
        let path = path.trim_start_matches('/');
        (self.protocol, self.host) = (Some(protocol.to_owned()), Some(host.to_owned()));
        // It is percent-encoded already.
        self.path = Some(path.to_owned()).filter(|path| !path.is_empty());
    }

    /// Returns what the credential is for; `None` if it is nothing that gets a token.
    fn target(&self) -> Option<Target> {
        let (protocol, host) = (self.protocol.as_deref()?, self.host.as_deref()?);
        let path = self.path.as_deref().unwrap_or_default();
        // Over plain http the token could be read on the way.
        if protocol != "https" || host.contains(['/', '?', '#']) {
            return None;
        }
        Target::parse(&format!("https://{host}/{}", path.trim_start_matches('/'))).ok()
    }
}

/// Encodes a path, of which git sends the decoded form: `My Project/_git/repo`. Dots stay, and make it no target.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for sign in path.chars() {
        if sign.is_ascii_control() || matches!(sign, ' ' | '%' | '?' | '#' | '\\') {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{:02X}", u32::from(sign));
        } else {
            encoded.push(sign);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn described(lines: &[&str]) -> CredentialDescription {
        let mut read = CredentialDescription::default();
        lines.iter().for_each(|line| read.take(line).expect("a line of git"));
        read
    }

    fn target(lines: &[&str]) -> Option<String> {
        described(lines).target().map(|target| target.to_string())
    }

    #[test]
    fn a_host_over_https_is_a_target_with_its_path() {
        for (lines, is) in [
            (&["protocol=https", "host=git.example.com"][..], Some("git.example.com")),
            (&["protocol=https", "host=git.example.com:8443", "path=a/b.git"], Some("git.example.com:8443/a/b.git")),
            (&["protocol=https", "host=h.example.com", "path=My Project/a"], Some("h.example.com/My%20Project/a")),
            (&["protocol=https", "host=h.example.com", "path=a%2fb?c"], Some("h.example.com/a%252fb%3Fc")),
            (&["url=https://user:password@h.example.com/My%20Project?x"], Some("h.example.com/My%20Project")),
            (&["protocol=http", "host=other", "url=https://h.example.com"], Some("h.example.com")),
            (&["protocol=http", "host=h.example.com"], None),
            (&["protocol=https", "host=h.example.com", "path=a/../b"], None),
            (&["protocol=https", "host=h.example.com/x"], None),
            (&["protocol=https", "host=a@h.example.com"], None),
            (&["url=https://a@b@h.example.com/"], None),
            (&["url=https://h.example.com@evil.test\\"], None),
            (&["url=h.example.com"], None),
            (&["protocol=https"], None),
            (&[], None),
        ] {
            assert_eq!(target(lines).as_deref(), is, "{lines:?}");
        }
    }

    #[test]
    fn what_git_can_send_is_what_it_said_last() {
        let has = |lines: &[&str]| described(lines).has_authtype;
        assert!(has(&["capability[]=authtype", "capability[]=state"]));
        assert!(!has(&["capability[]=state"]) && !has(&["capability[]=authtype", "capability[]="]));
    }

    #[test]
    fn what_would_end_a_line_elsewhere_is_refused() {
        for line in ["host=a\rb", "wwwauth[]=Basic\r", "path=a\0b", "no key"] {
            assert!(CredentialDescription::default().take(line).is_err(), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_taken_or_an_error_that_does_not_quote_it(value in "\\PC{6,40}") {
            for key in ["", "path=", "host=", "url=https://", "password=", "capability[]="] {
                if let Err(error) = CredentialDescription::default().take(&format!("{key}{value}")) {
                    prop_assert!(!error.to_string().contains(&value));
                }
            }
        }

        #[test]
        fn a_path_of_git_is_the_same_one_as_in_a_url(path in "[a-z %?#\\\\]{1,8}(/[a-z %?#\\\\]{1,8}){0,2}") {
            let at = |path: &str| described(&["protocol=https", "host=h.example.com", path]).target();
            let target = at(&format!("path={path}"));
            prop_assert!(target.is_some_and(|target| target.depth() == path.split('/').count()));
        }
    }
}
