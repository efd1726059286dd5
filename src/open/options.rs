//! How a program opens a profile: directories, deadlines and warnings of its own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::home::Home;
use crate::error::Error;
use crate::error::warning::Warning;
use crate::keeper::{Keeper, Observer};

/// Opens profiles of the command line, with settings that differ from those of the command line.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tokenkeep::OpenOptions;
///
/// let keeper = OpenOptions::new()
///     .config_dir("/etc/billing")
///     .data_dir("/var/lib/billing")
///     .timeout(Duration::from_secs(10))
///     .on_warning(|warning| eprintln!("{}: {warning}", warning.code()))
///     .open("billing")?;
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "options open nothing until `open` or `open_default` is called"]
pub struct OpenOptions {
    config_dir: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    observer: Option<Observer>,
}

impl OpenOptions {
    /// Makes options that open a profile as the command line does.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Reads `config.toml` and `profiles/` in this directory, a relative one from the current directory. If it is not
    /// called: `TOKENKEEP_CONFIG_DIR`, else the user's.
    pub fn config_dir(mut self, directory: impl Into<PathBuf>) -> OpenOptions {
        self.config_dir = Some(directory.into());
        self
    }

    /// Keeps tokens and sealed secrets in this directory, a relative one from the current directory. If it is not
    /// called: `TOKENKEEP_DATA_DIR`, else the user's.
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> OpenOptions {
        self.data_dir = Some(directory.into());
        self
    }

    /// Bounds each request to the issuer as a whole, its repeats included. If it is not called: `http.timeout` of
    /// `config.toml`, else 30 s.
    pub fn timeout(mut self, timeout: Duration) -> OpenOptions {
        self.timeout = Some(timeout);
        self
    }

    /// Bounds the time until a connection stands. If not called: `http.connect_timeout` of `config.toml`, else 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> OpenOptions {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Passes every warning to `observer`, in any thread and often inside a call of the keeper; it should return soon.
    /// If this is not called, warnings are events of [`tracing`].
    pub fn on_warning(mut self, observer: impl Fn(&Warning) + Send + Sync + 'static) -> OpenOptions {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Opens the profile of this name.
    ///
    /// A passphrase that seals the secrets is read from the descriptor in `TOKENKEEP_PASSPHRASE_FD`, once for each
    /// opened profile; this library asks no user.
    ///
    /// # Errors
    /// As [`open`](crate::open).
    pub fn open(self, profile: &str) -> Result<Keeper, Error> {
        self.opened(Some(profile))
    }

    /// Opens the profile that the command line takes if none is named: `default_profile` of `config.toml`, else the
    /// only one that there is.
    ///
    /// # Errors
    /// As [`open`](crate::open), and with [`Code::ProfileAmbiguous`](crate::Code::ProfileAmbiguous) when there are
    /// several profiles and none of them is the default.
    pub fn open_default(self) -> Result<Keeper, Error> {
        self.opened(None)
    }

    fn opened(self, profile: Option<&str>) -> Result<Keeper, Error> {
        let mut home = Home::find(self.config_dir, self.data_dir)?;
        home.config.timeout = self.timeout.unwrap_or(home.config.timeout);
        home.config.connect_timeout = self.connect_timeout.unwrap_or(home.config.connect_timeout);
        let name = home.profile_name(profile)?;
        let log = || -> Observer { Arc::new(|warning| tracing::warn!(code = warning.code(), "{warning}")) };
        home.keeper(&name, self.observer.unwrap_or_else(log))
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("config_dir", &self.config_dir)
            .field("data_dir", &self.data_dir)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(all(feature = "keyring", feature = "redis"))))]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::{Code, Remedy};

    /// A machine that was set up by a program with every feature.
    fn machine(config: &str) -> (tempfile::TempDir, OpenOptions) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (config_dir, data_dir) = (root.path().join("config"), root.path().join("data"));
        fs::create_dir_all(config_dir.join("profiles")).expect("made");
        fs::write(config_dir.join("config.toml"), config).expect("written");
        let profile = "client_id = \"x\"\ntoken_url = \"http://127.0.0.1:1/token\"\n[binding]\n\
             generation = \"a869133aba506de07ea46880553ee5c8\"\ntoken_url = \"http://127.0.0.1:1/token\"\n\
             client_id = \"x\"\nauth = \"client_secret_basic\"\nset_at = \"2026-11-28T13:47:13Z\"\n";
        fs::write(config_dir.join("profiles/main.toml"), profile).expect("written");
        let options = OpenOptions::new().config_dir(config_dir).data_dir(data_dir);
        (root, options)
    }

    #[cfg(not(feature = "keyring"))]
    #[tokio::test]
    async fn a_secret_in_a_keyring_names_the_feature_that_is_missing() {
        let (_root, options) = machine("[secrets]\nbackend = \"keyring\"\n");
        let error = options.open("main").expect("opened").token().await.expect_err("no keyring");
        assert_eq!(
            (error.code(), error.remedy()),
            (Code::KeyringUnavailable, Some(&Remedy::BuildWithKeyring)),
            "{error}"
        );
        assert!(error.to_string().contains("`keyring`"), "{error}");
    }

    #[cfg(not(feature = "redis"))]
    #[test]
    fn a_fleet_names_the_feature_that_is_missing() {
        let (_root, options) = machine("[fleet]\nurl = \"redis://127.0.0.1:1\"\n");
        let error = options.open_default().expect_err("no fleet");
        assert_eq!((error.code(), error.remedy()), (Code::ConfigInvalid, Some(&Remedy::BuildWithRedis)), "{error}");
        assert!(error.to_string().contains("`redis`"), "{error}");
    }
}
