//! A server's text, fit to be shown: one line, escaped, and without what may be a secret.
//!
//! A known secret is found exactly: as it is, percent-encoded, in Base64, in hexadecimal or as bytes, and escaped as JSON
//! does; then all of the text is withheld. Whatever else may be a secret is a long run without a blank, and is masked.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::Url;

use crate::system::secret::Secret;

/// A run of at least this many characters may be a token or a code that opens something.
const LONG: usize = 20;
const MASK: &str = "...";
const WITHHELD: &str = "(withheld: it repeats the credential)";
/// The long words of the protocol, which are no secrets: error codes of RFC 6749, 7009, 7591, 8628 and 9396, and the one of
/// GitHub for a wrong secret.
const WORDS: [&str; 9] = [
    "unsupported_grant_type",
    "temporarily_unavailable",
    "unsupported_token_type",
    "unsupported_response_type",
    "authorization_pending",
    "invalid_authorization_details",
    "unapproved_software_statement",
    "token_endpoint_auth_method",
    "incorrect_client_credentials",
];

/// What is known before a server's text is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// What must not be in it.
    pub(super) secrets: &'a [&'a Secret],
    /// The URLs of the binding, which may be.
    pub(super) urls: &'a [Option<&'a str>],
}

/// Makes a server's text fit to be shown: one line, at most `most` characters. All of it is withheld if it repeats a
/// secret, and its long runs are masked.
pub(super) fn redact(text: &str, most: usize, known: Known<'_>) -> String {
    if known.secrets.iter().any(|secret| repeats(text, secret)) {
        return WITHHELD.to_owned();
    }
    one_line(&masked(text, known.urls), most)
}

/// Writes a text on one line: escaped, at most `most` characters. For words that no server can put a secret into.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for symbol in text.chars() {
        let plain = symbol == ' ' || symbol.is_ascii_graphic() || (!symbol.is_ascii() && symbol.is_alphanumeric());
        let piece = if plain { symbol.to_string() } else { symbol.escape_unicode().to_string() };
        count += piece.chars().count();
        if count > most {
            line.push_str("...");
            break;
        }
        line.push_str(&piece);
    }
    line
}

/// Masks every long run of a text, but for UUIDs, which name requests, and for the URLs of the binding.
fn masked(text: &str, urls: &[Option<&str>]) -> String {
    let mut shown = String::with_capacity(text.len());
    for run in text.split_inclusive(char::is_whitespace) {
        let word = run.trim_end_matches(char::is_whitespace);
        if word.chars().count() < LONG || is_harmless(word, urls) {
            shown.push_str(run);
        } else {
            shown.push_str(MASK);
            shown.push_str(&run[word.len()..]);
        }
    }
    shown
}

fn is_harmless(word: &str, urls: &[Option<&str>]) -> bool {
    // Quotation marks and full stops around it are no part of it.
    let core = |text| str::trim_matches(text, |symbol: char| !symbol.is_alphanumeric());
    let word = core(word);
    is_uuid(word) || WORDS.contains(&word) || urls.iter().flatten().any(|url| core(url) == word)
}

fn is_uuid(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| is_hex(part))
}

/// Shows the place that a redirect leads to: host and path, without what may be a secret. `None` if it leads to no web
/// address.
pub(super) fn elsewhere(from: &Url, location: &[u8], secrets: &[&Secret]) -> Option<String> {
    let to =
        from.join(&String::from_utf8_lossy(location)).ok().filter(|to| ["https", "http"].contains(&to.scheme()))?;
    let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{}{port}", to.host_str()?);
    let is_plain = |part: &str| part.len() < LONG || from.path().split('/').any(|own| own == part);
    let path: Vec<&str> = to.path().split('/').map(|part| if is_plain(part) { part } else { MASK }).collect();
    let whole = format!("{host}{}", to.path());
    if secrets.iter().any(|secret| repeats(&whole, secret)) {
        return Some(WITHHELD.to_owned());
    }
    Some(one_line(&format!("{host}{}", path.join("/")), 200))
}

