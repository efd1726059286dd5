//! A path that was given, with the current directory before it if it is relative.

use std::io;
use std::path::{Path, PathBuf};

/// A path that means no place: it is empty, or relative in a directory that is gone.
#[derive(Debug, thiserror::Error)]
#[error("a path that was given cannot be made absolute")]
pub(crate) struct NoPlace(#[source] pub(crate) io::Error);

/// Makes a path absolute.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, NoPlace> {
    std::path::absolute(path).map_err(NoPlace)
}
