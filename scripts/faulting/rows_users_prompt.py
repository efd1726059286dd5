"""The secret, as people give it: typed, pasted, mistyped, piped."""

import signal
import time

from faulting import keyring
from faulting.answering import granted, openssl
from faulting.issuer import CLIENT, secret
from faulting.place import Place
from faulting.row import Skipped, generation, row
from faulting.terminal import Terminal

SET = ["credentials", "set", "-p", "p"]


def give(terminal, text):
    """Types a secret for --secret-stdin, and the end of the input if nothing asks; returns whether something does."""
    is_hidden = terminal.hides(1)
    terminal.type(text + ("\n" if is_hidden else "\n\x04"))
    terminal.ends()
    return is_hidden


def keyed(url):
    """A client that signs with its private key."""
    return ["credentials", "set", "-p", "k", "--client-id", "c", "--token-url", url, "--auth", "private_key_jwt", "--issuer", url]


@row("F1", "a private key that is pasted at the prompt is cut at its first line; the rest is shown and goes to the shell")
def pasted_key(bench):
    keys = {"RSA": openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
            "P-256": openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")}
    for kind, pem in keys.items():
        pastes = {"as it is": pem, "with CR, as terminals paste": pem.replace("\n", "\r"),
                  "with an empty line behind it": pem + "\n", "in brackets": f"\x1b[200~{pem}\x1b[201~\n",
                  "with words before it": f"Bag Attributes\n    localKeyID: 01\n\n{pem}"}
        for how, text in pastes.items():
            with bench.answered(granted(), bare=True) as place:
                place.must("init", "--backend", "file")
                with Terminal(place, *keyed(place.issuer.token_url)) as terminal:
                    terminal.hides()
                    terminal.type(text)
                    terminal.ends()
                    shown = sum(line in terminal.shown for line in pem.splitlines()[1:-1])
                    if shown or terminal.left:
                        yield f"{kind}, {how}: {shown} lines are shown, {terminal.left} bytes are left for the shell"
                    get = place.run("token", "get", "-p", "k")
                    if terminal.code or get.code:
                        yield f"{kind}, {how}: {terminal}; then token get: {get}"
    with bench.place() as place, Terminal(place, *SET, "--replace", *place.setting(2)[0][4:8]) as terminal:
        terminal.hides()
        terminal.type(f"{secret(2)}\nCLIENT_ID=x\nrm -r /\n")
        terminal.ends()
        if terminal.left or terminal.code == 0:
            yield f"three lines in place of a secret: {terminal}, {terminal.left} bytes are left for the shell"


@row("L1", "a secret that was mistyped cannot be typed again on a profile that is set")
def typed_again(bench):
    for what in ("a mistyped secret", "all flags again", "a stored secret that is gone"):
        with bench.place() as place:
            place.must(*SET, "--secret-stdin", stdin=b"mistyped")
            more = place.setting(2)[0][4:8] if what == "all flags again" else []
            if what == "a stored secret that is gone":
                for path in (place.data / "secrets").iterdir():
                    path.unlink()
            with Terminal(place, *SET, *more) as terminal:
                if not terminal.hides():
                    yield f"{what}: the secret is not asked for: {terminal.ends()} {terminal}"
                    continue
                terminal.type(secret(2) + "\n")
                terminal.ends()
            if terminal.code or generation((get := place.get()).out) != 2:
                yield f"{what}: {terminal}; then token get: {get}"
    with bench.place() as place:
        place.must("token", "get", "-p", "p")
        with Terminal(place, *SET) as terminal:
            terminal.hides()
            terminal.type("\n")
            terminal.ends()
        if place.get().code or place.issuer.count != 1:
            yield f"an empty answer takes the secret or its tokens: {terminal}"


@row("R40", "--secret-stdin on a terminal shows what is typed")
def shown_on_stdin(bench):
    for command in ("set", "replace"):
        with bench.place() as place:
            arguments = place.setting(2, more=["--replace"] if command == "replace" else [])[0]
            with Terminal(place, *arguments) as terminal:
                is_hidden = give(terminal, secret(2))
            if secret(2) in terminal.shown or not is_hidden and terminal.code != 2:
                yield f"{command}: what is typed is shown, and nothing asks for it: {terminal}"


@row("R12", "a mark, a line end or another control character is stored as a part of the secret or of the client id")
def control_characters(bench):
    right = secret(2)
    given = {
        "a byte order mark": "\ufeff" + right, "both": f"\ufeff{right}\r\n", "a second line end": right + "\n\n",
        "CR and line ends": right + "\r\r\n", "NUL": right + "\0", "a tab": f"\t{right}",
        "a whole .env": f"CLIENT_ID=x\nCLIENT_SECRET={right}\n",
        "UTF-16": right.encode("utf-16-le"), "UTF-16 with its mark": right.encode("utf-16"),
    }
    with bench.place() as place:
        for what, text in given.items():
            ended = place.run(*SET, "--secret-stdin", stdin=text if isinstance(text, bytes) else text.encode())
            get = place.get("--refresh")
            # Either what surrounds the secret is cut, or it is refused and the earlier one stays.
            if get.code != 0 or ended.code not in (0, 2) or (ended.code == 0) != (generation(get.out) == 2):
                yield f"a secret with {what}: {ended}; then token get: {get}"
            place.set(1, more=["--replace"])
        typed = {"a mark": "\ufeff" + right, "brackets": f"\x1b[200~{right}\x1b[201~", "an arrow key": f"{right}\x1b[D"}
        for what, text in typed.items():
            with Terminal(place, *SET, "--secret-stdin") as terminal:
                give(terminal, text)
            if (get := place.get("--refresh")).code or (terminal.code == 0) != (generation(get.out) == 2):
                yield f"at the prompt, with {what}: {terminal}; then token get: {get}"
            place.set(1, more=["--replace"])
        for what in ("\r", "\n", "\u0085", "\t"):
            ended = place.set(1, client=CLIENT + what)
            if ended.code == 0 and place.get("--refresh").code:
                yield f"a client id with {what!r}: {ended}; then token get: exit 4"
            place.set(1, more=["--replace"])


@row("L14", "blanks, quotation marks or what is not seen around a secret are stored without a word")
def blanks_around(bench):
    with bench.place() as place:
        # A blank that breaks no line, a blank without width, and what a word processor makes of quotation marks.
        for before, behind in ((" ", ""), ("", " "), ("  ", "  "), ('"', '"'), ("'", "'"), ("\xa0", ""), ("", "\u200b"),
                               ("\u201c", "\u201d")):
            text = f"{before}{secret(2)}{behind}"
            by_pipe = place.run(*SET, "--secret-stdin", stdin=text.encode())
            with Terminal(place, *SET, "--secret-stdin") as terminal:
                give(terminal, text)
            for where, code, words in (("on stdin", by_pipe.code, by_pipe.err), ("at the prompt", terminal.code, terminal.shown)):
                if code == 0 and "warning" not in words and place.get("--refresh").code:
                    yield f"{text.replace(secret(2), 'SECRET')!r} {where}: exit 0 and no warning"


@row("L9", "credentials set asks for nothing but the secret, and says neither where it is kept nor what is next")
def questions(bench):
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        with Terminal(place, "credentials", "set") as terminal:
            answers = [(r"(?i)(provider|issuer|url)[^\n]*[:?] $", place.issuer.token_url), (r"(?i)client id[^\n]*[:?] $", CLIENT)]
            for question, answer in answers:
                if not terminal.shows(question, 5):
                    break
                terminal.type(answer + "\n")
            if terminal.hides(5):
                terminal.type(secret(1) + "\n")
            terminal.ends()
        get = place.run("token", "get")
        if terminal.code or get.code:
            yield f"a client cannot be set up by answers: {terminal}"
        ended = place.set(1)
        if not ("key file" in ended.err and "token get" in ended.err):
            yield f"what was set is not said whole: {ended}"
        # Without a terminal nothing waits.
        began = time.monotonic()
        ended = place.run("credentials", "set", "-p", "other")
        if ended.code != 2 or time.monotonic() - began > 5:
            yield f"without a terminal: {ended}"


@row("L10", "Ctrl-C at the prompt has chosen the keyring for ever")
def interrupted_choice(bench):
    if not keyring.there():
        raise Skipped("there is no gnome-keyring here")
    held = keyring.Keyring()
    try:
        for how in ("Ctrl-C", "SIGTERM", "an empty answer"):
            with bench.place(bare=True) as place:
                place.environment["DBUS_SESSION_BUS_ADDRESS"] = held.address
                with Terminal(place, *place.setting(1)[0][:-1]) as terminal:
                    terminal.hides()
                    terminal.type("\n" if how == "an empty answer" else "\x03" if how == "Ctrl-C" else "")
                    if how == "SIGTERM":
                        terminal.process.send_signal(signal.SIGTERM)
                    terminal.ends()
                ended = place.run("init", "--backend", "file")
                if ended.code != 0:
                    yield f"{how}: {terminal}; then init --backend file: {ended}"
        with bench.answered(granted(), bare=True) as server, Place(bench.program, server.issuer, bare=True) as place:
            place.environment["DBUS_SESSION_BUS_ADDRESS"] = held.address
            place.set(1)
            if (get := place.get()).code:
                yield f"with a secret the keyring is not chosen: {get}"
    finally:
        held.close()
