"""Programs that print a secret, the spinner, and a prompt that something else draws over."""

import json
import os
import re

from faulting.issuer import secret
from faulting.row import generation, row
from faulting.terminal import Terminal


def program(place, name, text):
    """A program of the user, in shell."""
    path = place.root / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def read_from(place, *command):
    """Has the secret of `p` printed by a program at each fetch."""
    place.must("credentials", "set", "-p", "p", "--secret-at-fetch", "command:" + json.dumps([str(word) for word in command]))


ASKING = {
    "/dev/tty": "printf 'Master password: ' >/dev/tty; stty -echo </dev/tty; read -r p </dev/tty; stty echo </dev/tty",
    "/dev/tty, without stty": "printf 'Master password: ' >/dev/tty; read -r p </dev/tty",
    "stty alone": "stty -echo </dev/tty; printf 'Master password: ' >&2; read -r p </dev/tty; stty echo </dev/tty",
}
# What the user types; the secret of generation 1 has to come out.
TYPED = "hunter2"


@row("F2", "a program that prints the secret and asks on the terminal is stopped, and what is typed is shown")
def asks_on_terminal(bench):
    for where, ask in ASKING.items():
        with bench.place() as place:
            read_from(place, program(place, "ask", f'{ask} || exit 3\n[ "$p" = {TYPED} ] && echo {secret(1)}'))
            with Terminal(place, "token", "get", "-p", "p", "--refresh") as terminal:
                terminal.shows("Master password: ", 1.5)
                is_hidden = terminal.hides(1.5)
                # Long enough for a spinner to be drawn.
                terminal.watch(0.6)
                if terminal.process.poll() is None and "asking 127.0.0.1" in terminal.shown:
                    yield f"asks on {where}: the issuer is said to be asked, over the program's prompt"
                terminal.type(TYPED + "\n")
                terminal.ends(4)
                is_shown = TYPED in terminal.shown and "without stty" not in where
                if is_shown or terminal.left:
                    yield f"asks on {where}: what is typed is shown or left for the shell (hidden: {is_hidden})"
                # It is let at the terminal, or it fails at once and says so.
                gives = terminal.code == 0 and "tk." in terminal.shown
                words = re.search("(?i)terminal|/dev/tty|by hand|yourself|run .*ask", terminal.shown)
                says = terminal.code not in (0, 124) and words
                if not gives and not says:
                    yield f"asks on {where}: {terminal}"
    with bench.place() as place:
        read_from(place, program(place, "ask", ASKING["/dev/tty"]))
        with Terminal(place, "token", "get", "-p", "p", "--refresh") as terminal:
            terminal.shows("Master password: ", 1.5)
            terminal.hides(1.5)
            terminal.type("\x03")
            if terminal.ends(4) == 124 or terminal.hides(0):
                yield f"Ctrl-C at the question: it does not end, or nothing that is typed is shown any more: {terminal}"


@row("R28", "a secret program that fails is reported without what it is or a way to look")
def failing_program(bench):
    for what, text in (("exit 1", "echo 'not signed in' >&2; exit 1"), ("no output", "echo 'not signed in' >&2"),
                       ("a signal", "echo 'not signed in' >&2; kill -9 $$")):
        with bench.place() as place:
            path = program(place, "op", text)
            read_from(place, path, "read", "op://vault/a b")
            for arguments in ([], ["--json"]):
                ended = place.get("--refresh", *arguments)
                is_named = str(path) in (ended.err if what == "no output" else ended.hint) or "not signed in" in ended.err
                if ended.code == 0 or not is_named:
                    yield f"{what}: {ended}"
    with bench.place() as place:
        read_from(place, program(place, "op", f"sleep 30; echo {secret(1)}"))
        (place.config / "config.toml").write_text('[secrets]\ncommand_timeout = "1s"\n')
        ended = place.get("--refresh")
        if ended.seconds > 6 or ended.code == 0 or "unknown key" in ended.err:
            yield f'with command_timeout = "1s": {ended}'


@row("R29", "a secret program that leaves a daemon behind costs ten seconds and fails")
def daemon_left(bench):
    for what, leave in (("stdout", "sleep 30 &"), ("stdout in a session of its own", "setsid sleep 30 &"),
                        ("stdout and stderr", "sleep 30 2>&1 &")):
        with bench.place() as place:
            read_from(place, program(place, "agent", f"{leave}\necho $! >{place.root}/left\necho {secret(1)}"))
            ended = place.get("--refresh")
            if generation(ended.out) != 1 or ended.seconds > 5:
                yield f"a daemon that keeps {what}: {ended} after {ended.seconds:.0f} s"
            end_left(place)


def end_left(place):
    """Ends the daemon by its number, if it is still that program."""
    number = (place.root / "left").read_text().strip()
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            if b"sleep" in file.read():
                os.kill(int(number), 9)
    except OSError:
        pass


@row("L2", "a spinner is drawn over the prompt for the passphrase")
def spinner_over_prompt(bench):
    for what in ("a cached token", "--refresh"):
        with bench.place(bare=True) as place:
            given = {"TOKENKEEP_PASSPHRASE_FD": "0"}
            place.must("init", "--backend", "file", "--passphrase", stdin=b"correct horse\n", environment=given)
            source = place.root / "secret"
            source.write_text(secret(1))
            source.chmod(0o600)
            arguments = [word for word in place.setting(1)[0] if word != "--secret-stdin"]
            place.must(*arguments, "--secret-file", source, stdin=b"correct horse\n", environment=given)
            place.must("token", "get", "-p", "p", stdin=b"correct horse\n", environment=given)
            place.run("lock")
            with Terminal(place, "token", "get", "-p", "p", *(["--refresh"] if what == "--refresh" else [])) as terminal:
                terminal.shows("passphrase")
                at = len(terminal.bytes)
                terminal.watch(1.0)
                if "asking" in terminal.shown or b"\r" in terminal.bytes[at:]:
                    yield f"{what}: over the prompt: {terminal.shown[-60:]!r}"
                terminal.type("correct horse\n")
                if terminal.ends() or "tk." not in terminal.shown:
                    yield f"{what}: {terminal}"


@row("R39", "escape sequences on a terminal that knows none")
def dumb_terminal(bench):
    for what in ({"TERM": "dumb"}, {"TERM": None}, {"TERM": ""}, {"TERM": "dumb", "INSIDE_EMACS": "29.1,comint"}):
        with bench.place(latency=0.8) as place:
            for arguments in (["token", "get", "-p", "p", "--refresh"], ["token", "get", "-p", "nosuch"], ["doctor"]):
                with Terminal(place, *arguments, environment=what) as terminal:
                    terminal.ends()
                if "\x1b" in terminal.shown or "\r" in terminal.shown.replace("\r\n", ""):
                    yield f"{what}, {' '.join(arguments[:2])}: {terminal.shown[:60]!r}"
