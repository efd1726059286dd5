//! The flags that change what is requested.

use clap::Args;

/// What is requested of a token; what is given replaces what the profile names.
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
    /// Returns whether nothing was typed.
    pub(crate) fn is_empty(&self) -> bool {
        self.scope.is_empty() && self.audience.is_none() && self.resource.is_empty() && self.param.is_empty()
    }
}
