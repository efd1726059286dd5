//! A server's text, fit to be shown: one line, escaped, and withheld if it repeats a secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::Url;

use crate::system::secret::Secret;

/// A part of a path that is at least this long may be a token or a code that opens something.
const LONG: usize = 20;

/// Makes a server's text fit to be shown: one line, escaped, at most `most` characters. All of it is withheld if it
/// repeats a secret in any of the usual encodings.
pub(crate) fn redact(text: &str, most: usize, secrets: &[&Secret]) -> String {
    if secrets.iter().any(|secret| repeats(text, secret)) {
        return "(withheld: it repeats the credential)".to_owned();
    }
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

/// Shows the place that a redirect leads to: host and path, without what may be a secret. `None` if it leads to no web
/// address.
pub(super) fn elsewhere(from: &Url, location: &[u8], secrets: &[&Secret]) -> Option<String> {
    let to =
        from.join(&String::from_utf8_lossy(location)).ok().filter(|to| ["https", "http"].contains(&to.scheme()))?;
    let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{}{port}", to.host_str()?);
    let is_plain = |part: &str| part.len() < LONG || from.path().split('/').any(|own| own == part);
    let path: Vec<&str> = to.path().split('/').map(|part| if is_plain(part) { part } else { "..." }).collect();
    let whole = format!("{host}{}", to.path());
    let is_withheld = secrets.iter().any(|secret| repeats(&whole, secret));
    Some(if is_withheld {
        redact(&whole, 200, secrets)
    } else {
        redact(&format!("{host}{}", path.join("/")), 200, &[])
    })
}

/// Returns whether a text holds a secret. It is found as it is, escaped once or twice as JSON, Debug or HTML do,
/// percent-encoded, in hexadecimal, or as a list of bytes. Base64 is found at any of the three alignments
/// that it can have inside something longer. Blanks and newlines in between do not hide it.
pub(super) fn repeats(text: &str, secret: &Secret) -> bool {
    let bytes = secret.expose();
    if bytes.is_empty() {
        return false;
    }
    let unescaped = unescaped(text);
    let mut views = vec![text.to_owned(), self::unescaped(&unescaped), html_decoded(text), unescaped];
    // A form within a URL is encoded twice.
    for _ in 0..2 {
        views = views
            .iter()
            .flat_map(|view| [view.clone(), percent_decoded(view, ' '), percent_decoded(view, '+')])
            .collect();
        views.sort_unstable();
        views.dedup();
    }
    let squeezed_secret = squeezed(&String::from_utf8_lossy(bytes));
    let plain = |view: &String| {
        contains(view.as_bytes(), bytes) || (!squeezed_secret.is_empty() && squeezed(view).contains(&squeezed_secret))
    };
    views.iter().any(plain) || in_numbers(text, bytes) || in_base64(&squeezed(text), bytes)
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|symbol| !symbol.is_whitespace()).collect()
}

/// In hexadecimal digits, or as decimal bytes, whatever stands between them.
fn in_numbers(text: &str, bytes: &[u8]) -> bool {
    let digits: Vec<u8> = text.replace("0x", "").replace("0X", "").bytes().filter(u8::is_ascii_hexdigit).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let listed: Vec<u8> =
        text.split(|symbol: char| !symbol.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    contains(&digits.to_ascii_lowercase(), hex.as_bytes()) || contains(&listed, bytes)
}

fn in_base64(squeezed: &str, bytes: &[u8]) -> bool {
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
            .any(|inner| squeezed.contains(&inner))
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

/// Undoes the entities of HTML that an escaping function writes.
fn html_decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        let symbol = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let number = name.strip_prefix('#')?;
                let hex = number.strip_prefix(['x', 'X']);
                char::from_u32(hex.map_or_else(|| number.parse().ok(), hex_number)?)
            }
        });
        match (symbol, entity) {
            (Some(symbol), Some((_, after))) => {
                decoded.push(symbol);
                rest = after;
            }
            _ => {
                decoded.push('&');
                rest = after;
            }
        }
    }
    decoded + rest
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
        let hostile = format!("a\u{1b}[31m\r\n\u{85}\u{202e}b{}", "x".repeat(1_000_000));
        let line = redact(&hostile, 300, &[]);
        assert!(line.chars().count() <= 303, "{}", line.len());
        assert!(line.chars().all(|symbol| !symbol.is_control() && symbol != '\u{202e}'));
        assert!(line.starts_with(r"a\u{1b}[31m\u{d}\u{a}\u{85}\u{202e}b"), "{line}");
        assert_eq!(redact("ungültig", 300, &[]), "ungültig");
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
            let line = redact(&format!("bad client {echo}, go away"), 300, &[&secret]);
            assert_eq!(line, "(withheld: it repeats the credential)", "{echo}");
        }
        assert_eq!(redact("bad client", 300, &[&secret]), "bad client");
    }

    #[test]
    fn a_secret_that_is_escaped_is_found_all_the_same() {
        let text = "a\"b\\c<d>&\u{1f511} e%41+";
        let secret = Secret::from(text);
        let json = format!("{text:?}");
        for echo in [
            json.clone(),
            format!("{json:?}"),
            r"a\u0022b\x5cc\u003cd>&\ud83d\udd11 e%41+".to_owned(),
            "a&quot;b\\c&lt;d&gt;&amp;&#x1f511; e%41&#43;".to_owned(),
            format!("{:?}", text.as_bytes()),
            text.bytes().map(|byte| format!("0x{byte:02x}, ")).collect(),
            text.bytes().map(|byte| format!("%25{byte:02X}")).collect(),
            text.chars().map(|symbol| format!("{symbol}\n")).collect(),
        ] {
            assert!(repeats(&format!("not {echo}!"), &secret), "{echo}");
        }
        assert!(!repeats("a client that nobody knows: &#; %4 \\u12 \\", &secret));
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
            let line = redact(&text, 40, &[&Secret::from(secret.as_str())]);
            prop_assert!(line.chars().count() <= 43 && !line.contains(char::is_control));
        }
    }
}
