//! What goes wrong, as one type: a code that scripts know, a message, a hint.

mod from;
#[cfg(any(feature = "cli", feature = "front"))]
mod shown;

pub(crate) use from::{chain, issuer_code};
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) use shown::{Style, is_colored};

use std::fmt;
use std::time::Duration;

use crate::profile::ProfileName;

/// A failure that kept the caller from getting what was asked for.
///
/// Safe to show and to log: it holds no secret, no token, no body and no message of a parser.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: String,
    hint: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) remembered: bool,
    pub(crate) http_status: Option<u16>,
    pub(crate) oauth_error: Option<String>,
    pub(crate) profile: Option<ProfileName>,
}

impl Error {
    /// Makes an error with what happened.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            hint: None,
            retry_after: None,
            remembered: false,
            http_status: None,
            oauth_error: None,
            profile: None,
        }
    }

    /// Adds what to do about it: one command.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Adds that the token still holds and is still kept.
    pub(crate) fn and_kept(mut self) -> Error {
        self.message.push_str("; the token may still be good, and stays cached");
        self
    }

    /// Names the profile that it happened with.
    pub(crate) fn for_profile(mut self, profile: &ProfileName) -> Error {
        self.profile.get_or_insert_with(|| profile.clone());
        self
    }

    /// Returns the code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns what to do about it, where something helps.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns how long to wait before asking again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Tells whether the answer of an earlier request was repeated without asking again.
    pub fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// Returns the HTTP status of the answer, where there was one.
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// Returns the issuer's error code (RFC 6749 s. 5.2), escaped, where it gave one.
    pub fn oauth_error(&self) -> Option<&str> {
        self.oauth_error.as_deref()
    }

    /// Returns the profile that it happened with.
    pub fn profile(&self) -> Option<&ProfileName> {
        self.profile.as_ref()
    }
}

/// Judges a write to stdout: a reader that has gone away is no error, a disk that is full is one.
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) fn written(outcome: std::io::Result<()>) -> Result<(), Error> {
    match outcome {
        Err(error) if !reader_is_gone(&error, cfg!(windows)) => {
            Err(Error::new(Code::WriteFailed, format!("the output cannot be written: {error}; nothing was lost"))
                .with_hint("make room where the output goes, and run it again"))
        }
        _ => Ok(()),
    }
}

/// Tells whether the reader of a pipe went away; `windows` has three words for it, and one of them no kind.
#[cfg(any(feature = "cli", feature = "front"))]
fn reader_is_gone(error: &std::io::Error, windows: bool) -> bool {
    // ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED.
    let gone = matches!(error.raw_os_error(), Some(109 | 232 | 233));
    error.kind() == std::io::ErrorKind::BrokenPipe || windows && gone
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Groups codes by what a caller can do about them; its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the exit code of the same name in the contract")]
pub enum Exit {
    Internal = 1,
    Usage = 2,
    NotConfigured = 3,
    AuthRejected = 4,
    TokenNotValid = 5,
    Unavailable = 6,
    Protocol = 7,
    Store = 8,
    Io = 9,
    Refused = 10,
    RateLimited = 11,
    Indeterminate = 12,
    Fleet = 13,
}

/// Tells whether asking again, unchanged, may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    No,
    Yes,
}

macro_rules! codes {
    ($($code:ident $name:literal $exit:ident $retry:ident,)*) => {
        /// What went wrong, as scripts know it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each is the error code of the same name in the contract")]
        pub enum Code {
            $($code,)*
        }

        /// Every code with its name, exit code, and whether asking again may help.
        const CODES: &[(Code, &str, Exit, Retry)] = &[$((Code::$code, $name, Exit::$exit, Retry::$retry),)*];
    };
}

