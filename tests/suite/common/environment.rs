//! A private home for one test: directories, environment variables, the user, and what must stay secret in it.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use super::binary;
use super::canary::{Canary, scan_tree};
use super::invocation::Invocation;
use super::issuer::TOKEN_PREFIX;

/// The user that plays the unprivileged one where the tests run as root.
const NOBODY: u32 = 65534;

/// A temporary root with everything a program under test may see or write.
///
/// Nothing of the surrounding environment gets in but `PATH`. When it is dropped, every file in it
/// is scanned for secrets, as [`TestEnvironment::assert_clean`] does.
pub(crate) struct TestEnvironment {
    root: TempDir,
    directories: Directories,
    user: Option<u32>,
    canaries: Mutex<Vec<Canary>>,
    secret_places: Mutex<Vec<PathBuf>>,
    key_files: Mutex<Vec<PathBuf>>,
}

/// How tokenkeep learns its directories.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directories {
    /// From `TOKENKEEP_CONFIG_DIR` and `TOKENKEEP_DATA_DIR`.
    Named,
    /// From `HOME`, as the platform has it.
    Home,
}

impl TestEnvironment {
    /// An environment that names the directories of tokenkeep in its variables.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("tokenkeep-").tempdir().expect("a temporary directory");
        // Open to others, because the program under test may be another user than the test.
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).expect("the root is ours");
        let environment = Self {
            root,
            directories: Directories::Named,
            user: None,
            canaries: Mutex::new(Vec::new()),
            secret_places: Mutex::new(Vec::new()),
            key_files: Mutex::new(Vec::new()),
        };
        for folder in ["home", "tmp", "files"] {
            std::fs::create_dir(environment.path(folder)).expect("the root is empty");
        }
        environment.canary("token", TOKEN_PREFIX);
        environment.canary("client secret", "CANARY-SECRET-");
        environment
    }

    /// Lets tokenkeep find its directories through `HOME`.
    pub(crate) fn by_home(mut self) -> Self {
        self.directories = Directories::Home;
        self
    }

    /// Runs everything as a user without privileges, who owns the root; where the tests are not run by root, as they are.
    pub(crate) fn unprivileged(mut self) -> Self {
        if is_root() {
            self.user = Some(NOBODY);
            self.give_to_user(self.root.path());
            for folder in ["home", "tmp", "files"] {
                self.give_to_user(&self.path(folder));
            }
        }
        self
    }

    /// A run of tokenkeep.
    pub(crate) fn tokenkeep<I>(&self, arguments: I) -> Invocation
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.invocation(binary::tokenkeep(), arguments)
    }

    /// A run of any program in the same environment and under the same scan.
    pub(crate) fn program<I>(&self, program: impl AsRef<Path>, arguments: I) -> Invocation
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.invocation(program.as_ref(), arguments)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn config_dir(&self) -> PathBuf {
        match (self.directories, cfg!(target_os = "macos")) {
            (Directories::Named, _) => self.path("config"),
            (Directories::Home, false) => self.path("home/.config/tokenkeep"),
            (Directories::Home, true) => self.path("home/Library/Application Support/tokenkeep"),
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        match (self.directories, cfg!(target_os = "macos")) {
            (Directories::Named, _) => self.path("data"),
            (Directories::Home, false) => self.path("home/.local/share/tokenkeep"),
            (Directories::Home, true) => self.path("home/Library/Application Support/tokenkeep"),
        }
    }

    /// Writes a file that the user of this environment owns, mode 0644, with the directories that it needs.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        self.make_directories(path.parent().expect("a file has a directory"));
        std::fs::write(&path, content).expect("the file can be written");
        self.give_to_user(&path);
        path
    }

    /// Writes a file that is the place of a secret: mode 0600, and never scanned.
    pub(crate) fn write_secret(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(relative, content);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("the file is ours");
        self.secret_place(&path);
        path
    }

    /// Declares a file, or all of a directory, as the place of a secret: it is not scanned.
    pub(crate) fn secret_place(&self, path: impl AsRef<Path>) {
        let path = self.path(path);
        self.secret_places.lock().expect("no holder panics").push(path);
    }

    /// Adds a secret that must appear nowhere.
    pub(crate) fn canary(&self, name: &str, value: impl AsRef<[u8]>) {
        self.canaries.lock().expect("no holder panics").push(Canary::new(name, value));
    }

    /// Declares where a key file is, or will be, besides `key` in the config directory: its bytes are a secret,
    /// and this is their place.
    pub(crate) fn key_file(&self, path: impl AsRef<Path>) {
        let path = self.path(path);
        self.key_files.lock().expect("no holder panics").push(path);
    }

    /// Every secret that must appear nowhere, the bytes of key files included.
    pub(crate) fn canaries(&self) -> Vec<Canary> {
        let mut canaries = self.canaries.lock().expect("no holder panics").clone();
        let keys = self.all_key_files().into_iter().filter_map(|path| std::fs::read(path).ok());
        canaries.extend(keys.filter(|key| is_random(key)).map(|key| Canary::new("key file", key)));
        canaries
    }

    /// Panics where a secret lies in the content or the name of any file outside the places declared for it.
    pub(crate) fn assert_clean(&self) {
        let mut exempt = self.secret_places.lock().expect("no holder panics").clone();
        exempt.extend(self.all_key_files());
        exempt.push(self.path("bin"));
        let findings = scan_tree(&self.canaries(), self.root.path(), &exempt);
        assert!(findings.is_empty(), "secrets in files:\n{}", findings.join("\n"));
    }

    fn invocation<I>(&self, program: &Path, arguments: I) -> Invocation
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let invocation = Invocation::new(program, arguments, self.canaries(), self.path("bin"))
            .current_dir(self.home())
            .env("HOME", self.home())
            .env("TMPDIR", self.path("tmp"))
            // Without an address the bus of whoever runs the tests would be found, and their keyring used.
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.path("no-bus").display()))
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        let invocation = match self.directories {
            Directories::Home => invocation,
            Directories::Named => {
                invocation.env("TOKENKEEP_CONFIG_DIR", self.config_dir()).env("TOKENKEEP_DATA_DIR", self.data_dir())
            }
        };
        match self.user {
            Some(user) => invocation.as_user(user),
            None => invocation,
        }
    }

    fn all_key_files(&self) -> Vec<PathBuf> {
        let declared = self.key_files.lock().expect("no holder panics");
        declared.iter().cloned().chain([self.config_dir().join("key")]).collect()
    }

    fn make_directories(&self, directory: &Path) {
        if directory.is_dir() {
            return;
        }
        self.make_directories(directory.parent().expect("the root is a directory"));
        std::fs::create_dir(directory).expect("the directory can be made");
        self.give_to_user(directory);
    }

    fn give_to_user(&self, path: &Path) {
        if let Some(user) = self.user {
            chown(path, Some(user), Some(user)).expect("root may give files away");
        }
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

/// Whether the tests are run by root, who can become another user.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Tells key material from a key file that a test wrote by hand, such as one of 32 zeros, which would be found anywhere.
fn is_random(key: &[u8]) -> bool {
    let mut values = key.to_vec();
    values.sort_unstable();
    values.dedup();
    values.len() >= 12
}
