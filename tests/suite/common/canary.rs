//! Looks for secrets, however they were written down, in output and in files.
//!
//! The text is decoded rather than the secret encoded: that finds every mixture of escaped and plain characters.
//! Base64 alone has no readable mixture, and is looked for as text, at each of its three alignments.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter ones would be found where they are not.
const SHORTEST: usize = 8;

/// A secret that must appear nowhere.
#[derive(Clone)]
pub(crate) struct Canary {
    name: String,
    value: Vec<u8>,
    /// What to look for in text: each needle with the name of its form.
    needles: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Names a secret, or the part of it that is always the same.
    pub(crate) fn new(name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        assert!(value.len() >= SHORTEST, "the canary {name} is too short to be told from chance");
        let mut needles = vec![("plain", value.clone())];
        // In a Basic header the secret is form-encoded before it is Base64.
        let form_encoded = percent_encode(&value);
        for inner in [value.as_slice(), &form_encoded] {
            for alignment in 0..3 {
                needles.push(("base64", base64_core(&STANDARD_NO_PAD, inner, alignment)));
                needles.push(("base64", base64_core(&URL_SAFE_NO_PAD, inner, alignment)));
            }
        }
        needles.dedup();
        Self { name: name.to_owned(), value, needles }
    }

    pub(crate) fn is(&self, value: &[u8]) -> bool {
        self.value == value
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canary({})", self.name)
    }
}

/// Says which canaries are in the bytes, in what form; never their value.
pub(crate) fn scan_bytes(canaries: &[Canary], place: &str, bytes: &[u8]) -> Vec<String> {
    let unescaped = unescape(bytes);
    // JSON within JSON, or the Debug form of a text that holds JSON.
    let unescaped_twice = unescape(&unescaped);
    let percent_decoded = percent_decode(&unescaped, Plus::IsPlus);
    let form_decoded = percent_decode(&unescaped, Plus::IsSpace);
    let texts = [
        ("", bytes),
        (", escaped", &unescaped),
        (", escaped twice", &unescaped_twice),
        (", percent-encoded", &percent_decoded),
        (", form-encoded", &form_decoded),
    ];
    let (nibbles, byte_list) = (hex_nibbles(bytes), listed_bytes(bytes));
    let mut findings = Vec::new();
    for canary in canaries {
        let mut found = |form: String| findings.push(format!("{place}: {} ({form})", canary.name));
        // The first text that shows a canary is enough: the decoded ones repeat what is plain.
        let in_text = texts.iter().find_map(|(how, text)| {
            let needle = canary.needles.iter().find(|(_, needle)| contains(text, needle))?;
            Some(format!("{}{how}", needle.0))
        });
        in_text.into_iter().for_each(&mut found);
        if contains(&nibbles, &canary.value.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<_>>()) {
            found("hex".to_owned());
        }
        if contains(&byte_list, &canary.value) {
            found("byte list".to_owned());
        }
    }
    findings
}

/// Scans all files below a directory, their names and the targets of links, but for exempt paths and what is below them.
pub(crate) fn scan_tree(canaries: &[Canary], root: &Path, exempt: &[PathBuf]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        // A file may go away while this looks: processes of the test may still be ending.
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if exempt.contains(&path) {
                continue;
            }
            // The place is told relative to the root and with the name masked where the name is the finding.
            let place = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let in_name = scan_bytes(canaries, "a file name", name.as_encoded_bytes());
            let place = if in_name.is_empty() { place } else { "the file of that name".to_owned() };
            findings.extend(in_name);
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                directories.push(path);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap_or_default();
                findings.extend(scan_bytes(canaries, &place, target.as_os_str().as_encoded_bytes()));
            } else if metadata.is_file() {
                match fs::read(&path) {
                    Ok(content) => findings.extend(scan_bytes(canaries, &place, &content)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => findings.push(format!("{place}: could not be scanned ({error})")),
                }
            }
        }
    }
    findings
}