codes! {
    Internal "internal" Internal No,
    FullBinaryMissing "full_binary_missing" Internal No,
    Usage "usage" Usage No,
    ProfileNotFound "profile_not_found" NotConfigured No,
    ProfileAmbiguous "profile_ambiguous" NotConfigured No,
    CredentialMissing "credential_missing" NotConfigured No,
    ConfigInvalid "config_invalid" NotConfigured No,
    InvalidClient "invalid_client" AuthRejected No,
    UnauthorizedClient "unauthorized_client" AuthRejected No,
    AccessDenied "access_denied" AuthRejected No,
    TokenNotValid "token_not_valid" TokenNotValid No,
    Dns "dns" Unavailable Yes,
    Connect "connect" Unavailable Yes,
    Tls "tls" Unavailable Yes,
    Timeout "timeout" Unavailable Yes,
    ConnectionReset "connection_reset" Unavailable Yes,
    ServerError "server_error" Unavailable Yes,
    InvalidScope "invalid_scope" Protocol No,
    InvalidTarget "invalid_target" Protocol No,
    InvalidRequest "invalid_request" Protocol No,
    InvalidGrant "invalid_grant" Protocol No,
    UnsupportedGrantType "unsupported_grant_type" Protocol No,
    IssuerError "issuer_error" Protocol No,
    ResponseMalformed "response_malformed" Protocol No,
    ResponseTooLarge "response_too_large" Protocol No,
    TokenMalformed "token_malformed" Protocol No,
    IssuerMismatch "issuer_mismatch" Protocol No,
    KeyringUnavailable "keyring_unavailable" Store Yes,
    KeyringLocked "keyring_locked" Store No,
    KeyringTimeout "keyring_timeout" Store Yes,
    KeyringAmbiguous "keyring_ambiguous" Store No,
    KeyringWriteUnverified "keyring_write_unverified" Store No,
    KeyFileMissing "key_file_missing" Store No,
    KeyFileInsecure "key_file_insecure" Store No,
    KeyFileWrong "key_file_wrong" Store No,
    PassphraseWrong "passphrase_wrong" Store No,
    WriteFailed "write_failed" Io No,
    LedgerUnreadable "ledger_unreadable" Io Yes,
    InsecureEndpoint "insecure_endpoint" Refused No,
    RedirectRefused "redirect_refused" Refused No,
    BindingMismatch "binding_mismatch" Refused No,
    InsecurePath "insecure_path" Refused No,
    DowngradeRefused "downgrade_refused" Refused No,
    BackendDiffers "backend_differs" Refused No,
    SecretTooWeak "secret_too_weak" Refused No,
    RateLimited "rate_limited" RateLimited Yes,
    Indeterminate "indeterminate" Indeterminate Yes,
    FleetUnavailable "fleet_unavailable" Fleet Yes,
}

impl Code {
    fn row(self) -> &'static (Code, &'static str, Exit, Retry) {
        CODES.iter().find(|row| row.0 == self).expect("the macro writes a row for each code")
    }

    /// Returns the name that scripts know.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the group, whose number is the exit code.
    pub fn exit(self) -> Exit {
        self.row().2
    }

    /// Tells whether asking again, unchanged, may help.
    pub fn is_retryable(self) -> bool {
        self.row().3 == Retry::Yes
    }

    /// Lists every code, those of one exit code together.
    #[cfg(feature = "cli")]
    pub(crate) fn all() -> impl Iterator<Item = Code> {
        CODES.iter().map(|row| row.0)
    }

    /// Finds a code by its name.
    pub(crate) fn parse(name: &str) -> Option<Code> {
        CODES.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(feature = "cli", feature = "front"))]
    #[test]
    fn a_reader_that_went_away_is_known_by_each_of_its_numbers() {
        let gone = |number, windows| reader_is_gone(&std::io::Error::from_raw_os_error(number), windows);
        for number in [109, 232, 233] {
            assert!(gone(number, true), "{number}");
        }
        // ERROR_DISK_FULL; and elsewhere the numbers mean something else.
        assert!(!gone(112, true) && !gone(233, false));
        assert!(reader_is_gone(&std::io::ErrorKind::BrokenPipe.into(), false));
    }

    #[test]
    fn every_code_has_a_name_of_its_own() {
        for (code, name, ..) in CODES {
            assert_eq!(Code::parse(name), Some(*code));
        }
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        for (name, exit) in
            [("usage", 2), ("invalid_client", 4), ("timeout", 6), ("key_file_missing", 8), ("write_failed", 9)]
        {
            assert_eq!(Code::parse(name).map(|code| code.exit() as u8), Some(exit));
        }
    }
}
