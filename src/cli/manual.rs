//! `man`: the manual pages, as files or on stdout.

use std::path::Path;

use super::ui::Ui;
use crate::error::{Code, Error, Remedy};
use crate::system::files::EscapedPath;
use crate::usage::pages;

/// Writes all pages into a directory, or the first one to stdout.
pub(super) fn write(ui: &Ui, directory: Option<&Path>) -> Result<u8, Error> {
    let pages = pages();
    let Some(directory) = directory else { return pages.first().map_or(Ok(0), |page| ui.data(&page.text()?)) };
    let failed = |error: std::io::Error| {
        Error::new(Code::WriteFailed, format!("the manual pages cannot be written: {error}"))
            .with_remedy(Remedy::NameWritableDirectory)
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    for page in &pages {
        std::fs::write(directory.join(page.file_name()), page.text()?).map_err(failed)?;
    }
    ui.done(&format!("wrote {} manual pages into {}", pages.len(), EscapedPath(directory)));
    Ok(0)
}
