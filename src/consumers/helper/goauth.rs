//! The go command: `GOAUTH='tokenkeep helper goauth'` (`go help goauth`).
//!
//! The first call names no URL, and is answered with what is kept for the servers that are known by name. After a
//! response of 4xx go calls again, with the URL as the last word and the response on stdin. go keeps what it gets for as
//! long as it runs, and sends the headers of the longest prefix.

use std::time::Duration;

use super::{Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::hosts::ProfileHost;
use crate::profile::Target;
use crate::system::clock::Moment;
use crate::system::process_id::ProcessId;
use crate::system::secret::Secret;

/// How old a token is that go was surely handed already, if the system does not show when go began.
const SURELY_SENT: Duration = Duration::from_secs(10);

/// What a server answered that refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    /// It wants a token.
    Unauthorized,
    /// It got one, and does not take it (RFC 6750 s. 3.1).
    InvalidToken,
    Other,
}

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    match &call.words[..] {
        [] => Ok(Reply::answer(kept(call)?)),
        [url] => {
            let url = url.clone();
            let response = response(call.input.all()?);
            // go sends no token over plain http, and one with a user name has a credential already.
            let Some(target) = Target::parse(&url).ok().filter(|target| !target.is_plain()) else {
                return Ok(Reply::silent());
            };
            reject_sent(call, &target, response)?;
            let granted = call.token_for(&target)?;
            Ok(granted.map_or_else(Reply::silent, |granted| {
                Reply::answer(block(prefix(&url, granted.host.pattern.depth()), &granted))
            }))
        }
        _ => Err(malformed("go names one URL at most").into()),
    }
}

/// Writes the tokens that are kept, for each server that an entry names.
fn kept(call: &HelperCall<'_>) -> Result<String, Stop> {
    let map = call.hosts()?;
    let servers = map.servers().filter(|(_, server)| !server.is_plain());
    let blocks =
        servers.filter_map(|(entry, server)| Some(block(&format!("https://{server}"), &call.kept_for(entry)?)));
    Ok(blocks.collect())
}

/// Writes a prefix of URLs and the header for it. Both parts end in an empty line.
fn block(prefix: &str, granted: &Granted) -> String {
    format!("{prefix}\n\nAuthorization: {}\n\n", *granted.authorization())
}

/// Takes the kept token out of use if go has sent it and the server refused it: the one that was there before go began.
/// A later one was requested because of a refusal, or for another process, and was not sent yet.
fn reject_sent(call: &mut HelperCall<'_>, target: &Target, response: Response) -> Result<(), Stop> {
    let refused = match (response, call.hosts()?.chosen(target)?) {
        (Response::Other, _) | (_, None) => None,
        // Of a wildcard the first call hands out nothing: go has sent no token, unless the server saw one.
        (Response::Unauthorized, Some(entry)) if entry.host.pattern.server().is_none() => None,
        (_, Some(entry)) => sent_before(call, entry),
    };
    match refused {
        Some(token) => call.reject(target, &token),
        None => Ok(()),
    }
}

/// Returns the kept token of an entry if it is older than the go command.
fn sent_before(call: &HelperCall<'_>, entry: &ProfileHost) -> Option<Secret> {
    let now = call.home.clock.now();
    let began = ProcessId::of_parent().and_then(|go| go.began(&now)).unwrap_or_else(|| earlier(&now, SURELY_SENT));
    let kept = call.kept_for(entry)?;
    let token = kept.handed();
    let token = token.token();
    (!token.validity().sent_since(&began, &now)).then(|| Secret::from(token.expose()))
}

fn earlier(now: &Moment, by: Duration) -> Moment {
    let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    let mut then = *now;
    then.boot.0 = now.boot.0.saturating_sub(nanos);
    then.wall.0 = now.wall.0.saturating_sub(i64::try_from(nanos).unwrap_or(i64::MAX));
    then
}

/// Reads a status line and headers: `HTTP/1.1 401 Unauthorized`, `Name: value` of which several stand on one line.
fn response(head: &str) -> Response {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/")?.split(' ').nth(1));
    if status != Some("401") {
        return Response::Other;
    }
    let is_invalid = lines.take_while(|line| !line.is_empty()).any(|line| {
        let (name, value) = line.split_once(':').unwrap_or_default();
        let value = value.to_ascii_lowercase();
        name.eq_ignore_ascii_case("www-authenticate")
            && ["error=\"invalid_token\"", "error=invalid_token"].iter().any(|error| value.contains(error))
    });
    if is_invalid { Response::InvalidToken } else { Response::Unauthorized }
}

/// Returns the part of a URL that an entry with a path of so many segments names: one answer serves all below it.
fn prefix(url: &str, depth: usize) -> &str {
    let url = url.find(['?', '#']).map_or(url, |end| &url[..end]);
    let path = url.find("://").map_or(0, |at| at + 3);
    let path = url[path..].find('/').map_or(url.len(), |at| path + at);
    let mut end = path;
    for _ in 0..depth {
        let rest = &url[end..];
        let begin = rest.find(|sign| sign != '/').unwrap_or(rest.len());
        end += begin + rest[begin..].find('/').unwrap_or(rest.len() - begin);
    }
    &url[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_401_and_the_token_that_it_is_about_are_understood() {
        for (head, is) in [
            ("HTTP/1.1 401 Unauthorized\nDate: x\n\n", Response::Unauthorized),
            (
                "HTTP/2.0 401 Unauthorized\nWww-Authenticate: Bearer realm=\"x\", error=\"invalid_token\"\n\n",
                Response::InvalidToken,
            ),
            ("HTTP/1.1 401 \r\nWWW-Authenticate: Basic realm=\"error\"\r\n\r\n", Response::Unauthorized),
            ("HTTP/1.1 401 Unauthorized\n\nWww-Authenticate: Bearer error=\"invalid_token\"\n", Response::Unauthorized),
            ("HTTP/1.1 404 Not Found\nWww-Authenticate: Bearer error=\"invalid_token\"\n\n", Response::Other),
            ("401", Response::Other),
            ("", Response::Other),
        ] {
            assert_eq!(response(head), is, "{head}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_segment_and_has_the_letters_of_the_url() {
        for (url, depth, is) in [
            ("https://H.example.com:443/a/b/@v/list?go-get=1", 0, "https://H.example.com:443"),
            ("https://h.example.com/a/b/@v/list", 1, "https://h.example.com/a"),
            ("https://h.example.com//a/b", 2, "https://h.example.com//a/b"),
            ("https://h.example.com", 0, "https://h.example.com"),
            ("https://h.example.com?x", 3, "https://h.example.com"),
            ("", 1, ""),
        ] {
            assert_eq!(prefix(url, depth), is, "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_response_and_a_prefix_is_one(text in "\\PC{0,40}", depth in 0_usize..4) {
            response(&text);
            prop_assert!(text.starts_with(prefix(&text, depth)));
        }
    }
}
