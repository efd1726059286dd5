//! Where the key of sealed files comes from: a key file, a systemd credential, a passphrase.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment, skipped, tokenkeep};

const PASSPHRASE: &str = "CANARY-PASSPHRASE-of-nine-words";
const CREDENTIAL: [u8; 32] = *b"CANARY-CREDENTIAL-of-32-bytes-00";

fn set(environment: &TestEnvironment, issuer: &Issuer) -> Invocation {
    let set = ["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"];
    environment.tokenkeep(set).arg(issuer.token_url()).stdin(CLIENT_SECRET)
}

fn get(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["token", "get"]).prints_token()
}

fn get_json(environment: &TestEnvironment) -> Invocation {
    environment.tokenkeep(["--json", "token", "get"]).prints_token()
}

/// A passphrase on a descriptor of the run.
fn with_passphrase(environment: &TestEnvironment, run: Invocation, passphrase: &str) -> Invocation {
    let file = environment.write_secret("files/passphrase", passphrase);
    // A pipe: what was read of it is gone.
    let script = r#"exec 7<<<"$(cat "$0")" && exec "$@""#;
    let program = ["bash".as_ref(), "-c".as_ref(), script.as_ref(), file.as_os_str()];
    run.under(program).env("TOKENKEEP_PASSPHRASE_FD", "7")
}

/// A home whose key comes from a passphrase; what is written in `[secrets]` comes before.
fn with_passphrase_set(issuer: &Issuer, secrets: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.canary("passphrase", PASSPHRASE);
    environment.write("config/config.toml", format!("[secrets]\n{secrets}\n"));
    let init = environment.tokenkeep(["init", "--backend", "file", "--passphrase"]);
    with_passphrase(&environment, init, PASSPHRASE).run().success();
    with_passphrase(&environment, set(&environment, issuer), PASSPHRASE).run().success();
    environment
}

/// A directory as systemd makes it, with one credential.
fn credentials_directory(environment: &TestEnvironment, name: &str, content: &[u8]) -> PathBuf {
    let path = environment.write_secret(format!("credentials/{name}"), content);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).expect("the file is ours");
    environment.path("credentials")
}

#[test]
fn a_key_file_that_was_cut_is_to_be_restored_and_never_filled() {
    let machine = crate::machine::Machine::new();
    machine.token();
    let key = machine.config("key");
    let whole = std::fs::read(&key).expect("the key file");
    for left in [0, 31] {
        std::fs::write(&key, &whole[..left]).expect("it can be written");
        for arguments in [&["token", "get", "--refresh"][..], &["init", "--backend", "file"], &["rekey"]] {
            let refused = machine.tokenkeep(arguments).arg("--json").run().fails(8, "key_file_insecure");
            assert_eq!(refused.error()["hint"], "restore the key file that was used first", "{arguments:?}");
        }
        assert_eq!(std::fs::read(&key).expect("it is there"), &whole[..left], "what is left of it stays");
    }
    std::fs::write(&key, whole).expect("it can be written");
    machine.get().arg("--refresh").run().success();
}

#[test]
fn a_systemd_credential_opens_what_it_sealed() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    environment.canary("credential", CREDENTIAL);
    let directory = credentials_directory(&environment, "tokenkeep.key", &CREDENTIAL);
    let init = ["init", "--backend", "file", "--key-credential", "tokenkeep.key"];
    let given = |run: Invocation| run.env("CREDENTIALS_DIRECTORY", &directory);
    given(environment.tokenkeep(init)).run().success();
    given(set(&environment, &issuer)).run().success();
    for _ in 0..2 {
        given(get(&environment)).run().success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
    assert!(!environment.config_dir().join("key").exists(), "no key file beside it");
    // Outside of the service nothing opens, and nothing is made.
    get_json(&environment).run().fails(8, "key_file_missing");
    set(&environment, &issuer).run().fails(8, "key_file_missing");
    given(environment.tokenkeep(init)).run().success();
    given(get(&environment)).run().success().token();
}

#[test]
fn another_systemd_credential_is_wrong_and_a_short_one_is_none() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    let directory = credentials_directory(&environment, "tokenkeep.key", &CREDENTIAL);
    let given = |run: Invocation| run.env("CREDENTIALS_DIRECTORY", &directory);
    given(environment.tokenkeep(["init", "--backend", "file", "--key-credential", "tokenkeep.key"])).run().success();
    given(set(&environment, &issuer)).run().success();
    for (content, code) in
        [("another credential, long enough as well", "key_file_wrong"), ("short", "key_file_insecure")]
    {
        let path = directory.join("tokenkeep.key");
        fs::remove_file(&path).expect("it is there");
        credentials_directory(&environment, "tokenkeep.key", content.as_bytes());
        given(get_json(&environment)).run().fails(8, code);
    }
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn the_name_of_a_credential_is_no_path() {
    let environment = TestEnvironment::new();
    for name in ["../key", "a/b", "", ".", "..", "a b"] {
        let init = environment.tokenkeep(["--json", "init", "--backend", "file", "--key-credential", name]);
        init.env("CREDENTIALS_DIRECTORY", environment.path("credentials")).run().fails(2, "usage");
    }
}

