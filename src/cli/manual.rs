//! `man`: manual pages, made of what the command line knows of itself.

use std::path::Path;

use clap_mangen::Man;

use super::ui::Ui;
use crate::error::{Code, Error};

/// Writes a page for the command and one for each subcommand into a directory, or the first one to stdout.
pub(super) fn write(ui: &Ui, command: &clap::Command, directory: Option<&Path>) -> Result<u8, Error> {
    let command = command.clone().disable_help_subcommand(true);
    let Some(directory) = directory else {
        return ui.data(&page(&command)?).map(|()| 0);
    };
    let failed = |error: std::io::Error| {
        Error::new(Code::WriteFailed, format!("the manual pages cannot be written: {error}"))
            .with_hint("name a directory that can be written: tokenkeep man DIR")
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut pages = vec![(command.get_name().to_owned(), command)];
    let mut written = 0;
    while let Some((name, command)) = pages.pop() {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            pages.push((format!("{name}-{}", below.get_name()), below.clone()));
        }
        let title: &'static str = Box::leak(name.clone().into_boxed_str());
        let page = page(&command.name(title).display_name(title))?;
        std::fs::write(directory.join(format!("{name}.1")), page).map_err(failed)?;
        written += 1;
    }
    ui.done(&format!("wrote {written} manual pages into {}", crate::place::Shown(directory)));
    Ok(0)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    let source = concat!("tokenkeep ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone())
        .source(source)
        .manual("tokenkeep")
        .render(&mut page)
        .map_err(|_| Error::new(Code::Internal, "a manual page cannot be made"))?;
    Ok(page)
}
