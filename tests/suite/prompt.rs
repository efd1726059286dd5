//! The secret at the prompt: asked for unless a flag gives its place, hidden whole, judged before it is stored.
#![cfg(target_os = "linux")]

use serde_json::{Value, json};

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{credential, credential_and_token, get, init, set_credential};

/// Runs a command on a terminal of its own, answers its questions, and prints as JSON how it ended, what the terminal
/// showed, and how many bytes of input were left for the shell.
const ON_A_TERMINAL: &str = r#"
import fcntl, json, os, pty, select, struct, subprocess, sys, termios, threading
answers = json.loads(sys.argv[1])
master, slave = pty.openpty()
def lead():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[2:], stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)
shown = b""
def read():
    global shown
    if select.select([master], [], [], 0.02)[0]:
        shown += os.read(master, 65536)
for question, answer in answers:
    while question.encode() not in shown:
        assert child.poll() is None, shown
        read()
    # Only what is secret is hidden.
    while ("secret" in question or "key" in question) and termios.tcgetattr(slave)[3] & termios.ECHO:
        assert child.poll() is None, shown
    writer = threading.Thread(target=os.write, args=(master, answer.encode()))
    writer.start()
    while writer.is_alive():
        read()
while child.poll() is None:
    read()
left = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4))[0]
for _ in range(3):
    read()
print(json.dumps({"code": child.returncode, "shown": shown.decode(), "left": left}))
"#;

/// What a command did on a terminal.
pub(crate) struct Seen(Value);

impl Seen {
    pub(crate) fn ended_with(self, code: i64, texts: &[&str]) -> Seen {
        assert_eq!(self.0["code"], code, "{}", self.0);
        assert_eq!(self.0["left"], 0, "nothing is left for the shell: {}", self.0);
        for text in texts {
            assert!(self.shown().contains(text), "should show {text:?}: {}", self.0);
        }
        self
    }

    pub(crate) fn shown(&self) -> &str {
        self.0["shown"].as_str().expect("a text")
    }
}

fn on_a_terminal(environment: &TestEnvironment, arguments: &[&str], answers: &[(&str, &str)]) -> Seen {
    answered(environment.tokenkeep(arguments), answers)
}

/// Runs a program on a terminal of its own, and answers its questions as they come.
pub(crate) fn answered(run: Invocation, answers: &[(&str, &str)]) -> Seen {
    Seen(run.under(["python3", "-c", ON_A_TERMINAL, &json!(answers).to_string()]).run().success().json())
}

const AGAIN: &str = "client secret of default (new; empty keeps the present one): ";

#[test]
fn a_secret_that_was_mistyped_is_typed_again_on_the_same_profile() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    environment
        .tokenkeep(["credentials", "set", "-p", "default", "--secret-stdin"])
        .stdin("CANARY-SECRET-mistyped")
        .run()
        .success();
    let refused = get(&environment).run().fails(4, "invalid_client");
    // The hint is followed to the letter.
    assert!(refused.stderr.contains("tokenkeep credentials set -p default"), "{refused:?}");
    let answer = format!("{CLIENT_SECRET}\n");
    on_a_terminal(&environment, &["credentials", "set", "-p", "default"], &[(AGAIN, &answer)]).ended_with(
        0,
        &["the credential of default is set, in sealed files", "try it: tokenkeep token get -p default"],
    );
    get(&environment).run().success().token();
}

#[test]
fn an_empty_answer_keeps_the_secret_and_its_tokens() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    on_a_terminal(&environment, &["credentials", "set", "-p", "default"], &[(AGAIN, "\n")])
        .ended_with(0, &["the credential of default is as it was; its tokens stay"]);
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 1);
}

#[test]
fn the_question_says_why_a_secret_is_needed_again() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let probe = issuer.api_url();
    let set = ["credentials", "set", "-p", "default", "--probe-url", &probe];
    let question = "client secret of default (`probe_url` changes, so it is needed again): ";
    on_a_terminal(&environment, &set, &[(question, &format!("{CLIENT_SECRET}\n"))]).ended_with(0, &["is set"]);
    // On a new machine the profile is there and its secret is not.
    std::fs::remove_dir_all(environment.data_dir().join("secrets")).expect("there");
    let question = "client secret of default (none is stored here): ";
    let set = ["credentials", "set", "-p", "default"];
    on_a_terminal(&environment, &set, &[(question, &format!("{CLIENT_SECRET}\n"))]).ended_with(0, &["is set"]);
    get(&environment).run().success().token();
}

