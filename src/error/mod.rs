//! Every failure as one type: a code that scripts know, a message, a remedy. And what went wrong without one.
//!
//! [`Error`] keeps a caller from its result, a [`Warning`] does not. [`Error::code`] says what happened, its
//! [`kind`](Code::kind) what a caller can do, and [`Error::remedy`] what a person can do, in no words of a command line.

mod from;
mod remedy;
pub(crate) mod warning;

pub(crate) use from::chain;
pub use remedy::{Remedy, SecretPlace};
pub use warning::Warning;

pub use crate::system::files::Mend;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// A failure that kept the caller from the requested result.
///
/// Safe to show and to log: it holds no secret, no token, no body and no message of a parser.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: String,
    remedy: Option<Box<Remedy>>,
    /// The failure of a part; its cause is the source.
    cause: Option<Box<dyn StdError + Send + Sync>>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) remembered: bool,
    /// The same request would fail again, though others with this code may not.
    pub(crate) is_final: bool,
    pub(crate) http_status: Option<u16>,
    pub(crate) oauth_error: Option<String>,
    pub(crate) profile: Option<String>,
    /// It happened while the profile was set: it may not be there, or not as it was typed.
    #[cfg(any(feature = "cli", feature = "front"))]
    pub(crate) is_of_set: bool,
}

impl Error {
    /// Makes an error with what happened.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            remedy: None,
            cause: None,
            retry_after: None,
            remembered: false,
            is_final: false,
            http_status: None,
            oauth_error: None,
            profile: None,
            #[cfg(any(feature = "cli", feature = "front"))]
            is_of_set: false,
        }
    }

    /// Makes the error for a runtime that the system does not give.
    pub(crate) fn no_runtime(error: std::io::Error) -> Error {
        let made = Error::new(Code::Internal, format!("no runtime: {error}"));
        made.with_remedy(Remedy::CheckLimits).caused_by(error)
    }

    /// Puts another code in place of that of a lower part.
    pub(crate) fn with_code(self, code: Code) -> Error {
        Error { code, ..self }
    }

    /// Adds what to do about it.
    pub(crate) fn with_remedy(mut self, remedy: Remedy) -> Error {
        self.remedy = Some(Box::new(remedy));
        self
    }

    /// Adds the failure of a part that this error is about.
    pub(crate) fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Error {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Adds that the token may still be good and stays cached.
    pub(crate) fn and_kept(mut self) -> Error {
        self.message.push_str("; the token may still be good, and stays cached");
        self
    }

    /// Names the profile that it happened with.
    pub(crate) fn for_profile(mut self, profile: impl fmt::Display) -> Error {
        self.profile.get_or_insert_with(|| profile.to_string());
        self
    }

    /// Notes that it happened while the profile was set.
    #[cfg(feature = "cli")]
    pub(crate) fn of_set(mut self) -> Error {
        self.is_of_set = true;
        self
    }

    /// Returns the code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns whether asking again, unchanged, may help.
    pub fn is_retryable(&self) -> bool {
        self.code.is_retryable() && !self.is_final
    }

    /// Returns whether a proxy refused on the way to the issuer: of all failures to connect only that is final.
    pub(crate) fn is_refusal_of_proxy(&self) -> bool {
        self.code == Code::Connect && self.is_final
    }

    /// Returns what to do about it, if something helps.
    pub fn remedy(&self) -> Option<&Remedy> {
        self.remedy.as_deref()
    }

    /// Returns how long to wait before asking again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns whether the answer of an earlier request was repeated without asking again.
    pub fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// Returns the HTTP status of the answer, if there was one.
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// Returns the issuer's error code (RFC 6749 s. 5.2), escaped, if it gave one.
    pub fn oauth_error(&self) -> Option<&str> {
        self.oauth_error.as_deref()
    }

    /// Returns the name of the profile that it happened with.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// Judges a write to stdout: a reader that has gone away is no error, a disk that is full is one.
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) fn written(outcome: std::io::Result<()>) -> Result<(), Error> {
    match outcome {
        Err(error) if !reader_is_gone(&error, cfg!(windows)) => {
            // EBADF: it is closed, or open for reading only.
            let is_closed = cfg!(unix) && error.raw_os_error() == Some(9);
            let why = if is_closed { "it is not open for writing".to_owned() } else { error.to_string() };
            let remedy = if is_closed { Remedy::OpenOutput } else { Remedy::MakeRoom };
            let message = format!("the output cannot be written: {why}; nothing was lost");
            Err(Error::new(Code::WriteFailed, message).with_remedy(remedy))
        }
        _ => Ok(()),
    }
}

