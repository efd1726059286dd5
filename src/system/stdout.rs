//! The standard output: whether it was open when this program was started, and writes that report every failure.
//!
//! std hides two failures. It puts /dev/null in place of a closed output before `main`. It also takes a write for done
//! if the output is open for reading only. A token would be lost, with exit code 0.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "a look before `main` is a pointer in a section"))]

use std::io;

/// Writes all bytes, or reports why not: with EBADF if the output was closed when the program was started. Waits for an
/// output that does not block.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if at_start::was_closed() {
        return Err(rustix::io::Errno::BADF.into());
    }
    all_written(bytes)
}

/// Closes the output for the program that this one becomes, if it was closed when this one was started.
#[cfg(all(feature = "front", unix))]
pub(crate) fn pass_on() {
    #[cfg(target_os = "linux")]
    if at_start::was_closed() {
        // What fails here leaves /dev/null: there is nothing to lose.
        let _ = rustix::io::fcntl_setfd(rustix::stdio::stdout(), rustix::io::FdFlags::CLOEXEC);
    }
}

#[cfg(unix)]
fn all_written(mut bytes: &[u8]) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    let out = rustix::stdio::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::new(&out, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn all_written(bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;

    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

#[cfg(target_os = "linux")]
mod at_start {
    use std::sync::atomic::{AtomicBool, Ordering};

    static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

    // SAFETY: the C library calls each function that this section lists once, before `main`, in the only thread. This
    // one makes one system call and stores its outcome; it allocates nothing, uses nothing of std that has to be set up
    // first, and cannot panic.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_START: extern "C" fn() = look;

    extern "C" fn look() {
        let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
        WAS_CLOSED.store(flags == Err(rustix::io::Errno::BADF), Ordering::Relaxed);
    }

    /// Returns whether the standard output was closed when this program was started.
    pub(super) fn was_closed() -> bool {
        // Named here, so that the linker takes it from the library.
        std::hint::black_box(&AT_START);
        WAS_CLOSED.load(Ordering::Relaxed)
    }
}
