//! Why the fleet store is unavailable.

/// Why the fleet store is unavailable. None of these keeps a token from the caller unless the store is required.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// It did not answer within the time that the caller had.
    #[error("it did not answer in time")]
    TimedOut,
    /// No connection stands.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The connection is not one that can be trusted.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// It does not know the user or password, or the user may not do this.
    #[error("it refused the user or password, or the user may not do this ({0})")]
    Denied(String),
    /// It answered with an error.
    #[error("it answered {0}")]
    Answered(String),
    /// It answered what no engine should.
    #[error("its answer makes no sense")]
    Nonsense,
    /// A password would be sent in clear.
    #[error("the password would be sent without TLS; use rediss://")]
    Exposed,
    /// The stored password was set for another `url`.
    #[error("the stored password was set for another url; nothing was sent")]
    OtherHosts,
    /// The password cannot be read.
    #[error("its password cannot be read: {0}")]
    NoPassword(String),
    /// The stored password is gone.
    #[error("its password cannot be read: it is gone")]
    LoginGone,
    /// No fleet key was made, and none is derived: the operator of the store might find the client's secret by trying.
    #[error("there is no fleet key, and the client's secret is not known to be random")]
    KeyMissing,
    /// The fleet key, or the text in place of the secret, cannot be obtained.
    #[error("{0}")]
    NoKey(String),
    /// It failed a moment ago and is not tried again yet.
    #[error("it failed a moment ago")]
    Broken,
}
