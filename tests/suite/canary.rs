//! The canary scan finds what it must find: a scan that cannot fail would prove nothing elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use crate::common::canary::{scan_bytes, scan_tree};
use crate::common::issuer::TOKEN_PREFIX;
use crate::common::{Canary, TestEnvironment};

/// Every character of it is changed by one encoding or another.
const SECRET: &str = "CANARY: p%a+s &\"#~!/=\\ é😀";

/// The same length, the same alphabet, another value.
const ANOTHER: &str = "canary; q%b+t |'#~?/=\\ è😁";

/// A secret as it might be written down, with the form that the scan must report.
struct Encoded {
    name: &'static str,
    form: &'static str,
    text: Vec<u8>,
}

fn encodings(secret: &str) -> Vec<Encoded> {
    let bytes = secret.as_bytes();
    let each = |write: fn(u8) -> String, separator: &str| {
        bytes.iter().map(|&byte| write(byte)).collect::<Vec<_>>().join(separator)
    };
    let basic = |alignment: usize, engine: &dyn Fn(&[u8]) -> String| {
        engine(&[&b"id:"[..alignment], bytes, b" and what follows it"].concat())
    };
    let in_json = serde_json::json!({ "secret": secret }).to_string();
    let utf16 = |write: fn(u16) -> String| secret.encode_utf16().map(write).collect::<String>();
    let table: Vec<(&str, &str, String)> = vec![
        ("plain", "plain", secret.to_owned()),
        ("within a line", "plain", format!("error: the secret {secret} is wrong")),
        ("base64", "base64", STANDARD.encode(bytes)),
        ("base64 without padding", "base64", STANDARD_NO_PAD.encode(bytes)),
        ("base64url", "base64", URL_SAFE.encode(bytes)),
        ("base64url without padding", "base64", URL_SAFE_NO_PAD.encode(bytes)),
        ("base64 after no byte", "base64", basic(0, &|text| STANDARD.encode(text))),
        ("base64 after one byte", "base64", basic(1, &|text| STANDARD.encode(text))),
        ("base64 after two bytes", "base64", basic(2, &|text| STANDARD.encode(text))),
        ("base64 after three bytes", "base64", basic(3, &|text| STANDARD.encode(text))),
        ("base64url after one byte", "base64", basic(1, &|text| URL_SAFE.encode(text))),
        ("base64url after two bytes", "base64", basic(2, &|text| URL_SAFE.encode(text))),
        ("a Basic header", "base64", STANDARD.encode(format!("id:{}", percent_encoded(secret, "%20")))),
        ("a Basic header in JSON", "base64", serde_json::json!([STANDARD.encode(format!("id:{secret}"))]).to_string()),
        ("percent-encoded", "plain, percent-encoded", percent_encoded(secret, "%20")),
        (
            "percent-encoded, lower case",
            "plain, percent-encoded",
            percent_encoded(secret, "%20").replace("%C3%A9", "%c3%a9").replace("%2B", "%2b"),
        ),
        ("form-encoded", "plain, form-encoded", percent_encoded(secret, "+")),
        ("every byte percent-encoded", "plain, percent-encoded", each(|byte| format!("%{byte:02X}"), "")),
        ("every byte percent-encoded, lower case", "plain, percent-encoded", each(|byte| format!("%{byte:02x}"), "")),
        (
            "form-encoded in JSON in ASCII",
            "plain, form-encoded",
            percent_encoded(secret, "+").bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        ),
        ("hex", "hex", each(|byte| format!("{byte:02x}"), "")),
        ("hex, upper case", "hex", each(|byte| format!("{byte:02X}"), "")),
        ("hex with colons", "hex", each(|byte| format!("{byte:02x}"), ":")),
        ("hex with spaces", "hex", each(|byte| format!("{byte:02X}"), " ")),
        ("hex with 0x", "hex", each(|byte| format!("0x{byte:02x}"), ", ")),
        ("hex with 0X", "hex", each(|byte| format!("0X{byte:02X}"), ",")),
        ("hex with one 0x before it", "hex", format!("0x{}", each(|byte| format!("{byte:02x}"), ""))),
        ("Debug of bytes in hex", "hex", format!("{bytes:02x?}")),
        ("JSON", "plain, escaped", in_json.clone()),
        ("JSON in JSON", "plain, escaped twice", serde_json::json!({ "body": in_json }).to_string()),
        ("JSON in ASCII", "plain, escaped", utf16(|unit| format!("\\u{unit:04x}"))),
        ("JSON in ASCII, upper case", "plain, escaped", utf16(|unit| format!("\\u{unit:04X}"))),
        ("Debug of text", "plain, escaped", format!("{secret:?}")),
        ("Debug of Debug", "plain, escaped twice", format!("{:?}", format!("{secret:?}"))),
        ("Rust escapes", "plain, escaped", secret.escape_unicode().to_string()),
        ("a byte string", "plain, escaped", format!("b\"{}\"", bytes.escape_ascii())),
        ("Debug of bytes", "byte list", format!("{bytes:?}")),
        ("Debug of bytes over many lines", "byte list", format!("{bytes:#?}")),
        ("bytes with their type", "byte list", each(|byte| format!("{byte}u8"), ", ")),
    ];
    table.into_iter().map(|(name, form, text)| Encoded { name, form, text: text.into_bytes() }).collect()
}

