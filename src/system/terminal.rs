//! The terminal: what is typed hidden, and lending it to a program that this one started.
//!
//! Both share its modes and the signals that restore them, so they stand in one file. Only the command line asks; the
//! parts below it lend.

use std::io;

use zeroize::Zeroizing;

/// Asks for a line, hidden, or for a private key in PEM, which has many lines. A signal that ends the program meanwhile
/// restores the terminal first, so that an interrupted prompt leaves no terminal without an echo.
///
/// # Errors
/// If there is no terminal, if nothing can be read from it, or if more than one line was pasted that is no private key.
pub(crate) fn hidden(prompt: &str) -> io::Result<Zeroizing<String>> {
    #[cfg(unix)]
    return unix::hidden(prompt);
    #[cfg(not(unix))]
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

/// A terminal that a program uses that this one has started, until it is dropped.
#[cfg(unix)]
pub(crate) use unix::Lent;

/// Lends the terminal to a program that is about to be started; `None` if this process has none, stands in the
/// background of one, or does not belong to the command line. Until the program has ended nothing else is drawn there,
/// and its modes are restored if it leaves them changed.
#[cfg(unix)]
pub(crate) fn lend() -> Option<Lent> {
    if crate::system::process::ends_with_caller() { unix::lend() } else { None }
}

/// Ends this process by the signal that the user of a terminal ended a program with, which had the terminal too; does
/// nothing if it was another signal.
#[cfg(unix)]
pub(crate) fn end_with_program(signal: i32) {
    unix::end_with_program(signal);
}

/// Returns whether the terminal waits for an answer, to a hidden prompt or to a program.
pub(crate) fn is_asking() -> bool {
    #[cfg(unix)]
    return unix::is_asking();
    #[cfg(not(unix))]
    false
}

/// Makes the signals that end this process end the programs that it started, if it belongs to the command line. Most
/// lead groups of their own, which no Ctrl-C reaches.
#[cfg(unix)]
pub(crate) fn end_programs_on_signals() {
    if crate::system::process::ends_with_caller() {
        unix::watch_for_signals();
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::c_int;
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use rpassword::ConfigBuilder;
    use rustix::fs::OFlags;
    use rustix::process::{Signal, getpgrp};
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use zeroize::Zeroizing;

    use crate::system::process::end_all;

    /// The longest answer, in bytes: a private key of any kind has room.
    const CAP: usize = 64 * 1024;

    /// The terminal, as far as it has to be restored. A thread that changes its modes holds the lock, so that a program
    /// that ends cannot hide again what it has just shown.
    static TERMINAL: Mutex<Terminal> = Mutex::new(Terminal { hidden: None, watched: None, lent: None });

    struct Terminal {
        /// Itself, and its modes before what is typed was hidden.
        hidden: Option<(File, Termios)>,
        /// The signals that a thread waits for, as bits, once it does: they end the program.
        watched: Option<u64>,
        /// Itself, and its modes before a program had it.
        lent: Option<(File, Termios)>,
    }

    pub(super) fn hidden(prompt: &str) -> io::Result<Zeroizing<String>> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        // Before the prompt is shown: no user types faster.
        let restored = Restored::of_hidden(&terminal)?;
        terminal.write_all(prompt.as_bytes())?;
        let typed = answer(&terminal);
        drop(restored);
        // Ctrl-C, which these modes make a character, and for which the signal has been raised already.
        if typed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
            && locked().watched.is_some_and(|watched| watched & bit(SIGINT) != 0)
        {
            end(SIGINT);
        }
        typed
    }

    /// Reads what is typed or pasted: one line, or a private key to its last line, with what stands before it.
    fn answer(terminal: &File) -> io::Result<Zeroizing<String>> {
        let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        let mut text = Zeroizing::new(String::with_capacity(CAP));
        text.push_str(&line(terminal)?);
        // What is left of a paste must neither be taken for less than it was nor reach the shell.
        while is_open(&text) || rustix::io::ioctl_fionread(terminal)? > 0 {
            let next = line(terminal)?;
            if text.len() + next.len() + 1 > CAP {
                return refused("what was pasted has no end");
            }
            text.push('\n');
            text.push_str(&next);
        }
        let is_key = text.contains("-----BEGIN ") || text.trim_start().starts_with('{');
        if text.lines().filter(|line| !line.trim().is_empty()).count() > 1 && !is_key {
            return refused("more than one line was pasted");
        }
        // Line ends are cut; blanks may be a part of it.
        Ok(Zeroizing::new(text.trim_matches('\n').to_owned()))
    }

    /// Returns whether a private key, in PEM or JWK, has not ended yet.
    fn is_open(text: &str) -> bool {
        let count = |mark: &str| text.matches(mark).count();
        let is_jwk = text.trim_start().starts_with('{');
        count("-----BEGIN ") > count("-----END ") || is_jwk && count("{") > count("}")
    }

    fn line(terminal: &File) -> io::Result<Zeroizing<String>> {
        // Not rpassword's own hiding: it changes the modes twice, and without a lock.
        let config = ConfigBuilder::new().input_reader(terminal.try_clone()?).output_discard().build();
        rpassword::read_password_with_config(config).map(Zeroizing::new)
    }

    pub(super) fn is_asking() -> bool {
        let state = locked();
        state.hidden.is_some() || state.lent.is_some()
    }

    /// When it is dropped, the terminal is as it was before it was lent.
    pub(crate) struct Lent;

    pub(super) fn lend() -> Option<Lent> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        // In the background a program that asks would be stopped.
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let modes = tcgetattr(&terminal).ok()?;
        locked().lent = Some((terminal, modes));
        Some(Lent)
    }

    impl Drop for Lent {
        fn drop(&mut self) {
            take_back(&mut locked());
        }
    }

    pub(super) fn end_with_program(signal: c_int) {
        if [SIGINT, SIGQUIT].contains(&signal) {
            // Held to the end of the program, which is now.
            let mut state = locked();
            take_back(&mut state);
            end(signal);
        }
    }

    /// Restores the modes of a terminal that a program had: one that was killed at its prompt leaves no echo.
    fn take_back(state: &mut Terminal) {
        if let Some((terminal, before)) = state.lent.take()
            && let Ok(present) = tcgetattr(&terminal)
            && (present.local_modes, present.input_modes) != (before.local_modes, before.input_modes)
        {
            // The terminal may be gone; then there is nothing to restore.
            let _ = tcsetattr(&terminal, OptionalActions::Flush, &before);
        }
    }

    /// Without a thread that waits, a signal ends this process and leaves to the programs what they do about it.
    pub(super) fn watch_for_signals() {
        let mut state = locked();
        if state.watched.is_none() {
            match watch() {
                Ok(watched) => state.watched = Some(watched),
                Err(error) => tracing::debug!("signals are not waited for: {error}"),
            }
        }
    }

    /// When it is dropped, the terminal is as it was.
    struct Restored;

    impl Restored {
        fn of_hidden(terminal: &File) -> io::Result<Restored> {
            let mut state = locked();
            if state.watched.is_none() {
                state.watched = Some(watch()?);
            }
            // Another opening of the terminal: waiting on a terminal that is stopped (Ctrl-S) would hold up the end.
            let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
            let other = OpenOptions::new().write(true).custom_flags(nonblocking).open("/dev/tty")?;
            let before = tcgetattr(terminal)?;
            let mut modes = before.clone();
            // Character by character: a line of the kernel's own editing ends at 4,095 bytes.
            modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(terminal, OptionalActions::Now, &modes)?;
            state.hidden = Some((other, before));
            Ok(Restored)
        }
    }

    impl Drop for Restored {
        fn drop(&mut self) {
            show(&mut locked());
        }
    }

    /// Shows again what is typed, on a line of its own.
    fn show(state: &mut Terminal) {
        if let Some((mut terminal, before)) = state.hidden.take() {
            // The terminal may be gone; then there is nothing to restore. What was typed ahead may be the rest of a
            // secret: it goes.
            let _ = tcsetattr(&terminal, OptionalActions::Flush, &before);
            let _ = terminal.write_all(b"\n");
        }
    }

    /// Waits for the signals that end a program, to its end: once they are caught, nothing else acts on them. Returns
    /// which these are.
    fn watch() -> io::Result<u64> {
        let handled = handled_already();
        let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(|&signal| handled & bit(signal) == 0);
        let mut signals = Signals::new(wanted.clone())?;
        let wait = move || {
            for signal in signals.forever() {
                // Held to the end of the program, which is near.
                let mut state = locked();
                show(&mut state);
                take_back(&mut state);
                if let Some(signal) = Signal::from_named_raw(signal) {
                    end_all(signal);
                }
                end(signal);
            }
        };
        std::thread::Builder::new().spawn(wait)?;
        Ok(wanted.map(bit).sum())
    }

    /// A signal's place in the masks of /proc.
    fn bit(signal: c_int) -> u64 {
        1 << (signal - 1)
    }

    /// Ends the program as if the signal had not been caught: the exit status shows which one it was.
    fn end(signal: c_int) {
        if emulate_default_handler(signal).is_err() {
            std::process::abort();
        }
    }

    /// Returns, as bits, the signals that are ignored (`nohup`, a shell's `trap ''`), and those that the program around
    /// this library handles itself; none if the system does not report them.
    fn handled_already() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            u64::from_str_radix(line.trim(), 16).ok()
        };
        ["SigIgn:", "SigCgt:"].into_iter().filter_map(mask).fold(0, |all, mask| all | mask)
    }

    fn locked() -> MutexGuard<'static, Terminal> {
        TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
