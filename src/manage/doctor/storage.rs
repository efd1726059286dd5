//! Single checks of the data directory: each returns its finding.

use std::time::Duration;

use super::finding::{Finding, Status};
use crate::cache::store::RecordStore;
use crate::cache::{Cache, Extent};
use crate::error::{Code, Error, Remedy};
use crate::profile::{AuthMethod, BasicEncoding, Generation, Profile};
use crate::secrets::{DataDirLock, ItemName, Keys, Retired, SecretStore};
use crate::system::clock::Clock;
use crate::system::files::{Dir, Durable, FileSystem, Missing, random_name};
use crate::system::secret::Secret;

/// The size of the file that is written to see whether a token could be kept, in bytes.
const LARGEST_TRIAL: usize = 8 * 1024;

/// Writes an item of its own, reads it back and erases it.
pub(super) fn backend(keys: &Keys) -> Result<Finding, Error> {
    if keys.choice().backend.keeps_nothing() {
        return Ok(Finding::new("write_read", Status::Ok, "nothing is kept, by choice"));
    }
    written_and_read(&*keys.secrets()?)?;
    Ok(Finding::new("write_read", Status::Ok, "an item was written, read back and erased"))
}

/// Writes a file of a record's size among the tokens, reads it back, and removes it.
pub(super) fn cache(dir: &Dir) -> Result<Finding, Error> {
    let name = format!("doctor.{}.tmp", random_name()?);
    let content = [0x5a; LARGEST_TRIAL];
    if let Some(tokens) = dir.dir("tokens", Missing::Create)? {
        // Synced: a full disk may show only then.
        tokens.replace(&name, &format!("{name}.tmp"), &content, Durable::Yes)?;
        let read = tokens.read(&name, LARGEST_TRIAL);
        tokens.remove(&name)?;
        if read?.as_deref() != Some(content.as_slice()) {
            return Err(Error::new(Code::WriteFailed, "what is written among the tokens does not read back")
                .with_remedy(Remedy::CheckDataDirectory));
        }
    }
    Ok(Finding::new("cache", Status::Ok, "a record was written, read back and removed"))
}

/// Removes what a killed trial left among the tokens. The lock shows that no trial is under way.
pub(super) fn remove_trials(dir: &Dir, _lock: &DataDirLock) -> Result<(), Error> {
    let Some(tokens) = dir.dir("tokens", Missing::Leave)? else { return Ok(()) };
    for name in tokens.names()?.iter().filter(|name| name.starts_with("doctor.") && name.ends_with(".tmp")) {
        tokens.remove(name)?;
    }
    Ok(())
}

/// Removes tokens of stored secrets that are certainly gone: a command that retired them was killed before it could.
pub(super) fn retired(dir: &Dir, cache: &Cache, keys: &Keys) -> Result<Finding, Error> {
    let mut removed = 0;
    for (identity, outline) in cache.identities()? {
        let generation = outline.generation.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(Generation::new);
        let Some(generation) = generation else { continue };
        // What cannot be read is not absent.
        if keys.read(&ItemName::credential(generation))?.is_none() {
            removed += usize::from(cache.forget(identity.name())?);
            crate::cache::single_flight::forget_lock(dir, identity.name())?;
        }
    }
    Ok(Finding::new("retired", Status::Ok, format!("{removed} token(s) of secrets that are gone were removed")))
}

fn written_and_read(secrets: &dyn SecretStore) -> Result<(), Error> {
    let item = ItemName::trial(&random_name()?);
    let secret = Secret::new(random_name()?.into_bytes());
    secrets.write(&item, &secret)?;
    let read = secrets.read(&item);
    secrets.remove(&Retired::by_name(item))?;
    match read? {
        Some(read) if read == secret => Ok(()),
        _ => Err(crate::secrets::SecretsError::WriteUnverified.into()),
    }
}

/// Looks at the kernel's copy of the key.
pub(super) fn kernel_tier(keys: &Keys, keep: Option<Duration>) -> Finding {
    let kept = |keep| format!("the kernel keeps the key for {}", crate::encoding::duration::show(keep));
    let finding = |status, detail: String| Finding::new("kernel_tier", status, detail);
    if !keys.choice().backend.needs_unlock() {
        return finding(Status::Ok, "not needed: the key is at hand".to_owned());
    }
    if !cfg!(target_os = "linux") {
        return finding(Status::Warn, "this system has none: the key is requested at each get".to_owned());
    }
    match (keep, keys.tier_remaining()) {
        (None, _) => finding(Status::Warn, "off: the key is requested at each get".to_owned()),
        (Some(keep), Some(left)) => finding(Status::Ok, format!("{}, {left} left", kept(keep))),
        (Some(keep), None) => finding(Status::Ok, format!("{}; empty now", kept(keep))),
    }
}

/// Looks at the file system below a data directory.
pub(super) fn file_system(dir: &Dir) -> Finding {
    match dir.file_system() {
        FileSystem::Local => Finding::new("file_system", Status::Ok, "local"),
        FileSystem::Network(name) => {
            let detail = format!("{name}: locks may not hold, so a token may be requested more than once");
            Finding::new("file_system", Status::Warn, detail).with_fix(Remedy::UseLocalDirectory)
        }
    }
}

/// Removes what no caller needs any more: what was over for a day, temporaries, and locks that no process holds.
pub(super) fn swept(dir: &Dir, cache: Option<&Cache>, clock: &dyn Clock) -> Result<Finding, Error> {
    let removed = crate::cache::sweep(dir, cache, clock, Extent::Everything)?;
    Ok(Finding::new("leftovers", Status::Ok, format!("{removed} file(s) that nothing needs any more were removed")))
}

/// Counts cached records, and those that do not open.
pub(super) fn records(store: &dyn RecordStore, cache: Option<&Cache>) -> Result<Finding, Error> {
    let all = store.list().map_err(crate::cache::CacheFault::from)?.len();
    let Some(cache) = cache else { return Ok(Finding::new("records", Status::Ok, format!("{all}"))) };
    let (opened, newer) = (cache.identities()?.len(), cache.newer()?);
    let damaged = all.saturating_sub(opened + newer);
    let mut words = vec![format!("{all}")];
    if damaged > 0 {
        words.push(format!("{damaged} do not open and are replaced when they are requested again"));
    }
    if newer > 0 {
        words.push(format!("{newer} were written by a newer version and stay until token forget"));
    }
    let status = if words.len() == 1 { Status::Ok } else { Status::Warn };
    Ok(Finding::new("records", status, words.join("; ")))
}

/// Reports whether servers disagree about the credential of a profile.
pub(super) fn basic_encoding(profile: &Profile, secret: &Secret) -> Finding {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let agreed = secret.expose().iter().all(plain) && profile.client_id.as_bytes().iter().all(plain);
    if agreed || profile.auth != AuthMethod::ClientSecretBasic {
        return Finding::new("basic_encoding", Status::Ok, "every server reads it the same way");
    }
    let (now, other) = match profile.basic_encoding {
        BasicEncoding::Form => ("form", BasicEncoding::Raw),
        BasicEncoding::Raw => ("raw", BasicEncoding::Form),
    };
    let detail = format!("id or secret has characters that servers disagree about; it is sent {now}");
    let finding = Finding::new("basic_encoding", Status::Warn, detail).with_fix(Remedy::TryBasicEncoding(other.name()));
    Finding { profile: Some(profile.name.to_string()), ..finding }
}
