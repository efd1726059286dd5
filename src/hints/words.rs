//! What several advices have in common: flags, places and paths, in the words of a command line.

use std::path::{Path, PathBuf};

use crate::encoding::escape::Escaped;
use crate::error::SecretPlace;
use crate::system::files::{EscapedPath, Mend};

/// Returns the flag that gives a key of a binding its value; `None` if only a new profile does.
pub(super) fn value_of(key: &str) -> Option<&'static str> {
    Some(match key {
        "token_url" => "--token-url URL",
        "issuer" => "--issuer URL",
        "client_id" => "--client-id ID",
        "auth" => "--auth METHOD",
        "introspection_url" => "--introspection-url URL",
        "revocation_url" => "--revocation-url URL",
        "probe_url" => "--probe-url URL",
        "assertion_audience" => "--assertion-audience WHOM",
        "allow_http" => "--allow-http HOST",
        "dpop" => "--dpop=false",
        "headers" => "--header NAME",
        _ => return None,
    })
}

/// Names the place that a secret is read from, as the end of `what ...`.
pub(super) fn place_of(place: &SecretPlace) -> String {
    match place {
        SecretPlace::File(path) => format!("stands in {}", EscapedPath(path)),
        SecretPlace::Variable(name) => format!("the environment variable {} holds", Escaped(name)),
        SecretPlace::Program(program) => format!("{} prints", Escaped(program)),
        SecretPlace::Actions => "GitHub Actions gives".to_owned(),
    }
}

pub(super) fn data_directory(path: &Path, variable: Option<&str>) -> String {
    let there = format!("add --data-dir {}", quoted(path));
    match variable {
        Some(variable) => format!("run unset {variable}, or {there}"),
        None => there,
    }
}

pub(super) fn inside(path: &Path) -> String {
    format!("use a directory inside it: --data-dir {}", quoted(&path.join("tokenkeep")))
}

/// Takes from others what they must not have.
pub(super) fn protect(path: &Path, also: &[PathBuf], mend: Mend) -> String {
    let mode = match mend {
        Mend::OwnerOnlyFile => "600",
        Mend::OwnerOnlyDirectory => "700",
        Mend::NoOtherWriter => "go-w",
        Mend::OwnerOnlyInVolume => {
            return "have root close it to others; in a pod: defaultMode: 0440 for the Secret, and fsGroup".to_owned();
        }
        // Nothing there is to be taken from others.
        Mend::DirectoryInside => return inside(path),
    };
    let paths = [path].into_iter().chain(also.iter().map(PathBuf::as_path)).map(quoted).collect::<Vec<_>>();
    format!("run chmod {mode} {}", paths.join(" "))
}

/// Quotes a path for a shell.
pub(super) fn quoted(path: &Path) -> String {
    quoted_text(&EscapedPath(path).to_string())
}

pub(super) fn quoted_text(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@:".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