/// The characters of Base64 that depend on nothing but the value, when `alignment` bytes (mod 3) stand before it.
fn base64_core(engine: &impl base64::Engine, value: &[u8], alignment: usize) -> Vec<u8> {
    let shifted = [&[0; 2][..alignment], value].concat();
    let encoded = engine.encode(&shifted).into_bytes();
    let (first, end) = ((alignment * 8).div_ceil(6), shifted.len() * 8 / 6);
    encoded[first..end].to_vec()
}

fn percent_encode(value: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend(format!("%{byte:02X}").bytes());
        }
    }
    encoded
}

/// What a `+` stands for: RFC 3986 and forms differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    IsPlus,
    IsSpace,
}

fn percent_decode(text: &[u8], plus: Plus) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let escape = if *byte == b'%' { hex_number(tail, 2) } else { None };
        match escape {
            Some(value) => {
                decoded.push(value as u8);
                rest = &tail[2..];
            }
            None => {
                decoded.push(if *byte == b'+' && plus == Plus::IsSpace { b' ' } else { *byte });
                rest = tail;
            }
        }
    }
    decoded
}

/// Undoes the backslashes of JSON strings and of Rust's Debug; what is no escape stays as it is.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match (byte, escape(tail)) {
            (b'\\', Some((bytes, length))) => {
                plain.extend(bytes);
                rest = &tail[length..];
            }
            _ => {
                plain.push(*byte);
                rest = tail;
            }
        }
    }
    plain
}

/// What the text after a backslash stands for, and its length.
fn escape(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let single = |byte: u8| Some((vec![byte], 1));
    match text.first()? {
        b'n' => single(b'\n'),
        b't' => single(b'\t'),
        b'r' => single(b'\r'),
        b'b' => single(8),
        b'f' => single(12),
        b'0' => single(0),
        byte @ (b'"' | b'\\' | b'/' | b'\'') => single(*byte),
        b'x' => Some((vec![hex_number(&text[1..], 2)? as u8], 3)),
        b'u' if text.get(1) == Some(&b'{') => {
            let digits = text[2..].iter().position(|&byte| byte == b'}')?;
            let code = hex_number(&text[2..], digits)?;
            Some((char::from_u32(code)?.to_string().into_bytes(), digits + 3))
        }
        b'u' => {
            let code = hex_number(&text[1..], 4)?;
            let low = text.get(5..).and_then(|tail| tail.strip_prefix(b"\\u")).and_then(|tail| hex_number(tail, 4));
            match (code, low) {
                (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                    let code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    Some((char::from_u32(code)?.to_string().into_bytes(), 11))
                }
                _ => Some((char::from_u32(code)?.to_string().into_bytes(), 5)),
            }
        }
        _ => None,
    }
}

fn hex_number(text: &[u8], digits: usize) -> Option<u32> {
    // `from_str_radix` takes a sign as well.
    let digits = text.get(..digits).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Every hex digit of the text, whatever stands between them.
fn hex_nibbles(text: &[u8]) -> Vec<u8> {
    let is_prefix = |at: usize| text[at] == b'0' && matches!(text.get(at + 1), Some(b'x' | b'X'));
    let digits = (0..text.len()).filter(|&at| !is_prefix(at)).filter_map(|at| char::from(text[at]).to_digit(16));
    digits.map(|digit| digit as u8).collect()
}

/// Every decimal number below 256 of the text, whatever stands between them.
fn listed_bytes(text: &[u8]) -> Vec<u8> {
    text.split(|byte| !byte.is_ascii_alphanumeric())
        .map(|word| word.strip_suffix(b"u8").unwrap_or(word))
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .collect()
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let [first, rest @ ..] = needle else { return true };
    let mut tail = text;
    while let Some(at) = tail.iter().position(|byte| byte == first) {
        tail = &tail[at + 1..];
        if tail.starts_with(rest) {
            return true;
        }
    }
    false
}
