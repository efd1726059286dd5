//! What went wrong without keeping a token from the caller.

use std::fmt;
use std::time::Duration;

use super::Remedy;
use crate::encoding::duration;

macro_rules! warnings {
    ($(
        #[doc = $about:literal]
        $warning:ident $code:literal $(($value:ty))? $({ $($(#[$doc:meta])* $field:ident: $type:ty,)* })?,
    )*) => {
        /// Something that went wrong while a token was handed out all the same.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Warning {
            $(#[doc = $about] $warning $(($value))? $({ $($(#[$doc])* $field: $type,)* })?,)*
        }

        impl Warning {
            /// Returns the code that scripts know it by.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Warning::$warning { .. } => $code,)*
                }
            }
        }

        /// Every code, and what it means. Two warnings may share one.
        #[cfg(all(test, any(feature = "cli", feature = "front")))]
        pub(crate) const WARNINGS: &[(&str, &str)] = &[$(($code, $about),)*];
    };
}

warnings! {
    /// A record did not open, and its token is fetched again.
    UnsealFailed "unseal_failed",
    /// A token could not be kept.
    CacheWriteFailed "cache_write_failed" (String),
    /// The data directory cannot be written.
    CacheReadOnly "cache_read_only" (String),
    /// A record was written by a newer version, and is left as it is.
    CacheNewerVersion "cache_newer_version",
    /// There is no data key, so nothing is kept.
    DataKeyUnavailable "data_key_unavailable" (String),
    /// The data key was gone from its place, or another one stands there; old records are void.
    DataKeyReplaced "data_key_replaced",
    /// The turn of another process or host did not end in time.
    LockTimeout "lock_timeout",
    /// The file system does not lock files.
    LockUnsupported "lock_timeout",
    /// The data directory lies on a file system that other hosts share.
    NetworkFilesystem "network_filesystem" (&'static str),
    /// Something that must not be trusted lies in place of a record or lock.
    CachePathInsecure "cache_path_insecure" (String),
    /// The wall clock stands before the time at which the cached token was requested.
    ClockJump "clock_jump",
    /// The history of requests was damaged; it was put aside, and a new one begun.
    LedgerQuarantined "ledger_quarantined",
    /// The issuer named no lifetime.
    LifetimeAssumed "lifetime_assumed" (Duration),
    /// The token was over when it arrived, so no later caller can use it.
    LifetimeZero "lifetime_zero",
    /// The issuer's tokens live for less than the caller wants, so none is ever good enough for a later caller.
    MinTtlAboveLifetime "min_ttl_above_lifetime" {
        /// How long a token must still be valid.
        min_ttl: Duration,
        /// How long the issuer's tokens live.
        lifetime: Duration,
    },
    /// The issuer granted less than was requested.
    ScopeNarrowed "scope_narrowed" (String),
    /// The issuer did not name the type of its token.
    TokenTypeMissing "token_type_missing",
    /// A server refuses the token, as it did less than a minute ago; the token stays in use for this long at least.
    RejectionsLimited "rejections_limited" (Duration),
    /// A server refuses the token that the issuer gave again after it was refused before; the token stays in use.
    RejectedAgain "rejections_limited",
    /// The file that the secret is read from can be read by other users, as this text describes.
    SecretReadable "secret_readable" (String),
    /// A secret that is read at each fetch, as this names it, holds a line end or another control character.
    SecretLines "secret_lines" (String),
    /// A secret that was given begins or ends with a blank or a quotation mark.
    SecretEnds "secret_ends",
    /// The fleet store is unavailable; this host continues without it.
    FleetUnavailable "fleet_unavailable" (String),
    /// There is no fleet key, and the secret is not known to be random; this host continues without the fleet.
    FleetKeyMissing "fleet_key_missing" (String),
}

impl Warning {
    /// Returns what to do about it, if one thing helps.
    pub fn remedy(&self) -> Option<Remedy> {
        matches!(self, Warning::FleetKeyMissing(_)).then_some(Remedy::MakeOrDeriveFleetKey)
    }

    /// Returns the profile that it is about, if it is about one.
    pub fn profile(&self) -> Option<&str> {
        match self {
            Warning::FleetKeyMissing(profile) => Some(profile),
            _ => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::UnsealFailed => f.write_str("a cached record does not open; its token is requested again"),
            Warning::CacheWriteFailed(why) => write!(f, "the token cannot be kept: {why}"),
            Warning::CacheReadOnly(why) => write!(f, "the token cannot be kept, nothing can be written: {why}"),
            Warning::CacheNewerVersion => f.write_str("the cache was written by a newer tokenkeep and is left as it is"),
            Warning::DataKeyUnavailable(why) => write!(f, "nothing is kept, the data key is not available: {why}"),
            Warning::DataKeyReplaced => f.write_str(
                "the data key is another one now; tokens that were cached under the old one are requested again",
            ),
            Warning::LockTimeout => f.write_str("another process or host did not end its request in time; this process sends its own"),
            Warning::LockUnsupported => f.write_str("this file system does not lock files; each process sends its own request"),
            Warning::NetworkFilesystem(kind) => {
                write!(f, "the data directory is on {kind}, where locks may not hold; a token may be requested twice")
            }
            Warning::CachePathInsecure(why) => write!(f, "the cache is not used: {why}"),
            Warning::ClockJump => f.write_str("the clock stands before the time the cached token was issued"),
            Warning::LedgerQuarantined => {
                f.write_str("the history of requests was damaged; it is kept as ledger.db.damaged, and a new one begun")
            }
            Warning::LifetimeAssumed(lifetime) => {
                write!(f, "the issuer names no lifetime; {} is assumed", duration::show(*lifetime))
            }
            Warning::LifetimeZero => {
                f.write_str("the token has no lifetime left when it arrives (expires_in), so each call asks the issuer")
            }
            Warning::MinTtlAboveLifetime { min_ttl, lifetime } => write!(
                f,
                "min_ttl is {}, and the issuer's tokens live for {}, so each call asks the issuer",
                duration::show(*min_ttl),
                duration::show(*lifetime)
            ),
            Warning::ScopeNarrowed(granted) => write!(f, "the issuer granted a narrower scope: {granted}"),
            Warning::TokenTypeMissing => f.write_str("the issuer names no token_type; it is taken as Bearer"),
            Warning::RejectionsLimited(left) => write!(
                f,
                "a server refuses the token, as it did with another one a moment ago; it stays in use for {} at least, so that no quota is used up",
                duration::show(*left)
            ),
            Warning::RejectedAgain => f.write_str(
                "a server refuses the token that the issuer gave again after it was refused before; it stays in use",
            ),
            Warning::SecretReadable(why) => f.write_str(why),
            Warning::SecretLines(place) => {
                write!(f, "{place} holds a line end or another control character, which is sent as a part of it")
            }
            Warning::SecretEnds => {
                f.write_str("the secret begins or ends with a blank, a quotation mark or a symbol that is not seen, which is kept as a part of it")
            }
            Warning::FleetUnavailable(why) => write!(f, "the fleet store is unavailable; continuing without it: {why}"),
            Warning::FleetKeyMissing(profile) => write!(
                f,
                "there is no fleet key for {profile}, and its secret is not known to be random; continuing without the fleet"
            ),
        }
    }
}
