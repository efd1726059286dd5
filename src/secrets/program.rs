//! Running a program that prints a secret: no shell, no stdin, a deadline, a cap.
//!
//! Its stderr is not shown, for it may hold the secret. The program ends with this process: at its deadline, and when
//! this process is interrupted, together with all that it started.
//!
//! A program may ask its user for a master password. It can do that while the command line has the terminal. Then it
//! runs in the process group of tokenkeep, as git's credential helpers do, so that Ctrl-C and Ctrl-Z reach both.
//! Otherwise it has a group of its own, and one that wants the terminal, which would stop it, is an error at once.

use std::io::{self, Read as _};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::encoding::duration;
use crate::system::clock::Deadline;
use crate::system::process;

/// The largest output that is read, in bytes.
const CAP: usize = 64 * 1024;
/// How long a program may take if the configuration names no time.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a program that has the terminal may take: its user may have to find a password first.
#[cfg(all(unix, feature = "cli"))]
const DEADLINE_ON_TERMINAL: Duration = Duration::from_secs(60);
/// How long one may take to end once it has closed its output.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// How soon the end of a program is noticed if its output stays open.
const GLANCE: Duration = Duration::from_millis(20);

/// What a program did instead of printing a secret, as the predicate of a sentence.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error("cannot be started: {0}")]
    NotStarted(io::Error),
    /// It has no output to read.
    #[error("has no output")]
    NoOutput,
    /// Its output cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It printed more than any secret has.
    #[error("printed more than {CAP} bytes")]
    TooLong,
    /// It did not end in time.
    #[error("did not end within {}", duration::show(*.0))]
    Late(Duration),
    /// It was stopped, because it wanted the terminal.
    #[error("wants the terminal, which only a command in the foreground can give it")]
    WantsTerminal,
    /// Its output ended, and it did not.
    #[error("closed its output and did not end")]
    StaysOpen,
    /// It reported a failure.
    #[error("failed ({0})")]
    Failed(ExitStatus),
    /// Whether it has ended cannot be found out.
    #[error("cannot be waited for: {0}")]
    NotWaited(io::Error),
}

/// Returns the output of a program, or what happened instead. `timeout` is how long it may take, if the configuration
/// sets it.
pub(super) fn printed(
    program: &str,
    arguments: &[String],
    timeout: Option<Duration>,
) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
    let mut command = process::command(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(all(unix, feature = "cli"))]
    crate::system::terminal::end_programs_on_signals();
    #[cfg(all(unix, feature = "cli"))]
    let lent = crate::system::terminal::lend();
    #[cfg(all(unix, feature = "cli"))]
    let (has_terminal, usual) = if lent.is_some() { (true, DEADLINE_ON_TERMINAL) } else { (false, DEADLINE) };
    #[cfg(not(all(unix, feature = "cli")))]
    let (has_terminal, usual) = (false, DEADLINE);
    #[cfg(unix)]
    if !has_terminal {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = process::spawn(&mut command).map_err(ProgramError::NotStarted)?;
    #[cfg(unix)]
    let running = if has_terminal { process::Running::beside(&child) } else { process::Running::group(&child) };
    let printed = match child.stdout.take() {
        Some(output) => read(&mut child, output, timeout.unwrap_or(usual)),
        None => Err(ProgramError::NoOutput),
    };
    if printed.is_err() {
        #[cfg(unix)]
        running.kill();
        // For a program without a group of its own. If the program has ended, the error does not matter.
        let _ = child.kill();
        let ended = child.wait();
        // Ctrl-C was for this process too, whose own signal may come a moment later.
        #[cfg(all(unix, feature = "cli"))]
        if has_terminal
            && let Some(signal) = ended.as_ref().ok().and_then(std::os::unix::process::ExitStatusExt::signal)
        {
            crate::system::terminal::end_with_program(signal);
        }
        drop(ended);
    }
    #[cfg(all(unix, feature = "cli"))]
    drop(lent);
    printed
}

/// Reads until the output ends, or until the program has ended well and something is there. What the program started
/// may keep the output open for as long as it likes.
#[cfg(unix)]
fn read(child: &mut Child, mut output: ChildStdout, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    // Our end of the pipe only: the program's is another opening.
    let flags = fcntl_getfl(&output).map_err(|error| ProgramError::Unreadable(error.into()))?;
    fcntl_setfl(&output, flags | OFlags::NONBLOCK).map_err(|error| ProgramError::Unreadable(error.into()))?;
    // Never grown: that would leave copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAP + 1));
    let deadline = Deadline::after(timeout);
    loop {
        // Checked before the output is read: everything that the program wrote is there then.
        let ended = ended_well(child)?;
        let closed = read_present(&mut output, &mut bytes)?;
        if ended && (closed || !bytes.is_empty()) {
            return Ok(bytes);
        }
        if closed {
            return awaited(child).map(|()| bytes);
        }
        let left = deadline.left();
        if left.is_zero() {
            return Err(ProgramError::Late(timeout));
        }
        if process::wants_terminal(child) {
            return Err(ProgramError::WantsTerminal);
        }
        let pause = Timespec::try_from(left.min(GLANCE)).unwrap_or_default();
        // Interrupted or failed: the next round shows which.
        let _ = poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&pause));
    }
}

/// Reads what is there. Returns whether the output has ended.
#[cfg(unix)]
fn read_present(output: &mut ChildStdout, bytes: &mut Zeroizing<Vec<u8>>) -> Result<bool, ProgramError> {
    use std::io::ErrorKind;

    let mut piece = Zeroizing::new([0; 4 * 1024]);
    loop {
        match output.read(piece.as_mut_slice()) {
            Ok(0) => return Ok(true),
            Ok(length) if bytes.len() + length > CAP => return Err(ProgramError::TooLong),
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(ProgramError::Unreadable(error)),
        }
    }
}

/// Reads until the output ends. In a thread: a program that prints nothing must not be waited for without an end.
#[cfg(not(unix))]
fn read(child: &mut Child, output: ChildStdout, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
    use crate::system::thread::{self, NoAnswer};

    let read = thread::within("tokenkeep-output", timeout, move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(CAP + 1));
        output.take(CAP as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = match read {
        Ok(read) => read.map_err(ProgramError::Unreadable)?,
        Err(NoAnswer::NoThread(error)) => return Err(ProgramError::Unreadable(error)),
        Err(NoAnswer::Late | NoAnswer::Failed) => {
            return Err(ProgramError::Late(timeout));
        }
    };
    if bytes.len() > CAP {
        return Err(ProgramError::TooLong);
    }
    awaited(child).map(|()| bytes)
}

/// Waits a moment for a program whose output has ended.
fn awaited(child: &mut Child) -> Result<(), ProgramError> {
    let deadline = Deadline::after(LAST_MOMENT);
    while !ended_well(child)? {
        if deadline.left().is_zero() {
            return Err(ProgramError::StaysOpen);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Returns whether the program has ended; one that failed is an error.
fn ended_well(child: &mut Child) -> Result<bool, ProgramError> {
    match child.try_wait() {
        Ok(None) => Ok(false),
        Ok(Some(status)) if status.success() => Ok(true),
        Ok(Some(status)) => Err(ProgramError::Failed(status)),
        Err(error) => Err(ProgramError::NotWaited(error)),
    }
}