/// Returns whether the reader of a pipe went away; `windows` has three codes for it, and one of them has no kind.
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

/// The source is the cause of a part's failure: the message describes that failure already.
///
/// The message names the cause too; it is here for programs that look for a type, such as [`std::io::Error`].
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref()?.source()
    }
}

macro_rules! kinds {
    ($(#[doc = $about:literal] $kind:ident,)*) => {
        /// Groups codes by what a caller can do about them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $(#[doc = $about] $kind,)*
        }

        /// Every kind, and what it means.
        #[cfg(all(test, any(feature = "cli", feature = "front")))]
        pub(crate) const KINDS: &[(ErrorKind, &str)] = &[$((ErrorKind::$kind, $about),)*];
    };
}

kinds! {
    /// A bug, or half an installation.
    Internal,
    /// The call itself is wrong.
    Usage,
    /// No such profile, no secret, or a configuration that is wrong.
    NotConfigured,
    /// The issuer refuses the client.
    AuthRejected,
    /// There is no valid token.
    TokenNotValid,
    /// The issuer cannot be reached, or cannot answer now.
    Unavailable,
    /// The issuer refuses the request, or its answer is no token.
    Protocol,
    /// The place of the secrets does not answer, or its key is missing or wrong.
    Store,
    /// Something cannot be read or written.
    Io,
    /// What the caller wants would not be safe.
    Refused,
    /// The issuer got too many requests.
    RateLimited,
    /// No check could decide whether the token is valid.
    Indeterminate,
    /// The fleet store is required and unavailable.
    Fleet,
}

/// Whether asking again, unchanged, may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    No,
    Yes,
}

macro_rules! codes {
    ($(#[doc = $about:literal] $code:ident $name:literal $kind:ident $retry:ident,)*) => {
        /// What went wrong, as scripts know it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $about] $code,)*
        }

        /// Every code, and what it means.
        #[cfg(all(test, any(feature = "cli", feature = "front")))]
        pub(crate) const MEANINGS: &[(Code, &str)] = &[$((Code::$code, $about),)*];

        /// Every code with its name, exit code, and whether asking again may help.
        const CODES: &[(Code, &str, ErrorKind, Retry)] = &[$((Code::$code, $name, ErrorKind::$kind, Retry::$retry),)*];
    };
}

