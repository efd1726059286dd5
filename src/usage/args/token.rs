//! The flags of `token`.

use crate::consumers::format::Format;
use clap::{Args, Subcommand};

use super::RequestArgs;

/// `token`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Print the cached token while it is valid, else a fresh one.
    ///
    /// A fresh one costs one request; all other callers of the same token wait for it. A scope, audience, resource or
    /// parameter that is given replaces the profile's; its token is kept separately.
    Get(Get),
    /// Check the cached token; fetch none.
    ///
    /// Check its lifetime, and show it to the introspection endpoint and the probe URL if the profile has them. Print `valid` (exit code 0),
    /// `not_valid` (5) or `indeterminate` (12), and what each check found.
    Validate(Validate),
    /// List the cached tokens, without their values.
    List,
    /// Revoke the cached token at the issuer (RFC 7009), then forget it.
    Revoke {
        #[command(flatten)]
        request: RequestArgs,
    },
    /// Forget the cached tokens of the profile.
    Forget {
        #[command(flatten)]
        request: RequestArgs,
        /// Forget those of every profile.
        #[arg(long, conflicts_with_all = ["scope", "audience", "resource", "param"])]
        all: bool,
        /// Take them back from the fleet, too: the next host that needs one requests it from the issuer.
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
    /// Get a token that is issued after this call began.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) refresh: bool,
    /// Request nothing from the issuer.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Write the token in this format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,
    /// The variable that --format env, fish, powershell or github sets [default: ACCESS_TOKEN].
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The HTTP method that `--format dpop` proves.
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// The URL that `--format dpop` proves.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The nonce that the API named (DPoP-Nonce).
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
}

/// `token validate`
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Check its lifetime only, without a request.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Check the token that stands on stdin instead of the cached one.
    #[arg(long)]
    pub(crate) token_stdin: bool,
    /// Check it as the owner of the API: signature, typ, iss, aud, exp (RFC 9068). --audience names the API.
    #[arg(long)]
    pub(crate) as_resource_server: bool,
    /// The issuer's keys; else jwks_url of the profile.
    #[arg(long, value_name = "URL", requires = "as_resource_server")]
    pub(crate) jwks: Option<String>,
    /// The issuer of accepted tokens; else that of the profile.
    #[arg(long, value_name = "ISSUER", requires = "as_resource_server")]
    pub(crate) issuer: Option<String>,
}