#[test]
fn a_private_key_that_is_pasted_is_taken_whole_and_none_of_it_is_shown() {
    let environment = TestEnvironment::new();
    init(&environment);
    let set = [
        "credentials",
        "set",
        "-p",
        "keyed",
        "--client-id",
        "c",
        "--token-url",
        "https://id.example.com/token",
        "--issuer",
        "https://id.example.com",
        "--auth",
        "private_key_jwt",
    ];
    let pem = key(&environment, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    for pasted in [
        pem.clone(),
        pem.trim_end().to_owned() + "\n\n",
        format!("\x1b[200~{pem}\x1b[201~\n"),
        format!("Bag Attributes\n    localKeyID: 01\n\n{pem}"),
    ] {
        let question = if environment.config_dir().join("profiles/keyed.toml").exists() {
            "private key of keyed (new; empty keeps the present one): "
        } else {
            "private key of keyed: "
        };
        let seen =
            on_a_terminal(&environment, &set, &[(question, &pasted)]).ended_with(0, &["the credential of keyed is"]);
        let lines = pem.lines().filter(|line| seen.shown().contains(line)).count();
        assert_eq!(lines, 0, "no line of the key is shown");
    }
}

#[test]
fn more_lines_than_one_are_no_secret_and_none_of_them_reaches_the_shell() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let pasted = format!("{CLIENT_SECRET}\nCLIENT_ID=x\nrm -r /\n");
    on_a_terminal(&environment, &["credentials", "set", "-p", "default"], &[(AGAIN, &pasted)])
        .ended_with(2, &["more than one line was pasted; nothing was changed"]);
    get(&environment).run().success().token();
}

#[test]
fn a_secret_on_stdin_from_a_terminal_is_asked_for_and_hidden() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let set = ["credentials", "set", "-p", "default", "--secret-stdin"];
    on_a_terminal(&environment, &set, &[("the client secret: ", &format!("{CLIENT_SECRET}\n"))]).ended_with(0, &[]);
    get(&environment).run().success().token();
}

/// Makes a key with openssl; it is a secret of this environment.
fn key(environment: &TestEnvironment, arguments: &[&str]) -> String {
    let made = std::process::Command::new("openssl").args(arguments).output().expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = String::from_utf8(made.stdout).expect("PEM is text");
    let middle = pem.lines().nth(2).unwrap_or_default();
    environment.canary("a line of a key", middle);
    pem
}

/// Sets a key for a client that signs, from stdin.
fn keyed(environment: &TestEnvironment, secret: &str) -> Invocation {
    let set = ["--json", "credentials", "set", "-p", "keyed", "--client-id", "c", "--auth", "private_key_jwt"];
    let urls = ["--token-url", "https://id.example.com/token", "--issuer", "https://id.example.com", "--secret-stdin"];
    environment.tokenkeep(set).args(urls).stdin(secret)
}