#[test]
fn what_systemd_creds_decrypts_is_a_key() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    let plain = environment.write_secret("files/plain", CREDENTIAL);
    let sealed = environment.path("files/tokenkeep.cred");
    let directory = credentials_directory(&environment, "unused", &CREDENTIAL);
    let opened = directory.join("tokenkeep.key");
    environment.secret_place(&directory);
    let systemd_creds = |arguments: &[&std::ffi::OsStr]| {
        Command::new("systemd-creds").args(arguments).output().is_ok_and(|output| output.status.success())
    };
    let name = "--name=tokenkeep.key".as_ref();
    // With the host's key where that is to be had, as LoadCredentialEncrypted= does it; a container may lack both.
    let keys = ["--with-key=host", "--with-key=null", "--with-key=tpm2-absent"];
    let with = keys.into_iter().find(|key| {
        systemd_creds(&["encrypt".as_ref(), name, key.as_ref(), plain.as_os_str(), sealed.as_os_str()])
            && systemd_creds(&["decrypt".as_ref(), name, sealed.as_os_str(), opened.as_os_str()])
    });
    if with.is_none() {
        return skipped("systemd-creds cannot encrypt on this machine");
    }
    environment.canary("credential", CREDENTIAL);
    fs::set_permissions(&opened, PermissionsExt::from_mode(0o400)).expect("the file is ours");
    let given = |run: Invocation| run.env("CREDENTIALS_DIRECTORY", &directory);
    given(environment.tokenkeep(["init", "--backend", "file", "--key-credential", "tokenkeep.key"])).run().success();
    given(set(&environment, &issuer)).run().success();
    given(get(&environment)).run().success().token();
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_another_one_does_not() {
    let issuer = Issuer::start();
    let environment = with_passphrase_set(&issuer, "keep_unlocked = \"off\"");
    environment.canary("passphrase", "CANARY-PASSPHRASE-that-is-wrong");
    for _ in 0..2 {
        with_passphrase(&environment, get(&environment), PASSPHRASE).run().success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
    let wrong = |run: Invocation| with_passphrase(&environment, run, "CANARY-PASSPHRASE-that-is-wrong");
    wrong(get_json(&environment)).run().fails(8, "passphrase_wrong");
    wrong(set(&environment, &issuer)).run().fails(8, "passphrase_wrong");
    assert_eq!(issuer.count("/token"), 1);
    with_passphrase(&environment, get(&environment), &format!("{PASSPHRASE}\n")).run().success().token();
}

#[test]
fn without_a_terminal_or_a_descriptor_a_passphrase_is_asked_for_at_once() {
    let issuer = Issuer::start();
    let environment = with_passphrase_set(&issuer, "keep_unlocked = \"off\"");
    let error = get_json(&environment).stdin_open().run().fails(2, "usage").error();
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("TOKENKEEP_PASSPHRASE_FD")), "{error}");
    for descriptor in ["99", "-1", "seven", "", "0x7"] {
        get_json(&environment).env("TOKENKEEP_PASSPHRASE_FD", descriptor).run().fails(2, "usage");
    }
    with_passphrase(&environment, get_json(&environment), "").run().fails(2, "usage");
    assert_eq!(issuer.count("/token"), 0);
}

