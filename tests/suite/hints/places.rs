//! Hints about the place of secrets, its directories and keys.

use std::fs;

use super::terminal::{Terminal, advice_of_doctor, quoted};
use super::{GET, empty, set_line, set_profile};
use crate::common::issuer::CLIENT_SECRET;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, get};

#[test]
fn a_place_for_secrets_is_chosen_as_the_hint_says() {
    let issuer = Issuer::start();
    // ChooseBackend, and ChooseFiles where there is no keyring.
    let environment = TestEnvironment::new();
    let terminal = Terminal::of(&environment);
    let (keyring, _) = terminal.advised("tokenkeep rekey", 0);
    let (files, _) = terminal.advised(&keyring, 0);
    assert_eq!(files, "tokenkeep init --backend file");
    terminal.follows_way("tokenkeep rekey", 1);
    terminal.works("tokenkeep rekey");
    let environment = TestEnvironment::new();
    let terminal = Terminal::of(&environment);
    terminal.follows_and_works(&set_line(&issuer));

    // MoveToFiles: a key needs a place.
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "none"]).run().success();
    Terminal::of(&environment).follows_and_works("tokenkeep rekey");

    // MoveStored.
    let environment = credential(&issuer, &[]);
    environment.key_file("files/a key");
    let line = format!("tokenkeep init --backend file --key-file {}", quoted(&environment.path("files/a key")));
    Terminal::of(&environment).follows_and_works(&line);
    get(&environment).run().success().token();

    // RemoveProfilesOrRefer.
    let environment = credential(&issuer, &[]);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    let terminal = Terminal::of(&environment).with("NAME", "default").with("PATH", secret.display());
    terminal.follows_and_works("tokenkeep init --backend none --move");
    terminal.works(GET);
}

#[test]
fn another_directory_is_used_as_the_hint_says() {
    let issuer = Issuer::start();
    let referred = |environment: &TestEnvironment| {
        format!("{} -p other --secret-at-fetch file:{}", set_line(&issuer), environment.path("files/secret").display())
    };
    let with_dir = |environment| Terminal::of(environment).with("DIR", quoted(&environment.path("files/new dir")));
    // UseOneBackend.
    let environment = empty();
    environment.write("config/config.toml", "[secrets]\nbackend = \"none\"\n");
    with_dir(&environment).follows(&referred(&environment));

    // RestoreChoice.
    let environment = credential(&issuer, &[]);
    environment.write_secret("files/secret", CLIENT_SECRET);
    environment.write("data/store", "damaged");
    with_dir(&environment).follows("tokenkeep init --backend file");

    // RestoreKeyFileOrStartOver.
    let environment = credential(&issuer, &[]);
    fs::remove_file(environment.path("config/key")).expect("there");
    with_dir(&environment).follows("tokenkeep init --backend file");

    // UseDirectoryInside.
    let environment = TestEnvironment::new();
    environment.write("files/project/notes", "of the user");
    let line = format!("tokenkeep init --backend file --data-dir {}", environment.path("files/project").display());
    Terminal::of(&environment).follows(&line);

    // GiveDirectories.
    let environment = TestEnvironment::new();
    environment.key_file("files/new dir/key");
    let homeless = with_dir(&environment).env("HOME", "not/absolute");
    let homeless = homeless.env_remove("TOKENKEEP_CONFIG_DIR").env_remove("TOKENKEEP_DATA_DIR");
    let (line, _) = homeless.advised("tokenkeep init --backend file", 0);
    // Two directories.
    homeless.works(&line.replacen("new dir", "new dir/config", 1));

    // NameWritableDirectory.
    let environment = TestEnvironment::new();
    with_dir(&environment).follows("tokenkeep man /proc/none");
}

#[test]
fn what_was_left_behind_is_removed_as_the_hint_says() {
    let issuer = Issuer::start();
    let stray = || {
        let environment = credential(&issuer, &[]);
        fs::rename(environment.path("config/profiles"), environment.path("files/profiles")).expect("ours");
        environment
    };
    // NameProfilesOrClean, either way; the profiles may be elsewhere.
    let environment = stray();
    let other = environment.path("files");
    fs::copy(environment.path("config/key"), other.join("key")).expect("ours");
    environment.key_file("files/key");
    Terminal::of(&environment).with("DIR", quoted(&other)).follows("tokenkeep rekey");
    let environment = stray();
    let terminal = Terminal::of(&environment);
    let (doctor, _) = terminal.advised("tokenkeep rekey", 1);
    // It is not all well: there is no profile.
    assert!(terminal.types(&doctor).shown.contains("ok    orphans"), "{doctor}");
    terminal.works("tokenkeep rekey");

    // Clean: one of two secrets is named by none.
    let environment = credential(&issuer, &[]);
    set_profile(&environment, &issuer, "billing");
    fs::remove_file(environment.path("config/profiles/billing.toml")).expect("there");
    let terminal = Terminal::of(&environment);
    let doctor = terminal.types("tokenkeep doctor");
    terminal.works(&terminal.commanded(&advice_of_doctor(&doctor, "orphans"), "", 0));
    let doctor = terminal.works("tokenkeep doctor");
    assert!(doctor.lines().any(|line| line.starts_with("ok") && line.contains("orphans")), "{doctor:?}");

    // MoveAwayAndClean.
    let environment = credential(&issuer, &[]);
    environment.write("data/configurations", "damaged");
    let terminal = Terminal::of(&environment);
    let (command, _) = terminal.advised("tokenkeep rekey", 0);
    fs::rename(environment.path("data/configurations"), environment.path("files/damaged")).expect("ours");
    terminal.works(&command);
    terminal.works("tokenkeep rekey");
}

#[test]
fn a_passphrase_is_given_as_the_hint_says() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let passphrase = "CANARY-PASSPHRASE-of-nine-words-that-is-long";
    environment.canary("passphrase", passphrase);
    environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"off\"\n");
    let terminal = Terminal::of(&environment).secret(passphrase);
    terminal.works("tokenkeep init --backend file --passphrase");
    let file = environment.write_secret("files/a passphrase", passphrase);
    let secret = environment.write_secret("files/secret", CLIENT_SECRET);
    terminal.works(&format!("{} --secret-file {}", set_line(&issuer), secret.display()));
    let cron = Terminal::of(&environment).absent();
    let failed = cron.types(GET);
    let hint = failed.hint();
    assert_eq!(hint, "give it on a descriptor: put TOKENKEEP_PASSPHRASE_FD=3 before the command, and 3< PATH after it");
    cron.works(&format!("TOKENKEEP_PASSPHRASE_FD=3 {GET} 3< {}", quoted(&file)));
}

#[test]
fn a_key_file_is_made_as_the_hint_says() {
    let issuer = Issuer::start();
    // RestoreKeyFile: there never was one.
    let environment = TestEnvironment::new();
    environment.key_file("files/key");
    let config = format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}\"\n", environment.path("files/key").display());
    environment.write("config/config.toml", config);
    let terminal = Terminal::of(&environment);
    terminal.follows_and_works(&set_line(&issuer));

    // MoveKeyFileAway.
    let environment = TestEnvironment::new();
    environment.key_file("files/the key");
    let key = environment.write_secret("files/the key", "short");
    let line = format!("tokenkeep init --backend file --key-file {}", quoted(&key));
    let terminal = Terminal::of(&environment);
    let (command, _) = terminal.advised(&line, 0);
    fs::rename(&key, environment.path("files/short")).expect("ours");
    terminal.works(&command);
    terminal.works(&line);
}