/// Returns whether a text holds a secret: as it is, escaped as JSON does, percent-encoded, in hexadecimal, or as a list of
/// bytes. Base64 is found at any of the three alignments that it can have inside something longer.
pub(super) fn repeats(text: &str, secret: &Secret) -> bool {
    let bytes = secret.expose();
    if bytes.is_empty() {
        return false;
    }
    let is_in = |view: &str| {
        [view, &percent_decoded(view, ' '), &percent_decoded(view, '+')]
            .iter()
            .any(|view| contains(view.as_bytes(), bytes))
    };
    is_in(text) || is_in(&unescaped(text)) || in_numbers(text, bytes) || in_base64(text, bytes)
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// In hexadecimal digits, or as decimal bytes, whatever stands between them.
fn in_numbers(text: &str, bytes: &[u8]) -> bool {
    let digits = |text: &str| -> String {
        text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
    };
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // What looks like the prefix of a number may be the end of one.
    let is_hex =
        [digits(text), digits(&text.replace("0x", "").replace("0X", ""))].iter().any(|view| view.contains(&hex));
    let listed: Vec<u8> =
        text.split(|symbol: char| !symbol.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    is_hex || contains(&listed, bytes)
}

fn in_base64(text: &str, bytes: &[u8]) -> bool {
    (0..3).any(|shift| {
        let shifted = [&[0; 2][..shift], bytes].concat();
        // The first character(s) mix with what stands before, the last one with what comes after.
        let skip = [0, 2, 3][shift];
        let whole = |encoded: String| {
            let end = shifted.len() * 8 / 6;
            encoded.get(skip..end).filter(|inner| inner.len() >= 2).map(str::to_owned)
        };
        [whole(STANDARD_NO_PAD.encode(&shifted)), whole(URL_SAFE_NO_PAD.encode(&shifted))]
            .into_iter()
            .flatten()
            .any(|inner| text.contains(&inner))
    })
}

fn percent_decoded(text: &str, plus: char) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail.first_chunk::<2>().and_then(|digits| hex_number(std::str::from_utf8(digits).ok()?))) {
            (b'%', Some(byte)) => {
                decoded.push(u8::try_from(byte).unwrap_or_default());
                rest = &tail[2..];
            }
            (b'+', _) => decoded.extend(plus.to_string().bytes()),
            _ => decoded.push(*first),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Undoes the backslashes of JSON and of Debug.
fn unescaped(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(symbol) = rest.chars().next() {
        rest = &rest[symbol.len_utf8()..];
        let (unit, length) = if symbol == '\\' { escape(rest) } else { None }.unwrap_or((u32::from(symbol), 0));
        rest = &rest[length..];
        // In UTF-16, so that the two halves of a pair find each other.
        match (u16::try_from(unit), char::from_u32(unit)) {
            (Ok(unit), _) => units.push(unit),
            (Err(_), Some(symbol)) => units.extend(symbol.encode_utf16(&mut [0; 2]).iter()),
            (Err(_), None) => {}
        }
    }
    String::from_utf16_lossy(&units)
}

/// What the text behind a backslash stands for, and its length.
fn escape(text: &str) -> Option<(u32, usize)> {
    let single = |value: u8| Some((u32::from(value), 1));
    match text.as_bytes().first()? {
        b'n' => single(b'\n'),
        b't' => single(b'\t'),
        b'r' => single(b'\r'),
        b'b' => single(8),
        b'f' => single(12),
        b'0' => single(0),
        byte @ (b'"' | b'\\' | b'/' | b'\'') => single(*byte),
        b'x' => Some((hex_number(text.get(1..3)?)?, 3)),
        b'u' => match text.strip_prefix("u{").and_then(|rest| rest.split_once('}')) {
            Some((digits, _)) if digits.len() <= 6 => Some((hex_number(digits)?, digits.len() + 3)),
            _ => Some((hex_number(text.get(1..5)?)?, 5)),
        },
        _ => None,
    }
}

fn hex_number(digits: &str) -> Option<u32> {
    // `from_str_radix` takes a sign as well.
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_says_is_one_escaped_line_of_300_characters() {
        let hostile = format!("a\u{1b}[31m\r\n\u{85}\u{202e}b{}", " x".repeat(500_000));
        let line = redact(&hostile, 300, Known::default());
        assert!(line.chars().count() <= 303, "{}", line.len());
        assert!(line.chars().all(|symbol| !symbol.is_control() && symbol != '\u{202e}'));
        assert!(line.starts_with(r"a\u{1b}[31m\u{d}\u{a}\u{85}\u{202e}b"), "{line}");
        assert_eq!(redact("ungültig", 300, Known::default()), "ungültig");
    }

    #[test]
    fn where_a_redirect_leads_is_shown_without_its_query_and_without_what_may_be_secret() {
        let from = Url::parse("https://id.example.com:8443/realms/a-realm-with-a-long-name/token").expect("a URL");
        let secret = Secret::from("s3cr3t");
        let shown = |location: &str| elsewhere(&from, location.as_bytes(), &[&secret]);
        for (location, wanted) in [
            ("/token/", "id.example.com:8443/token/"),
            ("token/", "id.example.com:8443/realms/a-realm-with-a-long-name/token/"),
            ("//login.example.com/sign-in?client_secret=s3cr3t#s3cr3t", "login.example.com/sign-in"),
            ("http://u:p@other.example.com:81/x", "other.example.com:81/x"),
            ("/code/0123456789abcdefghij/x", "id.example.com:8443/code/.../x"),
            ("/a\u{1b}[31m\u{202e}", "id.example.com:8443/a%1B[31m%E2%80%AE"),
            ("/x/s3cr3t/y", "(withheld: it repeats the credential)"),
            ("/x/%73%33cr3t", "(withheld: it repeats the credential)"),
        ] {
            assert_eq!(shown(location).as_deref(), Some(wanted), "{location}");
        }
        for location in ["mailto:a@example.com", "javascript:alert(1)", "https://", "file:///etc/passwd"] {
            assert_eq!(shown(location), None, "{location}");
        }
        let long = shown(&format!("/{}", "a/".repeat(10_000))).expect("a place");
        assert!(long.len() <= 203 && long.ends_with("..."), "{long}");
    }

    #[test]
    fn a_secret_that_is_echoed_in_any_encoding_is_withheld() {
        let secret = Secret::from("p:a+s%2F/=&? \"#~!");
        let text = secret.expose_text().expect("text");
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}:")).collect();
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for echo in [
            text.to_owned(),
            form,
            hex,
            STANDARD.encode(text),
            STANDARD.encode(format!("id:{text}")),
            STANDARD.encode(format!("i:{text}x")),
            URL_SAFE_NO_PAD.encode(format!("ident:{text}")),
        ] {
            let line = redact(&format!("bad client {echo}, go away"), 300, Known { secrets: &[&secret], urls: &[] });
            assert_eq!(line, "(withheld: it repeats the credential)", "{echo}");
        }
        assert_eq!(redact("bad client", 300, Known { secrets: &[&secret], urls: &[] }), "bad client");
    }

    #[test]
    fn a_secret_that_is_escaped_is_found_all_the_same() {
        let text = "a\"b\\c<d>&\u{1f511} e%41+";
        let secret = Secret::from(text);
        for echo in [
            format!("{text:?}"),
            r"a\u0022b\x5cc\u003cd>&\ud83d\udd11 e%41+".to_owned(),
            format!("{:?}", text.as_bytes()),
            text.bytes().map(|byte| format!("0x{byte:02x}, ")).collect(),
        ] {
            assert!(repeats(&format!("not {echo}!"), &secret), "{echo}");
        }
        // The end of a number is no prefix of the next.
        assert!(repeats("60X", &Secret::from("`")));
        assert!(!repeats("a client that is not known: &#; %4 \\u12 \\", &secret));
    }

    #[test]
    fn a_long_run_is_masked_but_for_what_names_a_request_or_a_place() {
        let urls = [Some("https://issuer.example/oauth2/token"), None, Some("https://issuer.example/tenant/")];
        let shown = |text: &str| redact(text, 300, Known { secrets: &[], urls: &urls });
        for text in [
            "no such client",
            "nineteen-characters",
            "trace id: 0f9a61d7-c24b-4835-8d90-a7f3b16c2e84",
            "the app '0F9A61D7-C24B-4835-8D90-A7F3B16C2E84'.",
            "POST https://issuer.example/oauth2/token, please",
            "of <https://issuer.example/tenant/>",
            "unsupported_grant_type: temporarily_unavailable",
        ] {
            assert_eq!(shown(text), text);
        }
        for (text, wanted) in [
            ("twenty-characters-xx", "..."),
            ("key 0f9a61d7c24b48358d90a7f3b16c2e84 is wrong", "key ... is wrong"),
            ("id=0f9a61d7-c24b-4835-8d90-a7f3b16c2e84", "..."),
            ("https://issuer.example/oauth2/token?code=1", "..."),
            ("https://issuer.example/oauth2/tokens\tx", "...\\u{9}x"),
            ("0f9a61d7-c24b-4835-8d90-a7f3b16c2e8g", "..."),
            // What no exact match finds: another escape, and two of them.
            ("&quot;0f9a61d7c24b&amp;48358d90", "..."),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_echo_is_found_wherever_it_stands(secret in "[ -~]{4,24}", before in "[ -~]{0,8}", after in "[ -~]{0,8}") {
            let wrapped = format!("{before}{secret}{after}");
            let secret = Secret::from(secret.as_str());
            prop_assert!(repeats(&wrapped, &secret));
            prop_assert!(repeats(&STANDARD.encode(&wrapped), &secret));
            prop_assert!(repeats(&URL_SAFE_NO_PAD.encode(&wrapped), &secret));
        }

        #[test]
        fn any_text_is_shown_or_withheld_without_a_panic(text in ".{0,80}", secret in ".{1,12}") {
            let line = redact(&text, 40, Known { secrets: &[&Secret::from(secret.as_str())], urls: &[] });
            prop_assert!(line.chars().count() <= 43 && !line.contains(char::is_control));
        }

        #[test]
        fn a_secret_of_any_length_never_shows(secret in "[!-~]{1,64}", before in "[ -~]{0,12}", after in "[ -~]{0,12}") {
            let known = Secret::from(secret.as_str());
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let json = serde_json::json!(secret).to_string();
            // Of less, Base64 keeps no symbol that depends on nothing else.
            let base64 = if secret.len() < 3 { secret.clone() } else { STANDARD.encode(format!("{before}{secret}")) };
            for echo in [secret.clone(), percent, hex, base64, json] {
                let line = redact(&format!("{before}{echo}{after}"), 300, Known { secrets: &[&known], urls: &[] });
                prop_assert_eq!(line, WITHHELD);
            }
        }

        #[test]
        fn a_long_run_that_is_no_uuid_never_shows(run in "[!-~]{20,80}", before in "[ -~]{0,12}", after in "[ -~]{0,12}") {
            prop_assume!(!is_harmless(&run, &[]));
            let line = redact(&format!("{before} {run} {after}"), 300, Known::default());
            prop_assert!(!line.contains(&run), "{}", line);
        }
    }
}