#[test]
fn a_passphrase_can_be_typed() {
    let issuer = Issuer::start();
    let environment = with_passphrase_set(&issuer, "keep_unlocked = \"off\"");
    // On a terminal of its own, whose echo goes off when a secret is asked for.
    let driver = r#"import os, pty, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    time.sleep(0.01)
os.write(terminal, sys.stdin.buffer.read())
try:
    while shown := os.read(terminal, 4096):
        sys.stdout.buffer.write(shown)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let typed = environment.program("python3", ["-c", driver]).arg(tokenkeep()).args(["token", "get"]);
    let named = [("TOKENKEEP_CONFIG_DIR", environment.config_dir()), ("TOKENKEEP_DATA_DIR", environment.data_dir())];
    let typed = named.into_iter().fold(typed, |typed, (name, path)| typed.env(name, path));
    let outcome = typed.stdin(format!("{PASSPHRASE}\n")).prints_token().run().success();
    assert!(outcome.stdout_str().contains("the passphrase: "));
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn with_the_tier_on_a_second_get_needs_no_passphrase() {
    let issuer = Issuer::start();
    let environment = with_passphrase_set(&issuer, "keep_unlocked = \"8h\"");
    with_passphrase(&environment, get(&environment), PASSPHRASE).run().success().token();
    let second = get_json(&environment).run();
    if second.code != 0 {
        second.fails(2, "usage");
        return skipped("this kernel, or this container, has no persistent keyring");
    }
    assert_eq!(issuer.count("/token"), 1);
    // The stored secret opens as well: so SECURITY.md says.
    environment.tokenkeep(["token", "get", "--refresh"]).prints_token().run().success().token();
    environment.tokenkeep(["lock"]).run().success().says("is gone");
    get_json(&environment).run().fails(2, "usage");
}

#[test]
fn a_hostile_cost_is_refused_before_it_is_computed() {
    let issuer = Issuer::start();
    let environment = with_passphrase_set(&issuer, "keep_unlocked = \"off\"");
    let path = environment.data_dir().join("store");
    let store = fs::read_to_string(&path).expect("it is there");
    let line = store.lines().find(|line| line.starts_with("argon2id ")).expect("it names the cost").to_owned();
    for cost in [
        "m=4294967295 t=3 p=1",
        "m=65536 t=4294967295 p=1",
        "m=65536 t=3 p=4294967295",
        "m=65536 t=3 p=0",
        "m=0 t=0 p=1",
        "m=8 t=1 p=1",
    ] {
        fs::write(&path, store.replace(&line, &format!("argon2id {cost}"))).expect("it is ours");
        let error =
            with_passphrase(&environment, get_json(&environment), PASSPHRASE).run().fails(8, "passphrase_wrong");
        error.says("nothing was computed");
    }
    fs::write(&path, store).expect("it is ours");
    with_passphrase(&environment, get(&environment), PASSPHRASE).run().success().token();
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_home_that_moved_finds_its_key_and_one_command_notes_the_new_place() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential_and_token(&issuer, &[]);
    let moved = environment.path("moved");
    std::fs::rename(environment.config_dir(), &moved).expect("moved");
    let at_new = |arguments: &[&str]| environment.tokenkeep(arguments).env("TOKENKEEP_CONFIG_DIR", &moved);
    at_new(&["token", "get"]).prints_token().run().success().token();
    at_new(&["token", "get", "--refresh"]).prints_token().run().success().token();
    assert_eq!(issuer.count("/token"), 2, "the cached token was found");
    for arguments in [&["init", "--backend", "file"][..], &["init", "--backend", "file", "--move"]] {
        at_new(arguments).run().success().says(&format!("key file {}", moved.join("key").display()));
    }
    let store = std::fs::read_to_string(environment.data_dir().join("store")).expect("a choice");
    assert!(store.contains(&format!("key-file {}\n", moved.join("key").display())), "{store}");
    at_new(&["rekey"]).run().success();
    at_new(&["token", "get"]).prints_token().run().success().token();
}

#[test]
fn a_rekey_in_a_home_that_moved_makes_nothing_where_it_was() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential(&issuer, &[]);
    let moved = environment.path("moved");
    std::fs::rename(environment.config_dir(), &moved).expect("moved");
    let at_new = |arguments: &[&str]| environment.tokenkeep(arguments).env("TOKENKEEP_CONFIG_DIR", &moved);
    at_new(&["rekey"]).run().success();
    assert!(!environment.config_dir().exists(), "the old folder came back");
    at_new(&["token", "get"]).prints_token().run().success().token();
}

#[test]
fn a_key_is_never_kept_in_a_file_that_tokenkeep_writes() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential_and_token(&issuer, &[]);
    let link = environment.path("link");
    std::os::unix::fs::symlink(environment.data_dir(), &link).expect("a link");
    for place in [
        "data/store",
        "data/ledger.db",
        "data/secrets/key",
        "data/tokens/key",
        "data/configurations",
        "data/x.tmp",
        "data/../data/store",
        "link/store",
        "config/config.toml",
        "config/profiles/key",
        "config/.0123456789abcdef.tmp",
    ] {
        let file = environment.path(place);
        let init = ["--json", "init", "--backend", "file", "--key-file", file.to_str().expect("text")];
        environment.tokenkeep(init).run().fails(2, "usage");
        environment.tokenkeep(init).arg("--move").run().fails(2, "usage");
        crate::setup::get(&environment).arg("--refresh").run().success().token();
    }
    environment.write(
        "config/config.toml",
        format!("[secrets]\nbackend = \"file\"\nkey_file = \"{}/store\"\n", environment.data_dir().display()),
    );
    crate::setup::get_json(&environment).run().fails(3, "config_invalid");
}

#[test]
fn a_key_file_that_was_moved_by_hand_is_adopted_and_another_key_is_not() {
    let issuer = Issuer::start();
    let environment = crate::setup::credential_and_token(&issuer, &[]);
    let (key, elsewhere) = (environment.config_dir().join("key"), environment.path("elsewhere"));
    std::fs::rename(&key, &elsewhere).expect("moved");
    let file = elsewhere.to_str().expect("text");
    crate::setup::get_json(&environment).run().fails(8, "key_file_missing");
    let another = environment.write_secret("another", "x".repeat(43));
    let init = ["init", "--backend", "file", "--key-file", another.to_str().expect("text")];
    environment.tokenkeep(["--json"]).args(init).run().fails(10, "backend_differs");
    environment.tokenkeep(["--json"]).args(init).arg("--move").run().fails(8, "key_file_missing");
    for options in [&[][..], &["--move"]] {
        environment.tokenkeep(["init", "--backend", "file", "--key-file", file]).args(options).run().success();
        crate::setup::get(&environment).run().success().token();
    }
    assert!(!key.exists(), "nothing was made where it was");
}
