//! What is typed wrongly leads to what was meant, and every command that changes something says whether it did.

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{credential, get};

const COMMANDS: [&[&str]; 14] = [
    &[],
    &["init"],
    &["credentials"],
    &["credentials", "set"],
    &["credentials", "remove"],
    &["token"],
    &["token", "get"],
    &["token", "validate"],
    &["fleet"],
    &["fleet", "key"],
    &["fleet", "login"],
    &["doctor"],
    &["stats"],
    &["completions"],
];

#[test]
fn a_command_that_ends_too_early_and_the_word_help_print_the_help() {
    let environment = TestEnvironment::new();
    for command in COMMANDS {
        let by_word = environment.tokenkeep(["help"]).args(command).run().success();
        let by_flag = environment.tokenkeep(command).arg("--help").run().success();
        assert!(by_flag.stdout_str().contains("Usage: tokenkeep"), "{command:?}: {by_flag:?}");
        assert_eq!(by_word.stdout_str(), by_flag.stdout_str(), "{command:?}");
    }
    for command in [&[][..], &["token"], &["credentials"], &["fleet", "key"]] {
        let outcome = environment.tokenkeep(command).run().success();
        assert!(outcome.stdout_str().contains("Commands:"), "{command:?}: {outcome:?}");
    }
}

#[test]
fn help_fits_the_terminal_and_breaks_no_word() {
    let environment = TestEnvironment::new();
    for columns in [60, 80] {
        for command in COMMANDS {
            let help = environment.tokenkeep(command).arg("--help").env("COLUMNS", columns.to_string()).run().success();
            // Lines of an example are typed as they stand.
            let text = help.stdout_str().split("\nExamples:").next().expect("a text").to_owned();
            let text = text.split("\nBegin here:").next().expect("a text").to_owned();
            let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > columns).collect();
            let breakable =
                wide.iter().filter(|line| line.split_whitespace().count() > 1 && !line.starts_with("Usage:"));
            let breakable: Vec<_> = breakable.filter(|line| !line.trim_start().starts_with("--")).collect();
            assert!(breakable.is_empty(), "{command:?} at {columns}: {breakable:#?}");
        }
    }
}

#[test]
fn what_was_meant_is_named_and_nothing_that_destroys() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    for (typed, meant) in [
        ("get", "tokenkeep token get?"),
        ("get default", "tokenkeep token get -p default?"),
        ("token get default", "tokenkeep token get -p default?"),
        ("token get default --json", "tokenkeep token get -p default?"),
        ("credentials show default", "tokenkeep credentials show -p default?"),
        ("login", "tokenkeep credentials set?"),
        ("list", "tokenkeep credentials list?"),
        ("status", "tokenkeep doctor?"),
        ("credentials add", "tokenkeep credentials set?"),
        ("credentials delete", "tokenkeep credentials remove?"),
        ("credential list", "tokenkeep credentials?"),
        ("token valdate", "tokenkeep token validate?"),
        ("token show", "tokenkeep token get?"),
    ] {
        let refused = environment.tokenkeep(typed.split(' ')).run().exits(2);
        assert!(refused.stderr.contains(&format!("did you mean {meant}")), "{typed}: {refused:?}");
    }
    for typed in ["credentials rename", "credentials move", "token forge", "remote", "credentials restore", "relay"] {
        let refused = environment.tokenkeep(typed.split(' ')).run().exits(2);
        let hint = refused.stderr.lines().find(|line| line.starts_with("hint: ")).expect("a hint").to_owned();
        let is_slip = typed == "token forge";
        let destroys = ["remove", "forget", "revoke", "rekey", "lock"].iter().any(|word| hint.contains(word));
        assert!(!destroys || is_slip, "{typed}: {hint}");
    }
    get(&environment).run().success().token();
}

#[test]
fn a_usage_error_names_the_help_of_its_own_command() {
    let environment = TestEnvironment::new();
    for (typed, help) in [
        ("token get --zzz", "token get"),
        ("-p x token get --min-ttl soon", "token get"),
        ("credentials set --client-id", "credentials set"),
        ("fleet key import", "fleet key import"),
        ("--nonsense", ""),
    ] {
        let refused = environment.tokenkeep(typed.split(' ')).run().exits(2);
        let hint = format!("hint: run tokenkeep {help}{}--help\n", if help.is_empty() { "" } else { " " });
        assert!(refused.stderr.contains(&hint), "{typed}: {refused:?}");
        // The hint works where it is read.
        let followed: Vec<&str> = help.split(' ').filter(|word| !word.is_empty()).chain(["--help"]).collect();
        environment.tokenkeep(followed).run().success();
    }
}

