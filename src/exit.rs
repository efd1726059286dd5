//! The exit code of each kind of failure.

use crate::error::{Code, ErrorKind};

/// Returns the exit code of an error.
pub(crate) fn code(code: Code) -> u8 {
    of(code.kind())
}

/// Returns the number that scripts know a kind by. It never changes.
pub(crate) fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => 1,
        ErrorKind::Usage => 2,
        ErrorKind::NotConfigured => 3,
        ErrorKind::AuthRejected => 4,
        ErrorKind::TokenNotValid => 5,
        ErrorKind::Unavailable => 6,
        ErrorKind::Protocol => 7,
        ErrorKind::Store => 8,
        ErrorKind::Io => 9,
        ErrorKind::Refused => 10,
        ErrorKind::RateLimited => 11,
        ErrorKind::Indeterminate => 12,
        ErrorKind::Fleet => 13,
    }
}

/// Returns what a kind means, for the manual.
#[cfg(feature = "cli")]
pub(crate) fn meaning(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Internal => "A bug, or half an installation",
        ErrorKind::Usage => "Not a valid command line",
        ErrorKind::NotConfigured => "Not set up: no such profile, no secret, or a configuration that is wrong",
        ErrorKind::AuthRejected => "The issuer refuses the client",
        ErrorKind::TokenNotValid => "No valid token",
        ErrorKind::Unavailable => "The issuer cannot be reached, or cannot answer now",
        ErrorKind::Protocol => "The issuer refuses the request, or answers with what is no token",
        ErrorKind::Store => "The place of the secrets does not answer, or its key is missing or wrong",
        ErrorKind::Io => "Something cannot be written or read",
        ErrorKind::Refused => "tokenkeep refuses what would not be safe",
        ErrorKind::RateLimited => "The issuer was asked too often",
        ErrorKind::Fleet => "The fleet store is required and unavailable",
        ErrorKind::Indeterminate => "Nobody could tell whether the token is valid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        for (name, exit) in
            [("usage", 2), ("invalid_client", 4), ("timeout", 6), ("key_file_missing", 8), ("write_failed", 9)]
        {
            assert_eq!(Code::parse(name).map(code), Some(exit));
        }
    }
}
