"""A herd: many processes that want a token at once, for `scripts/herd` and `scripts/bench`."""

import os
import pathlib
import signal
import statistics
import sys
import time

from benching import chart
from benching.home import SECRET, Home
from benching.section import Section, Target

LATENCY = 0.5
ALLOWED = 0.06
# How much longer than as many /bin/true a warm herd may take.
WARM = 1.3

TEXT = f"""
Processes started one after the other without waiting, and the time until the last has ended. The issuer answers a token
request after {LATENCY * 1000:.0f} ms. A cold herd may take that, the time of as many `/bin/true`, and {ALLOWED * 1000:.0f} ms; a warm one {WARM} times
as long as `/bin/true`. In every round all tokens of a herd are the same, and the issuer counts
1 request (cold), 2 (one killed while it asked; the time is from the kill on) and 1 (wrong secret).
"""


def measure(bench, size=None, rounds=None):
    size = size or (50 if bench.quick else 200)
    rounds = rounds or bench.rounds(7, 3)
    half = size // 2
    issuer = bench.issuer(int(LATENCY * 1000))
    herd = Herd(Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url), issuer, size)
    true = f"{size} x /bin/true"
    cold = lambda true: LATENCY + true + ALLOWED
    cases = [
        (true, herd.trues, None),
        (f"{size} cold", herd.cold, cold),
        # From the kill on: what was waited for until then is lost.
        (f"{size} cold, from the kill of one on", herd.killed, cold),
        (f"{half} with a wrong secret", herd.wrong, lambda true: LATENCY + true / 2 + ALLOWED),
        (f"{size} warm", herd.warm, lambda true: WARM * true),
    ]
    times = {name: [] for name, _, _ in cases}
    for _ in range(rounds):
        # In turns, so that what else the machine does falls on all alike.
        for name, case, _ in cases:
            times[name].append(case())
    return section(cases, times, statistics.median(times[true]), rounds)


def section(cases, times, true, rounds):
    rows, targets = [], []
    median = {name: statistics.median(taken) for name, taken in times.items()}
    for name, _, allowed in cases:
        bound = f"{allowed(true) * 1000:.1f}" if allowed else "–"
        spread = f"{min(times[name]) * 1000:.1f} – {max(times[name]) * 1000:.1f}"
        rows.append([name, f"{median[name] * 1000:.1f}", spread, bound])
        if allowed:
            targets.append(Target(name, median[name] * 1000, round(allowed(true) * 1000, 1), " ms"))
    bars = [
        chart.Bar(name, median[name] * 1e6, f"{median[name] * 1000:.0f} ms", "true" not in name) for name in median
    ]
    line = (LATENCY * 1e6, "the issuer's latency")
    return Section(
        name="herd",
        title="A herd: many processes at once",
        text=TEXT,
        header=["case", "median, ms", "least – most, ms", "allowed, ms"],
        rows=rows,
        targets=targets,
        charts={"herd.svg": chart.bars("Until the last of a herd has its token", "median", bars, line=line)},
        rounds=f"{rounds} rounds",
    )


class Herd:
    """One home, one issuer, and many processes."""

    def __init__(self, home, issuer, size):
        self.home, self.issuer, self.size = home, issuer, size
        self.get = [home.tokenkeep, "token", "get"]

    def start_cold(self):
        self.home.tell("token", "forget", "--all")
        self.issuer.forget()

    def trues(self):
        return timed(lambda: wait(spawn(["/bin/true"], self.home.environment, self.size)))[0]

    def cold(self):
        self.start_cold()
        return self.one_token(lambda: wait(spawn(self.get, self.home.environment, self.size)), 1)

    def warm(self):
        self.home.tell("token", "get")
        return self.one_token(lambda: wait(spawn(self.get, self.home.environment, self.size)), None)

    def killed(self, tries=3):
        self.start_cold()
        started = spawn(self.get, self.home.environment, self.size)
        self.issuer.wait_for_a_request()
        fetching = holder(self.home)
        if fetching not in started:
            # On a busy machine its answer may have come before it was found.
            wait(started)
            expect(tries > 1, "somebody holds the turn while the issuer is asked")
            return self.killed(tries - 1)

        def herd():
            os.kill(fetching, signal.SIGKILL)
            ended = wait(started)
            status, _ = ended.pop(fetching)
            expect(status == -signal.SIGKILL, "the fetching process was killed")
            return ended

        return self.one_token(herd, 2)

    def wrong(self):
        self.home.set(self.issuer.token_url, secret="a-wrong-secret")
        self.issuer.forget()
        try:
            took, ended = timed(lambda: wait(spawn(self.get, self.home.environment, self.size // 2)))
            expect(all(status == 4 for status, _ in ended.values()), "all end with exit code 4")
            expect(self.issuer.count() == 1, "the wrong secret is tried once")
        finally:
            self.home.set(self.issuer.token_url, secret=SECRET)
        return took

    def one_token(self, herd, requests):
        took, ended = timed(herd)
        expect(all(status == 0 for status, _ in ended.values()), "all end with exit code 0")
        tokens = {output for _, output in ended.values()}
        expect(len(tokens) == 1 and b"" not in tokens, "all have the same token")
        if requests is not None:
            expect(self.issuer.count() == requests, f"the issuer counts {requests}")
        return took


def timed(work):
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def spawn(command, environment, count):
    """Starts processes, each with a file of its own for stdout: nobody waits for a reader. Returns pid -> file."""
    null = os.open(os.devnull, os.O_RDWR)
    started = {}
    for _ in range(count):
        output = os.memfd_create("stdout")
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
        started[os.posix_spawn(command[0], command, environment, file_actions=actions)] = output
    os.close(null)
    return started


def wait(started):
    """Waits for the end of all. Returns pid -> (exit code or -signal, stdout)."""
    ended = {pid: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started}
    return {pid: (status, content(started[pid])) for pid, status in ended.items()}


def content(descriptor):
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def holder(home, looks=20):
    """The process that holds a turn: by the inodes of the lock files, in the kernel's table. None where nobody does."""
    inodes = {str(lock.stat().st_ino) for lock in (home.data / "locks").iterdir() if len(lock.name) == 64}
    # The table is no snapshot: while others come and go, a line may be passed over.
    for _ in range(looks):
        for line in pathlib.Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[3] == "WRITE" and words[5].split(":")[-1] in inodes:
                return int(words[4])
    return None


def expect(holds, what):
    if not holds:
        sys.exit(f"herd: it does not hold that {what}")
