//! A prompt that is interrupted leaves a terminal that shows what is typed, and no half credential.

use std::fmt::Write as _;

use crate::common::issuer::{Behaviour, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{credential, get};

/// Runs a command on a terminal of its own. The lines that follow this say what happens there: `shows()`, whether
/// what is typed is seen; `hides()`, returns when it is not; `typed(bytes)`; `ended_by(number)`, checks that the
/// command was ended by this signal and that the terminal shows again.
const ON_A_TERMINAL: &str = r#"
import fcntl, os, pty, signal, subprocess, sys, termios
# Whoever runs the tests may have ignored them, and what is ignored stays so.
for ignored in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM:
    signal.signal(ignored, signal.SIG_DFL)
def start(command):
    global master, slave, child
    master, slave = pty.openpty()
    def lead():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)
def shows():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)
def hides():
    while shows():
        assert child.poll() is None, f"it ended with {child.returncode} without hiding anything"
def typed(data):
    os.write(master, data)
def ended_by(number):
    status = child.wait()
    assert status == -number, f"it ended with {status}"
    assert shows(), "the terminal stays blind"
    os.close(master)
    os.close(slave)
"#;

/// `credentials set` that asks for the secret, on a terminal where this happens.
fn asked(environment: &TestEnvironment, issuer: &Issuer, happens: &str) -> Invocation {
    let url = issuer.token_url();
    // `--replace` starts anew, so the secret is asked for.
    let command = ["credentials", "set", "-p", "default", "--client-id", "test", "--replace", "--token-url", &url];
    let mut script = String::from(ON_A_TERMINAL);
    write!(script, "{happens}").expect("a string can be written to");
    environment.tokenkeep(command).args(["--auth", "client_secret_post"]).under(["python3", "-c", &script])
}

#[test]
fn a_prompt_that_is_interrupted_restores_the_terminal_and_leaves_the_old_credential() {
    for signal in ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] {
        let issuer = Issuer::start();
        let environment = credential(&issuer, &[]);
        let happens = format!(
            "start(sys.argv[1:])
hides()
child.send_signal(signal.{signal})
ended_by(signal.{signal})"
        );
        asked(&environment, &issuer, &happens).run().success();
        get(&environment).run().success().token();
    }
}

#[test]
fn a_signal_at_any_call_on_the_terminal_restores_it() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    // Whichever comes first, the signal at the nth call or the one at the prompt: the terminal shows.
    let happens = "
for call in range(1, 17):
    strace = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=ioctl', '-e', f'inject=ioctl:signal=SIGTERM:when={call}']
    start(strace + sys.argv[1:])
    while shows() and child.poll() is None:
        pass
    if child.poll() is None:
        # strace, which writes to a file, lets it pass and ends as the program does.
        os.killpg(child.pid, signal.SIGTERM)
    ended_by(signal.SIGTERM)";
    asked(&environment, &issuer, happens).run().success();
    get(&environment).run().success().token();
}

#[test]
fn control_c_at_a_prompt_ends_it_as_the_signal_does() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let happens = r"
start(sys.argv[1:])
hides()
typed(b'half a secret\x03')
ended_by(signal.SIGINT)";
    asked(&environment, &issuer, happens).run().success();
    get(&environment).run().success().token();
}

#[test]
fn after_a_prompt_a_signal_ends_the_program_as_before_it() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    issuer.behave("/token", Behaviour::Hold);
    let happens = "
start(sys.argv[1:])
hides()
typed(sys.stdin.buffer.readline())
sys.stdin.buffer.readline()
child.send_signal(signal.SIGINT)
ended_by(signal.SIGINT)";
    let mut running = asked(&environment, &issuer, happens).arg("--verify").stdin_open().spawn();
    running.write_stdin(format!("{CLIENT_SECRET}\n").as_bytes());
    issuer.wait_for_requests("/token", 1);
    running.write_stdin(b"now\n");
    running.wait().success();
    issuer.release();
}

#[test]
fn a_signal_that_was_ignored_stays_ignored_at_a_prompt() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let happens = r"
signal.signal(signal.SIGINT, signal.SIG_IGN)
start(sys.argv[1:])
hides()
typed(b'half a secret\x03')
assert child.wait() == 2
assert shows()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
start(sys.argv[1:])
hides()
child.send_signal(signal.SIGHUP)
typed(sys.stdin.buffer.readline())
assert child.wait() == 0
assert shows()";
    asked(&environment, &issuer, happens).stdin(format!("{CLIENT_SECRET}\n")).run().success();
    get(&environment).run().success().token();
}
