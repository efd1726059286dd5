//! What `tokenkeep curl` lets curl do with a token whose hosts are known: one transfer, over TLS, to one of them.

use crate::error::{Code, Error};
use crate::profile::Target;

/// Short options that take a value, in the same word or the next.
const SHORT_WITH_VALUE: &str = "AbcCdDeEFHmoPQrtTuUwXyYz";
/// Short options that take none.
const SHORT: &str = "#012346afgGiIjJlLMnNOpqRsSvVZ";

/// Long options that take a value.
const LONG_WITH_VALUE: [&str; 37] = [
    "--cacert",
    "--capath",
    "--cert",
    "--ciphers",
    "--connect-timeout",
    "--cookie",
    "--cookie-jar",
    "--data",
    "--data-ascii",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--dump-header",
    "--form",
    "--form-string",
    "--header",
    "--interface",
    "--json",
    "--keepalive-time",
    "--key",
    "--limit-rate",
    "--max-filesize",
    "--max-redirs",
    "--max-time",
    "--output",
    "--output-dir",
    "--range",
    "--referer",
    "--request",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--time-cond",
    "--upload-file",
    "--user-agent",
    "--write-out",
    "--variable",
];
/// Long options that take none.
const LONG: [&str; 32] = [
    "--compressed",
    "--create-dirs",
    "--fail",
    "--fail-early",
    "--fail-with-body",
    "--get",
    "--globoff",
    "--head",
    "--http1.1",
    "--http2",
    "--http3",
    "--include",
    "--ipv4",
    "--ipv6",
    "--junk-session-cookies",
    "--location",
    "--no-buffer",
    "--no-progress-meter",
    "--path-as-is",
    "--progress-bar",
    "--remote-header-name",
    "--remote-name",
    "--remote-time",
    "--retry-all-errors",
    "--retry-connrefused",
    "--show-error",
    "--silent",
    "--show-headers",
    "--tcp-nodelay",
    "--tlsv1.2",
    "--tlsv1.3",
    "--verbose",
];

/// Returns the one URL that a command line of curl transfers.
///
/// Options that can lead a token elsewhere, or that are not known, are refused: a proxy, another address for the host,
/// a file with further options, a second transfer, TLS without a check.
///
/// # Errors
/// [`Code::Usage`]. Names the option, and quotes no value.
pub(crate) fn target(arguments: &[String]) -> Result<Target, Error> {
    let mut urls = Vec::new();
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "--url" => urls.extend(arguments.next()),
            _ if argument.starts_with("--url=") || argument == "--" => return Err(refused(argument)),
            _ if LONG.contains(&argument) => {}
            _ if LONG_WITH_VALUE.contains(&argument) => drop(arguments.next()),
            _ if argument.starts_with("--") => return Err(refused(argument)),
            _ => match argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                Some(letters) => {
                    if short(letters)? == Value::InTheNextWord {
                        arguments.next();
                    }
                }
                None => urls.push(argument),
            },
        }
    }
    match urls[..] {
        // curl takes a text without a scheme for http.
        [url] if url.to_ascii_lowercase().starts_with("https://") => {
            Target::parse(url).map_err(|why| Error::new(Code::Usage, format!("the URL {why}; no token was handed out")))
        }
        [_] => Err(usage("the URL has to begin with https://")),
        _ => Err(usage("a profile with `hosts` takes exactly one URL")),
    }
}

#[derive(PartialEq, Eq)]
enum Value {
    None,
    InTheNextWord,
}

/// Reads short options that stand together, such as `-sSo`.
fn short(letters: &str) -> Result<Value, Error> {
    for (at, letter) in letters.char_indices() {
        if SHORT_WITH_VALUE.contains(letter) {
            let is_last = at + letter.len_utf8() == letters.len();
            return Ok(if is_last { Value::InTheNextWord } else { Value::None });
        }
        if !SHORT.contains(letter) {
            return Err(refused(&format!("-{letter}")));
        }
    }
    Ok(Value::None)
}

fn refused(option: &str) -> Error {
    // What follows an equals sign may be a secret.
    let option: String = option.split('=').next().unwrap_or_default().chars().take(40).collect();
    let option = crate::encoding::escape::Escaped(&option).to_string();
    usage(&format!("{option} is not for a profile with `hosts`: it could lead the token elsewhere"))
}

fn usage(what: &str) -> Error {
    Error::new(Code::Usage, format!("{what}; no token was handed out"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(line: &str) -> Result<String, Code> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        target(&words).map(|target| target.to_string()).map_err(|error| error.code())
    }

    #[test]
    fn the_one_url_is_found_among_options() {
        for line in [
            "https://api.example.com/v1",
            "-sSfL https://api.example.com/v1 -o file",
            "-XPOST --json {} HTTPS://API.example.com:443/v1",
            "-H https://other.example/ --url https://api.example.com/v1 -ofile",
            "-d https://other.example/ https://api.example.com/v1",
        ] {
            assert_eq!(of(line).as_deref(), Ok("api.example.com/v1"), "{line}");
        }
    }

    #[test]
    fn what_could_lead_the_token_elsewhere_is_refused() {
        for line in [
            "",
            "-s",
            "http://api.example.com/",
            "api.example.com",
            "https://a.example/ https://b.example/",
            "--url https://a.example/ https://b.example/",
            "https://user@a.example/",
            "https://a.example/ --next https://b.example/",
            "https://a.example/ -: https://b.example/",
            "-K file https://a.example/",
            "-sKfile https://a.example/",
            "--config file https://a.example/",
            "--connect-to a:443:b:443 https://a.example/",
            "--resolve a.example:443:1.2.3.4 https://a.example/",
            "-x proxy https://a.example/",
            "-sxproxy https://a.example/",
            "--proxy proxy https://a.example/",
            "--location-trusted https://a.example/",
            "-k https://a.example/",
            "--insecure https://a.example/",
            "--unix-socket /s https://a.example/",
            "--url=https://a.example/ https://b.example/",
            "-- https://a.example/",
            "--loc https://a.example/",
            "https://{a,b}.example/",
        ] {
            assert_eq!(of(line), Err(Code::Usage), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_command_line_is_judged(words in prop::collection::vec("\\PC{0,12}", 0..6)) {
            let _ = target(&words);
        }
    }
}