codes! {
    /// A bug, or the system lacks something that every program needs.
    Internal "internal" Internal No,
    /// The program that lies beside `tokenkeep` is missing.
    FullBinaryMissing "full_binary_missing" Internal No,
    /// The command line is wrong, or something that is needed was not given.
    Usage "usage" Usage No,
    /// There is no such profile.
    ProfileNotFound "profile_not_found" NotConfigured No,
    /// There are several profiles, and none was named.
    ProfileAmbiguous "profile_ambiguous" NotConfigured No,
    /// The profile has no secret, or its place holds none.
    CredentialMissing "credential_missing" NotConfigured No,
    /// A file or variable of the configuration cannot be used.
    ConfigInvalid "config_invalid" NotConfigured No,
    /// The issuer does not know the client, or refuses its secret.
    InvalidClient "invalid_client" AuthRejected No,
    /// The client may not request tokens in this way.
    UnauthorizedClient "unauthorized_client" AuthRejected No,
    /// The issuer denies access.
    AccessDenied "access_denied" AuthRejected No,
    /// The token is not valid, or nothing valid is cached with `--offline`.
    TokenNotValid "token_not_valid" TokenNotValid No,
    /// The name of a host is not found.
    Dns "dns" Unavailable Yes,
    /// No connection stands.
    Connect "connect" Unavailable Yes,
    /// The server does not prove its identity, or the handshake fails.
    Tls "tls" Unavailable Yes,
    /// No answer came in time.
    Timeout "timeout" Unavailable Yes,
    /// The connection ended before the answer did.
    ConnectionReset "connection_reset" Unavailable Yes,
    /// The issuer failed (5xx, 408), or is out of service for now.
    ServerError "server_error" Unavailable Yes,
    /// The issuer refuses the scope.
    InvalidScope "invalid_scope" Protocol No,
    /// The issuer refuses the resource or audience.
    InvalidTarget "invalid_target" Protocol No,
    /// The issuer finds the request malformed.
    InvalidRequest "invalid_request" Protocol No,
    /// The issuer refuses the assertion or the grant.
    InvalidGrant "invalid_grant" Protocol No,
    /// The issuer does not have this grant.
    UnsupportedGrantType "unsupported_grant_type" Protocol No,
    /// The issuer answered with another error.
    IssuerError "issuer_error" Protocol No,
    /// The answer is no token response.
    ResponseMalformed "response_malformed" Protocol No,
    /// The answer is larger than any token response.
    ResponseTooLarge "response_too_large" Protocol No,
    /// The token cannot be sent in a header.
    TokenMalformed "token_malformed" Protocol No,
    /// The metadata belongs to another issuer.
    IssuerMismatch "issuer_mismatch" Protocol No,
    /// There is no OS keyring, or it does not answer.
    KeyringUnavailable "keyring_unavailable" Store Yes,
    /// The OS keyring is locked.
    KeyringLocked "keyring_locked" Store No,
    /// The OS keyring did not answer in time.
    KeyringTimeout "keyring_timeout" Store Yes,
    /// The OS keyring has several items of this name.
    KeyringAmbiguous "keyring_ambiguous" Store No,
    /// What was written into the OS keyring does not read back.
    KeyringWriteUnverified "keyring_write_unverified" Store No,
    /// The key file is gone.
    KeyFileMissing "key_file_missing" Store No,
    /// Other users can read or replace the key file.
    KeyFileInsecure "key_file_insecure" Store No,
    /// The key file holds another key, or none; what is stored does not open.
    KeyFileWrong "key_file_wrong" Store No,
    /// A token cannot be kept, and `secrets.required` is set.
    CacheUnavailable "cache_unavailable" Store No,
    /// The passphrase does not open the data key.
    PassphraseWrong "passphrase_wrong" Store No,
    /// A file or the output cannot be written.
    WriteFailed "write_failed" Io No,
    /// The history of requests cannot be read.
    LedgerUnreadable "ledger_unreadable" Io Yes,
    /// A URL would give the secret away: plain http, or a credential in it.
    InsecureEndpoint "insecure_endpoint" Refused No,
    /// The issuer redirects the request, which would carry the secret elsewhere.
    RedirectRefused "redirect_refused" Refused No,
    /// The profile names another place than the one its secret was set for.
    BindingMismatch "binding_mismatch" Refused No,
    /// A file or folder belongs to another user, or others can change it.
    InsecurePath "insecure_path" Refused No,
    /// A token that any holder can use came in place of one that needs proofs, or a command would hand it out as such.
    DowngradeRefused "downgrade_refused" Refused No,
    /// Secrets are kept in another place than the one that was named.
    BackendDiffers "backend_differs" Refused No,
    /// The issuer got too many requests.
    RateLimited "rate_limited" RateLimited Yes,
    /// No check could decide whether the token is valid.
    Indeterminate "indeterminate" Indeterminate Yes,
    /// The fleet store is required and unavailable.
    FleetUnavailable "fleet_unavailable" Fleet Yes,
}

impl Code {
    fn row(self) -> &'static (Code, &'static str, ErrorKind, Retry) {
        CODES.iter().find(|row| row.0 == self).expect("the macro writes a row for each code")
    }

    /// Returns the name that scripts know.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the group that it belongs to.
    pub fn kind(self) -> ErrorKind {
        self.row().2
    }

    /// Returns whether asking again, unchanged, may help in general; [`Error::is_retryable`] knows the one failure.
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
    fn the_cause_that_the_system_named_is_the_source() {
        let file = std::path::Path::new("/dev/null/below");
        let read = crate::system::files::read_given(file, crate::system::files::Given::Open, 64);
        let error = Error::from(read.expect_err("a device holds no files"));
        let source = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
        let source = source.unwrap_or_else(|| panic!("{error:?} keeps what the system said"));
        assert!(error.to_string().ends_with(&source.to_string()), "{error}");
    }

    #[test]
    fn every_code_has_a_name_of_its_own() {
        for (code, name, ..) in CODES {
            assert_eq!(Code::parse(name), Some(*code));
        }
    }
}
