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
        ErrorKind::RateLimited => "Too many requests to the issuer",
        ErrorKind::Fleet => "The fleet store is required and unavailable",
        ErrorKind::Indeterminate => "Whether the token is valid could not be found out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::document;
    use crate::error::warning::WARNINGS;
    use crate::error::{KINDS, MEANINGS};

    fn kinds() -> String {
        let rows = KINDS.iter().map(|(kind, about)| {
            let codes = Code::all().filter(|code| code.kind() == *kind);
            let codes: Vec<_> = codes.map(|code| format!("`{}`", code.name())).collect();
            format!("| {} | `{kind:?}` | {} | {} |\n", of(*kind), about.trim(), codes.join(", "))
        });
        format!("| exit | kind | meaning | error codes |\n|---|---|---|---|\n{}", rows.collect::<String>())
    }

    fn codes() -> String {
        let rows = MEANINGS.iter().map(|(code, about)| {
            let again = if code.is_retryable() { "yes" } else { "no" };
            format!("| `{}` | {} | {} | {again} |\n", code.name(), super::code(*code), about.trim())
        });
        format!("| error code | exit | meaning | retryable |\n|---|---|---|---|\n{}", rows.collect::<String>())
    }

    fn warnings() -> String {
        let rows = WARNINGS.iter().map(|(code, about)| format!("| `{code}` | {} |\n", about.trim()));
        format!("| warning | meaning |\n|---|---|\n{}", rows.collect::<String>())
    }

    #[test]
    fn the_page_of_exit_codes_has_every_code_and_warning() {
        let parts = [("exit codes", kinds()), ("error codes", codes()), ("warnings", warnings())];
        document::assert_has("exit-codes.md", &parts);
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        for (name, exit) in
            [("usage", 2), ("invalid_client", 4), ("timeout", 6), ("key_file_missing", 8), ("write_failed", 9)]
        {
            assert_eq!(Code::parse(name).map(code), Some(exit));
        }
    }
}
