"""Growth: what a warm and a fresh token take when there are many profiles, or many records."""

import hashlib
import os

from benching import chart
from benching.home import CLIENT, SECRET, Home
from benching.section import Section, Target
from benching.stopwatch import duration, in_turns, number

PROFILES, RECORDS = (1_000, 10_000), 100_000
FLAT = 1.10

TEXT = f"""
`token get -p NAME` with one profile and one record, and the same with {PROFILES[0]:,} and {PROFILES[1]:,} profiles, each with a secret
that is referenced as a file. The last has {RECORDS:,} records in `tokens/`, copies of a real one under other names.
Fresh: `token get -p NAME --refresh`, which writes a record, with a loopback issuer that does not wait. Flat means
within {(FLAT - 1) * 100:.0f} % of the first row of its kind.
"""

ONE = "1 profile, 1 record"


def measure(bench):
    issuer = bench.issuer()
    homes = {ONE: home(bench, issuer, 1)}
    sizes = (100, 1_000, 1_000) if bench.quick else (*PROFILES, RECORDS)
    for profiles in sizes[:2]:
        homes[f"{profiles:,} profiles"] = home(bench, issuer, profiles)
    many = f"{sizes[2]:,} records"
    homes[many] = home(bench, issuer, 1)
    copy_records(homes[many], sizes[2])
    # What was written here is not to be written out while others are timed.
    os.sync()
    warm = {name: home.get(f"warm, {name}", "-p", "p0") for name, home in homes.items()}
    fresh = {name: home.get(f"fresh, {name}", "-p", "p0", "--refresh") for name, home in homes.items()}
    for candidate in [*warm.values(), *fresh.values()]:
        candidate.prove()
    rounds = bench.rounds(150, 20)
    figures = in_turns([*warm.values(), *fresh.values()], rounds)
    rows, targets, bars = [], [], []
    for kind in (warm, fresh):
        base = figures[kind[ONE].name].median
        for name, candidate in kind.items():
            figure = figures[candidate.name]
            ratio = figure.median / base
            rows.append([candidate.name, number(figure.median), f"{ratio:.2f}", figure.spread()])
            bars.append(chart.Bar(candidate.name, figure.median, duration(figure.median), name != ONE))
            if name != ONE:
                targets.append(Target(f"{candidate.name}, beside one", ratio, FLAT, " ×"))
    chart_of_it = chart.bars("The same with a thousand times as much", "median of complete commands", bars)
    return Section(
        name="growth",
        title="Growth: many profiles, many records",
        text=TEXT,
        header=["case", "median, µs", "× one", "p10 – p90, µs"],
        rows=rows,
        targets=targets,
        charts={"growth.svg": chart_of_it},
        rounds=f"{rounds} rounds",
    )


def home(bench, issuer, profiles):
    """One whose profiles p0, p1 ... refer to a secret in a file; p0 has a token."""
    home = Home(bench.tokenkeep, bench.folder("home"))
    home.tell("init", "--backend", "file")
    secret = home.folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    folder = home.config / "profiles"
    folder.mkdir(mode=0o700, exist_ok=True)
    for index in range(profiles):
        (folder / f"p{index}.toml").write_text(
            f'client_id = "{CLIENT}"\ntoken_url = "{issuer.token_url}"\nsecret = {{ file = "{secret}" }}\n'
        )
    home.tell("token", "get", "-p", "p0")
    return home


def copy_records(home, count):
    tokens = home.data / "tokens"
    record = next(path for path in tokens.iterdir() if len(path.name) == 64).read_bytes()
    descriptor = os.open(tokens, os.O_DIRECTORY)
    for index in range(count):
        name = hashlib.sha256(index.to_bytes(4, "big")).hexdigest()
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=descriptor)
        os.write(file, record)
        os.close(file)
    os.close(descriptor)
