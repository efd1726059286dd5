//! A machine on which the profile `main` is set up: most tests of files, cache and tokens begin here.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

/// An environment, the issuer that its profiles belong to, and a key file made by `init`.
pub(crate) struct Machine {
    pub(crate) environment: TestEnvironment,
    pub(crate) issuer: Issuer,
}

impl Machine {
    /// The secret of `main` is stored, in a sealed file.
    pub(crate) fn new() -> Self {
        Self::of(TestEnvironment::new(), Issuer::start())
    }

    /// The same for a user without privileges, for what file modes decide.
    pub(crate) fn unprivileged() -> Self {
        Self::of(TestEnvironment::new().unprivileged(), Issuer::start())
    }

    pub(crate) fn of(environment: TestEnvironment, issuer: Issuer) -> Self {
        // Tokens tell whose they are: a wrong one is noticed.
        issuer.set(json!({ "token_carries_identity": true }));
        let machine = Self { environment, issuer };
        machine.tokenkeep(["init", "--backend", "file"]).run().success();
        machine.set("main", CLIENT_ID, CLIENT_SECRET).success();
        machine
    }

    /// The secret of `main` is read from a file at each fetch.
    pub(crate) fn by_reference() -> Self {
        let machine = Self::unprivileged();
        let secret = machine.environment.write_secret("files/secret", CLIENT_SECRET);
        let reference = format!("file:{}", secret.display());
        machine.tokenkeep(["credentials", "set", "-p", "main", "--secret-at-fetch", &reference]).run().success();
        machine
    }

    pub(crate) fn tokenkeep<I>(&self, arguments: I) -> Invocation
    where
        I: IntoIterator<Item: AsRef<std::ffi::OsStr>>,
    {
        self.environment.tokenkeep(arguments)
    }

    /// Stores a secret for a client of the issuer.
    #[must_use = "an outcome says whether the program did what it should"]
    pub(crate) fn set(&self, profile: &str, client: &str, secret: &str) -> Outcome {
        let arguments = ["credentials", "set", "-p", profile, "--client-id", client, "--secret-stdin", "--token-url"];
        self.tokenkeep(arguments).arg(self.issuer.token_url()).stdin(secret).run()
    }

    /// `token get` of `main`, as it is typed.
    pub(crate) fn get(&self) -> Invocation {
        self.get_of("main")
    }

    pub(crate) fn get_of(&self, profile: &str) -> Invocation {
        self.tokenkeep(["token", "get", "-p", profile]).prints_token()
    }

    /// Gets a token of `main` and returns it.
    pub(crate) fn token(&self) -> String {
        self.get().run().success().token().to_owned()
    }

    /// Token requests so far.
    pub(crate) fn fetches(&self) -> usize {
        self.issuer.count("/token")
    }

    /// A path in the data directory.
    pub(crate) fn data(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.environment.data_dir().join(relative)
    }

    /// A path in the config directory.
    pub(crate) fn config(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.environment.config_dir().join(relative)
    }

    /// The one file in a folder of the data directory.
    pub(crate) fn only(&self, folder: &str) -> PathBuf {
        let mut paths = paths_in(&self.data(folder));
        assert!(paths.len() == 1, "there should be one file in {folder}: {paths:?}");
        paths.remove(0)
    }
}

/// What is in a directory, sorted.
pub(crate) fn paths_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a directory can be listed").path()).collect();
    paths.sort();
    paths
}
