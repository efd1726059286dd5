//! Timers and sockets for keepers, whatever drives them: a runtime with one thread, made at the first wait.
//!
//! A program may have no tokio runtime, or one without timers or sockets, and tokio panics if they are missing. So a
//! keeper brings its own. The work itself stays with the caller: it is polled there, with this runtime entered, and
//! ends when its future is dropped. Only what it spawns, such as a connection, is driven here, and outlives a runtime
//! of the caller that ends.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};

thread_local! {
    /// Whether this thread drives a runtime that was made here.
    static IS_COMPLETE: Cell<bool> = const { Cell::new(false) };
}

/// The runtime of this process.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

struct Shared {
    /// A process that was forked off has the runtime of its parent, and not the thread that drives it.
    process: u32,
    handle: Handle,
}

/// Does work that needs timers and sockets.
///
/// # Errors
/// When the system gives no thread, or none of the descriptors that a runtime takes.
pub(crate) async fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    if IS_COMPLETE.get() {
        return Ok(work.await);
    }
    Ok(Entered { runtime: shared()?, work: Some(Box::pin(work)) }.await)
}

/// Drives work on this thread, which then needs no other.
///
/// # Errors
/// When the system gives none of the descriptors that a runtime takes.
#[cfg(feature = "cli")]
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = complete()?;
    let before = IS_COMPLETE.replace(true);
    let done = runtime.block_on(work);
    IS_COMPLETE.set(before);
    // A name lookup that hangs must not hold the process.
    runtime.shutdown_background();
    Ok(done)
}

/// Work that finds a runtime whenever it is polled, and when it is dropped.
struct Entered<F> {
    runtime: Handle,
    work: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        match &mut self.work {
            Some(work) => work.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Entered<F> {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        self.work = None;
    }
}

fn shared() -> io::Result<Handle> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(shared) = shared.as_ref().filter(|shared| shared.process == process) {
        return Ok(shared.handle.clone());
    }
    let runtime = complete()?;
    let handle = runtime.handle().clone();
    let drive = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("tokenkeep".to_owned()).spawn(drive)?;
    *shared = Some(Shared { process, handle: handle.clone() });
    Ok(handle)
}

fn complete() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
