//! The manual pages, made from the definition of the command line.

use clap::CommandFactory as _;
use clap::builder::Resettable;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Typed;
use super::surroundings::{ENVIRONMENT, FILES};
use crate::error::{Code, Error};
use crate::exit;

const EXAMPLES: &[(&str, &str)] = &[
    ("tokenkeep init --backend file", "Keeps secrets in sealed files, once and for all."),
    ("tokenkeep credentials set --provider spotify --client-id ID", "Prompts for the client's secret and stores it."),
    (
        "tokenkeep credentials set -p billing --token-url URL --client-id ID --secret-stdin < FILE",
        "The same for any issuer, in a script.",
    ),
    ("curl -H \"$(tokenkeep token get -p billing --format header)\" URL", "Calls an API."),
    ("tokenkeep token get --min-ttl 5m", "Prints a token that lasts for another five minutes."),
    ("tokenkeep stats --since 7d", "Sums up the requests of the last seven days."),
];

/// Returns a page for the command, which is the first, and one for each subcommand.
pub(crate) fn pages() -> Vec<Page> {
    let mut command = documented(Typed::command());
    command.build();
    let mut pages = Vec::new();
    let mut commands = vec![&command];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        pages.push(Page::of(command));
    }
    pages
}

/// Prepares a command for its pages: without `help`, which has no page, and in the words of its own help.
fn documented(command: clap::Command) -> clap::Command {
    let command = command.disable_help_subcommand(true).subcommand_help_heading("COMMANDS");
    command.mut_subcommands(documented)
}

/// A manual page.
pub(crate) struct Page {
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

    /// Returns the name of its file.
    pub(crate) fn file_name(&self) -> String {
        self.man.get_filename()
    }

    /// Returns it as `man` reads it.
    pub(crate) fn text(&self) -> Result<Vec<u8>, Error> {
        let mut page = Vec::new();
        self.man.render(&mut page).map_err(|_| Error::new(Code::Internal, "a manual page cannot be made"))?;
        let more = if self.is_first { last_sections() } else { see_also() };
        page.extend(more.into_bytes());
        Ok(page)
    }
}

/// The sections that the page of the whole command ends with.
fn last_sections() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("After each colon: the codes of the errors in --json.")]);
    entry(&mut roff, "0", "Done; warnings are possible.");
    let mut codes = Code::all().peekable();
    while let Some(first) = codes.next() {
        let mut group = vec![first];
        group.extend(std::iter::from_fn(|| codes.next_if(|code| code.kind() == first.kind())));
        entry(&mut roff, &exit::code(first).to_string(), &described(&group));
    }
    entry(&mut roff, "130, 143", "Interrupted, or ended by SIGTERM.");
    for (heading, entries) in [("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("EXAMPLES", EXAMPLES)] {
        roff.control("SH", [heading]);
        entries.iter().for_each(|(term, text)| entry(&mut roff, term, text));
    }
    roff.to_roff()
}

/// The section that every other page ends with.
fn see_also() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("tokenkeep"), roman("(1), for exit codes, variables and files")]);
    roff.to_roff()
}

fn entry(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// Describes the codes of one exit code: their meaning, their names, and which of them may go away by themselves.
fn described(codes: &[Code]) -> String {
    let names = |codes: &[Code]| codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(", ");
    let passing: Vec<Code> = codes.iter().copied().filter(|code| code.is_retryable()).collect();
    let again = match passing.len() {
        0 => String::new(),
        all if all == codes.len() => ". Another try may help.".to_owned(),
        _ => format!(". Another try may help with {}.", names(&passing)),
    };
    format!("{}: {}{again}", exit::meaning(codes[0].kind()), names(codes))
}
