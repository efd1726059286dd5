//! Parts of a URL that were copied from a page or a template and have to be filled in.

use std::net::Ipv6Addr;

/// The longest gap that is quoted, in bytes: a longer one may be something else.
const LONGEST: usize = 40;

/// Returns what was not filled in of a URL, as pages and templates write it: `{tenant}`, `<tenant>`, `$TENANT`,
/// `%TENANT%`, `[tenant]`, `:tenant`, `YOUR_TENANT`, `xxxx`.
///
/// A dollar is a part of some addresses (`/$metadata`, `?$top=1`): below the host it begins a gap only if it names a
/// variable.
pub(crate) fn gap(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let host = authority(text);
    let path = rest[host.len()..].split(['?', '#']).next().unwrap_or_default();
    let begin = text.len() - rest.len();
    marked(text, begin + host.len())
        .or_else(|| if is_address(host) { None } else { bracketed(host) })
        .or_else(|| bracketed(path))
        .or_else(|| between_percents(&rest[..host.len() + path.len()]))
        .or_else(|| in_host(host.split(':').next().unwrap_or_default()))
        .or_else(|| path.split('/').find_map(in_segment))
        .map(str::to_owned)
}

/// Returns what was not filled in of a value that becomes a part of a host or a path.
#[cfg(any(test, feature = "cli"))]
pub(super) fn gap_in_part(text: &str) -> Option<String> {
    marked(text, text.len())
        .or_else(|| if is_address(text) { None } else { bracketed(text) })
        .or_else(|| between_percents(text))
        .or_else(|| if text.contains('.') { in_host(text) } else { None })
        .or_else(|| text.split('/').find_map(in_segment))
        .map(str::to_owned)
}

/// Returns what stands between the scheme of a URL and its path.
pub(super) fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Finds a gap that a symbol marks which no URL has.
fn marked(text: &str, host: usize) -> Option<&str> {
    let is_variable = |next: Option<char>| next.is_some_and(|next| next.is_ascii_uppercase() || "({".contains(next));
    let (start, _) = text.char_indices().find(|(at, letter)| match letter {
        '{' | '}' | '<' | '>' => true,
        '$' => *at < host || is_variable(text[at + 1..].chars().next()),
        _ => false,
    })?;
    Some(shown_mark(&text[start..]))
}

