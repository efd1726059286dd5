//! docker, podman, skopeo, Helm: `docker-credential-tokenkeep get|list|store|erase` (docker-credential-helpers).
//!
//! They look at stdout only. The one text for a server that is not ours lets them go on without a token; any other text
//! beside exit code 1 is shown to the user.

use super::{Exit, Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::format::json::quoted;
use crate::consumers::hosts::ProfileHost;
use crate::error::{Code, Error};
use crate::profile::Target;
use crate::system::secret::Secret;

/// The whole answer for a server that is not ours. Clients compare it.
const NOT_OURS: &str = "credentials not found in native keychain\n";

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    let verb = call.words.first().map(String::as_str).unwrap_or_default().to_owned();
    match verb.as_str() {
        "get" => {
            let server = server(call)?;
            let granted = match Target::parse(&server) {
                Ok(target) => call.token_for(&target)?,
                Err(_) => None,
            };
            Ok(granted.map_or_else(not_ours, |granted| pair(&server, &granted)))
        }
        "list" => Ok(Reply::answer(list(call)?)),
        "store" => {
            call.input.all()?;
            let what = "tokenkeep requests tokens by itself and stores no password; nothing was stored";
            Err(Error::new(Code::Usage, what).into())
        }
        "erase" => {
            let server = server(call)?;
            if let Ok(target) = Target::parse(&server) {
                reject_kept(call, &target)?;
            }
            Ok(Reply::silent())
        }
        "version" | "--version" => {
            let version = env!("CARGO_PKG_VERSION");
            Ok(Reply::answer(format!("docker-credential-tokenkeep (tokenkeep) {version}\n")))
        }
        _ => Err(malformed("docker-credential-tokenkeep takes get, list, store, erase or version").into()),
    }
}

/// Reports a failure on stdout: what is on stderr is not shown.
pub(super) fn failure(error: &Error) -> Reply {
    Reply { exit: Exit::Failure, ..Reply::answer(format!("tokenkeep: {error}\n")) }
}

fn not_ours() -> Reply {
    Reply { exit: Exit::Failure, ..Reply::answer(NOT_OURS) }
}

fn server(call: &mut HelperCall<'_>) -> Result<String, Error> {
    match call.input.all()?.trim() {
        "" => Err(malformed("the client named no server")),
        server => Ok(server.to_owned()),
    }
}

fn pair(server: &str, granted: &Granted) -> Reply {
    let (server, username) = (quoted(server), quoted(granted.username()));
    let secret = quoted(granted.handed().token().expose());
    Reply::answer(format!("{{\"ServerURL\":{},\"Username\":{},\"Secret\":{}}}\n", *server, *username, *secret))
}

/// Names the servers whose token is kept. A client gets the token of each of them, and fails if one of them fails.
fn list(call: &HelperCall<'_>) -> Result<String, Stop> {
    let map = call.hosts()?;
    let is_listed = |entry: &ProfileHost, server: &Target| {
        !server.is_plain() && server.depth() == 0 && call.kept_for(entry).is_some()
    };
    let listed = map.servers().filter(|(entry, server)| is_listed(entry, server));
    let pairs = listed
        .map(|(entry, server)| format!("{}:{}", *quoted(&format!("https://{server}")), *quoted(&entry.host.username)));
    Ok(format!("{{{}}}\n", pairs.collect::<Vec<_>>().join(",")))
}

/// A logout. The client does not send the token that it got: it is the one that is kept.
fn reject_kept(call: &mut HelperCall<'_>, target: &Target) -> Result<(), Stop> {
    let kept = match call.hosts()?.chosen(target)? {
        Some(entry) => call.kept_for(entry),
        None => None,
    };
    match kept {
        Some(kept) => call.reject(target, &Secret::from(kept.handed().token().expose())),
        None => Ok(()),
    }
}