/// Percent-encoding by the rules of RFC 3986, with the given form of a space.
fn percent_encoded(text: &str, space: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', space).replace("%7E", "~")
}

fn canaries() -> Vec<Canary> {
    vec![Canary::new("the secret", SECRET)]
}

#[test]
fn every_encoding_of_a_secret_is_found() {
    for encoded in encodings(SECRET) {
        let is_plain = encoded.text.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert_eq!(
            is_plain,
            encoded.form == "plain",
            "{}: an encoding that changes nothing proves nothing",
            encoded.name
        );
        let findings = scan_bytes(&canaries(), "here", &encoded.text);
        let expected = format!("here: the secret ({})", encoded.form);
        assert!(findings.contains(&expected), "{}: not found as {}, but {findings:?}", encoded.name, encoded.form);
    }
}

#[test]
fn no_encoding_of_another_secret_is_found() {
    assert_eq!(SECRET.len(), ANOTHER.len());
    for encoded in encodings(ANOTHER) {
        assert_eq!(scan_bytes(&canaries(), "here", &encoded.text), Vec::<String>::new(), "{}", encoded.name);
    }
}

#[test]
fn a_secret_that_is_cut_by_its_first_or_last_character_is_not_found() {
    for part in [&SECRET[1..], &SECRET[..SECRET.len() - "😀".len()]] {
        assert_eq!(scan_bytes(&canaries(), "here", part.as_bytes()), Vec::<String>::new());
    }
}

#[test]
fn every_encoding_is_found_on_stdout_and_on_stderr() {
    let environment = TestEnvironment::new();
    environment.canary("the secret", SECRET);
    for encoded in encodings(SECRET) {
        let on_stdout = || environment.program("cat", [""; 0]).stdin(&encoded.text).run();
        let on_stderr = || environment.program("sh", ["-c", "cat >&2"]).stdin(&encoded.text).run();
        assert_finds(on_stdout, &format!("stdout: the secret ({})", encoded.form));
        assert_finds(on_stderr, &format!("stderr: the secret ({})", encoded.form));
    }
}

#[test]
fn every_encoding_is_found_in_a_file_and_in_a_file_name() {
    for encoded in encodings(SECRET) {
        let environment = TestEnvironment::new();
        environment.canary("the secret", SECRET);
        let file = environment.write("data/tokens/record", &encoded.text);
        assert_finds(|| environment.assert_clean(), &format!("data/tokens/record: the secret ({})", encoded.form));
        std::fs::remove_file(file).expect("it was written");

        let name = String::from_utf8(encoded.text).expect("text");
        if !name.contains('/') && name.len() < 256 {
            let file = environment.write(format!("data/{name}"), "");
            assert_finds(|| environment.assert_clean(), &format!("a file name: the secret ({})", encoded.form));
            std::fs::remove_file(file).expect("it was written");
        }
    }
}