#[test]
fn a_secret_as_an_argument_is_told_as_that() {
    let environment = TestEnvironment::new();
    environment.canary("a secret that was typed", "CANARY-SECRET-typed");
    for flag in ["--secret", "--client-secret", "--password", "--secret=CANARY-SECRET-typed", "--client-secret=x"] {
        let set = environment.tokenkeep(["--json", "credentials", "set", "--client-id", "x"]);
        let refused = set.args([flag, "CANARY-SECRET-typed"]).run().fails(2, "usage");
        assert_eq!(refused.error()["message"], "a secret is never given as an argument; nothing was changed");
        assert!(refused.error()["hint"].as_str().expect("a hint").contains("--secret-stdin"));
    }
}

#[test]
fn each_command_that_changes_something_says_whether_it_did() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let url = issuer.token_url();
    let set = ["credentials", "set", "-p", "p", "--client-id", CLIENT_ID, "--token-url", &url, "--secret-stdin"];
    let file = environment.path("files/fleet-key");
    environment.write_secret("files/another", "x".repeat(43));
    let file = file.to_str().expect("text").to_owned();
    // What is repeated changes nothing.
    let scoped = [&set[..], &["--scope", "a"]].concat();
    let default = [&set[..], &["--default"]].concat();
    let steps: [(&[&str], bool, bool); 13] = [
        (&["init", "--backend", "file"], true, false),
        (&set, true, false),
        (&scoped, true, false),
        (&default, false, false),
        (&["rekey"], true, true),
        (&["fleet", "key", "new"], true, true),
        (&["fleet", "key", "export", &file], true, true),
        (&["fleet", "key", "import", &file], false, false),
        (&["fleet", "key", "remove"], true, false),
        (&["fleet", "login", "remove"], false, false),
        (&["token", "forget", "-p", "p"], true, false),
        (&["credentials", "remove", "-p", "p", "--yes"], true, false),
        (&["rekey", "--destroy", "--yes"], true, false),
    ];
    for (step, first, again) in steps {
        if step[0] == "token" {
            environment.tokenkeep(["token", "get", "-p", "p"]).prints_token().run().success();
        }
        for (expected, is_repeated) in [(first, false), (again, true)] {
            if is_repeated && matches!(step, ["fleet", "key", "export", ..]) {
                continue;
            }
            let outcome = environment.tokenkeep(["--json"]).args(step).stdin(CLIENT_SECRET).run().success();
            assert_eq!(outcome.json()["changed"], expected, "{step:?}, again: {is_repeated}: {outcome:?}");
        }
    }
}

#[test]
fn a_shell_completes_profiles_and_providers() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let url = issuer.token_url();
    let set = ["credentials", "set", "-p", "billing", "--client-id", CLIENT_ID, "--token-url", &url, "--secret-stdin"];
    environment.tokenkeep(set).stdin(CLIENT_SECRET).run().success();
    assert_eq!(
        environment.tokenkeep(["credentials", "list", "--names"]).run().success().stdout_str(),
        "billing\ndefault\n"
    );
    let script = environment.tokenkeep(["completions", "bash"]).run().success().stdout_str().to_owned();
    let folder = crate::common::tokenkeep().parent().expect("a folder").display().to_string();
    for (line, known) in [
        ("tokenkeep token get -p ", "billing default"),
        ("tokenkeep --profile bil", "billing"),
        ("tokenkeep credentials set --provider spot", "spotify"),
        ("tokenkeep credentials rem", "remove"),
    ] {
        let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
        let ask = format!(
            "PATH='{folder}':$PATH\n{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_tokenkeep tokenkeep \"${{COMP_WORDS[-1]}}\" \
             \"${{COMP_WORDS[-2]}}\"\necho \"${{COMPREPLY[*]}}\"\n",
            words.join(" "),
            words.len() - 1
        );
        let file = environment.write("files/ask", ask);
        let found = environment.program("bash", [file.to_str().expect("text")]).run().success();
        assert_eq!(found.stdout_str().trim_end(), known, "{line}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = environment.tokenkeep(["completions", shell]).run().success();
        assert!(!script.stdout_str().contains("PROFILES_HERE"), "{shell}");
    }
}

#[test]
fn one_v_tells_which_endpoint_is_asked_and_what_it_answered() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let told = environment.tokenkeep(["-v", "token", "get"]).prints_token().run().success();
    let told = told.says(&issuer.token_url()).says("status=200");
    assert!(!told.stderr.contains(told.token()), "no token is logged");
    environment.tokenkeep(["token", "get"]).prints_token().run().success().does_not_say("status");
}

#[test]
fn what_is_not_there_is_removed_without_an_error() {
    let environment = TestEnvironment::new();
    for what in [["fleet", "key", "remove"], ["fleet", "login", "remove"]] {
        let removed = environment.tokenkeep(["--json"]).args(what).run().success();
        assert_eq!(removed.json()["changed"], false, "{removed:?}");
    }
}
