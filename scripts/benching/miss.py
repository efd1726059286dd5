"""The miss: what `token get` takes beyond the issuer's own time when it has to ask."""

import pathlib
import re
import shutil
import subprocess

from benching import chart
from benching.home import Home
from benching.section import Section, Target
from benching.stopwatch import Unfit, duration, in_turns, number

LATENCY_MS = 100
ALLOWED_MS = 20

TEXT = f"""
`token get --refresh`, complete command, with a loopback issuer: the lock, the request, sealing and writing the new
token included. The issuer waits 0 or {LATENCY_MS} ms before it answers; "over" is the command's time less that wait.
https is for information: the same with a certificate of a test authority (`--ca-file`), a TLS handshake included.
"""


def measure(bench):
    cases = [("http, 0 ms", 0, False), (f"http, {LATENCY_MS} ms", LATENCY_MS, False)]
    cases += [("https, 0 ms", 0, True), (f"https, {LATENCY_MS} ms", LATENCY_MS, True)]
    candidates, waits, issuers = [bench.true()], {"/bin/true": 0}, {}
    for name, latency, tls in cases:
        issuer = bench.issuer(latency, tls)
        home = Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url, issuer.ca)
        candidate = home.get(name, "--refresh")
        candidate.prove()
        candidates.append(candidate)
        waits[name], issuers[name] = latency, (issuer, issuer.count())
    rounds = bench.rounds(60, 10)
    figures = in_turns(candidates, rounds)
    for name, (issuer, before) in issuers.items():
        if issuer.count() - before != rounds:
            raise SystemExit(f"bench: {name}: {rounds} refreshes made {issuer.count() - before} requests")
    over = {name: figure.less(waits[name] * 1000) for name, figure in figures.items()}
    rows = [
        [name, number(figures[name].median), number(over[name].median), over[name].spread()] for name in figures
    ]
    targets = [
        Target(f"{name}: over the issuer's latency", over[name].median / 1000, ALLOWED_MS, " ms")
        for name, _, tls in cases
        if not tls
    ]
    opened, note = ca_files(bench)
    if opened is not None:
        targets.append(Target("files of authorities opened by a miss over http", len(opened), 0))
    bars = [
        chart.Bar(name, figure.median, duration(figure.median), name != "/bin/true")
        for name, figure in over.items()
    ]
    picture = chart.bars("A fresh token, less the issuer's latency", "median of complete commands", bars)
    return Section(
        name="miss",
        title="A miss, beyond the issuer's latency",
        text=TEXT,
        header=["issuer", "median, µs", "over, µs", "p10 – p90 over, µs"],
        rows=rows,
        targets=targets,
        notes=[note],
        charts={"miss.svg": picture},
        rounds=f"{rounds} rounds",
    )


def ca_files(bench):
    """Which files of authorities a miss opens: over https it must, or this search sees nothing."""
    try:
        bench.packages("strace", "/etc/ssl/certs/ca-certificates.crt=ca-certificates")
        over_http = opened(bench, bench.issuer(), 0)
        # Without --ca-file: the system's roots are read, and do not know the test authority.
        over_https = opened(bench, bench.issuer(tls=True), 6)
    except (Unfit, RuntimeError) as why:
        return None, f"Which files a miss opens was not looked at: {why}."
    if not over_https:
        return None, "Which files a miss opens was not looked at: strace shows no roots being read over https either."
    return over_http, (
        f"Seen by strace: a miss over http opens {len(over_http)} files of authorities; "
        f"one over https, without `--ca-file`, opens {len(over_https)}."
    )


def opened(bench, issuer, code):
    """The files of authorities that a miss opens, by name."""
    folder = bench.folder("strace")
    home = Home(bench.tokenkeep, folder / "home").with_key_file(issuer.token_url)
    trace = folder / "trace"
    command = [shutil.which("strace"), "-f", "-e", "trace=open,openat,openat2", "-o", trace, home.tokenkeep]
    ended = subprocess.run([*command, "token", "get", "--refresh"], env=home.environment, capture_output=True)
    if ended.returncode != code:
        raise Unfit(f"under strace it ended with {ended.returncode}")
    names = re.findall(r'open(?:at2?)?\([^"\n]*"([^"]+)"[^\n]* = \d', pathlib.Path(trace).read_text())
    return sorted({name for name in names if re.search(r"^/etc/(ssl|pki|ca-)|\.(pem|crt)$", name)})
