use super::*;
use crate::profile::Generation;
use crate::secrets::store::Staging as _;

fn store() -> (tempfile::TempDir, SealedFiles) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
    (root, SealedFiles::new(Arc::new(dir), DataKey::random().expect("randomness")))
}

fn with_another_key(store: &SealedFiles) -> SealedFiles {
    SealedFiles::new(store.data_dir.clone(), DataKey::random().expect("randomness"))
}

fn item(number: u8) -> ItemName {
    ItemName::credential(Generation::new([number; 16]))
}

fn path(root: &tempfile::TempDir, file: &str) -> std::path::PathBuf {
    root.path().join("data/secrets").join(file)
}

#[test]
fn sealed_files_keep_the_contract_of_a_secret_store() {
    let (_root, store) = store();
    super::super::contract::check(&store);
}

#[test]
fn a_damaged_or_swapped_item_is_unreadable_not_absent() {
    let (root, store) = store();
    store.write(&item(1), &Secret::from("a")).expect("written");
    store.write(&item(2), &Secret::from("b")).expect("written");
    std::fs::copy(path(&root, &place(&item(1))), path(&root, &place(&item(2)))).expect("swapped");
    assert!(matches!(store.read(&item(2)), Err(SecretsError::Unreadable)));
    std::fs::write(path(&root, &place(&item(2))), b"").expect("emptied");
    assert!(matches!(store.read(&item(2)), Err(SecretsError::Unreadable)));
}

#[test]
fn another_key_does_not_open_an_item() {
    let (_root, store) = store();
    store.write(&item(1), &Secret::from("a")).expect("written");
    assert!(matches!(with_another_key(&store).read(&item(1)), Err(SecretsError::Unreadable)));
}

#[test]
fn what_was_written_beside_is_read_and_settles_into_its_place() {
    let (root, old) = store();
    let new = with_another_key(&old);
    old.write(&item(1), &Secret::from("a")).expect("written");
    new.stage(&item(1), &Secret::from("a")).expect("written");
    assert_eq!(new.read(&item(1)).expect("read"), Some(Secret::from("a")));
    new.commit_staged().expect("settled");
    assert!(!path(&root, &(place(&item(1)) + BESIDE)).exists());
    assert_eq!(new.read(&item(1)).expect("read"), Some(Secret::from("a")));
}

#[test]
fn a_copy_of_a_key_that_never_took_effect_goes_only_while_the_item_is_in_its_place() {
    let (root, present) = store();
    let killed = with_another_key(&present);
    killed.stage(&item(1), &Secret::from("a")).expect("written");
    let beside = path(&root, &(place(&item(1)) + BESIDE));
    present.commit_staged().expect("settled");
    assert!(beside.exists(), "it is the only copy");
    present.stage(&item(2), &Secret::from("b")).expect("written");
    present.commit_staged().expect("settled");
    killed.stage(&item(2), &Secret::from("b")).expect("written");
    present.commit_staged().expect("settled");
    assert!(!path(&root, &(place(&item(2)) + BESIDE)).exists());
}

#[test]
#[cfg(unix)]
fn a_copy_that_cannot_be_read_stays_and_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let (root, old) = store();
    let new = with_another_key(&old);
    old.write(&item(1), &Secret::from("a")).expect("written");
    new.stage(&item(1), &Secret::from("a")).expect("written");
    let beside = path(&root, &(place(&item(1)) + BESIDE));
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644)).expect("opened to others");
    if cfg!(not(tokenkeep_portable)) {
        assert!(matches!(new.commit_staged(), Err(SecretsError::Place(_))));
        assert!(matches!(new.read(&item(1)), Err(SecretsError::Place(_))), "it is not absent");
        assert!(beside.exists());
    }
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).expect("closed");
    new.commit_staged().expect("settled");
    assert_eq!(new.read(&item(1)).expect("read"), Some(Secret::from("a")));
}

#[test]
fn a_removed_item_leaves_no_copy_under_any_name() {
    let (root, old) = store();
    let new = with_another_key(&old);
    old.write(&item(1), &Secret::from("a")).expect("written");
    new.stage(&item(1), &Secret::from("a")).expect("written");
    assert!(new.remove(&Retired::by_name(item(1))).expect("removed"));
    assert_eq!(std::fs::read_dir(path(&root, "")).expect("listed").count(), 0);
}

#[test]
fn what_was_put_aside_is_still_read() {
    let (_root, store) = store();
    store.write(&item(1), &Secret::from("a")).expect("written");
    store.write(&ItemName::client_key(&[1; 16]), &Secret::from("b")).expect("written");
    let strays = SealedFiles::unreferenced(&store.data_dir, Some(&store), std::iter::empty()).expect("listed");
    let mut kinds: Vec<StrayKind> = strays.iter().map(|stray| stray.kind).collect();
    kinds.sort_by_key(|kind| *kind == StrayKind::Secret);
    assert_eq!(kinds, [StrayKind::Disposable, StrayKind::Secret]);
    for stray in &strays {
        SealedFiles::put_aside(&store.data_dir, stray).expect("put aside");
    }
    let strays = SealedFiles::unreferenced(&store.data_dir, Some(&store), std::iter::empty());
    assert_eq!(strays.expect("listed"), []);
    assert_eq!(store.read(&item(1)).expect("read"), Some(Secret::from("a")));
    assert!(store.items_aside().expect("listed").contains(&item(1)));
}
