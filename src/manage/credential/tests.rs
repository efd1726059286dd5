use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::editor::stored;
use super::*;
use crate::cache::Cache;
use crate::cache::store::MemoryStore;
use crate::error::Code;
use crate::open::generations::present;
use crate::profile::{Endpoint, Generation, ProfileFile, ProfileName, Request};
use crate::seal::DataKey;
use crate::secrets::{
    Configurations, Credential, DataDirLock, ItemName, MemorySecrets, SecretStore as _, SecretsError,
};
use crate::system::clock::{ManualClock, WallTime};
use crate::system::files::{Dir, Missing};

struct Place {
    root: tempfile::TempDir,
    data_dir: Dir,
    secrets: MemorySecrets,
    cache: Cache,
    clock: ManualClock,
    lock: DataDirLock,
}

fn place() -> Place {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
    Place {
        secrets: MemorySecrets::default(),
        cache: Cache::new(Arc::new(MemoryStore::default()), DataKey::random().expect("randomness")),
        clock: ManualClock::new(WallTime(1_800_000_000_000_000_000)),
        lock: DataDirLock::take(&dir).expect("free"),
        data_dir: dir,
        root,
    }
}

impl Place {
    fn profiles_dir(&self) -> PathBuf {
        self.root.path().join("profiles")
    }

    fn with_editor<T>(&self, work: impl FnOnce(&CredentialEditor<'_>) -> T) -> T {
        work(&CredentialEditor {
            profiles_dir: self.profiles_dir(),
            data_dir: &self.data_dir,
            secrets: Ok(&self.secrets),
            erase: &|retired| self.secrets.remove(retired),
            cache: Some(&self.cache),
            sharing: None,
            clock: &self.clock,
            lock: &self.lock,
        })
    }

    fn set(&self, file: ProfileFile, secret: Option<&str>) -> Result<Outcome, Error> {
        self.with_editor(|editor| editor.set(&name(), file, secret.map(Secret::from), CaFile::AsBefore, None)).map(
            |(outcome, left)| {
                assert_eq!(left, []);
                outcome
            },
        )
    }

    fn stored(&self) -> Option<Credential> {
        let binding = present(&self.profiles_dir(), &name()).expect("reads")?.binding?;
        stored(&self.secrets, &binding).expect("reads")
    }
}

fn name() -> ProfileName {
    ProfileName::parse("billing").expect("a name")
}

fn file(token_url: &str) -> ProfileFile {
    ProfileFile {
        client_id: Some("client".to_owned()),
        token_url: Endpoint::parse(token_url).ok(),
        ..ProfileFile::default()
    }
}

const URL: &str = "https://issuer.example/token";

#[test]
fn the_same_secret_for_the_same_places_keeps_its_generation() {
    let place = place();
    assert_eq!(place.set(file(URL), Some("s")).ok(), Some(Outcome::Stored));
    let first = place.stored().expect("stored");
    assert_eq!(place.set(file(URL), Some("s")).ok(), Some(Outcome::Unchanged));
    assert_eq!(place.stored(), Some(first));
}

#[test]
fn another_secret_is_another_generation_and_the_old_item_goes() {
    let place = place();
    place.set(file(URL), Some("old")).expect("set");
    let old = place.stored().expect("stored");
    place.set(file(URL), Some("new")).expect("set");
    let new = place.stored().expect("stored");
    assert_eq!(new.secret, Secret::from("new"));
    assert_ne!(new.binding.generation, old.binding.generation);
    assert_eq!(stored(&place.secrets, &old.binding).expect("reads"), None);
}

#[test]
fn another_place_needs_the_secret_again() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let error = place.set(file("https://other.example/token"), None).expect_err("refused");
    assert_eq!(error.code(), Code::Usage);
    assert_eq!(place.stored().map(|c| c.binding.token_url.to_string()).as_deref(), Some(URL));
    assert_eq!(place.set(file("https://other.example/token"), Some("s")).ok(), Some(Outcome::Stored));
}

#[test]
fn a_change_of_the_request_keeps_secret_and_generation() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let first = place.stored();
    let request = Request::default().with_scopes(["a"]).expect("a scope");
    assert_eq!(place.set(ProfileFile { request, ..file(URL) }, None).ok(), Some(Outcome::Changed));
    assert_eq!(place.stored(), first);
    let present = present(&place.profiles_dir(), &name()).expect("reads").expect("there");
    assert_eq!(present.request.scope_text(), "a");
}

