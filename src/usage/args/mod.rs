//! What can be typed. What it means is decided by the file of each noun.

mod backend;
mod credentials;
mod fleet;
mod format;
mod request;
mod token;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::consumers::consumer::Errors;
use crate::consumers::helper::HELPERS;

pub(crate) use backend::{Init, Rekey};
pub(crate) use credentials::{Credentials, Remove, Set};
pub(crate) use fleet::{Fleet, FleetKey, FleetLoginCommand};
pub(crate) use request::RequestArgs;
pub(crate) use token::{Get, Token, Validate};

/// Keep OAuth 2.0 client secrets sealed and access tokens cached: one request per token lifetime,
/// however many processes need it.
#[derive(Debug, Parser)]
#[command(name = "tokenkeep", version, max_term_width = 100, infer_long_args = false)]
#[command(subcommand_required = true, arg_required_else_help = false)]
pub(crate) struct Typed {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The profile; else TOKENKEEP_PROFILE, default_profile of config.toml, or the only one.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The directory of config.toml and profiles [env: TOKENKEEP_CONFIG_DIR].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// The directory of sealed secrets and tokens [env: TOKENKEEP_DATA_DIR].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Write results as JSON on stdout and errors as JSON on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Report more on stderr; twice: still more [env: TOKENKEEP_LOG=error|warn|info|debug|trace].
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Write no warnings.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Colour messages on stderr.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
}

/// When messages are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A file that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// config.toml.
    Config,
    /// A profile, profiles/NAME.toml.
    Profile,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose, once, where this data directory keeps its secrets.
    ///
    /// The same choice again changes nothing; another one is refused without --move. If the OS keyring answers,
    /// `credentials set` chooses it by itself.
    Init(Init),
    /// Set, list, show and remove credentials.
    #[command(subcommand)]
    Credentials(Credentials),
    /// Get, check, list and forget tokens.
    #[command(subcommand)]
    Token(Token),
    /// Set up what the hosts of a fleet share: its key, and the login of its store.
    #[command(subcommand)]
    Fleet(Fleet),
    /// Report whether tokens can be kept here, and what to do if not.
    Doctor {
        /// Request a token of the profile, too, and keep it.
        #[arg(long)]
        online: bool,
        /// With --online: request a token of every profile.
        #[arg(long)]
        all: bool,
        /// Finish interrupted changes, and remove leftovers that no profile names.
        #[arg(long)]
        fix: bool,
        /// Erase without asking the secrets that no profile names.
        #[arg(long, requires = "fix")]
        yes: bool,
    },
    /// Erase the kernel's copy of the data key.
    Lock,
    /// Make another data key: reseal the secrets, void the cached tokens.
    Rekey(Rekey),
    /// Sum up the requests to issuers, by profile and day.
    ///
    /// Each request is a line in a ledger: when it was sent, for which profile and by which program, how it ended and how
    /// long it took; no secret and no token. A cached token is no request. Lines are kept for 400 days.
    Stats {
        /// How far back, such as 24h or 90d; 30d if not given, with --prometheus all that is known.
        #[arg(long, value_name = "D")]
        since: Option<String>,
        /// Write the text format of Prometheus, for the textfile collector of its node exporter.
        #[arg(long)]
        prometheus: bool,
    },
    /// Run curl with the header of a token, which stands in no argument.
    ///
    /// If the profile has `hosts`, curl may transfer exactly one https URL, to a host that they name, and no option that
    /// could lead the token elsewhere is taken.
    #[cfg(unix)]
    Curl {
        /// The arguments of curl.
        #[arg(value_name = "ARG", required = true, last = true)]
        arguments: Vec<String>,
    },
    /// Print which profile's token a URL gets from the helpers, and why.
    Which {
        /// The URL, or a host.
        #[arg(value_name = "URL")]
        url: String,
    },
    /// Answer a client in its own protocol: git, docker, Bazel and others.
    ///
    /// Clients call it by themselves, once their configuration names it. It reads what the client sends on stdin, and
    /// answers for the hosts that `hosts` of a profile names. Links to this program by the name of a client's helper,
    /// such as git-credential-tokenkeep, do the same.
    Helper {
        /// The client.
        #[arg(value_name = "CLIENT", value_parser = helper_names())]
        client: String,
        /// What the client appends.
        #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Print the JSON Schema of config.toml or of a profile, for an editor.
    Schema {
        /// The file.
        #[arg(value_name = "FILE", value_enum)]
        of: SchemaOf,
    },
    /// Check files, for CI: config.toml, and profiles by their names.
    ///
    /// Prints a line for each that cannot be used, with the line and the key, and exits with 3.
    Check {
        /// The files.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Write the manual pages into a directory, or the first of them to stdout.
    Man {
        /// The directory; made if it is not there.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

impl Typed {
    /// Returns where the client that a token is written for looks for what went wrong.
    pub(crate) fn errors_of_client(&self) -> Errors {
        match &self.command {
            Command::Token(Token::Get(get)) => get.format.row().client.errors,
            _ => Errors::Stderr,
        }
    }
}

/// Reads one of the words of a table as the value that it names.
fn one_of<T, const N: usize>(table: [(T, &'static str); N]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(table.map(|(_, word)| word)).try_map(move |typed| {
        table.iter().find(|(_, word)| *word == typed).map(|(value, _)| *value).ok_or("it is no word of the table")
    })
}

/// Names the clients that have a helper.
fn helper_names() -> PossibleValuesParser {
    PossibleValuesParser::new(HELPERS.iter().map(|helper| helper.name))
}
