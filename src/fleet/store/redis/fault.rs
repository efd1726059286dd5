//! The meaning of a failure of the client library. Its messages are not shown: they hold text of the server.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::fleet::FleetError;

/// Translates a failure.
pub(super) fn fault(error: &RedisError) -> FleetError {
    if let Some(error) = find::<rustls::Error>(error) {
        return FleetError::Tls(error.to_string());
    }
    match (error.kind(), code(error)) {
        (ErrorKind::AuthenticationFailed, code) => FleetError::Denied(code.unwrap_or_else(|| "AUTH".to_owned())),
        (_, Some(code)) if ["NOAUTH", "WRONGPASS", "NOPERM"].contains(&code.as_str()) => FleetError::Denied(code),
        (_, Some(code)) => FleetError::Answered(code),
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, None) => FleetError::Nonsense,
        (ErrorKind::Io, None) => match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::InvalidData) => FleetError::Nonsense,
            Some(kind) => FleetError::Unreachable(kind.to_string()),
            None => FleetError::Unreachable("the connection ended".to_owned()),
        },
        (_, None) => FleetError::Unreachable(error.category().to_owned()),
    }
}

/// The first word of what a server answers, which is a code; nothing else of it is believed.
fn code(error: &RedisError) -> Option<String> {
    let plain = |code: &&str| {
        (1..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    match error.kind() {
        // Failed by the client, before anything was answered.
        ErrorKind::AuthenticationFailed => error.code().filter(plain).map(str::to_owned),
        _ => {
            // Of several commands that were sent together, the first that failed.
            let several = || Some(error.clone().into_server_errors()?.first()?.1.code().to_owned());
            let code = error.code().map(str::to_owned).or_else(several)?;
            Some(if plain(&code.as_str()) { code } else { "an error".to_owned() })
        }
    }
}

/// Returns whether an operation that failed on an existing connection may succeed on a new one.
pub(super) fn is_worth_another(error: &RedisError) -> bool {
    let moved = [
        ServerErrorKind::ReadOnly,
        ServerErrorKind::MasterDown,
        ServerErrorKind::ClusterDown,
        ServerErrorKind::Moved,
        ServerErrorKind::Ask,
    ];
    match error.kind() {
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(kind) => moved.contains(&kind),
        _ => error.is_unrecoverable_error(),
    }
}

/// Finds an error of a type among the causes of another.
pub(super) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // The client library returns shared errors in an `Arc`, and the source of that skips the error in it.
        let error = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>().map_or(error, |shared| &**shared);
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error keeps what it was made of to itself.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = inner.downcast_ref::<T>()
        {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
