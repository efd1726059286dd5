"""What is printed: secrets, terminal escapes, wrong hints; and the smaller faults."""

import gzip
import json
import os
import re

from faulting.injector import Injection
from faulting.issuer import secret
from faulting.row import generation, lost, row
from faulting.rows_keeping import Fresh


@row("D13", "an access token that the issuer repeats in another field is printed on stderr")
def repeated_token(bench):
    shapes = {
        "scope": lambda t: {"scope": t},
        "scope among others": lambda t: {"scope": f"a {t} b"},
        "token_type": lambda t: {"token_type": t},
        "scope, escaped": lambda t: {"scope": t.replace("t", "%74")},
        "scope, half of it": lambda t: {"scope": t[: len(t) - 3]},
        "the secret in scope": lambda t: {"scope": secret(1)},
    }
    for name, change in shapes.items():
        for arguments in ([], ["--json"], ["-vv"]):
            issued = []

            def answer(request, body, change=change, issued=issued):
                # Long enough to be taken for a token by its looks, too.
                body["access_token"] = "tk" + body["access_token"] + "0123456789abcdefghij"
                issued.append(body["access_token"])
                return body | change(body["access_token"])

            with bench.place(answer=answer) as place:
                place.set(1, more=["--scope", "a b c"], must=True)
                ended = place.get(*arguments)
                for text in [*issued, secret(1)]:
                    if text in ended.err or text[: len(text) - 3] in ended.err:
                        yield f"{name}: on stderr of get {' '.join(arguments)}"
                if secret(1) in ended.out:
                    yield f"{name}: on stdout of get {' '.join(arguments)}"


UGLY = "\x1b[31m\n\u0085\u009b\u202e\u200e\u200f\u061c\u2066"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@row("D17", "terminal escapes and bidirectional controls get to the terminal and into JSON")
def escapes(bench):
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in UGLY)
    commands = (["token", "get", "-p", "p", "--refresh"], ["doctor"], ["credentials", "list"], ["credentials", "show", "-p", "p"],
                ["token", "list"], ["stats"])
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        arguments, _ = place.setting(1, more=["--secret-at-fetch", "env:NAME"])
        arguments.remove("--secret-stdin")
        place.must(*arguments)
        place.profile_text(lambda text: text.replace("NAME", f"X{escaped}").replace("'X", '"X'))
        yield from raw(place, commands, "the name of a variable")
    for field in ("audience", "scopes", "resources", "probe_url", "client_id"):
        with bench.place() as place:
            value = f'"x{escaped}"' if field not in ("scopes", "resources") else f'["x{escaped}"]'
            place.profile_text(lambda text: re.sub(rf"(?m)^{field} = .*\n", "", text).replace(
                "client_id =", f"{field} = {value}\nclient_id =", 1) if field != "client_id"
                else re.sub(r"(?m)^client_id = .*$", lambda _: f"client_id = {value}", text))
            yield from raw(place, commands, field)
    for field in ("scope", "token_type"):
        with bench.place(answer=lambda request, body: body | {field: f"a{UGLY}b"}) as place:
            place.set(1, more=["--scope", "a b"], must=True)
            yield from raw(place, commands, f"{field} of the issuer")
    with bench.place(answer=lambda *_: (400, {}, b'{"error":"x","error_description":"a\\u001b[31m\\u200e\\u009bb"}')) as place:
        yield from raw(place, commands, "error_description")


def raw(place, commands, what):
    for command in commands:
        for more in ([], ["--json"]):
            ended = place.run(*command, *more)
            for stream, text in (("stdout", ended.out), ("stderr", ended.err)):
                if found := RAW.search(text):
                    yield f"{what}: U+{ord(found[0]):04X} on {stream} of {' '.join(command[:2] + more)}"


@row("D22", "a flipped bit in the version of a record: it is never cached again")
def flipped_version(bench):
    for at in range(0, 9):
        for bit in (0x80, 0x01, 0x02):
            with bench.place() as place:
                place.must("token", "get", "-p", "p")
                record = next((place.data / "tokens").iterdir())
                content = bytearray(record.read_bytes())
                content[at] ^= bit
                record.write_bytes(content)
                before = place.issuer.count
                gets = [place.get() for _ in range(3)]
                if any(get.code for get in gets):
                    yield f"byte {at} ^ {bit:#x}: {gets[0]}"
                if place.issuer.count - before > 1:
                    yield f"byte {at} ^ {bit:#x}: 3 gets made {place.issuer.count - before} requests"
                content[at] ^= 0
                record.write_bytes(content)
                place.run("token", "forget", "-p", "p")
                if left := place.files("tokens"):
                    yield f"byte {at} ^ {bit:#x}: forget leaves {len(left)} record(s)"


@row("D28", "smaller ones: a hard link for ledger.db-wal, a fleet key's file that stays, wrong or missing words")
def smaller(bench):
    yield from linked_ledger(bench)
    yield from fleet_key_file(bench)
    yield from lasting_fault(bench)
    yield from key_out_of_reach(bench)
    yield from network_words(bench)
    yield from coded_twice(bench)
    yield from small_stack(bench)


