"""The ledger: what must not lose it, and what it must not hold up."""

import json
import sqlite3
import time

from faulting.injector import Injection
from faulting.place import finish
from faulting.row import generation, row
from faulting.rows_keeping import Fresh, wait_for


def ledger(place):
    return next(iter(place.data.glob("**/ledger.db")))


def counted(place, **how):
    """How many requests `stats` sums up."""
    ended = place.run("stats", "--json", **how)
    if ended.code != 0:
        raise RuntimeError(f"stats: {ended}")
    return sum(numbers(json.loads(ended.out)))


def numbers(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "requests" and isinstance(inner, int):
                yield inner
            else:
                yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)


@row("D15", "one failing read puts the whole history aside; one clock that is ahead erases it")
def history(bench):
    for error in ("EIO", "EINTR", "ENOMEM"):
        with bench.place() as place:
            for _ in range(3):
                place.must("token", "get", "-p", "p", "--refresh")
            number = 0
            while True:
                number += 1
                with Fresh(place):
                    found = spoil(place, error, number)
                    if found is None:
                        break
                    injection, ended = found
                    if "ledger_quarantined" in ended.err or list(place.data.glob("**/ledger.db.damaged*")):
                        yield f"{error} at {injection.hit}: the ledger is put aside"
    with bench.place() as place:
        for _ in range(25):
            place.must("token", "get", "-p", "p", "--refresh")
        before = counted(place)
        place.get("--refresh", under=["faketime", "-f", "+2y"])
        for _ in range(3):
            place.must("token", "get", "-p", "p", "--refresh")
        after = counted(place, under=["faketime", "-f", "+2y"]), counted(place)
        if before < 25 or max(after) < before:
            yield f"of {before} requests {max(after)} are left after one fetch under a clock two years ahead"


def spoil(place, error, number):
    injection = Injection(f"fail:{error}", number, "pread64")
    ended = place.get("--refresh", under=injection.under)
    return (injection, ended) if injection.hit else None


@row("D16", "a hostile ledger holds up token get without an end, and makes stats panic")
def hostile(bench):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with bench.place() as place:
        place.must("token", "get", "-p", "p")
        place.must("stats")
        with sqlite3.connect(ledger(place)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if not table.startswith("sqlite_"):
                    database.execute(f"CREATE TRIGGER t_{table} AFTER INSERT ON {table} BEGIN {endless}; END")
        ended = place.get("--refresh", limit=20)
        if ended.code != 0 or ended.seconds > 15:
            yield f"a trigger without an end: exit {ended.code} after {ended.seconds:.0f} s"
        ended = place.run("stats", limit=20)
        if ended.code in (1, 124):
            yield f"stats beside it: {ended}"
    with bench.place() as place:
        place.must("token", "get", "-p", "p")
        place.must("stats")
        with sqlite3.connect(ledger(place)) as database:
            for (table,) in list(database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")):
                for column in database.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall():
                    if column[0] == "profile":
                        database.execute(f"UPDATE {table} SET profile = ?", ("x" * 70_000,))
        ended = place.run("stats", "--since", "30d")
        if ended.code not in (0, 3, 9) or "panic" in ended.err or "a bug" in ended.err:
            yield f"stats with a name of 70,000 characters: {ended}"


@row("D23", "a record that appears between two readings counts as a jump of the clock")
def no_jump(bench):
    for number in range(1, 8):
        with bench.place() as place:
            place.must("token", "get", "-p", "p")
            injection = Injection("stop:1600", number, "open,openat", "tokens")
            held = place.start("token", "get", "-p", "p", "--refresh", under=injection.under)
            wait_for(lambda: injection.hit or held.poll() is not None)
            time.sleep(1.1)
            place.must("token", "get", "-p", "p", "--refresh")
            ended = finish(held)
            if injection.hit is None:
                break
            if "clock_jump" in ended.err:
                yield f"held at {injection.hit}: {ended.err.strip().splitlines()[0]}"
            if ended.code != 0 or generation(ended.out) != 1:
                yield f"held at {injection.hit}: {ended}"