/// Cuts the gap that a text begins with: with its name if that is a word, else its first letter.
fn shown_mark(text: &str) -> &str {
    let until = |from: usize, is_part: fn(char) -> bool| {
        text[from..].find(|letter| !is_part(letter)).map_or(text.len(), |length| from + length)
    };
    let name = until(0, |letter| "${<(".contains(letter));
    let end = match &text[..name] {
        "$" => until(name, |letter| letter.is_ascii_alphanumeric() || letter == '_'),
        _ => until(name, |letter| is_word(letter) || ". ".contains(letter)),
    };
    match end - name {
        1..=LONGEST if name > 0 => &text[..until(end, |letter| "}>)".contains(letter))],
        _ => &text[..1],
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

/// Returns whether the brackets of an authority hold an IPv6 address.
fn is_address(authority: &str) -> bool {
    let address = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    address.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Finds `[tenant]`.
fn bracketed(text: &str) -> Option<&str> {
    text.match_indices('[').find_map(|(at, _)| {
        let end = text[at..].find(']')?;
        let name = &text[at + 1..at + end];
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.len() <= LONGEST
            && name.chars().all(|letter| is_word(letter) || letter == ' ');
        is_name.then(|| &text[at..=at + end])
    })
}

/// Finds `%TENANT%`, which is no percent-encoding.
fn between_percents(text: &str) -> Option<&str> {
    let is_encoding =
        |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    text.match_indices('%').find_map(|(at, _)| {
        let length = text[at + 1..].find('%')?;
        let name = &text[at + 1..at + 1 + length];
        let end = at + 1 + length;
        let is_name =
            !name.is_empty() && name.len() <= LONGEST && name.chars().all(|it| it == '_' || it.is_ascii_alphanumeric());
        (is_name && !(is_encoding(at) && is_encoding(end))).then(|| &text[at..=end])
    })
}

/// Finds a label of a host that stands for another. Those of the domain itself can be a real name: `xxx.com`.
fn in_host(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let is_for_pages = labels.last().is_some_and(|last| last.eq_ignore_ascii_case("example"));
    let below_domain = labels.len().saturating_sub(if is_for_pages { 1 } else { 2 });
    let is_blank = |label: &str| {
        let rest = label.trim_end_matches(['x', 'X']);
        let count = label.len() - rest.len();
        (rest.is_empty() && count >= 3) || (rest.ends_with('-') && count >= 4)
    };
    let blank = labels[..below_domain].iter().copied().find(|label| is_blank(label) && label.len() <= LONGEST);
    blank.or_else(|| labels.iter().copied().find_map(yours))
}

/// Finds a segment of a path that stands for another: `:tenant`, `YOUR_TENANT`, `xxxx`, or such digits of a GUID.
fn in_segment(segment: &str) -> Option<&str> {
    let is_route = segment.strip_prefix(':').is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(is_word) && name.len() < LONGEST
    });
    let is_blank = segment.len() <= LONGEST
        && segment.chars().all(|letter| "xX-".contains(letter))
        && segment.chars().filter(|letter| *letter != '-').count() >= 4;
    if is_route || is_blank { Some(segment) } else { yours(segment) }
}

/// Finds `YOUR_TENANT`, `YOUR-TENANT` and `your_tenant`.
fn yours(word: &str) -> Option<&str> {
    const NOUNS: [&str; 9] =
        ["tenant", "tenant_id", "domain", "subdomain", "realm", "host", "region", "instance", "organization"];
    let is_yours = word.starts_with("YOUR_")
        || word.starts_with("YOUR-")
        || word.contains("-YOUR_")
        || word.strip_prefix("your_").is_some_and(|noun| NOUNS.contains(&noun));
    let is_plain = word.len() <= LONGEST && word.chars().all(is_word);
    is_yours.then_some(if is_plain { word } else { "YOUR_" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_that_was_not_filled_in_is_found_however_pages_write_it() {
        for (text, found) in [
            ("https://{tenant}.example.com/token", "{tenant}"),
            ("https://login.example.com/<your tenant>/token", "<your tenant>"),
            ("https://example.com/{{ realm }}/token", "{{ realm }}"),
            ("https://example.com/${TENANT}/token", "${TENANT}"),
            ("https://YOUR_DOMAIN/oauth/token", "YOUR_DOMAIN"),
            ("https://YOUR-DOMAIN.auth0.com/oauth/token", "YOUR-DOMAIN"),
            ("https://dev-YOUR_ID.okta.com/token", "dev-YOUR_ID"),
            ("https://example.com/your_realm/token", "your_realm"),
            ("https://example.com/realms/YOUR_REALM/token", "YOUR_REALM"),
            ("https://example.com/realms/:realm/token", ":realm"),
            ("https://login.example.com/[tenant]/token", "[tenant]"),
            ("https://[tenant].example.com/token", "[tenant]"),
            ("https://[your tenant]/token", "[your tenant]"),
            ("https://example.com/%TENANT%/token", "%TENANT%"),
            ("https://%DEVICE_HOST%/token", "%DEVICE_HOST%"),
            ("https://xxx.example/token", "xxx"),
            ("https://xxx.auth0.com/token", "xxx"),
            ("https://dev-xxxxxx.okta.com/token", "dev-xxxxxx"),
            ("https://login.example.com/XXXX/token", "XXXX"),
            (
                "https://login.example.com/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/token",
                "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            ),
        ] {
            assert_eq!(gap(text).as_deref(), Some(found), "{text}");
        }
    }

    #[test]
    fn what_can_be_real_is_no_gap() {
        for text in [
            "https://example.com/odata/$metadata?$top=1",
            "https://[::1]:8443/token",
            "https://[fd00::1]/token",
            "https://example.com/token?a[]=1&b[tenant]=2&c=:x&d=%41%42",
            "https://example.com/a%20b%2Fc/%E4%BD%A0%E5%A5%BD/token",
            "https://example.com/%AD%20/token",
            "https://xxx.com/token",
            "https://www.xxx.com/token",
            "https://example.xxx/token",
            "https://xxxx/token",
            "https://maxx.example.com/exxxon/xxx/token",
            "https://your-tenant.example.com/yours/token",
            "https://yourcompany.example.com/token",
            "https://example.com/your_account/token",
            "https://example.com/FOR-YOUR-EYES/token",
            "https://example.com/v1/projects/p:token",
            "https://example.com:8443/a:b/token",
            "https://example.com/TENANT_ID/API/token",
            "https://example.com/[0]/token",
            "token",
            "",
        ] {
            assert_eq!(gap(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_that_was_not_filled_in_is_found() {
        for (text, found) in [
            ("YOUR_DOMAIN", "YOUR_DOMAIN"),
            ("YOUR_TENANT.eu.auth0.com", "YOUR_TENANT"),
            ("dev-xxxxxx.okta.com", "dev-xxxxxx"),
            ("{tenant}", "{tenant}"),
            ("[tenant]", "[tenant]"),
            (":realm", ":realm"),
            ("%TENANT%", "%TENANT%"),
            ("$TENANT", "$TENANT"),
            ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        ] {
            assert_eq!(gap_in_part(text).as_deref(), Some(found), "{text}");
        }
        for text in [
            "xxx",
            "example.com:8443",
            "[::1]:80",
            "your-tenant",
            "common",
            "a-1",
            "8f5b3a52-1111-4c4c-9999-000000000000",
            "",
        ] {
            assert_eq!(gap_in_part(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_gap_that_stands_in_it_or_none(text in "(https://)?[A-Za-z_.:/?#%$\\[\\]{}<>x0-9äYOUR_ -]{0,60}") {
            for found in [gap(&text), gap_in_part(&text)].into_iter().flatten() {
                prop_assert!(!found.is_empty() && (text.contains(&found) || found == "YOUR_"), "{found}");
                prop_assert!(found.len() <= LONGEST + 8);
            }
        }
    }
}
