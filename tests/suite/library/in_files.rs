//! A keeper that is built and keeps its records in files: they outlive the process, and processes share them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokenkeep::Keeper;
use tokenkeep::store::{DataKey, FileStore, RecordError};

use super::{Heard, builder};
use crate::common::issuer::{Behaviour, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment, skipped};
use crate::machine::Machine;

const KEY: [u8; 32] = *b"CANARY-SECRET-of-thirty-two-byte";
const TOKEN_URL: &str = "TOKENKEEP_TEST_TOKEN_URL";
const RECORDS: &str = "TOKENKEEP_TEST_RECORDS";

fn on(records: &Path, keeper: tokenkeep::KeeperBuilder) -> tokenkeep::KeeperBuilder {
    let store = FileStore::open(records).expect("a directory of its own");
    keeper.store(Arc::new(store)).data_key(DataKey::new(KEY.into()))
}

#[tokio::test]
async fn a_token_is_there_when_the_program_starts_again() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    let records = environment.path("cache/records");
    let token = on(&records, builder(&issuer)).build().expect("a keeper").token().await.expect("a token");
    let mode = std::fs::metadata(&records).expect("made").permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    let again = on(&records, builder(&issuer)).build().expect("a keeper");
    assert_eq!(again.cached().expect("warm"), Some(token));
    assert_eq!(issuer.count("/token"), 1);
}

#[tokio::test]
async fn records_that_another_key_sealed_are_a_warning_and_replaced() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    let records = environment.path("records");
    on(&records, builder(&issuer)).build().expect("a keeper").token().await.expect("a token");
    let heard = Heard::default();
    let other = on(&records, builder(&issuer)).data_key(DataKey::random().expect("randomness"));
    other.on_warning(heard.observer()).build().expect("a keeper").token().await.expect("a token");
    assert!(heard.codes().iter().all(|code| code == "unseal_failed"));
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn the_program_itself() {
    let (Ok(url), Ok(records)) = (std::env::var(TOKEN_URL), std::env::var(RECORDS)) else {
        skipped("it is started by the other tests here");
        return;
    };
    let url = tokenkeep::profile::Endpoint::parse(&url).expect("a URL");
    let name = tokenkeep::ProfileName::parse("main").expect("a name");
    let client = tokenkeep::Profile::new(name, crate::common::issuer::CLIENT_ID, url);
    let keeper = on(Path::new(&records), Keeper::builder(client).secret(CLIENT_SECRET)).build().expect("a keeper");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(keeper.token()).expect("a token");
}

#[test]
fn processes_at_the_same_time_request_one_token() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let program = || {
        let binary = std::env::current_exe().expect("a test knows its own path");
        let program = environment.program(binary, ["--exact", "library::in_files::the_program_itself", "--nocapture"]);
        program.env(TOKEN_URL, issuer.token_url()).env(RECORDS, environment.path("records")).spawn()
    };
    let running: Vec<_> = (0..4).map(|_| program()).collect();
    issuer.wait_for_requests("/token", 1);
    issuer.release();
    for program in running {
        program.wait().success();
    }
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_directory_that_serves_for_something_else_is_refused() {
    let machine = Machine::new();
    let occupied = FileStore::open(machine.environment.data_dir()).expect_err("the command line keeps records there");
    assert!(
        matches!(&occupied, RecordError::Occupied(path) if *path == machine.environment.data_dir()),
        "{occupied:?}"
    );
    let open = machine.environment.path("open");
    std::fs::create_dir(&open).expect("made");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("ours");
    assert!(matches!(FileStore::open(&open), Err(RecordError::Insecure(_))));
    let file = machine.environment.write("files/plain", "");
    assert!(FileStore::open(file.join("below")).is_err());
}
