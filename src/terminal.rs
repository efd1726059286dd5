//! Asking on a terminal without showing what is typed.

use std::io;

use zeroize::Zeroizing;

/// Asks for a line, hidden. A signal that ends the program while it waits restores the terminal
/// first: whoever interrupts a prompt must not be left typing blind.
///
/// # Errors
/// When there is no terminal, or nothing can be read from it.
pub(crate) fn hidden(prompt: &str) -> io::Result<Zeroizing<String>> {
    #[cfg(unix)]
    let _restored = unix::Restored::on_signals()?;
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::thread::JoinHandle;

    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::{Handle, Signals};

    /// While it lives, a signal that ends the program puts the terminal back as it was.
    pub(super) struct Restored {
        signals: Handle,
        thread: Option<JoinHandle<()>>,
    }

    impl Restored {
        pub(super) fn on_signals() -> io::Result<Restored> {
            let terminal = File::open("/dev/tty")?;
            let before = tcgetattr(&terminal)?;
            let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
            let handle = signals.handle();
            let wait = move || {
                if let Some(signal) = signals.forever().next() {
                    // The terminal may be gone; then there is nothing to restore.
                    let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
                    // As if nobody had caught it: the exit status says which signal it was.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
            };
            Ok(Restored { signals: handle, thread: Some(std::thread::Builder::new().spawn(wait)?) })
        }
    }

    impl Drop for Restored {
        fn drop(&mut self) {
            self.signals.close();
            if let Some(thread) = self.thread.take() {
                // It only waits; a panic in it has nothing to say.
                let _ = thread.join();
            }
        }
    }
}