def linked_ledger(bench):
    written = b"what the user wrote"
    for name in ("ledger.db-wal", "ledger.db-shm", "ledger.db-journal", "ledger.db", "ledger.lock"):
        with bench.place() as place:
            place.must("token", "get", "-p", "p")
            folder = next(place.data.glob("**/ledger.db")).parent
            victim = place.root / "victim"
            victim.write_bytes(written)
            (folder / name).unlink(missing_ok=True)
            os.link(victim, folder / name)
            for command in (["token", "get", "-p", "p", "--refresh"], ["stats"], ["doctor"]):
                place.run(*command)
            if victim.read_bytes() != written:
                yield f"{name} as a hard link: the other file was overwritten"


def fleet_key_file(bench):
    with bench.place() as place:
        target = place.root / "fleet-key"
        command = bench.program.fleet("key", "new", target)
        for error in ("after:EIO", "fail:EIO"):
            number = 0
            while True:
                number += 1
                with Fresh(place):
                    target.unlink(missing_ok=True)
                    injection = Injection(error, number, "unlink,unlinkat,fsync,fdatasync,close")
                    ended = place.run(*command, under=injection.under)
                    if injection.hit is None:
                        break
                    again = place.run(*command)
                    # Either what failed left no file, or the key in it is kept here and the other command says so.
                    if ended.code != 0 and again.code != 0:
                        yield f"fleet key new with {error} at {injection.hit}: {ended}; then again: {again}"
            target.unlink(missing_ok=True)


def lasting_fault(bench):
    with bench.place() as place:
        arguments, stdin = place.setting(2)
        # Before this the program's libraries are loaded.
        number = 30
        while True:
            number += 1
            with Fresh(place):
                injection = Injection("from:EIO", number, "files")
                ended = place.run(*arguments, stdin=stdin, under=injection.under)
                if injection.hit is None:
                    return
                get = place.get("--refresh")
                if generation(get.out) not in (1, 2):
                    yield f"set under EIO from {injection.hit} on (exit {ended.code}): {get}"
                elif ended.code != 0 and generation(get.out) == 2 and "as it was" in ended.err:
                    yield f"set under EIO from {injection.hit} on: the message says that the old credential is as it was"


def key_out_of_reach(bench):
    with bench.place() as place:
        key = place.config / "key"
        key.rename(place.root / "key")
        ended = place.set(2)
        if ended.code == 2 or "is needed" in ended.err:
            yield f"set without the key file: {ended}"
        (place.root / "key").rename(key)
        yield from lost(place, "set without the key file")


def network_words(bench):
    with bench.place() as place:
        garbage = place.root / "ca.pem"
        arguments = ["credentials", "set", "-p", "q", "--client-id", "c", "--token-url", "https://127.0.0.1:9/token",
                     "--secret-stdin"]
        for content in ("no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""):
            garbage.write_text(content)
            # A set that refuses the file is as good as a get that names it.
            ended = place.run(*arguments, "--ca-file", garbage, stdin=secret(1).encode())
            if ended.code == 0:
                ended = place.run("token", "get", "-p", "q")
            if ended.code == 0 or "ca-certificates" in ended.err or not re.search("ca.pem|CA file", ended.err):
                yield f"a CA file of garbage: {ended}"
        # Loopback never goes through a proxy, so the issuer has a name that nothing resolves.
        named = [word.replace("127.0.0.1:9", "issuer.invalid") for word in arguments[4:]]
        place.must(*arguments[:2], "-p", "r", *named, stdin=secret(1).encode())
        for proxy in ("garbage://x", "socks5://127.0.0.1:9", "http://", "://"):
            ended = place.run("token", "get", "-p", "r", environment={"HTTPS_PROXY": proxy})
            if "proxy" not in ended.err.lower():
                yield f"HTTPS_PROXY={proxy}: {ended}"


def coded_twice(bench):



    for first, second in (("identity", "gzip"), ("gzip", "identity"), ("gzip", "gzip")):
        def answer(request, body, first=first, second=second):
            coded = gzip.compress(json.dumps(body).encode())
            return 200, [("Content-Encoding", first), ("Content-Encoding", second)], coded

        with bench.place(answer=answer) as place:
            ended = place.get()
            if ended.code not in (0, 7) or ended.code == 7 and "ncod" not in ended.err and "compress" not in ended.err:
                yield f"Content-Encoding {first} and {second}: {ended}"


def small_stack(bench):
    with bench.place() as place:
        for size in (64, 128, 256, 512):
            for command in (["token", "get", "-p", "p", "--refresh"], ["rekey"], ["doctor"]):
                place.shell(f'ulimit -s {size}; exec "$@"', arguments=command)
                yield from lost(place, f"{command[0]} with ulimit -s {size}")
