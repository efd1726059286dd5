//! Work in a thread of its own, for an answer that cannot be waited for with a time-out, or not inside a runtime.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::Builder;
use std::time::Duration;

/// Why a thread gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The system starts no thread.
    #[error("no thread can be started")]
    NoThread(#[source] io::Error),
    /// It did not answer in time. It may still be at work.
    #[error("a thread did not answer in time")]
    Late,
    /// It panicked.
    #[error("a thread failed")]
    Failed,
}

/// How much room a thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// As much as libraries expect.
    Usual,
    /// Enough for one call of the system: there may be many such threads.
    Small,
}

/// Does work in a thread of this name and waits for its answer, for `patience` at most. An answer that comes later is
/// dropped. The system shows 15 characters of the name.
///
/// # Errors
/// When there is no answer in time, or none ever.
pub(crate) fn within<T: Send + 'static>(
    name: &str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let (answer, answered) = mpsc::sync_channel(1);
    let run = move || {
        // No receiver is left when the deadline has passed.
        let _ = answer.send(work());
    };
    Builder::new().name(name.to_owned()).spawn(run).map_err(NoAnswer::NoThread)?;
    answered.recv_timeout(patience).map_err(|error| match error {
        RecvTimeoutError::Timeout => NoAnswer::Late,
        RecvTimeoutError::Disconnected => NoAnswer::Failed,
    })
}

/// Does work in a thread and waits for its answer without holding the runtime, for as long as the caller polls.
///
/// # Errors
/// When there is no answer.
pub(crate) async fn detached<T: Send + 'static>(
    stack: Stack,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let run = move || {
        // No receiver is left if the caller was dropped.
        let _ = answer.send(work());
    };
    let thread = match stack {
        Stack::Usual => Builder::new(),
        Stack::Small => Builder::new().stack_size(64 * 1024),
    };
    thread.name(NAME.to_owned()).spawn(run).map_err(NoAnswer::NoThread)?;
    answered.await.map_err(|_| NoAnswer::Failed)
}

const NAME: &str = "tokenkeep";

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn the_answer_of_a_thread_is_returned() {
        assert!(matches!(within(NAME, PATIENCE, || 7), Ok(7)));
    }

    #[test]
    fn a_thread_that_answers_too_late_is_not_waited_for() {
        let (_never, wait) = mpsc::channel::<()>();
        assert!(matches!(within(NAME, Duration::from_millis(10), move || wait.recv()), Err(NoAnswer::Late)));
    }

    #[tokio::test]
    async fn an_answer_is_awaited_without_a_deadline() {
        assert!(matches!(detached(Stack::Small, || 7).await, Ok(7)));
    }
}
