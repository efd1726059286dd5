//! The flags of `credentials`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{RequestArgs, one_of};
use crate::profile::{AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, TokenType};

/// `credentials`
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Store a client's secret with its profile.
    ///
    /// The secret is typed at a hidden prompt, unless a flag names the place to read it from; no flag takes it as a value.
    /// The profile is that of -p, else it has the name of the provider, else `default`. An existing profile keeps each
    /// part that is not given; another URL, issuer, client or method needs the secret again.
    Set(Box<Set>),
    /// List the profiles.
    List {
        /// Print their names only, one on each line.
        #[arg(long)]
        names: bool,
    },
    /// Show a profile: its place, binding, age and fingerprint, never its secret.
    Show,
    /// Remove a profile with its secret and tokens.
    Remove(Remove),
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
    /// The issuer identifier, exactly as the issuer writes it. Without --token-url its endpoints are looked up there.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Let plain http go to a host of a private network, for development; may be repeated. The secret can be read
    /// on the way.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_http: Vec<String>,
    /// Send a header to the token endpoint, for a gateway there; may be repeated. NAME without a value takes the value
    /// that stands in the profile.
    #[arg(long, value_name = "NAME=file:PATH|env:VARIABLE")]
    pub(crate) header: Vec<String>,
    /// Fill in what a provider needs, such as tenant=ID; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "provider")]
    pub(crate) with: Vec<String>,
    /// How the client authenticates.
    #[arg(long, value_name = "METHOD", value_parser = one_of(AuthMethod::ALL))]
    pub(crate) auth: Option<AuthMethod>,
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
    /// A host that helpers may hand the token to: HOST[:PORT][/PATH], with *. before it for its subdomains; may be
    /// repeated. The hosts that are given replace those of the profile.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) host: Vec<String>,
    /// The audience of the client's assertions; token_endpoint for older servers.
    #[arg(long, value_name = "WHOM", value_parser = one_of(AssertionAudience::ALL))]
    pub(crate) assertion_audience: Option<AssertionAudience>,
    /// Whether assertions name their type (typ client-authentication+jwt); off for older servers.
    #[arg(long, value_name = "ON|OFF", value_parser = one_of(AssertionTyp::ALL))]
    pub(crate) assertion_typ: Option<AssertionTyp>,
    /// The algorithm that signs assertions, if the key allows several.
    #[arg(long, value_name = "ALG", value_parser = one_of(AssertionAlgorithm::ALL))]
    pub(crate) assertion_algorithm: Option<AssertionAlgorithm>,
    /// The name of the key at the issuer (kid), if the key names none.
    #[arg(long, value_name = "KID")]
    pub(crate) assertion_key_id: Option<String>,
    /// The client's certificate and its chain (RFC 8705); its key is the secret.
    #[arg(long, value_name = "PEM")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Request tokens that need a proof at each use (RFC 9449).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) dpop: Option<bool>,
    /// Take the issuer's tokens as Bearer, whatever it calls their type.
    #[arg(long, value_name = "TYPE", value_parser = one_of(TokenType::ALL))]
    pub(crate) token_type: Option<TokenType>,
    /// Certificate authorities to trust instead of the system's.
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How id and secret are written into a Basic header; raw for servers that do not decode.
    #[arg(long, value_name = "ENCODING", value_parser = one_of(BasicEncoding::ALL))]
    pub(crate) basic_encoding: Option<BasicEncoding>,
    /// Read the secret from stdin; one newline at its end is cut.
    #[arg(long, group = "secret")]
    pub(crate) secret_stdin: bool,
    /// Copy the secret from a file, now.
    #[arg(long, value_name = "PATH", group = "secret")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Store the place to read the secret from each time: file:PATH, env:NAME, command:JSON-ARRAY or
    /// github-actions:AUDIENCE.
    #[arg(long, value_name = "PLACE", group = "secret")]
    pub(crate) secret_at_fetch: Option<String>,
    /// A text in place of the secret that distinguishes shared tokens, if each host has a key or assertion of its own.
    #[arg(long, value_name = "TEXT")]
    pub(crate) fleet_epoch: Option<String>,
    /// Make it the default profile.
    #[arg(long)]
    pub(crate) default: bool,
    /// Replace the profile instead of changing what is there.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Get one token with the new credential before the old one goes.
    #[arg(long)]
    pub(crate) verify: bool,
}

/// `credentials remove`
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Remove without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Revoke the cached tokens first.
    #[arg(long)]
    pub(crate) revoke: bool,
}
