//! The words of an answer about a failure: of RFC 6749, of a framework, or of a gateway.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::coding::without_mark;
use super::redact::{Known, redact};
use crate::system::secret::Secret;

/// How many of its words are shown.
const MOST: usize = 4;
/// How deep they are looked for.
const DEEPEST: usize = 4;
/// The members that hold words for people, the more useful last: `errorSummary` and `error_summary` are one name here.
const WORDS: [&str; 10] = [
    "title",
    "errordescription",
    "message",
    "detail",
    "errorsummary",
    "errormessage",
    "errormsg",
    "faultstring",
    "msg",
    "description",
];
/// The members that hold more of the like, as an object or a list.
const NESTED: [&str; 7] = ["error", "errors", "fault", "detail", "details", "errorcauses", "message"];
/// The members that name the error if `error` does not.
const NAMES: [&str; 2] = ["errorcode", "code"];

/// The words of an error body, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The error that it names.
    pub(super) error: Option<String>,
    /// What it adds.
    pub(super) description: Option<String>,
}

impl Words {
    /// Reads the words of a body that is JSON; `None` if it has none. What must not be shown is masked.
    pub(super) fn of(body: &[u8], known: Known<'_>) -> Option<Words> {
        let object = &parsed(body)?;
        // An issuer that gives a token and an error at once may repeat the one in the other.
        let token = object.get("access_token").and_then(Value::as_str).map(Secret::from);
        let secrets: Vec<&Secret> = known.secrets.iter().copied().chain(&token).collect();
        let known = Known { secrets: &secrets, ..known };
        let name = name_in(object);
        let mut found = Vec::new();
        collect(object, 0, &mut found);
        // Words that were found before are left out.
        let mut told: Vec<&str> = Vec::new();
        for words in found {
            if Some(words) != name && !told.iter().any(|before| before.contains(words)) {
                told.push(words);
            }
        }
        told.truncate(MOST);
        let description = (!told.is_empty()).then(|| redact(&told.join(": "), 300, known));
        let error = name.map(|name| redact(name, 64, known));
        if error.is_none() && description.is_none() { None } else { Some(Words { error, description }) }
    }
}

fn parsed(body: &[u8]) -> Option<Map<String, Value>> {
    let body = without_mark(body);
    match std::str::from_utf8(body) {
        Ok(text) => object_in(text),
        // Latin-1: each byte is the symbol of the same number.
        Err(_) => object_in(&body.iter().map(|byte| char::from(*byte)).collect::<String>()),
    }
}

/// Reads an object, or the first one of a list. A member that cannot be read does not hide the others.
fn object_in(text: &str) -> Option<Map<String, Value>> {
    let members: BTreeMap<String, &RawValue> = match serde_json::from_str(text) {
        Ok(members) => members,
        Err(_) => serde_json::from_str::<Vec<_>>(text).ok()?.into_iter().next()?,
    };
    let read = |(name, raw): (String, &RawValue)| Some((name, serde_json::from_str(raw.get()).ok()?));
    Some(members.into_iter().filter_map(read).collect())
}

/// Returns the name of the error: `error` of RFC 6749, or what others have in its place.
fn name_in(object: &Map<String, Value>) -> Option<&str> {
    let text = |value: &'_ Value| value.as_str().is_some_and(|text| !text.is_empty());
    match object.get("error") {
        Some(Value::Object(inner)) => name_in(inner),
        Some(value) if text(value) => value.as_str(),
        _ => NAMES.iter().find_map(|name| member(object, name).filter(|value| text(value))?.as_str()),
    }
}

/// Finds a member by its name without case, lines and hyphens.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let is_it = |key: &str| {
        let letters = key.bytes().filter(|byte| !b"_-".contains(byte)).map(|byte| byte.to_ascii_lowercase());
        letters.eq(name.bytes())
    };
    object.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

