//! cargo: `cargo-credential-tokenkeep --cargo-plugin` (the credential provider protocol, version 1).
//!
//! One JSON object a line. cargo waits for a greeting, sends a request, waits for the answer, and closes stdin. It takes
//! any exit code but 0 for a failure, even after a good answer.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::consumer::CARGO;
use crate::consumers::format::json::quoted;
use crate::error::{Code, Error};
use crate::profile::{NAME_RULE, ProfileName, Target};

const GREETING: &str = "{\"v\":[1]}\n";
const NOT_OURS: &str = "{\"Err\":{\"kind\":\"url-not-supported\"}}\n";
const NOT_SUPPORTED: &str = "{\"Err\":{\"kind\":\"operation-not-supported\"}}\n";
/// What a token is wanted for. It is the same token for all of them.
const OPERATIONS: [&str; 5] = ["read", "publish", "yank", "unyank", "owners"];

/// What cargo wants. A login has the token of the user beside it, which is not read.
#[derive(Deserialize)]
struct Request {
    v: u32,
    registry: Registry,
    kind: String,
    operation: Option<String>,
    /// What stands behind the name of this program in the configuration.
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    index_url: String,
}

/// Answers each line until stdin ends.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    call.greet(GREETING)?;
    let named = call.profile.clone();
    loop {
        let line = match call.input.line() {
            Ok(Some(line)) => Zeroizing::new(line.to_owned()),
            Ok(None) => return Ok(Reply::silent()),
            // Where the next line begins is not known.
            Err(error) => return Ok(failure(&error)),
        };
        if line.trim().is_empty() {
            continue;
        }
        call.profile.clone_from(&named);
        let answer = match answer_to(call, &line) {
            Err(Stop::Failed(error)) => failed(&error),
            answer => answer?,
        };
        call.send(&answer)?;
    }
}

/// Reports a failure in the answer.
pub(super) fn failure(error: &Error) -> Reply {
    Reply::answer(failed(error))
}

fn failed(error: &Error) -> String {
    let message = quoted(&format!("tokenkeep: {error}"));
    format!("{{\"Err\":{{\"kind\":\"other\",\"message\":{},\"caused-by\":[]}}}}\n", *message)
}

fn answer_to(call: &mut HelperCall<'_>, line: &str) -> Result<String, Stop> {
    let request: Request =
        serde_json::from_str(line).map_err(|_| malformed("cargo sent a line that is no request of version 1"))?;
    if request.v != 1 {
        return Err(malformed("cargo sent a request of another version than 1").into());
    }
    // A kind or an operation of a later cargo is one that another provider may know.
    let is_known = request.operation.as_deref().is_some_and(|operation| OPERATIONS.contains(&operation));
    if request.kind != "get" || !is_known {
        return Ok(NOT_SUPPORTED.to_owned());
    }
    if let Some(name) = profile(&request.args)? {
        call.profile = Some(name);
    }
    let Some(target) = server(&request.registry.index_url) else { return Ok(NOT_OURS.to_owned()) };
    Ok(call.token_for(&target)?.map_or_else(|| NOT_OURS.to_owned(), |granted| token(&granted)))
}

/// Writes the token. It is the whole header: cargo puts nothing before it.
fn token(granted: &Granted) -> String {
    let end = granted.handed().reported_end(&CARGO).seconds();
    format!(
        "{{\"Ok\":{{\"kind\":\"get\",\"token\":{},\"cache\":\"expires\",\"expiration\":{end},\
         \"operation_independent\":true}}}}\n",
        *quoted(&granted.authorization())
    )
}

/// Reads the server of an index: `sparse+https://HOST/PATH`, or the URL of a git repository.
fn server(index_url: &str) -> Option<Target> {
    let url = ["sparse+", "registry+"].iter().find_map(|kind| index_url.strip_prefix(kind)).unwrap_or(index_url);
    url.contains("://").then(|| Target::parse(url).ok()).flatten()
}

/// Reads `-p NAME`.
fn profile(args: &[String]) -> Result<Option<ProfileName>, Error> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let name = match args[..] {
        [] => return Ok(None),
        ["-p" | "--profile", name] => name,
        [arg] => arg.strip_prefix("--profile=").unwrap_or_default(),
        _ => "",
    };
    let what =
        || format!("the configuration of cargo may have -p NAME after the name of this program, and {NAME_RULE}");
    ProfileName::parse(name).map(Some).ok_or_else(|| Error::new(Code::Usage, what()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_server_of_an_index_is_known() {
        for (index, server_is) in [
            ("sparse+https://crates.example.com/index/", Some("crates.example.com/index")),
            ("https://git.example.com/index", Some("git.example.com/index")),
            ("registry+https://crates.example.com/", Some("crates.example.com")),
            ("sparse+file:///index", None),
            ("ssh://git@git.example.com/index", None),
            ("crates.example.com", None),
            ("", None),
        ] {
            assert_eq!(server(index).map(|target| target.to_string()).as_deref(), server_is, "{index}");
        }
    }

    #[test]
    fn a_profile_is_named_in_the_configuration_of_cargo() {
        let of = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            profile(&args).map(|name| name.map(|name| name.as_str().to_owned())).map_err(|error| error.code())
        };
        assert_eq!(of(&[]), Ok(None));
        for args in [&["-p", "crates"][..], &["--profile", "crates"], &["--profile=crates"]] {
            assert_eq!(of(args), Ok(Some("crates".to_owned())));
        }
        for args in [&["-p"][..], &["crates"], &["-p", "a", "b"], &["-p", "../x"], &["--profile="]] {
            assert_eq!(of(args), Err(Code::Usage), "{args:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cut_request_is_an_error_or_the_whole_one(end in 0_usize..140) {
            let whole = "{\"v\":1,\"registry\":{\"index-url\":\"sparse+https://h.example.com/\",\"name\":\"x\"},\
                         \"kind\":\"get\",\"operation\":\"read\",\"args\":[\"-p\",\"x\"]}";
            let cut = &whole[..end.min(whole.len())];
            prop_assert_eq!(serde_json::from_str::<Request>(cut).is_ok(), cut.len() == whole.len());
        }

        #[test]
        fn any_text_is_a_server_or_none(index in "\\PC{0,40}") {
            server(&index);
        }
    }
}
