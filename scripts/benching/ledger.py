"""The ledger: what `stats` takes over a year of requests."""

import json
import os
import pathlib
import re
import sqlite3
import time

from benching import chart
from benching.growth import home
from benching.section import Section, Target
from benching.stopwatch import in_turns, number

PROFILES, DAYS = 1_000, 365
ALLOWED_MS = 200
HOUR_MS = 3_600_000

TEXT = f"""
A ledger of {PROFILES:,} profiles that asked once an hour for a year, {PROFILES * DAYS * 24 / 1e6:.2f} million lines, made as `migrations/` has it:
latencies of 30 to 300 ms, one request in 200 a failure. Complete commands. The whole year is for information, and so is
a fresh token (a loopback issuer that does not wait) beside one with an empty ledger: each request adds a line.
"""


def measure(bench):
    issuer = bench.issuer()
    empty, full = home(bench, issuer, 1), home(bench, issuer, 1)
    profiles = PROFILES // 10 if bench.quick else PROFILES
    began = time.monotonic()
    lines, sums = fill(full.data / "ledger.db", profiles, DAYS)
    size = (full.data / "ledger.db").stat().st_size
    os.sync()
    print(f"filled {lines:,} lines in {time.monotonic() - began:.0f} s", flush=True)
    cases = {
        "stats": ["stats"],
        "stats --since 30d": ["stats", "--since", "30d"],
        "stats -p p0 --since 30d": ["stats", "-p", "p0", "--since", "30d"],
        f"stats --since {DAYS}d": ["stats", "--since", f"{DAYS}d"],
    }
    candidates = [bench.true(), empty.get("fresh, an empty ledger", "-p", "p0", "--refresh")]
    candidates.append(full.get("fresh, a year's ledger", "-p", "p0", "--refresh"))
    for name, arguments in cases.items():
        candidate = full.get(name)
        candidate.command = [full.tokenkeep, *arguments]
        candidates.append(candidate)
    for candidate in candidates:
        candidate.prove()
    counted = json.loads(full.tell("--json", "stats", "--since", f"{DAYS}d"))["requests"]
    # Those of the first hour grow too old meanwhile, and some were added.
    if abs(counted - lines) > profiles:
        raise SystemExit(f"bench: stats counts {counted:,} of {lines:,} requests")
    rounds = bench.rounds(12, 5)
    figures = in_turns(candidates, rounds)
    rows = [[name, number(figure.median / 1000), spread(figure)] for name, figure in figures.items()]
    bars = [
        chart.Bar(name, figures[name].median, f"{number(figures[name].median / 1000)} ms", True) for name in cases
    ]
    title = f"Statistics of {lines / 1e6:.2f} million requests"
    return Section(
        name="ledger",
        title="A year's ledger",
        text=TEXT,
        header=["command", "median, ms", "p10 – p90, ms"],
        rows=rows,
        targets=[
            Target(name, figures[name].median / 1000, ALLOWED_MS, " ms") for name in ("stats", "stats --since 30d")
        ],
        notes=[f"The ledger held {lines:,} lines and {sums:,} sums by day, in {size / 1e6:,.0f} MB."],
        charts={"ledger.svg": chart.bars(title, "median of complete commands", bars)},
        rounds=f"{rounds} rounds",
    )


def spread(figure):
    return f"{number(figure.p10 / 1000)} – {number(figure.p90 / 1000)}"


def fill(path, profiles, days):
    """Makes a ledger as tokenkeep's own migrations make it; returns its lines, and its sums by day."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(path, isolation_level=None)
    migrations = sorted(pathlib.Path("migrations").glob("*.sql"))
    for migration in migrations:
        database.executescript(migration.read_text())
    database.execute(f"PRAGMA user_version = {len(migrations)}")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -200000")
    trigger, counted = trigger_of(database)
    database.execute("BEGIN")
    # Millions of lines one by one through the trigger take minutes: the sums are made of the lines afterwards, by the
    # trigger's own expression.
    database.execute("DROP TRIGGER request_counted")
    hours = days * 24
    first = int(time.time() * 1000) - hours * HOUR_MS
    database.execute(
        """WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?)
        INSERT INTO series SELECT n + 1, 'p' || n, randomblob(32), 'token', 'tokenkeep' FROM n""",
        [profiles],
    )
    database.execute(
        """WITH RECURSIVE n (n, dice) AS (
            SELECT 0, random() UNION ALL SELECT n + 1, random() FROM n WHERE n + 1 < :lines)
        INSERT INTO request (id, series, outcome, http_status, latency_ms, lifetime_s, pid)
        SELECT ((:first + n / :profiles * :hour + n % :profiles * :hour / :profiles) << 20) | (dice & 1048575),
            n % :profiles + 1,
            iif((dice >> 20) % 200 = 0, 'server_error', 'granted'),
            iif((dice >> 20) % 200 = 0, 503, 200),
            30 + abs((dice >> 30) % 136) + abs((dice >> 40) % 136),
            iif((dice >> 20) % 200 = 0, NULL, 3600),
            1000 + (dice >> 50 & 8191)
        FROM n""",
        {"lines": profiles * hours, "first": first, "hour": HOUR_MS, "profiles": profiles},
    )
    database.execute(
        f"""INSERT INTO daily (day, profile, outcome, latency_up_to, requests, latency_ms, latency_max)
        SELECT (request.id >> 20) / 86400000 AS day, series.profile, outcome, {counted} AS latency_up_to,
            count(*), sum(latency_ms), max(latency_ms)
        FROM request JOIN series ON series.id = request.series GROUP BY 1, 2, 3, 4"""
    )
    database.execute(trigger)
    database.execute("COMMIT")
    lines, summed, sums = database.execute(
        "SELECT (SELECT count(*) FROM request), (SELECT sum(requests) FROM daily), (SELECT count(*) FROM daily)"
    ).fetchone()
    database.close()
    if not lines == summed == profiles * hours:
        raise SystemExit(f"bench: the ledger was filled wrongly: {lines} lines, {summed} in sums")
    return lines, sums


def trigger_of(database):
    """The trigger that keeps the sums, as it was written, and in it the expression for a latency's bound."""
    (trigger,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'request_counted'").fetchone()
    return trigger, re.search(r"CASE.*?END", trigger, re.DOTALL)[0].replace("new.latency_ms", "request.latency_ms")
