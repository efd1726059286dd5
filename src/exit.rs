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
