//! Bazel, reclient and whatever else follows the credential helper specification of EngFlow: `tokenkeep-bazel get`.

use serde::Deserialize;

use super::{HelperCall, Reply, Stop, malformed};
use crate::consumers::format::headers;
use crate::error::Error;
use crate::profile::{HostError, Target};

/// What a client wants a header for. Later versions may send more.
#[derive(Deserialize)]
struct Request {
    uri: String,
}

/// Answers one call. A host that is not ours gets no header, so that the build goes on.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    match call.words.first().map(String::as_str) {
        Some("get") => {}
        Some(_) => return Err(malformed("the only command is get").into()),
        None => return Err(malformed("usage: tokenkeep-bazel get, with {\"uri\": URI} on stdin").into()),
    }
    let request = call.input.all()?;
    let Request { uri } =
        serde_json::from_str(request).map_err(|_| malformed("the client sent no JSON object with a uri"))?;
    let granted = match target(&uri)? {
        Some(target) => call.token_for(&target)?,
        None => None,
    };
    Ok(match granted {
        Some(granted) => Reply::answer(headers::list_of(&granted.authorization(), &granted.handed())),
        None => Reply::answer("{}\n"),
    })
}

/// Reads the server of a URI. gRPC over TLS is https, and without TLS it is http.
fn target(uri: &str) -> Result<Option<Target>, Error> {
    let (scheme, rest) = uri.split_once("://").unwrap_or_default();
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" | "grpcs" => "https",
        "http" | "grpc" => "http",
        _ => return Err(malformed("the URI is neither https:// nor grpcs://, and no token goes anywhere else")),
    };
    match Target::parse(&format!("{scheme}://{rest}")) {
        Ok(target) => Ok(Some(target)),
        // It names a server, but never one of ours.
        Err(HostError::UserInfo | HostError::Dots) => Ok(None),
        Err(_) => Err(malformed("the URI names no server")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn grpcs_is_https_and_other_schemes_are_errors() {
        let of = |uri| target(uri).map(|target| target.map(|target| target.to_string())).map_err(|_| ());
        assert_eq!(of("grpcs://h.example.com/Service/Method"), Ok(Some("h.example.com/Service/Method".to_owned())));
        assert_eq!(of("https://h.example.com:8443/p?q"), Ok(Some("h.example.com:8443/p".to_owned())));
        assert_eq!(of("GRPC://h.example.com"), Ok(Some("http://h.example.com".to_owned())));
        assert_eq!(of("https://user@h.example.com/"), Ok(None));
        for uri in ["", "h.example.com", "ftp://h.example.com/", "file:///etc/passwd", "https:///p", "://"] {
            assert_eq!(of(uri), Err(()), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_server_none_or_an_error_that_does_not_quote_it(uri in "\\PC{0,40}") {
            if let Err(error) = target(&uri) {
                prop_assert!(uri.len() < 6 || !error.to_string().contains(&uri));
            }
        }
    }
}
