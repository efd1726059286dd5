//! A path as text on one line of a file.

use std::path::{Path, PathBuf};

use super::{path_bytes, path_from_bytes};
use crate::encoding::hex;

/// Writes a path on one line, whatever bytes it holds: visible ASCII as it is, the rest as `%XX`.
pub(crate) fn path_to_text(path: &Path) -> String {
    let piece = |byte: &u8| match byte {
        b'%' => "%25".to_owned(),
        byte if byte.is_ascii_graphic() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    path_bytes(path).iter().map(piece).collect()
}

/// Reads what [`path_to_text`] wrote; `None` if it wrote no such text.
pub(crate) fn path_from_text(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(symbol) = rest.chars().next() {
        if symbol == '%' {
            bytes.extend(hex::decode::<1>(rest.get(1..3)?)?);
            rest = &rest[3..];
        } else {
            bytes.push(u8::try_from(symbol).ok().filter(u8::is_ascii_graphic)?);
            rest = &rest[1..];
        }
    }
    path_from_bytes(bytes)
}
