//! What can be typed. What it means is decided by the file of each noun.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::profile::{AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, TokenType};

/// Keeps OAuth 2.0 client secrets sealed and access tokens cached: one request per token lifetime,
/// however many processes ask.
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
    /// Where config.toml and profiles are [env: TOKENKEEP_CONFIG_DIR].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Where sealed secrets and tokens are [env: TOKENKEEP_DATA_DIR].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Writes results as JSON on stdout and errors as JSON on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Tells more on stderr; twice: still more [env: TOKENKEEP_LOG=error|warn|info|debug|trace].
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Writes no warnings.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Colours messages on stderr.
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

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Chooses, once, where this data directory keeps its secrets.
    ///
    /// The same choice again changes nothing; another one is refused without --move. Where the OS keyring answers,
    /// `credentials set` chooses it by itself.
    Init(Init),
    /// Sets, lists, shows and removes credentials.
    #[command(subcommand)]
    Credentials(Credentials),
    /// Gets, checks, lists and forgets tokens.
    #[command(subcommand)]
    Token(Token),
    /// Sets up what the hosts of a fleet share: its key, and the login of its store.
    #[command(subcommand)]
    Fleet(Fleet),
    /// Tells whether tokens can be kept here, and what to do where not.
    Doctor {
        /// Requests a token of the profile, too, and keeps it.
        #[arg(long)]
        online: bool,
        /// With --online: requests a token of every profile.
        #[arg(long)]
        all: bool,
        /// Ends what was interrupted, and removes what was left behind and no profile names.
        #[arg(long)]
        fix: bool,
        /// Erases secrets that no profile names without asking.
        #[arg(long, requires = "fix")]
        yes: bool,
    },
    /// Empties the kernel's copy of the data key.
    Lock,
    /// Makes another data key: reseals the secrets, voids the cached tokens.
    Rekey {
        /// Destroys what is stored here, and the key where the keyring holds it.
        #[arg(long)]
        destroy: bool,
        /// Does not ask before destroying.
        #[arg(long, requires = "destroy")]
        yes: bool,
    },
    /// Sums up what was asked of issuers, by profile and day.
    ///
    /// Each request is a line in a ledger: when it was sent, for which profile and by which program, how it ended and how
    /// long it took; no secret and no token. A cached token is no request. Lines are kept for 400 days.
    Stats {
        /// How far back, such as 24h or 90d; 30d if not given, with --prometheus all that is known.
        #[arg(long, value_name = "D")]
        since: Option<String>,
        /// Writes the text format of Prometheus, for the textfile collector of its node exporter.
        #[arg(long)]
        prometheus: bool,
    },
    /// Writes the manual pages into a directory, or the first of them to stdout.
    Man {
        /// The directory; made if it is not there.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where secrets are kept: the OS keyring, sealed files, or nowhere.
    #[arg(long, value_name = "BACKEND", value_parser = PossibleValuesParser::new(["keyring", "file", "none"]))]
    pub(crate) backend: String,
    /// The key file; made if it is not there [default: `key` in the config directory].
    #[arg(long, value_name = "PATH", group = "key")]
    pub(crate) key_file: Option<PathBuf>,
    /// The systemd credential that holds the key.
    #[arg(long, value_name = "NAME", group = "key")]
    pub(crate) key_credential: Option<String>,
    /// Asks for a passphrase that the key is made of.
    #[arg(long, group = "key")]
    pub(crate) passphrase: bool,
    /// Moves what is stored: copies, reads back, switches, deletes.
    #[arg(long = "move")]
    pub(crate) relocate: bool,
}

/// `fleet`
#[derive(Debug, Subcommand)]
pub(crate) enum Fleet {
    /// Makes, imports and exports the key that a fleet seals its tokens with.
    ///
    /// Every host of a fleet has the same one. Without it the key is derived from the client's secret, if the provider is
    /// known to make secrets at random, or `derive` was run for the profile. Keys go through files that only their owner can read, never through arguments.
    #[command(subcommand)]
    Key(FleetKey),
    /// Sets and removes the user and password of the fleet store.
    ///
    /// They are kept where secrets are kept, for the hosts that `url` of [fleet] names now, and go to no others.
    #[command(subcommand)]
    Login(FleetLoginCommand),
}