#[test]
fn a_token_is_allowed_on_stdout_only_where_a_test_says_so_and_on_stderr_never() {
    let environment = TestEnvironment::new();
    let token = format!("{TOKEN_PREFIX}0123");
    let script = format!("echo {token}");
    let outcome = environment.program("sh", ["-c", &script]).prints_token().run().success();
    assert!(outcome.token() == token);
    assert_finds(|| environment.program("sh", ["-c", &script]).run(), "stdout: token (plain)");
    let to_stderr = format!("echo {token} >&2");
    assert_finds(|| environment.program("sh", ["-c", &to_stderr]).prints_token().run(), "stderr: token (plain)");
}

#[test]
fn a_client_secret_on_stdout_is_found_even_where_a_token_is_allowed() {
    let environment = TestEnvironment::new();
    let print = || environment.program("echo", ["CANARY-SECRET-of-the-test-client"]).prints_token().run();
    assert_finds(print, "stdout: client secret (plain)");
}

#[test]
fn a_secret_is_found_in_the_target_of_a_link_and_not_in_the_place_declared_for_it() {
    let environment = TestEnvironment::new();
    environment.canary("the secret", SECRET);
    environment.write_secret("files/secret", SECRET);
    environment.assert_clean();
    let link = environment.path("files/link");
    std::os::unix::fs::symlink(percent_encoded(SECRET, "%20"), &link).expect("a free name");
    assert_finds(|| environment.assert_clean(), "files/link: the secret (plain, percent-encoded)");
    std::fs::remove_file(link).expect("it was made");
}

#[test]
fn the_bytes_of_the_key_file_are_a_secret_and_the_key_file_is_their_place() {
    let environment = TestEnvironment::new();
    let key: Vec<u8> = (0..32).map(|index: u8| index.wrapping_mul(97).wrapping_add(200)).collect();
    environment.key_file("files/another-key");
    for place in ["config/key", "files/another-key"] {
        let key_file = environment.write(place, &key);
        environment.assert_clean();
        let copy = environment.write("data/copy", format!("key: {key:?}"));
        assert_finds(|| environment.assert_clean(), "data/copy: key file (byte list)");
        assert_finds(|| environment.program("cat", [&key_file]).run(), "stdout: key file (plain)");
        std::fs::remove_file(copy).and_then(|()| std::fs::remove_file(key_file)).expect("both were written");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_not_passed_over() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("closed");
    std::fs::write(&file, SECRET).expect("a free name");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o000)).expect("it is ours");
    let findings = scan_tree(&canaries(), directory.path(), &[]);
    // Root reads it all the same, and finds the secret.
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn an_environment_that_holds_a_secret_in_a_file_fails_its_test_when_it_is_dropped() {
    let environment = TestEnvironment::new();
    environment.write("data/ledger.db", format!("...{TOKEN_PREFIX}..."));
    assert_finds(move || drop(environment), "data/ledger.db: token (plain)");
}

#[test]
fn a_finding_never_repeats_the_secret() {
    for encoded in encodings(SECRET) {
        let findings = scan_bytes(&canaries(), "here", &encoded.text).join("\n");
        assert!(scan_bytes(&canaries(), "the finding", findings.as_bytes()).is_empty(), "{}", encoded.name);
    }
    assert_eq!(format!("{:?}", Canary::new("the secret", SECRET)), "Canary(the secret)");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn secret_bytes_are_found_in_every_form_at_every_offset(
        secret in proptest::collection::vec(any::<u8>(), 8..64),
        before in proptest::collection::vec(any::<u8>(), 0..8),
        after in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let canaries = [Canary::new("secret", &secret)];
        let text = [before, secret, after].concat();
        let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = text.iter().map(|byte| format!("%{byte:02x}")).collect();
        for written in [
            STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), hex, percent,
            format!("{text:?}"), text.escape_ascii().to_string(),
        ] {
            prop_assert!(!scan_bytes(&canaries, "here", written.as_bytes()).is_empty());
        }
        prop_assert!(!scan_bytes(&canaries, "here", &text).is_empty());
    }
}

/// Asserts that a step fails with exactly this finding among its findings.
fn assert_finds<T>(step: impl FnOnce() -> T, finding: &str) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(step)) else { panic!("nothing was found: {finding}") };
    let message = panic.downcast::<String>().expect("the scan panics with a text");
    assert!(message.lines().any(|line| line == finding), "not {finding}, but:\n{message}");
}
