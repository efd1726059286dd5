//! A prompt that is interrupted leaves a terminal that shows what is typed, and no half credential.

use crate::common::Issuer;
use crate::setup::{credential, get};

/// Runs a command on a terminal of its own, waits until it hides what is typed, sends it a signal, and
/// says how it ended and whether the terminal shows again.
const ON_A_TERMINAL: &str = r#"
import fcntl, os, pty, signal, subprocess, sys, termios
number = getattr(signal, sys.argv[1])
master, slave = pty.openpty()
def lead():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[2:], stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead)
shows = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
while shows():
    assert child.poll() is None, "it ended without hiding anything"
child.send_signal(number)
assert child.wait() == -number, child.returncode
assert shows(), "the terminal stays blind"
"#;

#[test]
fn a_prompt_that_is_interrupted_restores_the_terminal_and_leaves_the_old_credential() {
    for signal in ["SIGINT", "SIGTERM", "SIGHUP"] {
        let issuer = Issuer::start();
        let environment = credential(&issuer, &[]);
        let url = issuer.token_url();
        let command = ["credentials", "set", "-p", "default", "--client-id", "test", "--replace", "--token-url", &url];
        let on_a_terminal = ["python3", "-c", ON_A_TERMINAL, signal];
        // `--replace` starts anew, so the secret is asked for.
        environment.tokenkeep(command).args(["--auth", "client_secret_post"]).under(on_a_terminal).run().success();
        get(&environment).run().success().token();
    }
}
