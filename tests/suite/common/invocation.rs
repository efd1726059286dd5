//! A run of a program, as it is typed, and while it lasts.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::binary;
use super::canary::Canary;
use super::environment::is_root;
use super::outcome::{Outcome, Stdout};

/// No test waits for this; it turns a program that hangs into a failure.
const HANGING: Duration = Duration::from_secs(120);

/// A program with its arguments, environment, user and input, not yet run.
#[must_use = "an invocation does nothing until it is run"]
pub(crate) struct Invocation {
    prefix: Vec<OsString>,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
    directory: PathBuf,
    user: Option<u32>,
    /// Where a copy of the program goes, if its user cannot reach it.
    copies: PathBuf,
    stdin: Input,
    stdout: Stdout,
    canaries: Vec<Canary>,
}

enum Input {
    Bytes(Vec<u8>),
    /// A pipe that stays open until [`Running::close_stdin`].
    Open,
}

impl Invocation {
    pub(crate) fn new<I>(program: &Path, arguments: I, canaries: Vec<Canary>, copies: PathBuf) -> Self
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Self {
            prefix: Vec::new(),
            program: program.to_owned(),
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            variables: Vec::new(),
            directory: PathBuf::from("/"),
            user: None,
            copies,
            stdin: Input::Bytes(Vec::new()),
            stdout: Stdout::HoldsNoSecret,
            canaries,
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<I>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    pub(crate) fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), None));
        self
    }

    pub(crate) fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = directory.as_ref().to_owned();
        self
    }

    /// The bytes of stdin; without them it is empty.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// Leaves stdin open: the program could read from it for ever.
    pub(crate) fn stdin_open(mut self) -> Self {
        self.stdin = Input::Open;
        self
    }

    /// Runs it as this user, where the tests are run by root; else as it is.
    #[expect(clippy::wrong_self_convention, reason = "it reads as `sudo` does: run as this user")]
    pub(crate) fn as_user(mut self, user: u32) -> Self {
        self.user = is_root().then_some(user);
        self
    }

    /// Runs it under another program: `["strace", "-f"]`, `["faketime", "@0"]`, or a shell for what only a shell sets:
    /// `["sh", "-c", "umask 0; exec \"$@\" >/dev/full", "sh"]`.
    pub(crate) fn under<I>(mut self, prefix: I) -> Self
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.prefix.extend(prefix.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Says that a token on stdout is what was asked for; every other secret is still looked for.
    pub(crate) fn prints_token(mut self) -> Self {
        self.stdout = Stdout::HoldsToken;
        self
    }

    /// Runs it to its end.
    #[must_use = "an outcome says whether the program did what it should"]
    pub(crate) fn run(self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it.
    pub(crate) fn spawn(self) -> Running {
        let program = match self.user {
            Some(_) => binary::reachable(&self.program, &self.copies),
            None => self.program,
        };
        let mut words = self.prefix.into_iter().chain([program.into_os_string()]).chain(self.arguments);
        let mut command = Command::new(words.next().expect("the program is one word"));
        command.args(words).env_clear().current_dir(self.directory);
        let words: Vec<_> = command.get_args().collect();
        let json = words.contains(&OsStr::new("--json")) || words.windows(2).any(|pair| pair == ["--format", "json"]);
        for (name, value) in self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        // Files and not pipes: a program can never block on them, so that a herd of 200 needs no threads here.
        let (stdout, stderr) = (temporary_file(), temporary_file());
        command.stdout(shared(&stdout)).stderr(shared(&stderr));
        command.stdin(match self.stdin {
            Input::Bytes(bytes) => {
                let mut file = temporary_file();
                file.write_all(&bytes).and_then(|()| file.rewind()).expect("a temporary file can be written");
                Stdio::from(file)
            }
            Input::Open => Stdio::piped(),
        });
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let stdin = child.stdin.take();
        Running { child, stdin, stdout, stderr, holds: self.stdout, json, canaries: self.canaries }
    }
}

/// A program that was started; it is killed when this is dropped.
#[must_use = "a running program is killed when it is dropped"]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: File,
    stderr: File,
    holds: Stdout,
    json: bool,
    canaries: Vec<Canary>,
}

impl Running {
    /// The process id: of the outermost program where there is a prefix that does not `exec`.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child can be signalled until it is waited for");
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Writes to a stdin that was left open.
    pub(crate) fn write_stdin(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin was left open");
        stdin.write_all(bytes).expect("the program reads its stdin");
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What it wrote to stderr so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&content(&self.stderr)).into_owned()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits for its end and looks for secrets in what it wrote.
    #[must_use = "an outcome says whether the program did what it should"]
    pub(crate) fn wait(mut self) -> Outcome {
        self.stdin = None;
        let status = match self.child.try_wait().expect("a child can be waited for") {
            Some(status) => status,
            None => {
                let (ended, end) = mpsc::channel::<()>();
                let pid = self.pid();
                let guard = std::thread::spawn(move || {
                    let hangs = end.recv_timeout(HANGING) == Err(mpsc::RecvTimeoutError::Timeout);
                    if hangs {
                        let _ = kill_process(pid, Signal::KILL);
                    }
                    hangs
                });
                let status = self.child.wait().expect("a child can be waited for");
                drop(ended);
                let hung = guard.join().expect("the guard does not panic");
                assert!(!hung, "the program hung and was killed; stderr:\n{}", self.stderr_so_far());
                status
            }
        };
        // As a shell has it.
        let code = status.code().unwrap_or_else(|| 128 + status.signal().expect("it exited or was killed"));
        Outcome::new(code, content(&self.stdout), content(&self.stderr), self.holds, self.json, &self.canaries)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn temporary_file() -> File {
    tempfile::tempfile().expect("a temporary file")
}

fn shared(file: &File) -> Stdio {
    Stdio::from(file.try_clone().expect("a descriptor can be cloned"))
}

/// Reads at positions, because the position of the file itself belongs to the program that writes it.
fn content(file: &File) -> Vec<u8> {
    let length = file.metadata().expect("an open file").len();
    let mut bytes = vec![0; usize::try_from(length).expect("an output fits into memory")];
    file.read_exact_at(&mut bytes, 0).expect("an output only grows");
    bytes
}