#[test]
fn a_key_that_does_not_sign_here_is_named_before_it_is_stored() {
    let environment = TestEnvironment::new();
    init(&environment);
    let rsa = ["genpkey", "-algorithm", "RSA", "-pkeyopt"];
    let pem = key(&environment, &[&rsa[..], &["rsa_keygen_bits:2048"]].concat());
    environment.write_secret("files/key.pem", &pem);
    let file = environment.path("files/key.pem");
    let file = file.to_str().expect("text");
    let encrypted = key(&environment, &["pkcs8", "-topk8", "-in", file, "-passout", "pass:x"]);
    let public = key(&environment, &["pkey", "-in", file, "-pubout"]);
    let small = key(&environment, &[&rsa[..], &["rsa_keygen_bits:1024"]].concat());
    let curve = key(&environment, &["ecparam", "-genkey", "-noout", "-name", "secp384r1"]);
    let certificate = key(&environment, &["req", "-x509", "-new", "-key", file, "-subj", "/CN=x", "-days", "1"]);
    let cut = pem.lines().take(5).collect::<Vec<_>>().join("\n");
    for (secret, why) in [
        (encrypted.as_str(), "the private key is encrypted; decrypt a copy of it: openssl pkey -in KEY -out COPY"),
        (&public, "that is a public key; the private key is needed"),
        (&small, "RSA of 2048 bits or more, P-256 and Ed25519 do"),
        (&curve, "RSA of 2048 bits or more, P-256 and Ed25519 do"),
        (&certificate, "that is a certificate; its private key is needed"),
        (&cut, "the private key has no last line; it was cut"),
        ("CANARY-SECRET-no-key", "the secret is no private key in PEM or JWK"),
    ] {
        let refused = keyed(&environment, secret).run().fails(2, "usage");
        assert!(refused.error()["message"].as_str().expect("a text").contains(why), "{why}: {refused:?}");
        assert!(!environment.config_dir().join("profiles/keyed.toml").exists(), "nothing was stored");
    }
    // What variables and configuration files make of a key.
    let escaped = pem.trim_end().replace('\n', "\\n");
    let indented = pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let marked = format!("\u{feff}{}", pem.replace('\n', "\r\n"));
    for secret in [&pem, &escaped, &indented, &marked] {
        assert_eq!(keyed(&environment, secret).run().success().json()["changed"], true);
    }
}

#[test]
fn a_secret_or_client_id_with_a_control_character_is_refused() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &[]);
    for secret in [
        "CANARY-SECRET-a\n\n",
        "CANARY-SECRET-a\tb",
        "CANARY-SECRET-a\0b",
        "CLIENT_ID=x\nCLIENT_SECRET=CANARY-SECRET-y\n",
    ] {
        let set = environment.tokenkeep(["credentials", "set", "-p", "default", "--secret-stdin"]).stdin(secret);
        set.run().fails(2, "usage").says("the client secret holds a line end or another control character");
    }
    for id in ["c\r", "c\n", "c\u{85}d"] {
        let set = environment.tokenkeep(["credentials", "set", "-p", "default", "--client-id", id, "--secret-stdin"]);
        set.stdin(CLIENT_SECRET)
            .run()
            .fails(2, "usage")
            .says("--client-id holds a line end or another control character");
    }
    get(&environment).run().success().token();
    assert_eq!(issuer.count("/token"), 1, "the credential is as it was");
}

#[test]
fn blanks_and_quotation_marks_at_the_ends_of_a_secret_are_kept_with_a_warning() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    for secret in [
        " CANARY-SECRET-a",
        "CANARY-SECRET-a ",
        "\"CANARY-SECRET-a\"",
        "'CANARY-SECRET-a'",
        "\u{201c}CANARY-SECRET-a\u{201d}",
        "CANARY-SECRET-a\u{200b}",
    ] {
        let url = issuer.token_url();
        let set = ["credentials", "set", "--client-id", CLIENT_ID, "--token-url", &url, "--secret-stdin"];
        environment.tokenkeep(set).stdin(secret).run().success().says("warning: secret_ends: ");
    }
    let said = set_credential(&environment, &issuer.token_url(), &[]).run().success();
    assert!(!said.stderr.contains("secret_ends"), "{said:?}");
}

#[test]
fn what_a_new_profile_needs_is_asked_for() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    init(&environment);
    let answers = [
        ("provider, or URL of the issuer or its token endpoint: ", format!("{}\n", issuer.token_url())),
        ("client id: ", format!("{CLIENT_ID}\n")),
        ("client secret of default: ", format!("{CLIENT_SECRET}\n")),
    ];
    let answers: Vec<(&str, &str)> = answers.iter().map(|(question, answer)| (*question, answer.as_str())).collect();
    on_a_terminal(&environment, &["credentials", "set"], &answers).ended_with(0, &["providers: ", "spotify", "is set"]);
    get(&environment).run().success().token();
    // Without a terminal nothing waits.
    environment.tokenkeep(["credentials", "set", "-p", "other"]).run().fails(2, "usage").says("--client-id is missing");
}
