"""Private keys that do not sign, and keyrings that are not there."""

import base64
import socket
import subprocess

from faulting import keyring
from faulting.answering import certificate, granted, openssl
from faulting.issuer import secret
from faulting.place import Place
from faulting.row import Skipped, row
from faulting.rows_users_prompt import keyed

COLLECTION = "/org/freedesktop/secrets/collection/login"


@row("R11", "a key that cannot sign is stored, and later none of its kinds is named")
def keys_that_do_not_sign(bench):
    with bench.answered(granted(), bare=True) as place:
        place.must("init", "--backend", "file")
        pem = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        given = pem.encode()
        body = base64.b64encode(bytes(300)).decode()
        for what, text, named in (
            ("encrypted", openssl("pkcs8", "-topk8", "-passout", "pass:x", stdin=given), "encrypted"),
            ("public", openssl("pkey", "-pubout", stdin=given), "public"),
            ("RSA of 1024 bits", openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"), "2048"),
            ("P-384", openssl("ecparam", "-genkey", "-noout", "-name", "secp384r1"), "P-256"),
            ("a certificate", certificate(place.root)[0].read_text(), "certificate"),
            ("OpenSSH", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH"),
            ("cut", "\n".join(pem.splitlines()[:5]), "cut"),
            ("a password", secret(1), "no private key"),
        ):
            ended = place.run(*keyed(place.issuer.token_url), "--secret-stdin", stdin=text.encode())
            if ended.code != 2 or named.lower() not in ended.err.lower():
                yield f"{what}: {ended}"
        for what, text in (("as it is", pem), ("with \\n in words", pem.strip().replace("\n", "\\n")),
                           ("indented", "".join(f"    {line}\n" for line in pem.splitlines())),
                           ("with a mark and CR", "\ufeff" + pem.replace("\n", "\r\n"))):
            ended = place.run(*keyed(place.issuer.token_url), "--secret-stdin", "--replace", stdin=text.encode())
            get = place.run("token", "get", "-p", "k", "--refresh")
            if ended.code or get.code:
                yield f"{what}: {ended}; then token get: {get}"


class Held:
    """A place whose secrets are in a keyring of its own."""

    def __init__(self, bench, issuer, **how):
        if not keyring.there():
            raise Skipped("there is no gnome-keyring here")
        self.keyring = keyring.Keyring(**how)
        self.place = Place(bench.program, issuer, bare=True)
        self.place.environment["DBUS_SESSION_BUS_ADDRESS"] = self.keyring.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keyring.close()
        self.place.__exit__()

    def call(self, method, *arguments):
        """Calls the Secret Service."""
        to = ["--dest", keyring.NAME, "--object-path", "/org/freedesktop/secrets"]
        command = ["gdbus", "call", "--session", *to, "--method", f"org.freedesktop.Secret.Service.{method}", *arguments]
        subprocess.run(command, env=self.keyring.environment, capture_output=True, check=True, timeout=30)


@row("R41", "a stale DBUS_SESSION_BUS_ADDRESS (tmux) is a user without a Secret Service")
def stale_bus(bench):
    with bench.place(bare=True) as server, Held(bench, server.issuer) as held:
        place = held.place
        place.must("init", "--backend", "keyring")
        place.set(1, must=True)
        place.run("lock")
        dead = place.root / "bus"
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(dead))
        fresh = {"TOKENKEEP_DATA_DIR": str(place.root / "fresh"), "TOKENKEEP_CONFIG_DIR": str(place.root / "new")}
        commands = {"token get": (["token", "get", "-p", "p", "--refresh"], {}), "set": (place.setting(1, profile="q")[0], {}),
                    "the first init": (["init", "--backend", "keyring"], fresh), "the first set": (place.setting(1)[0], fresh)}
        for address in ("unix:path=/nonexistent/bus", f"unix:path={dead}", f"unix:path={dead},guid=0123456789abcdef"):
            for what, (command, more) in commands.items():
                ended = place.run(*command, stdin=secret(1).encode(), environment={"DBUS_SESSION_BUS_ADDRESS": address, **more})
                if ended.code != 8 or "DBUS_SESSION_BUS_ADDRESS" not in ended.err:
                    yield f"{address}, {what}: {ended}"


@row("L5", "hints for a keyring that is locked or absent name the command that just failed")
def locked_or_absent(bench):
    with bench.place(bare=True) as server, Held(bench, server.issuer) as held:
        place = held.place
        place.must("init", "--backend", "keyring")
        place.set(1, must=True)
        commands = {"token get": ["token", "get", "-p", "p", "--refresh"], "init --move": ["init", "--backend", "file", "--move"],
                    "credentials set": place.setting(1, profile="q")[0]}
        for state, environment in (("no bus", {"DBUS_SESSION_BUS_ADDRESS": None}), ("locked", {})):
            place.run("lock")
            if state == "locked":
                held.call("Lock", f"[objectpath '{COLLECTION}']")
            for what, command in commands.items():
                ended = place.run(*command, stdin=secret(1).encode(), environment=environment)
                helps = "session" in ended.hint and ("unlock" in ended.hint or state != "locked")
                if ended.code != 8 or not helps:
                    yield f"{state}, {what}: {ended}"


@row("L16", "`no Secret Service` is said though there is one, without a collection to keep secrets in")
def no_collection(bench):
    with bench.place(bare=True) as server, Held(bench, server.issuer, unlocked=False) as held:
        for command in (["init", "--backend", "keyring"], held.place.setting(1)[0]):
            ended = held.place.run(*command, stdin=secret(1).encode())
            if ended.code != 8 or "collection" not in ended.err and "default keyring" not in ended.err:
                yield f"{command[0]}: {ended}"
