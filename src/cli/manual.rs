//! `man`: manual pages, made from the definition of the command line.

mod sections;

use std::path::Path;

use clap::builder::Resettable;
use clap_mangen::Man;

use super::ui::Ui;
use crate::error::{Code, Error, Remedy};

/// Writes a page for the command and one for each subcommand into a directory, or the first one to stdout.
pub(super) fn write(ui: &Ui, command: clap::Command, directory: Option<&Path>) -> Result<u8, Error> {
    let mut command = documented(command);
    command.build();
    let Some(directory) = directory else {
        return ui.data(&Page::of(&command).text()?).map(|()| 0);
    };
    let failed = |error: std::io::Error| {
        Error::new(Code::WriteFailed, format!("the manual pages cannot be written: {error}"))
            .with_remedy(Remedy::NameWritableDirectory)
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut commands = vec![&command];
    let mut written = 0;
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        let page = Page::of(command);
        std::fs::write(directory.join(page.file_name()), page.text()?).map_err(failed)?;
        written += 1;
    }
    ui.done(&format!("wrote {written} manual pages into {}", crate::system::files::EscapedPath(directory)));
    Ok(0)
}

/// Prepares a command for its pages: without `help`, which has no page, and in the words of its own help.
fn documented(command: clap::Command) -> clap::Command {
    let command = command.disable_help_subcommand(true).subcommand_help_heading("COMMANDS");
    command.mut_subcommands(documented)
}

struct Page {
    man: Man,
    is_first: bool,
}

impl Page {
    fn of(command: &clap::Command) -> Page {
        // Only the command as a whole has a version.
        let is_first = command.get_version().is_some();
        let mut command = command.clone();
        // The usage line that clap_mangen writes would name every flag here, and the value of none.
        let usage = command.render_usage().to_string();
        let command = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
        let man = Man::new(command.version(Resettable::Reset))
            // An empty word in quotes: an empty text would be left out, and the next word taken for it.
            .date("\"\"")
            .source(concat!("tokenkeep ", env!("CARGO_PKG_VERSION")))
            .manual("User Commands");
        Page { man, is_first }
    }

    fn file_name(&self) -> String {
        self.man.get_filename()
    }

    fn text(&self) -> Result<Vec<u8>, Error> {
        let mut page = Vec::new();
        self.man.render(&mut page).map_err(|_| Error::new(Code::Internal, "a manual page cannot be made"))?;
        let more = if self.is_first { sections::of_the_first_page() } else { sections::of_other_pages() };
        page.extend(more.into_bytes());
        Ok(page)
    }
}
