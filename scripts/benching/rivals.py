"""What else prints a token: each installed, filled once, proved, and ended with the benchmark.

A rival is a function of the workbench that returns its candidate, or raises why there is none on this machine.
"""

import contextlib
import os
import pathlib
import subprocess

from benching.issuer import Rivals
from benching.stopwatch import Candidate, Unfit

TOKEN = Rivals.TOKEN
PATH = os.environ.get("PATH", "/usr/bin:/bin")


def secret_tool(bench):
    """libsecret's own command, which asks a real gnome-keyring on a bus of its own."""
    bench.packages(
        "secret-tool=libsecret-tools", "gnome-keyring-daemon=gnome-keyring", "dbus-daemon=dbus", "gdbus=libglib2.0-bin"
    )
    folder = bench.folder("keyring")
    config = folder / "bus.conf"
    # No service directories: neither a keyring nor a prompter comes unasked.
    config.write_text(
        f"<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>"
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>"
        "<allow own='*'/></policy></busconfig>"
    )
    environment = {"HOME": str(folder), "PATH": PATH, "XDG_RUNTIME_DIR": str(folder)}
    bus = bench.child(
        ["dbus-daemon", "--nofork", "--print-address=1", "--config-file", str(config)], environment, stdin=False
    )
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
    control = folder / "control"
    control.mkdir(mode=0o700)
    daemon = bench.child(
        ["gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock", "--control-directory", control],
        environment,
    )
    daemon.stdin.write(b"a password of a benchmark")
    daemon.stdin.close()
    tell(["gdbus", "wait", "--session", "--timeout", "30", "org.freedesktop.secrets"], environment)
    tell(["secret-tool", "store", "--label=bench", "service", "bench"], environment, TOKEN)
    command = [bench.which("secret-tool"), "lookup", "service", "bench"]
    versions = f"libsecret {debian('libsecret-tools')}, gnome-keyring {debian('gnome-keyring')}"
    return Candidate("secret-tool lookup", command, environment, versions, TOKEN.encode())


def oidc_token(bench):
    """oidc-agent with a token in its memory."""
    bench.packages("oidc-token=oidc-agent-cli")
    folder = bench.folder("oidc")
    (folder / ".config/oidc-agent").mkdir(parents=True, mode=0o700)
    socket = folder / "socket"
    environment = {"HOME": str(folder), "PATH": PATH, "OIDC_SOCK": str(socket), "OIDC_ENCRYPTION_PW": "bench"}
    daemon = bench.child(
        ["oidc-agent", "--console", "--no-autoload", "--no-webserver", "--no-scheme", "-a", str(socket)], environment
    )
    bench.wait_for(socket, daemon)
    # It knows no client credentials: the one grant that needs nobody at a browser is that of a refresh token.
    account = ["oidc-gen", "bench", "--manual", "--no-save", "--flow=refresh", "--rt=a-refresh-token", "--pw-env"]
    account += ["--issuer", bench.rivals.url, "--client-id", "bench", "--client-secret", "bench"]
    account += ["--scope", "openid offline_access", "--prompt=none", "--confirm-yes"]
    tell(account, environment)
    version = f"oidc-agent {debian('oidc-agent-cli')}"
    return Candidate("oidc-token", [bench.which("oidc-token"), "bench"], environment, version, TOKEN.encode())


def pass_show(bench):
    """The password store: a file that gpg decrypts, with a real key that needs no passphrase."""
    bench.packages("pass", "gpg")
    folder = bench.folder("pass")
    gnupg = folder / "gnupg"
    gnupg.mkdir(mode=0o700)
    environment = {"HOME": str(folder), "PATH": PATH, "GNUPGHOME": str(gnupg)}
    bench.closing.callback(
        subprocess.run, ["gpgconf", "--homedir", str(gnupg), "--kill", "all"], env=environment, capture_output=True
    )
    key = "bench <bench@localhost>"
    tell(["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", key, "default", "default"], environment)
    tell(["pass", "init", key], environment)
    tell(["pass", "insert", "--multiline", "token"], environment, TOKEN)
    versions = f"pass {debian('pass')}, GnuPG {debian('gpg')}"
    return Candidate("pass show", [bench.which("pass"), "show", "token"], environment, versions, TOKEN.encode())


def no_op(bench):
    """The least that a program in the same language takes."""
    source = bench.kept / "no_op.rs"
    program = bench.kept / "no_op"
    source.write_text("fn main() {}\n")
    tell(["rustc", "--edition", "2024", "-O", "-o", str(program), str(source)], dict(os.environ))
    version = tell(["rustc", "--version"], dict(os.environ)).split()[1]
    return Candidate("Rust, empty main", [str(program)], {"PATH": PATH}, f"rustc {version}, -O, dynamic")


def tell(command, environment, stdin=""):
    try:
        ended = subprocess.run(
            command, env=environment, input=stdin.encode(), capture_output=True, timeout=120, check=False
        )
    except FileNotFoundError as missing:
        raise Unfit(f"{missing.filename} is not installed") from missing
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).decode(errors="replace").strip()
        raise Unfit(f"{pathlib.Path(command[0]).name} ended with {ended.returncode}: {said[-300:]}")
    return ended.stdout.decode(errors="replace").strip()


def debian(package):
    with contextlib.suppress(Unfit):
        return tell(["dpkg-query", "--show", "--showformat=${Version}", package], dict(os.environ))
    return "of unknown version"
