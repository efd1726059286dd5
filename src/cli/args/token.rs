//! The flags of `token`.

use crate::consumers::format::Format;
use clap::{Args, Subcommand};

use super::RequestArgs;

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
