//! Waiting for what no event tells: looking again, until it is so.

use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(10);
/// A minute and more: no test waits for this; it turns a wait for what never happens into a failure.
const LOOKS: usize = 6_000;

/// Waits until this holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Waits until there is one of these.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("waited in vain until {what}")
}