/// `fleet key`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetKey {
    /// Makes a new key and keeps it here; where a file is named, writes it there as well.
    New {
        /// The file to write, for the other hosts; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Keeps the key that a file holds.
    Import {
        /// The file: at least 32 bytes, readable by nobody else.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Writes the key into a file.
    Export {
        /// The file to write; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Derives the key from the secret of the profile, which an issuer made at random.
    ///
    /// Run it on each host, with -p NAME. It vouches for this client of this issuer, also after its secret is replaced. A
    /// secret that a person chose could be found by the operator of the store: run `new` instead.
    Derive,
    /// Forgets the key that is kept here, and the clients that `derive` vouched for.
    Remove,
}

/// `fleet login`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetLoginCommand {
    /// Sets the user and password.
    Set {
        /// The user of the store's access list; the default one where none is named.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Reads the password from stdin; one newline at its end is cut.
        #[arg(long, group = "secret")]
        secret_stdin: bool,
        /// Copies the password from a file, now.
        #[arg(long, value_name = "PATH", group = "secret")]
        secret_file: Option<PathBuf>,
    },
    /// Removes them.
    Remove,
}

/// `credentials`
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Stores a client's secret and what it is for.
    ///
    /// The secret is asked for, hidden, unless a flag says where to read it; no flag takes it as a value. The profile is
    /// that of -p, else it has the name of the provider, else `default`. Of a profile that is there, what is not given
    /// stays; another URL, issuer, client or method asks for the secret again.
    Set(Box<Set>),
    /// Lists the profiles.
    List {
        /// Prints their names only, one on each line.
        #[arg(long)]
        names: bool,
    },
    /// Shows a profile: its place, binding, age and fingerprint, never its secret.
    Show,
    /// Removes a profile with its secret and tokens.
    Remove {
        /// Does not ask.
        #[arg(long)]
        yes: bool,
        /// Revokes the cached tokens first.
        #[arg(long)]
        revoke: bool,
    },
}

/// `credentials set`
#[derive(Clone, Debug, Args)]
pub(crate) struct Set {
    /// The client identifier.
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// A provider whose endpoints tokenkeep knows, such as spotify.
    #[arg(long, value_name = "PROVIDER", conflicts_with = "token_url")]
    pub(crate) provider: Option<String>,
    /// The token endpoint: https, or http to localhost, 127.0.0.1 or [::1].
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// The issuer identifier, exactly as the issuer writes it. Without --token-url the issuer is asked for its endpoints.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Lets plain http go to a host of a private network, for development; may be repeated. The secret can be read
    /// on the way.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_http: Vec<String>,
    /// Sends a header to the token endpoint, for a gateway there; may be repeated. NAME alone takes the value that
    /// stands in the profile.
    #[arg(long, value_name = "NAME=file:PATH|env:VARIABLE")]
    pub(crate) header: Vec<String>,
    /// Fills in what a provider asks for, such as tenant=ID; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "provider")]
    pub(crate) with: Vec<String>,
    /// How the client proves itself.
    #[arg(long, value_name = "METHOD", value_parser = PossibleValuesParser::new(AuthMethod::ALL.map(|(_, name)| name)))]
    pub(crate) auth: Option<String>,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// A resource that `token validate` shows the token to.
    #[arg(long, value_name = "URL")]
    pub(crate) probe_url: Option<String>,
    /// The introspection endpoint (RFC 7662).
    #[arg(long, value_name = "URL")]
    pub(crate) introspection_url: Option<String>,
    /// The revocation endpoint (RFC 7009).
    #[arg(long, value_name = "URL")]
    pub(crate) revocation_url: Option<String>,
    /// The issuer's keys (RFC 7517), for `token validate --as-resource-server`.
    #[arg(long, value_name = "URL")]
    pub(crate) jwks_url: Option<String>,
    /// Whom the client's assertions are for; token_endpoint for older servers.
    #[arg(long, value_name = "WHOM", value_parser = PossibleValuesParser::new(AssertionAudience::ALL.map(|(_, name)| name)))]
    pub(crate) assertion_audience: Option<String>,
    /// Whether assertions say what they are (typ client-authentication+jwt); off for older servers.
    #[arg(long, value_name = "ON|OFF", value_parser = PossibleValuesParser::new(AssertionTyp::ALL.map(|(_, name)| name)))]
    pub(crate) assertion_typ: Option<String>,
    /// What assertions are signed with, where the key leaves a choice.
    #[arg(long, value_name = "ALG", value_parser = PossibleValuesParser::new(AssertionAlgorithm::ALL.map(|(_, name)| name)))]
    pub(crate) assertion_algorithm: Option<String>,
    /// The name of the key at the issuer (kid), where the key names none.
    #[arg(long, value_name = "KID")]
    pub(crate) assertion_key_id: Option<String>,
    /// The client's certificate and its chain (RFC 8705); its key is the secret.
    #[arg(long, value_name = "PEM")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Asks for tokens that need a proof at each use (RFC 9449).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) dpop: Option<bool>,
    /// Takes the issuer's tokens as Bearer, whatever it calls their type.
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(TokenType::ALL.map(|(_, name)| name)))]
    pub(crate) token_type: Option<String>,
    /// Certificate authorities to trust instead of the system's.
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How id and secret are written into a Basic header; raw for servers that do not decode.
    #[arg(long, value_name = "ENCODING", value_parser = PossibleValuesParser::new(BasicEncoding::ALL.map(|(_, name)| name)))]
    pub(crate) basic_encoding: Option<String>,
    /// Reads the secret from stdin; one newline at its end is cut.
    #[arg(long, group = "secret")]
    pub(crate) secret_stdin: bool,
    /// Copies the secret from a file, now.
    #[arg(long, value_name = "PATH", group = "secret")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Stores where to read the secret each time: file:PATH, env:NAME, command:JSON-ARRAY or
    /// github-actions:AUDIENCE.
    #[arg(long, value_name = "WHERE", group = "secret")]
    pub(crate) secret_at_fetch: Option<String>,
    /// What tells shared tokens apart in place of the secret, for clients with a key or assertion of each host's own.
    #[arg(long, value_name = "TEXT")]
    pub(crate) fleet_epoch: Option<String>,
    /// Makes it the default profile.
    #[arg(long)]
    pub(crate) default: bool,
    /// Starts anew instead of changing what is there.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Gets one token with the new credential before the old one goes.
    #[arg(long)]
    pub(crate) verify: bool,
}

