//! The kernel tier: the data key in kernel memory for some hours, so that a warm read asks no daemon.
//!
//! Only Linux has it: the user's persistent keyring, linked to the process keyring. A process without a session keyring
//! (containers, cron, sudo) has nothing else that works at the first try. Every failure here means "no tier": the
//! backend is used instead.

#[cfg(feature = "cli")]
mod closing;

use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::KeepUnlocked;
use crate::encoding::hex;
use crate::seal::{DataKey, KeyId};

/// The place in kernel memory of one data directory's key.
#[derive(Clone, Debug)]
pub(crate) struct KernelTier {
    description: String,
    keep: Duration,
}

impl KernelTier {
    /// Names the place of a data directory's key.
    pub(crate) fn new(store_id: &[u8; 16], id: KeyId, keep: Duration) -> KernelTier {
        KernelTier { description: format!("tokenkeep:{}:{id}", hex::encode(store_id)), keep }
    }

    /// Returns the key, or `None` for whatever reason. Any process of this user can plant one, so it takes effect only
    /// if it derives the id that `store` names.
    pub(crate) fn read(&self, id: KeyId) -> Option<DataKey> {
        let bytes = system::read(&self.description)?;
        let root: [u8; 32] = bytes.as_slice().try_into().ok()?;
        let key = DataKey::new(Zeroizing::new(root));
        (key.id() == id).then_some(key)
    }

    /// Keeps the key for a while. Without a tier nothing is kept, and nothing is lost.
    pub(crate) fn fill(&self, key: &DataKey) {
        if system::fill(&self.description, key.expose_root(), self.keep).is_none() {
            tracing::debug!("there is no kernel tier; the key is unlocked each time");
        }
    }
}

/// How long the kernel keeps the key; `None` if not at all. By default it keeps none in a container or a user namespace
/// of its own, whose user others may share.
pub(crate) fn keep_in_kernel(keep: KeepUnlocked) -> Option<Duration> {
    const KEEP: Duration = Duration::from_secs(8 * 3_600);
    match keep {
        KeepUnlocked::For(keep) => Some(keep),
        KeepUnlocked::Never => None,
        // Looked up only here: it takes a dozen system calls to recognize a container.
        KeepUnlocked::ByDefault => (!is_contained()).then_some(KEEP),
    }
}

fn is_contained() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| std::path::Path::new(mark).exists());
    let named = ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some());
    let foreign = std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let fields: Vec<&str> = map.split_whitespace().collect();
        fields != ["0", "0", "4294967295"]
    });
    marked || named || foreign
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
    use zeroize::Zeroizing;

    pub(super) fn ring() -> Option<KeyRing> {
        KeyRing::get_persistent(KeyRingIdentifier::Process).ok()
    }

    pub(super) fn read(description: &str) -> Option<Zeroizing<Vec<u8>>> {
        let key = ring()?.search(description).ok()?;
        key.read_to_vec().ok().map(Zeroizing::new)
    }

    pub(super) fn fill(description: &str, bytes: &[u8], keep: Duration) -> Option<()> {
        let key = ring()?.add_key(description, bytes).ok()?;
        let seconds = usize::try_from(keep.as_secs()).ok()?;
        // Only for the possessor of the persistent keyring, which is this user.
        let alone = KeyPermissionsBuilder::builder().posessor(Permission::ALL).build();
        let kept = key.set_timeout(seconds).and_then(|()| key.set_perms(alone));
        if kept.is_err() {
            // A key that would stay for ever, or that others could see, does not stay.
            let _ = key.invalidate();
        }
        kept.ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    use zeroize::Zeroizing;

    pub(super) fn read(_description: &str) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    pub(super) fn fill(_description: &str, _bytes: &[u8], _keep: Duration) -> Option<()> {
        None
    }
}
