//! Programs that ask their user before they print the secret: on a terminal they can, in its background they cannot.

use super::{get, home, refused, scripted, set};
use crate::common::issuer::CLIENT_SECRET;
use crate::common::{Issuer, TestEnvironment, tokenkeep};
use crate::prompt::answered;

/// Asks on the terminal, hidden, as gopass, bw and pinentry-tty do; prints the secret if the answer is right.
const ASKS: &str = "trap 'stty echo </dev/tty' EXIT\nstty -echo </dev/tty\nprintf 'the secret word: ' >/dev/tty\n\
                    read -r word </dev/tty\n[ \"$word\" = CANARY-SECRET-word ] || exit 4\ncat \"$HOME/held\"";

fn asking(issuer: &Issuer) -> TestEnvironment {
    let environment = scripted(issuer, ASKS);
    environment.canary("the word that was typed", "CANARY-SECRET-word");
    environment.write_secret("home/held", CLIENT_SECRET);
    environment
}

#[test]
fn a_program_that_asks_on_the_terminal_gets_its_answer_and_nothing_of_it_is_shown() {
    let issuer = Issuer::start();
    let environment = asking(&issuer);
    let seen = answered(get(&environment), &[("the secret word: ", "CANARY-SECRET-word\n")]);
    let seen = seen.ended_with(0, &["the secret word: "]);
    assert!(!seen.shown().contains("CANARY-SECRET-word"), "{}", seen.shown());
    // No spinner over the question, and none before it.
    assert!(!seen.shown().contains("asking"), "{}", seen.shown());
    assert_eq!(issuer.count("/token"), 1);
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn a_wrong_answer_is_the_failure_of_the_program_and_the_hint_names_it() {
    let issuer = Issuer::start();
    let environment = asking(&issuer);
    let program = environment.path("files/program").display().to_string();
    let seen = answered(get(&environment), &[("the secret word: ", "another\n")]);
    seen.ended_with(3, &["failed (exit status: 4)", &format!("run it yourself to see what it reports: {program}")]);
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_program_that_was_interrupted_at_its_question_leaves_the_terminal_as_it_was() {
    let issuer = Issuer::start();
    // It restores nothing itself.
    let script = "stty -echo </dev/tty\nprintf 'the secret word: ' >/dev/tty\nread -r word </dev/tty";
    let environment = scripted(&issuer, script);
    let shell =
        "trap : INT; \"$@\"; code=$?; stty -a </dev/tty | tr ';' '\\n' | grep -o -- '-*echo\\b' | head -1; exit $code";
    let program = tokenkeep();
    let run = environment.program("bash", ["-c", shell, "bash", &program.display().to_string(), "token", "get"]);
    let seen = answered(run, &[("the secret word: ", "\u{3}")]);
    let seen = seen.ended_with(130, &["echo"]);
    assert!(!seen.shown().contains("-echo"), "{}", seen.shown());
}

#[test]
fn in_the_background_of_a_terminal_a_program_that_asks_is_an_error_at_once() {
    let issuer = Issuer::start();
    for script in [ASKS, "read -r word </dev/tty", "stty -echo </dev/tty"] {
        let environment = scripted(&issuer, script);
        let program = tokenkeep().display().to_string();
        let in_background = ["-c", "set -m; \"$@\" & wait $!", "bash", &program, "token", "get"];
        let seen = answered(environment.program("bash", in_background), &[]);
        seen.ended_with(3, &["wants the terminal, which only a command in the foreground can give it"]);
    }
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn a_program_may_take_as_long_as_the_configuration_says() {
    let issuer = Issuer::start();
    let environment = home(&issuer, &["/bin/sleep", "600"]);
    environment.write("config/config.toml", "[secrets]\ncommand_timeout = '1s'\n");
    refused(&environment).says("did not end within 1s").says("run it yourself to see what it reports: /bin/sleep 600");
    environment.write("config/config.toml", "[secrets]\ncommand_timeout = '0s'\n");
    environment.tokenkeep(["--json", "token", "get"]).run().fails(3, "config_invalid").says("longer than zero");
}

#[test]
fn a_script_in_the_words_of_a_command_is_not_repeated() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    set(&environment, &issuer, &["/bin/sh", "-c", "echo a b c; exit 1"]).success();
    refused(&environment).says("run it yourself to see what it reports: /bin/sh -c ...").does_not_say("a b c");
}

#[test]
fn a_secret_of_several_lines_is_sent_as_it_is_with_a_warning() {
    let issuer = Issuer::start();
    let environment = home(&issuer, &["/usr/bin/printf", "CANARY-SECRET-a\\nuser: b\\n"]);
    let warned = get(&environment).run().fails(4, "invalid_client");
    warned.says("warning: secret_lines: the secret that /usr/bin/printf prints holds a line end");
    let secret = environment.write_secret("files/lines", "CANARY-SECRET-a\r\nb\n");
    let reference = format!("file:{}", secret.display());
    environment.tokenkeep(["credentials", "set", "-p", "default", "--secret-at-fetch", &reference]).run().success();
    let warned = get(&environment).run().fails(4, "invalid_client");
    warned.says(&format!("warning: secret_lines: the secret in {}", secret.display()));
}