/// What a token is asked for; what is given replaces what the profile says.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RequestArgs {
    /// A scope; may be repeated, and "a b" is two.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// The audience that the token is for.
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
    /// A resource (RFC 8707); may be repeated.
    #[arg(long, value_name = "URI")]
    pub(crate) resource: Vec<String>,
    /// A further parameter of the token request; may be repeated.
    #[arg(long, value_name = "K=V")]
    pub(crate) param: Vec<String>,
}

impl RequestArgs {
    /// Tells whether nothing was typed.
    pub(crate) fn is_empty(&self) -> bool {
        self.scope.is_empty() && self.audience.is_none() && self.resource.is_empty() && self.param.is_empty()
    }
}

/// `token`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Prints the cached token while it is valid, else a fresh one.
    ///
    /// A fresh one costs one request, for which everybody else who wants the same token waits. A scope, audience, resource
    /// or parameter that is given replaces the profile's; the token for it is kept by itself.
    Get(Get),
    /// Checks the cached token; fetches none.
    ///
    /// By its lifetime, and by showing it to the probe URL where the profile has one. Prints `valid` (exit code 0),
    /// `not_valid` (5) or `indeterminate` (12), and what each check found.
    Validate(Validate),
    /// Lists the cached tokens, without their values.
    List,
    /// Revokes the cached token at the issuer (RFC 7009), then forgets it.
    Revoke {
        #[command(flatten)]
        request: RequestArgs,
    },
    /// Forgets the cached tokens of the profile.
    Forget {
        #[command(flatten)]
        request: RequestArgs,
        /// Of all profiles.
        #[arg(long, conflicts_with_all = ["scope", "audience", "resource", "param"])]
        all: bool,
        /// Takes them back from the fleet, too: the next host that needs one asks the issuer.
        #[arg(long)]
        fleet: bool,
    },
}

/// `token get`
#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// How long the token must still be valid, such as 90s, 5m or 1h30m.
    #[arg(long, value_name = "D")]
    pub(crate) min_ttl: Option<String>,
    /// Gets a token that is issued after this call began.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) refresh: bool,
    /// Never asks the issuer.
    #[arg(long)]
    pub(crate) offline: bool,
    /// How to write it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,
    /// The variable that `--format env` exports [default: ACCESS_TOKEN].
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The HTTP method that `--format dpop` proves.
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// The URL that `--format dpop` proves.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The nonce that the API asked for (DPoP-Nonce).
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
}

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token and a newline.
    #[default]
    Token,
    /// A JSON object.
    Json,
    /// An Authorization header.
    Header,
    /// A line for a shell to evaluate.
    Env,
    /// Authorization and DPoP headers for one request (RFC 9449); needs --method and --url.
    Dpop,
}

/// `token validate`
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Checks its lifetime only: asks nobody.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Checks the token that stands on stdin instead of the cached one.
    #[arg(long)]
    pub(crate) token_stdin: bool,
    /// Checks it as the owner of the API: signature, typ, iss, aud, exp (RFC 9068). --audience says whom it must be for.
    #[arg(long)]
    pub(crate) as_resource_server: bool,
    /// The issuer's keys; else jwks_url of the profile.
    #[arg(long, value_name = "URL", requires = "as_resource_server")]
    pub(crate) jwks: Option<String>,
    /// Whose tokens are taken; else the issuer of the profile.
    #[arg(long, value_name = "ISSUER", requires = "as_resource_server")]
    pub(crate) issuer: Option<String>,
}
