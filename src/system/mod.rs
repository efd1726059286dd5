//! What the operating system gives: time, files, processes, the terminal, and a place for secrets in memory.

pub(crate) mod clock;
pub(crate) mod files;
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) mod hardening;
pub(crate) mod process;
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) mod process_id;
pub(crate) mod random;
pub(crate) mod runtime;
pub(crate) mod secret;
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) mod stdout;
pub(crate) mod sync;
#[cfg(feature = "cli")]
pub(crate) mod terminal;
pub(crate) mod thread;