#[test]
fn a_store_that_forgets_writes_leaves_the_old_credential_whole() {
    let place = place();
    place.set(file(URL), Some("old")).expect("set");
    let old = place.stored();
    place.secrets.fail_with(Some(crate::secrets::Fault::ForgetsWrites));
    assert!(place.set(file(URL), Some("new")).is_err());
    place.secrets.fail_with(None);
    assert_eq!(place.stored(), old);
}

#[test]
fn a_locked_store_changes_nothing() {
    let place = place();
    place.set(file(URL), Some("old")).expect("set");
    let old = place.stored();
    place.secrets.fail_with(Some(crate::secrets::Fault::Locked));
    assert_eq!(place.set(file(URL), Some("new")).expect_err("locked").code(), Code::KeyringLocked);
    place.secrets.fail_with(None);
    assert_eq!(place.stored(), old);
}

#[test]
fn a_credential_that_does_not_verify_is_not_set() {
    let place = place();
    place.set(file(URL), Some("old")).expect("set");
    let old = place.stored();
    let refuse = |_: Profile, _: Option<Secret>| Err(Error::new(Code::InvalidClient, "refused"));
    let new = Some(Secret::from("new"));
    let refused = place.with_editor(|editor| editor.set(&name(), file(URL), new, CaFile::AsBefore, Some(&refuse)));
    assert_eq!(refused.expect_err("refused").code(), Code::InvalidClient);
    assert_eq!(place.stored(), old);
}

#[test]
fn a_reference_takes_the_place_of_a_stored_secret() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let old = place.stored().expect("stored");
    let secret = Some(crate::profile::Reference::Env("SECRET".to_owned()));
    assert_eq!(place.set(ProfileFile { secret, ..file(URL) }, None).ok(), Some(Outcome::Stored));
    assert_eq!(stored(&place.secrets, &old.binding).expect("reads"), None, "the stored one is gone");
}

#[test]
fn removing_takes_the_profile_and_its_secret() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let binding = place.stored().expect("stored").binding;
    assert_eq!(place.with_editor(|editor| editor.remove(&name())).expect("removed"), []);
    assert_eq!(present(&place.profiles_dir(), &name()).expect("reads"), None);
    assert_eq!(stored(&place.secrets, &binding).expect("reads"), None);
}

#[test]
fn an_item_that_is_never_overwritten_says_so() {
    let secrets = MemorySecrets::default();
    let item = ItemName::credential(Generation::new([1; 16]));
    secrets.write(&item, &Secret::from("a")).expect("written");
    assert!(matches!(secrets.write(&item, &Secret::from("b")), Err(SecretsError::WriteUnverified)));
}

#[test]
fn a_profile_stays_while_its_secret_cannot_be_erased() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    place.secrets.fail_with(Some(crate::secrets::Fault::Locked));
    let refused = place.with_editor(|editor| editor.remove(&name()));
    assert_eq!(refused.expect_err("locked").code(), Code::KeyringLocked);
    place.secrets.fail_with(None);
    assert!(place.stored().is_some(), "profile and secret are whole");
}

#[test]
fn a_profile_with_a_mistake_in_it_is_removed_with_its_secret() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let binding = place.stored().expect("stored").binding;
    let path = place.profiles_dir().join(name().file_name());
    let text = std::fs::read_to_string(&path).expect("written");
    std::fs::write(&path, format!("no_such_key = 1\n{text}")).expect("edited");
    assert_eq!(place.with_editor(|editor| editor.remove(&name())).expect("removed"), []);
    assert!(!path.exists());
    assert_eq!(stored(&place.secrets, &binding).expect("reads"), None);
}

#[test]
fn a_secret_is_stored_for_a_directory_that_is_noted() {
    let place = place();
    place.set(file(URL), Some("s")).expect("set");
    let noted = Configurations::load(&place.data_dir).expect("read");
    assert_eq!(noted.others(Path::new("/elsewhere")).collect::<Vec<_>>(), [place.root.path()]);
}
