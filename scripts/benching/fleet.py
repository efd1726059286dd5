"""A cold host that finds the fleet's token: what `token get` takes beyond a connection and one round trip."""

import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

from benching import chart
from benching.home import Home
from benching.section import Section, Target
from benching.stopwatch import Figure, Unfit, duration, number, once

ALLOWED_MS = 10
USER, PASSWORD = "fleet", "the-password-of-a-loopback-store"
RIGHTS = "~tokenkeep/v1/* -@all +getrange +get +set +del +incr +pttl +pexpire +eval"

CERTIFICATES = {"cert": "store.pem", "key": "store.key", "ca-cert": "ca.pem"}

TEXT = """
`token get` on a host that has nothing cached, complete command, after another host has shared its token. It has
configuration, key, connection, TLS, login, one round trip, opening, keeping it here, printing. "Bare" is what a
connection, the handshake, the login and one question take by themselves, from a program that runs already (Python's
`ssl`, so OpenSSL); "over" is the rest.
"""


def measure(bench):
    try:
        bench.packages("redis-server", "openssl")
    except Unfit as why:
        raise SystemExit(f"bench: {why}") from why
    folder = bench.folder("store")
    certificates(folder)
    issuer = bench.issuer()
    rounds = bench.rounds(200, 20)
    rows, targets, bars = [], [], []
    for name, tls in [("redis://", False), ("rediss://, user and password", True)]:
        port = store(bench, folder, tls)
        home = host(bench, issuer, port, tls, folder)
        candidate = home.get(name)
        found, bare = in_turns(home, candidate, lambda: asked(port, tls, folder), rounds)
        over = found.less(bare.median)
        rows.append([name, number(found.median), number(bare.median), number(over.median), over.spread()])
        targets.append(Target(f"{name}: over a connection and one question", over.median / 1000, ALLOWED_MS, " ms"))
        bars += [
            chart.Bar(name, found.median, duration(found.median), True),
            chart.Bar(f"{name}: bare", bare.median, duration(bare.median), False),
        ]
    if issuer.count() != 2:
        raise SystemExit(f"bench: the issuer was asked {issuer.count()} times instead of once for each store")
    return Section(
        name="fleet",
        title="A cold host that finds the fleet's token",
        text=TEXT,
        header=["store", "median, µs", "bare, µs", "over, µs", "p10 – p90 over, µs"],
        rows=rows,
        targets=targets,
        charts={"fleet.svg": chart.bars("A token that another host has shared", "median of complete commands", bars)},
        rounds=f"{rounds} rounds",
    )


def in_turns(home, candidate, bare, rounds):
    """Times both in turn. Before each run the host forgets what it has, and what it has found is looked at once."""
    tokens = home.data / "tokens"
    shutil.rmtree(tokens, ignore_errors=True)
    if json.loads(home.tell("token", "get", "--json"))["source"] != "fleet":
        raise SystemExit("bench: a cold host did not find the token of the fleet")
    times, alone = [], []
    for _ in range(rounds):
        shutil.rmtree(tokens, ignore_errors=True)
        times.append(once(candidate))
        alone.append(bare())
    return Figure.of(times), Figure.of(alone)


def host(bench, issuer, port, tls, folder):
    """A host that finds the shared token: another one has fetched it."""
    fleet = f'[fleet]\nurl = "{"rediss" if tls else "redis"}://127.0.0.1:{port}"\nbudget = "5s"\n'
    if tls:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        fleet += f'ca_file = "{folder / "ca.pem"}"\nuser = "{USER}"\npassword = {{ file = "{folder / "password"}" }}\n'
    homes = [Home(bench.tokenkeep, bench.folder("host"), fleet).with_key_file(issuer.token_url) for _ in range(2)]
    for home in homes:
        home.tell("fleet", "key", "derive")
    homes[0].tell("token", "get")
    return homes[1]


def store(bench, folder, tls):
    """A server on a free port, which ends with the benchmark."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = ['save ""', "bind 127.0.0.1", f"dir {folder}", f"port {0 if tls else port}"]
    if tls:
        lines += [f"tls-port {port}", "tls-auth-clients no"]
        lines += [f"tls-{what}-file {folder / name}" for what, name in CERTIFICATES.items()]
        lines += [f"user {USER} on >{PASSWORD} resetkeys resetchannels {RIGHTS}", "user default off"]
    options = folder / f"{port}.conf"
    options.write_text("\n".join(lines) + "\n")
    server = bench.child([bench.which("redis-server"), str(options)], {}, stdin=False)
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return port
        except ConnectionRefusedError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("bench: redis-server does not start") from None
            time.sleep(0.01)


def asked(port, tls, folder):
    """How long a connection, the login and one question take."""
    context = ssl.create_default_context(cafile=folder / "ca.pem") if tls else None
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = context.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
        if tls:
            question(connection, ["AUTH", USER, PASSWORD])
        question(connection, ["GETRANGE", "tokenkeep/v1/{nothing}", "0", "262144"])
        took = time.perf_counter() - began
        if tls:
            connection.close()
    return took


def question(connection, words):
    parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
    connection.sendall("".join(parts).encode())
    said = connection.recv(4096)
    if said.startswith(b"-"):
        raise SystemExit(f"bench: the store answered {said[:40]!r}")


def certificates(folder):
    """An authority and a certificate of 127.0.0.1, both on P-256."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority of a benchmark")
    openssl("req", *key[:-2], "-keyout", "store.key", "-out", "store.csr", "-subj", "/CN=store")
    (pathlib.Path(folder) / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"]
    openssl("x509", "-req", "-in", "store.csr", *signing, "-out", "store.pem")
