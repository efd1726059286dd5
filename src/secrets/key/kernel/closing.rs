//! How long the kernel still keeps a key, and its end.

use super::KernelTier;

impl KernelTier {
    /// Returns how long the key stays, in the kernel's words (`7h`, `30m`); `None` if the kernel does not report it.
    pub(crate) fn remaining(&self) -> Option<String> {
        // Elsewhere these paths would name files that any user may make.
        if !cfg!(target_os = "linux") {
            return None;
        }
        let keys = std::fs::read_to_string("/proc/keys").ok()?;
        let line = keys.lines().find(|line| line.contains(&self.description))?;
        line.split_whitespace().nth(3).map(str::to_owned)
    }

    /// Empties the place; `true` if a key was there.
    pub(crate) fn empty(&self) -> bool {
        empty(&self.description).is_some()
    }
}

#[cfg(target_os = "linux")]
fn empty(description: &str) -> Option<()> {
    super::system::ring()?.search(description).ok()?.invalidate().ok()
}

#[cfg(not(target_os = "linux"))]
fn empty(_description: &str) -> Option<()> {
    None
}
