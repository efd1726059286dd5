//! `config.toml`: what users choose once for all profiles.

mod backend;
#[cfg(feature = "cli")]
mod editing;
mod fleet;
mod keys;

use std::path::PathBuf;
use std::time::Duration;

use crate::encoding::toml::{DocumentError, Parsed};
pub(crate) use backend::{BackendName, NamedBackend};
pub(crate) use fleet::{BUDGET, FleetConfig};
pub use fleet::{FleetUrl, FleetUrlError, Topology};

/// The content of `config.toml`; each missing part has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The profile to use if none is named.
    pub default_profile: Option<String>,
    /// The backend that `init` would have recorded.
    pub backend: Option<NamedBackend>,
    /// Whether a variable named it, and not the file.
    pub(crate) backend_by_variable: bool,
    /// The file that the data key comes from.
    pub key_file: Option<PathBuf>,
    /// The systemd credential that the data key comes from.
    pub(crate) key_credential: Option<String>,
    /// How long the kernel keeps the data key.
    pub(crate) keep_unlocked: KeepUnlocked,
    /// How long a call of the OS keyring may take.
    pub(crate) keyring_timeout: Duration,
    /// How long a program may take that prints a secret; `None` for as long as is usual.
    pub(crate) command_timeout: Option<Duration>,
    /// Whether a token that cannot be kept is an error instead of a warning.
    pub(crate) required: bool,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long a request may take as a whole, its retries included.
    pub timeout: Duration,
    /// The store that the hosts of a fleet share, if there is one.
    pub(crate) fleet: Option<FleetConfig>,
}

/// How long the kernel keeps the data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepUnlocked {
    /// For as long as is usual where this process runs.
    ByDefault,
    /// Not at all.
    Never,
    /// For this time.
    For(Duration),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            default_profile: None,
            backend: None,
            backend_by_variable: false,
            key_file: None,
            key_credential: None,
            keep_unlocked: KeepUnlocked::ByDefault,
            keyring_timeout: Duration::from_secs(5),
            command_timeout: None,
            required: false,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            fleet: None,
        }
    }
}

impl Config {
    /// Parses `config.toml`.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Config, DocumentError> {
        let parsed = Parsed::new(bytes)?;
        let root = parsed.root();
        root.renamed("shared", "fleet")?;
        root.only(&keys::names_in("").chain(keys::SECTIONS).collect::<Vec<_>>())?;
        let mut config = Config {
            default_profile: root.text("default_profile")?.map(str::to_owned),
            fleet: root.table("fleet")?.map(|table| FleetConfig::parse(&table)).transpose()?,
            ..Config::default()
        };
        if let Some(secrets) = root.table("secrets")? {
            secrets.only(&keys::names_in("secrets").collect::<Vec<_>>())?;
            config.key_credential = secrets.text("key_credential")?.map(str::to_owned);
            config.keep_unlocked = match secrets.text("keep_unlocked") {
                Ok(Some("off")) => KeepUnlocked::Never,
                _ => match secrets.duration("keep_unlocked")? {
                    None => KeepUnlocked::ByDefault,
                    // To the kernel, no time means no end.
                    Some(Duration::ZERO) => KeepUnlocked::Never,
                    Some(keep) => KeepUnlocked::For(keep),
                },
            };
            if let Some(timeout) = secrets.duration("timeout")? {
                config.keyring_timeout = timeout;
            }
            config.command_timeout = match secrets.duration("command_timeout")? {
                Some(Duration::ZERO) => return Err(secrets.invalid("command_timeout", "must be longer than zero")),
                timeout => timeout,
            };
            config.required = secrets.flag("required")?.unwrap_or_default();
            config.backend = secrets.text("backend")?.map(NamedBackend::of);
            config.key_file = secrets.path("key_file")?;
        }
        if let Some(http) = root.table("http")? {
            http.only(&keys::names_in("http").collect::<Vec<_>>())?;
            for (key, place) in [("connect_timeout", &mut config.connect_timeout), ("timeout", &mut config.timeout)] {
                match http.duration(key)? {
                    Some(Duration::ZERO) => return Err(http.invalid(key, "must be longer than zero")),
                    Some(duration) => *place = duration,
                    None => {}
                }
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_has_the_documented_defaults() {
        let config = Config::parse(Vec::new()).expect("empty is valid");
        assert_eq!((config.connect_timeout.as_secs(), config.timeout.as_secs()), (5, 30));
    }

    #[test]
    fn a_shared_store_has_the_documented_defaults() {
        let config = Config::parse(b"[fleet]\nurl = 'redis://x'".to_vec()).expect("valid");
        let shared = config.fleet.expect("it is there");
        assert_eq!((shared.budget, shared.required), (BUDGET, false));
        assert_eq!((shared.namespace.as_str(), shared.key_file), ("default", None));
    }

    #[test]
    fn every_key_of_a_shared_store_is_judged_and_no_value_is_quoted() {
        for (line, key) in [
            ("", "url"),
            ("url = 'redis://u:hunter2@x'", "url"),
            ("url = 'redis://x'\nbudget = '0ms'", "budget"),
            ("url = 'redis://x'\nbudget = '2h'", "budget"),
            ("url = 'redis://x'\nbudget = 'hunter2'", "budget"),
            ("url = 'redis://x'\nbudget = 0", "budget"),
            ("url = 'redis://x'\nbudget = 100000", "budget"),
            ("url = 'redis://x'\nbudget = true", "budget"),
            ("url = 'redis://x'\nnamespace = ''", "namespace"),
            ("url = 'redis://x'\nkey_file = 'hunter2'", "key_file"),
            ("url = 'redis://x'\nrequired = 'hunter2'", "required"),
            ("url = 'redis://x'\npassword = 'hunter2'", "password"),
            ("url = 'redis://x'\npassword = {github_actions = 'a'}", "password"),
            ("url = 'redis://x'\nuser = ''", "user"),
        ] {
            let error = Config::parse(format!("[fleet]\n{line}").into_bytes()).expect_err("it cannot be used");
            assert!(error.to_string().contains(&format!("fleet.{key}")), "{line}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_budget_is_read_in_milliseconds_and_seconds() {
        for (text, millis) in [("'50ms'", 50), ("'1s'", 1_000), ("2", 2_000)] {
            let config = Config::parse(format!("[fleet]\nurl = 'redis://x'\nbudget = {text}").into_bytes());
            assert_eq!(config.expect("valid").fleet.map(|shared| shared.budget.as_millis()), Some(millis), "{text}");
        }
    }
}
