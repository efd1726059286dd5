//! The protections that a process with secrets requests from the system: no core dump, and no look inside by others. A
//! file that may not grow causes an error in place of a signal.

/// Forbids core dumps, and tracing by other processes of the same user, as far as the system lets us. Turns the limit
/// on the size of files into a failed write. A failure is logged and changes nothing else.
pub(crate) fn harden() {
    #[cfg(unix)]
    {
        survive_file_size_limit();
        forbid_dumps();
    }
}

/// Catches SIGXFSZ, by which the system ends a process that writes beyond `ulimit -f`. The write then fails as on a
/// full disk, and a token that was just obtained is printed. Caught and not ignored: programs that this one starts get
/// the signal back.
#[cfg(unix)]
fn survive_file_size_limit() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    // The failed write is the news, the flag is not.
    let noticed = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, noticed) {
        tracing::debug!("a limit on the size of files is not caught: {error}");
    }
}

#[cfg(unix)]
fn forbid_dumps() {
    if let Err(error) = crate::system::process::lower_core_limit() {
        tracing::debug!("core dumps cannot be forbidden: {error}");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::debug!("tracing by others cannot be forbidden: {error}");
        }
    }
}
