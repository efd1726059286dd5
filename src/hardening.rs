//! What a process that holds secrets asks of the system: no core dump, no look inside by others.

/// Forbids core dumps, and tracing by other processes of the same user, as far as the system lets
/// us. Two system calls; what fails is said in the log and changes nothing else.
pub(crate) fn harden() {
    #[cfg(unix)]
    forbid_dumps();
}

#[cfg(unix)]
fn forbid_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
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