fn collect<'a>(object: &'a Map<String, Value>, depth: usize, found: &mut Vec<&'a str>) {
    found.extend(
        WORDS.iter().filter_map(|name| member(object, name)?.as_str()).filter(|words| !words.trim().is_empty()),
    );
    if depth == DEEPEST {
        return;
    }
    for value in NESTED.iter().filter_map(|name| member(object, name)) {
        match value {
            Value::Object(inner) => collect(inner, depth + 1, found),
            Value::Array(items) => items.iter().take(MOST).for_each(|item| match item {
                Value::Object(inner) => collect(inner, depth + 1, found),
                Value::String(words) if !words.trim().is_empty() => found.push(words),
                _ => {}
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(body: &str) -> (Option<String>, Option<String>) {
        Words::of(body.as_bytes(), Known::default()).map_or((None, None), |words| (words.error, words.description))
    }

    #[test]
    fn the_words_of_every_framework_are_read() {
        for (body, error, description) in [
            (r#"{"error":"invalid_client","error_description":"no such client"}"#, "invalid_client", "no such client"),
            // Spring
            (
                r#"{"timestamp":1,"status":401,"error":"Unauthorized","message":"Bad credentials","path":"/token"}"#,
                "Unauthorized",
                "Bad credentials",
            ),
            // Problem details (RFC 9457)
            (
                r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Unknown client"}"#,
                "",
                "Unauthorized: Unknown client",
            ),
            (
                r#"{"errorCode":"E0000011","errorSummary":"Invalid token","errorCauses":[]}"#,
                "E0000011",
                "Invalid token",
            ),
            (r#"{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}"#, "invalid_client", ""),
            (r#"{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.X"}}}"#, "", "Invalid ApiKey"),
            (r#"{"error":{"code":401,"message":"bad key","errors":[{"message":"really"}]}}"#, "", "bad key: really"),
            (r#"{"error":{"code":"invalid_client","message":"bad key"}}"#, "invalid_client", "bad key"),
            (r#"{"errors":[{"title":"Bad","detail":"no key"},"and more"]}"#, "", "Bad: no key: and more"),
            (r#"{"detail":[{"loc":["body","x"],"msg":"field required"}]}"#, "", "field required"),
            (r#"{"message":"Forbidden"}"#, "", "Forbidden"),
            (r#"[{"message":"listed","errorCode":"X"}]"#, "X", "listed"),
            (r#"{"error":"Not Found","message":"Not Found"}"#, "Not Found", ""),
            (r#"{"error":"a","error":"b"}"#, "b", ""),
            (r#"{"error":"a","error_description":"\ud800","message":"c"}"#, "a", "c"),
        ] {
            let wanted = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            assert_eq!(told(body), (wanted(error), wanted(description)), "{body}");
        }
    }

    #[test]
    fn a_body_without_words_says_nothing() {
        for body in [
            "",
            "null",
            "<html>",
            "{}",
            "[]",
            "7",
            r#"{"error":null}"#,
            r#"{"error":""}"#,
            r#"{"error":{}}"#,
            r#"{"a":"b"}"#,
        ] {
            assert_eq!(Words::of(body.as_bytes(), Known::default()), None, "{body}");
        }
    }

    #[test]
    fn words_in_latin_1_are_read() {
        let words =
            Words::of(b"{\"error\":\"invalid_client\",\"error_description\":\"ung\xfcltig\"}", Known::default())
                .expect("words");
        assert_eq!(words.description.as_deref(), Some("ungültig"));
    }

    #[test]
    fn words_that_repeat_a_secret_or_the_token_beside_them_are_withheld_wherever_they_stand() {
        let secret = Secret::from("s3cr3t-s3cr3t");
        for (words, withheld) in [("s3cr3t-s3cr3t", true), ("tok-0123456789", true), ("harmless", false)] {
            for body in [
                format!(r#"{{"message":"{words}"}}"#),
                format!(r#"{{"error":{{"message":"{words}"}}}}"#),
                format!(r#"{{"errors":["{words}"]}}"#),
                format!(r#"{{"fault":{{"faultstring":"{words}"}}}}"#),
                format!(r#"{{"errorCode":"{words}"}}"#),
            ] {
                let body = body.replacen('{', r#"{"access_token":"tok-0123456789","#, 1);
                let words = Words::of(body.as_bytes(), Known { secrets: &[&secret], urls: &[] }).expect("words");
                let text = format!("{words:?}");
                assert_eq!(text.contains("(withheld"), withheld, "{body}: {text}");
                assert!(!text.contains("s3cr3t") && !text.contains("tok-"), "{body}: {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_say_something_short_or_nothing(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,400}") {
            let json = serde_json::json!({ "error": { "title": text, "errors": [text] }, "message": text }).to_string();
            for body in [body.as_slice(), json.as_bytes()] {
                if let Some(words) = Words::of(body, Known::default()) {
                    prop_assert!(words.description.unwrap_or_default().chars().count() <= 303);
                }
            }
        }
    }
}
